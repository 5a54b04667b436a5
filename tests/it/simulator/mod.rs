//! The simulated cluster: that it answers as a real Kafka does, that clients other than ours are content with it, and what lagslope
//! makes of its faults.

mod alike;
mod clients;
mod cut_off;
mod faults;
mod recalled;
mod routed;
mod shares;
mod versions;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lagslope::analysis::sample::Sample;
use lagslope::simulator::{Running, Settings, Simulator, Time, World};

/// A clock that a test holds in its hand. Real Kafka keeps what is younger than a week: the time is some day in 2033.
#[derive(Clone)]
pub(crate) struct HeldClock(Arc<AtomicU64>);

const NOW: Time = 2_000_000_000.0;

impl HeldClock {
    pub(crate) fn at(time: Time) -> Self {
        Self(Arc::new(AtomicU64::new(time.to_bits())))
    }

    pub(crate) fn set(&self, time: Time) {
        self.0.store(time.to_bits(), Ordering::Relaxed);
    }

    pub(crate) fn settings(&self) -> Settings {
        let time = Arc::clone(&self.0);
        Settings::new(Arc::new(move || {
            f64::from_bits(time.load(Ordering::Relaxed))
        }))
    }
}

/// A log end and a commit of the same sample.
struct Pair<'a> {
    group: &'a str,
    partition: u32,
    log_end: u64,
    committed: u64,
}

/// All pairs of a sample, with what is unknown left out.
fn pairs(sample: &Sample) -> impl Iterator<Item = Pair<'_>> {
    sample.groups.iter().flat_map(move |group| {
        let topics = group.commits.iter().flat_map(|commits| &commits.topics);
        topics.flat_map(move |topic| {
            let partitions = &sample.topics[topic.topic].partitions;
            let pair = move |(partition, committed): &(u32, u64)| {
                let end = partitions[*partition as usize].log_end?;
                Some(Pair {
                    group: &group.name,
                    partition: *partition,
                    log_end: end.offset,
                    committed: *committed,
                })
            };
            topic.partitions.iter().filter_map(pair)
        })
    })
}

/// The cluster at one moment that doesn't pass.
async fn at_rest(world: World) -> Running {
    let settings = HeldClock::at(NOW).settings();
    let running = Simulator::start(world, settings).await;
    running.expect("free ports on loopback")
}
