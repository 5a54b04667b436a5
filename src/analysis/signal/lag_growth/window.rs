//! The last few minima of a level, and how they move.

use super::profile::Profile;
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
    pub(super) minima: &'a [Minimum],
    pub(super) trend: Trend,
    pub(super) first: Minimum,
    pub(super) middle: Minimum,
    pub(super) last: Minimum,
    /// Messages per second that arrived.
    pub(super) rate: f64,
    /// Share of the time in which messages waited and no commit advanced.
    pub(super) pauses: f64,
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

    /// Nothing in here speaks for a rise any more.
    pub(super) fn is_flat(&self, p: &Profile) -> bool {
        let least = p.flat_time_lag_share * self.seconds_of_traffic(self.rise);
        self.trend.slope.slope < p.flat_slope_share * self.rate
            || self.trend.kendall <= p.flat_kendall
            || time_lag_step(self.first, self.last).is_some_and(|step| step < least)
    }

    pub(super) fn seconds_of_traffic(&self, messages: f64) -> f64 {
        messages / self.rate.max(1e-9)
    }
}

/// Messages per second that arrived between two minima.
pub(super) fn arrival_rate(first: Minimum, last: Minimum) -> f64 {
    (last.log_end - first.log_end) / (last.t - first.t).max(1.0)
}

pub(super) fn time_lag_step(from: Minimum, to: Minimum) -> Option<f64> {
    Some(to.time_lag? - from.time_lag?)
}
