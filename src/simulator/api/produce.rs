//! Produce: nobody may. It is offered because librdkafka reads only from brokers that could be written to.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::super::view::View;

pub(super) fn answer(_: &View<'_>, question: ProduceRequest, _: i16) -> ProduceResponse {
    let topics = question.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            PartitionProduceResponse::default()
                .with_index(partition.index)
                .with_error_code(ResponseError::TopicAuthorizationFailed.code())
                .with_base_offset(-1)
        });
        TopicProduceResponse::default()
            .with_partition_responses(partitions.collect())
            .with_name(topic.name)
    });
    ProduceResponse::default().with_responses(topics.collect())
}
