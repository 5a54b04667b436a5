//! The pure core: samples in, reports out. No I/O, no clock, no async, no serde, no locks.

pub mod report;
pub mod sample;

use report::Report;
use sample::Sample;

/// Everything the analysis of one cluster can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Seconds between samples.
    pub sample_interval_seconds: f64,
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

/// What is known of one cluster, from one sample to the next.
pub struct Analysis {}

impl Analysis {
    /// Knows nothing yet. `ceilings_of` is asked once for each group and topic, when it is first seen.
    pub fn new(_settings: Settings, _ceilings_of: CeilingsOf) -> Self {
        todo!()
    }

    /// Takes one sample and says what is now known. Samples must come in order of time.
    pub fn observe(&mut self, _sample: Sample) -> Report {
        todo!()
    }
}
