//! How far share groups (KIP-932) are: DescribeShareGroupOffsets of their coordinator, in batches. OffsetFetch answers such a
//! group with nothing.
//!
//! A share group's members acknowledge messages in whatever order, and its start offset is written late. What counts is the lag
//! that Kafka tells (`kafka-share-groups` prints the same): how many messages' delivery isn't over yet. As far before the log's
//! end, read in the same cycle, is what stands for the group's commit.

use kafka_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup;
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::client::api::Api;
use super::client::session::Session;
use super::client::tally::Tally;
use super::error::{Error, LAG_NOT_TOLD};
use super::offsets::{self, GroupCommits, TopicOffsets};
use super::sampler::CommitsByGroup;
use super::stream::AskStreamed;
use super::topics::Topics;
use crate::analysis::sample::is_share;
use crate::codec::{DescribeShareGroupOffsetsRequest, SharedTopic, SharingGroup};

/// Groups in one request. For each the coordinator asks those who keep the state of its partitions.
const GROUPS_MAX: usize = 500;

/// Groups of one coordinator, by the question that their offsets are asked with.
#[derive(Default)]
pub(crate) struct Asked {
    committing: Vec<StrBytes>,
    sharing: Vec<StrBytes>,
}

impl Asked {
    /// A group, and its type as it was listed.
    pub(crate) fn add(&mut self, group: StrBytes, kind: &str) {
        match is_share(kind) {
            true => self.sharing.push(group),
            false => self.committing.push(group),
        }
    }

    /// Leaves out those whose commits the stream tells.
    pub(crate) fn leave_out(&mut self, streamed: &AskStreamed) {
        self.committing = streamed.leave_out(std::mem::take(&mut self.committing));
    }

    /// What all of them have committed or acknowledged. Should the second question fail, that is counted, and what the first one
    /// told is as good as ever.
    pub(crate) async fn offsets(&self, session: &mut Session) -> Result<Vec<GroupCommits>, Error> {
        let mut commits = offsets::committed(session, &self.committing).await?;
        commits.extend(started(session, &self.sharing).await.unwrap_or_default());
        Ok(commits)
    }
}

/// How far share groups are, each in all topics it has begun to read. A broker that doesn't know the question isn't asked.
pub(crate) async fn started(
    session: &mut Session,
    groups: &[StrBytes],
) -> Result<Vec<GroupCommits>, Error> {
    let is_resting = session.is_resting::<DescribeShareGroupOffsetsRequest>();
    if groups.is_empty() || is_resting {
        return Ok(Vec::new());
    }
    let answers = session.ask_all(|_| requests(groups)).await;
    // Whoever keeps a group's state may be another broker, and hang: that must not cost this one's other groups for good.
    if answers.as_ref().is_err_and(Error::is_silence) {
        session.rest::<DescribeShareGroupOffsetsRequest>();
    }
    let mut starts = Vec::with_capacity(groups.len());
    for answer in answers? {
        let groups = answer.body.groups.into_iter();
        starts.extend(groups.filter_map(|group| starts_of(group, answer.at, session.tally())));
    }
    Ok(starts)
}

fn requests(groups: &[StrBytes]) -> Vec<DescribeShareGroupOffsetsRequest> {
    let named = |group: &StrBytes| {
        DescribeShareGroupOffsetsRequestGroup::default()
            .with_group_id(group.clone().into())
            .with_topics(None)
    };
    let batch = |groups: &[StrBytes]| DescribeShareGroupOffsetsRequest {
        groups: groups.iter().map(named).collect(),
    };
    groups.chunks(GROUPS_MAX).map(batch).collect()
}

const API: &str = DescribeShareGroupOffsetsRequest::NAME;

/// `None`: of some partition Kafka doesn't know the lag, as after an upgrade from 4.1 until something is acknowledged. Without it
/// the sum would be too small.
fn starts_of(group: SharingGroup, at: Instant, tally: &Tally) -> Option<GroupCommits> {
    let begun: Vec<SharedTopic> = group.topics.into_iter().filter_map(begun).collect();
    let of_all = begun.iter().map(|topic| {
        let lags = topic.partitions.iter().map(|p| p.lag.try_into().ok());
        lags.collect::<Option<Vec<u64>>>()
    });
    let lags: Option<Vec<_>> = of_all.collect();
    let topics = begun.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let raw = partitions.map(|p| (p.index, p.start_offset, p.error_code));
        Ok(TopicOffsets {
            name: topic.name.clone(),
            id: None,
            partitions: offsets::offsets(raw, API, tally)?,
            edges: None,
        })
    });
    let topics = offsets::checked(group.error_code, API, tally).and_then(|()| topics.collect());
    if topics.is_ok() && lags.is_none() {
        tally.error(API, LAG_NOT_TOLD);
        return None;
    }
    Some(GroupCommits {
        name: group.name,
        at,
        topics,
        lags: lags.unwrap_or_default(),
    })
}

