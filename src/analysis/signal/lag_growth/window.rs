//! The last few minima of a level, and what the tests ask about them.

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
            rise: trend.slope.slope * span,
        })
    }

    /// It may rise: nothing to act on, but to learn from if it goes away again.
    pub(super) fn passes_weakly(&self, p: &Profile) -> bool {
        let pairs = (self.minima.len() * (self.minima.len() - 1) / 2) as f64;
        self.rise > 0.0 && f64::from(self.trend.kendall) >= p.weak_kendall_share * pairs
    }

    pub(super) fn passes(&self, rule: &Rule, p: &Profile, young: bool) -> bool {
        let factor = if young { p.young_factor } else { 1.0 };
        let least_rise = (factor * rule.rise_seconds * self.rate).max(p.rise_messages);
        self.trend.kendall >= rule.kendall
            && (!rule.even_steps || self.steps_are_even(p))
            && self.is_ramp(p)
            && self.trend.slope.slope >= p.slope_share * self.rate
            && self.rise >= least_rise
            && self.time_lag_rises(p)
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

    fn is_ramp(&self, p: &Profile) -> bool {
        let whole = self.last.lag - self.first.lag;
        let first_half = self.middle.lag - self.first.lag;
        first_half.min(whole - first_half) >= p.half_share * whole
    }

    /// Over the window by its fitted rise, over its second half by the rise seen there; an unknown time lag passes.
    fn time_lag_rises(&self, p: &Profile) -> bool {
        let rises_by = |from, messages| {
            let least = p.time_lag_share * self.seconds_of_traffic(messages);
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
