//! Rebalances far more often than this group is used to: while it rebalances, it doesn't consume. A companion of signal 4.

use std::collections::VecDeque;

use super::tumbling::Tumbling;
use crate::analysis::sample::Time;

const WINDOW_SECONDS: f64 = 600.0;
/// Six hours: what the group is used to.
const MEMORY_WINDOWS: usize = 36;
/// In two windows in a row at least so many rebalances, and so many times the median of the memory.
const REBALANCES: f64 = 3.0;
const USUAL_FACTOR: f64 = 4.0;
const WINDOWS_IN_A_ROW: u32 = 2;

/// The rebalances of a group.
#[derive(Clone, Debug)]
pub struct Churn {
    windows: Tumbling<1>,
    memory: VecDeque<f32>,
    in_a_row: u32,
}

impl Churn {
    /// Begins with the rebalances so far.
    pub fn new(now: Time, rebalances: f64) -> Self {
        Self {
            windows: Tumbling::new(WINDOW_SECONDS, now, [rebalances]),
            memory: VecDeque::new(),
            in_a_row: 0,
        }
    }

    /// Takes the rebalances so far.
    pub fn sample(&mut self, now: Time, rebalances: f64) {
        let Some([begun]) = self.windows.close(now, [rebalances]) else {
            return;
        };
        let churns = begun >= REBALANCES && begun >= USUAL_FACTOR * f64::from(self.usual());
        self.in_a_row = if churns { self.in_a_row + 1 } else { 0 };
        if self.memory.len() == MEMORY_WINDOWS {
            self.memory.pop_front();
        }
        self.memory.push_back(begun as f32);
    }

    /// It rebalances far more often than it is used to.
    pub fn is_raised(&self) -> bool {
        self.in_a_row >= WINDOWS_IN_A_ROW
    }

    fn usual(&self) -> f32 {
        let mut sorted: Vec<f32> = self.memory.iter().copied().collect();
        sorted.sort_unstable_by(f32::total_cmp);
        match sorted.len() {
            0 => 0.0,
            n if n % 2 == 1 => sorted[n / 2],
            n => f32::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the rebalances of ten-minute windows; gives the windows after which it was raised, the first being 1.
    fn raised(windows: impl IntoIterator<Item = u32>) -> Vec<usize> {
        let mut churn = Churn::new(0.0, 0.0);
        let (mut total, mut raised) = (0.0, Vec::new());
        for (index, begun) in windows.into_iter().enumerate() {
            total += f64::from(begun);
            churn.sample(WINDOW_SECONDS * (index + 1) as f64, total);
            if churn.is_raised() {
                raised.push(index + 1);
            }
        }
        raised
    }

    const NEVER: [usize; 0] = [];

    #[test]
    fn many_rebalances_in_two_windows_raise_it_and_a_calm_one_clears_it() {
        assert_eq!(raised([0, 0, 1, 0, 5, 6, 4, 0, 0]), [6, 7]);
    }

    #[test]
    fn deployment_of_one_window_is_no_churn() {
        assert_eq!(raised([0, 0, 12, 0, 0, 12, 0]), NEVER);
    }

    #[test]
    fn group_that_always_rebalances_is_used_to_it() {
        assert_eq!(raised([4, 2, 5, 3, 4, 5, 4, 3, 6, 4]), NEVER);
    }
}
