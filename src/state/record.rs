//! What the bytes behind the head of a state file say, field by field. A mirror of the analysis' own types, which know of no files:
//! what changes here is another version.

use serde::{Deserialize, Serialize};

use super::{Cluster, Identity, Saved};
use crate::analysis::learned::{self, Learned};

#[derive(Serialize, Deserialize)]
struct ClusterRecord {
    name: String,
    cluster_id: Option<String>,
    read_committed: bool,
    groups: Vec<GroupRecord>,
}

#[derive(Serialize, Deserialize)]
struct GroupRecord {
    name: String,
    seen_at: f64,
    rebalances: Vec<f32>,
    topics: Vec<TopicRecord>,
}

#[derive(Serialize, Deserialize)]
struct TopicRecord {
    name: String,
    id: Option<u128>,
    seen_at: f64,
    sum: Option<SeriesRecord>,
    partitions: Vec<(u32, SeriesRecord)>,
    retries: Option<RetriesRecord>,
    commit_gap_seconds: Option<f32>,
}

#[derive(Serialize, Deserialize)]
struct SeriesRecord {
    watched_seconds: f32,
    advances: u32,
    longest_gap_seconds: f32,
    ordinary_gap_seconds: [f32; 2],
    bucket_began: f64,
    levels: Vec<LevelRecord>,
}

#[derive(Serialize, Deserialize)]
struct LevelRecord {
    block_seconds: f32,
    count: u32,
    mean: f32,
    variance: f32,
    largest: [f32; 2],
    largest_before: [f32; 2],
}

#[derive(Serialize, Deserialize)]
struct RetriesRecord {
    base: f32,
    mean_consumed: f32,
    windows: u32,
}

/// The bytes, after those that are there already.
pub(super) fn append(saved: &Saved, bytes: Vec<u8>) -> Vec<u8> {
    let clusters: Vec<ClusterRecord> = saved.clusters.iter().map(ClusterRecord::from).collect();
    postcard::to_extend(&clusters, bytes)
        .expect("memory takes any bytes, and every length is known")
}

/// `None` when they say anything else, or more.
pub(super) fn read(bytes: &[u8]) -> Option<Saved> {
    let (clusters, rest) = postcard::take_from_bytes::<Vec<ClusterRecord>>(bytes).ok()?;
    rest.is_empty().then(|| Saved {
        clusters: clusters.into_iter().map(Cluster::from).collect(),
    })
}

impl From<&Cluster> for ClusterRecord {
    fn from(cluster: &Cluster) -> Self {
        Self {
            name: cluster.name.clone(),
            cluster_id: cluster.identity.cluster_id.as_deref().map(str::to_owned),
            read_committed: cluster.identity.read_committed,
            groups: cluster.learned.groups.iter().map(From::from).collect(),
        }
    }
}

impl From<ClusterRecord> for Cluster {
    fn from(record: ClusterRecord) -> Self {
        Self {
            name: record.name,
            identity: Identity {
                cluster_id: record.cluster_id.map(Into::into),
                read_committed: record.read_committed,
            },
            learned: Learned {
                groups: record.groups.into_iter().map(From::from).collect(),
            },
        }
    }
}

impl From<&learned::Group> for GroupRecord {
    fn from(group: &learned::Group) -> Self {
        Self {
            name: group.name.to_string(),
            seen_at: group.seen_at,
            rebalances: group.rebalances.clone(),
            topics: group.topics.iter().map(From::from).collect(),
        }
    }
}

impl From<GroupRecord> for learned::Group {
    fn from(record: GroupRecord) -> Self {
        Self {
            name: record.name.into(),
            seen_at: record.seen_at,
            rebalances: record.rebalances,
            topics: record.topics.into_iter().map(From::from).collect(),
        }
    }
}

impl From<&learned::Topic> for TopicRecord {
    fn from(topic: &learned::Topic) -> Self {
        let partitions = topic.partitions.iter();
        Self {
            name: topic.name.to_string(),
            id: topic.id,
            seen_at: topic.seen_at,
            sum: topic.sum.as_ref().map(From::from),
            partitions: partitions.map(|(n, series)| (*n, series.into())).collect(),
            retries: topic.retries.as_ref().map(From::from),
            commit_gap_seconds: topic.commit_gap_seconds,
        }
    }
}

impl From<TopicRecord> for learned::Topic {
    fn from(record: TopicRecord) -> Self {
        let partitions = record.partitions.into_iter();
        Self {
            name: record.name.into(),
            id: record.id,
            seen_at: record.seen_at,
            sum: record.sum.map(From::from),
            partitions: partitions.map(|(n, series)| (n, series.into())).collect(),
            retries: record.retries.map(From::from),
            commit_gap_seconds: record.commit_gap_seconds,
        }
    }
}

/// Both ways between two structs with the same fields.
macro_rules! mirror {
    ($record:ident, $of:ty { $($field:ident),* } $(, $levels:ident)?) => {
        impl From<&$of> for $record {
            fn from(of: &$of) -> Self {
                Self {
                    $($field: of.$field,)*
                    $($levels: of.$levels.iter().map(From::from).collect(),)?
                }
            }
        }

        impl From<$record> for $of {
            fn from(record: $record) -> Self {
                Self {
                    $($field: record.$field,)*
                    $($levels: record.$levels.into_iter().map(From::from).collect(),)?
                }
            }
        }
    };
}

mirror!(
    SeriesRecord,
    learned::Series {
        watched_seconds,
        advances,
        longest_gap_seconds,
        ordinary_gap_seconds,
        bucket_began
    },
    levels
);
mirror!(
    LevelRecord,
    learned::Level {
        block_seconds,
        count,
        mean,
        variance,
        largest,
        largest_before
    }
);
mirror!(
    RetriesRecord,
    learned::Retries {
        base,
        mean_consumed,
        windows
    }
);
