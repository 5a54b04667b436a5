//! When something will be reached at the present pace: an empty queue, a full one, an age.

use super::rates::Rates;
use crate::analysis::curve::Curve;
use crate::analysis::report::{Eta, Slope};
use crate::analysis::sample::Time;

/// Seconds over which the rates behind a delay ceiling's ETA are taken: shorter ones follow every burst.
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

/// When the oldest uncommitted message of a partition reaches an age in seconds, at the rates of the last half hour.
///
/// The message that will be that old in θ seconds arrived at `now + θ − age`; it is the oldest uncommitted one once the consumer,
/// at its rate, has not got beyond it: min{θ : A(now + θ − age) ≥ D + μθ}. The curve A says what did arrive, so the ETA knows of
/// bursts that are still ahead of the consumer. Bounds: the same at the upper and the lower bound of the consumption rate.
pub fn delay_eta(
    ceiling: f64,
    now: Time,
    curve: &Curve,
    committed: u64,
    rates: &Rates,
) -> Option<Eta> {
    curve.age(committed, now)?;
    let paces = Paces::of(rates)?;
    let at = |pace: Pace| pace.reaches_age(ceiling, now, curve, committed as f64);
    Some(Eta {
        lower_seconds: at(paces.slowest),
        seconds: at(paces.usual)?,
        upper_seconds: at(paces.fastest),
    })
}

/// Messages per second.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) production: f64,
    pub(super) consumption: f64,
}

/// A consumer's pace, and its confidence bounds.
#[derive(Clone, Copy)]
pub(super) struct Paces {
    pub(super) slowest: Pace,
    pub(super) usual: Pace,
    pub(super) fastest: Pace,
}

impl Paces {
    /// `None` with fewer than three points: two have no residuals, and an estimate without a range would look certain.
    pub(super) fn of(rates: &Rates) -> Option<Self> {
        let (production, consumption) = (rates.production()?, rates.consumption()?);
        let fit = rates.consumption_fit()?;
        let margin = fit.upper - fit.slope;
        let pace = |consumption| Pace {
            production,
            consumption,
        };
        Some(Self {
            slowest: pace(consumption - margin),
            usual: pace(consumption),
            fastest: pace(consumption + margin),
        })
    }
}

impl Pace {
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

#[cfg(test)]
mod tests {
    use super::super::rates::Window;
    use super::*;

    #[test]
    fn age_is_forecast_only_with_a_range() {
        // 1,000 messages a second arrive, half of them leave: an age of 1,000 s comes after 2,000 s.
        let mut rates = Rates::new(Window {
            seconds: APPROACH_WINDOW_SECONDS,
            slack_seconds: 30.0,
        });
        let mut curve = Curve::default();
        let etas = [0.0, 100.0, 200.0].map(|t| {
            let (arrived, departed) = (1_000.0 * t, 500.0 * t);
            curve.append(t, arrived as u64);
            rates.push(t, arrived, departed);
            delay_eta(1_000.0, t, &curve, departed as u64, &rates)
        });
        assert_eq!(etas[..2], [None, None]);
        assert!(
            (etas[2].expect("known").seconds - 1_800.0).abs() < 1.0,
            "{etas:?}"
        );
    }
}
