//! DescribeShareGroupOffsets: how far share groups are, one or many, in all topics or some. Of groups of another type, and of those that
//! don't exist, there is nothing to tell, and no error.

use kafka_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestTopic;
use kafka_protocol::protocol::StrBytes;

use super::super::group::Kind;
use super::super::view::{Log, View};
use super::groups::trouble_with;
use crate::codec::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse, SharedPartition,
    SharedTopic, SharingGroup,
};

pub(super) fn answer(
    view: &View<'_>,
    question: DescribeShareGroupOffsetsRequest,
    _: i16,
) -> DescribeShareGroupOffsetsResponse {
    let groups = question.groups.into_iter();
    let groups = groups.map(|asked| group(view, asked.group_id.0, asked.topics.as_deref()));
    DescribeShareGroupOffsetsResponse {
        groups: groups.collect(),
    }
}

fn group(
    view: &View<'_>,
    name: StrBytes,
    asked: Option<&[DescribeShareGroupOffsetsRequestTopic]>,
) -> SharingGroup {
    let trouble = trouble_with(view, &name);
    let group = view.group(&name).filter(|_| trouble.is_none());
    let group = group.filter(|group| view.group_data(*group).kind == Kind::Share);
    let topics = match (group, asked) {
        (None, _) => Vec::new(),
        (Some(group), Some(asked)) => asked.iter().map(|asked| some(view, group, asked)).collect(),
        (Some(group), None) => all(view, group),
    };
    SharingGroup {
        name,
        topics,
        error_code: trouble.unwrap_or(0),
    }
}

/// Every partition of the topics that it reads, with and without a start.
fn all(view: &View<'_>, group: usize) -> Vec<SharedTopic> {
    let world = &view.cluster.world;
    let existing = world.subscribed(group);
    let existing = existing.filter(|topic| view.id(Log::Topic(*topic)).is_some());
    let topics = existing.map(|topic| {
        let numbers = 0..world.partitions(topic) as i32;
        let partitions = numbers.map(|number| partition(view, group, Some(topic), number));
        SharedTopic {
            name: view.cluster.topic_names[topic].clone(),
            id: view.id(Log::Topic(topic)).unwrap_or(0),
            partitions: partitions.collect(),
        }
    });
    topics.collect()
}

fn some(
    view: &View<'_>,
    group: usize,
    asked: &DescribeShareGroupOffsetsRequestTopic,
) -> SharedTopic {
    let log = view.log(&asked.topic_name.0);
    let topic = match log {
        Some(Log::Topic(topic)) => Some(topic),
        _ => None,
    };
    let numbers = asked.partitions.iter();
    let partitions = numbers.map(|number| partition(view, group, topic, *number));
    SharedTopic {
        name: asked.topic_name.0.clone(),
        id: log.and_then(|log| view.id(log)).unwrap_or(0),
        partitions: partitions.collect(),
    }
}

/// −1 for a start and a lag that there aren't. As Kafka's, a start offset is that of the acknowledgement before the last, unless it
/// was set back since.
fn partition(view: &View<'_>, group: usize, topic: Option<usize>, number: i32) -> SharedPartition {
    let world = &view.cluster.world;
    let found = || {
        let (topic, index) = (topic?, u32::try_from(number).ok()?);
        let acknowledged = world.committed(group, topic, index, view.now)?;
        let lag = world
            .log_end(topic, index, view.now)?
            .saturating_sub(acknowledged);
        let start = start(view, group, topic, index).unwrap_or(0);
        let start = start.min(acknowledged);
        Some((start.try_into().ok()?, lag.try_into().ok()?))
    };
    let (start_offset, lag) = found().unwrap_or((-1, -1));
    SharedPartition {
        index: number,
        start_offset,
        leader_epoch: 0,
        lag,
        error_code: 0,
    }
}

fn start(view: &View<'_>, group: usize, topic: usize, index: u32) -> Option<u64> {
    let (world, data) = (&view.cluster.world, view.group_data(group));
    let delay = data.subscription(topic)?.delay_of(index);
    let last = data.last_commit(delay, index, view.now)?;
    world.committed(group, topic, index, last - data.commit_every / 2.0)
}
