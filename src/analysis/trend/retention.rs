//! When what a group has not read reaches an age, and when the topic's own retention begins to delete it: by age, and by size.

use super::forecast::{APPROACH_WINDOW_SECONDS, Pace, Paces, lag_eta};
use super::outlook;
use super::rates::Rates;
use crate::analysis::curve::Curve;
use crate::analysis::report::{Eta, Slope};
use crate::analysis::sample::Time;

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
    /// Until the oldest of them reaches an age in seconds. `None` while the curve does not reach back.
    pub fn until_age(&self, limit_seconds: f64) -> Option<Eta> {
        self.until_one_of(limit_seconds, Some(limit_seconds))
    }

    /// Until a message is deleted for its age before it is read, in seconds. Segments are deleted whole, so messages outlive the
    /// limit: at the earliest (and as the estimate) at the limit itself; at the latest at the oldest age that the log start was
    /// seen to have, which is unknown before it was seen beyond the limit. `None` while the curve does not reach back.
    pub fn until_too_old(&self, limit_seconds: f64, oldest_seconds: Option<f64>) -> Option<Eta> {
        let outlived = oldest_seconds.filter(|oldest| *oldest >= limit_seconds);
        self.until_one_of(limit_seconds, outlived)
    }

    /// Until the unread messages fill a partition of so many messages, in seconds. It is not before a whole segment is too much that
    /// anything is deleted: at the earliest (and as the estimate) at the limit, at the latest at the most that the log was seen to keep.
    pub fn until_too_many(&self, limit_messages: f64, most_kept: Option<f64>) -> Option<Eta> {
        let most_kept = most_kept.filter(|most| *most >= limit_messages);
        let lag = self.lag as f64;
        let farthest = most_kept.unwrap_or(limit_messages);
        let ahead = (farthest - lag).max(0.0) / self.usual_growth()?.max(f64::MIN_POSITIVE);
        let growth = self.growth(ahead)?;
        Some(Eta {
            upper_seconds: most_kept.and_then(|most| lag_eta(most, lag, growth)?.upper_seconds),
            ..lag_eta(limit_messages, lag, growth)?
        })
    }

    fn until_one_of(&self, earliest_age: f64, latest_age: Option<f64>) -> Option<Eta> {
        self.curve.age(self.committed, self.now)?;
        let reached = |pace: Pace, age: f64| {
            pace.reaches_age(age, self.now, self.curve, self.committed as f64)
        };
        let paces = if self.stalled {
            Paces::STILL
        } else {
            let rates = self.rates?;
            let ahead = reached(Paces::usual(rates)?, earliest_age)?;
            Paces::of(rates, ahead)?
        };
        Some(Eta {
            lower_seconds: reached(paces.slowest, earliest_age),
            seconds: reached(paces.usual, earliest_age)?,
            upper_seconds: latest_age.and_then(|age| reached(paces.fastest, age)),
        })
    }

    fn usual_growth(&self) -> Option<f64> {
        let production = outlook::lately(self.curve, self.now, APPROACH_WINDOW_SECONDS)?;
        if self.stalled {
            return Some(production);
        }
        Some(production - self.rates?.consumption()?)
    }

    /// How fast the lag grows in the next seconds.
    fn growth(&self, ahead_seconds: f64) -> Option<Slope> {
        let lately_seconds = APPROACH_WINDOW_SECONDS;
        let arrivals = outlook::arrivals(self.curve, self.now, lately_seconds, ahead_seconds)?;
        let paces = if self.stalled {
            Paces::STILL
        } else {
            Paces::of(self.rates?, ahead_seconds)?
        };
        Some(Slope {
            slope: arrivals.slope - paces.usual.consumption,
            lower: arrivals.lower - paces.fastest.consumption,
            upper: arrivals.upper - paces.slowest.consumption,
        })
    }
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
            let unread = Unread {
                now: t,
                curve: &curve,
                committed: departed as u64,
                lag: (arrived - departed) as u64,
                rates: Some(&rates),
                stalled: false,
            };
            unread.until_age(1_000.0)
        });
        assert_eq!(etas[..2], [None, None]);
        assert!(
            (etas[2].expect("known").seconds - 1_800.0).abs() < 1.0,
            "{etas:?}"
        );
    }
}
