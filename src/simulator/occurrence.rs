//! When something happens: once, or again and again for ever.

use super::Time;

/// A moment, and perhaps its repetitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Occurrence {
    /// The first time; nothing happens before.
    pub first: Time,
    /// Seconds from each time to the next, above 0; absent = it happens once.
    pub every: Option<f64>,
}

impl Occurrence {
    /// It happens once.
    pub fn once(at: Time) -> Self {
        Self {
            first: at,
            every: None,
        }
    }

    /// It happens first then, and each so many seconds after.
    pub fn each(every: f64, first: Time) -> Self {
        Self {
            first,
            every: Some(every),
        }
    }

    /// How often it has happened by `t`, `t` included.
    pub fn count(&self, t: Time) -> u64 {
        if t < self.first {
            return 0;
        }
        let Some(every) = self.every else {
            return 1;
        };
        let near = ((t - self.first) / every).round() as u64;
        // By the moments themselves: a quotient is rounded otherwise than they are.
        if self.nth(near) <= t { near + 1 } else { near }
    }

    /// When it happened last, by `t`.
    pub fn last(&self, t: Time) -> Option<Time> {
        self.count(t).checked_sub(1).map(|n| self.nth(n))
    }

    /// When it happens for the time with this number, from 0.
    fn nth(&self, n: u64) -> Time {
        self.first + self.every.map_or(0.0, |every| n as f64 * every)
    }

    /// Each time after `from`, up to and with `to`.
    pub fn between(&self, from: Time, to: Time) -> impl Iterator<Item = Time> + use<> {
        let this = *self;
        (self.count(from)..self.count(to)).map(move |n| this.nth(n))
    }
}
