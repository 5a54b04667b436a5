//! Metadata: the brokers, the topics, and who leads their partitions.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::super::cluster::text;
use super::super::view::{Log, Right, View};
use super::uuid;

/// The broker that says so in the answers.
pub(super) const CONTROLLER: i32 = 1;

/// Nobody is ever told what he may do; Kafka's number for it.
pub(super) const NO_OPERATIONS: i32 = i32::MIN;

/// No topic is made because somebody asked for it.
pub(super) fn answer(view: &View<'_>, question: MetadataRequest, version: i16) -> MetadataResponse {
    let topics = match question.topics {
        Some(topics) if version > 0 || !topics.is_empty() => {
            topics.iter().map(|one| asked_for(view, one)).collect()
        }
        _ => all(view),
    };
    MetadataResponse::default()
        .with_brokers(brokers(view))
        .with_cluster_id(Some(text(&view.cluster.world.cluster_id)))
        .with_controller_id(CONTROLLER.into())
        .with_topics(topics)
}

fn brokers(view: &View<'_>) -> Vec<MetadataResponseBroker> {
    let addresses = (1..).zip(&view.cluster.addresses);
    // One that has lost all it led is known to be gone.
    let present = addresses.filter(|(number, _)| !view.is_gone(*number as u32));
    let broker = |(number, address): (i32, &std::net::SocketAddr)| {
        MetadataResponseBroker::default()
            .with_node_id(number.into())
            .with_host(text(&address.ip().to_string()))
            .with_port(address.port().into())
    };
    present.map(broker).collect()
}

/// Those that the asker may not see are left out, as if they weren't there.
fn all(view: &View<'_>) -> Vec<MetadataResponseTopic> {
    let seen = view.logs().filter(|log| !view.hides(&view.name(*log)));
    seen.map(|log| topic(view, log)).collect()
}

fn asked_for(view: &View<'_>, asked: &MetadataRequestTopic) -> MetadataResponseTopic {
    match &asked.name {
        Some(name) if view.hides(&name.0) => refused(
            Some(name.0.clone()),
            0,
            ResponseError::TopicAuthorizationFailed,
        ),
        Some(name) => match view.log(&name.0) {
            Some(log) => topic(view, log),
            None => refused(
                Some(name.0.clone()),
                0,
                ResponseError::UnknownTopicOrPartition,
            ),
        },
        None => {
            let id = asked.topic_id.as_u128();
            match view.log_with_id(id) {
                Some(log) if !view.hides(&view.name(log)) => topic(view, log),
                _ => refused(None, id, ResponseError::UnknownTopicId),
            }
        }
    }
}

fn refused(name: Option<StrBytes>, id: u128, error: ResponseError) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        .with_name(name.map(TopicName))
        .with_topic_id(uuid(id))
}

fn topic(view: &View<'_>, log: Log) -> MetadataResponseTopic {
    let name = view.name(log);
    let error = view.error_for(&name, Right::Topic);
    let partitions = match error {
        Some(_) => Vec::new(),
        None => (0..view.partitions(log))
            .map(|number| partition(view, log, number))
            .collect(),
    };
    MetadataResponseTopic::default()
        .with_error_code(error.unwrap_or(0))
        .with_is_internal(log == Log::Commits)
        .with_topic_id(uuid(view.id(log).unwrap_or(0)))
        .with_name(Some(name.into()))
        .with_partitions(partitions)
}

/// With one replica: its leader.
fn partition(view: &View<'_>, log: Log, number: u32) -> MetadataResponsePartition {
    let (leader, epoch) = view.leader(log, number);
    let answer = MetadataResponsePartition::default()
        .with_partition_index(number as i32)
        .with_leader_epoch(epoch);
    if leader == 0 {
        return answer
            .with_error_code(ResponseError::LeaderNotAvailable.code())
            .with_leader_id((-1).into());
    }
    let leader = BrokerId(leader as i32);
    answer
        .with_leader_id(leader)
        .with_replica_nodes(vec![leader])
        .with_isr_nodes(vec![leader])
}
