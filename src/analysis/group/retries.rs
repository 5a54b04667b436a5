//! Signal 4 for a group and topic: what is produced to the topic's retry topics, what is read again, and how often the group
//! rebalances.

use std::sync::Arc;

use crate::analysis::Settings;
use crate::analysis::evidence::Evidence;
use crate::analysis::history::{History, RetryKind};
use crate::analysis::learned;
use crate::analysis::report::{RetryReason, RetryReport, Severity};
use crate::analysis::sample::Time;
use crate::analysis::signal::churn::Churn;
use crate::analysis::signal::reprocessing::Reprocessing;
use crate::analysis::signal::retry_storm::RetryStorm;
use crate::analysis::trend::rates::{Rates, Window};

/// The retries of a group in a topic.
pub(super) struct Retries {
    topics: Vec<Beside>,
    /// The set of topics that they were looked for in.
    looked_in: Option<u64>,
    retried: f64,
    storm: Option<RetryStorm>,
    /// When each partition of the retry topics was last read.
    retries_read_at: Option<Time>,
    /// When the storm was last told totals: the moment that its verdict is about.
    told_at: Option<Time>,
    dead_letters: Option<Box<DeadLetters>>,
    /// Of before a restart, until there are retry topics.
    remembered: Option<learned::Retries>,
    reprocessing: Reprocessing,
}

/// A retry or dead-letter topic.
struct Beside {
    name: Arc<str>,
    kind: RetryKind,
    /// What was last known to have been produced to it.
    produced: u64,
}

/// What was given up.
struct DeadLetters {
    total: f64,
    rates: Rates,
    /// When each of their partitions was last read.
    read_at: Option<Time>,
}

