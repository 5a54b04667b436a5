//! Signal 4 for a group and topic: what is produced to the topic's retry topics, what is read again, and how often the group
//! rebalances.

use std::sync::Arc;

use crate::analysis::history::History;
use crate::analysis::report::{RetryReason, RetryReport, Severity};
use crate::analysis::sample::Time;
use crate::analysis::signal::reprocessing::Reprocessing;
use crate::analysis::signal::retry_storm::{Profile, RetryStorm};

/// The retries of a group in a topic.
pub(super) struct Retries {
    /// The topic's retry topics, each with what was last known to have been produced to it.
    topics: Vec<(Arc<str>, u64)>,
    /// The set of topics that they were looked for in.
    looked_in: Option<u64>,
    retried: f64,
    storm: Option<RetryStorm>,
    reprocessing: Reprocessing,
}

/// What happened in a topic since the beginning, and in how many partitions commits moved backwards just now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happened {
    pub(super) consumed: f64,
    pub(super) rewound: f64,
    pub(super) rewinds_now: usize,
}

impl Retries {
    pub(super) fn new(now: Time) -> Self {
        Self {
            topics: Vec::new(),
            looked_in: None,
            retried: 0.0,
            storm: None,
            reprocessing: Reprocessing::new(now, 0.0, 0.0),
        }
    }

    /// Takes what happened until now.
    pub(super) fn follow(
        &mut self,
        now: Time,
        (group, main): (&str, &str),
        happened: Happened,
        history: &History,
        p: &Profile,
    ) {
        self.find_topics(group, main, history);
        self.count_retries(history);
        self.reprocessing.sample(
            now,
            happened.rewinds_now,
            happened.rewound,
            happened.consumed,
        );
        if self.topics.is_empty() {
            self.storm = None;
            return;
        }
        let (retried, consumed) = (self.retried, happened.consumed);
        match &mut self.storm {
            Some(storm) => storm.sample(now, retried, consumed, p),
            none => *none = Some(RetryStorm::new(now, retried, consumed)),
        }
    }

    /// The worst of the three, and which it is. `churns`: the group rebalances far more often than it is used to.
    pub(super) fn report(&self, churns: bool, p: &Profile) -> RetryReport {
        let storm = self.storm.as_ref().and_then(|storm| storm.severity(p));
        let reasons = [
            (storm.filter(|s| *s > Severity::Ok), RetryReason::Storm),
            (
                self.reprocessing.is_raised().then_some(Severity::Warning),
                RetryReason::Reprocessing,
            ),
            (churns.then_some(Severity::Warning), RetryReason::Churn),
        ];
        let worst = reasons
            .into_iter()
            .filter_map(|(severity, reason)| Some((severity?, reason)))
            .reduce(|worst, next| if next.0 > worst.0 { next } else { worst });
        RetryReport {
            severity: worst.map(|(severity, _)| severity).or(storm),
            reason: worst.map(|(_, reason)| reason),
            amplification_ratio: self.storm.as_ref().and_then(RetryStorm::amplification),
        }
    }

    fn find_topics(&mut self, group: &str, main: &str, history: &History) {
        if self.looked_in == Some(history.topic_set()) {
            return;
        }
        self.looked_in = Some(history.topic_set());
        let found = history.retry_topics_of(group, main);
        self.topics.retain(|(name, _)| found.contains(name));
        for name in found {
            if self.topics.iter().all(|(known, _)| *known != name) {
                let produced = history.topic(&name).map_or(0, |topic| topic.produced());
                self.topics.push((name, produced));
            }
        }
    }

    fn count_retries(&mut self, history: &History) {
        for (name, before) in &mut self.topics {
            let now = history
                .topic(name)
                .map_or(*before, |topic| topic.produced());
            self.retried += now.saturating_sub(*before) as f64;
            *before = now;
        }
    }
}
