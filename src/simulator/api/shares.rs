//! DescribeShareGroupOffsets: where share groups start, of one group or many, in all topics or some. Groups of another type are none.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestTopic;
use kafka_protocol::messages::describe_share_group_offsets_response::{
    DescribeShareGroupOffsetsResponseGroup, DescribeShareGroupOffsetsResponsePartition,
    DescribeShareGroupOffsetsResponseTopic,
};
use kafka_protocol::messages::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse, GroupId,
};

use super::super::group::Kind;
use super::super::view::{Log, View};
use super::groups::trouble_with;
use super::members::no_such_group;
use super::uuid;

pub(super) fn answer(
    view: &View<'_>,
    question: DescribeShareGroupOffsetsRequest,
    _: i16,
) -> DescribeShareGroupOffsetsResponse {
    let groups = question.groups.into_iter();
    let groups = groups.map(|asked| group(view, asked.group_id, asked.topics.as_deref()));
    DescribeShareGroupOffsetsResponse::default().with_groups(groups.collect())
}

fn group(
    view: &View<'_>,
    name: GroupId,
    asked: Option<&[DescribeShareGroupOffsetsRequestTopic]>,
) -> DescribeShareGroupOffsetsResponseGroup {
    let answer = DescribeShareGroupOffsetsResponseGroup::default().with_group_id(name.clone());
    if let Some(error) = trouble_with(view, &name.0) {
        return answer.with_error_code(error);
    }
    let group = view.group(&name.0);
    let group = group.filter(|group| view.group_data(*group).kind == Kind::Share);
    let Some(group) = group else {
        return answer
            .with_error_code(ResponseError::GroupIdNotFound.code())
            .with_error_message(Some(no_such_group(&name)));
    };
    let topics = match asked {
        Some(asked) => asked.iter().map(|asked| some(view, group, asked)).collect(),
        None => all(view, group),
    };
    answer.with_topics(topics)
}

/// Every partition of the topics that it reads, with and without a start.
fn all(view: &View<'_>, group: usize) -> Vec<DescribeShareGroupOffsetsResponseTopic> {
    let world = &view.cluster.world;
    let existing = world.subscribed(group);
    let existing = existing.filter(|topic| view.id(Log::Topic(*topic)).is_some());
    let topics = existing.map(|topic| {
        let numbers = 0..world.partitions(topic) as i32;
        let partitions = numbers.map(|number| partition(view, group, Some(topic), number));
        told(view, topic).with_partitions(partitions.collect())
    });
    topics.collect()
}

fn some(
    view: &View<'_>,
    group: usize,
    asked: &DescribeShareGroupOffsetsRequestTopic,
) -> DescribeShareGroupOffsetsResponseTopic {
    let topic = match view.log(&asked.topic_name.0) {
        Some(Log::Topic(topic)) => Some(topic),
        _ => None,
    };
    let numbers = asked.partitions.iter();
    let partitions = numbers.map(|number| partition(view, group, topic, *number));
    let named =
        DescribeShareGroupOffsetsResponseTopic::default().with_topic_name(asked.topic_name.clone());
    let answer = topic.map_or(named, |topic| told(view, topic));
    answer.with_partitions(partitions.collect())
}

fn told(view: &View<'_>, topic: usize) -> DescribeShareGroupOffsetsResponseTopic {
    DescribeShareGroupOffsetsResponseTopic::default()
        .with_topic_name(view.cluster.topic_names[topic].clone().into())
        .with_topic_id(uuid(view.id(Log::Topic(topic)).unwrap_or(0)))
}

/// Its start, −1 for none.
fn partition(
    view: &View<'_>,
    group: usize,
    topic: Option<usize>,
    number: i32,
) -> DescribeShareGroupOffsetsResponsePartition {
    let world = &view.cluster.world;
    let start = || world.committed(group, topic?, u32::try_from(number).ok()?, view.now);
    let start = start().and_then(|offset| i64::try_from(offset).ok());
    DescribeShareGroupOffsetsResponsePartition::default()
        .with_partition_index(number)
        .with_start_offset(start.unwrap_or(-1))
}
