//! Rebalances far more often than this group is used to: while it rebalances, it doesn't consume. A companion of signal 4.

use std::collections::VecDeque;

use super::tumbling::Tumbling;
use crate::analysis::sample::Time;

const WINDOW_SECONDS: f64 = 600.0;
/// Six hours: what the group is used to.
const MEMORY_WINDOWS: usize = 36;
/// What was remembered for longer has nothing to say any more.
pub const MEMORY_SECONDS: f64 = WINDOW_SECONDS * MEMORY_WINDOWS as f64;
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

    /// The rebalances of each window that is remembered, oldest first; empty while there were none.
    pub fn learned(&self) -> Vec<f32> {
        let memory = self.memory.iter().copied();
        match self.memory.iter().any(|begun| *begun > 0.0) {
            true => memory.collect(),
            false => Vec::new(),
        }
    }

    /// Goes on with what was remembered before a restart.
    pub fn remember(&mut self, rebalances: &[f32]) {
        let newest = rebalances.len().saturating_sub(MEMORY_WINDOWS);
        self.memory = rebalances[newest..].iter().copied().collect();
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
