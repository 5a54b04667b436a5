//! What a cluster says of share groups: who is in them, where they start.

use kafka_protocol::messages::describe_share_group_offsets_request::{
    DescribeShareGroupOffsetsRequestGroup, DescribeShareGroupOffsetsRequestTopic,
};
use kafka_protocol::messages::{ApiKey, OffsetFetchRequest, ShareGroupDescribeRequest};
use lagslope::codec::{DescribeShareGroupOffsetsRequest, SharingGroup};

use super::super::wire::{Wire, text};
use super::groups::ids;
use super::{NOTHING, There, in_each_version};

pub(super) fn share_groups_describe_their_members(address: &str, there: &There) {
    let names = [&*there.share.name, &*there.consumer.name, NOTHING];
    in_each_version(address, ApiKey::ShareGroupDescribe, |wire, version| {
        let question = ShareGroupDescribeRequest::default().with_group_ids(ids(&names));
        let answer = wire.ask(&question, version);
        assert_eq!(answer.groups.len(), names.len());
        let [share, consumer, nothing] = names.map(|name| {
            let mut groups = answer.groups.iter();
            let told = groups.find(|group| **group.group_id == *name);
            told.expect("each group is answered for")
        });
        assert_eq!((share.error_code, &*share.group_state), (0, "Stable"));
        assert_eq!(&*share.assignor_name, "simple");
        assert!(share.group_epoch > 0);
        assert_eq!(share.assignment_epoch, share.group_epoch);
        assert_eq!(share.members.len(), there.share.members);
        let mut partitions = Vec::<i32>::new();
        for member in &share.members {
            assert!(!member.member_id.is_empty() && !member.client_id.is_empty());
            assert!(member.client_host.starts_with('/'));
            assert_eq!(member.member_epoch, share.group_epoch);
            assert_eq!(&**member.subscribed_topic_names[0], there.dated.name);
            for topic in &member.assignment.topic_partitions {
                assert_eq!(&**topic.topic_name, there.dated.name);
                assert!(!topic.topic_id.is_nil());
                partitions.extend(&topic.partitions);
            }
        }
        assert_eq!(partitions, [0]);
        for wrong in [consumer, nothing] {
            assert_eq!((wrong.error_code, wrong.members.len()), (69, 0));
        }
    });
}

/// In all topics, or in one partition of one.
type Asked<'a> = Option<(&'a str, i32)>;

fn described(
    wire: &mut Wire,
    version: i16,
    groups: &[&str],
    asked: Asked<'_>,
) -> Vec<SharingGroup> {
    let topics = asked.map(|(topic, partition)| {
        let topic = DescribeShareGroupOffsetsRequestTopic::default()
            .with_topic_name(text(topic).into())
            .with_partitions(vec![partition]);
        vec![topic]
    });
    let one = |name: &&str| {
        DescribeShareGroupOffsetsRequestGroup::default()
            .with_group_id(text(name).into())
            .with_topics(topics.clone())
    };
    let groups = groups.iter().map(one).collect();
    wire.ask(&DescribeShareGroupOffsetsRequest { groups }, version)
        .groups
}

pub(super) fn start_offsets_are_told(address: &str, there: &There) {
    let (share, dated) = (&*there.share.name, &*there.dated.name);
    in_each_version(
        address,
        ApiKey::DescribeShareGroupOffsets,
        |wire, version| {
            let names = [share, &*there.consumer.name, &*there.assigns.name, NOTHING];
            let answer = described(wire, version, &names, None);
            assert_eq!(answer.len(), names.len());
            for group in &answer {
                assert_eq!(group.error_code, 0, "{group:?}");
                let told: Vec<&str> = group.topics.iter().map(|topic| &*topic.name).collect();
                let expected = [dated];
                let expected = if &*group.name == share {
                    &expected[..]
                } else {
                    &[]
                };
                assert_eq!(told, expected, "{group:?}");
            }
            let all = answer.iter().find(|group| &*group.name == share);
            let all = &all.expect("it is answered for").topics[0];
            let [partition] = all.partitions.as_slice() else {
                panic!("one partition: {all:?}");
            };
            assert_eq!((partition.index, partition.error_code), (0, 0));
            assert_eq!(partition.lag, there.share.lag);
            assert!(partition.start_offset >= 0, "{partition:?}");
            assert!(partition.start_offset + partition.lag <= there.dated.ends[0].1);
            assert_ne!(all.id, 0);
            let some = described(wire, version, &[share], Some((dated, 0)));
            assert_eq!(&some[0].topics, std::slice::from_ref(all));
        },
    );
    commits_of_a_share_group_are_none(address, share);
}

/// OffsetFetch doesn't refuse it: that is why it isn't asked.
fn commits_of_a_share_group_are_none(address: &str, group: &str) {
    let question = OffsetFetchRequest::default()
        .with_group_id(text(group).into())
        .with_topics(None);
    let answer = Wire::to(address).ask(&question, 7);
    assert_eq!((answer.error_code, answer.topics.len()), (0, 0));
}
