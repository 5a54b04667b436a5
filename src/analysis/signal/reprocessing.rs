//! Commits that move backwards again and again: the same messages are read anew. A companion of signal 4.

use std::collections::VecDeque;

use super::tumbling::Tumbling;
use crate::analysis::evidence::{Compared, Evidence, Rule};
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
    /// Of the last window: messages read again, and consumed.
    last: Option<[f64; 2]>,
}

impl Reprocessing {
    /// Begins with the totals so far, in messages.
    pub fn new(now: Time, rewound: f64, consumed: f64) -> Self {
        Self {
            windows: Tumbling::new(WINDOW_SECONDS, now, [rewound, consumed]),
            rewinds: VecDeque::new(),
            in_a_row: 0,
            last: None,
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
        if let Some(closed) = self.windows.close(now, [rewound, consumed]) {
            self.last = Some(closed);
            let much = is_much(closed, p).holds();
            self.in_a_row = if much { self.in_a_row + 1 } else { 0 };
        }
    }

    /// It is a habit.
    pub fn is_raised(&self, p: &Profile) -> bool {
        self.often(p).holds() || self.lasts(p).holds()
    }

    /// Each rule with what it compares now.
    pub fn evidence(&self, p: &Profile) -> [Evidence; 2] {
        let last = self.last.map(|window| is_much(window, p));
        let much = last.into_iter().chain([self.lasts(p)]);
        let in_a_row = self.in_a_row as usize;
        let since = (in_a_row > 0).then(|| self.windows.began(in_a_row));
        [
            Evidence::new(Rule::RewindsRepeat, [self.often(p)])
                .since(self.rewinds.front().copied()),
            Evidence::new(Rule::MuchReread, much).since(since),
        ]
    }

    /// Of the last rewinds no more are known than are asked for.
    fn often(&self, p: &Profile) -> Compared {
        Compared::at_least("rewinds", self.rewinds.len() as f64, p.rewinds as f64)
    }

    fn lasts(&self, p: &Profile) -> Compared {
        let (in_a_row, least) = (self.in_a_row, p.windows_in_a_row);
        Compared::at_least("windows_in_a_row", f64::from(in_a_row), f64::from(least))
    }
}

/// In one window, in messages.
fn is_much([back, forth]: [f64; 2], p: &Profile) -> Compared {
    Compared::above("reread_messages", back, p.rewound_share * forth)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a sample a minute: `(rewinds, messages rewound)` in some minutes, 600 messages consumed in each; gives the minutes in
    /// which it was raised.
    fn raised(minutes: usize, rewinds: impl Fn(usize) -> (usize, f64)) -> Vec<usize> {
        let mut reprocessing = Reprocessing::new(0.0, 0.0, 0.0);
        let (mut rewound, mut raised) = (0.0, Vec::new());
        for minute in 1..=minutes {
            let (times, messages) = rewinds(minute);
            rewound += messages;
            let consumed = 600.0 * minute as f64;
            reprocessing.sample(
                60.0 * minute as f64,
                times,
                rewound,
                consumed,
                &Profile::default(),
            );
            let evidence = reprocessing.evidence(&Profile::default());
            let is_raised = reprocessing.is_raised(&Profile::default());
            assert_eq!(evidence.iter().any(Evidence::holds), is_raised);
            if is_raised {
                raised.push(minute);
            }
        }
        raised
    }

    #[test]
    fn third_rewind_in_half_an_hour_raises_it_until_the_first_is_old() {
        let minutes = raised(60, |minute| match minute {
            5 | 12 | 20 => (1, 10.0),
            _ => (0, 0.0),
        });
        assert_eq!(minutes, (20..35).collect::<Vec<_>>());
    }

    #[test]
    fn one_partition_group_that_is_set_back_twice_is_a_decision() {
        let minutes = raised(60, |minute| match minute {
            5 | 25 => (1, 3000.0),
            _ => (0, 0.0),
        });
        assert!(minutes.is_empty(), "{minutes:?}");
    }

    #[test]
    fn much_read_again_in_two_windows_raises_it_until_a_window_is_calm() {
        let minutes = raised(60, |minute| match minute {
            5 | 15 => (1, 700.0),
            _ => (0, 0.0),
        });
        assert_eq!(minutes, (20..30).collect::<Vec<_>>());
    }
}
