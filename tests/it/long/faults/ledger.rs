//! What is true of the topic under load, within bounds: a record may be in the log from its sending on and is there once it was
//! acknowledged; a commit may count from its sending on and does once Kafka told it back.

use std::sync::{Mutex, MutexGuard};

use super::look::now;

/// A count that only rises, with when it rose, in seconds since the epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Vec<(f64, u64)>);

impl Steps {
    pub(super) fn push(&mut self, at: f64, count: u64) {
        self.0.push((at, count));
    }

    pub(super) fn last(&self) -> u64 {
        self.0.last().map_or(0, |(_, count)| *count)
    }

    /// What it was at a moment.
    pub(super) fn at(&self, at: f64) -> u64 {
        let after = self.0.partition_point(|(step, _)| *step <= at);
        after.checked_sub(1).map_or(0, |last| self.0[last].1)
    }

    /// When it came to exceed a count.
    pub(super) fn exceeded(&self, count: u64) -> Option<f64> {
        let first = self.0.partition_point(|(_, reached)| *reached <= count);
        self.0.get(first).map(|(at, _)| *at)
    }
}

/// A curve that is known within bounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    /// Sent: it may have happened.
    pub(super) most: Steps,
    /// Confirmed: it has happened.
    pub(super) least: Steps,
}

/// Both curves of every partition of the topic under load.
pub(super) struct Ledger {
    truth: Mutex<Truth>,
}

/// A copy of it, to judge by.
#[derive(Clone, Debug)]
pub(super) struct Truth {
    /// By partition.
    pub(super) arrivals: Vec<Bounds>,
    /// By group, then by partition.
    pub(super) departures: Vec<Vec<Bounds>>,
    /// Records that Kafka refused: then the arrivals are not known.
    pub(super) failures: u64,
}

impl Ledger {
    pub(super) fn new(groups: usize, partitions: usize) -> Self {
        let curves = vec![Bounds::default(); partitions];
        Self {
            truth: Mutex::new(Truth {
                departures: vec![curves.clone(); groups],
                arrivals: curves,
                failures: 0,
            }),
        }
    }

    pub(super) fn sends(&self, partition: usize) {
        let most = &mut self.truth().arrivals[partition].most;
        most.push(now(), most.last() + 1);
    }

    /// The producer is idempotent: as many are in the log, in order and without gaps, as were acknowledged.
    pub(super) fn acknowledged(&self, partition: usize) {
        let least = &mut self.truth().arrivals[partition].least;
        least.push(now(), least.last() + 1);
    }

    pub(super) fn failed(&self) {
        self.truth().failures += 1;
    }

    pub(super) fn commits(&self, group: usize, partition: usize, offset: u64) {
        let most = &mut self.truth().departures[group][partition].most;
        most.push(now(), offset);
    }

    pub(super) fn committed(&self, group: usize, partition: usize, offset: u64) {
        let least = &mut self.truth().departures[group][partition].least;
        least.push(now(), offset);
    }

    pub(super) fn read(&self) -> Truth {
        self.truth().clone()
    }

    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().expect("not poisoned")
    }
}
