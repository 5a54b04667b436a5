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
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place where the wall clock is read"
    )]
    pub(super) fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self {
            wall_at_start: since_epoch.as_secs_f64(),
            start: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> Time {
        self.wall_at_start + self.start.elapsed().as_secs_f64()
    }
}
