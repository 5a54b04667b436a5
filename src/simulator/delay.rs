//! How far a reader is behind, in seconds, as a line over time.
//!
//! A reader with delay `d(t)` has read what had arrived by `t − d(t)`. So a delay that rises by 1 a second is a reader that stands
//! still, one that rises by 0.05 takes 5 % less than arrives, one that falls is catching up, and a jump upwards is a rewind.

use super::Time;

/// Times that the line is looked back through for the beginning of a standstill; more would be a reader that never ran.
const STOPS_LOOKED_THROUGH: usize = 64;

/// A slope from which a reader counts as standing still. Not 1 sharp: it is the quotient of two differences of large numbers.
const STANDSTILL: f64 = 1.0 - 1e-6;

/// Seconds behind, a line through points. Never below 0, never steeper than 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Delay {
    /// `(time, seconds behind)`, in order of time; two at one time are a jump. Before the first it is as at the first.
    pub points: Vec<(Time, f64)>,
    /// How it goes on after the last point, in seconds behind gained each second: 0 to 1.
    pub slope_after: f64,
    /// The line from the first point on is repeated after so many seconds; absent = it is not.
    pub repeats: Option<f64>,
}

impl Delay {
    /// Always so many seconds behind.
    pub fn steady(seconds: f64) -> Self {
        Self {
            points: vec![(0.0, seconds)],
            slope_after: 0.0,
            repeats: None,
        }
    }

    /// So many seconds behind, up to `at`: the line begins there.
    pub fn until(at: Time, seconds: f64) -> Self {
        Self {
            points: vec![(at, seconds)],
            slope_after: 0.0,
            repeats: None,
        }
    }

    /// Stays as far behind as it is.
    pub fn hold(self, seconds: f64) -> Self {
        self.fall_behind(0.0, seconds)
    }

    /// Stands still: nothing is read or committed.
    pub fn stop(self, seconds: f64) -> Self {
        self.fall_behind(1.0, seconds)
    }

    /// Reads `share` (0 to 1) less than arrives.
    pub fn fall_behind(mut self, share: f64, seconds: f64) -> Self {
        let (at, behind) = self.end();
        self.points.push((at + seconds, behind + share * seconds));
        self
    }

    /// Catches up (or falls behind, not faster than time passes) until it is `to` seconds behind.
    pub fn drain(mut self, to: f64, seconds: f64) -> Self {
        let (at, behind) = self.end();
        self.points
            .push((at + seconds, to.clamp(0.0, behind + seconds)));
        self
    }

    /// Set back by so many seconds' worth of messages.
    pub fn rewind(mut self, seconds: f64) -> Self {
        let (at, behind) = self.end();
        self.points.push((at, behind + seconds));
        self
    }

    /// Skips ahead, until it is `to` seconds behind.
    pub fn skip(mut self, to: f64) -> Self {
        let (at, behind) = self.end();
        self.points.push((at, to.clamp(0.0, behind)));
        self
    }

    /// Reads `share` (0 to 1; 1 = nothing) less than arrives, for ever.
    pub fn then_for_ever(mut self, share: f64) -> Self {
        self.slope_after = share;
        self
    }

    /// All of it again after so many seconds, counted from the first point. The line should be as high at its end as at its
    /// beginning: lower would be a rewind.
    pub fn repeat_every(mut self, seconds: f64) -> Self {
        self.repeats = Some(seconds);
        self
    }

    /// Seconds behind at `t`. Where it jumps, that of after the jump.
    pub fn at(&self, t: Time) -> f64 {
        let (t, _) = self.folded(t);
        let next = self.points.partition_point(|(at, _)| *at <= t);
        let Some(&(from, behind)) = next.checked_sub(1).and_then(|i| self.points.get(i)) else {
            return self.points.first().map_or(0.0, |(_, behind)| *behind);
        };
        behind + self.slope_of(next) * (t - from)
    }

    /// What had arrived by then has been read at `t`.
    pub fn read_up_to(&self, t: Time) -> Time {
        t - self.at(t)
    }

    /// Since when it stands still, if it does at `t`, since its last jump at the earliest; the moment at which the standstill begins still counts as running, the one at
    /// which it ends does not.
    pub fn standing_since(&self, t: Time) -> Option<Time> {
        let mut begun = None;
        let mut t = t;
        for _ in 0..STOPS_LOOKED_THROUGH {
            let (folded, shift) = self.folded(t);
            let next = self.points.partition_point(|(at, _)| *at < folded);
            if next == 0 || self.slope_of(next) < STANDSTILL {
                break;
            }
            t = self.points[next - 1].0 + shift;
            begun = Some(t);
            let jumped = next > 1 && self.points[next - 2].0 == self.points[next - 1].0;
            if jumped {
                break;
            }
        }
        begun
    }

    /// Whether it ever jumps upwards.
    pub fn rewinds(&self) -> bool {
        let jumps = self
            .points
            .windows(2)
            .any(|pair| pair[0].0 == pair[1].0 && pair[0].1 < pair[1].1);
        let wraps = self.repeats.zip(self.points.first());
        jumps || wraps.is_some_and(|(every, (at, behind))| self.unfolded(at + every) < *behind)
    }

    /// The line's value as if it were not repeated.
    fn unfolded(&self, t: Time) -> f64 {
        let (at, behind) = self.end();
        behind + self.slope_after * (t - at)
    }

    /// `t` within the first repetition, and by how much it was moved.
    fn folded(&self, t: Time) -> (Time, f64) {
        match (self.repeats, self.points.first()) {
            (Some(every), Some(&(first, _))) if t > first => {
                let shift = ((t - first) / every).floor() * every;
                (t - shift, shift)
            }
            _ => (t, 0.0),
        }
    }

    /// The slope of the part that ends with the point of this index, or after the last.
    fn slope_of(&self, next: usize) -> f64 {
        match (next.checked_sub(1), self.points.get(next)) {
            (None, _) => 0.0,
            (Some(_), None) => self.slope_after,
            (Some(before), Some(&(to, high))) => {
                let (from, low) = self.points[before];
                if to > from {
                    (high - low) / (to - from)
                } else {
                    0.0
                }
            }
        }
    }

    fn end(&self) -> (Time, f64) {
        self.points.last().copied().unwrap_or_default()
    }
}
