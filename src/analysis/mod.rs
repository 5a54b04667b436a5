//! The pure core: samples in, reports out. No I/O, no clock, no async, no serde, no locks.

pub mod report;
pub mod sample;
pub mod signal;

use report::Report;
use sample::Sample;
use signal::lag_growth;

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
