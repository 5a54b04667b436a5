//! The last few minima of a level, and how they move.

use std::cell::OnceCell;

use super::profile::Profile;
use crate::analysis::report::Slope;
use crate::analysis::sample::Time;
use crate::analysis::trend::slope::{kendall, theil_sen};

/// The lowest lag of one block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Minimum {
    pub(super) t: Time,
    pub(super) lag: f64,
    /// Seconds; unknown while the commit is older than the arrival curve.
    pub(super) time_lag: Option<f32>,
    /// When the block was complete, not at the minimum.
    pub(super) log_end: f64,
    /// Pauses of commits until then, since the series began.
    pub(super) paused_seconds: f64,
}

/// Successive minima and their trend.
pub(super) struct Window<'a> {
    pub(super) minima: &'a [Minimum],
    /// Mann–Kendall's S.
    pub(super) kendall: i32,
    /// Most windows fail by their S, and need no slope.
    slope: OnceCell<Slope>,
    pub(super) first: Minimum,
    pub(super) middle: Minimum,
    pub(super) last: Minimum,
    /// Messages per second that arrived.
    pub(super) rate: f64,
    /// Share of the time in which messages waited and no commit advanced.
    pub(super) pauses: f64,
}

impl<'a> Window<'a> {
    /// The last `count` of `minima`; `None` while they are fewer, or fewer than two.
    pub(super) fn last(minima: &'a [Minimum], count: usize) -> Option<Self> {
        let minima = &minima[minima.len().checked_sub(count.max(2))?..];
        let (first, last) = (*minima.first()?, *minima.last()?);
        let span = last.t - first.t;
        Some(Self {
            minima,
            kendall: kendall(points(minima)),
            slope: OnceCell::new(),
            first,
            middle: minima[minima.len() - 1 - minima.len() / 2],
            last,
            rate: arrival_rate(first, last),
            pauses: (last.paused_seconds - first.paused_seconds) / span.max(1.0),
        })
    }

    /// Theil–Sen's, in messages per second.
    pub(super) fn slope(&self) -> Slope {
        *self.slope.get_or_init(|| {
            theil_sen(points(self.minima)).unwrap_or(Slope {
                slope: 0.0,
                lower: 0.0,
                upper: 0.0,
            })
        })
    }

    /// Messages: the fitted slope over the whole span.
    pub(super) fn rise(&self) -> f64 {
        self.slope().slope * (self.last.t - self.first.t)
    }

    /// Nothing in here speaks for a rise any more.
    pub(super) fn is_flat(&self, p: &Profile) -> bool {
        let least = || p.flat_time_lag_share * self.seconds_of_traffic(self.rise());
        self.kendall <= p.flat_kendall
            || self.slope().slope < p.flat_slope_share * self.rate
            || time_lag_step(self.first, self.last).is_some_and(|step| step < least())
    }

    pub(super) fn seconds_of_traffic(&self, messages: f64) -> f64 {
        messages / self.rate.max(1e-9)
    }
}

/// When, and how many messages lagged behind.
pub(super) fn points(minima: &[Minimum]) -> impl Iterator<Item = (Time, f64)> + Clone {
    minima.iter().map(|minimum| (minimum.t, minimum.lag))
}

/// Messages per second that arrived between two minima.
fn arrival_rate(first: Minimum, last: Minimum) -> f64 {
    (last.log_end - first.log_end) / (last.t - first.t).max(1.0)
}

pub(super) fn time_lag_step(from: Minimum, to: Minimum) -> Option<f64> {
    Some(f64::from(to.time_lag?) - f64::from(from.time_lag?))
}
