//! One cluster's task: tick → sample → analyse → render → post. A bulkhead: its own client, its own state, nothing shared with
//! another cluster but the board.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::Source;
use super::clock::Clock;
use super::publish::Bell;
use crate::analysis::Analysis;
use crate::analysis::sample::{Sample, Time};
use crate::expose::board::Board;
use crate::expose::metrics::{Facts, Fragment, Granularity, render_within};

/// A cluster to watch, and all that its task needs.
pub(super) struct Assignment<S> {
    /// Its place on the board.
    pub(super) index: usize,
    pub(super) cluster: String,
    pub(super) interval: Duration,
    pub(super) granularity: Granularity,
    pub(super) source: Box<dyn Fn() -> S + Send + Sync>,
    pub(super) analysis: Box<dyn Fn() -> Analysis + Send + Sync>,
    pub(super) clock: Clock,
    pub(super) board: Arc<Board>,
    pub(super) bell: Bell,
}

/// Watches one cluster until it is dropped, and starts over after a bug: a panic in here takes nothing else down.
pub(super) async fn watch_for_ever<S: Source>(assignment: Assignment<S>) {
    let (assignment, skipped) = (Arc::new(assignment), Arc::new(Skipped::default()));
    loop {
        let mut task = JoinSet::new();
        task.spawn(Watch::new(Arc::clone(&assignment), Arc::clone(&skipped)).run());
        let Some(Err(error)) = task.join_next().await else {
            return;
        };
        skipped.panic.fetch_add(1, Ordering::Relaxed);
        let (cluster, reason) = (&assignment.cluster, reason(error));
        tracing::error!(
            cluster,
            reason,
            "a bug ended the watch of this cluster: it starts over with an empty history"
        );
        sleep_until(Instant::now() + assignment.interval).await;
    }
}

/// What a panic said.
fn reason(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "cancelled".to_owned();
    };
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned())
}

/// Cycles that did not happen. It outlives a watch that starts over: these are counters.
#[derive(Debug, Default)]
struct Skipped {
    overlap: AtomicU64,
    panic: AtomicU64,
}

impl Skipped {
    fn counts(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("overlap", self.overlap.load(Ordering::Relaxed)),
            ("panic", self.panic.load(Ordering::Relaxed)),
        ]
    }
}

/// One life of a cluster's watch: until a bug ends it.
struct Watch<S> {
    assignment: Arc<Assignment<S>>,
    source: S,
    /// Always there but while a blocking thread works with it.
    analysis: Option<Analysis>,
    skipped: Arc<Skipped>,
    last_sample_at: Option<Time>,
}

impl<S: Source> Watch<S> {
    fn new(assignment: Arc<Assignment<S>>, skipped: Arc<Skipped>) -> Self {
        Self {
            source: (assignment.source)(),
            analysis: Some((assignment.analysis)()),
            assignment,
            skipped,
            last_sample_at: None,
        }
    }

    async fn run(mut self) {
        let mut due = Instant::now();
        loop {
            sleep_until(due).await;
            self.cycle().await;
            due = self.next_due(due);
        }
    }

    /// The next tick that is still to come; those that the cycle has run into are skipped and counted.
    fn next_due(&self, last: Instant) -> Instant {
        let mut due = last + self.assignment.interval;
        while due < Instant::now() {
            due += self.assignment.interval;
            self.skipped.overlap.fetch_add(1, Ordering::Relaxed);
        }
        due
    }

    async fn cycle(&mut self) {
        let (now, wall) = (self.assignment.clock.now(), Clock::wall());
        let sample = self.source.sample(now).await;
        if sample.cycle.up {
            self.last_sample_at = Some(wall);
        }
        let fragment = self.understand(sample).await;
        self.assignment.board.post(self.assignment.index, fragment);
        self.assignment.bell.ring(self.assignment.index);
    }

    /// Analysis and rendering, off the async workers: on a large cluster they take a good part of a second.
    async fn understand(&mut self, sample: Sample) -> Fragment {
        let mut analysis = self
            .analysis
            .take()
            .expect("given back at the end of each cycle");
        let facts = Facts {
            last_sample_at: self.last_sample_at,
            samples_skipped: self.skipped.counts(),
        };
        let assignment = Arc::clone(&self.assignment);
        let work = tokio::task::spawn_blocking(move || {
            let report = analysis.observe(sample);
            let Assignment {
                cluster,
                granularity,
                board,
                ..
            } = &*assignment;
            let room = board.room();
            let fragment = render_within(room, cluster, &report, &facts, *granularity);
            (fragment, analysis)
        });
        let (fragment, analysis) = work
            .await
            .unwrap_or_else(|error| resume_unwind(error.into_panic()));
        self.analysis = Some(analysis);
        fragment
    }
}
