//! DescribeGroups, ConsumerGroupDescribe and ShareGroupDescribe: a group's members and what is assigned to them. Each knows groups of
//! its own type only; asked about another, it answers as about one that doesn't exist.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::consumer_group_describe_response as consumers;
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::share_group_describe_response as shares;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerProtocolAssignment,
    ConsumerProtocolSubscription, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    ShareGroupDescribeRequest, ShareGroupDescribeResponse, TopicName,
};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::super::cluster::text;
use super::super::group::{Group, Kind, Member, State};
use super::super::view::{Log, View};
use super::groups::{protocol_type, state, trouble_with};
use super::uuid;

/// Since this version an unknown group is an error and not only "Dead".
const UNKNOWN_IS_AN_ERROR_SINCE: i16 = 6;

/// The version of the client's own part of a classic group's protocol, in which assignments and subscriptions are written.
const CLIENT_PROTOCOL: i16 = 1;

const ASSIGNOR: StrBytes = StrBytes::from_static_str("range");

pub(super) fn classic(
    view: &View<'_>,
    question: DescribeGroupsRequest,
    version: i16,
) -> DescribeGroupsResponse {
    let groups = question.groups.into_iter();
    let groups = groups.map(|name| one_classic(view, name, version));
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn one_classic(view: &View<'_>, name: GroupId, version: i16) -> DescribedGroup {
    let answer = DescribedGroup::default().with_group_id(name.clone());
    if let Some(error) = trouble_with(view, &name.0) {
        return answer.with_error_code(error);
    }
    let group = view.group(&name.0);
    let group = group.filter(|group| view.group_data(*group).kind == Kind::Classic);
    let Some(group) = group else {
        let answer = answer.with_group_state(StrBytes::from_static_str("Dead"));
        if version < UNKNOWN_IS_AN_ERROR_SINCE {
            return answer;
        }
        return answer
            .with_error_code(ResponseError::GroupIdNotFound.code())
            .with_error_message(Some(no_such_group(&name)));
    };
    let data = view.group_data(group);
    let now = data.state(view.now);
    // Until a rebalance is over, nobody is assigned anything.
    let is_settled = now == State::Stable;
    let members = view.cluster.world.members(group, view.now).into_iter();
    let members = members.map(|member| classic_member(view, &member, is_settled));
    answer
        .with_group_state(StrBytes::from_static_str(state(data, now)))
        .with_protocol_type(StrBytes::from_static_str(protocol_type(data)))
        .with_protocol_data(if is_settled {
            ASSIGNOR
        } else {
            StrBytes::new()
        })
        .with_members(members.collect())
}

fn classic_member(view: &View<'_>, member: &Member, is_settled: bool) -> DescribedGroupMember {
    let answer = DescribedGroupMember::default()
        .with_member_id(text(&member.id))
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.host));
    if !is_settled {
        return answer;
    }
    answer
        .with_member_metadata(subscription(view, member))
        .with_member_assignment(assignment(view, member))
}

fn assignment(view: &View<'_>, member: &Member) -> Bytes {
    let assigned = member.assignment.iter().map(|(topic, partitions)| {
        TopicPartition::default()
            .with_topic(topic_name(view, *topic))
            .with_partitions(numbers(partitions))
    });
    prefixed(&ConsumerProtocolAssignment::default().with_assigned_partitions(assigned.collect()))
}

fn subscription(view: &View<'_>, member: &Member) -> Bytes {
    let topics = member.assignment.iter();
    let topics = topics.map(|(topic, _)| topic_name(view, *topic).0);
    prefixed(&ConsumerProtocolSubscription::default().with_topics(topics.collect()))
}

/// Clients write the version before the rest.
fn prefixed(message: &impl Encodable) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(CLIENT_PROTOCOL);
    message
        .encode(&mut bytes, CLIENT_PROTOCOL)
        .expect("set only what the version has");
    bytes.freeze()
}

pub(super) fn consumer(
    view: &View<'_>,
    question: ConsumerGroupDescribeRequest,
    version: i16,
) -> ConsumerGroupDescribeResponse {
    let groups = question.group_ids.into_iter();
    let groups = groups.map(|name| one_consumer(view, name, version));
    ConsumerGroupDescribeResponse::default().with_groups(groups.collect())
}

