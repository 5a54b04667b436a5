//! What outlives a watch that a bug ended: how long to wait before the next begins, and what its client had counted.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::analysis::sample::Cycle;

/// A bug that comes back in every cycle is tried again once a minute: each try asks the whole cluster anew.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A watch that lived so long has got over the bug before.
const LIVED: Duration = Duration::from_secs(600);

/// The bugs that ended one cluster's watch, one after another.
#[derive(Debug, Default)]
pub(super) struct Relapses {
    /// In a row.
    times: u32,
    reason: Option<String>,
}

impl Relapses {
    /// Takes another one; says how long to wait, and whether its reason is another than the last one's, which was told.
    pub(super) fn another(
        &mut self,
        reason: &str,
        lived: Duration,
        interval: Duration,
    ) -> (Duration, bool) {
        if lived >= LIVED {
            *self = Self::default();
        }
        let is_news = self.reason.as_deref() != Some(reason);
        self.reason = Some(reason.to_owned());
        // More doublings than lead from the shortest interval to the longest pause.
        let doubled = interval.saturating_mul(2_u32.pow(self.times.min(10)));
        self.times = self.times.saturating_add(1);
        (doubled.min(LONGEST_PAUSE).max(interval), is_news)
    }
}

/// Requests and errors over all lives of a watch: counters, which a client that starts over must not take back to 0. Its keys are
/// constants of the client: it can't grow without bound.
#[derive(Debug, Default)]
pub(super) struct Totals {
    requests: Counted<&'static str>,
    errors: Counted<(&'static str, &'static str)>,
}

/// What was counted by clients that are gone, and by the present one when it was last asked.
#[derive(Debug)]
struct Counted<K> {
    before: BTreeMap<K, u64>,
    now: BTreeMap<K, u64>,
}

impl<K> Default for Counted<K> {
    fn default() -> Self {
        Self {
            before: BTreeMap::new(),
            now: BTreeMap::new(),
        }
    }
}

impl Totals {
    /// Another client counts from 0.
    pub(super) fn start_over(&mut self) {
        self.requests.start_over();
        self.errors.start_over();
    }

    /// Puts what was counted before on top.
    pub(super) fn complete(&mut self, cycle: &mut Cycle) {
        self.requests.now = cycle.requests.iter().copied().collect();
        cycle.requests = self.requests.sums().collect();
        let errors = cycle.errors.iter();
        self.errors.now = errors.map(|(api, label, n)| ((*api, *label), *n)).collect();
        let errors = self.errors.sums();
        cycle.errors = errors.map(|((api, label), n)| (api, label, n)).collect();
    }
}

impl<K: Copy + Ord> Counted<K> {
    fn start_over(&mut self) {
        for (key, count) in std::mem::take(&mut self.now) {
            *self.before.entry(key).or_default() += count;
        }
    }

    fn sums(&self) -> impl Iterator<Item = (K, u64)> {
        let mut sums = self.before.clone();
        for (key, count) in &self.now {
            *sums.entry(*key).or_default() += count;
        }
        sums.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_that_comes_back_is_tried_ever_more_seldom_and_told_once() {
        let mut relapses = Relapses::default();
        let second = Duration::from_secs;
        // `(reason, lived s, pause s, told)`
        for (reason, lived, pause, told) in [
            ("a", 0, 10, true),
            ("a", 10, 20, false),
            ("a", 0, 40, false),
            ("b", 0, 60, true),
            ("b", 0, 60, false),
            ("b", 600, 10, true),
        ] {
            let another = relapses.another(reason, second(lived), second(10));
            assert_eq!(another, (second(pause), told), "{reason} after {lived} s");
        }
        let (pause, _) = Relapses::default().another("a", second(0), second(300));
        assert_eq!(pause, second(300), "not sooner than a tick");
    }

    #[test]
    fn counts_go_on_over_clients_that_start_over() {
        let mut totals = Totals::default();
        let mut of = |requests: u64, errors: u64| {
            let mut cycle = Cycle {
                requests: vec![("ListGroups", requests)],
                errors: vec![("ListGroups", "late", errors)],
                ..Cycle::default()
            };
            if requests == 1 {
                totals.start_over();
            }
            totals.complete(&mut cycle);
            (cycle.requests[0].1, cycle.errors[0].2)
        };
        let told = [of(1, 0), of(5, 2), of(1, 1), of(2, 1), of(1, 0)];
        assert_eq!(told, [(1, 0), (5, 2), (6, 3), (7, 3), (8, 3)]);
    }
}
