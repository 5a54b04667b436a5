//! How far each group has read (OffsetFetch) and where each partition ends and begins (ListOffsets), in batches.

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetFetchRequest, OffsetFetchResponse,
};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::client::api::Api;
use super::client::broker::Question;
use super::client::connection::Answer;
use super::client::session::Session;
use super::client::tally::Tally;
use super::error::{Code, Error};
use super::leader::Leader;
use super::settings::IsolationLevel;
use super::stream::Timed;

/// Groups in one OffsetFetch: an answer of a few MiB, a few milliseconds of a broker's time.
const GROUPS_MAX: usize = 500;
/// Partitions in one ListOffsets: half a MiB each way.
const PARTITIONS_MAX: usize = 20_000;
/// From this version of OffsetFetch on a request may name many groups.
const BATCHED_SINCE: i16 = 8;

/// A group's committed offsets, or why its coordinator didn't tell them.
pub(crate) struct GroupCommits {
    pub(crate) name: StrBytes,
    pub(crate) at: Instant,
    pub(crate) topics: Result<Vec<TopicOffsets>, Code>,
    /// Of a share group: what goes with each of these offsets, in the same order; empty for all others.
    pub(crate) lags: Vec<Vec<u64>>,
}

impl GroupCommits {
    /// Partitions with a commit, in the topics that count.
    pub(crate) fn count(&self, counts: impl Fn(&str) -> bool) -> usize {
        let topics = self.topics.iter().flatten();
        let counted = topics.filter(|topic| counts(&topic.name));
        counted.map(|topic| topic.partitions.len()).sum()
    }
}

/// A group's committed offsets in a topic.
pub(crate) struct TopicOffsets {
    pub(crate) name: StrBytes,
    /// Kafka's id of the topic that was committed in; absent where it wasn't told.
    pub(crate) id: Option<u128>,
    /// `(partition, offset)`, in order of partition.
    pub(crate) partitions: Vec<(u32, u64)>,
    /// The commits since the group was last told, in order of partition and time; absent where only what holds now is known.
    pub(crate) edges: Option<Vec<Timed>>,
}

/// Reads what groups have committed, each in all topics it has commits in. `require_stable` would make the answer wait for
/// open transactions; the member epoch −1 of a reader that is no member is the default.
pub(crate) async fn committed(
    session: &mut Session,
    groups: &[StrBytes],
) -> Result<Vec<GroupCommits>, Error> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let answers = session
        .ask_all(|version| commit_requests(groups, version))
        .await?;
    let mut commits = Vec::with_capacity(groups.len());
    for (answer, asked) in answers.into_iter().zip(groups) {
        let groups = answered(answer.body, answer.version, asked).into_iter();
        commits.extend(groups.map(|group| commits_of(group, answer.at, session.tally())));
    }
    Ok(commits)
}

fn commit_requests(groups: &[StrBytes], version: i16) -> Vec<OffsetFetchRequest> {
    if version < BATCHED_SINCE {
        let one = |group: &StrBytes| {
            OffsetFetchRequest::default()
                .with_group_id(group.clone().into())
                .with_topics(None)
        };
        return groups.iter().map(one).collect();
    }
    let named = |group: &StrBytes| {
        OffsetFetchRequestGroup::default()
            .with_group_id(group.clone().into())
            .with_topics(None)
    };
    let batch = |groups: &[StrBytes]| {
        OffsetFetchRequest::default().with_groups(groups.iter().map(named).collect())
    };
    groups.chunks(GROUPS_MAX).map(batch).collect()
}

/// The groups of an answer. An old one is about the one group that was asked for, and doesn't name it.
fn answered(
    body: OffsetFetchResponse,
    version: i16,
    asked: &StrBytes,
) -> Vec<OffsetFetchResponseGroup> {
    if version >= BATCHED_SINCE {
        return body.groups;
    }
    let partition = |old: OffsetFetchResponsePartition| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(old.partition_index)
            .with_committed_offset(old.committed_offset)
            .with_error_code(old.error_code)
    };
    let topic = |old: OffsetFetchResponseTopic| {
        OffsetFetchResponseTopics::default()
            .with_name(old.name)
            .with_partitions(old.partitions.into_iter().map(partition).collect())
    };
    let group = OffsetFetchResponseGroup::default()
        .with_group_id(asked.clone().into())
        .with_topics(body.topics.into_iter().map(topic).collect())
        .with_error_code(body.error_code);
    vec![group]
}

