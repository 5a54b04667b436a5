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

/// The doors through which `benches/` and the demonstrations come in.
#[doc(hidden)]
pub mod measuring {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::stream::{Beginning, Ledger, Reader, WallClock};
    use super::{Settings, stream::Ended};

    /// The commit stream, and what its records came to.
    pub struct Stream(Ledger);

    impl Stream {
        /// Of one shard, in which these groups are followed.
        pub fn following(groups: &[String]) -> Self {
            let mut ledger = Ledger::new(1, 1_000);
            groups.iter().for_each(|group| ledger.follow(0, group));
            Self(ledger)
        }

        /// Takes a record that was read when it was written.
        pub fn take(&mut self, offset: u64, key: &[u8], value: &[u8], at_ms: i64) {
            self.0.take((0, offset), (Some(key), Some(value)), at_ms);
        }

        /// Hands out the commits of a group, as each cycle does; gives how many.
        pub fn tell(&mut self, group: &str) -> usize {
            let told = self.0.tell(group).unwrap_or_default();
            told.iter().map(|topic| topic.partitions.len()).sum()
        }
    }

    /// Reads the commit stream of a cluster from its beginning to these ends, by shard; gives how long that took.
    ///
    /// # Errors
    ///
    /// Why it can't be read.
    pub async fn read_to(
        settings: &Settings,
        groups: &[String],
        ends: &[u64],
        now_ms: i64,
    ) -> Result<Duration, String> {
        let began = Instant::now();
        let beginning = Beginning {
            shards: ends.len(),
            ends: ends.iter().copied().enumerate().collect(),
            from_ms: 0,
            step_ms: 1_000,
            now: WallClock {
                ms: now_ms,
                at: Instant::now(),
            },
        };
        let reader = Reader::begin(settings, beginning);
        let reader = reader.map_err(|ended: Ended| ended.reason().to_owned())?;
        for group in groups {
            reader.ledger().follow(0, group);
        }
        let ends: Vec<(usize, u64)> = ends.iter().copied().enumerate().collect();
        reader.reach(&ends, Duration::from_secs(300)).await;
        match reader.ended() {
            Some(why) => Err(why.reason().to_owned()),
            None => Ok(began.elapsed()),
        }
    }
}
