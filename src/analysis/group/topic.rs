//! A group in one topic: its partitions, their sum, and what they are fed.

mod explain;
mod report;
mod standing;

use std::sync::Arc;

use super::ceilings::TopicCeilings;
use super::partition::{PartitionWatch, Watched};
use super::retention;
use super::retries::{Happened, Retries};
use super::sum::Sum;
use super::{Cycle, delays};
use crate::analysis::history::partition::Step;
use crate::analysis::history::{Restart, TopicHistory};
use crate::analysis::learned;
use crate::analysis::report::Counts;
use crate::analysis::sample::{Edge, PartitionSample, Time, TopicCommits, TopicSample};
use crate::analysis::signal::divergence::Divergence;
use crate::analysis::{Mute, Rules, Settings};

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
    /// Those of the past that was recalled, which others counted then.
    counted_before: Counts,
    /// What was learned before a restart, if that was later than this began: until then it is learned a second time.
    learned_later: Option<Box<learned::Topic>>,
    /// Of partitions before a restart, until they have a commit, in order of number.
    remembered: Vec<(u32, learned::Series)>,
    /// It was in the present answer.
    pub(super) seen: bool,
}

impl TopicWatch {
    pub(super) fn new(rules: Rules, cycle: &Cycle) -> Self {
        let settings = rules.settings;
        let mut divergence = Divergence::new(cycle.sample.at);
        divergence.keep_histogram(settings.delay_histogram);
        Self {
            ceilings: TopicCeilings::new(rules.ceilings),
            partitions: Vec::new(),
            sum: Sum::new(settings.rate_window()),
            width: 0,
            settings,
            mute: rules.mute,
            divergence,
            retries: Retries::new(cycle.sample.at),
            counts: Counts::default(),
            counted_before: Counts::default(),
            learned_later: None,
            remembered: Vec::new(),
            seen: false,
        }
    }

    /// Goes on at `now` with what was learned before a restart.
    pub(super) fn remember(&mut self, learned: learned::Topic, now: Time) {
        if learned.seen_at > now {
            self.learned_later = Some(Box::new(learned.clone()));
        }
        if let Some(series) = learned.sum {
            self.sum.remember(series);
        }
        if let Some(retries) = learned.retries {
            self.retries.remember(retries);
        }
        if let Some(seconds) = learned.commit_gap_seconds {
            self.divergence.remember_commit_gap(seconds);
        }
        self.remembered = learned.partitions;
    }

    /// Says what was learned, of a topic with so many partitions.
    pub(super) fn learn_into(&self, learned: &mut learned::Topic, partitions: usize) {
        let settings = &*self.settings;
        learned.sum = self.sum.learned(&settings.lag_growth);
        learned.retries = self.retries.learned();
        learned.commit_gap_seconds = self.divergence.learned_commit_gap();
        let profile = settings.profile_of_a_partition(partitions);
        let present = self
            .partitions
            .iter()
            .filter_map(|partition| Some((partition.number, partition.learned(profile)?)));
        let absent = self.remembered.iter().cloned();
        learned.partitions = present.chain(absent).collect();
        learned
            .partitions
            .sort_unstable_by_key(|(number, _)| *number);
    }

    /// Forgets what was learned; gives how many lags that concerned: the sum, and each partition that is judged by itself.
    pub(super) fn forget_learned(&mut self) -> usize {
        self.sum.forget_learned();
        self.retries.forget_learned();
        self.divergence.forget_learned();
        let partitions = self.partitions.iter_mut();
        partitions.for_each(PartitionWatch::forget_learned);
        let judged = if self.judges_partitions() {
            self.partitions.len()
        } else {
            0
        };
        1 + judged + std::mem::take(&mut self.remembered).len()
    }

    /// A topic's only partition is their sum: one verdict is enough.
    fn judges_partitions(&self) -> bool {
        self.width > 1
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
        let keeps = self.settings.delay_histogram;
        self.divergence.keep_histogram(keeps);
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
        if !self.judges_partitions() {
            self.remembered.clear();
        } else if before == 1 {
            self.hand_on_habits();
        }
    }

