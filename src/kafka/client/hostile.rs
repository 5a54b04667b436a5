//! Property tests: valid answers of every kind and version are read wholly; truncated, changed, oversized and random ones
//! never panic, and never make the codec reserve more than their bytes could hold.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::{ApiVersion, SupportedFeatureKey};
use kafka_protocol::messages::consumer_group_describe_response as consumer;
use kafka_protocol::messages::describe_cluster_response as cluster;
use kafka_protocol::messages::describe_configs_response as configs;
use kafka_protocol::messages::describe_groups_response as classic;
use kafka_protocol::messages::describe_log_dirs_response as dirs;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::list_offsets_response as ends;
use kafka_protocol::messages::metadata_response as metadata;
use kafka_protocol::messages::offset_fetch_response as commits;
use kafka_protocol::messages::share_group_describe_response as share;
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse, DescribeClusterRequest, DescribeClusterResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    DescribeLogDirsRequest, DescribeLogDirsResponse, ListGroupsRequest, ListGroupsResponse,
    ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetFetchRequest,
    OffsetFetchResponse, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
    SaslHandshakeResponse, ShareGroupDescribeRequest, ShareGroupDescribeResponse,
};
use kafka_protocol::protocol::{Encodable, HeaderVersion, StrBytes};
use proptest::prelude::*;

use super::api::Api;
use super::connection::{decode, read_frame};
use crate::codec::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse, SharedPartition,
    SharedTopic, SharingGroup,
};
use crate::kafka::error::Error;

/// Numbers that follow from one seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 20
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn text(&mut self) -> StrBytes {
        // Longer than 127 now and then: compact lengths then take two bytes.
        let length = if self.below(20) == 0 {
            200
        } else {
            self.below(12)
        };
        StrBytes::from_string("n".repeat(length as usize))
    }

    fn maybe(&mut self) -> Option<StrBytes> {
        (self.below(3) > 0).then(|| self.text())
    }

    fn bytes(&mut self) -> Bytes {
        self.text().into_bytes()
    }

    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(4);
        (0..count).map(|_| one(self)).collect()
    }

    fn i32(&mut self) -> i32 {
        self.next() as i32
    }
}

/// A valid answer in a version.
trait Answers: Api {
    fn answer(dice: &mut Dice, version: i16) -> Self::Response;
}

impl Answers for ApiVersionsRequest {
    fn answer(dice: &mut Dice, version: i16) -> ApiVersionsResponse {
        let keys = dice.many(|d| ApiVersion::default().with_api_key(d.below(80) as i16));
        let mut answer = ApiVersionsResponse::default().with_api_keys(keys);
        if version >= 3 {
            let feature = |d: &mut Dice| SupportedFeatureKey::default().with_name(d.text());
            answer = answer
                .with_supported_features(dice.many(feature))
                .with_finalized_features_epoch(dice.i32().into())
                .with_zk_migration_ready(true)
                .with_unknown_tagged_field(9, dice.bytes());
        }
        answer
    }
}

impl Answers for MetadataRequest {
    fn answer(dice: &mut Dice, version: i16) -> MetadataResponse {
        let broker = |d: &mut Dice| {
            metadata::MetadataResponseBroker::default()
                .with_host(d.text())
                .with_rack(d.maybe())
        };
        let partition = |d: &mut Dice| {
            metadata::MetadataResponsePartition::default()
                .with_partition_index(d.i32())
                .with_replica_nodes(d.many(|d| d.i32().into()))
                .with_isr_nodes(d.many(|d| d.i32().into()))
        };
        let topic = |d: &mut Dice| {
            let name = d.text();
            metadata::MetadataResponseTopic::default()
                .with_name(Some(name.into()))
                .with_partitions(d.many(partition))
        };
        let mut answer = MetadataResponse::default()
            .with_brokers(dice.many(broker))
            .with_cluster_id(dice.maybe())
            .with_topics(dice.many(topic));
        if version >= 9 {
            answer = answer.with_unknown_tagged_field(3, dice.bytes());
        }
        answer
    }
}

impl Answers for ListGroupsRequest {
    fn answer(dice: &mut Dice, _: i16) -> ListGroupsResponse {
        let group = |d: &mut Dice| {
            ListedGroup::default()
                .with_group_id(d.text().into())
                .with_protocol_type(d.text())
        };
        ListGroupsResponse::default().with_groups(dice.many(group))
    }
}

