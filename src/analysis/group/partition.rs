//! A group in one partition: its last pair of offsets, and what follows from it.

use super::judged::{Judged, signed};
use super::retention::Limits;
use crate::analysis::Settings;
use crate::analysis::history::Arrivals;
use crate::analysis::history::partition::{Offsets, Partition, Step};
use crate::analysis::learned;
use crate::analysis::report::{Eta, GrowthState, PartitionReport};
use crate::analysis::sample::{Edge, PartitionSample, Time};
use crate::analysis::signal::lag_growth::{Lag, Profile, Series};
use crate::analysis::signal::straggler::Straggler;
use crate::analysis::trend::delay::{OpenWindow, Pair, PartitionDelays};
use crate::analysis::trend::forecast::APPROACH_WINDOW_SECONDS;
use crate::analysis::trend::rates::{Rates, RecentLags, Window};
use crate::analysis::trend::retention::Unread;

/// What all partitions of a topic are watched with.
pub(super) struct Watched<'a> {
    pub(super) rate_window: Window,
    /// Of signal 1, for a partition; absent where there is no need to judge it by itself.
    pub(super) profile: Option<&'a Profile>,
    /// Of a share group, whose commits are reckoned from a lag and a log end: so many seconds may be between the two.
    pub(super) apart_seconds: Option<f64>,
    /// How much earlier than its sample a commit is taken to have been made, in seconds.
    pub(super) edge_shift: f64,
    /// The partition's commits since the last sample, where that is known.
    pub(super) edges: Option<&'a [Edge]>,
    /// So many seconds after the last commit the next one may still come; absent where lags are not told by the commits.
    pub(super) commit_patience: Option<f64>,
    /// The delays and the commit gaps of the open window.
    pub(super) window: OpenWindow<'a>,
}

/// A partition that the group has a commit in.
pub(super) struct PartitionWatch {
    pub(super) number: u32,
    partition: Partition,
    /// When the log end of the last pair was read.
    read_at: Option<Time>,
    /// The last pair is from the present cycle.
    pub(super) fresh: bool,
    /// Commits were told in a cycle without a log end: they are in no pair.
    pub(super) misses_edges: bool,
    pub(super) time_lag: Option<f64>,
    recent: RecentLags,
    judged: Judged,
    delays: Option<PartitionDelays>,
    straggler: Straggler,
    /// Only where there is a delay ceiling to approach, or the topic's retention is near.
    approach: Option<Box<Rates>>,
    has_delay_ceiling: bool,
    /// What it contributed to the sum when that was last taken.
    pub(super) in_sum: Option<Offsets>,
}

impl PartitionWatch {
    pub(super) fn new(number: u32, has_delay_ceiling: bool, settings: &Settings) -> Self {
        Self {
            number,
            partition: Partition::default(),
            read_at: None,
            fresh: false,
            misses_edges: false,
            time_lag: None,
            recent: RecentLags::default(),
            judged: Judged::default(),
            delays: None,
            straggler: Straggler::default(),
            approach: has_delay_ceiling.then(|| approach(settings)),
            has_delay_ceiling,
            in_sum: None,
        }
    }

    /// Goes on with other settings.
    pub(super) fn retune(&mut self, has_delay_ceiling: bool, settings: &Settings) {
        self.has_delay_ceiling = has_delay_ceiling;
        match &mut self.approach {
            Some(rates) if has_delay_ceiling => {
                rates.set_window(settings.window(APPROACH_WINDOW_SECONDS));
            }
            none => *none = has_delay_ceiling.then(|| approach(settings)),
        }
    }

    /// Goes on with other thresholds of signal 1.
    pub(super) fn retune_series(&mut self, p: &Profile) {
        self.judged.retune(p);
    }

    /// Time broke off: the last pair stands for nothing until it is read again. Where its offsets were is still what movement is
    /// counted from.
    pub(super) fn interrupt(&mut self) {
        self.read_at = None;
        self.fresh = false;
        self.forget_times();
    }

    /// Takes a commit, with the log end if that was read in the same cycle. Without it the last pair stands: a new end against an
    /// old commit, or the reverse, would be invented growth.
    pub(super) fn take(
        &mut self,
        committed: u64,
        sample: &PartitionSample,
        arrivals: &Arrivals,
        watched: &mut Watched,
    ) -> Step {
        self.fresh = false;
        let Some(log_end) = sample.log_end else {
            self.misses_edges = true;
            return Step::default();
        };
        let mut now = Offsets {
            log_end: log_end.offset,
            committed,
        };
        if let Some(apart_seconds) = watched.apart_seconds {
            now.committed = self.steadied(log_end.at, now, apart_seconds, arrivals);
        }
        let log_start = sample.log_start.map(|read| read.offset);
        let step = self.partition.take(now, log_start, arrivals);
        self.fresh = true;
        self.read_at = Some(log_end.at);
        if step.restart.is_some() {
            self.judged.forget_remembered();
        }
        if step.restart.is_some() || self.known().is_none() {
            self.begin_anew();
        }
        if self.known().is_some() {
            self.follow(log_end.at, now, step, arrivals, watched);
        }
        step
    }

