//! Rebalances far more often than this group is used to: while it rebalances, it doesn't consume. A companion of signal 4.

use std::collections::VecDeque;

use super::tumbling::Tumbling;
use crate::analysis::evidence::{Compared, Evidence, Rule};
use crate::analysis::sample::Time;

const WINDOW_SECONDS: f64 = 600.0;
/// Six hours: what the group is used to.
const MEMORY_WINDOWS: usize = 36;
/// What was remembered for longer has nothing to say any more.
pub const MEMORY_SECONDS: f64 = WINDOW_SECONDS * MEMORY_WINDOWS as f64;
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
    pub fn is_raised(&self, p: &Profile) -> bool {
        let in_a_row = self.in_a_row(p);
        Self::lasts(in_a_row, p).holds()
    }

    /// What is compared for that: of the last window, and for how many of them.
    pub fn evidence(&self, p: &Profile) -> Evidence {
        let in_a_row = self.in_a_row(p);
        let last = self.last.back().map(|window| Self::is_much(*window, p));
        let last = last.into_iter().flatten();
        let all = last.chain([Self::lasts(in_a_row, p)]);
        let since = (in_a_row > 0).then(|| self.windows.began(in_a_row));
        Evidence::new(Rule::RebalancesRepeat, all).since(since)
    }

    fn lasts(in_a_row: usize, p: &Profile) -> Compared {
        Compared::at_least(
            "windows_in_a_row",
            in_a_row as f64,
            p.windows_in_a_row as f64,
        )
    }

    fn in_a_row(&self, p: &Profile) -> usize {
        let last = self.last.iter().rev();
        let much = last.take_while(|window| Self::is_much(**window, p).iter().all(Compared::holds));
        much.count()
    }

    /// By number, and by what was usual then.
    fn is_much((begun, usual): (f32, f32), p: &Profile) -> [Compared; 2] {
        let (begun, usual) = (f64::from(begun), f64::from(usual));
        [
            Compared::at_least("rebalances", begun, p.rebalances as f64),
            Compared::at_least("rebalances_against_usual", begun, p.usual_factor * usual),
        ]
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
            let evidence = churn.evidence(&Profile::default());
            assert_eq!(evidence.holds(), churn.is_raised(&Profile::default()));
            if churn.is_raised(&Profile::default()) {
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