impl Answers for OffsetFetchRequest {
    fn answer(dice: &mut Dice, version: i16) -> OffsetFetchResponse {
        if version >= 8 {
            OffsetFetchResponse::default().with_groups(dice.many(committed_group))
        } else {
            let partition = |d: &mut Dice| {
                commits::OffsetFetchResponsePartition::default()
                    .with_committed_offset(d.next() as i64)
                    .with_metadata(d.maybe())
            };
            let topic = |d: &mut Dice| {
                commits::OffsetFetchResponseTopic::default()
                    .with_name(d.text().into())
                    .with_partitions(d.many(partition))
            };
            OffsetFetchResponse::default().with_topics(dice.many(topic))
        }
    }
}

fn committed_group(dice: &mut Dice) -> commits::OffsetFetchResponseGroup {
    let partition = |d: &mut Dice| {
        commits::OffsetFetchResponsePartitions::default()
            .with_committed_offset(d.next() as i64)
            .with_metadata(d.maybe())
    };
    let topic = |d: &mut Dice| {
        commits::OffsetFetchResponseTopics::default()
            .with_name(d.text().into())
            .with_partitions(d.many(partition))
    };
    commits::OffsetFetchResponseGroup::default()
        .with_group_id(dice.text().into())
        .with_topics(dice.many(topic))
}

impl Answers for ListOffsetsRequest {
    fn answer(dice: &mut Dice, _: i16) -> ListOffsetsResponse {
        let partition = |d: &mut Dice| {
            ends::ListOffsetsPartitionResponse::default()
                .with_partition_index(d.i32())
                .with_offset(d.next() as i64)
        };
        let topic = |d: &mut Dice| {
            ends::ListOffsetsTopicResponse::default()
                .with_name(d.text().into())
                .with_partitions(d.many(partition))
        };
        ListOffsetsResponse::default().with_topics(dice.many(topic))
    }
}

impl Answers for DescribeGroupsRequest {
    fn answer(dice: &mut Dice, version: i16) -> DescribeGroupsResponse {
        let member = |d: &mut Dice| {
            let member = classic::DescribedGroupMember::default()
                .with_member_id(d.text())
                .with_member_metadata(d.bytes())
                .with_member_assignment(d.bytes());
            let instance = d.maybe().filter(|_| version >= 4);
            member.with_group_instance_id(instance)
        };
        let group = |d: &mut Dice| {
            let group = classic::DescribedGroup::default()
                .with_group_id(d.text().into())
                .with_members(d.many(member));
            let message = d.maybe().filter(|_| version >= 6);
            group.with_error_message(message)
        };
        DescribeGroupsResponse::default().with_groups(dice.many(group))
    }
}

impl Answers for ConsumerGroupDescribeRequest {
    fn answer(dice: &mut Dice, _: i16) -> ConsumerGroupDescribeResponse {
        let assigned = |d: &mut Dice| {
            consumer::TopicPartitions::default()
                .with_topic_name(d.text().into())
                .with_partitions(d.many(Dice::i32))
        };
        let member = |d: &mut Dice| {
            let assignment =
                consumer::Assignment::default().with_topic_partitions(d.many(assigned));
            consumer::Member::default()
                .with_member_id(d.text())
                .with_instance_id(d.maybe())
                .with_subscribed_topic_names(d.many(|d| d.text().into()))
                .with_assignment(assignment)
        };
        let group = |d: &mut Dice| {
            consumer::DescribedGroup::default()
                .with_group_id(d.text().into())
                .with_members(d.many(member))
        };
        ConsumerGroupDescribeResponse::default().with_groups(dice.many(group))
    }
}

impl Answers for ShareGroupDescribeRequest {
    fn answer(dice: &mut Dice, _: i16) -> ShareGroupDescribeResponse {
        let assigned = |d: &mut Dice| {
            share::TopicPartitions::default()
                .with_topic_name(d.text().into())
                .with_partitions(d.many(Dice::i32))
        };
        let member = |d: &mut Dice| {
            let assignment = share::Assignment::default().with_topic_partitions(d.many(assigned));
            share::Member::default()
                .with_member_id(d.text())
                .with_rack_id(d.maybe())
                .with_subscribed_topic_names(d.many(|d| d.text().into()))
                .with_assignment(assignment)
        };
        let group = |d: &mut Dice| {
            share::DescribedGroup::default()
                .with_group_id(d.text().into())
                .with_members(d.many(member))
        };
        ShareGroupDescribeResponse::default().with_groups(dice.many(group))
    }
}

