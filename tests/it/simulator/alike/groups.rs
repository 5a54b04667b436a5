//! What a cluster says of groups: which there are, who is in them, what they have committed.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    ApiKey, ConsumerGroupDescribeRequest, ConsumerProtocolAssignment, DescribeGroupsRequest,
    GroupId, ListGroupsRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::Decodable;

use super::super::wire::{Wire, text};
use super::{GroupThere, NOTHING, There, in_each_version};

/// Name, protocol type, state (since version 4), type (since 5).
type Listed = (String, String, String, String);

fn listed(wire: &mut Wire, version: i16, states: &[&str], types: &[&str]) -> BTreeSet<Listed> {
    let words = |words: &[&str]| words.iter().map(|word| text(word)).collect();
    let question = ListGroupsRequest::default()
        .with_states_filter(words(states))
        .with_types_filter(words(types));
    let answer = wire.ask(&question, version);
    assert_eq!(answer.error_code, 0);
    let groups = answer.groups.iter().map(|group| {
        (
            group.group_id.to_string(),
            group.protocol_type.to_string(),
            group.group_state.to_string(),
            group.group_type.to_string(),
        )
    });
    groups.collect()
}

pub(super) fn groups_are_listed_with_state_and_type(address: &str, there: &There) {
    let all = [
        (&there.classic.name, "consumer", "Stable", "classic"),
        (&there.consumer.name, "consumer", "Stable", "consumer"),
        (&there.assigns.name, "", "Empty", "classic"),
        (&there.share.name, "share", "Stable", "share"),
    ];
    in_each_version(address, ApiKey::ListGroups, |wire, version| {
        let expected = |passes: fn(&str, &str) -> bool| -> BTreeSet<Listed> {
            let passing = all.iter().filter(|(_, _, state, kind)| passes(state, kind));
            let listed = passing.map(|(name, protocol, state, kind)| {
                let since = |first, word: &str| {
                    if version >= first {
                        word.to_owned()
                    } else {
                        String::new()
                    }
                };
                (
                    (*name).clone(),
                    (*protocol).to_owned(),
                    since(4, state),
                    since(5, kind),
                )
            });
            listed.collect()
        };
        assert_eq!(listed(wire, version, &[], &[]), expected(|_, _| true));
        if version >= 4 {
            let empty = listed(wire, version, &["empty"], &[]);
            assert_eq!(empty, expected(|state, _| state == "Empty"));
        }
        if version >= 5 {
            let consumers = listed(wire, version, &[], &["Consumer"]);
            assert_eq!(consumers, expected(|_, kind| kind == "consumer"));
            let both = listed(wire, version, &["Empty"], &["Consumer"]);
            assert_eq!(both, BTreeSet::new());
        }
    });
}

pub(super) fn ids(groups: &[&str]) -> Vec<GroupId> {
    groups.iter().map(|name| text(name).into()).collect()
}

/// Partitions of a topic that a member was assigned, by what its client wrote.
fn assigned(mut bytes: Bytes, topic: &str) -> Vec<i32> {
    let version = bytes.get_i16();
    let assignment = ConsumerProtocolAssignment::decode(&mut bytes, version);
    let assignment = assignment.expect("as clients write it");
    let of_topic = assignment.assigned_partitions.iter();
    let of_topic = of_topic.filter(|assigned| **assigned.topic == *topic);
    of_topic
        .flat_map(|assigned| assigned.partitions.clone())
        .collect()
}

pub(super) fn classic_groups_describe_their_members(address: &str, there: &There) {
    let names = [
        &*there.classic.name,
        &*there.assigns.name,
        &*there.consumer.name,
        NOTHING,
    ];
    in_each_version(address, ApiKey::DescribeGroups, |wire, version| {
        let question = DescribeGroupsRequest::default().with_groups(ids(&names));
        let answer = wire.ask(&question, version);
        // In whatever order; Kafka's is another each time.
        assert_eq!(answer.groups.len(), names.len());
        let [classic, assigns, consumer, nothing] = names.map(|name| {
            let mut groups = answer.groups.iter();
            let told = groups.find(|group| **group.group_id == *name);
            told.expect("each group is answered for")
        });
        assert_eq!((classic.error_code, &*classic.group_state), (0, "Stable"));
        assert_eq!(&*classic.protocol_type, "consumer");
        assert_eq!(&*classic.protocol_data, "range");
        assert_eq!(classic.members.len(), there.classic.members);
        let mut partitions = Vec::new();
        for member in &classic.members {
            assert!(!member.member_id.is_empty() && !member.client_id.is_empty());
            assert!(
                member.client_host.starts_with('/'),
                "{}",
                &*member.client_host
            );
            partitions.extend(assigned(
                member.member_assignment.clone(),
                &there.orders.name,
            ));
        }
        partitions.sort_unstable();
        assert_eq!(partitions, [0, 1, 2]);
        assert_eq!((assigns.error_code, &*assigns.group_state), (0, "Empty"));
        assert_eq!(assigns.members.len(), 0);
        for wrong in [consumer, nothing] {
            let error = if version >= 6 { 69 } else { 0 };
            assert_eq!((wrong.error_code, &*wrong.group_state), (error, "Dead"));
            assert_eq!(wrong.members.len(), 0);
        }
    });
}

