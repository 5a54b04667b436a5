//! The cluster that both sides talk to: how, and the topics.

use anyhow::{Context, Result, anyhow};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::types::RDKafkaErrorCode;

use super::{ANSWER, Args};

pub(crate) fn client(args: &Args) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &args.bootstrap)
        .set("client.id", "pressure");
    client
}

/// Creates the topics; one that is there already is as good.
pub(crate) async fn create_topics(args: &Args) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(args).create()?;
    let names = [Some(&args.topic), args.retry_topic.as_ref()];
    let topics: Vec<NewTopic> = names
        .into_iter()
        .flatten()
        .map(|name| NewTopic::new(name, args.partitions, TopicReplication::Fixed(-1)))
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(ANSWER))
        .operation_timeout(Some(ANSWER));
    let results = admin.create_topics(&topics, &options).await?;
    results.first().context("no answer")?;
    results.into_iter().try_for_each(|result| match result {
        Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
        Err((name, code)) => Err(anyhow!("topic {name} can't be created: {code}")),
    })
}
