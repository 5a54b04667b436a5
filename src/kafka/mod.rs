//! IN: asks a Kafka cluster, and never writes to it.
//!
//! [`Sampler`] is one cluster, asked over and over. `client/` carries questions to brokers; `groups`, `offsets`, `shares`, `topics`,
//! `members`, `configs`, `logdirs` and `past` are the questions; `seldom` shares out what is left of the budget; `trust` is whose
//! answers count; `harvest` makes the sample. [`doctor`] asks the same, once, and says what came of it.

mod bounds;
mod client;
mod configs;
mod coordinators;
pub mod doctor;
mod error;
mod filter;
mod group;
mod groups;
mod harvest;
mod leader;
mod logdirs;
mod members;
mod offsets;
mod past;
mod reached;
mod refusals;
mod sampler;
mod secret;
mod seldom;
mod settings;
mod shares;
pub mod stream;
mod token;
mod topic;
mod topics;
mod trust;

pub use bounds::Limits;
pub use error::BadFile;
pub use filter::{BadPattern, Filter};
pub use sampler::Sampler;
pub use secret::Secret;
pub use settings::{IsolationLevel, Offsets, Settings, security};

/// The doors through which `fuzz/` comes in.
#[doc(hidden)]
pub mod fuzzing {
    use futures_util::FutureExt;

    /// Reads bytes as an answer of any kind and version.
    pub fn answer(bytes: &[u8]) {
        super::client::read_any_answer(bytes);
    }

    /// Reads bytes as a record of the commit stream: the length of its key, its key, and its value, if anything is left.
    pub fn record(bytes: &[u8]) {
        let Some((length, rest)) = bytes.split_first() else {
            return;
        };
        let (key, value) = rest.split_at(usize::from(*length).min(rest.len()));
        let value = Some(value).filter(|value| !value.is_empty());
        let _whatever_it_is = super::stream::records::read(Some(key), value);
    }

    /// Reads bytes as a run of frames.
    pub fn frames(bytes: &[u8]) {
        let mut reader = bytes;
        let mut speaks_kafka = false;
        let mut next = |speaks| {
            super::client::connection::read_frame(&mut reader, "Fuzz", speaks).now_or_never()
        };
        while let Some(Ok(frame)) = next(speaks_kafka) {
            speaks_kafka = true;
            answer(&frame);
        }
    }
}
