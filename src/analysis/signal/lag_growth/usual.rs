//! What usually arrives and how much of the time commits usually pause. What comes suddenly often goes by itself: a rise during a
//! surge of arrivals, or among the pauses of a rolling restart, has to last longer before it is believed.

use super::profile::Profile;
use super::progress::Ends;

/// Averages that forget; while they are young, plain averages.
#[derive(Clone, Debug, Default)]
pub(super) struct Usual {
    /// Messages per second that arrive.
    pub(super) rate: f64,
    /// Share of the time in which messages wait and no commit advances.
    pub(super) pauses: f32,
    /// Seconds of such pauses since the series began.
    pub(super) paused_seconds: f64,
    /// Over which that was averaged: a restart that brings the series' age along doesn't bring these averages.
    seconds: f32,
}

impl Usual {
    pub(super) fn sample(&mut self, before: Ends, now: Ends, p: &Profile) {
        let seconds = now.t - before.t;
        if seconds <= 0.0 {
            return;
        }
        self.seconds += seconds as f32;
        let weight = (seconds / f64::from(self.seconds).min(p.usual_seconds)).min(1.0);
        let rate = (now.log_end - before.log_end).max(0.0) / seconds;
        self.rate += weight * (rate - self.rate);
        let pauses = now.committed <= before.committed && before.log_end > before.committed;
        let share = f64::from(u8::from(pauses));
        self.pauses += (weight * (share - f64::from(self.pauses))) as f32;
        self.paused_seconds += share * seconds;
    }
}