fn one_consumer(view: &View<'_>, name: GroupId, version: i16) -> consumers::DescribedGroup {
    let answer = consumers::DescribedGroup::default().with_group_id(name.clone());
    if let Some(error) = trouble_with(view, &name.0) {
        return answer.with_error_code(error);
    }
    let group = view.group(&name.0);
    let group = group.filter(|group| view.group_data(*group).kind == Kind::Consumer);
    let Some(group) = group else {
        return answer
            .with_error_code(ResponseError::GroupIdNotFound.code())
            .with_error_message(Some(no_such_group(&name)));
    };
    let data = view.group_data(group);
    let epoch = epoch(view, data);
    let members = view.cluster.world.members(group, view.now).into_iter();
    let members = members.map(|member| consumer_member(view, &member, epoch, version));
    answer
        .with_group_state(StrBytes::from_static_str(state(data, data.state(view.now))))
        .with_group_epoch(epoch)
        .with_assignment_epoch(epoch)
        .with_assignor_name(StrBytes::from_static_str("uniform"))
        .with_members(members.collect())
}

fn consumer_member(
    view: &View<'_>,
    member: &Member,
    epoch: i32,
    version: i16,
) -> consumers::Member {
    let assigned = member.assignment.iter().map(|(topic, partitions)| {
        consumers::TopicPartitions::default()
            .with_topic_id(uuid(view.id(Log::Topic(*topic)).unwrap_or(0)))
            .with_topic_name(topic_name(view, *topic))
            .with_partitions(numbers(partitions))
    });
    let assignment = consumers::Assignment::default().with_topic_partitions(assigned.collect());
    let topics = member.assignment.iter();
    let topics = topics.map(|(topic, _)| topic_name(view, *topic));
    let answer = consumers::Member::default()
        .with_member_id(text(&member.id))
        .with_member_epoch(epoch)
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.host))
        .with_subscribed_topic_names(topics.collect())
        .with_target_assignment(assignment.clone())
        .with_assignment(assignment);
    // 1: by the new protocol, as the group.
    if version >= 1 {
        answer.with_member_type(1)
    } else {
        answer
    }
}

pub(super) fn share(
    view: &View<'_>,
    question: ShareGroupDescribeRequest,
    _: i16,
) -> ShareGroupDescribeResponse {
    let groups = question.group_ids.into_iter();
    let groups = groups.map(|name| one_share(view, name));
    ShareGroupDescribeResponse::default().with_groups(groups.collect())
}

fn one_share(view: &View<'_>, name: GroupId) -> shares::DescribedGroup {
    let answer = shares::DescribedGroup::default().with_group_id(name.clone());
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
    let data = view.group_data(group);
    let epoch = epoch(view, data);
    let members = view.cluster.world.members(group, view.now).into_iter();
    let members = members.map(|member| share_member(view, &member, epoch));
    answer
        .with_group_state(StrBytes::from_static_str(state(data, data.state(view.now))))
        .with_group_epoch(epoch)
        .with_assignment_epoch(epoch)
        .with_assignor_name(StrBytes::from_static_str("simple"))
        .with_members(members.collect())
}

fn share_member(view: &View<'_>, member: &Member, epoch: i32) -> shares::Member {
    let assigned = member.assignment.iter().map(|(topic, partitions)| {
        shares::TopicPartitions::default()
            .with_topic_id(uuid(view.id(Log::Topic(*topic)).unwrap_or(0)))
            .with_topic_name(topic_name(view, *topic))
            .with_partitions(numbers(partitions))
    });
    let topics = member.assignment.iter();
    let topics = topics.map(|(topic, _)| topic_name(view, *topic));
    shares::Member::default()
        .with_member_id(text(&member.id))
        .with_member_epoch(epoch)
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.host))
        .with_subscribed_topic_names(topics.collect())
        .with_assignment(shares::Assignment::default().with_topic_partitions(assigned.collect()))
}

fn epoch(view: &View<'_>, group: &Group) -> i32 {
    i32::try_from(group.generation(view.now)).unwrap_or(i32::MAX)
}

fn topic_name(view: &View<'_>, topic: usize) -> TopicName {
    view.cluster.topic_names[topic].clone().into()
}

fn numbers(partitions: &[u32]) -> Vec<i32> {
    partitions.iter().map(|number| *number as i32).collect()
}

fn no_such_group(name: &GroupId) -> StrBytes {
    StrBytes::from_string(format!("Group {} not found.", &*name.0))
}
