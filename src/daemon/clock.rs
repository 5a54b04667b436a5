//! The only clock. Everything else is handed the time.
//!
//! [`Clocks`] is where time comes from: this machine, or a test. A [`Clock`] carries time on from its start, and notices when
//! something happened that bends what was measured across it: the machine slept, a virtual one was paused, somebody set its clock.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::analysis::sample::{Moment, Time};

/// A smaller step of the wall clock than this is an error of its own, and no age in seconds is the worse for it. Slewing and drift
/// come to less between two looks.
const STEP_SECONDS: f64 = 5.0;

/// What the wall clock says, steps and all: for timestamps that others compare with their own clock, never for a curve.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the one place where the wall clock is read"
)]
pub(super) fn wall() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.unwrap_or(Duration::ZERO).as_secs_f64()
}

/// Seconds since this machine started, those included in which it slept. (Elsewhere than on Linux perhaps without them: a sleep is
/// then a step of the wall clock.)
fn since_boot() -> f64 {
    #[cfg(target_os = "linux")]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: ClockId = ClockId::Monotonic;
    seconds(CLOCK)
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

type Seconds = Arc<dyn Fn() -> f64 + Send + Sync>;

/// Where time comes from. The seconds that pass are tokio's, which a test may pause; what this adds are differences between clocks,
/// which stand still however fast a test's time runs.
#[derive(Clone)]
pub struct Clocks {
    wall: Seconds,
    ahead: Seconds,
    asleep: Seconds,
}

impl Clocks {
    /// Other clocks than this machine's. `wall` is seconds since the epoch; `ahead`, by how many seconds the wall clock is ahead of
    /// the one that counts every second since some beginning, and changes when somebody sets it; `asleep`, the seconds since that
    /// beginning in which the machine slept.
    pub fn new(
        wall: impl Fn() -> Time + Send + Sync + 'static,
        ahead: impl Fn() -> f64 + Send + Sync + 'static,
        asleep: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            wall: Arc::new(wall),
            ahead: Arc::new(ahead),
            asleep: Arc::new(asleep),
        }
    }

    /// This machine's.
    pub(super) fn of_machine() -> Self {
        let ahead = || wall() - since_boot();
        // In this order it is too little when the process is held up between the two, never too much.
        let asleep = || {
            let since_boot = since_boot();
            since_boot - seconds(ClockId::Monotonic)
        };
        Self::new(wall, ahead, asleep)
    }

    /// What the wall clock says, for timestamps that outlive this process.
    pub(super) fn wall_now(&self) -> Time {
        (self.wall)()
    }

    /// Seconds that tokio's clock did not count, by any clock there is: only how much it grows means anything.
    pub(super) fn uncounted(&self) -> f64 {
        (self.ahead)() + (self.asleep)()
    }
}

/// Time that never goes backwards: the wall clock's at the start, carried on by the clock that also counts the seconds in which the
/// machine sleeps. It never follows the wall clock, whose steps would bend every curve; it says how far that is ahead instead.
pub(super) struct Clock {
    clocks: Clocks,
    begin: Time,
    start: Instant,
    ahead_at_start: f64,
    asleep_at_start: f64,
    last: Seen,
}

/// What the clocks said at the last look, in seconds since the start.
#[derive(Clone, Copy, Default)]
struct Seen {
    ahead: f64,
    asleep: f64,
}

/// What a look at the clocks tells.
pub(super) struct Look {
    pub(super) now: Moment,
    /// Seconds that the machine slept since the look before.
    slept_seconds: f64,
    /// Seconds by which the wall clock changed otherwise than by passing; negative = it was set back.
    stepped_seconds: f64,
}

impl Look {
    /// The clock was set, or a virtual machine was paused, which looks the same: nobody knows how much time really passed.
    pub(super) fn step(&self) -> Option<f64> {
        (self.stepped_seconds.abs() > STEP_SECONDS).then_some(self.stepped_seconds)
    }

    /// What was timed between the two looks by tokio's clock is wrong.
    pub(super) fn is_torn(&self) -> bool {
        self.step().is_some() || self.slept_seconds > STEP_SECONDS
    }
}

