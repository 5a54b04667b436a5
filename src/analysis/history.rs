//! The arrival curve of every topic partition, shared by the topic's groups. It forgets topics that are gone and restarts a
//! curve whose log was recreated or truncated; each restart has a number, by which a group that looks later sees it.

mod hole;
pub(super) mod partition;
mod retry_topics;
mod start_age;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::curve::Curve;
use super::sample::{PartitionSample, Past, Reading, Retention, Time, TopicSample};
use retry_topics::RetryTopics;
pub use retry_topics::{RetryKind, RetryName, RetryNameOf};
use start_age::StartAges;

/// The arrivals of a cluster. Bounded by what exists: a topic that is not in a sample is forgotten.
pub(super) struct History {
    topics: BTreeMap<Arc<str>, TopicHistory>,
    /// Grows whenever a topic comes or goes.
    topic_set: u64,
    retries: RetryTopics,
}

/// The arrivals of a topic.
#[derive(Default)]
pub(super) struct TopicHistory {
    id: Option<u128>,
    /// What it deletes unread, as it was last told.
    pub(super) retention: Option<Retention>,
    message_bytes: Arc<[Option<f32>]>,
    partitions: Vec<Arrivals>,
    /// Messages since it was first seen.
    produced: u64,
    /// Each partition was read in the last sample.
    pub(super) is_whole: bool,
    seen: bool,
}

/// What arrived in a partition.
#[derive(Default)]
pub(super) struct Arrivals {
    pub(super) curve: Curve,
    log_end: u64,
    /// Its log end was read before, and it is still the same log.
    was_read: bool,
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
    /// Knows nothing yet.
    pub(super) fn new(retry_name_of: RetryNameOf) -> Self {
        Self {
            topics: BTreeMap::new(),
            topic_set: 0,
            retries: RetryTopics::new(retry_name_of),
        }
    }

    /// Goes on with other names of retry topics.
    pub(super) fn rename(&mut self, retry_name_of: RetryNameOf) {
        self.retries = RetryTopics::new(retry_name_of);
        for topic in self.topics.keys() {
            self.retries.meet(topic);
        }
        // Whoever looked for retry topics looks again.
        self.topic_set += 1;
    }

    /// Takes the ends of all logs, and what is told of the time before.
    pub(super) fn take(&mut self, topics: &[TopicSample], mut pasts: &[Past]) {
        for (index, topic) in topics.iter().enumerate() {
            let (own, later) = pasts.split_at(pasts.partition_point(|past| past.topic <= index));
            pasts = later;
            match self.topics.get_mut(&topic.name) {
                Some(history) => history.take(topic, own),
                None => {
                    self.topic_set += 1;
                    self.retries.meet(&topic.name);
                    let mut history = TopicHistory::default();
                    history.take(topic, own);
                    self.topics.insert(topic.name.clone(), history);
                }
            }
        }
        let before = self.topics.len();
        self.topics
            .retain(|_, history| std::mem::take(&mut history.seen));
        if self.topics.len() < before {
            self.topic_set += 1;
            let topics = &self.topics;
            self.retries.retain(|topic| topics.contains_key(topic));
        }
    }

    /// Changes whenever a topic comes or goes.
    pub(super) fn topic_set(&self) -> u64 {
        self.topic_set
    }

    /// The topics that hold a group's retries or dead letters of a main topic: named after both, or after the main topic alone.
    pub(super) fn retry_topics_of(&self, group: &str, main: &str) -> Vec<(Arc<str>, RetryKind)> {
        let exists = |topic: &str| self.topics.contains_key(topic);
        self.retries.of(group, main, exists)
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
        self.is_whole = topic.partitions.iter().all(|read| read.log_end.is_some());
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
            let arrived = partition.take(sample, if_it_fell);
            self.produced = self.produced.saturating_add(arrived);
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

    /// Messages since it was first seen.
    pub(super) fn produced(&self) -> u64 {
        self.produced
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
    /// Gives how many messages arrived since it was last read.
    fn take(&mut self, sample: &PartitionSample, if_it_fell: Restart) -> u64 {
        let Some(log_end) = sample.log_end else {
            return 0;
        };
        if log_end.offset < self.log_end {
            self.restart(if_it_fell);
        }
        let before = if self.was_read {
            self.log_end
        } else {
            log_end.offset
        };
        self.was_read = true;
        self.log_end = log_end.offset;
        self.curve.append(log_end.at, log_end.offset);
        if self.since.is_none() {
            self.since = self.curve.points().next().map(|(at, _)| at);
        }
        log_end.offset.saturating_sub(before)
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
        self.was_read = false;
        self.restarts = self.restarts.wrapping_add(1);
        self.reason = Some(reason);
    }
}
