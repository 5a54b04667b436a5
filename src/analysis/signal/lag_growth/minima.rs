//! The last few minima of a level, packed: there may be millions of levels.

use super::profile::Profile;
use super::window::Minimum;
use crate::analysis::sample::Time;
use crate::analysis::trend::slope::TREND_POINTS;

/// Lags exactly: f32 would lose messages above 16 million, and five messages can decide. Of the rest the newest exactly, the others by
/// the steps between neighbours, of which f32 keeps all but one part in sixteen million.
#[derive(Clone, Debug, Default)]
pub(super) struct Minima {
    t: Time,
    log_end: f64,
    paused_seconds: f64,
    /// In messages, oldest first, as all that follows.
    lags: [f64; TREND_POINTS],
    /// Seconds; NaN where unknown.
    time_lags: [f32; TREND_POINTS],
    /// To each of the later ones from the one before.
    steps: [Step; TREND_POINTS - 1],
    len: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    seconds: f32,
    log_end: f32,
    paused_seconds: f32,
}

/// The same, to be looked at.
pub(super) struct Unpacked {
    kept: [Minimum; TREND_POINTS],
    len: usize,
}

impl std::ops::Deref for Unpacked {
    type Target = [Minimum];

    fn deref(&self) -> &[Minimum] {
        &self.kept[..self.len]
    }
}

impl Minima {
    pub(super) fn len(&self) -> usize {
        self.len.into()
    }

    /// Oldest first.
    pub(super) fn unpack(&self) -> Unpacked {
        let mut kept = [Minimum::default(); TREND_POINTS];
        let mut at = Minimum {
            t: self.t,
            lag: 0.0,
            time_lag: None,
            log_end: self.log_end,
            paused_seconds: self.paused_seconds,
        };
        for index in (0..self.len()).rev() {
            at.lag = self.lags[index];
            at.time_lag = Some(self.time_lags[index]).filter(|seconds| !seconds.is_nan());
            kept[index] = at;
            if let Some(before) = index.checked_sub(1) {
                at = self.steps[before].back_from(at);
            }
        }
        Unpacked {
            kept,
            len: self.len(),
        }
    }

    /// Adds one, and keeps at most so many as the profile says.
    pub(super) fn push(&mut self, minimum: Minimum, p: &Profile) {
        self.shorten(p.minima_kept.clamp(1, TREND_POINTS) - 1);
        if let Some(last) = self.len().checked_sub(1) {
            self.steps[last] = Step {
                seconds: (minimum.t - self.t) as f32,
                log_end: (minimum.log_end - self.log_end) as f32,
                paused_seconds: (minimum.paused_seconds - self.paused_seconds) as f32,
            };
        }
        self.lags[self.len()] = minimum.lag;
        self.time_lags[self.len()] = minimum.time_lag.unwrap_or(f32::NAN);
        (self.t, self.log_end) = (minimum.t, minimum.log_end);
        self.paused_seconds = minimum.paused_seconds;
        self.len += 1;
    }

    /// Forgets all but the last `most`.
    pub(super) fn shorten(&mut self, most: usize) {
        let surplus = self.len().saturating_sub(most);
        self.steps.rotate_left(surplus % (TREND_POINTS - 1));
        self.time_lags.rotate_left(surplus % TREND_POINTS);
        self.lags.rotate_left(surplus % TREND_POINTS);
        self.len -= surplus as u8;
    }

    /// So many of the last lie each below the one before, the first of them included.
    pub(super) fn falling(&self) -> usize {
        let pairs = self.lags[..self.len()].windows(2).rev();
        1 + pairs.take_while(|pair| pair[1] < pair[0]).count()
    }

    /// Messages per second that arrived over the last `count`; 0 while they are fewer than two.
    pub(super) fn rate(&self, count: usize) -> f64 {
        let steps = &self.steps[..self.len().saturating_sub(1)];
        let last = steps[steps.len().saturating_sub(count - 1)..].iter();
        let sum = last.fold((0.0, 0.0), |(messages, seconds), step| {
            (
                messages + f64::from(step.log_end),
                seconds + f64::from(step.seconds),
            )
        });
        sum.0 / f64::max(sum.1, 1.0)
    }

    /// A level shift: what is stored is larger by so many messages from here on.
    pub(super) fn rebase(&mut self, lag_shift: f64, log_end_shift: f64) {
        self.lags.iter_mut().for_each(|lag| *lag += lag_shift);
        self.log_end += log_end_shift;
    }
}

impl Step {
    fn back_from(self, later: Minimum) -> Minimum {
        Minimum {
            t: later.t - f64::from(self.seconds),
            log_end: later.log_end - f64::from(self.log_end),
            paused_seconds: later.paused_seconds - f64::from(self.paused_seconds),
            ..later
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimum(n: usize) -> Minimum {
        Minimum {
            t: 1.7e9 + 60.0 * n as f64 + 0.125,
            lag: 3e12 + 5.0 * n as f64,
            time_lag: (!n.is_multiple_of(3)).then_some(n as f32),
            log_end: 8e15 + 600.0 * n as f64,
            paused_seconds: 0.5 * n as f64,
        }
    }

    #[test]
    fn what_is_packed_comes_back_and_what_is_over_is_dropped_oldest_first() {
        let (p, mut packed) = (Profile::default(), Minima::default());
        for n in 0..20 {
            packed.push(minimum(n), &p);
            let first = (n + 1).saturating_sub(TREND_POINTS);
            let expected: Vec<_> = (first..=n).map(minimum).collect();
            assert_eq!(&*packed.unpack(), expected, "after {n}");
        }
        packed.shorten(3);
        let expected: Vec<_> = (17..20).map(minimum).collect();
        assert_eq!(&*packed.unpack(), expected);
        assert_eq!(
            (packed.len(), packed.falling(), packed.rate(4)),
            (3, 1, 10.0)
        );
        packed.shorten(0);
        assert!(packed.unpack().is_empty());
    }

    #[test]
    fn a_shift_of_level_moves_all_of_them() {
        let (p, mut packed) = (Profile::default(), Minima::default());
        (0..4).for_each(|n| packed.push(minimum(n), &p));
        packed.rebase(-7.0, 1000.0);
        for (n, moved) in packed.unpack().iter().enumerate() {
            let (was, moved) = (minimum(n), *moved);
            assert_eq!(
                (moved.lag, moved.log_end),
                (was.lag - 7.0, was.log_end + 1000.0)
            );
        }
    }
}