impl Clock {
    pub(super) fn start(clocks: Clocks) -> Self {
        Self {
            begin: (clocks.wall)(),
            start: Instant::now(),
            ahead_at_start: (clocks.ahead)(),
            asleep_at_start: (clocks.asleep)(),
            last: Seen::default(),
            clocks,
        }
    }

    pub(super) fn look(&mut self) -> Look {
        let ahead = (self.clocks.ahead)() - self.ahead_at_start;
        let asleep = (self.clocks.asleep)() - self.asleep_at_start;
        let asleep = asleep.max(self.last.asleep);
        let before = std::mem::replace(&mut self.last, Seen { ahead, asleep });
        Look {
            now: Moment {
                time: self.begin + self.start.elapsed().as_secs_f64() + asleep,
                wall_ahead_seconds: ahead,
            },
            slept_seconds: asleep - before.asleep,
            stepped_seconds: ahead - before.ahead,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const BEGIN: Time = 1_700_000_000.0;
    const TICK: Duration = Duration::from_secs(10);

    /// At ticks ten seconds apart: the time since the beginning, the step if there was one, and whether a cycle in between is torn,
    /// when the wall clock is ahead by so much and the machine has slept so long.
    async fn ticks(clocks: &[(f64, f64)]) -> Vec<(f64, Option<f64>, bool)> {
        let said = Arc::new(Mutex::new((0.0, 0.0)));
        let (ahead, asleep) = (Arc::clone(&said), Arc::clone(&said));
        let mut clock = Clock::start(Clocks::new(
            || BEGIN,
            move || ahead.lock().unwrap().0,
            move || asleep.lock().unwrap().1,
        ));
        let mut seen = Vec::new();
        for at in clocks {
            *said.lock().unwrap() = *at;
            let look = clock.look();
            assert_eq!(look.now.wall_ahead_seconds, at.0);
            let time = (look.now.time - BEGIN).round();
            seen.push((time, look.step(), look.is_torn()));
            tokio::time::advance(TICK).await;
        }
        seen
    }

    #[tokio::test(start_paused = true)]
    async fn time_goes_on_whatever_is_done_to_the_wall_clock_and_counts_sleep() {
        type Story = (
            &'static [(f64, f64)],
            &'static [(f64, Option<f64>, bool)],
            &'static str,
        );
        let stories: &[Story] = &[
            (
                &[(0.0, 0.0), (4.0, 0.0), (0.5, 0.0)],
                &[(0.0, None, false), (10.0, None, false), (20.0, None, false)],
                "small steps are none",
            ),
            (
                &[(0.0, 0.0), (3600.0, 0.0), (3600.0, 0.0), (0.0, 0.0)],
                &[
                    (0.0, None, false),
                    (10.0, Some(3600.0), true),
                    (20.0, None, false),
                    (30.0, Some(-3600.0), true),
                ],
                "set forward, and back: told once each, and not followed",
            ),
            (
                &[(0.0, 0.0), (0.0, 3600.0), (0.0, 3600.0)],
                &[
                    (0.0, None, false),
                    (3610.0, None, true),
                    (3620.0, None, false),
                ],
                "an hour slept through is an hour",
            ),
            (
                &[(0.0, 7.0), (0.0, 6.9), (0.0, 7.0)],
                &[(7.0, None, true), (17.0, None, false), (27.0, None, false)],
                "a reading that came out too small takes no time back",
            ),
        ];
        for (clocks, expected, why) in stories {
            assert_eq!(ticks(clocks).await, *expected, "{why}");
        }
    }

    #[test]
    fn the_clock_that_counts_sleep_is_never_behind_the_one_that_does_not() {
        let clocks = Clocks::of_machine();
        let monotonic = seconds(ClockId::Monotonic);
        assert!(since_boot() >= monotonic);
        let (ahead, uncounted) = ((clocks.ahead)(), clocks.uncounted());
        std::thread::yield_now();
        assert!(((clocks.ahead)() - ahead).abs() < STEP_SECONDS);
        assert!((clocks.uncounted() - uncounted).abs() < STEP_SECONDS);
    }
}
