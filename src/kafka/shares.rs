//! How far share groups (KIP-932) are: DescribeShareGroupOffsets of their coordinator, in batches. OffsetFetch answers such a
//! group with nothing.
//!
//! A share group's members acknowledge messages in whatever order. What stands for its commit in a partition is the start offset:
//! the oldest message that is not acknowledged, so that its age is the time lag. Kafka's own lag (`kafka-share-groups`, KIP-1226)
//! leaves out what is acknowledged behind that already: at most as many messages as a partition may have in flight
//! (`group.share.partition.max.record.locks`, 2,000).

use kafka_protocol::messages::DescribeShareGroupOffsetsRequest;
use kafka_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup;
use kafka_protocol::messages::describe_share_group_offsets_response::DescribeShareGroupOffsetsResponseGroup;
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::client::api::Api;
use super::client::session::Session;
use super::client::tally::Tally;
use super::error::Error;
use super::offsets::{self, GroupCommits};
use crate::analysis::sample::is_share;

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

    /// What all of them have committed or acknowledged. Should the second question fail, that is counted, and what the first one
    /// told is as good as ever.
    pub(crate) async fn offsets(&self, session: &mut Session) -> Result<Vec<GroupCommits>, Error> {
        let mut commits = offsets::committed(session, &self.committing).await?;
        commits.extend(started(session, &self.sharing).await.unwrap_or_default());
        Ok(commits)
    }
}

/// Where share groups start, each in all topics it has a start in. A broker that doesn't know the question isn't asked.
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
        starts.extend(groups.map(|group| starts_of(group, answer.at, session.tally())));
    }
    Ok(starts)
}

fn requests(groups: &[StrBytes]) -> Vec<DescribeShareGroupOffsetsRequest> {
    let named = |group: &StrBytes| {
        DescribeShareGroupOffsetsRequestGroup::default()
            .with_group_id(group.clone().into())
            .with_topics(None)
    };
    let batch = |groups: &[StrBytes]| {
        let groups = groups.iter().map(named).collect();
        DescribeShareGroupOffsetsRequest::default().with_groups(groups)
    };
    groups.chunks(GROUPS_MAX).map(batch).collect()
}

/// A start of −1 is none: nobody has fetched from the partition yet.
fn starts_of(
    group: DescribeShareGroupOffsetsResponseGroup,
    at: Instant,
    tally: &Tally,
) -> GroupCommits {
    const API: &str = DescribeShareGroupOffsetsRequest::NAME;
    let topics = group.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let raw = partitions.map(|p| (p.partition_index, p.start_offset, p.error_code));
        Ok((topic.topic_name.0, offsets::offsets(raw, API, tally)?))
    });
    let topics = offsets::checked(group.error_code, API, tally).and_then(|()| topics.collect());
    GroupCommits {
        name: group.group_id.0,
        at,
        topics: topics.map(with_starts),
    }
}

/// A topic in which nothing was fetched yet is none that the group is behind in.
fn with_starts(mut topics: Vec<offsets::TopicOffsets>) -> Vec<offsets::TopicOffsets> {
    topics.retain(|(_, partitions)| !partitions.is_empty());
    topics
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::describe_share_group_offsets_response::{
        DescribeShareGroupOffsetsResponsePartition, DescribeShareGroupOffsetsResponseTopic,
    };

    use super::*;

    /// `(start offset, error)` of partitions 0, 1, …
    fn topic(name: &'static str, starts: &[(i64, i16)]) -> DescribeShareGroupOffsetsResponseTopic {
        let partition = |(index, (start, error)): (usize, &(i64, i16))| {
            DescribeShareGroupOffsetsResponsePartition::default()
                .with_partition_index(index as i32)
                .with_start_offset(*start)
                .with_error_code(*error)
        };
        DescribeShareGroupOffsetsResponseTopic::default()
            .with_topic_name(StrBytes::from_static_str(name).into())
            .with_partitions(starts.iter().enumerate().map(partition).collect())
    }

    fn told(
        error: i16,
        topics: &[DescribeShareGroupOffsetsResponseTopic],
    ) -> (GroupCommits, Tally) {
        let tally = Tally::default();
        let group = DescribeShareGroupOffsetsResponseGroup::default()
            .with_topics(topics.to_vec())
            .with_error_code(error);
        (starts_of(group, Instant::now(), &tally), tally)
    }

    #[test]
    fn where_nobody_has_fetched_there_is_no_start() {
        let topics = [
            topic("orders", &[(-1, 0), (7, 0), (0, 0)]),
            topic("new", &[(-1, 0)]),
        ];
        let (group, tally) = told(0, &topics);
        let topics = group.topics.expect("no error");
        assert_eq!(topics.len(), 1, "{topics:?}");
        assert_eq!(
            (&*topics[0].0, &*topics[0].1),
            ("orders", &[(1, 7), (2, 0)][..])
        );
        assert_eq!(tally.errors(), []);
    }

    #[test]
    fn an_error_of_the_group_or_of_a_partition_makes_it_unknown() {
        let partition = [topic("orders", &[(5, 0), (7, 15)])];
        let cases = [
            (16, &partition[..0], "not_coordinator"),
            (0, &partition, "coordinator_not_available"),
        ];
        for (error, topics, label) in cases {
            let (group, tally) = told(error, topics);
            assert!(group.topics.is_err(), "{label}");
            assert_eq!(tally.errors(), [("DescribeShareGroupOffsets", label, 1)]);
        }
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