    /// The last pair, if it is worth something.
    pub(super) fn known(&self) -> Option<Offsets> {
        self.partition.known()
    }

    /// Goes on with what was learned before a restart, once it has a lag.
    pub(super) fn remember(&mut self, learned: learned::Series) {
        self.judged.remember(learned);
    }

    pub(super) fn learned(&self, p: &Profile) -> Option<learned::Series> {
        self.judged.learned(p)
    }

    /// Only these rises were learned.
    pub(super) fn put_back(&mut self, learned: &[learned::Level], p: &Profile) {
        self.judged.put_back(learned, p);
    }

    pub(super) fn forget_learned(&mut self) {
        self.straggler.note_called();
        self.judged.forget_learned();
    }

    /// The verdict on its own lag.
    pub(super) fn series(&self) -> Option<&Series> {
        self.judged.series()
    }

    /// Its delays, and how far it is behind its siblings.
    pub(super) fn delays(&mut self) -> Option<(&mut PartitionDelays, &mut Straggler)> {
        Some((self.delays.as_mut()?, &mut self.straggler))
    }

    /// The same, to look at.
    pub(super) fn straggler(&self) -> Option<(&PartitionDelays, &Straggler)> {
        Some((self.delays.as_ref()?, &self.straggler))
    }

    /// Messages ahead of its commit that are deleted.
    pub(super) fn deleted_unread(&self) -> Option<u64> {
        self.partition.deleted_unread()
    }

    pub(super) fn read_at(&self) -> Option<Time> {
        self.read_at
    }

    /// The last pair is not too old to stand for the present.
    pub(super) fn is_current(&self, now: Time, max_age_seconds: f64) -> bool {
        self.read_at.is_some_and(|at| now - at <= max_age_seconds)
    }

    pub(super) fn report(&self, now: Time, max_age_seconds: f64) -> Option<PartitionReport> {
        let offsets = self
            .known()
            .filter(|_| self.is_current(now, max_age_seconds))?;
        Some(PartitionReport {
            partition: self.number,
            lag_messages: offsets.lag(),
            time_lag_seconds: self.time_lag,
            rate_slope: self.recent.slope(),
        })
    }

    /// When its oldest uncommitted message reaches an age in seconds. `stalled`: the whole group is.
    pub(super) fn delay_eta(
        &self,
        ceiling_seconds: f64,
        arrivals: &Arrivals,
        stalled: bool,
    ) -> Option<Eta> {
        self.unread(arrivals, stalled)?.until_age(ceiling_seconds)
    }

    /// Where the log begins, if that is above the commit: what lies between is gone, and was not committed.
    pub(super) fn log_start_beyond_commit(&self, arrivals: &Arrivals) -> Option<u64> {
        let committed = self.present(arrivals)?.committed;
        let gone = self.deleted_unread().filter(|messages| *messages > 0)?;
        Some(committed.saturating_add(gone))
    }

    /// When the topic's retention begins to delete what is unread, by the limit that comes first. `stalled`: the whole group is.
    pub(super) fn retention_eta(
        &self,
        limits: Limits,
        arrivals: &Arrivals,
        stalled: bool,
    ) -> Option<Eta> {
        let unread = self.unread(arrivals, stalled)?;
        if unread.lag == 0 {
            return None;
        }
        let (oldest, most) = (arrivals.start_ages.get(), arrivals.kept.get());
        let too_old = limits.seconds.and_then(|s| unread.until_too_old(s, oldest));
        let too_many = limits.messages.and_then(|m| unread.until_too_many(m, most));
        let etas = too_old.into_iter().chain(too_many);
        etas.min_by(|a, b| a.seconds.total_cmp(&b.seconds))
    }

    fn unread<'a>(&'a self, arrivals: &'a Arrivals, group_stalled: bool) -> Option<Unread<'a>> {
        let (offsets, now) = (self.present(arrivals)?, self.read_at?);
        let stalled = |series: &Series| series.state() == GrowthState::Stalled;
        Some(Unread {
            now,
            curve: &arrivals.curve,
            committed: offsets.committed,
            lag: offsets.lag(),
            rates: self.approach.as_deref(),
            stalled: group_stalled || self.series().is_some_and(stalled),
        })
    }

    pub(super) fn remember_pace(&mut self, empty: impl FnOnce() -> Rates) {
        self.approach.get_or_insert_with(|| Box::new(empty()));
    }

