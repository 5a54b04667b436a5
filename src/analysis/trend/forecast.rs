//! When something will be reached at the present pace: an empty queue, a full one, an age.

use super::rates::Rates;
use crate::analysis::curve::Curve;
use crate::analysis::report::{Eta, Slope};
use crate::analysis::sample::Time;

/// Seconds over which the rates behind the ETA of an age are taken: shorter ones follow every burst.
pub const APPROACH_WINDOW_SECONDS: f64 = 1800.0;

/// Seconds until the lag is gone at the present slope. Draining is when even the upper bound of the slope falls: a sawtooth whose
/// window ends on the way down is not.
pub fn drain_seconds(lag: f64, slope: Slope) -> Option<f64> {
    (lag > 0.0 && slope.upper < 0.0)
        .then(|| lag / -slope.slope)
        .filter(|seconds| seconds.is_finite())
}

/// When a lag reaches its ceiling: the distance over the slope and over its bounds.
pub fn lag_eta(ceiling: f64, lag: f64, slope: Slope) -> Option<Eta> {
    let until = |slope| time_to(ceiling - lag, slope);
    Some(Eta {
        lower_seconds: until(slope.upper),
        seconds: until(slope.slope)?,
        upper_seconds: until(slope.lower),
    })
}

/// Messages per second.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) production: f64,
    pub(super) consumption: f64,
}

/// A consumer's pace, and between which it stays in the time that is looked ahead.
#[derive(Clone, Copy)]
pub(super) struct Paces {
    pub(super) slowest: Pace,
    pub(super) usual: Pace,
    pub(super) fastest: Pace,
}

impl Paces {
    /// Nothing leaves any more. What arrives does not matter to messages that are waiting already.
    pub(super) const STILL: Self = {
        let still = Pace {
            production: 0.0,
            consumption: 0.0,
        };
        Self {
            slowest: still,
            usual: still,
            fastest: still,
        }
    };

    /// Of the usual pace alone, as it was over the rates' window.
    pub(super) fn usual(rates: &Rates) -> Option<Pace> {
        Some(Pace {
            production: rates.production()?,
            consumption: rates.consumption()?,
        })
    }

    /// `None` with fewer than three points: an estimate without a range would look certain.
    pub(super) fn of(rates: &Rates, ahead_seconds: f64) -> Option<Self> {
        let usual = Self::usual(rates)?;
        let margin = rates.consumption_margin(ahead_seconds)?;
        let pace = |consumption| Pace {
            consumption,
            ..usual
        };
        Some(Self {
            slowest: pace(usual.consumption - margin),
            usual,
            fastest: pace(usual.consumption + margin),
        })
    }
}

impl Pace {
    /// When the oldest uncommitted message reaches an age in seconds.
    ///
    /// The message that will be that old in θ seconds arrived at `now + θ − age`; it is the oldest uncommitted one once the consumer,
    /// at its pace, has not got beyond it: min{θ : A(now + θ − age) ≥ D + μθ}. The curve A says what did arrive, so the ETA knows of
    /// bursts that are still ahead of the consumer.
    pub(super) fn reaches_age(
        &self,
        age: f64,
        now: Time,
        curve: &Curve,
        committed: f64,
    ) -> Option<f64> {
        let excess = |seconds: f64, arrived: f64| arrived - committed - self.consumption * seconds;
        let mut last = curve
            .at(now - age)
            .map(|arrived| (0.0, excess(0.0, arrived)));
        if last.is_some_and(|(_, excess)| excess >= 0.0) {
            return Some(0.0);
        }
        for (at, arrived) in curve.points() {
            let seconds = at - now + age;
            if seconds <= 0.0 {
                continue;
            }
            let over = excess(seconds, arrived);
            if over >= 0.0 {
                let crossed = |(before, under): (f64, f64)| {
                    before + (seconds - before) * under / (under - over)
                };
                return Some(last.map_or(seconds, crossed));
            }
            last = Some((seconds, over));
        }
        // The curve ends here; from here on it is taken to go on at the production rate.
        let (seconds, under) = last?;
        Some(seconds + time_to(-under, self.production - self.consumption)?)
    }
}

/// Seconds to cover a distance; `None` when it isn't getting nearer.
fn time_to(distance: f64, speed: f64) -> Option<f64> {
    if distance <= 0.0 {
        return Some(0.0);
    }
    (speed > 0.0)
        .then(|| distance / speed)
        .filter(|seconds| seconds.is_finite())
}
