//! The last few minima of a level, and what the tests ask about them.

use super::level::Habits;
use super::profile::{Profile, Rule};
use crate::analysis::sample::Time;
use crate::analysis::trend::slope::{Trend, trend};

/// The lowest lag of one block. f64 throughout: f32 would lose messages above 16 million, and five messages can decide.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Minimum {
    pub(super) t: Time,
    pub(super) lag: f64,
    /// Seconds; unknown while the commit is older than the arrival curve.
    pub(super) time_lag: Option<f64>,
    /// When the block was complete, not at the minimum.
    pub(super) log_end: f64,
    /// Pauses of commits until then, since the series began.
    pub(super) paused_seconds: f64,
}

/// Successive minima and their trend.
pub(super) struct Window<'a> {
    minima: &'a [Minimum],
    pub(super) trend: Trend,
    first: Minimum,
    middle: Minimum,
    pub(super) last: Minimum,
    /// Messages per second that arrived.
    rate: f64,
    /// Share of the time in which messages waited and no commit advanced.
    pauses: f64,
    /// Messages: the fitted slope over the whole span.
    pub(super) rise: f64,
}

impl<'a> Window<'a> {
    /// The last `count` of `minima`; `None` while they are fewer.
    pub(super) fn last(minima: &'a [Minimum], count: usize) -> Option<Self> {
        let minima = &minima[minima.len().checked_sub(count)?..];
        let (first, last) = (*minima.first()?, *minima.last()?);
        let trend = trend(minima.iter().map(|m| (m.t, m.lag)))?;
        let span = last.t - first.t;
        Some(Self {
            minima,
            trend,
            first,
            middle: minima[minima.len() - 1 - minima.len() / 2],
            last,
            rate: arrival_rate(first, last),
            pauses: (last.paused_seconds - first.paused_seconds) / span.max(1.0),
            rise: trend.slope.slope * span,
        })
    }

    pub(super) fn passes(&self, rule: &Rule, p: &Profile, young: bool) -> bool {
        let factor = if young { p.young_factor } else { 1.0 };
        let least_rise = (factor * rule.rise_seconds * self.rate).max(p.rise_messages);
        self.trend.kendall >= rule.kendall
            && (!rule.even_steps || self.steps_are_even(p))
            && self.is_ramp(p)
            && self.is_at_top(p)
            && self.trend.slope.slope >= p.slope_share * self.rate
            && self.rise >= least_rise
            && self.time_lag_rises(p)
    }

    /// More arrives than usual, or commits pause more than usual: either may end as it came.
    pub(super) fn is_unusual(&self, habits: Habits, p: &Profile) -> bool {
        self.rate > p.surge_factor * habits.usual_rate
            || self.pauses > p.pause_share + habits.usual_pauses
    }

    /// Every minimum lies below the one before.
    pub(super) fn falls(&self) -> bool {
        self.minima.windows(2).all(|pair| pair[1].lag < pair[0].lag)
    }

    /// Nothing in here speaks for a rise any more.
    pub(super) fn is_flat(&self, p: &Profile) -> bool {
        let least = p.flat_time_lag_share * self.seconds_of_traffic(self.rise);
        self.trend.slope.slope < p.flat_slope_share * self.rate
            || self.trend.kendall <= p.flat_kendall
            || time_lag_step(self.first, self.last).is_some_and(|step| step < least)
    }

    fn steps_are_even(&self, p: &Profile) -> bool {
        let least = p.even_step_share * (self.last.lag - self.first.lag);
        self.minima
            .windows(2)
            .all(|pair| pair[1].lag - pair[0].lag >= least)
    }

    /// A rise that has begun to go away again is none.
    fn is_at_top(&self, p: &Profile) -> bool {
        let top = self.minima.iter().map(|m| m.lag).fold(0.0, f64::max);
        self.last.lag >= top - p.top_share * self.rise
    }

    fn is_ramp(&self, p: &Profile) -> bool {
        let whole = self.last.lag - self.first.lag;
        let first_half = self.middle.lag - self.first.lag;
        first_half.min(whole - first_half) >= p.half_share * whole
    }

    /// Over the window by its fitted rise, over its second half by the rise seen there; an unknown time lag passes.
    fn time_lag_rises(&self, p: &Profile) -> bool {
        let rises_by = |from, messages| {
            let least = p.time_lag_share * self.seconds_of_traffic(messages);
            let error = p.time_lag_error_share * self.last.time_lag.unwrap_or(0.0);
            let least = least.max(error);
            time_lag_step(from, self.last).is_none_or(|step| step >= least)
        };
        rises_by(self.first, self.rise) && rises_by(self.middle, self.last.lag - self.middle.lag)
    }

    fn seconds_of_traffic(&self, messages: f64) -> f64 {
        messages / self.rate.max(1e-9)
    }
}

/// Messages per second that arrived between two minima.
pub(super) fn arrival_rate(first: Minimum, last: Minimum) -> f64 {
    (last.log_end - first.log_end) / (last.t - first.t).max(1.0)
}

fn time_lag_step(from: Minimum, to: Minimum) -> Option<f64> {
    Some(to.time_lag? - from.time_lag?)
}
