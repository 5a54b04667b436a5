//! A group in one topic: its partitions, their sum, and what is published of both.

use std::sync::Arc;

use super::ceilings::{Depths, TopicCeilings, growth_severity};
use super::growth::Growth;
use super::partition::{PartitionWatch, Watched};
use super::retention;
use super::retries::{Happened, Retries};
use super::sum::Sum;
use super::{Cycle, delays};
use crate::analysis::history::partition::Step;
use crate::analysis::history::{Restart, TopicHistory};
use crate::analysis::report::{
    Counts, DivergenceReport, GrowthState, LagGrowth, PartitionReport, TopicReport,
};
use crate::analysis::sample::{PartitionSample, Time, TopicSample};
use crate::analysis::signal::churn::Churn;
use crate::analysis::signal::divergence::Divergence;
use crate::analysis::trend::{delay, forecast};
use crate::analysis::{Mute, Rules, Settings, Signals};

/// A group in one topic.
pub(super) struct TopicWatch {
    settings: Arc<Settings>,
    mute: Option<Arc<Mute>>,
    /// How many partitions the topic has.
    width: usize,
    ceilings: TopicCeilings,
    /// Those with a commit, in order of their numbers.
    partitions: Vec<PartitionWatch>,
    sum: Sum,
    divergence: Divergence,
    retries: Retries,
    counts: Counts,
    /// It was in the present answer.
    pub(super) seen: bool,
}

/// What the partitions amount to now; `None` is "not known".
struct Present {
    partitions: Vec<PartitionReport>,
    partitions_unknown: u32,
    lag: Option<u64>,
    time_lag: Option<f64>,
    deleted_unread: Option<u64>,
}

impl TopicWatch {
    pub(super) fn new(rules: Rules, cycle: &Cycle) -> Self {
        let settings = rules.settings;
        Self {
            ceilings: TopicCeilings::new(rules.ceilings),
            partitions: Vec::new(),
            sum: Sum::new(settings.rate_window()),
            width: 0,
            settings,
            mute: rules.mute,
            divergence: Divergence::new(cycle.sample.at),
            retries: Retries::new(cycle.sample.at),
            counts: Counts::default(),
            seen: false,
        }
    }

    /// Goes on by other rules.
    pub(super) fn retune(&mut self, rules: Rules) {
        let before = std::mem::replace(&mut self.settings, rules.settings);
        self.mute = rules.mute;
        self.ceilings.retune(rules.ceilings);
        if before.ceiling.window_seconds != self.settings.ceiling.window_seconds {
            self.ceilings.look_back_anew();
        }
        self.sum.retune(&self.settings);
        self.retries.retune(&self.settings);
        let has_delay_ceiling = self.ceilings.delay_seconds().is_some();
        for partition in &mut self.partitions {
            partition.retune(has_delay_ceiling, &self.settings);
        }
        self.retune_series();
    }

    /// The partitions of a topic that grew wide are judged by another profile.
    fn set_width(&mut self, partitions: usize) {
        let before = std::mem::replace(&mut self.width, partitions);
        let settings = &*self.settings;
        if before > 0 && settings.is_strict(before) != settings.is_strict(partitions) {
            self.retune_series();
        }
    }

    fn retune_series(&mut self) {
        let profile = self.settings.profile_of_a_partition(self.width);
        for partition in &mut self.partitions {
            partition.retune_series(profile);
        }
    }

