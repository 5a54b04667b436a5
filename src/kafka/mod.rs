//! IN: asks a Kafka cluster, and never writes to it.

mod filter;
mod settings;

use crate::analysis::sample::{Sample, Time};

pub use filter::{BadPattern, Filter};
pub use settings::{IsolationLevel, Settings};

/// One cluster, asked over and over.
pub struct Sampler {}

impl Sampler {
    /// Opens nothing yet: connections are made when the first question is asked.
    pub fn new(_settings: Settings) -> Self {
        todo!()
    }

    /// Reads everything once. It never fails: what could not be read is absent from the sample, and counted.
    pub async fn sample(&mut self, _now: Time) -> Sample {
        todo!()
    }
}
