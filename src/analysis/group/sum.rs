//! The sum over a group's partitions in one topic. It moves only when every partition's pair is from the same cycle, so that a
//! partition that was not read invents no movement; what joins, leaves or rewinds shifts its level.

use super::judged::{Judged, signed};
use super::partition::PartitionWatch;
use crate::analysis::Settings;
use crate::analysis::curve::{Curve, SUM_GAPS};
use crate::analysis::history::TopicHistory;
use crate::analysis::history::partition::Step;
use crate::analysis::learned;
use crate::analysis::report::Slope;
use crate::analysis::sample::Time;
use crate::analysis::signal::lag_growth::{Lag, Profile, Series};
use crate::analysis::trend::rates::{Rates, Window};

/// Where in the window before the first cycle began arrivals are looked up, as shares of it, oldest first: its beginning, and between,
/// so that the oldest point is never much older than the window while that fills with samples. Of the usual 120 s these are
/// instants that the logs were asked for.
const PAST_SHARES: [f64; 3] = [1.0, 0.5, 0.25];

/// ΣA and ΣD of the partitions that have a lag.
pub(super) struct Sum {
    judged: Judged,
    /// Of the series: ΣA over time.
    curve: Curve,
    /// Level shifts of log end and commit since the series was last fed, in messages.
    shift: Shift,
    /// When it was last fed: the moment that its verdict, rates and slopes are about.
    fed_at: Option<Time>,
    rates: Rates,
    window: Window,
    arrived: u64,
    departed: u64,
}

/// Offsets reach to 2⁶³, so a sum of them may not fit; garbled ones must not end the watch of a whole cluster.
#[derive(Clone, Copy, Default)]
struct Shift {
    log_end: i64,
    committed: i64,
}

impl Shift {
    fn add(&mut self, log_end: i64, committed: i64) {
        self.log_end = self.log_end.saturating_add(log_end);
        self.committed = self.committed.saturating_add(committed);
    }
}

impl Sum {
    pub(super) fn new(rate_window: Window) -> Self {
        Self {
            judged: Judged::default(),
            curve: Curve::with_gaps(SUM_GAPS),
            shift: Shift::default(),
            fed_at: None,
            rates: Rates::new(rate_window),
            window: rate_window,
            arrived: 0,
            departed: 0,
        }
    }

    /// Goes on with other settings.
    pub(super) fn retune(&mut self, settings: &Settings) {
        self.window = settings.rate_window();
        self.rates.set_window(self.window);
        self.judged.retune(&settings.lag_growth);
    }

    /// Time broke off: rates begin anew, and the verdict on the troughs goes on.
    pub(super) fn interrupt(&mut self) {
        self.rates.clear();
        self.fed_at = None;
        // What arrived until now tells no ages any more. Troughs, habits and a stall stay: what waited still waits.
        self.curve = Curve::with_gaps(SUM_GAPS);
    }

    /// Goes on with what was learned before a restart, once there is a sum.
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
        self.judged.forget_learned();
    }

    /// The verdict on it.
    pub(super) fn series(&self) -> Option<&Series> {
        self.judged.series()
    }

    /// What a pair changed in one partition.
    pub(super) fn note(&mut self, partition: &mut PartitionWatch, step: &Step) {
        self.arrived = self.arrived.saturating_add(step.arrived);
        self.departed = self.departed.saturating_add(step.advanced);
        if step.restart.is_some() || partition.known().is_none() {
            self.leave(partition);
        }
        if partition.in_sum.is_some() {
            self.shift.add(0, -signed(step.rewound));
        }
    }

    /// A partition has no lag any more, or another log.
    pub(super) fn leave(&mut self, partition: &mut PartitionWatch) {
        if let Some(was) = partition.in_sum.take() {
            self.shift.add(-signed(was.log_end), -signed(was.committed));
        }
    }

    /// Takes the next sample, if every partition was read in this cycle. `began` is when the cycle did.
    pub(super) fn follow(
        &mut self,
        partitions: &mut [PartitionWatch],
        arrivals: &TopicHistory,
        began: Time,
        p: &Profile,
    ) {
        let read_at = partitions.iter().filter_map(PartitionWatch::read_at);
        if partitions.is_empty() || !partitions.iter().all(|partition| partition.fresh) {
            return;
        }
        let t = read_at.fold(f64::NEG_INFINITY, f64::max);
        self.fed_at = Some(t);
        if self.rates.is_empty() {
            self.look_back(partitions, arrivals, began);
        }
        self.rates
            .push(t, self.arrived as f64, self.departed as f64);
        // When nobody stays, nothing connects the new level with the old one.
        let anyone_stays = partitions
            .iter()
            .any(|partition| partition.in_sum.is_some());
        let total = self.join(partitions);
        let shift = std::mem::take(&mut self.shift);
        let Some((log_end, committed)) = total else {
            self.judged.end();
            return;
        };
        if anyone_stays && self.series().is_some() {
            self.curve.rebase(shift.log_end);
        } else {
            self.judged.end();
            self.curve = Curve::with_gaps(SUM_GAPS);
        }
        self.curve.append(t, log_end);
        let lag = Lag {
            at: t,
            log_end,
            committed,
            time_lag: self.curve.age(committed, t),
        };
        self.judged.sample(lag, (shift.log_end, shift.committed), p);
    }

    /// What had arrived before the first sample, if that is known of every partition. Departures are not: nobody told of them.
    fn look_back(&mut self, partitions: &[PartitionWatch], arrivals: &TopicHistory, began: Time) {
        for share in PAST_SHARES {
            let at = began - share * self.window.seconds;
            let known = partitions.iter().filter_map(|partition| {
                let log_end = partition.known()?.log_end as f64;
                Some((partition.number, log_end))
            });
            let since = known.map(|(number, log_end)| {
                let curve = &arrivals.partition(number)?.curve;
                Some((log_end - curve.at(at)?).max(0.0))
            });
            if let Some(since) = since.sum::<Option<f64>>() {
                self.rates.precede(at, self.arrived as f64 - since);
            }
        }
    }

    /// It was fed recently enough to stand for the present. Brokers that miss cycles in turn leave every partition with a recent
    /// pair and no cycle whole: the lag is known then, but where it goes was last known when it was last fed.
    pub(super) fn is_current(&self, now: Time, max_age_seconds: f64) -> bool {
        self.age(now).is_some_and(|age| age <= max_age_seconds)
    }

    /// Seconds since it was last fed.
    pub(super) fn age(&self, now: Time) -> Option<f64> {
        self.fed_at.map(|at| now - at)
    }

    /// Messages that the commits advanced by since the beginning.
    pub(super) fn departed(&self) -> u64 {
        self.departed
    }

    pub(super) fn production_rate(&self) -> Option<f64> {
        self.rates.production()
    }

    pub(super) fn consumption_rate(&self) -> Option<f64> {
        self.rates.consumption()
    }

    pub(super) fn rate_slope(&self) -> Option<Slope> {
        self.rates.lag_slope()
    }

    /// ΣA and ΣD, with what is new as a shift; `None` when no partition has a lag.
    fn join(&mut self, partitions: &mut [PartitionWatch]) -> Option<(u64, u64)> {
        let mut total = None;
        for partition in partitions {
            let Some(now) = partition.known() else {
                continue;
            };
            if partition.in_sum.is_none() {
                self.shift.add(signed(now.log_end), signed(now.committed));
            }
            partition.in_sum = Some(now);
            let (log_end, committed) = total.unwrap_or((0u64, 0u64));
            total = Some((
                log_end.saturating_add(now.log_end),
                committed.saturating_add(now.committed),
            ));
        }
        total
    }
}
