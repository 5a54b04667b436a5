//! The pure core: samples in, reports out. No I/O, no clock, no async, no serde, no locks.

pub mod curve;
pub mod evidence;
mod group;
mod history;
pub mod learned;
mod mute;
pub mod past;
pub mod recalled;
pub mod report;
mod rules;
pub mod sample;
pub mod signal;
pub mod trend;

use std::collections::BTreeMap;
use std::sync::Arc;

use evidence::Explanation;
use group::{Cycle, GroupWatch};
use history::History;
pub use history::{RetryKind, RetryName, RetryNameOf};
use learned::{Learned, Remembered};
pub use mute::{Mute, Signal, Signals, Window as MuteWindow};
pub use rules::{Ceilings, Rules, RulesOf};

use report::Report;
use sample::{Sample, Time};
use signal::{ceiling, churn, divergence, lag_growth, reprocessing, retry_storm};
use trend::rates::Window;

/// Everything the analysis of one cluster can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Seconds between samples.
    pub sample_interval_seconds: f64,
    /// Seconds for which a partition keeps its last pair of committed offset and log end; older, it is unknown.
    pub max_age_seconds: f64,
    /// Seconds over which the production and consumption rates and the quick slope are taken.
    pub rate_window_seconds: f64,
    /// An accumulating lag is critical when a ceiling is fewer seconds away than this.
    pub critical_eta_seconds: f64,
    /// The thresholds of signal 1.
    pub lag_growth: lag_growth::Profile,
    /// Those for the partitions of topics with more than `strict_above`.
    pub lag_growth_strict: lag_growth::Profile,
    /// Many partitions have many chances to be wrong: above so many each needs more evidence.
    pub strict_above: usize,
    /// The thresholds of signal 2.
    pub ceiling: ceiling::Profile,
    /// The thresholds of signal 3.
    pub divergence: divergence::Profile,
    /// The thresholds of signal 4.
    pub retry_storm: retry_storm::Profile,
    /// Those of commits that move backwards.
    pub reprocessing: reprocessing::Profile,
    /// Those of rebalances.
    pub churn: churn::Profile,
    /// Whether the cumulative histogram of the delays is kept for each group and topic.
    pub delay_histogram: bool,
}

impl Settings {
    /// The defaults for a sampling interval in seconds.
    pub fn new(sample_interval_seconds: f64) -> Self {
        Self {
            sample_interval_seconds,
            max_age_seconds: 3.0 * sample_interval_seconds,
            rate_window_seconds: 120.0,
            critical_eta_seconds: 3600.0,
            lag_growth: lag_growth::Profile::default(),
            lag_growth_strict: lag_growth::Profile::default().strict(),
            strict_above: 10,
            ceiling: ceiling::Profile::default(),
            divergence: divergence::Profile::default(),
            retry_storm: retry_storm::Profile::default(),
            reprocessing: reprocessing::Profile::default(),
            churn: churn::Profile::default(),
            delay_histogram: false,
        }
    }

    /// What was not seen for so many seconds is not habit any more: two buckets of time.
    pub fn oldest_habit_seconds(&self) -> f64 {
        2.0 * self.lag_growth.bucket_seconds
    }

    /// The thresholds of signal 1 for each partition of a topic with so many.
    fn profile_of_a_partition(&self, partitions: usize) -> &lag_growth::Profile {
        if self.is_strict(partitions) {
            &self.lag_growth_strict
        } else {
            &self.lag_growth
        }
    }

    fn is_strict(&self, partitions: usize) -> bool {
        partitions > self.strict_above
    }

    /// The window of the rates and quick slopes.
    fn rate_window(&self) -> Window {
        self.window(self.rate_window_seconds)
    }

    /// A window for rates that reaches back no further than a pair can stand for the present.
    fn window(&self, seconds: f64) -> Window {
        Window {
            seconds,
            slack_seconds: self.max_age_seconds,
        }
    }
}

/// What is known of one cluster, from one sample to the next. Bounded by what the samples hold: what is gone is forgotten.
pub struct Analysis {
    rules_of: RulesOf,
    history: History,
    groups: BTreeMap<Arc<str>, GroupWatch>,
    remembered: Remembered,
    /// When the last sample was: by the clock of the samples, and by the wall clock.
    at: Time,
    wall: Time,
}

impl Analysis {
    /// Knows nothing yet. `rules_of` is asked once for each group and topic, `retry_name_of` for each topic, when it is first
    /// seen, and again when it changes.
    pub fn new(rules_of: RulesOf, retry_name_of: RetryNameOf) -> Self {
        Self {
            rules_of,
            history: History::new(retry_name_of),
            groups: BTreeMap::new(),
            remembered: Remembered::default(),
            at: 0.0,
            wall: 0.0,
        }
    }