pub(super) fn consumer_groups_describe_their_members(address: &str, there: &There) {
    let names = [&*there.consumer.name, &*there.classic.name, NOTHING];
    in_each_version(address, ApiKey::ConsumerGroupDescribe, |wire, version| {
        let question = ConsumerGroupDescribeRequest::default().with_group_ids(ids(&names));
        let answer = wire.ask(&question, version);
        assert_eq!(answer.groups.len(), names.len());
        let [consumer, classic, nothing] = names.map(|name| {
            let mut groups = answer.groups.iter();
            let told = groups.find(|group| **group.group_id == *name);
            told.expect("each group is answered for")
        });
        assert_eq!((consumer.error_code, &*consumer.group_state), (0, "Stable"));
        assert_eq!(&*consumer.assignor_name, "uniform");
        assert!(consumer.group_epoch > 0);
        assert_eq!(consumer.assignment_epoch, consumer.group_epoch);
        assert_eq!(consumer.members.len(), there.consumer.members);
        let mut partitions = Vec::<i32>::new();
        for member in &consumer.members {
            assert!(!member.member_id.is_empty() && !member.client_id.is_empty());
            assert_eq!(member.member_epoch, consumer.group_epoch);
            assert_eq!(&**member.subscribed_topic_names[0], there.orders.name);
            assert_eq!(member.assignment, member.target_assignment);
            for topic in &member.assignment.topic_partitions {
                assert_eq!(&**topic.topic_name, there.orders.name);
                assert!(!topic.topic_id.is_nil());
                partitions.extend(&topic.partitions);
            }
        }
        partitions.sort_unstable();
        assert_eq!(partitions, [0, 1, 2]);
        for wrong in [classic, nothing] {
            assert_eq!((wrong.error_code, wrong.members.len()), (69, 0));
        }
    });
}

/// Partition, offset and epoch of what is told of a topic.
type Told = Vec<(i32, i64, i16)>;

/// What a group has committed in `orders`, or in some partitions of it (−1 where there is none); `None` when the topic is left out.
fn committed(
    wire: &mut Wire,
    version: i16,
    group: &str,
    topic: &str,
    only: Option<&[i32]>,
) -> Option<Told> {
    if version < 8 {
        let asked = only.map(|numbers| {
            let topic = OffsetFetchRequestTopic::default().with_name(text(topic).into());
            vec![topic.with_partition_indexes(numbers.to_vec())]
        });
        let question = OffsetFetchRequest::default()
            .with_group_id(text(group).into())
            .with_topics(asked);
        let answer = wire.ask(&question, version);
        assert_eq!(answer.error_code, 0);
        let told = answer.topics.iter().find(|told| **told.name == *topic)?;
        let partitions = told.partitions.iter();
        return Some(sorted(
            partitions.map(|p| (p.partition_index, p.committed_offset, p.error_code)),
        ));
    }
    let asked = only.map(|numbers| {
        let topic = OffsetFetchRequestTopics::default().with_name(text(topic).into());
        vec![topic.with_partition_indexes(numbers.to_vec())]
    });
    // Twice the same, and one that isn't there: as many groups as one likes.
    let one = |name: &str| {
        let group = OffsetFetchRequestGroup::default().with_group_id(text(name).into());
        group.with_topics(asked.clone())
    };
    let question = OffsetFetchRequest::default().with_groups(vec![one(group), one(NOTHING)]);
    let answer = wire.ask(&question, version);
    assert_eq!(answer.groups.len(), 2);
    assert!(answer.groups.iter().all(|told| told.error_code == 0));
    let mut groups = answer.groups.iter();
    let told = groups.find(|told| **told.group_id == *group)?.topics.iter();
    let told = told.clone().find(|told| **told.name == *topic)?;
    let partitions = told.partitions.iter();
    Some(sorted(partitions.map(|p| {
        (p.partition_index, p.committed_offset, p.error_code)
    })))
}

fn sorted(told: impl Iterator<Item = (i32, i64, i16)>) -> Told {
    let mut told: Told = told.collect();
    told.sort_unstable();
    told
}

pub(super) fn commits_are_told(address: &str, there: &There) {
    let topic = &*there.orders.name;
    in_each_version(address, ApiKey::OffsetFetch, |wire, version| {
        for group in [&there.classic, &there.consumer, &there.assigns] {
            let known: Told = group
                .commits
                .iter()
                .map(|(n, offset)| (*n, *offset, 0))
                .collect();
            if version >= 2 {
                let all = committed(wire, version, &group.name, topic, None);
                assert_eq!(all, Some(known.clone()), "{}", group.name);
            }
            let some = committed(wire, version, &group.name, topic, Some(&[0, 1, 2]));
            assert_eq!(some, Some(with_gaps(group)), "{}", group.name);
        }
        let nothing = committed(wire, version, NOTHING, topic, Some(&[0]));
        assert_eq!(nothing, Some(vec![(0, -1, 0)]));
        if version >= 2 {
            assert_eq!(committed(wire, version, NOTHING, topic, None), None);
        }
        let elsewhere = committed(wire, version, &there.classic.name, NOTHING, Some(&[7]));
        assert_eq!(
            elsewhere,
            Some(vec![(7, -1, 0)]),
            "of a topic that isn't there"
        );
    });
}

fn with_gaps(group: &GroupThere) -> Told {
    let offset = |number| {
        let commit = group.commits.iter().find(|(n, _)| *n == number);
        commit.map_or(-1, |(_, offset)| *offset)
    };
    (0..3).map(|number| (number, offset(number), 0)).collect()
}