impl Answers for DescribeShareGroupOffsetsRequest {
    fn answer(dice: &mut Dice, _: i16) -> DescribeShareGroupOffsetsResponse {
        let partition = |d: &mut Dice| SharedPartition {
            index: d.i32(),
            start_offset: d.next() as i64,
            lag: d.next() as i64,
            ..SharedPartition::default()
        };
        let topic = |d: &mut Dice| SharedTopic {
            name: d.text(),
            id: d.next().into(),
            partitions: d.many(partition),
        };
        let group = |d: &mut Dice| SharingGroup {
            name: d.text(),
            topics: d.many(topic),
            error_code: 0,
        };
        DescribeShareGroupOffsetsResponse {
            groups: dice.many(group),
        }
    }
}

impl Answers for DescribeConfigsRequest {
    fn answer(dice: &mut Dice, _: i16) -> DescribeConfigsResponse {
        let synonym = |d: &mut Dice| {
            configs::DescribeConfigsSynonym::default()
                .with_name(d.text())
                .with_value(d.maybe())
        };
        let entry = |d: &mut Dice| {
            configs::DescribeConfigsResourceResult::default()
                .with_name(d.text())
                .with_value(d.maybe())
                .with_synonyms(d.many(synonym))
        };
        let result = |d: &mut Dice| {
            configs::DescribeConfigsResult::default()
                .with_resource_name(d.text())
                .with_configs(d.many(entry))
        };
        DescribeConfigsResponse::default().with_results(dice.many(result))
    }
}

impl Answers for DescribeClusterRequest {
    fn answer(dice: &mut Dice, _: i16) -> DescribeClusterResponse {
        let broker = |d: &mut Dice| {
            cluster::DescribeClusterBroker::default()
                .with_host(d.text())
                .with_rack(d.maybe())
        };
        DescribeClusterResponse::default()
            .with_cluster_id(dice.text())
            .with_error_message(dice.maybe())
            .with_brokers(dice.many(broker))
            .with_cluster_authorized_operations(dice.i32())
    }
}

impl Answers for SaslHandshakeRequest {
    fn answer(dice: &mut Dice, _: i16) -> SaslHandshakeResponse {
        SaslHandshakeResponse::default().with_mechanisms(dice.many(Dice::text))
    }
}

impl Answers for SaslAuthenticateRequest {
    fn answer(dice: &mut Dice, version: i16) -> SaslAuthenticateResponse {
        let lifetime = if version > 0 { dice.next() as i64 } else { 0 };
        SaslAuthenticateResponse::default()
            .with_error_message(dice.maybe())
            .with_auth_bytes(dice.bytes())
            .with_session_lifetime_ms(lifetime)
    }
}

impl Answers for DescribeLogDirsRequest {
    fn answer(dice: &mut Dice, version: i16) -> DescribeLogDirsResponse {
        let partition = |d: &mut Dice| {
            dirs::DescribeLogDirsPartition::default()
                .with_partition_index(d.i32())
                .with_partition_size(d.next() as i64)
        };
        let topic = |d: &mut Dice| {
            dirs::DescribeLogDirsTopic::default()
                .with_name(d.text().into())
                .with_partitions(d.many(partition))
        };
        let dir = |d: &mut Dice| {
            let dir = dirs::DescribeLogDirsResult::default()
                .with_log_dir(d.text())
                .with_topics(d.many(topic));
            let total = if version >= 4 { d.next() as i64 } else { -1 };
            dir.with_total_bytes(total)
        };
        DescribeLogDirsResponse::default().with_results(dice.many(dir))
    }
}

const ID: i32 = 77;

fn frame<R: Api>(answer: &R::Response, version: i16) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i32(ID);
    if R::Response::header_version(version) > 0 {
        // One tagged field in the header, which is to be skipped.
        frame.put_slice(&[1, 5, 2, 0xab, 0xcd]);
    }
    answer
        .encode(&mut frame, version)
        .expect("a valid answer has an encoding");
    frame.freeze()
}

