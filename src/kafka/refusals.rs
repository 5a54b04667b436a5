//! Says once that groups or partitions are refused, by Kafka or by our own bounds, and again when it comes back after a pause;
//! the metrics have the counts.

use std::collections::BTreeMap;

use super::error::is_refusal;
use super::settings::Settings;
use crate::analysis::sample::Cycle;

/// Cycles without a refusal after which the next one is news again. Of seldom questions those count in which they were asked:
/// a refusal every five minutes is the same one.
const QUIET_CYCLES: u32 = 6;

/// What was told so far. Its keys are constants of ours: it can't grow without bound.
#[derive(Default)]
pub(crate) struct Refusals {
    answers: BTreeMap<(&'static str, &'static str), Seen>,
    groups: Quiet,
    partitions: Quiet,
}

/// Totals when last looked.
#[derive(Default)]
struct Seen {
    refused: u64,
    asked: u64,
    quiet: Quiet,
}

/// Cycles since the last refusal; `None` = there was none yet.
#[derive(Default)]
struct Quiet(Option<u32>);

impl Quiet {
    /// Takes a cycle; says whether its refusal is news.
    fn is_news(&mut self, refused: bool) -> bool {
        let news = refused && self.0.is_none_or(|cycles| cycles >= QUIET_CYCLES);
        self.0 = match (refused, self.0) {
            (true, _) => Some(0),
            (false, cycles) => cycles.map(|cycles| cycles.saturating_add(1)),
        };
        news
    }
}

impl Refusals {
    /// Looks at a cycle's totals.
    pub(crate) fn tell(&mut self, settings: &Settings, cycle: &Cycle) {
        let name = &settings.name;
        for (api, label, total) in cycle
            .errors
            .iter()
            .filter(|(_, label, _)| is_refusal(label))
        {
            let asked = asked(cycle, api);
            let seen = self.answers.entry((api, label)).or_default();
            let grown = total - seen.refused;
            if grown == 0 && asked == seen.asked {
                continue;
            }
            if seen.quiet.is_news(grown > 0) {
                tracing::warn!(
                    count = grown,
                    "cluster {name}: {api} answers {label}; further ones are only counted"
                );
            }
            (seen.refused, seen.asked) = (*total, asked);
        }
        let (refused, limits) = (cycle.refused, settings.limits);
        if self.groups.is_news(refused.groups > 0) {
            tracing::warn!(
                count = refused.groups,
                "cluster {name}: there are more groups than max_groups ({}): the others are not watched, only counted",
                limits.max_groups
            );
        }
        if self.partitions.is_news(refused.partitions > 0) {
            tracing::warn!(
                count = refused.partitions,
                "cluster {name}: there are more partitions than max_partitions ({}): some topics or groups are not watched, only counted",
                limits.max_partitions
            );
        }
    }
}

/// Requests of this kind so far.
fn asked(cycle: &Cycle, api: &str) -> u64 {
    let mut requests = cycle.requests.iter();
    requests
        .find(|(asked, _)| *asked == api)
        .map_or(0, |(_, count)| *count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_told_once_and_what_comes_back_again() {
        let mut quiet = Quiet::default();
        let refused = [1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1];
        let told = refused.map(|refused| u8::from(quiet.is_news(refused > 0)));
        assert_eq!(told, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert!(!Quiet::default().is_news(false), "and nothing is no news");
    }
}
