//! The cluster as one broker sees it at one moment, while it answers one question.

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

use super::Time;
use super::cluster::{Cluster, OFFSETS_TOPIC};
use super::commit_log::PARTITIONS;
use super::fault::{Faults, Moved};
use super::group::Group;

pub(super) struct View<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) broker: u32,
    pub(super) now: Time,
    pub(super) faults: &'a Faults,
    /// An error to be answered in place of what was asked for.
    pub(super) refusal: Option<Refusal<'a>>,
}

/// What a fault makes a broker answer.
#[derive(Clone, Copy)]
pub(super) struct Refusal<'a> {
    /// `None`: the asker has no right to it.
    pub(super) code: Option<i16>,
    /// This topic or group only.
    pub(super) only: Option<&'a str>,
}

/// A topic that can be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Log {
    /// A topic of the world, by its place.
    Topic(usize),
    /// `__consumer_offsets`.
    Commits,
}

/// What somebody without a right is told.
#[derive(Clone, Copy)]
pub(super) enum Right {
    Topic,
    Group,
    Cluster,
}

impl Right {
    fn code(self) -> i16 {
        match self {
            Self::Topic => ResponseError::TopicAuthorizationFailed.code(),
            Self::Group => ResponseError::GroupAuthorizationFailed.code(),
            Self::Cluster => ResponseError::ClusterAuthorizationFailed.code(),
        }
    }
}

/// An offset, and when its record was written.
pub(super) type Found = Option<(u64, Time)>;