/// Reads a valid answer in each version; then the same bytes cut short, changed, and with every length in turn blown up.
fn check<R: Answers>(dice: &mut Dice) {
    for version in R::VERSIONS_USED.0..=R::VERSIONS_USED.1 {
        let answer = R::answer(dice, version);
        let valid = frame::<R>(&answer, version);
        let read = decode::<R>(&valid, version, ID);
        let read = read.unwrap_or_else(|error| panic!("{} v{version}: {error}", R::NAME));
        let mut again = BytesMut::new();
        read.encode(&mut again, version).unwrap();
        assert!(valid.ends_with(&again), "{} v{version}", R::NAME);

        let cut = valid.slice(..dice.below(valid.len() as u64) as usize);
        assert!(
            decode::<R>(&cut, version, ID).is_err(),
            "{} v{version} cut short",
            R::NAME
        );
        for _ in 0..8 {
            let at = 4 + dice.below(valid.len() as u64 - 4) as usize;
            for hostile in [dice.below(256) as u8, 0x7f, 0xff] {
                let mut changed = valid.to_vec();
                let end = changed.len().min(at + 1 + dice.below(5) as usize);
                changed[at..end].fill(hostile);
                let _ = decode::<R>(&changed.into(), version, ID);
            }
        }
    }
}

fn check_all(seed: u64) {
    let dice = &mut Dice(seed);
    check::<ApiVersionsRequest>(dice);
    check::<MetadataRequest>(dice);
    check::<ListGroupsRequest>(dice);
    check::<OffsetFetchRequest>(dice);
    check::<ListOffsetsRequest>(dice);
    check::<DescribeGroupsRequest>(dice);
    check::<ConsumerGroupDescribeRequest>(dice);
    check::<DescribeShareGroupOffsetsRequest>(dice);
    check::<ShareGroupDescribeRequest>(dice);
    check::<DescribeConfigsRequest>(dice);
    check::<DescribeClusterRequest>(dice);
    check::<SaslHandshakeRequest>(dice);
    check::<SaslAuthenticateRequest>(dice);
    check::<DescribeLogDirsRequest>(dice);
}

proptest! {
    #[test]
    fn answers_are_read_wholly_and_hostile_ones_harm_nobody(seed: u64) {
        check_all(seed);
    }

    #[test]
    fn random_bytes_are_no_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        super::read_any_answer(&bytes);
    }

    #[test]
    fn a_frame_is_its_length_and_no_more(bytes in proptest::collection::vec(any::<u8>(), 0..64), speaks_kafka: bool) {
        let mut reader = &*bytes;
        let read = futures_util::FutureExt::now_or_never(read_frame(&mut reader, "Test", speaks_kafka));
        match read.expect("a slice never waits") {
            Ok(frame) => prop_assert_eq!(&frame[..], &bytes[4..4 + frame.len()]),
            Err(error) => prop_assert!(error.breaks_connection()),
        }
    }
}

#[test]
fn an_array_longer_than_its_bytes_is_refused_before_the_codec_sees_it() {
    // Throttle time, no error, and then two billion groups.
    let body = [0, 0, 0, ID as u8, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
    let refused = decode::<ListGroupsRequest>(&Bytes::copy_from_slice(&body), 2, ID);
    assert!(matches!(refused, Err(Error::Garbled { .. })));
    // The same in the compact form, and for plain numbers: 400 million replicas.
    let list = [
        0, 0, 0, ID as u8, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f,
    ];
    assert!(decode::<ListGroupsRequest>(&Bytes::copy_from_slice(&list), 4, ID).is_err());
}

#[test]
fn an_answer_to_another_question_is_refused() {
    let answer = frame::<ListGroupsRequest>(&ListGroupsResponse::default(), 4);
    assert!(decode::<ListGroupsRequest>(&answer, 4, ID).is_ok());
    assert!(decode::<ListGroupsRequest>(&answer, 4, ID + 1).is_err());
}

#[tokio::test]
async fn what_is_no_kafka_is_called_by_its_name() {
    let cases: &[(&[u8], bool, &str)] = &[
        (b"\x15\x03\x03\x00\x02\x02\x50", false, "speaks_tls"),
        (b"HTTP/1.1 400 Bad Request\r\n", false, "speaks_http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", false, "not_kafka"),
        (b"\xff\xff\xff\xff", true, "not_kafka"),
        (b"\x00\x00\x00\x02ab", true, "not_kafka"),
        (b"\x7f\xff\xff\xff", true, "too_large"),
        (b"\x7f\xff\xff\xff", false, "not_kafka"),
        (b"\x00\x00\x00\x08abc", true, "connection_closed"),
        (b"\x00\x00", true, "connection_closed"),
    ];
    for (bytes, speaks_kafka, label) in cases {
        let mut reader = *bytes;
        let error = read_frame(&mut reader, "Test", *speaks_kafka)
            .await
            .unwrap_err();
        assert_eq!(error.label(), *label, "{bytes:02x?}");
    }
}
