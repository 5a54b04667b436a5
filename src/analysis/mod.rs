//! The pure core: samples in, reports out. No I/O, no clock, no async, no serde, no locks.

pub mod curve;
mod group;
mod history;
pub mod past;
pub mod report;
pub mod sample;
pub mod signal;
pub mod trend;

use std::collections::BTreeMap;
use std::sync::Arc;

use group::{Cycle, GroupWatch};
use history::History;
pub use history::{RetryName, RetryNameOf};

use report::Report;
use sample::Sample;
use signal::{ceiling, divergence, lag_growth, retry_storm};
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
    /// Those for the partitions of topics with more than [`STRICT_ABOVE_PARTITIONS`](Self::STRICT_ABOVE_PARTITIONS).
    pub lag_growth_strict: lag_growth::Profile,
    /// The thresholds of signal 2.
    pub ceiling: ceiling::Profile,
    /// The thresholds of signal 3.
    pub divergence: divergence::Profile,
    /// The thresholds of signal 4.
    pub retry_storm: retry_storm::Profile,
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
            ceiling: ceiling::Profile::default(),
            divergence: divergence::Profile::default(),
            retry_storm: retry_storm::Profile::default(),
            delay_histogram: false,
        }
    }

    /// Many partitions have many chances to be wrong: above so many each needs more evidence.
    pub const STRICT_ABOVE_PARTITIONS: usize = 10;

    /// The thresholds of signal 1 for each partition of a topic with so many.
    fn profile_of_a_partition(&self, partitions: usize) -> &lag_growth::Profile {
        if partitions > Self::STRICT_ABOVE_PARTITIONS {
            &self.lag_growth_strict
        } else {
            &self.lag_growth
        }
    }

    /// A window for rates that reaches back no further than a pair can stand for the present.
    fn window(&self, seconds: f64) -> Window {
        Window {
            seconds,
            slack_seconds: self.max_age_seconds,
        }
    }
}

/// What counts as a full queue for one group and topic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ceilings {
    /// Messages.
    pub lag_messages: Option<f64>,
    /// Seconds that the oldest uncommitted message may have waited.
    pub delay_seconds: Option<f64>,
}

/// Which ceilings apply to a group and topic. A function, because patterns are matched outside the core.
pub type CeilingsOf = Box<dyn Fn(&str, &str) -> Ceilings + Send>;

/// What is known of one cluster, from one sample to the next. Bounded by what the samples hold: what is gone is forgotten.
pub struct Analysis {
    settings: Settings,
    ceilings_of: CeilingsOf,
    history: History,
    groups: BTreeMap<Arc<str>, GroupWatch>,
}

impl Analysis {
    /// Knows nothing yet. `ceilings_of` is asked once for each group and topic, `retry_name_of` for each topic, when it is first
    /// seen, and again when it changes.
    pub fn new(settings: Settings, ceilings_of: CeilingsOf, retry_name_of: RetryNameOf) -> Self {
        Self {
            settings,
            ceilings_of,
            history: History::new(retry_name_of),
            groups: BTreeMap::new(),
        }
    }

    /// Goes on with other settings and ceilings. What was seen and learned stays, as far as it still means the same: minima of
    /// blocks whose length changed don't.
    pub fn retune(&mut self, settings: Settings, ceilings_of: CeilingsOf) {
        self.settings = settings;
        self.ceilings_of = ceilings_of;
        for (group, watch) in &mut self.groups {
            watch.retune(group, &self.settings, &self.ceilings_of);
        }
    }

    /// From the next sample on log ends mean something else (another isolation level): no curve of before goes on, and what was
    /// learned from them is forgotten. Counts stay.
    pub fn begin_new_curves(&mut self) {
        self.history.begin_anew();
    }

    /// Nobody knows how much time passed since the last sample, as after a pause of a virtual machine or when the clock was set:
    /// what was measured across that would be wrong. Rates, quick slopes, ages and arrival curves begin anew, and no pair stands
    /// for the present until it is read again. Counts, groups, what was learned and the verdicts on troughs stay.
    pub fn interrupt(&mut self) {
        self.history.interrupt();
        self.groups.values_mut().for_each(GroupWatch::interrupt);
    }

    /// Takes one sample and says what is now known. Samples must come in order of time.
    pub fn observe(&mut self, sample: Sample) -> Report {
        // What arrived, for every topic: groups share these curves.
        self.history.take(&sample.topics, &sample.pasts);
        let cycle = Cycle {
            sample: &sample,
            history: &self.history,
            settings: &self.settings,
            ceilings_of: &self.ceilings_of,
        };
        // What each group committed: pairs, then the sum over partitions, then the verdict on its troughs.
        for group in &sample.groups {
            if !self.groups.contains_key(&group.name) {
                self.groups
                    .insert(group.name.clone(), GroupWatch::default());
            }
            if let Some(watch) = self.groups.get_mut(&group.name) {
                watch.take(group, &cycle);
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