impl View<'_> {
    /// The error to be answered for a topic or group of this name.
    pub(super) fn error_for(&self, name: &str, right: Right) -> Option<i16> {
        let refusal = self.refusal?;
        let meant = refusal.only.is_none_or(|only| only == name);
        meant.then(|| refusal.code.unwrap_or(right.code()))
    }

    /// The error to be answered for the whole question.
    pub(super) fn error(&self, right: Right) -> Option<i16> {
        self.error_for("", right)
    }

    /// Whether the asker has no right to see this topic or group, so that lists are without it.
    pub(super) fn hides(&self, name: &str) -> bool {
        let refusal = self.refusal.filter(|refusal| refusal.code.is_none());
        refusal.is_some_and(|refusal| refusal.only.is_none_or(|only| only == name))
    }

    /// The topic of this name, while it exists.
    pub(super) fn log(&self, name: &StrBytes) -> Option<Log> {
        if **name == *OFFSETS_TOPIC {
            return Some(Log::Commits);
        }
        let topic = self.cluster.topic(name)?;
        self.id(Log::Topic(topic)).map(|_| Log::Topic(topic))
    }

    /// The topic with this id, while it exists.
    pub(super) fn log_with_id(&self, id: u128) -> Option<Log> {
        let log = match self.cluster.topic_with_id(id) {
            Some(topic) => Log::Topic(topic),
            None => Log::Commits,
        };
        (self.id(log) == Some(id)).then_some(log)
    }

    /// All topics that exist.
    pub(super) fn logs(&self) -> impl Iterator<Item = Log> {
        let topics = (0..self.cluster.world.topics.len()).map(Log::Topic);
        let exist = topics.filter(|log| self.id(*log).is_some());
        exist.chain([Log::Commits])
    }

    pub(super) fn id(&self, log: Log) -> Option<u128> {
        match log {
            Log::Topic(topic) => self.cluster.world.topic_id(topic, self.now),
            Log::Commits => Some(self.cluster.offsets_topic_id()),
        }
    }

    pub(super) fn name(&self, log: Log) -> StrBytes {
        match log {
            Log::Topic(topic) => self.cluster.topic_names[topic].clone(),
            Log::Commits => StrBytes::from_static_str(OFFSETS_TOPIC),
        }
    }

    pub(super) fn partitions(&self, log: Log) -> u32 {
        match log {
            Log::Topic(topic) => self.cluster.world.partitions(topic),
            Log::Commits => PARTITIONS,
        }
    }

    /// Who leads a partition, and how many elections there were; 0 when nobody does.
    pub(super) fn leader(&self, log: Log, partition: u32) -> (u32, i32) {
        let brokers = self.cluster.world.brokers;
        let mut leader = match log {
            Log::Topic(topic) => self.cluster.world.leader(topic, partition),
            Log::Commits => 1 + partition % brokers,
        };
        let mut epoch = 0;
        for (_, moved) in &self.faults.moves {
            let moves = self.moves(&moved.of, log, partition, leader);
            // Those of a broker count for all partitions: whether this one is the broker's depends on other moves, and an epoch that
            // falls when one of them is over would be none.
            if moves || matches!(moved.of, Moved::Broker(_)) {
                epoch += moved.elections(self.now);
            }
            if moves && moved.is_on(self.now) {
                leader = moved.to.unwrap_or(0);
            }
        }
        (leader, epoch)
    }

    fn moves(&self, moved: &Moved, log: Log, partition: u32, leader: u32) -> bool {
        match moved {
            Moved::Leader {
                topic,
                partition: only,
            } => only.is_none_or(|only| only == partition) && *self.name(log) == **topic,
            Moved::Coordinator { group } => {
                log == Log::Commits && super::commit_log::partition_of(group) == partition
            }
            Moved::Broker(broker) => leader == *broker,
        }
    }

    /// Why this broker can't tell anything of a partition: it doesn't exist, somebody else leads it, or the asker's `epoch` is
    /// another (−1: whichever).
    pub(super) fn trouble_with(&self, log: Log, partition: i32, epoch: i32) -> Option<i16> {
        let index = u32::try_from(partition).ok();
        let Some(index) = index.filter(|index| *index < self.partitions(log)) else {
            return Some(ResponseError::UnknownTopicOrPartition.code());
        };
        let (leader, current) = self.leader(log, index);
        let error = if leader != self.broker {
            ResponseError::NotLeaderOrFollower
        } else if epoch != -1 && epoch < current {
            ResponseError::FencedLeaderEpoch
        } else if epoch > current {
            ResponseError::UnknownLeaderEpoch
        } else {
            return None;
        };
        Some(error.code())
    }

    /// Whether the cluster knows that a broker is gone: all that it led has moved away.
    pub(super) fn is_gone(&self, broker: u32) -> bool {
        let mut moves = self.faults.moves.iter();
        moves.any(|(_, moved)| moved.of == Moved::Broker(broker) && moved.is_on(self.now))
    }

    /// Which broker coordinates the groups whose commits are in this partition; 0 when none does.
    pub(super) fn coordinator(&self, offsets_partition: u32) -> u32 {
        self.leader(Log::Commits, offsets_partition).0
    }

    /// The groups that this broker coordinates.
    pub(super) fn coordinated(&self) -> impl Iterator<Item = usize> {
        let coordinates: Vec<bool> = (0..PARTITIONS)
            .map(|partition| self.coordinator(partition) == self.broker)
            .collect();
        let partitions = self.cluster.group_partitions.iter().enumerate();
        let groups = partitions.filter(move |(_, partition)| coordinates[**partition as usize]);
        groups
            .map(|(group, _)| group)
            .filter(|group| self.is_there(*group))
    }

    /// The group of this name, if there is one.
    pub(super) fn group(&self, name: &StrBytes) -> Option<usize> {
        let group = self.cluster.group(name)?;
        self.is_there(group).then_some(group)
    }

    pub(super) fn is_coordinator_of(&self, name: &str) -> bool {
        self.coordinator(super::commit_log::partition_of(name)) == self.broker
    }

    pub(super) fn group_data(&self, group: usize) -> &Group {
        &self.cluster.world.groups[group]
    }

    fn is_there(&self, group: usize) -> bool {
        self.group_data(group).since <= self.now
    }

    pub(super) fn log_end(&self, log: Log, partition: u32) -> u64 {
        let world = &self.cluster.world;
        match log {
            Log::Topic(topic) => world.log_end(topic, partition, self.now).unwrap_or(0),
            Log::Commits => self.cluster.commits.end(world, partition, self.now),
        }
    }

    /// What readers of committed messages take for the log end.
    pub(super) fn last_stable(&self, log: Log, partition: u32) -> u64 {
        match log {
            Log::Topic(topic) => {
                let world = &self.cluster.world;
                world.last_stable(topic, partition, self.now).unwrap_or(0)
            }
            Log::Commits => self.log_end(log, partition),
        }
    }

    pub(super) fn log_start(&self, log: Log, partition: u32) -> u64 {
        match log {
            Log::Topic(topic) => {
                let world = &self.cluster.world;
                world.log_start(topic, partition, self.now).unwrap_or(0)
            }
            Log::Commits => 0,
        }
    }

    pub(super) fn first_at_or_after(&self, log: Log, partition: u32, time: Time) -> Found {
        let (world, now) = (&self.cluster.world, self.now);
        match log {
            Log::Topic(topic) => world.first_at_or_after(topic, partition, time, now),
            Log::Commits => {
                let commits = &self.cluster.commits;
                commits.first_at_or_after(world, partition, time, now)
            }
        }
    }

    pub(super) fn newest(&self, log: Log, partition: u32) -> Found {
        let (world, now) = (&self.cluster.world, self.now);
        match log {
            Log::Topic(topic) => world.newest(topic, partition, now),
            Log::Commits => self.cluster.commits.newest(world, partition, now),
        }
    }
}

/// As Kafka has times: milliseconds since the Unix epoch.
pub(super) fn millis(time: Time) -> i64 {
    (time * 1000.0).floor() as i64
}
