//! The only clock. Everything else is handed the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::analysis::sample::Time;

/// Wall-clock time that never goes backwards: read once at the start, then carried on by the monotonic clock. (A step of the
/// wall clock would otherwise bend every curve.)
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    wall_at_start: Time,
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            wall_at_start: Self::wall(),
            start: Instant::now(),
        }
    }

    /// What the wall clock says, steps and all: for timestamps that others compare with their own clock, never for a curve.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place where the wall clock is read"
    )]
    pub(super) fn wall() -> Time {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        since_epoch.unwrap_or(Duration::ZERO).as_secs_f64()
    }

    pub(super) fn now(&self) -> Time {
        self.wall_at_start + self.start.elapsed().as_secs_f64()
    }
}
