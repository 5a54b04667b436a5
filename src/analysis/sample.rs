//! What one cycle read from one cluster, with when it was read. Filled by `kafka/`, taken by [`Analysis`](super::Analysis).
//!
//! Absence is the only way to say "unknown": there is no negative offset and no zero that means "don't know" in here.

use std::sync::Arc;

/// Seconds since the Unix epoch. The core never asks a clock: time is handed in, and never goes backwards.
pub type Time = f64;

/// A moment, by the time that is handed in and by the machine's own clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// The time that everything here is in.
    pub time: Time,
    /// By how many seconds the machine's clock is ahead of that: it may have been set since the time began.
    pub wall_ahead_seconds: f64,
}

impl From<Time> for Moment {
    /// By a clock that nobody has set.
    fn from(time: Time) -> Self {
        Self {
            time,
            wall_ahead_seconds: 0.0,
        }
    }
}

/// One cycle's harvest from one cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// When the cycle began: logs were asked for their past as from here.
    pub began: Time,
    /// When it ended: how old its readings are is told from here.
    pub at: Time,
    /// Every watched topic that exists, consumed or not: an arrival curve should be there before its first consumer is.
    pub topics: Vec<TopicSample>,
    /// Every watched group that exists, those included whose coordinator did not answer (their `commits` are absent).
    /// A group that is not in here is gone, and is forgotten.
    pub groups: Vec<GroupSample>,
    /// What arrived before this cycle, for partitions that were asked about it; in order of topic.
    pub pasts: Vec<Past>,
    /// How the reading went.
    pub cycle: Cycle,
}

/// An offset and the moment its answer arrived.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Offset in messages from the partition's beginning.
    pub offset: u64,
    /// When it was read.
    pub at: Time,
}

/// A topic and both ends of its partitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicSample {
    /// The topic's name.
    pub name: Arc<str>,
    /// Kafka's topic id, with which a recreated topic differs from the old one; absent on brokers that have none.
    pub id: Option<u128>,
    /// What is deleted unread, and when; absent while its configuration could not be read.
    pub retention: Option<Retention>,
    /// Bytes that a message takes on its leader's disk, by partition number; read only where bytes are a limit, absent where they
    /// were not told.
    pub message_bytes: Arc<[Option<f32>]>,
    /// Indexed by partition number.
    pub partitions: Vec<PartitionSample>,
}

/// When a topic deletes messages (`cleanup.policy`, `retention.ms`, `retention.bytes`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retention {
    /// Age in seconds beyond which segments are deleted; absent = never by age.
    pub seconds: Option<f64>,
    /// Bytes per partition beyond which segments are deleted; absent = never by size, or how many messages that is can't be told.
    pub bytes: Option<u64>,
    /// The topic is compacted: what is deleted is not decided by age or size alone.
    pub compacted: bool,
}

/// Both ends of a partition, each absent when its leader did not say in this cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PartitionSample {
    /// The offset of the oldest message that is kept.
    pub log_start: Option<Reading>,
    /// The first offset that consumers can't read yet: the high watermark (with `read_committed`: the last stable offset).
    pub log_end: Option<Reading>,
}

/// What had arrived in a partition by some earlier moments, told by its records' own timestamps.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// Index into [`Sample::topics`].
    pub topic: usize,
    /// Its number.
    pub partition: u32,
    /// How far its log reached, and when; times and offsets only rise. Not one of them is later than the log end of this cycle.
    pub points: Vec<Reading>,
}

