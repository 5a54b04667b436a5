//! Delays: how long messages wait, read off the curves of what arrived and what was committed. The delay of a message is the
//! horizontal distance of the two.

use super::histogram::Histogram;
use crate::analysis::curve::Curve;
use crate::analysis::sample::{self, Time};

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

/// The commits of a partition, as edges: each commit that advanced, where they are known, else the samples in which it had.
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

/// What a sample says of a partition.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// When the log end was read.
    pub at: Time,
    /// The log end.
    pub log_end: u64,
    /// What was committed by then.
    pub committed: u64,
    /// How it got there since the last sample, in order of time; empty where that is not known, or nothing was committed.
    pub edges: &'a [sample::Edge],
    /// The edges of this sample are known.
    pub is_exact: bool,
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
    /// How evenly messages arrive; only asked where commits are exact.
    pub evenness: &'a mut Evenness,
}

/// How much the rate of arrivals changes from one sample to the next: as unevenly as messages arrive from interval to interval they
/// may arrive within one, where nobody looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evenness {
    changes: f64,
    rates: f64,
}

impl Evenness {
    /// What part of an interval a message's arrival may be off by: 0 where as many arrive in each, 1 where all come in every other.
    pub fn uncertain_share(&self) -> f64 {
        if self.rates > 0.0 {
            self.changes / self.rates
        } else {
            0.0
        }
    }

    fn note(&mut self, arrivals: &Curve) {
        if let Some([before, now]) = arrivals.last_rates() {
            self.changes += (now - before).abs();
            self.rates += now + before;
        }
    }
}

/// How often a commit was seen to advance, of the samples with something to commit.
#[derive(Clone, Debug, Default)]
pub struct CommitGaps {
    /// Samples with something to commit.
    pub waiting_samples: u32,
    /// Those that showed an advance.
    pub edge_samples: u32,
    /// Of those, the ones that did not tell when it was.
    pub inexact_samples: u32,
    /// Seconds between advances while something waited: the first of the window.
    pub seconds: Vec<f32>,
}

/// Gaps remembered of a window: the median of ten windows needs no more.
const GAPS_MAX: usize = 48;

impl CommitGaps {
    /// Begins anew, in the same room.
    pub fn clear(&mut self) {
        (self.waiting_samples, self.edge_samples) = (0, 0);
        self.inexact_samples = 0;
        self.seconds.clear();
    }

    fn note(&mut self, seconds: f64) {
        if self.seconds.len() < GAPS_MAX {
            self.seconds.push(seconds as f32);
        }
    }
}

impl PartitionDelays {
    /// Begins with a first pair; `edge_shift` is how much earlier than its sample a commit is taken to have been made, unless that is
    /// known. What was committed before is of no window.
    pub fn new(pair: &Pair, edge_shift: f64) -> Self {
        let exact = pair.edges.last().map(|edge| edge.at.min(pair.at));
        let waits = pair.log_end > pair.committed;
        Self {
            edge: Edge {
                at: exact.unwrap_or(pair.at - edge_shift),
                committed: pair.committed,
            },
            closed_edge: pair.committed,
            log_end: pair.log_end,
            closed_log_end: pair.log_end,
            arrived: [0.0; ARRIVALS_REMEMBERED],
            waiting_since: exact.filter(|_| waits).unwrap_or(pair.at),
        }
    }

    /// Takes the next pair. What was committed since the last edge enters the histogram. Gives the least age that the oldest
    /// uncommitted message had right after a commit, where it is known when that was.
    pub fn sample(
        &mut self,
        pair: &Pair,
        edge_shift: f64,
        arrivals: &Curve,
        into: &mut OpenWindow,
    ) -> Option<f64> {
        self.log_end = pair.log_end.max(self.log_end);
        if pair.is_exact {
            into.evenness.note(arrivals);
        }
        let (explained, least_age) = self.take_edges(pair, arrivals, into);
        // What no edge explains was committed at some time before the sample.
        let unexplained = pair.committed > self.edge.committed;
        if unexplained {
            into.gaps.note(pair.at - self.waiting_since);
            let edge = Edge {
                at: pair.at - edge_shift,
                committed: pair.committed,
            };
            departed(self.edge, edge, arrivals, into.delays);
            self.edge = edge;
        }
        let advanced = explained || unexplained;
        into.gaps.edge_samples += u32::from(advanced);
        into.gaps.inexact_samples += u32::from(unexplained);
        into.gaps.waiting_samples += u32::from(advanced || pair.log_end > pair.committed);
        if unexplained || pair.log_end <= pair.committed {
            self.waiting_since = pair.at;
        }
        least_age
    }

    /// Commits that are known: until one reached it, a message waited. Where they go back and forth each message leaves once, by the
    /// first that reached it. Gives whether any advanced, and the least age right after one that did.
    fn take_edges(
        &mut self,
        pair: &Pair,
        arrivals: &Curve,
        into: &mut OpenWindow,
    ) -> (bool, Option<f64>) {
        let (mut reached, mut least_age) = (self.edge.committed, None);
        let before = reached;
        for edge in pair.edges {
            // By another clock than the readings: never before the last one, nor later than what is known of the log.
            let at = edge.at.max(self.edge.at).min(pair.at);
            if edge.committed > reached {
                let waited = arrivals.age(reached, at).unwrap_or(f64::INFINITY);
                into.gaps.note(waited.min(at - self.waiting_since).max(0.0));
                departed_at(at, (reached, edge.committed), arrivals, into.delays);
                reached = edge.committed;
                self.waiting_since = at;
                let ages = arrivals.age(reached, at).into_iter().chain(least_age);
                least_age = ages.min_by(f64::total_cmp);
            }
            // The same again is no progress.
            if edge.committed != self.edge.committed {
                self.edge = Edge {
                    at,
                    committed: edge.committed,
                };
                self.closed_edge = self.closed_edge.min(edge.committed);
            }
        }
        (reached > before, least_age)
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

/// The messages between two offsets, which were committed at once, by their delays.
fn departed_at(at: Time, (first, end): (u64, u64), arrivals: &Curve, into: &mut Histogram) {
    arrivals.pieces_between(first, end, |first, last| {
        let (shortest, longest) = ((at - last.at).max(0.0), (at - first.at).max(0.0));
        into.add_finely(shortest, longest, last.offset - first.offset);
    });
}
