//! The only clock. Everything else is handed the time.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::analysis::sample::Time;

/// How far the wall clock may be ahead before that counts: less is an error of its own, and no age in seconds is the worse for it.
const RUNAWAY_SECONDS: f64 = 5.0;

/// It must be ahead at so many ticks in a row: a clock that somebody sets and sets back at once is not followed.
const RUNAWAY_TICKS: u32 = 3;

/// What a wall clock says, in seconds since the epoch: this machine's, or a test's.
pub(super) type Wall = Arc<dyn Fn() -> Time + Send + Sync>;

/// What the wall clock says, steps and all: for timestamps that others compare with their own clock, never for a curve.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the one place where the wall clock is read"
)]
pub(super) fn wall() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.unwrap_or(Duration::ZERO).as_secs_f64()
}

/// Wall-clock time that never goes backwards: read once at the start, then carried on by the monotonic clock, because a step of
/// the wall clock would bend every curve.
///
/// The monotonic clock stands still while the machine is suspended, or its virtual machine paused. After that the time would be
/// behind for ever, and messages too young by as much, so a wall clock that stays ahead is followed, in one step. Until it is clear
/// that it stays ahead nothing is read: the hour that was slept through would go into a curve as ten seconds.
pub(super) struct Clock {
    wall: Wall,
    start: Instant,
    /// The wall time at the start, and every step since.
    offset: Time,
    ahead_ticks: u32,
    is_behind: bool,
}

impl Clock {
    pub(super) fn start(wall: Wall) -> Self {
        Self {
            offset: wall(),
            wall,
            start: Instant::now(),
            ahead_ticks: 0,
            is_behind: false,
        }
    }

    /// The time of a tick of this cluster; none while the wall clock has just run away.
    pub(super) fn tick(&mut self, cluster: &str) -> Option<Time> {
        let ahead_seconds = (self.wall)() - self.carried();
        self.note_behind(cluster, -ahead_seconds);
        if ahead_seconds <= RUNAWAY_SECONDS {
            self.ahead_ticks = 0;
            return Some(self.carried());
        }
        self.ahead_ticks += 1;
        if self.ahead_ticks < RUNAWAY_TICKS {
            return None;
        }
        tracing::warn!(
            cluster,
            ahead_seconds,
            "the machine slept, or its clock was set: time steps forward, and rates begin anew"
        );
        self.offset += ahead_seconds;
        self.ahead_ticks = 0;
        Some(self.carried())
    }

    fn carried(&self) -> Time {
        self.offset + self.start.elapsed().as_secs_f64()
    }

    /// Time doesn't go back with the wall clock. That is said once, until they meet again.
    fn note_behind(&mut self, cluster: &str, behind_seconds: f64) {
        let is_behind = behind_seconds > RUNAWAY_SECONDS;
        if is_behind && !self.is_behind {
            tracing::warn!(
                cluster,
                behind_seconds,
                "the machine's clock was set back: time goes on as before. If it is right now, start lagslope anew"
            );
        }
        self.is_behind = is_behind;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const BEGIN: Time = 1_700_000_000.0;
    const TICK: Duration = Duration::from_secs(10);

    /// The times of ticks ten seconds apart, in seconds since the beginning, when the wall clock is off by so much at each.
    async fn ticks(off_by: &[f64]) -> Vec<Option<f64>> {
        let off = Arc::new(Mutex::new(0.0));
        let (start, of_wall) = (Instant::now(), Arc::clone(&off));
        let wall = move || BEGIN + start.elapsed().as_secs_f64() + *of_wall.lock().unwrap();
        let mut clock = Clock::start(Arc::new(wall));
        let mut times = Vec::new();
        for seconds in off_by {
            *off.lock().unwrap() = *seconds;
            times.push(clock.tick("c").map(|time| (time - BEGIN).round()));
            tokio::time::advance(TICK).await;
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn time_follows_a_wall_clock_that_stays_ahead_and_never_goes_back() {
        type Story = (&'static [f64], &'static [Option<f64>], &'static str);
        let stories: &[Story] = &[
            (
                &[0.0, 4.0, -4.0, 4.0, 4.0],
                &[Some(0.0), Some(10.0), Some(20.0), Some(30.0), Some(40.0)],
                "small steps are not followed",
            ),
            (
                &[0.0, 3600.0, 3600.0, 3600.0, 3600.0],
                &[Some(0.0), None, None, Some(3630.0), Some(3640.0)],
                "an hour slept through: silent until it is clear, then right",
            ),
            (
                &[0.0, 3600.0, 3600.0, 0.0, 3600.0, 0.0],
                &[Some(0.0), None, None, Some(30.0), None, Some(50.0)],
                "set and set back",
            ),
            (
                &[0.0, -3600.0, -3600.0, -3600.0, -3600.0],
                &[Some(0.0), Some(10.0), Some(20.0), Some(30.0), Some(40.0)],
                "set back",
            ),
            (
                &[0.0, 60.0, 60.0, 60.0, 0.0, 0.0, 60.0],
                &[
                    Some(0.0),
                    None,
                    None,
                    Some(90.0),
                    Some(100.0),
                    Some(110.0),
                    Some(120.0),
                ],
                "followed, then set back: it is caught up with, not gone back to",
            ),
        ];
        for (off_by, expected, why) in stories {
            assert_eq!(ticks(off_by).await, *expected, "{why}");
        }
    }
}