impl PartitionSample {
    /// How many messages are kept; where messages were removed from between (by compaction) it is more than there are.
    pub fn kept(&self) -> Option<u64> {
        let (start, end) = self.log_start.zip(self.log_end)?;
        Some(end.offset.saturating_sub(start.offset))
    }
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSample {
    /// The group's id.
    pub name: Arc<str>,
    /// In Kafka's words: `Stable`, `Empty`, `PreparingRebalance`, …; absent before Kafka 2.6.
    pub state: Option<Arc<str>>,
    /// In Kafka's words: `classic`, `consumer` (KIP-848), `share`, `streams`; absent before Kafka 4.0 where it is not told.
    pub kind: Option<Arc<str>>,
    /// How many members it has; absent until its coordinator has said so.
    pub members: Option<u32>,
    /// Kafka's number of its present generation or epoch, which each rebalance raises; absent while it is not known.
    pub generation: Option<u64>,
    /// What it committed; absent when its coordinator did not answer for it in this cycle.
    pub commits: Option<Commits>,
}

/// Is this Kafka's word for share groups (KIP-932)? Their members take single messages, in whatever order. What stands for a commit
/// is as far before the log end as there are messages whose delivery isn't over.
pub fn is_share(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("share")
}

/// All committed offsets of a group (of a share group: what stands for them): a partition that is not in here has no commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commits {
    /// When the answer arrived. Commits are read before log ends, so this is before the readings in [`PartitionSample`].
    pub at: Time,
    /// By topic.
    pub topics: Vec<TopicCommits>,
}

/// The committed offsets of a group in one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicCommits {
    /// Index into [`Sample::topics`].
    pub topic: usize,
    /// `(partition number, committed offset)`, in order of partition.
    pub partitions: Vec<(u32, u64)>,
    /// The commits since the last sample with when each was taken, in order of partition and time, where that is known; absent = only
    /// what holds now is known. A partition that is not in here made none. They may be thinned, but never by the last one of a
    /// partition, which is its value in `partitions`.
    pub edges: Option<Vec<Edge>>,
}

/// A commit and the moment it was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// The partition's number.
    pub partition: u32,
    /// The offset that was committed, in messages from the partition's beginning.
    pub committed: u64,
    /// When it was committed: exactly, not when it was read.
    pub at: Time,
}

/// How the reading of a cluster went. Counts are totals since the daemon started, so that they can be published as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cycle {
    /// At least one broker answered something in this cycle, be it a refusal.
    pub up: bool,
    /// Watched groups, as of the last listing; absent until a broker has listed its groups.
    pub groups: Option<u64>,
    /// How long the reading took, in seconds.
    pub duration_seconds: f64,
    /// Requests sent, by API (`ListGroups`, `OffsetFetch`, …), sorted.
    pub requests: Vec<(&'static str, u64)>,
    /// What went wrong, by API and error (`kafka::Error::label`), sorted.
    pub errors: Vec<(&'static str, &'static str, u64)>,
    /// What exists and is not in the sample, because a bound was reached.
    pub refused: Refused,
    /// By how many seconds the machine's clock is ahead of the time that the sample is in: hours of a day are by that clock.
    pub wall_ahead_seconds: f64,
    /// Where committed offsets come from.
    pub offsets: Offsets,
    /// Kafka's own id of the cluster, as its brokers last told it; absent until they have, and where they have none.
    pub cluster_id: Option<Arc<str>>,
}

/// Where committed offsets come from, and what the commit stream had in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offsets {
    /// The source in use.
    pub source: Source,
    /// Records of the stream that were not understood since it is read, by reason, sorted.
    pub skipped: Vec<(&'static str, u64)>,
    /// By how many seconds the freshest commit of this cycle was ahead of when it was read: a little below zero where the brokers'
    /// clocks agree with this machine's, for reading takes a moment. Absent while none was read.
    pub skew_seconds: Option<f64>,
}

/// A source of committed offsets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Source {
    /// The brokers are asked for all of them.
    #[default]
    Query,
    /// The commit stream, of which some is read to its end.
    Stream,
    /// The commit stream is the only one that may be used, and nobody reads it now.
    None,
}

impl Source {
    /// The `source` label of the metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Stream => "stream",
            Self::None => "none",
        }
    }
}

/// How much is beyond the bounds of a cluster; not a total, but now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refused {
    /// Groups that are not watched.
    pub groups: u64,
    /// Partitions of topics, and of groups' commits, that are not watched.
    pub partitions: u64,
}
