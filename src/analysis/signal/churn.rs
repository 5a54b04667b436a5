//! Rebalances far more often than this group is used to: while it rebalances, it doesn't consume. A companion of signal 4.

use std::collections::VecDeque;

use super::tumbling::Tumbling;
use crate::analysis::sample::Time;

const WINDOW_SECONDS: f64 = 600.0;
/// Six hours: what the group is used to.
const MEMORY_WINDOWS: usize = 36;
/// Windows in a row that can be asked for: an hour.
pub const MOST_WINDOWS_IN_A_ROW: usize = 6;

/// The thresholds of churn.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// At least so many rebalances in a window (of ten minutes) …
    pub rebalances: usize,
    /// … and so many times the median window of the last six hours …
    pub usual_factor: f64,
    /// … in so many windows in a row, at most [`MOST_WINDOWS_IN_A_ROW`].
    pub windows_in_a_row: usize,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            rebalances: 3,
            usual_factor: 4.0,
            windows_in_a_row: 2,
        }
    }
}

/// The rebalances of a group.
#[derive(Clone, Debug)]
pub struct Churn {
    windows: Tumbling<1>,
    memory: VecDeque<f32>,
    /// The last windows: `(rebalances, what was usual then)`. A group's topics may be judged by different thresholds.
    last: VecDeque<(f32, f32)>,
}

impl Churn {
    /// Begins with the rebalances so far.
    pub fn new(now: Time, rebalances: f64) -> Self {
        Self {
            windows: Tumbling::new(WINDOW_SECONDS, now, [rebalances]),
            memory: VecDeque::new(),
            last: VecDeque::new(),
        }
    }

    /// Takes the rebalances so far.
    pub fn sample(&mut self, now: Time, rebalances: f64) {
        let Some([begun]) = self.windows.close(now, [rebalances]) else {
            return;
        };
        if self.last.len() == MOST_WINDOWS_IN_A_ROW {
            self.last.pop_front();
        }
        self.last.push_back((begun as f32, self.usual()));
        if self.memory.len() == MEMORY_WINDOWS {
            self.memory.pop_front();
        }
        self.memory.push_back(begun as f32);
    }

    /// It rebalances far more often than it is used to.
    pub fn is_raised(&self, p: &Profile) -> bool {
        let churned = |(begun, usual): &&(f32, f32)| {
            *begun >= p.rebalances as f32 && f64::from(*begun) >= p.usual_factor * f64::from(*usual)
        };
        self.last.iter().rev().take_while(churned).count() >= p.windows_in_a_row
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
