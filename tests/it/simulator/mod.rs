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

/// The cluster at one moment that doesn't pass.
async fn at_rest(world: World) -> Running {
    let settings = HeldClock::at(NOW).settings();
    let running = Simulator::start(world, settings).await;
    running.expect("free ports on loopback")
}
