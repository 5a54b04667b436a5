//! DescribeConfigs: what topics are set to.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use super::super::view::{Log, Right, View};

/// Kafka's number for "this resource is a topic".
const TOPIC: i8 = 2;

/// Kafka's numbers for where a setting is from: the topic itself.
const FROM_TOPIC: i8 = 1;

/// From this version on settings have types.
const TYPES_SINCE: i16 = 3;

/// Kafka's numbers for them.
const STRING: i8 = 2;
const LONG: i8 = 5;
const LIST: i8 = 7;

/// Of anything but topics nothing is known to be set.
pub(super) fn answer(
    view: &View<'_>,
    question: DescribeConfigsRequest,
    version: i16,
) -> DescribeConfigsResponse {
    let resources = question.resources.into_iter();
    let results = resources.map(|asked| resource(view, asked, version));
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn resource(
    view: &View<'_>,
    asked: DescribeConfigsResource,
    version: i16,
) -> DescribeConfigsResult {
    let name = asked.resource_name;
    let answer = DescribeConfigsResult::default()
        .with_resource_type(asked.resource_type)
        .with_resource_name(name.clone())
        .with_error_message(Some(StrBytes::new()));
    if asked.resource_type != TOPIC {
        return match view.error_for(&name, Right::Cluster) {
            Some(error) => answer.with_error_code(error),
            None => answer,
        };
    }
    if let Some(error) = view.error_for(&name, Right::Topic) {
        return answer.with_error_code(error);
    }
    let Some(log) = view.log(&name) else {
        return answer.with_error_code(ResponseError::UnknownTopicOrPartition.code());
    };
    let wanted = |key: &str| {
        let keys = asked.configuration_keys.as_ref();
        keys.is_none_or(|keys| keys.iter().any(|wanted| **wanted == *key))
    };
    let set = settings(view, log).into_iter();
    let set = set.filter(|(key, _)| wanted(key));
    answer.with_configs(
        set.map(|(key, value)| setting(key, value, version))
            .collect(),
    )
}

fn settings(view: &View<'_>, log: Log) -> Vec<(&'static str, String)> {
    let mut set = match log {
        Log::Topic(topic) => view.cluster.world.config(topic),
        Log::Commits => vec![
            ("cleanup.policy", "compact".to_owned()),
            ("retention.bytes", "-1".to_owned()),
            ("retention.ms", "604800000".to_owned()),
        ],
    };
    set.push(("remote.storage.enable", "false".to_owned()));
    set
}

fn setting(key: &'static str, value: String, version: i16) -> DescribeConfigsResourceResult {
    let answer = DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(key))
        .with_value(Some(StrBytes::from_string(value)))
        .with_config_source(FROM_TOPIC);
    if version < TYPES_SINCE {
        return answer;
    }
    answer.with_config_type(match key {
        "cleanup.policy" => LIST,
        _ if key.ends_with(".ms") || key.ends_with(".bytes") => LONG,
        _ => STRING,
    })
}
