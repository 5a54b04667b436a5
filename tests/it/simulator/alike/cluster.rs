//! What a cluster says of itself: versions, brokers, topics, leaders, coordinators.

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, DescribeClusterRequest, FindCoordinatorRequest, MetadataRequest,
    MetadataResponse,
};

use super::super::wire::{Wire, greeting, text};
use super::{NOTHING, There, in_each_version};

pub(super) fn versions_are_told(address: &str) {
    in_each_version(address, ApiKey::ApiVersions, |wire, version| {
        let told = wire.ask(&greeting(version), version);
        assert_eq!(told.error_code, 0, "version {version}");
        if version >= 3 {
            let nameless = wire.ask(&ApiVersionsRequest::default(), version);
            assert_eq!((nameless.error_code, nameless.api_keys.len()), (42, 0));
        }
        for api in [
            ApiKey::Fetch,
            ApiKey::ListOffsets,
            ApiKey::Metadata,
            ApiKey::OffsetFetch,
            ApiKey::FindCoordinator,
            ApiKey::DescribeGroups,
            ApiKey::ListGroups,
            ApiKey::ApiVersions,
            ApiKey::DescribeConfigs,
            ApiKey::DescribeLogDirs,
            ApiKey::DescribeCluster,
            ApiKey::ConsumerGroupDescribe,
            ApiKey::ShareGroupDescribe,
            ApiKey::DescribeShareGroupOffsets,
        ] {
            let mut keys = told.api_keys.iter();
            assert!(keys.any(|key| key.api_key == api as i16), "{api:?}");
        }
    });
}

/// The only broker, as the answer names it, which must be at the address that was asked.
fn broker(answer: &MetadataResponse, address: &str) -> i32 {
    let [broker] = answer.brokers.as_slice() else {
        panic!("one broker: {:?}", answer.brokers);
    };
    let named = format!("{}:{}", &*broker.host, broker.port);
    assert_eq!(named, address);
    broker.node_id.0
}

fn topic<'a>(answer: &'a MetadataResponse, name: &str) -> &'a MetadataResponseTopic {
    let is_it = |topic: &&MetadataResponseTopic| topic.name.as_ref().is_some_and(|n| **n == *name);
    let found = answer.topics.iter().find(is_it);
    found.unwrap_or_else(|| panic!("{name} is not among {:?}", answer.topics))
}

pub(super) fn metadata_tells_topics_and_leaders(address: &str, there: &There) {
    in_each_version(address, ApiKey::Metadata, |wire, version| {
        let all = if version == 0 { Some(Vec::new()) } else { None };
        let answer = wire.ask(&MetadataRequest::default().with_topics(all), version);
        let broker = broker(&answer, address);
        if version >= 2 {
            assert!(!answer.cluster_id.as_ref().expect("an id").is_empty());
        }
        if version >= 1 {
            assert_eq!(answer.controller_id.0, broker);
        }
        for (name, partitions, is_internal) in [
            (&*there.orders.name, 3, false),
            (&*there.dated.name, 1, false),
            ("__consumer_offsets", 50, true),
        ] {
            let topic = topic(&answer, name);
            assert_eq!(topic.error_code, 0);
            assert_eq!(topic.is_internal, is_internal && version >= 1);
            assert_eq!(topic.topic_id.is_nil(), version < 10, "{version}");
            let mut numbers: Vec<i32> = Vec::new();
            for partition in &topic.partitions {
                assert_eq!(partition.error_code, 0);
                assert_eq!(partition.leader_id.0, broker);
                assert_eq!(partition.leader_epoch, if version >= 7 { 0 } else { -1 });
                assert_eq!(partition.replica_nodes, [partition.leader_id]);
                assert_eq!(partition.isr_nodes, [partition.leader_id]);
                assert!(partition.offline_replicas.is_empty());
                numbers.push(partition.partition_index);
            }
            numbers.sort_unstable();
            assert_eq!(numbers, (0..partitions).collect::<Vec<i32>>(), "{name}");
        }
    });
}

