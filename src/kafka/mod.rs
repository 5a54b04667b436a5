//! IN: asks a Kafka cluster, and never writes to it.

use crate::analysis::sample::{Sample, Time};

/// What to ask of which cluster.
#[derive(Clone, Debug)]
pub struct Settings {}

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