fn commits_of(group: OffsetFetchResponseGroup, at: Instant, tally: &Tally) -> GroupCommits {
    let topics = group.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let raw = partitions.map(|p| (p.partition_index, p.committed_offset, p.error_code));
        Ok(TopicOffsets {
            partitions: offsets(raw, OffsetFetchRequest::NAME, tally)?,
            name: topic.name.0,
            id: None,
            edges: None,
        })
    });
    GroupCommits {
        name: group.group_id.0,
        at,
        topics: checked(group.error_code, OffsetFetchRequest::NAME, tally)
            .and_then(|()| topics.collect()),
        lags: Vec::new(),
    }
}

/// Those that are known: an offset of −1 means "no commit", and no other negative one means anything. An error for one partition
/// makes the group's whole answer one: a partition left out would be taken for one without a commit, and forgotten.
pub(crate) fn offsets(
    raw: impl Iterator<Item = (i32, i64, i16)>,
    api: &'static str,
    tally: &Tally,
) -> Result<Vec<(u32, u64)>, Code> {
    let mut known = Vec::new();
    for (partition, offset, error) in raw {
        checked(error, api, tally)?;
        known.extend(partition.try_into().ok().zip(offset.try_into().ok()));
    }
    known.sort_unstable();
    known.dedup_by_key(|(partition, _): &mut (u32, u64)| *partition);
    Ok(known)
}

/// Counts what was answered instead of offsets.
pub(crate) fn checked(error: i16, api: &'static str, tally: &Tally) -> Result<(), Code> {
    Code::of(error).map_or(Ok(()), |code| {
        tally.error(api, code.label());
        Err(code)
    })
}

/// Asks a leader for the ends, and when the budget allows the beginnings, of partitions it leads.
pub(crate) struct AskEnds {
    pub(crate) isolation: IsolationLevel,
    /// With the beginnings, which can wait for the next cycle.
    pub(crate) with_starts: bool,
    pub(crate) wanted: Vec<Wanted>,
}

/// Partitions of a topic.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) topic: StrBytes,
    pub(crate) partitions: Vec<Place>,
}

/// A partition and the election since which its leader leads it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) index: i32,
    /// As requests have it.
    pub(crate) epoch: i32,
}

impl Place {
    pub(crate) fn new(index: i32, leader: Leader) -> Self {
        let epoch = leader.epoch();
        Self { index, epoch }
    }

    /// Whoever leads it shall answer.
    pub(crate) fn anywhere(index: i32) -> Self {
        Self::new(index, Leader::default())
    }
}

/// Which offset is asked for, by the timestamp that stands for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Latest = -1,
    Earliest = -2,
}

/// The answers, in the order of the batches.
pub(crate) struct Ends {
    pub(crate) answers: Vec<(End, Answer<ListOffsetsResponse>)>,
}

impl Question for AskEnds {
    const NAME: &'static str = "ListOffsets";
    type Answer = Ends;

    async fn put(self, session: &mut Session) -> Result<Ends, Error> {
        // The budget as the cycle's earlier questions left it. If a new connection must be opened for this one, its greeting
        // is a request more: beginnings that were counted on already are not taken back for it.
        let batches = batches(self.wanted);
        let starts_too = self.with_starts && session.log_starts_fit();
        let ends: &[End] = match starts_too {
            true => &[End::Latest, End::Earliest],
            false => &[End::Latest],
        };
        // Starts are a request more, and so are ends that are asked for again.
        if starts_too || !self.with_starts {
            session.take_room();
        }
        let asked: Vec<(End, &[Wanted])> = ends
            .iter()
            .flat_map(|end| batches.iter().map(|batch| (*end, &**batch)))
            .collect();
        let make = |_| {
            let requests = asked.iter();
            requests
                .map(|(end, batch)| list_offsets_of(batch, *end as i64, self.isolation))
                .collect()
        };
        let answers = session.ask_all(make).await?;
        let ends = asked.iter().map(|(end, _)| *end);
        Ok(Ends {
            answers: ends.zip(answers).collect(),
        })
    }
}

