//! Delays: how long messages wait, read off the curves of what arrived and what was committed. The delay of a message is the
//! horizontal distance of the two.

use super::histogram::Histogram;
use crate::analysis::curve::Curve;
use crate::analysis::sample::Time;

/// The time lag of a topic in seconds: that of its worst partition, unknown while any is (the unknown one may be the worst).
pub fn worst(ages: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let mut ages = ages.into_iter();
    let first = ages.next()??;
    ages.try_fold(first, |worst, age| Some(worst.max(age?)))
}

/// Messages that wait for less than this are just those not yet committed.
const LEAST_WAIT_SECONDS: f64 = 45.0;

/// Windows whose arrivals are remembered: those of the divergence's slope.
const ARRIVALS_REMEMBERED: usize = 10;

/// The commits of a partition, as edges: the samples in which the commit advanced.
#[derive(Clone, Debug)]
pub struct PartitionDelays {
    edge: Edge,
    /// The edge that ended the last window.
    closed_edge: u64,
    /// The log end at the last sample, and at the last window's end.
    log_end: u64,
    closed_log_end: u64,
    /// Messages a window, the newest last.
    arrived: [f32; ARRIVALS_REMEMBERED],
    /// The last sample with nothing to commit, or the last edge.
    waiting_since: Time,
}

/// A commit and about when it was made.
#[derive(Clone, Copy, Debug)]
struct Edge {
    at: Time,
    committed: u64,
}

/// What the pairs of a window are counted into, of all partitions of a topic.
#[derive(Debug)]
pub struct OpenWindow<'a> {
    /// The messages that were committed, by their delays.
    pub delays: &'a mut Histogram,
    /// How often commits advanced.
    pub gaps: &'a mut CommitGaps,
}

/// How often a commit was seen to advance, of the samples with something to commit.
#[derive(Clone, Debug, Default)]
pub struct CommitGaps {
    /// Samples with something to commit.
    pub waiting_samples: u32,
    /// Those that showed an advance.
    pub edge_samples: u32,
    /// Seconds between advances while something waited: the first of the window.
    pub seconds: Vec<f32>,
}

/// Gaps remembered of a window: the median of ten windows needs no more.
const GAPS_MAX: usize = 48;

impl CommitGaps {
    /// Begins anew, in the same room.
    pub fn clear(&mut self) {
        (self.waiting_samples, self.edge_samples) = (0, 0);
        self.seconds.clear();
    }

    fn note(&mut self, seconds: f64) {
        self.edge_samples += 1;
        if self.seconds.len() < GAPS_MAX {
            self.seconds.push(seconds as f32);
        }
    }
}

impl PartitionDelays {
    /// Begins with a first pair; `edge_shift` is how much earlier than its sample a commit is taken to have been made.
    pub fn new(at: Time, log_end: u64, committed: u64, edge_shift: f64) -> Self {
        Self {
            edge: Edge {
                at: at - edge_shift,
                committed,
            },
            closed_edge: committed,
            log_end,
            closed_log_end: log_end,
            arrived: [0.0; ARRIVALS_REMEMBERED],
            waiting_since: at,
        }
    }

    /// Takes the next pair. What was committed since the last edge enters the histogram.
    pub fn sample(
        &mut self,
        at: Time,
        log_end: u64,
        committed: u64,
        edge_shift: f64,
        arrivals: &Curve,
        into: &mut OpenWindow,
    ) {
        self.note_gap(at, log_end, committed, into.gaps);
        self.log_end = log_end.max(self.log_end);
        if committed > self.edge.committed {
            let edge = Edge {
                at: at - edge_shift,
                committed,
            };
            departed(self.edge, edge, arrivals, into.delays);
            self.edge = edge;
        }
    }

    /// The last sample with nothing to commit, or with an advance.
    pub fn waiting_since(&self) -> Time {
        self.waiting_since
    }

    /// The commit moved backwards: its curve starts again from here.
    pub fn rewind(&mut self, committed: u64) {
        self.edge.committed = committed;
        self.closed_edge = committed;
    }

    /// Ends a window: gives the messages that arrived in it, and those that should have left enter the histogram, at the age of the
    /// oldest uncommitted one. Not the whole backlog, which would drown the group; but not nothing, or a partition that is stuck
    /// would be invisible.
    pub fn close(&mut self, end: Time, arrivals: &Curve, into: &mut Histogram) {
        let arrived = self.log_end.saturating_sub(self.closed_log_end);
        let left = self.edge.committed.saturating_sub(self.closed_edge);
        self.closed_log_end = self.log_end;
        self.closed_edge = self.edge.committed;
        self.arrived.rotate_left(1);
        self.arrived[ARRIVALS_REMEMBERED - 1] = arrived as f32;
        let deficit = arrived.saturating_sub(left);
        if deficit == 0 || self.log_end <= self.edge.committed {
            return;
        }
        let age = arrivals.age(self.edge.committed, end);
        if let Some(age) = age.filter(|age| *age > LEAST_WAIT_SECONDS) {
            into.add(age, deficit as f64);
        }
    }

    /// Messages that arrived in the windows remembered.
    pub fn arrived(&self) -> f64 {
        self.arrived
            .iter()
            .map(|messages| f64::from(*messages))
            .sum()
    }

    fn note_gap(&mut self, at: Time, log_end: u64, committed: u64, gaps: &mut CommitGaps) {
        let advanced = committed > self.edge.committed;
        if advanced {
            gaps.note(at - self.waiting_since);
        }
        if advanced || log_end > committed {
            gaps.waiting_samples += 1;
        }
        if advanced || log_end <= committed {
            self.waiting_since = at;
        }
    }
}

/// The messages between two edges, by their delays. Those that arrived before the curve begins have no known delay.
fn departed(from: Edge, to: Edge, arrivals: &Curve, into: &mut Histogram) {
    let messages = (to.committed - from.committed) as f64;
    let left_at = |offset: f64| {
        let share = (offset - from.committed as f64) / messages;
        from.at + share * (to.at - from.at)
    };
    arrivals.pieces_between(from.committed, to.committed, |first, last| {
        let (shortest, longest) = (
            (left_at(first.offset) - first.at).max(0.0),
            (left_at(last.offset) - last.at).max(0.0),
        );
        into.add_evenly(shortest, longest, last.offset - first.offset);
    });
}
