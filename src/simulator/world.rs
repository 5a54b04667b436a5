//! All there is, and what can be asked of it at any time: the truth that a simulated cluster serves and that tests compare with.

use super::group::{Group, Member, State};
use super::topic::{Life, Topic};
use super::{Time, commit_log, hash};

/// A cluster, as arithmetic.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// Kafka's id of the cluster.
    pub cluster_id: String,
    /// How many brokers it has, numbered from 1.
    pub brokers: u32,
    /// Topic ids hang on it.
    pub seed: u64,
    /// Topics; their places are how they are named here.
    pub topics: Vec<Topic>,
    /// Groups; their places are how they are named here.
    pub groups: Vec<Group>,
}

/// An offset that was committed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Commit {
    /// When.
    pub at: Time,
    /// Index into the world's topics.
    pub topic: usize,
    /// Partition number.
    pub partition: u32,
    /// The offset of the next message to be read.
    pub offset: u64,
}

/// A rebalance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Generation {
    /// When it began.
    pub at: Time,
    /// Its number: generation (classic) or epoch.
    pub number: u64,
    /// How many members it has.
    pub members: u32,
}

impl World {
    /// A cluster without topics and groups.
    pub fn new(brokers: u32, seed: u64) -> Self {
        Self {
            cluster_id: format!("simulated-{seed:012x}"),
            brokers: brokers.max(1),
            seed,
            topics: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Adds a topic, and tells its place.
    pub fn add_topic(&mut self, topic: Topic) -> usize {
        self.topics.push(topic);
        self.topics.len() - 1
    }

    /// Adds a group, and tells its place.
    pub fn add_group(&mut self, group: Group) -> usize {
        self.groups.push(group);
        self.groups.len() - 1
    }

    /// Kafka's id of a topic; absent while it doesn't exist.
    pub fn topic_id(&self, topic: usize, t: Time) -> Option<u128> {
        let topic = self.topics.get(topic)?;
        let (number, _) = topic.life(t)?;
        let name = hash::of_name(&topic.name);
        let high = hash::mixed(self.seed, name, 2 * number as u64);
        let low = hash::mixed(self.seed, name, 2 * number as u64 + 1);
        Some(u128::from(high) << 64 | u128::from(low))
    }

    /// How many partitions a topic has.
    pub fn partitions(&self, topic: usize) -> u32 {
        self.topics.get(topic).map_or(0, |topic| topic.partitions)
    }

    /// A topic's configuration, as DescribeConfigs names it; −1 is Kafka's word for "without limit".
    pub fn config(&self, topic: usize) -> Vec<(&'static str, String)> {
        let Some(topic) = self.topics.get(topic) else {
            return Vec::new();
        };
        let kept = &topic.retention;
        let ms = kept.seconds.map(|seconds| (seconds * 1000.0) as i64);
        let bytes = kept.messages.map(|most| most * kept.message_bytes);
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "-1".to_owned());
        let policy = if kept.compacted { "compact" } else { "delete" };
        let segment_ms = (kept.segment_seconds * 1000.0) as i64;
        vec![
            ("cleanup.policy", policy.to_owned()),
            ("message.timestamp.type", "CreateTime".to_owned()),
            ("retention.bytes", or_none(bytes.map(|b| b.to_string()))),
            ("retention.ms", or_none(ms.map(|ms| ms.to_string()))),
            ("segment.ms", segment_ms.to_string()),
        ]
    }

    /// Which broker leads a partition. A layer of faults may move it.
    pub fn leader(&self, topic: usize, partition: u32) -> u32 {
        1 + ((topic as u64 + u64::from(partition)) % u64::from(self.brokers)) as u32
    }

    /// Which broker coordinates a group: the one that leads the partition of `__consumer_offsets` that its commits are in. A layer of faults may move it.
    pub fn coordinator(&self, group: usize) -> u32 {
        let name = self.groups.get(group).map_or("", |group| &group.name);
        1 + commit_log::partition_of(name) % self.brokers
    }

    /// The offset that the next message gets; absent when there is no such topic or partition at `t`.
    pub fn log_end(&self, topic: usize, partition: u32, t: Time) -> Option<u64> {
        let (topic, life) = self.alive(topic, partition, t)?;
        Some(topic.log_end(life, partition, t))
    }

    /// The first offset that readers of committed messages can't have yet.
    pub fn last_stable(&self, topic: usize, partition: u32, t: Time) -> Option<u64> {
        let (topic, life) = self.alive(topic, partition, t)?;
        let hanging = topic.hanging.iter().filter(|hanging| {
            let over = hanging.until.is_some_and(|until| until <= t);
            hanging.partition == partition && hanging.since <= t && !over
        });
        let oldest = hanging.map(|hanging| hanging.since).min_by(Time::total_cmp);
        Some(topic.log_end(life, partition, oldest.unwrap_or(t)))
    }

    /// The offset of the oldest message that is kept.
    pub fn log_start(&self, topic: usize, partition: u32, t: Time) -> Option<u64> {
        let (topic, life) = self.alive(topic, partition, t)?;
        Some(topic.log_start(life, partition, t))
    }

    /// Bytes that a partition takes on its leader's disk.
    pub fn size_bytes(&self, topic: usize, partition: u32, t: Time) -> Option<u64> {
        let kept = self.log_end(topic, partition, t)? - self.log_start(topic, partition, t)?;
        Some(kept * self.topics[topic].retention.message_bytes)
    }

    /// When the message with this offset was written, of the topic that exists at `t`; absent when it isn't written by `t`. Whether
    /// it is still kept makes no difference.
    pub fn timestamp_of(&self, topic: usize, partition: u32, offset: u64, t: Time) -> Option<Time> {
        let (topic, life) = self.alive(topic, partition, t)?;
        topic.written_at(life, partition, offset, t)
    }

    /// The first message kept at `t` that was written at `timestamp` or after, and when; absent when there is none.
    pub fn first_at_or_after(
        &self,
        topic: usize,
        partition: u32,
        timestamp: Time,
        t: Time,
    ) -> Option<(u64, Time)> {
        let (topic, life) = self.alive(topic, partition, t)?;
        let written = |offset| topic.written_at(life, partition, offset, t);
        let mut offset = topic.log_end(life, partition, timestamp.min(t));
        // Those written at this very moment are before the log end already.
        while let Some(before) = offset.checked_sub(1) {
            if written(before).is_none_or(|at| at < timestamp) {
                break;
            }
            offset = before;
        }
        offset = offset.max(topic.log_start(life, partition, t));
        Some((offset, written(offset)?))
    }

    /// The newest message kept, and when it was written.
    pub fn newest(&self, topic: usize, partition: u32, t: Time) -> Option<(u64, Time)> {
        let (topic, life) = self.alive(topic, partition, t)?;
        let newest = topic.log_end(life, partition, t).checked_sub(1)?;
        let kept = newest >= topic.log_start(life, partition, t);
        let at = topic.written_at(life, partition, newest, t)?;
        kept.then_some((newest, at))
    }

    /// What a group last committed in a partition by `t`; absent = nothing, or its topic is gone, and its commits with it.
    pub fn committed(&self, group: usize, topic: usize, partition: u32, t: Time) -> Option<u64> {
        let group = self.groups.get(group)?;
        let reads = group.subscription(topic)?;
        let (topic, life) = self.alive(topic, partition, t)?;
        if !reads.commits(partition) {
            return None;
        }
        let delay = reads.delay_of(partition);
        let at = group.last_commit(delay, partition, t)?;
        if at <= life.from {
            return None;
        }
        let position = group.position(delay, partition, at);
        let read = topic.log_end(life, partition, position);
        // What was deleted before it was read is passed over: `auto.offset.reset=earliest`.
        Some(read.max(topic.log_start(life, partition, at)))
    }

    /// The topics that a group reads.
    pub fn subscribed(&self, group: usize) -> impl Iterator<Item = usize> {
        let group = self.groups.get(group);
        group
            .into_iter()
            .flat_map(|group| group.reads.iter().map(|reads| reads.topic))
    }

    /// Every commit of a group after `from`, up to and with `to`, in order of time.
    pub fn commits_between(
        &self,
        group: usize,
        from: Time,
        to: Time,
    ) -> impl Iterator<Item = Commit> {
        let found = self.groups.get(group).into_iter();
        found
            .flat_map(move |found| found.instants(from, to))
            .flat_map(move |(at, member)| self.commits_at(group, member, at))
    }

    /// Every rebalance of a group after `from`, up to and with `to`, in order of time.
    pub fn generations_between(&self, group: usize, from: Time, to: Time) -> Vec<Generation> {
        let Some(group) = self.groups.get(group).filter(|group| group.members > 0) else {
            return Vec::new();
        };
        let rebalances = group.rebalances.iter().flat_map(|r| r.between(from, to));
        let absences = group
            .absences
            .iter()
            .flat_map(|a| a.edges_between(from, to));
        let mut at: Vec<Time> = rebalances.chain(absences).collect();
        at.sort_by(Time::total_cmp);
        at.into_iter()
            .map(|at| Generation {
                at,
                number: group.generation(at),
                members: group.members_at(at),
            })
            .collect()
    }

    /// The state of a group; absent when there is none.
    pub fn state(&self, group: usize, t: Time) -> Option<State> {
        self.groups.get(group).map(|group| group.state(t))
    }

    /// The members of a group, with what they are assigned.
    pub fn members(&self, group: usize, t: Time) -> Vec<Member> {
        let Some(group) = self.groups.get(group) else {
            return Vec::new();
        };
        let count = group.members_at(t);
        (0..count).map(|n| self.member(group, n, t)).collect()
    }

    fn member(&self, group: &Group, number: u32, t: Time) -> Member {
        let existing = group
            .reads
            .iter()
            .filter(|reads| self.topic_id(reads.topic, t).is_some());
        let assignment = existing.map(|reads| {
            let own = group.own(number, self.partitions(reads.topic));
            (reads.topic, own.collect())
        });
        let client_id = format!("{}-{}", group.name, number + 1);
        let high = hash::mixed(group.seed(), u64::from(number), 2);
        Member {
            id: format!("{client_id}-{high:016x}"),
            client_id,
            host: format!("/10.0.{}.{}", number / 250, 1 + number % 250),
            assignment: assignment.collect(),
        }
    }

    /// What a member of a group commits at one of its instants; what stands still is not among it.
    pub(super) fn commits_at(&self, number: usize, member: u32, at: Time) -> Vec<Commit> {
        let Some(group) = self.groups.get(number) else {
            return Vec::new();
        };
        let mut commits = Vec::new();
        for reads in &group.reads {
            for partition in group.own(member, self.partitions(reads.topic)) {
                let delay = reads.delay_of(partition);
                if group.last_commit(delay, partition, at) != Some(at) {
                    continue;
                }
                let offset = self.committed(number, reads.topic, partition, at);
                commits.extend(offset.map(|offset| Commit {
                    at,
                    topic: reads.topic,
                    partition,
                    offset,
                }));
            }
        }
        commits
    }

    fn alive(&self, topic: usize, partition: u32, t: Time) -> Option<(&Topic, Life)> {
        let topic = self.topics.get(topic)?;
        let (_, life) = topic.life(t)?;
        (partition < topic.partitions).then_some((topic, life))
    }
}