/// Whole topics, together at most so many partitions as one request may name; a topic with more has its own.
fn batches(wanted: Vec<Wanted>) -> Vec<Vec<Wanted>> {
    let mut batches: Vec<Vec<Wanted>> = Vec::new();
    let mut room = 0;
    for topic in wanted {
        let size = topic.partitions.len();
        if batches.is_empty() || size > room {
            batches.push(Vec::new());
            room = PARTITIONS_MAX;
        }
        room = room.saturating_sub(size);
        batches.last_mut().expect("pushed above").push(topic);
    }
    batches
}

/// For every partition the same: the first record at or after a timestamp, or what a negative one stands for.
pub(crate) fn list_offsets_of(
    wanted: &[Wanted],
    timestamp: i64,
    isolation: IsolationLevel,
) -> ListOffsetsRequest {
    let partition = |place: &Place| {
        ListOffsetsPartition::default()
            .with_partition_index(place.index)
            .with_current_leader_epoch(place.epoch)
            .with_timestamp(timestamp)
    };
    let topic = |wanted: &Wanted| {
        ListOffsetsTopic::default()
            .with_name(wanted.topic.clone().into())
            .with_partitions(wanted.partitions.iter().map(partition).collect())
    };
    list_offsets(wanted.iter().map(topic).collect(), isolation)
}

/// A consumer's request, not a replica's.
pub(crate) fn list_offsets(
    topics: Vec<ListOffsetsTopic>,
    isolation: IsolationLevel,
) -> ListOffsetsRequest {
    ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_isolation_level(match isolation {
            IsolationLevel::ReadUncommitted => 0,
            IsolationLevel::ReadCommitted => 1,
        })
        .with_topics(topics)
}

/// What a leader said of one partition: its number and offset; `None` when it is unknown.
pub(crate) fn end_of(
    partition: &ListOffsetsPartitionResponse,
) -> Result<Option<(usize, u64)>, Code> {
    if let Some(code) = Code::of(partition.error_code) {
        return Err(code);
    }
    let index = usize::try_from(partition.partition_index).ok();
    let offset = u64::try_from(partition.offset).ok();
    Ok(index.zip(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(sizes: &[usize]) -> Vec<Wanted> {
        let one = |size: &usize| Wanted {
            topic: StrBytes::from_static_str("t"),
            partitions: (0..*size as i32).map(Place::anywhere).collect(),
        };
        sizes.iter().map(one).collect()
    }

    #[test]
    fn topics_are_batched_whole() {
        let cases: &[(&[usize], &[usize])] = &[
            (&[], &[]),
            (&[5, 5], &[2]),
            (&[20_000, 1], &[1, 1]),
            (&[15_000, 5_000, 1], &[2, 1]),
            (&[30_000, 1], &[1, 1]),
        ];
        for (sizes, expected) in cases {
            let lengths: Vec<usize> = batches(wanted(sizes)).iter().map(Vec::len).collect();
            assert_eq!(&lengths, expected, "{sizes:?}");
        }
    }

    #[test]
    fn negative_offsets_and_partitions_are_unknown() {
        let tally = Tally::default();
        let raw = [(2, 7, 0), (0, -1, 0), (-3, 5, 0), (1, 9, 0)];
        let known = offsets(raw.into_iter(), "OffsetFetch", &tally);
        assert!(known.is_ok_and(|known| known == [(1, 9), (2, 7)]));
        assert_eq!(tally.errors(), []);
    }

    #[test]
    fn an_error_for_one_partition_is_one_for_the_group() {
        let tally = Tally::default();
        let raw = [(2, 7, 0), (3, 4, 16)];
        assert!(offsets(raw.into_iter(), "OffsetFetch", &tally).is_err());
        assert_eq!(tally.errors(), [("OffsetFetch", "not_coordinator", 1)]);
    }

    #[test]
    fn old_brokers_are_asked_group_by_group() {
        let groups: Vec<StrBytes> = (0..501)
            .map(|n| StrBytes::from_string(n.to_string()))
            .collect();
        assert_eq!(commit_requests(&groups, 7).len(), 501);
        let batched = commit_requests(&groups, 9);
        assert_eq!(
            batched.iter().map(|r| r.groups.len()).collect::<Vec<_>>(),
            [500, 1]
        );
    }
}
