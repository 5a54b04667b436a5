//! The arrival curve of every topic partition, shared by the topic's groups. It forgets topics that are gone and restarts a
//! curve whose log was recreated or truncated; each restart has a number, by which a group that looks later sees it.

pub(super) mod partition;
mod start_age;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::curve::Curve;
use super::sample::{PartitionSample, Retention, TopicSample};
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
}

impl History {
    /// Takes the ends of all logs.
    pub(super) fn take(&mut self, topics: &[TopicSample]) {
        for topic in topics {
            match self.topics.get_mut(&topic.name) {
                Some(history) => history.take(topic),
                None => {
                    let mut history = TopicHistory::default();
                    history.take(topic);
                    self.topics.insert(topic.name.clone(), history);
                }
            }
        }
        self.topics
            .retain(|_, history| std::mem::take(&mut history.seen));
    }

    /// A topic that was in the sample.
    pub(super) fn topic(&self, name: &str) -> Option<&TopicHistory> {
        self.topics.get(name)
    }
}

impl TopicHistory {
    fn take(&mut self, topic: &TopicSample) {
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
            if ages_out {
                partition.note_start(sample);
            }
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

    fn restart(&mut self, reason: Restart) {
        self.curve = Curve::default();
        self.start_ages = StartAges::default();
        self.log_end = 0;
        self.restarts = self.restarts.wrapping_add(1);
        self.reason = Some(reason);
    }
}