/// Without the partitions in which nobody has fetched yet, which have no start (−1) and no lag; in order. `None` when none is left.
fn begun(mut topic: SharedTopic) -> Option<SharedTopic> {
    let partitions = &mut topic.partitions;
    partitions.retain(|p| p.error_code != 0 || p.index >= 0 && p.start_offset >= 0);
    partitions.sort_unstable_by_key(|p| p.index);
    partitions.dedup_by_key(|p| p.index);
    (!partitions.is_empty()).then_some(topic)
}

/// Puts in the place of share groups' start offsets how far they are by their lags and the log ends of this cycle. Where there is no
/// end, nothing is made of the offset either.
pub(crate) fn reckon(commits: &mut CommitsByGroup, topics: &Topics) {
    for group in commits.values_mut() {
        let told = group.topics.as_mut().map_or(&mut [][..], |told| told);
        for (told, lags) in told.iter_mut().zip(&group.lags) {
            let topic = topics.index(&told.name);
            let topic = topic.map(|index| &topics.list()[index]);
            for ((number, offset), lag) in told.partitions.iter_mut().zip(lags) {
                let ends = topic.and_then(|topic| topic.ends.get(*number as usize));
                if let Some(end) = ends.and_then(|ends| ends.log_end) {
                    *offset = end.offset.saturating_sub(*lag);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::SharedPartition;

    /// `(start offset, lag, error)` of partitions 0, 1, …
    fn topic(name: &'static str, partitions: &[(i64, i64, i16)]) -> SharedTopic {
        let partitions = (0..).zip(partitions);
        let partitions =
            partitions.map(|(index, (start_offset, lag, error_code))| SharedPartition {
                index,
                start_offset: *start_offset,
                lag: *lag,
                error_code: *error_code,
                ..SharedPartition::default()
            });
        SharedTopic {
            name: StrBytes::from_static_str(name),
            partitions: partitions.collect(),
            ..SharedTopic::default()
        }
    }

    fn told(error_code: i16, topics: &[SharedTopic]) -> (Option<GroupCommits>, Tally) {
        let tally = Tally::default();
        let group = SharingGroup {
            topics: topics.to_vec(),
            error_code,
            ..SharingGroup::default()
        };
        (starts_of(group, Instant::now(), &tally), tally)
    }

    #[test]
    fn where_nobody_has_fetched_there_is_neither_start_nor_lag() {
        let topics = [
            topic("orders", &[(-1, -1, 0), (7, 3, 0), (0, 9, 0)]),
            topic("new", &[(-1, -1, 0)]),
        ];
        let (group, tally) = told(0, &topics);
        let group = group.expect("it is told");
        let topics = group.topics.expect("no error");
        assert_eq!(topics.len(), 1);
        assert_eq!(
            (&*topics[0].name, &*topics[0].partitions),
            ("orders", &[(1, 7), (2, 0)][..])
        );
        assert_eq!(group.lags, [[3, 9]]);
        assert_eq!(tally.errors(), []);
    }

    #[test]
    fn an_error_of_the_group_or_of_a_partition_makes_it_unknown() {
        let partition = [topic("orders", &[(5, 1, 0), (-1, -1, 15)])];
        let cases = [
            (16, &partition[..0], "not_coordinator"),
            (0, &partition, "coordinator_not_available"),
        ];
        for (error, topics, label) in cases {
            let (group, tally) = told(error, topics);
            assert!(group.is_some_and(|group| group.topics.is_err()), "{label}");
            assert_eq!(tally.errors(), [("DescribeShareGroupOffsets", label, 1)]);
        }
    }

    #[test]
    fn a_start_without_a_lag_makes_it_unknown() {
        let (group, tally) = told(0, &[topic("orders", &[(5, 1, 0), (7, -1, 0)])]);
        assert!(group.is_none());
        let counted = ("DescribeShareGroupOffsets", "lag_not_told", 1);
        assert_eq!(tally.errors(), [counted]);
    }

    #[test]
    fn many_groups_are_one_request() {
        let names = |count: usize| (0..count).map(|n| StrBytes::from_string(n.to_string()));
        let sizes = |count| {
            let requests = requests(&names(count).collect::<Vec<_>>());
            requests.iter().map(|r| r.groups.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(500), [500]);
        assert_eq!(sizes(501), [500, 1]);
    }

    #[test]
    fn groups_are_asked_about_by_their_type() {
        let mut asked = Asked::default();
        for kind in ["classic", "Share", "", "streams", "consumer", "share"] {
            asked.add(StrBytes::from_static_str("g"), kind);
        }
        assert_eq!((asked.committing.len(), asked.sharing.len()), (4, 2));
    }
}
