//! Every version of every question that is advertised can be asked, and its answer be read.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ConsumerGroupDescribeRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, DescribeLogDirsRequest, FetchRequest, FindCoordinatorRequest,
    ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetFetchRequest, ProduceRequest,
    ShareGroupDescribeRequest,
};
use lagslope::codec::DescribeShareGroupOffsetsRequest;
use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::delay::Delay;
use lagslope::simulator::fault::{Fault, Trouble};
use lagslope::simulator::group::{Group, Kind};
use lagslope::simulator::topic::Topic;
use lagslope::simulator::{Running, World};

use super::wire::{Wire, greeting, text};
use super::{NOW, at_rest};

fn world() -> World {
    let mut world = World::new(1, 7);
    let topic = world.add_topic(Topic::new("t", 3, Arrivals::steady(NOW - 3_600.0, 30.0)));
    for kind in [Kind::Classic, Kind::Consumer, Kind::Share, Kind::Streams] {
        let group = Group::new(format!("{kind:?}")).of_kind(kind);
        world.add_group(group.with_members(2).reading(topic, Delay::steady(9.0)));
    }
    world
}

/// Asks about everything there is, and about something that isn't there.
fn ask(wire: &mut Wire, api: ApiKey, version: i16) {
    let names = ["Classic", "Consumer", "Share", "Streams", "nobody"];
    let groups = names.map(|name| text(name).into()).to_vec();
    match api {
        ApiKey::ApiVersions => drop(wire.ask(&greeting(version), version)),
        ApiKey::Metadata => {
            let all = if version == 0 { Some(Vec::new()) } else { None };
            let question = MetadataRequest::default().with_topics(all);
            drop(wire.ask(&question, version));
        }
        ApiKey::FindCoordinator => {
            let question = FindCoordinatorRequest::default();
            let question = if version < 4 {
                question.with_key(text("Classic"))
            } else {
                question.with_coordinator_keys(vec![text("Classic"), text("nobody")])
            };
            drop(wire.ask(&question, version));
        }
        ApiKey::ListGroups => drop(wire.ask(&ListGroupsRequest::default(), version)),
        ApiKey::DescribeGroups => {
            let question = DescribeGroupsRequest::default().with_groups(groups);
            drop(wire.ask(&question, version));
        }
        ApiKey::ConsumerGroupDescribe => {
            let question = ConsumerGroupDescribeRequest::default().with_group_ids(groups);
            drop(wire.ask(&question, version));
        }
        ApiKey::ShareGroupDescribe => {
            let question = ShareGroupDescribeRequest::default().with_group_ids(groups);
            drop(wire.ask(&question, version));
        }
        ApiKey::DescribeShareGroupOffsets => {
            let groups = names.map(|name| {
                let group = DescribeShareGroupOffsetsRequestGroup::default();
                group.with_group_id(text(name).into()).with_topics(None)
            });
            let groups = groups.to_vec();
            drop(wire.ask(&DescribeShareGroupOffsetsRequest { groups }, version));
        }
        ApiKey::OffsetFetch if version >= 8 => {
            let groups = names.map(|name| {
                let group = OffsetFetchRequestGroup::default().with_group_id(text(name).into());
                group.with_topics(None)
            });
            let question = OffsetFetchRequest::default().with_groups(groups.to_vec());
            drop(wire.ask(&question, version));
        }
        ApiKey::OffsetFetch => {
            for name in names {
                let all = (version < 2).then(Vec::new);
                let question = OffsetFetchRequest::default().with_group_id(text(name).into());
                drop(wire.ask(&question.with_topics(all), version));
            }
        }
        ApiKey::ListOffsets => {
            for timestamp in [-1, -2, -3, -4, -5, 0, i64::MAX] {
                let partition = |number| {
                    ListOffsetsPartition::default()
                        .with_partition_index(number)
                        .with_timestamp(timestamp)
                };
                let topic = ListOffsetsTopic::default()
                    .with_name(text("t").into())
                    .with_partitions((-1..4).map(partition).collect());
                let question = ListOffsetsRequest::default().with_topics(vec![topic]);
                drop(wire.ask(&question, version));
            }
        }
        ApiKey::DescribeConfigs => {
            let topics = ["t", "__consumer_offsets", "none"].map(|name| {
                DescribeConfigsResource::default()
                    .with_resource_type(2)
                    .with_resource_name(text(name))
                    .with_configuration_keys(None)
            });
            let question = DescribeConfigsRequest::default().with_resources(topics.to_vec());
            drop(wire.ask(&question, version));
        }
        ApiKey::DescribeCluster => drop(wire.ask(&DescribeClusterRequest::default(), version)),
        ApiKey::DescribeLogDirs => {
            let question = DescribeLogDirsRequest::default().with_topics(None);
            drop(wire.ask(&question, version));
        }
        ApiKey::Fetch => {
            let partition = FetchPartition::default()
                .with_fetch_offset(5)
                .with_partition_max_bytes(1_000_000);
            let topic = FetchTopic::default().with_partitions(vec![partition]);
            let topic = if version < 13 {
                topic.with_topic(text("t").into())
            } else {
                topic
            };
            let question = FetchRequest::default()
                .with_max_bytes(1_000_000)
                .with_topics(vec![topic]);
            drop(wire.ask(&question, version));
        }
        ApiKey::Produce => {
            let partition = PartitionProduceData::default().with_index(0);
            let topic = TopicProduceData::default()
                .with_name(text("t").into())
                .with_partition_data(vec![partition]);
            let question = ProduceRequest::default().with_topic_data(vec![topic]);
            let answer = wire.ask(&question, version);
            let refused = answer.responses[0].partition_responses[0].error_code;
            assert_eq!(refused, 29, "nobody may write");
        }
        other => panic!("{other:?} is offered, and nobody asked it here"),
    }
}

fn ask_all(running: &Running) {
    let mut wire = Wire::to(&running.addresses()[0].to_string());
    let offered = wire.offered();
    assert!(offered.len() >= 12, "{offered:?}");
    for (api, lowest, highest) in offered {
        for version in lowest..=highest {
            ask(&mut wire, api, version);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_that_is_offered_is_answered() {
    let running = at_rest(world()).await;
    ask_all(&running);
    assert_eq!(running.requests(ApiKey::ListGroups), 6, "versions 0 to 5");
    assert_eq!(running.connections_to(1), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_so_is_every_one_that_is_refused() {
    for trouble in [Trouble::Denies, Trouble::Error { code: 15 }] {
        let running = at_rest(world()).await;
        running.fault(Fault::new(trouble).of("t"));
        running.fault(Fault::new(trouble).of("Classic"));
        ask_all(&running);
        running.fault(Fault::new(trouble));
        let healthy = at_rest(world()).await;
        let offered = Wire::to(&healthy.addresses()[0].to_string()).offered();
        let mut wire = Wire::to(&running.addresses()[0].to_string());
        for (api, lowest, highest) in offered {
            for version in lowest..=highest {
                ask(&mut wire, api, version);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greeting_from_the_future_is_told_which_versions_there_are() {
    let running = at_rest(world()).await;
    let mut wire = Wire::to(&running.addresses()[0].to_string());
    let told = wire.greet_in_version(99);
    assert_eq!(told.error_code, 35);
    assert!(told.api_keys.iter().any(|key| key.api_key == 18));
}
