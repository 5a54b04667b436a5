//! Commits that move backwards again and again: the same messages are read anew. A companion of signal 4.

use std::collections::VecDeque;

use super::tumbling::Tumbling;
use crate::analysis::sample::Time;

/// So many rewinds in so many seconds are a habit, not a decision.
const REWINDS: usize = 3;
const REWINDS_SECONDS: f64 = 1800.0;

/// More than this share of what was consumed was read again, in two windows in a row.
const REWOUND_SHARE: f64 = 0.1;
const WINDOW_SECONDS: f64 = 600.0;
const WINDOWS_IN_A_ROW: u32 = 2;

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
    pub fn sample(&mut self, now: Time, rewinds: usize, rewound: f64, consumed: f64) {
        for _ in 0..rewinds.min(REWINDS) {
            self.rewinds.push_back(now);
        }
        while self.rewinds.len() > REWINDS
            || self
                .rewinds
                .front()
                .is_some_and(|at| *at <= now - REWINDS_SECONDS)
        {
            self.rewinds.pop_front();
        }
        if let Some([back, forth]) = self.windows.close(now, [rewound, consumed]) {
            let much = back > REWOUND_SHARE * forth;
            self.in_a_row = if much { self.in_a_row + 1 } else { 0 };
        }
    }

    /// It is a habit.
    pub fn is_raised(&self) -> bool {
        self.rewinds.len() >= REWINDS || self.in_a_row >= WINDOWS_IN_A_ROW
    }
}
