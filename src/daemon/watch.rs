//! One cluster's task: tick → sample → analyse → render → post. A bulkhead: its own client, its own state, its own clock, nothing
//! shared with another cluster but the board. It takes new orders between two cycles.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch::Receiver;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::Source;
use super::clock::{Clock, Look};
use super::memory::Memory;
use super::mind::{Held, Mind};
use super::orders::Orders;
use super::publish::Bell;
use super::relapse::{Relapses, Totals};
use super::watches::Outside;
use crate::analysis::Analysis;
use crate::analysis::sample::{Sample, Time};
use crate::expose::board::{Board, Place};
use crate::expose::metrics::{Facts, Fragment, render_within};

/// A cluster to watch, and all that its task needs.
pub(super) struct Assignment<S> {
    pub(super) cluster: String,
    /// Where the analysis is.
    pub(super) mind: Arc<Mind>,
    pub(super) memory: Arc<Memory>,
    pub(super) orders: Receiver<Arc<Orders>>,
    pub(super) outside: Outside<S>,
    pub(super) place: Place,
    /// Says how much room there is.
    pub(super) board: Arc<Board>,
    pub(super) bell: Bell,
}

impl<S> Assignment<S> {
    /// Goes on with what was learned of the cluster that this is a sample of, once it says which it is.
    fn identify(&self, held: &mut Held, orders: &Orders, sample: &Sample) {
        if let Some(identity) = orders.identity(sample) {
            held.recognise(identity, |who| self.memory.claim(&self.cluster, who));
        }
    }
}