/// What happened in a topic since the beginning, and in how many partitions commits moved backwards just now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happened {
    /// Each partition of the topic was read just now. What an unread one consumed is told later: until then it looks idle.
    pub(super) is_whole: bool,
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
            retries_read_at: None,
            told_at: None,
            dead_letters: None,
            remembered: None,
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
        settings: &Settings,
    ) {
        self.find_topics(group, main, history);
        self.count(now, history, settings);
        self.reprocessing.sample(
            now,
            happened.rewinds_now,
            happened.rewound,
            happened.consumed,
            &settings.reprocessing,
        );
        if self
            .topics
            .iter()
            .all(|topic| topic.kind != RetryKind::Retry)
        {
            self.storm = None;
            return;
        }
        let max_age = settings.max_age_seconds;
        if happened.is_whole && is_current(self.retries_read_at, now, max_age) {
            self.tell_storm(now, happened.consumed, settings);
        }
    }

    /// Both topics are known whole. After a hole it begins anew: what each was told of it needn't be of the same time.
    fn tell_storm(&mut self, now: Time, consumed: f64, settings: &Settings) {
        let retried = self.retried;
        let goes_on = is_current(self.told_at, now, settings.max_age_seconds);
        self.told_at = Some(now);
        match &mut self.storm {
            Some(storm) if goes_on => storm.sample(now, retried, consumed, &settings.retry_storm),
            Some(storm) => storm.resume(now, retried, consumed),
            none => {
                let storm = none.insert(RetryStorm::new(now, retried, consumed));
                if let Some(learned) = self.remembered.take() {
                    storm.remember(&learned);
                }
            }
        }
    }

    /// Goes on with what was usual before a restart.
    pub(super) fn remember(&mut self, learned: learned::Retries) {
        self.remembered = Some(learned);
    }

    /// What is usual; `None` until that is known.
    pub(super) fn learned(&self) -> Option<learned::Retries> {
        let storm = self.storm.as_ref().and_then(RetryStorm::learned);
        storm.or(self.remembered)
    }

    /// What is usual is learned anew; a storm that is on begins anew, too, for it was called by what was usual.
    pub(super) fn forget_learned(&mut self) {
        self.storm = None;
        self.remembered = None;
    }

    /// The storm, if what is known of it is recent enough to stand for the present.
    fn storm_of(&self, now: Time, settings: &Settings) -> Option<&RetryStorm> {
        let storm = self.storm.as_ref();
        let of_now = |at| is_current(at, now, settings.max_age_seconds);
        storm.filter(|_| of_now(self.told_at) && of_now(self.retries_read_at))
    }

    /// The worst of the three, and which it is. `churn`: the group's rebalances, once they are told.
    pub(super) fn report(
        &self,
        now: Time,
        churn: Option<&Churn>,
        settings: &Settings,
    ) -> RetryReport {
        let present = self.storm_of(now, settings);
        let storm = present.and_then(|storm| storm.severity(&settings.retry_storm));
        let reprocesses = self.reprocessing.is_raised(&settings.reprocessing);
        let churns = churn.is_some_and(|churn| churn.is_raised(&settings.churn));
        let reasons = [
            (storm.filter(|s| *s > Severity::Ok), RetryReason::Storm),
            (
                reprocesses.then_some(Severity::Warning),
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
            amplification_ratio: present.and_then(RetryStorm::amplification),
            dead_letter_rate: self.dead_letter_rate(now, settings.max_age_seconds),
        }
    }

    /// Each rule with what it compares now.
    pub(super) fn evidence(
        &self,
        now: Time,
        churn: Option<&Churn>,
        settings: &Settings,
    ) -> Vec<Evidence> {
        let storm = self.storm_of(now, settings);
        let storm = storm.map(|storm| storm.evidence(&settings.retry_storm));
        let rereads = self.reprocessing.evidence(&settings.reprocessing);
        let churns = churn.map(|churn| churn.evidence(&settings.churn));
        let all = storm.into_iter().flatten().chain(rereads);
        all.chain(churns).collect()
    }

    /// Goes on with another window for the rate.
    pub(super) fn retune(&mut self, settings: &Settings) {
        if let Some(dead) = &mut self.dead_letters {
            dead.rates.set_window(settings.rate_window());
        }
    }

    /// Time broke off: the rate begins anew.
    pub(super) fn interrupt(&mut self) {
        (self.retries_read_at, self.told_at) = (None, None);
        if let Some(dead) = &mut self.dead_letters {
            dead.rates.clear();
        }
    }

    fn dead_letter_rate(&self, now: Time, max_age_seconds: f64) -> Option<f64> {
        let dead = self.dead_letters.as_ref()?;
        let rate = dead.rates.production();
        rate.filter(|_| is_current(dead.read_at, now, max_age_seconds))
    }

    fn find_topics(&mut self, group: &str, main: &str, history: &History) {
        if self.looked_in == Some(history.topic_set()) {
            return;
        }
        self.looked_in = Some(history.topic_set());
        let found = history.retry_topics_of(group, main);
        let has = |kind| found.iter().any(|(_, of)| *of == kind);
        if !has(RetryKind::DeadLetter) {
            self.dead_letters = None;
        }
        self.topics
            .retain(|known| found.contains(&(Arc::clone(&known.name), known.kind)));
        for (name, kind) in found {
            if self.topics.iter().all(|known| known.name != name) {
                let produced = history.topic(&name).map_or(0, |topic| topic.produced());
                self.topics.push(Beside {
                    name,
                    kind,
                    produced,
                });
            }
        }
    }

    fn count(&mut self, now: Time, history: &History, settings: &Settings) {
        let (mut dead, mut are_whole, mut retries_are_whole) = (None, true, true);
        for beside in &mut self.topics {
            let Some(topic) = history.topic(&beside.name) else {
                continue;
            };
            let produced = topic.produced().saturating_sub(beside.produced) as f64;
            beside.produced = topic.produced();
            match beside.kind {
                RetryKind::Retry => {
                    self.retried += produced;
                    retries_are_whole &= topic.is_whole;
                }
                RetryKind::DeadLetter => {
                    *dead.get_or_insert(0.0) += produced;
                    are_whole &= topic.is_whole;
                }
            }
        }
        if retries_are_whole {
            self.retries_read_at = Some(now);
        }
        if let Some(dead) = dead {
            let window = settings.rate_window();
            let letters = self
                .dead_letters
                .get_or_insert_with(|| Box::new(DeadLetters::new(window)));
            letters.take(now, dead, are_whole);
        }
    }
}

fn is_current(read_at: Option<Time>, now: Time, max_age_seconds: f64) -> bool {
    read_at.is_some_and(|at| now - at <= max_age_seconds)
}

impl DeadLetters {
    fn new(window: Window) -> Self {
        Self {
            total: 0.0,
            rates: Rates::new(window),
            read_at: None,
        }
    }

    /// A partition that was not read tells later what arrived meanwhile: until then the rate would be too low.
    fn take(&mut self, now: Time, arrived: f64, is_whole: bool) {
        self.total += arrived;
        if is_whole {
            self.rates.push(now, self.total, 0.0);
            self.read_at = Some(now);
        }
    }
}