    /// Goes on by other rules and names of retry topics. What was seen and learned stays, as far as it still means the same:
    /// minima of blocks whose length changed don't.
    pub fn retune(&mut self, rules_of: RulesOf, retry_name_of: RetryNameOf) {
        self.rules_of = rules_of;
        self.history.rename(retry_name_of);
        for (group, watch) in &mut self.groups {
            watch.retune(group, &self.rules_of);
        }
    }

    /// From the next sample on log ends mean something else (another isolation level): no curve of before goes on, and what was
    /// learned from them is forgotten. Counts stay.
    pub fn begin_new_curves(&mut self) {
        self.history.begin_anew();
        self.remembered = Remembered::default();
    }

    /// Nobody knows how much time passed since the last sample, as after a pause of a virtual machine or when the clock was set:
    /// what was measured across that would be wrong. Rates, quick slopes, ages and arrival curves begin anew, and no pair stands
    /// for the present until it is read again. Counts, groups, what was learned and the verdicts on troughs stay.
    pub fn interrupt(&mut self) {
        self.history.interrupt();
        self.groups.values_mut().for_each(GroupWatch::interrupt);
    }

    /// Waits for the groups and topics that this was learned of before a restart, and goes on with it when they are first seen.
    pub fn remember(&mut self, learned: Learned) {
        self.remembered.add(learned);
    }

    /// What was learned so far, of at most so many groups: those of the last sample first, then those that are still waited for.
    pub fn learned(&self, most_groups: usize) -> Learned {
        let present = self.groups.iter().map(|(name, watch)| {
            let mut group = watch.learned(name, self.at, &self.history);
            group
                .topics
                .extend(self.remembered.topics_of(name).cloned());
            group
        });
        let present = present.filter(|g| !g.topics.is_empty() || !g.rebalances.is_empty());
        let absent = self
            .remembered
            .groups()
            .filter(|group| !self.groups.contains_key(&group.name));
        Learned {
            groups: present.chain(absent).take(most_groups).collect(),
        }
    }

    /// Forgets what was learned of a group, in one topic or as a whole, as if it were seen for the first time; curves, counts and
    /// present verdicts stay. Gives how many lags that concerned; `None` when there is no such group or topic.
    pub fn forget(&mut self, group: &str, topic: Option<&str>) -> Option<usize> {
        let watched = self.groups.get_mut(group);
        let present = watched.and_then(|watch| watch.forget_learned(topic));
        let absent = self.remembered.forget(group, topic);
        match (present, absent) {
            (None, None) => None,
            (present, absent) => Some(present.unwrap_or(0) + absent.unwrap_or(0)),
        }
    }

    /// Forgets everything that was learned: the groups and topics of these names are others' from now on.
    pub fn forget_all(&mut self) {
        self.remembered = Remembered::default();
        for watch in self.groups.values_mut() {
            watch.forget_learned(None);
        }
    }

    /// Why the verdicts on a group in a topic are what they are, as of the last sample, quiet or not, muted or not; `None` when there
    /// is no such group or topic.
    pub fn explain(&self, group: &str, topic: &str) -> Option<Explanation> {
        let moment = (self.at, self.wall);
        self.groups
            .get(group)?
            .explain(topic, moment, &self.history)
    }

    /// What was taken until now was the past: events in it were counted by whoever watched then, and are not counted again.
    pub fn end_past(&mut self) {
        self.groups.values_mut().for_each(GroupWatch::end_past);
    }

    /// Takes one sample and says what is now known. Samples must come in order of time.
    pub fn observe(&mut self, sample: Sample) -> Report {
        self.at = sample.at;
        self.wall = sample.at + sample.cycle.wall_ahead_seconds;
        self.remembered.expire(sample.at);
        // What arrived, for every topic: groups share these curves.
        self.history.take(&sample.topics, &sample.pasts);
        let cycle = Cycle {
            sample: &sample,
            history: &self.history,
            rules_of: &self.rules_of,
        };
        // What each group committed: pairs, then the sum over partitions, then the verdict on its troughs.
        for group in &sample.groups {
            if !self.groups.contains_key(&group.name) {
                let watch = GroupWatch::new(&group.name, sample.at, &mut self.remembered);
                self.groups.insert(group.name.clone(), watch);
            }
            if let Some(watch) = self.groups.get_mut(&group.name) {
                watch.take(group, &cycle, &mut self.remembered);
            }
        }
        // A group that is not in the sample is gone.
        self.groups
            .retain(|_, watch| std::mem::take(&mut watch.seen));
        let mut groups: Vec<_> = sample
            .groups
            .iter()
            .filter_map(|group| Some(self.groups.get_mut(&group.name)?.report(group, &cycle)))
            .collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Report {
            at: sample.at,
            groups,
            cycle: sample.cycle,
        }
    }
}
