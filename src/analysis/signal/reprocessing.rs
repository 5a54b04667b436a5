//! Commits that move backwards again and again: the same messages are read anew. A companion of signal 4.

use std::collections::VecDeque;

use super::tumbling::Tumbling;
use crate::analysis::sample::Time;

const WINDOW_SECONDS: f64 = 600.0;

/// The thresholds of reprocessing.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// So many rewinds …
    pub rewinds: usize,
    /// … in so many seconds are a habit, not a decision.
    pub rewinds_seconds: f64,
    /// Or more than this share of what was consumed was read again …
    pub rewound_share: f64,
    /// … in so many windows (of ten minutes) in a row.
    pub windows_in_a_row: u32,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            rewinds: 3,
            rewinds_seconds: 1800.0,
            rewound_share: 0.1,
            windows_in_a_row: 2,
        }
    }
}

/// The rewinds of a group in a topic.
#[derive(Clone, Debug)]
pub struct Reprocessing {
    windows: Tumbling<2>,
    /// When the last ones were: no more than are asked for.
    rewinds: VecDeque<Time>,
    in_a_row: u32,
}

impl Reprocessing {
    /// Begins with the totals so far, in messages.
    pub fn new(now: Time, rewound: f64, consumed: f64) -> Self {
        Self {
            windows: Tumbling::new(WINDOW_SECONDS, now, [rewound, consumed]),
            rewinds: VecDeque::new(),
            in_a_row: 0,
        }
    }

    /// Takes how many partitions were rewound just now, and the totals in messages.
    pub fn sample(&mut self, now: Time, rewinds: usize, rewound: f64, consumed: f64, p: &Profile) {
        for _ in 0..rewinds.min(p.rewinds) {
            self.rewinds.push_back(now);
        }
        while self.rewinds.len() > p.rewinds
            || self
                .rewinds
                .front()
                .is_some_and(|at| *at <= now - p.rewinds_seconds)
        {
            self.rewinds.pop_front();
        }
        if let Some([back, forth]) = self.windows.close(now, [rewound, consumed]) {
            let much = back > p.rewound_share * forth;
            self.in_a_row = if much { self.in_a_row + 1 } else { 0 };
        }
    }

    /// It is a habit.
    pub fn is_raised(&self, p: &Profile) -> bool {
        self.rewinds.len() >= p.rewinds || self.in_a_row >= p.windows_in_a_row
    }
}