pub(super) fn metadata_finds_topics_by_name_and_by_id(address: &str, there: &There) {
    in_each_version(address, ApiKey::Metadata, |wire, version| {
        let names = [&*there.orders.name, NOTHING]
            .map(|name| MetadataRequestTopic::default().with_name(Some(text(name).into())));
        // Before version 4 a question can't say that it means no harm.
        let question = MetadataRequest::default()
            .with_topics(Some(if version >= 4 {
                names.to_vec()
            } else {
                names[..1].to_vec()
            }))
            .with_allow_auto_topic_creation(version < 4);
        let answer = wire.ask(&question, version);
        let orders = topic(&answer, &there.orders.name);
        assert_eq!((orders.error_code, orders.partitions.len()), (0, 3));
        if version >= 4 {
            let nothing = topic(&answer, NOTHING);
            assert_eq!((nothing.error_code, nothing.partitions.len()), (3, 0));
            assert!(nothing.topic_id.is_nil());
        }
        if version >= 12 {
            find_by_id(wire, version, &there.orders.name, orders);
        }
    });
}

fn find_by_id(wire: &mut Wire, version: i16, name: &str, known: &MetadataResponseTopic) {
    let wrong = "12345678123456781234567812345678".parse().expect("an id");
    let ids = [known.topic_id, wrong];
    let asked = ids.map(|id| {
        let asked = MetadataRequestTopic::default().with_topic_id(id);
        asked.with_name(None)
    });
    let question = MetadataRequest::default()
        .with_topics(Some(asked.to_vec()))
        .with_allow_auto_topic_creation(false);
    let answer = wire.ask(&question, version);
    assert_eq!(answer.topics.len(), 2);
    assert_eq!(topic(&answer, name).partitions.len(), 3);
    let unknown = answer.topics.iter().find(|topic| topic.topic_id == wrong);
    let unknown = unknown.expect("it is answered for");
    assert_eq!((unknown.error_code, unknown.name.as_ref()), (100, None));
}

pub(super) fn the_cluster_describes_itself(address: &str) {
    let metadata = MetadataRequest::default().with_topics(None);
    let metadata = Wire::to(address).ask(&metadata, 8);
    in_each_version(address, ApiKey::DescribeCluster, |wire, version| {
        let answer = wire.ask(
            &DescribeClusterRequest::default().with_endpoint_type(1),
            version,
        );
        assert_eq!(answer.error_code, 0);
        assert_eq!(Some(&answer.cluster_id), metadata.cluster_id.as_ref());
        assert_eq!(answer.controller_id, metadata.controller_id);
        let [broker] = answer.brokers.as_slice() else {
            panic!("one broker: {:?}", answer.brokers);
        };
        assert_eq!(broker.broker_id, metadata.brokers[0].node_id);
        assert_eq!(format!("{}:{}", &*broker.host, broker.port), address);
    });
}

pub(super) fn coordinators_are_found(address: &str, there: &There) {
    let metadata = MetadataRequest::default().with_topics(None);
    let broker = broker(&Wire::to(address).ask(&metadata, 8), address);
    in_each_version(address, ApiKey::FindCoordinator, |wire, version| {
        let names = [&*there.classic.name, &*there.assigns.name, NOTHING];
        if version < 4 {
            for name in names {
                let question = FindCoordinatorRequest::default().with_key(text(name));
                let answer = wire.ask(&question, version);
                assert_eq!((answer.error_code, answer.node_id.0), (0, broker));
                assert_eq!(format!("{}:{}", &*answer.host, answer.port), address);
            }
            return;
        }
        let question = FindCoordinatorRequest::default();
        let question = question.with_coordinator_keys(names.map(text).to_vec());
        let answer = wire.ask(&question, version);
        assert_eq!(answer.coordinators.len(), names.len());
        for (found, name) in answer.coordinators.iter().zip(names) {
            assert_eq!(*found.key, *name);
            assert_eq!((found.error_code, found.node_id.0), (0, broker));
            assert_eq!(format!("{}:{}", &*found.host, found.port), address);
        }
    });
}
