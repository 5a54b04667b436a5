//! A cluster's analysis, where whoever keeps or forgets what was learned reaches it between two cycles. Only blocking threads wait
//! for it: a large cluster's analysis works for a good part of a second.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::analysis::Analysis;
use crate::analysis::learned::Learned;
use crate::state::Identity;

/// Empty until its watch has begun.
#[derive(Default)]
pub(super) struct Mind(Mutex<Option<Held>>);

/// The analysis, and what it is of.
pub(super) struct Held {
    pub(super) analysis: Analysis,
    /// Absent until the cluster has said which it is.
    identity: Option<Identity>,
    /// By how many seconds the machine's clock is ahead of the analysis' time.
    pub(super) wall_ahead_seconds: f64,
    /// Of how many groups is told what was learned: no more than are watched, though more may be remembered.
    pub(super) most_groups: usize,
}

impl Mind {
    /// A life of the watch begins. What an earlier one had learned goes on, if it wasn't the analysis that a bug ended.
    pub(super) fn begin(&self, mut analysis: Analysis) {
        let understood = !self.0.is_poisoned();
        self.0.clear_poison();
        let mut held = self.held();
        let before = held.take();
        if let Some(before) = before.as_ref().filter(|_| understood) {
            analysis.remember(before.analysis.learned(before.most_groups));
        }
        *held = Some(Held {
            analysis,
            identity: before.and_then(|before| before.identity),
            wall_ahead_seconds: 0.0,
            most_groups: usize::MAX,
        });
    }

    /// Works with it.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Held) -> T) -> T {
        let mut held = self.held();
        work(held.as_mut().expect("a life begins before its first work"))
    }

    /// What was learned, in seconds since the epoch, and of what; `None` while nobody knows which cluster it is.
    pub(super) fn learned(&self) -> Option<(Identity, Learned)> {
        let held = self.held();
        let held = held.as_ref()?;
        let mut learned = held.analysis.learned(held.most_groups);
        learned.shift(held.wall_ahead_seconds);
        Some((held.identity.clone()?, learned))
    }

    /// Forgets what was learned of a group; see [`Analysis::forget`].
    pub(super) fn forget(&self, group: &str, topic: Option<&str>) -> Option<usize> {
        self.held().as_mut()?.analysis.forget(group, topic)
    }

    /// What a bug left behind is not looked into, but replaced when the watch starts over.
    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The cluster has said which it is: at first, `claim` gives what was learned of it before. Another one than until now has
    /// nobody's habits.
    pub(super) fn recognise(
        &mut self,
        identity: Identity,
        claim: impl FnOnce(&Identity) -> Option<Learned>,
    ) {
        match &self.identity {
            Some(before) if before.cluster_id != identity.cluster_id => {
                tracing::warn!(
                    before = before.cluster_id.as_deref(),
                    now = identity.cluster_id.as_deref(),
                    "another cluster answers at these addresses: what was learned is forgotten"
                );
                self.analysis.forget_all();
            }
            Some(_) => {}
            None => {
                if let Some(mut learned) = claim(&identity) {
                    learned.shift(-self.wall_ahead_seconds);
                    self.analysis.remember(learned);
                }
            }
        }
        self.identity = Some(identity);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::analysis::learned::{Group, Topic};
    use crate::analysis::{Ceilings, Rules, Settings};

    fn learned() -> Learned {
        let topic = Topic {
            name: "orders".into(),
            id: None,
            seen_at: 1_000.0,
            sum: None,
            partitions: Vec::new(),
            retries: None,
            commit_gap_seconds: Some(60.0),
        };
        let group = Group {
            name: "payments".into(),
            seen_at: 1_000.0,
            rebalances: Vec::new(),
            topics: vec![topic],
        };
        Learned {
            groups: vec![group],
        }
    }

    fn of(cluster_id: &str) -> Identity {
        Identity {
            cluster_id: Some(cluster_id.into()),
            read_committed: false,
        }
    }

    /// In its first life, once the cluster has said that it is `x`.
    fn recognised() -> Mind {
        let mind = Mind::default();
        assert_eq!(mind.learned(), None);
        mind.begin(analysis());
        mind.with(|held| held.recognise(of("x"), |_| Some(learned())));
        mind
    }

    fn analysis() -> Analysis {
        let rules = Rules::new(Settings::new(10.0), Ceilings::default());
        Analysis::new(rules.for_all(), Box::new(|_| None))
    }

    #[test]
    fn another_cluster_at_the_same_addresses_has_nobodys_habits() {
        let mind = recognised();
        let nobody_asks = |_: &Identity| panic!("it was claimed");
        mind.with(|held| held.recognise(of("x"), nobody_asks));
        assert_eq!(mind.learned(), Some((of("x"), learned())));
        mind.with(|held| held.recognise(of("y"), nobody_asks));
        assert_eq!(mind.learned(), Some((of("y"), Learned::default())));
    }

    #[test]
    fn what_was_learned_survives_a_bug_elsewhere_and_not_one_in_the_analysis() {
        let mind = recognised();
        mind.begin(analysis());
        assert_eq!(mind.learned(), Some((of("x"), learned())));
        let bug = catch_unwind(AssertUnwindSafe(|| mind.with(|_| panic!("a bug"))));
        assert!(bug.is_err());
        mind.begin(analysis());
        assert_eq!(mind.learned(), Some((of("x"), Learned::default())));
    }

    #[test]
    fn times_outlive_a_clock_that_was_set() {
        let mind = Mind::default();
        mind.begin(analysis());
        mind.with(|held| {
            held.wall_ahead_seconds = 500.0;
            held.recognise(of("x"), |_| Some(learned()));
        });
        let told = mind.learned().expect("recognised").1;
        assert_eq!(told.groups[0].topics[0].seen_at, 1_000.0, "as it was kept");
        mind.with(|held| held.wall_ahead_seconds = 600.0);
        let told = mind.learned().expect("recognised").1;
        assert_eq!(
            told.groups[0].topics[0].seen_at, 1_100.0,
            "the clock is later by now"
        );
    }
}