    pub(super) fn forget_pace(&mut self) {
        if !self.has_delay_ceiling {
            self.approach = None;
        }
    }

    /// The last pair, if it is of the present log: one from before a restart says nothing about the new log's curve.
    fn present(&self, arrivals: &Arrivals) -> Option<Offsets> {
        self.known().filter(|_| self.partition.is_of(arrivals))
    }

    /// What arrived between a lag and its log end looks like a commit that moved, or moved back: nobody would be seen to stop. A
    /// move is believed when it is more than that can be; a slow one adds up until it is.
    fn steadied(&self, at: Time, now: Offsets, apart_seconds: f64, arrivals: &Arrivals) -> u64 {
        let Some((last, read_at)) = self.present(arrivals).zip(self.read_at) else {
            return now.committed;
        };
        let arrived = now.log_end.saturating_sub(last.log_end) as f64;
        let noise = arrived * apart_seconds / (at - read_at).max(apart_seconds);
        let moved = now.committed.abs_diff(last.committed) as f64;
        if moved < noise {
            last.committed
        } else {
            now.committed
        }
    }

    fn follow(
        &mut self,
        at: Time,
        now: Offsets,
        step: Step,
        arrivals: &Arrivals,
        watched: &mut Watched,
    ) {
        self.time_lag = arrivals.curve.age(now.committed, at);
        self.recent.shift(step.rewound as f64);
        self.note_lag(at, now, arrivals, watched);
        match watched.profile {
            Some(profile) => self.judge(at, now, step, profile),
            None => self.judged = Judged::default(),
        }
        self.follow_delays(at, now, step, arrivals, watched);
        if let Some(rates) = &mut self.approach {
            rates.rewind(step.rewound as f64);
            rates.push(at, now.log_end as f64, now.committed as f64);
        }
    }

    /// A lag that is sampled is that of any time between two commits. Where it is known when they were, the lag right after each is
    /// what is compared: the samples in between say how long ago it was, and nothing of where it goes, until one is overdue.
    fn note_lag(&mut self, at: Time, now: Offsets, arrivals: &Arrivals, watched: &Watched) {
        let (lag, window) = (now.lag() as f64, watched.rate_window);
        let Some(patience) = watched.commit_patience else {
            return self.recent.push(at, lag, window);
        };
        let newest = watched.edges.and_then(<[Edge]>::last);
        let just_after = newest.and_then(|edge| {
            let left_at = edge.at.min(at);
            let log_end = arrivals.curve.at(left_at)?;
            Some((left_at, (log_end - now.committed as f64).max(0.0)))
        });
        let delays = self.delays.as_ref();
        let may_come = delays.is_some_and(|delays| at - delays.waiting_since() <= patience);
        if let Some((left_at, lag)) = just_after {
            self.recent.push(left_at, lag, window);
        } else if lag == 0.0 || !may_come {
            self.recent.push(at, lag, window);
        }
    }

    fn judge(&mut self, at: Time, now: Offsets, step: Step, p: &Profile) {
        let lag = Lag {
            at,
            log_end: now.log_end,
            committed: now.committed,
            time_lag: self.time_lag,
        };
        self.judged.sample(lag, (0, -signed(step.rewound)), p);
    }

    fn follow_delays(
        &mut self,
        at: Time,
        now: Offsets,
        step: Step,
        arrivals: &Arrivals,
        watched: &mut Watched,
    ) {
        let shift = watched.edge_shift;
        let pair = Pair {
            at,
            log_end: now.log_end,
            committed: now.committed,
            edges: watched.edges.unwrap_or_default(),
            is_exact: watched.edges.is_some(),
        };
        match &mut self.delays {
            Some(delays) => {
                // Where edges are known they say how it went.
                if step.rewound > 0 && pair.edges.is_empty() {
                    delays.rewind(now.committed);
                }
                let (curve, into) = (&arrivals.curve, &mut watched.window);
                if let Some(age) = delays.sample(&pair, shift, curve, into) {
                    self.straggler.sample(age, true);
                }
                if let Some(age) = self.time_lag {
                    // Waiting since now: the commit advanced, or nothing waits.
                    self.straggler.sample(age, delays.waiting_since() == at);
                }
            }
            none => {
                *none = Some(PartitionDelays::new(&pair, shift));
            }
        }
    }

    fn begin_anew(&mut self) {
        self.judged.end();
        self.forget_times();
    }

    /// What rests on when something happened.
    fn forget_times(&mut self) {
        self.time_lag = None;
        self.delays = None;
        self.straggler = Straggler::default();
        self.recent = RecentLags::default();
        if let Some(rates) = &mut self.approach {
            rates.clear();
        }
    }
}

fn approach(settings: &Settings) -> Box<Rates> {
    Box::new(Rates::new(settings.window(APPROACH_WINDOW_SECONDS)))
}