/// Watches one cluster until it is dropped, and starts over after a bug: a panic in here takes nothing else down.
pub(super) async fn watch_for_ever<S: Source>(assignment: Assignment<S>) {
    let (assignment, lasting) = (Arc::new(assignment), Arc::new(Lasting::default()));
    let mut relapses = Relapses::default();
    loop {
        let began = Instant::now();
        let mut task = JoinSet::new();
        task.spawn(Watch::new(Arc::clone(&assignment), Arc::clone(&lasting)).run());
        let Some(Err(error)) = task.join_next().await else {
            return;
        };
        lasting.skipped.panic.fetch_add(1, Ordering::Relaxed);
        let (cluster, reason) = (&assignment.cluster, reason(error));
        let interval = assignment.orders.borrow().common.sample_interval;
        let (pause, is_news) = relapses.another(&reason, began.elapsed(), interval);
        if is_news {
            tracing::error!(
                cluster,
                reason,
                "a bug ended the watch of this cluster: it starts over with an empty history; should it come back, that is only counted"
            );
        }
        sleep_until(Instant::now() + pause).await;
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

/// What a watch that starts over goes on with: counters.
#[derive(Debug, Default)]
struct Lasting {
    /// The past was recalled, or that was tried: a bug in it must not end every life.
    has_recalled: AtomicBool,
    skipped: Skipped,
    totals: Mutex<Totals>,
}

/// Cycles that did not happen.
#[derive(Debug, Default)]
struct Skipped {
    clock: AtomicU64,
    overlap: AtomicU64,
    panic: AtomicU64,
}

impl Lasting {
    /// A panic elsewhere leaves the counts right.
    fn totals<T>(&self, work: impl FnOnce(&mut Totals) -> T) -> T {
        work(&mut self.totals.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Skipped {
    fn counts(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("clock", self.clock.load(Ordering::Relaxed)),
            ("overlap", self.overlap.load(Ordering::Relaxed)),
            ("panic", self.panic.load(Ordering::Relaxed)),
        ]
    }
}

/// One life of a cluster's watch: until a bug ends it.
struct Watch<S> {
    assignment: Arc<Assignment<S>>,
    orders: Receiver<Arc<Orders>>,
    /// The orders that source and analysis go by.
    in_force: Arc<Orders>,
    clock: Clock,
    source: S,
    lasting: Arc<Lasting>,
    last_sample_at: Option<Time>,
}

impl<S: Source> Watch<S> {
    fn new(assignment: Arc<Assignment<S>>, lasting: Arc<Lasting>) -> Self {
        lasting.totals(Totals::start_over);
        let mut orders = assignment.orders.clone();
        let in_force = Arc::clone(&orders.borrow_and_update());
        assignment.mind.begin(in_force.analysis());
        Self {
            source: (assignment.outside.source)(&in_force.cluster),
            clock: Clock::start(assignment.outside.clocks.clone()),
            assignment,
            orders,
            in_force,
            lasting,
            last_sample_at: None,
        }
    }

    async fn run(mut self) {
        self.assignment.memory.loaded().await;
        self.recall().await;
        let mut tick = Instant::now();
        loop {
            self.obey().await;
            self.cycle().await;
            let due = self.next_due(tick);
            tick = self.wait(tick, due).await;
        }
    }

    /// What somebody knows of before it was watched is understood as if it had been read then.
    async fn recall(&mut self) {
        if self.lasting.has_recalled.swap(true, Ordering::Relaxed) {
            return;
        }
        let now = self.clock.look().now;
        let interval = self.in_force.common.sample_interval.as_secs_f64();
        let past = self.source.past(now, interval).await;
        if self.clock.look().is_torn() {
            self.source.forget_past();
            return;
        }
        let (orders, assignment) = (Arc::clone(&self.in_force), Arc::clone(&self.assignment));
        self.with_mind(move |held| {
            held.wall_ahead_seconds = now.wall_ahead_seconds;
            for sample in past {
                // Habits come first: what is understood now is judged by them.
                assignment.identify(held, &orders, &sample);
                held.analysis.observe(sample);
            }
            held.analysis.end_past();
        })
        .await;
    }

    /// The next tick that is still to come; those that the cycle has run into are skipped and counted.
    fn next_due(&self, last: Instant) -> Instant {
        let interval = self.in_force.common.sample_interval;
        let mut due = last + interval;
        while due < Instant::now() {
            due += interval;
            self.lasting.skipped.overlap.fetch_add(1, Ordering::Relaxed);
        }
        due
    }

    /// Waits for the tick, which orders with a shorter interval bring forward: ten minutes are long when the new interval is a second.
    async fn wait(&mut self, last: Instant, mut due: Instant) -> Instant {
        loop {
            tokio::select! {
                () = sleep_until(due) => return due,
                Ok(()) = self.orders.changed() => {
                    let sooner = last + self.orders.borrow().common.sample_interval;
                    if sooner < due {
                        due = sooner.max(Instant::now());
                    }
                }
            }
        }
    }

    /// Goes by the newest orders from now on. Only what they change is touched.
    async fn obey(&mut self) {
        let orders = Arc::clone(&self.orders.borrow());
        if Arc::ptr_eq(&orders, &self.in_force) {
            return;
        }
        let before = std::mem::replace(&mut self.in_force, Arc::clone(&orders));
        if before.cluster != orders.cluster {
            self.source.reconfigure(&orders.cluster);
        }
        self.with_analysis(move |analysis| {
            if before.common != orders.common {
                orders.retune(analysis);
            }
            if !before.means_the_same(&orders) {
                analysis.begin_new_curves();
            }
        })
        .await;
    }

    async fn cycle(&mut self) {
        let began = self.clock.look();
        self.mind_step(&began).await;
        let mut sample = self.source.sample(began.now).await;
        let ended = self.clock.look();
        if ended.is_torn() {
            self.discard(&ended).await;
            return;
        }
        self.lasting
            .totals(|totals| totals.complete(&mut sample.cycle));
        sample.cycle.wall_ahead_seconds = ended.now.wall_ahead_seconds;
        if sample.cycle.up {
            self.last_sample_at = Some(began.now.time + began.now.wall_ahead_seconds);
        }
        let fragment = self.understand(sample, began.now.wall_ahead_seconds).await;
        let Assignment {
            place,
            bell,
            outside,
            ..
        } = &*self.assignment;
        let uncounted = outside.clocks.uncounted();
        place.post_at(fragment, self.in_force.stays_up(), uncounted);
        bell.ring();
    }

    /// After a step of unknown length nothing that was said or measured holds until it is read again.
    async fn mind_step(&mut self, look: &Look) {
        let Some(step_seconds) = look.step() else {
            return;
        };
        let Assignment {
            cluster,
            place,
            bell,
            ..
        } = &*self.assignment;
        tracing::warn!(
            cluster,
            step_seconds,
            "this machine's clock was set, or the machine was paused: rates and ages begin anew"
        );
        place.take_down();
        bell.ring();
        self.source.forget_past();
        self.with_analysis(Analysis::interrupt).await;
    }

    /// Some of its readings were timed before a sleep or a step and some after it, and none of them says which.
    async fn discard(&mut self, ended: &Look) {
        self.lasting.skipped.clock.fetch_add(1, Ordering::Relaxed);
        self.mind_step(ended).await;
        self.source.forget_past();
    }

    async fn understand(&mut self, sample: Sample, wall_ahead_seconds: f64) -> Fragment {
        let facts = Facts {
            last_sample_at: self.last_sample_at,
            samples_skipped: self.lasting.skipped.counts(),
        };
        let (orders, assignment) = (Arc::clone(&self.in_force), Arc::clone(&self.assignment));
        let board = Arc::clone(&assignment.board);
        self.with_mind(move |held| {
            held.wall_ahead_seconds = wall_ahead_seconds;
            held.most_groups = orders.cluster.kafka.limits.max_groups;
            assignment.identify(held, &orders, &sample);
            let report = held.analysis.observe(sample);
            (assignment.outside.ear)(&orders.cluster.name, &report);
            let granularity = orders.common.metrics.granularity;
            render_within(
                board.room(),
                &orders.cluster.name,
                &report,
                &facts,
                granularity,
            )
        })
        .await
    }

    async fn with_analysis<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Analysis) -> T + Send + 'static,
    ) -> T {
        self.with_mind(|held| work(&mut held.analysis)).await
    }

    /// Works off the async workers: on a large cluster analysis and rendering take a good part of a second.
    async fn with_mind<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Held) -> T + Send + 'static,
    ) -> T {
        let mind = Arc::clone(&self.assignment.mind);
        let work = tokio::task::spawn_blocking(move || mind.with(work));
        work.await
            .unwrap_or_else(|error| resume_unwind(error.into_panic()))
    }
}