    /// What was learned of the only partition, as their sum, is known of it when others join.
    fn hand_on_habits(&mut self) {
        let learned = self.sum.learned(&self.settings.lag_growth);
        if let Some((only, learned)) = self.partitions.first_mut().zip(learned) {
            only.remember(learned);
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

    /// Whether it is a share group's. What stands for its commits moves backwards when an administrator sets its offsets, and by what
    /// arrives between two readings; what is read twice (released, or not acknowledged in time) doesn't move it. So a rewind says
    /// nothing, and isn't counted; the lag follows in any case.
    pub(super) fn set_share(&mut self, is_share: bool) {
        let known = self.counts.rewinds.take().unwrap_or_default();
        self.counts.rewinds = (!is_share).then_some(known);
    }

    /// What was taken until now was the past: what is counted begins anew.
    pub(super) fn end_past(&mut self) {
        self.counted_before = self.counts;
        self.ceilings.count_anew();
        self.put_back_what_was_learned(Time::INFINITY);
    }

    /// Rises of until then were learned when they were the present; once that is over, what comes is new.
    fn put_back_what_was_learned(&mut self, now: Time) {
        let is_over = |learned: &mut Box<learned::Topic>| learned.seen_at < now;
        let Some(learned) = self.learned_later.take_if(is_over) else {
            return;
        };
        let settings = &*Arc::clone(&self.settings);
        let sum = learned.sum.as_ref();
        let rises = sum.map_or(&[][..], |series| &series.levels);
        self.sum.put_back(rises, &settings.lag_growth);
        let profile = settings.profile_of_a_partition(self.width);
        for partition in &mut self.partitions {
            let own = learned.partitions.iter();
            let mut own = own.filter(|(number, _)| *number == partition.number);
            let rises = own.next().map_or(&[][..], |(_, series)| &series.levels);
            partition.put_back(rises, profile);
        }
    }

    /// By how much a lag may be older than its log end: far more than it is unless a broker hangs.
    fn apart_seconds(&self) -> Option<f64> {
        let is_share = self.counts.rewinds.is_none();
        is_share.then_some(0.1 * self.settings.sample_interval_seconds)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Takes the commits; a partition that is not among them has none.
    pub(super) fn take(
        &mut self,
        group: &str,
        commits: &TopicCommits,
        topic: &TopicSample,
        arrivals: &TopicHistory,
        cycle: &Cycle,
    ) {
        self.seen = true;
        self.put_back_what_was_learned(cycle.sample.at);
        let rewinds_now = self.take_partitions(commits, topic, arrivals);
        self.follow((group, topic), arrivals, cycle, rewinds_now);
    }

    /// Gives in how many commits moved backwards.
    fn take_partitions(
        &mut self,
        commits: &TopicCommits,
        topic: &TopicSample,
        arrivals: &TopicHistory,
    ) -> usize {
        let committed = &*commits.partitions;
        self.forget_all_but(committed);
        // A doubled room would hold half as many again for nothing.
        let coming = committed.len().saturating_sub(self.partitions.len());
        self.partitions.reserve_exact(coming);
        self.set_width(topic.partitions.len());
        let settings = &*Arc::clone(&self.settings);
        let edge_shift = self.divergence.edge_shift();
        let profile = settings.profile_of_a_partition(self.width);
        let profile = self.judges_partitions().then_some(profile);
        let apart_seconds = self.apart_seconds();
        let mut rewinds = 0;
        let mut edges = commits.edges.as_deref();
        for &(number, committed) in committed {
            let index = self.index_of(number, settings);
            let watch = &mut self.partitions[index];
            let own_edges = edges.as_mut().map(|edges| edges_of(number, edges));
            watch.fresh = false;
            let misses_some = std::mem::take(&mut watch.misses_edges);
            let Some(arrived) = arrivals.partition(number) else {
                watch.misses_edges = true;
                continue;
            };
            let mut watched = Watched {
                rate_window: settings.rate_window(),
                profile,
                apart_seconds,
                edge_shift,
                commit_patience: self
                    .divergence
                    .commit_patience(settings.rate_window_seconds),
                edges: own_edges.filter(|_| !misses_some),
                window: self.divergence.open_window(),
            };
            let sample = topic.partitions.get(number as usize);
            let sample = sample.copied().unwrap_or_else(PartitionSample::default);
            let step = watch.take(committed, &sample, arrived, &mut watched);
            retention::mind(watch, arrivals, settings);
            self.sum.note(watch, &step);
            count(&mut self.counts, &step);
            rewinds += usize::from(step.rewound > 0);
        }
        rewinds
    }

    /// What is said of all partitions together.
    fn follow(
        &mut self,
        (group, topic): (&str, &TopicSample),
        arrivals: &TopicHistory,
        cycle: &Cycle,
        rewinds_now: usize,
    ) {
        let settings = &*Arc::clone(&self.settings);
        self.sum.follow(
            &mut self.partitions,
            arrivals,
            cycle.sample.began,
            &settings.lag_growth,
        );
        delays::follow(
            &mut self.divergence,
            cycle.sample.at,
            &mut self.partitions,
            arrivals,
            &settings.divergence,
        );
        let rewinds = self.counts.rewinds;
        let happened = Happened {
            is_whole: self.partitions.iter().all(|partition| partition.fresh),
            consumed: self.sum.departed() as f64,
            rewound: rewinds.map_or(0, |rewinds| rewinds.reprocessed_messages) as f64,
            rewinds_now: rewinds.map_or(0, |_| rewinds_now),
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
            let mut watch = PartitionWatch::new(number, has_delay_ceiling, settings);
            if let Ok(at) = self.remembered.binary_search_by_key(&number, |r| r.0) {
                watch.remember(self.remembered.remove(at).1);
            }
            self.partitions.insert(index, watch);
            index
        })
    }
}

/// The edges of a partition, out of those of partitions that were not asked for yet.
fn edges_of<'a>(number: u32, edges: &mut &'a [Edge]) -> &'a [Edge] {
    // One after another: there are few of each.
    let before = edges.iter().take_while(|edge| edge.partition < number);
    let rest = &edges[before.count()..];
    let own = rest.iter().take_while(|edge| edge.partition == number);
    let (own, others) = rest.split_at(own.count());
    *edges = others;
    own
}

fn count(counts: &mut Counts, step: &Step) {
    if let Some(rewinds) = &mut counts.rewinds {
        rewinds.times += u64::from(step.rewound > 0);
        rewinds.reprocessed_messages = rewinds.reprocessed_messages.saturating_add(step.rewound);
    }
    counts.lost_messages = counts.lost_messages.saturating_add(step.lost);
    counts.skipped += u64::from(step.skipped);
    counts.recreated += u64::from(step.restart == Some(Restart::Recreated));
    counts.truncated += u64::from(step.restart == Some(Restart::Truncated));
    counts.past_end += u64::from(step.past_end);
}
