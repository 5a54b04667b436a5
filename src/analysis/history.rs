//! The arrival curve of every topic partition, shared by the topic's groups. It forgets topics that are gone and restarts a
//! curve whose log was recreated or truncated; each restart has a number, by which a group that looks later sees it.

mod hole;
pub(super) mod partition;
mod start_age;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::curve::Curve;
use super::sample::{PartitionSample, Past, Reading, Retention, Time, TopicSample};
use start_age::StartAges;

/// The arrivals of a cluster. Bounded by what exists: a topic that is not in a sample is forgotten.
#[derive(Default)]
pub(super) struct History {
    topics: BTreeMap<Arc<str>, TopicHistory>,
}

/// The arrivals of a topic.
#[derive(Default)]
pub(super) struct TopicHistory {
    id: Option<u128>,
    /// What it deletes unread, as it was last told.
    pub(super) retention: Option<Retention>,
    message_bytes: Arc<[Option<f32>]>,
    partitions: Vec<Arrivals>,
    seen: bool,
}

/// What arrived in a partition.
#[derive(Default)]
pub(super) struct Arrivals {
    pub(super) curve: Curve,
    log_end: u64,
    /// Since when it is watched: from here on the past has nothing to tell.
    since: Option<Time>,
    /// How old the log start was; only where messages are deleted by age.
    pub(super) start_ages: StartAges,
    /// How many times its log began anew, and why it last did.
    pub(super) restarts: u32,
    pub(super) reason: Option<Restart>,
}

/// Why a partition's offsets have nothing to do with the former ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Restart {
    /// The topic was deleted and made again.
    Recreated,
    /// The log end fell, in the same topic.
    Truncated,
    /// The log is the same, but its end means something else from now on.
    Redefined,
}

impl History {
    /// Takes the ends of all logs, and what is told of the time before.
    pub(super) fn take(&mut self, topics: &[TopicSample], mut pasts: &[Past]) {
        for (index, topic) in topics.iter().enumerate() {
            let (own, later) = pasts.split_at(pasts.partition_point(|past| past.topic <= index));
            pasts = later;
            match self.topics.get_mut(&topic.name) {
                Some(history) => history.take(topic, own),
                None => {
                    let mut history = TopicHistory::default();
                    history.take(topic, own);
                    self.topics.insert(topic.name.clone(), history);
                }
            }
        }
        self.topics
            .retain(|_, history| std::mem::take(&mut history.seen));
    }

    /// Log ends mean something else from the next sample on.
    pub(super) fn begin_anew(&mut self) {
        let partitions = self
            .topics
            .values_mut()
            .flat_map(|topic| &mut topic.partitions);
        partitions.for_each(|partition| partition.restart(Restart::Redefined));
    }

    /// What arrived before says nothing of when, seen from after a break of unknown length.
    pub(super) fn interrupt(&mut self) {
        let topics = self.topics.values_mut();
        let partitions = topics.flat_map(|topic| &mut topic.partitions);
        partitions.for_each(Arrivals::forget_times);
    }

    /// A topic that was in the sample.
    pub(super) fn topic(&self, name: &str) -> Option<&TopicHistory> {
        self.topics.get(name)
    }
}

impl TopicHistory {
    fn take(&mut self, topic: &TopicSample, pasts: &[Past]) {
        self.seen = true;
        if matches!((self.id, topic.id), (Some(before), Some(now)) if before != now) {
            self.partitions.truncate(topic.partitions.len());
            for partition in &mut self.partitions {
                partition.restart(Restart::Recreated);
            }
        }
        self.id = topic.id.or(self.id);
        self.retention = topic.retention;
        self.message_bytes = Arc::clone(&topic.message_bytes);
        let ages_out = topic.retention.is_some_and(|r| r.seconds.is_some());
        if self.partitions.len() < topic.partitions.len() {
            self.partitions
                .resize_with(topic.partitions.len(), Arrivals::default);
        }
        // Without ids (before Kafka 2.8) a log end that falls is nearly always a topic made again.
        let if_it_fell = if self.id.is_some() {
            Restart::Truncated
        } else {
            Restart::Recreated
        };
        for (partition, sample) in self.partitions.iter_mut().zip(&topic.partitions) {
            partition.take(sample, if_it_fell);
        }
        for past in pasts {
            if let Some(partition) = self.partitions.get_mut(past.partition as usize) {
                partition.look_back(&past.points);
            }
        }
        if ages_out {
            let read = self.partitions.iter_mut().zip(&topic.partitions);
            read.for_each(|(partition, sample)| partition.note_start(sample));
        }
    }

    pub(super) fn partition(&self, number: u32) -> Option<&Arrivals> {
        self.partitions.get(number as usize)
    }

    /// Bytes that a message takes in one of its partitions.
    pub(super) fn message_bytes(&self, number: u32) -> Option<f64> {
        let bytes = self.message_bytes.get(number as usize).copied().flatten();
        bytes.map(f64::from).filter(|bytes| *bytes > 0.0)
    }
}

impl Arrivals {
    fn take(&mut self, sample: &PartitionSample, if_it_fell: Restart) {
        let Some(log_end) = sample.log_end else {
            return;
        };
        if log_end.offset < self.log_end {
            self.restart(if_it_fell);
        }
        self.log_end = log_end.offset;
        self.curve.append(log_end.at, log_end.offset);
        if self.since.is_none() {
            self.since = self.curve.points().next().map(|(at, _)| at);
        }
    }

    /// What was watched is not touched: those times are ours, the others the producers'.
    fn look_back(&mut self, points: &[Reading]) {
        let first = self
            .since
            .and_then(|since| Some((since, self.curve.at(since)?)));
        let Some((since, log_end)) = first else {
            return;
        };
        let before = points.iter().filter(|point| point.at < since);
        let before = before.map(|point| (point.at, point.offset.min(log_end as u64)));
        self.curve.merge(before);
    }

    /// How old the oldest message is that is kept, where the curve reaches back to it.
    fn note_start(&mut self, sample: &PartitionSample) {
        let Some((start, end)) = sample.log_start.zip(sample.log_end) else {
            return;
        };
        if let Some(age) = self.curve.age(start.offset, end.at) {
            self.start_ages.note(end.at, age);
        }
    }

    /// The log is the same and its offsets go on: no restart.
    fn forget_times(&mut self) {
        self.curve = Curve::default();
        self.start_ages = StartAges::default();
        self.since = None;
    }

    fn restart(&mut self, reason: Restart) {
        self.forget_times();
        self.log_end = 0;
        self.restarts = self.restarts.wrapping_add(1);
        self.reason = Some(reason);
    }
}
