//! When a topic's own retention begins to delete what a group has not read: by age, and by size.

use super::forecast::{APPROACH_WINDOW_SECONDS, Pace, Paces, lag_eta};
use super::rates::Rates;
use crate::analysis::curve::Curve;
use crate::analysis::report::{Eta, Slope};
use crate::analysis::sample::Time;

/// A stalled group's lag grows as messages arrive; how much that may change until its ceiling, as a share either way.
const ARRIVALS_MARGIN: f64 = 0.3;

/// Over less than this a rate read off the arrival curve is noise, in seconds.
const LEAST_SPAN_SECONDS: f64 = 60.0;

/// A partition's uncommitted messages, and what is known of how they come and go.
pub struct Unread<'a> {
    /// When the offsets were read.
    pub now: Time,
    /// What arrived.
    pub curve: &'a Curve,
    /// The committed offset.
    pub committed: u64,
    /// Produced and not committed, in messages.
    pub lag: u64,
    /// How fast messages came and left lately; absent when the group stands still, and when that is not known yet.
    pub rates: Option<&'a Rates>,
    /// Nothing is committed any more.
    pub stalled: bool,
}

impl Unread<'_> {
    /// Until a message is deleted for its age before it is read, in seconds. Segments are deleted whole, so messages outlive the
    /// limit: at the earliest (and as the estimate) at the limit itself; at the latest at the oldest age that the log start was
    /// seen to have, which is unknown before it was seen beyond the limit. `None` while the curve does not reach back.
    pub fn until_too_old(&self, limit_seconds: f64, oldest_seconds: Option<f64>) -> Option<Eta> {
        self.curve.age(self.committed, self.now)?;
        let paces = self.paces()?;
        let reached = |pace: Pace, age: f64| {
            pace.reaches_age(age, self.now, self.curve, self.committed as f64)
        };
        let outlived = oldest_seconds.filter(|oldest| *oldest >= limit_seconds);
        Some(Eta {
            lower_seconds: reached(paces.slowest, limit_seconds),
            seconds: reached(paces.usual, limit_seconds)?,
            upper_seconds: outlived.and_then(|oldest| reached(paces.fastest, oldest)),
        })
    }

    /// Until the unread messages fill a partition of so many messages, in seconds.
    pub fn until_too_many(&self, limit_messages: f64) -> Option<Eta> {
        lag_eta(limit_messages, self.lag as f64, self.growth()?)
    }

    /// What arrives does not matter to messages that are waiting already, and a group that stands still reaches no others.
    fn paces(&self) -> Option<Paces> {
        if self.stalled {
            let still = Pace {
                production: 0.0,
                consumption: 0.0,
            };
            return Some(Paces {
                slowest: still,
                usual: still,
                fastest: still,
            });
        }
        Paces::of(self.rates?)
    }

    fn growth(&self) -> Option<Slope> {
        if !self.stalled {
            return self.rates?.lag_slope();
        }
        let arrival_rate = arrival_rate(self.curve, self.now)?;
        Some(Slope {
            slope: arrival_rate,
            lower: arrival_rate * (1.0 - ARRIVALS_MARGIN),
            upper: arrival_rate * (1.0 + ARRIVALS_MARGIN),
        })
    }
}

/// Messages per second over the last half hour, or as much of it as the curve has.
fn arrival_rate(curve: &Curve, now: Time) -> Option<f64> {
    let (oldest, _) = curve.points().next()?;
    let since = oldest.max(now - APPROACH_WINDOW_SECONDS);
    let (before, after) = (curve.at(since)?, curve.points().last()?);
    let seconds = after.0 - since;
    (seconds >= LEAST_SPAN_SECONDS).then(|| (after.1 - before) / seconds)
}