    /// Time broke off since the last sample.
    pub(super) fn interrupt(&mut self) {
        self.sum.interrupt();
        self.divergence.interrupt();
        self.retries.interrupt();
        let partitions = self.partitions.iter_mut();
        partitions.for_each(PartitionWatch::interrupt);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Takes `(partition, committed offset)` in order of partition; one that is not among them has no commit. `began` is when the
    /// cycle did.
    pub(super) fn take(
        &mut self,
        group: &str,
        commits: &[(u32, u64)],
        topic: &TopicSample,
        arrivals: &TopicHistory,
        cycle: &Cycle,
    ) {
        self.seen = true;
        self.forget_all_but(commits);
        self.set_width(topic.partitions.len());
        let settings = &*Arc::clone(&self.settings);
        let edge_shift = self.divergence.edge_shift();
        let mut rewinds_now = 0;
        for &(number, committed) in commits {
            let index = self.index_of(number, settings);
            let watch = &mut self.partitions[index];
            watch.fresh = false;
            let Some(arrived) = arrivals.partition(number) else {
                continue;
            };
            let mut watched = Watched {
                rate_window: settings.rate_window(),
                profile: settings.profile_of_a_partition(self.width),
                edge_shift,
                window: &mut self.divergence.window,
            };
            let sample = topic.partitions.get(number as usize);
            let sample = sample.copied().unwrap_or_else(PartitionSample::default);
            let step = watch.take(committed, &sample, arrived, &mut watched);
            retention::mind(watch, arrivals, settings);
            self.sum.note(watch, &step);
            count(&mut self.counts, &step);
            rewinds_now += usize::from(step.rewound > 0);
        }
        let (began, profile) = (cycle.sample.began, &settings.lag_growth);
        self.sum
            .follow(&mut self.partitions, arrivals, began, profile);
        delays::follow(
            &mut self.divergence,
            cycle.sample.at,
            &mut self.partitions,
            arrivals,
            &settings.divergence,
        );
        let happened = Happened {
            consumed: self.sum.departed() as f64,
            rewound: self.counts.reprocessed_messages as f64,
            rewinds_now,
        };
        self.retries.follow(
            cycle.sample.at,
            (group, &topic.name),
            happened,
            cycle.history,
            settings,
        );
    }

    /// The group's coordinator did not answer: what is known grows old.
    pub(super) fn take_silence(&mut self) {
        for partition in &mut self.partitions {
            partition.fresh = false;
        }
    }

    /// What is now known.
    pub(super) fn report(
        &mut self,
        name: &Arc<str>,
        now: Time,
        churn: Option<&Churn>,
        cycle: &Cycle,
    ) -> TopicReport {
        let settings = &*Arc::clone(&self.settings);
        let present = self.present(now, settings.max_age_seconds);
        // Where the lag goes is told only of a present sum, and only while the sum was fed recently.
        let followed = present.lag.is_some() && self.sum.is_current(now, settings.max_age_seconds);
        let series = self.sum.series.as_deref();
        let judged = series.filter(|_| followed);
        let growth = if followed {
            Growth::worst(series, &self.partitions)
        } else {
            Growth::UNKNOWN
        };
        let state = growth.state;
        let trend_slope = judged.and_then(|series| series.slope(&settings.lag_growth));
        let rate_slope = self.sum.rate_slope().filter(|_| followed);
        let sum_grows = judged.is_some_and(|series| series.state() >= GrowthState::Accumulating);
        let depths = Depths {
            lag: present.lag,
            time_lag: present.time_lag,
            partitions: &present.partitions,
            watches: &self.partitions,
            topic: present.lag.and(cycle.history.topic(name)),
            state,
            slope: trend_slope.filter(|_| sum_grows),
        };
        let ceilings = self.ceilings.follow(now, &depths, &settings.ceiling);
        let onset = growth.onset;
        let loses = self
            .partitions
            .iter()
            .any(|partition| partition.deleted_unread() > Some(0));
        TopicReport {
            topic: name.clone(),
            lag_messages: present.lag,
            time_lag_seconds: present.time_lag,
            deleted_unread_messages: present.deleted_unread,
            production_rate: self.sum.production_rate().filter(|_| followed),
            consumption_rate: self.sum.consumption_rate().filter(|_| followed),
            rate_slope,
            trend_slope,
            drain_seconds: present
                .lag
                .zip(rate_slope)
                .and_then(|(lag, slope)| forecast::drain_seconds(lag as f64, slope)),
            lag_growth: LagGrowth {
                state,
                partition: growth.partition,
                severity: growth_severity(state, &ceilings, settings.critical_eta_seconds),
                onset: onset.map(|onset| onset.at.min(now)),
                // A partition that left took its last lag along, which may be more than was there at the onset: then nobody knows.
                onset_lag_messages: onset.map(|onset| onset.lag).filter(|lag| *lag >= 0.0),
            },
            divergence: DivergenceReport {
                severity: self
                    .divergence
                    .severity(self.ceilings.delay_seconds(), &settings.divergence)
                    .filter(|_| followed),
                tail: self.divergence.tail().to_vec(),
            },
            ceiling: self
                .ceilings
                .verdict(&ceilings, state, loses, &settings.ceiling),
            retry_storm: self.retries.report(now, churn, settings),
            delays: self.divergence.quantiles().filter(|_| followed),
            ceilings,
            habits_known: series.is_some_and(|series| series.habits_known(&settings.lag_growth)),
            partitions_unknown: present.partitions_unknown,
            counts: self.counts,
            partitions: present.partitions,
            muted: self.muted(now + cycle.sample.cycle.wall_ahead_seconds),
        }
    }

    /// What is not to be called now, by the wall clock.
    fn muted(&self, wall: Time) -> Signals {
        let muted = self.mute.as_ref().map(|mute| mute.at(wall));
        muted.unwrap_or_default()
    }

    fn forget_all_but(&mut self, commits: &[(u32, u64)]) {
        let sum = &mut self.sum;
        self.partitions.retain_mut(|partition| {
            let number = partition.number;
            let stays = commits.binary_search_by_key(&number, |c| c.0).is_ok();
            if !stays {
                sum.leave(partition);
            }
            stays
        });
    }

    fn index_of(&mut self, number: u32, settings: &Settings) -> usize {
        let found = self.partitions.binary_search_by_key(&number, |p| p.number);
        found.unwrap_or_else(|index| {
            let has_delay_ceiling = self.ceilings.delay_seconds().is_some();
            let watch = PartitionWatch::new(number, has_delay_ceiling, settings);
            self.partitions.insert(index, watch);
            index
        })
    }

    /// A sum is known only while each partition with a commit has a recent pair. One whose commit lies beyond the log end has
    /// such a pair, but no lag: it is counted as unknown, and the others are summed without it, else one left-over commit in
    /// an idle partition would hide a whole topic for good.
    fn present(&self, now: Time, max_age_seconds: f64) -> Present {
        let reports = self.partitions.iter();
        let partitions: Vec<_> = reports
            .filter_map(|partition| partition.report(now, max_age_seconds))
            .collect();
        let all_current = self
            .partitions
            .iter()
            .all(|partition| partition.is_current(now, max_age_seconds));
        let is_known = all_current && !partitions.is_empty();
        let unknown = self.partitions.len() - partitions.len();
        let lags = || partitions.iter().map(|p| p.lag_messages);
        let lag = || lags().fold(0, u64::saturating_add);
        let time_lag = || delay::worst(partitions.iter().map(|p| p.time_lag_seconds));
        Present {
            partitions_unknown: u32::try_from(unknown).unwrap_or(u32::MAX),
            lag: is_known.then(lag),
            time_lag: is_known.then(time_lag).flatten(),
            deleted_unread: is_known.then(|| self.deleted_unread()).flatten(),
            partitions,
        }
    }

    /// Of the partitions that have a lag, if of each is known where its log begins.
    fn deleted_unread(&self) -> Option<u64> {
        let known = self.partitions.iter().filter(|p| p.known().is_some());
        let mut unread = known.map(PartitionWatch::deleted_unread);
        unread.try_fold(0, |sum: u64, unread| Some(sum.saturating_add(unread?)))
    }
}

fn count(counts: &mut Counts, step: &Step) {
    counts.reprocessed_messages = counts.reprocessed_messages.saturating_add(step.rewound);
    counts.lost_messages = counts.lost_messages.saturating_add(step.lost);
    counts.rewound += u64::from(step.rewound > 0);
    counts.skipped += u64::from(step.skipped);
    counts.recreated += u64::from(step.restart == Some(Restart::Recreated));
    counts.truncated += u64::from(step.restart == Some(Restart::Truncated));
    counts.past_end += u64::from(step.past_end);
}
