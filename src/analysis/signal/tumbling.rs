//! Tumbling windows: counters that only grow, turned into what they grew by. A window is judged at the first sample at or after
//! its end; one that saw no sample is merged with the next.

use crate::analysis::sample::Time;

/// The windows of a few counters that are looked at together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tumbling<const N: usize> {
    seconds: f64,
    end: Time,
    totals: [f64; N],
}

impl<const N: usize> Tumbling<N> {
    /// The first window begins now, at these totals.
    pub(super) fn new(seconds: f64, now: Time, totals: [f64; N]) -> Self {
        Self {
            seconds,
            end: now + seconds,
            totals,
        }
    }

    /// What the totals grew by since the last window closed, when one closes now.
    pub(super) fn close(&mut self, now: Time, totals: [f64; N]) -> Option<[f64; N]> {
        if now < self.end {
            return None;
        }
        self.end += self.seconds * (1.0 + ((now - self.end) / self.seconds).floor());
        let before = std::mem::replace(&mut self.totals, totals);
        Some(std::array::from_fn(|n| totals[n] - before[n]))
    }

    /// When the last `closed` windows began, unless one of them was merged with another: then it was earlier.
    pub(super) fn began(&self, closed: usize) -> Time {
        self.end - self.seconds * (closed + 1) as f64
    }

    /// When the open window ends.
    pub(super) fn end(&self) -> Time {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_without_a_sample_is_merged_with_the_next() {
        let mut windows = Tumbling::new(60.0, 7.0, [0.0]);
        assert_eq!(windows.close(66.9, [5.0]), None);
        assert_eq!(windows.close(67.0, [6.0]), Some([6.0]));
        assert_eq!(windows.close(200.0, [9.0]), Some([3.0]));
        assert_eq!(windows.end(), 247.0);
        assert_eq!(windows.began(1), 127.0);
    }
}
