//! OffsetFetch: what groups have committed; of one group or many, in all topics or some.

use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopics;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};
use kafka_protocol::protocol::StrBytes;

use super::super::group::Kind;
use super::super::view::{Log, View};
use super::groups::trouble_with;

/// From this version on a question may name many groups.
const MANY_SINCE: i16 = 8;
/// From this version on an answer can have an error for all of it.
const ERROR_SINCE: i16 = 2;
/// From this version on commits have their leader's epoch.
const EPOCH_SINCE: i16 = 5;

/// A topic and its partitions with their commits, −1 for none.
type Commits = Vec<(StrBytes, Vec<(i32, i64)>)>;

pub(super) fn answer(
    view: &View<'_>,
    question: OffsetFetchRequest,
    version: i16,
) -> OffsetFetchResponse {
    if version >= MANY_SINCE {
        let groups = question.groups.into_iter().map(|asked| {
            let topics = asked.topics.as_deref().map(some_topics);
            let found = commits(view, &asked.group_id.0, topics);
            group(asked.group_id.0, found)
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let topics = question.topics.map(|topics| {
        let named = topics.into_iter();
        named.map(|t| (t.name.0, t.partition_indexes)).collect()
    });
    match commits(view, &question.group_id.0, topics.clone()) {
        Ok(commits) => old(commits, 0, version),
        Err(error) if version >= ERROR_SINCE => {
            OffsetFetchResponse::default().with_error_code(error)
        }
        Err(error) => old(without_commits(topics.unwrap_or_default()), error, version),
    }
}

type Asked = Vec<(StrBytes, Vec<i32>)>;

fn some_topics(topics: &[OffsetFetchRequestTopics]) -> Asked {
    let named = topics.iter();
    named
        .map(|t| (t.name.0.clone(), t.partition_indexes.clone()))
        .collect()
}

/// A group that isn't there has committed nothing.
fn commits(view: &View<'_>, name: &StrBytes, asked: Option<Asked>) -> Result<Commits, i16> {
    if let Some(error) = trouble_with(view, name) {
        return Err(error);
    }
    let group = view.group(name);
    let group = group.filter(|group| view.group_data(*group).kind != Kind::Share);
    let Some(group) = group else {
        return Ok(without_commits(asked.unwrap_or_default()));
    };
    let committed = |topic, number: u32| {
        let world = &view.cluster.world;
        let offset = world.committed(group, topic, number, view.now);
        offset.and_then(|offset| i64::try_from(offset).ok())
    };
    let Some(asked) = asked else {
        return Ok(all(view, group, committed));
    };
    let answered = asked.into_iter().map(|(name, numbers)| {
        let topic = match view.log(&name) {
            Some(Log::Topic(topic)) => Some(topic),
            _ => None,
        };
        let offset = |number| committed(topic?, u32::try_from(number).ok()?);
        let offsets = numbers.into_iter();
        let offsets = offsets.map(|number| (number, offset(number).unwrap_or(-1)));
        (name, offsets.collect())
    });
    Ok(answered.collect())
}

fn without_commits(asked: Asked) -> Commits {
    let none = |numbers: Vec<i32>| numbers.into_iter().map(|number| (number, -1)).collect();
    asked
        .into_iter()
        .map(|(name, numbers)| (name, none(numbers)))
        .collect()
}

/// Only what is committed.
fn all(view: &View<'_>, group: usize, committed: impl Fn(usize, u32) -> Option<i64>) -> Commits {
    let world = &view.cluster.world;
    let topics = world.subscribed(group).map(|topic| {
        let numbers = 0..world.partitions(topic);
        let offsets = numbers.filter_map(|n| Some((n as i32, committed(topic, n)?)));
        (view.cluster.topic_names[topic].clone(), offsets.collect())
    });
    topics
        .filter(|(_, offsets): &(_, Vec<_>)| !offsets.is_empty())
        .collect()
}

fn group(name: StrBytes, found: Result<Commits, i16>) -> OffsetFetchResponseGroup {
    let answer = OffsetFetchResponseGroup::default().with_group_id(name.into());
    let commits = match found {
        Ok(commits) => commits,
        Err(error) => return answer.with_error_code(error),
    };
    let topics = commits.into_iter().map(|(name, offsets)| {
        let partitions = offsets.into_iter().map(|(number, offset)| {
            OffsetFetchResponsePartitions::default()
                .with_partition_index(number)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(epoch_of(offset))
                .with_metadata(Some(StrBytes::new()))
        });
        OffsetFetchResponseTopics::default()
            .with_name(name.into())
            .with_partitions(partitions.collect())
    });
    answer.with_topics(topics.collect())
}

/// An old answer is about one group, which it doesn't name. `error` is for each partition.
fn old(commits: Commits, error: i16, version: i16) -> OffsetFetchResponse {
    let topics = commits.into_iter().map(|(name, offsets)| {
        let partitions = offsets.into_iter().map(|(number, offset)| {
            let answer = OffsetFetchResponsePartition::default()
                .with_partition_index(number)
                .with_committed_offset(offset)
                .with_metadata(Some(StrBytes::new()))
                .with_error_code(error);
            if version >= EPOCH_SINCE {
                answer.with_committed_leader_epoch(epoch_of(offset))
            } else {
                answer
            }
        });
        OffsetFetchResponseTopic::default()
            .with_name(name.into())
            .with_partitions(partitions.collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

/// Commits were made in the first epoch; where there is none there is no epoch.
fn epoch_of(offset: i64) -> i32 {
    if offset < 0 { -1 } else { 0 }
}
