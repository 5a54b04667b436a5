//! What topics delete unread, and when: DescribeConfigs, asked seldom, of any broker.

use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::protocol::StrBytes;

use super::client::broker::Question;
use super::client::session::Session;
use super::error::{Code, Error};
use crate::analysis::sample::Retention;

/// Topics in one request: about 200 bytes each in the answer, and a lookup each on the broker.
pub(crate) const TOPICS_MAX: usize = 2_000;

/// Kafka's number for "this resource is a topic".
const TOPIC: i8 = 2;

/// Asks for the retention of topics.
pub(crate) struct AskRetention(pub(crate) Vec<StrBytes>);

impl Question for AskRetention {
    const NAME: &'static str = "DescribeConfigs";
    /// `None`: the budget had no room for it in this cycle.
    type Answer = Option<Vec<(StrBytes, Retention)>>;

    async fn put(self, session: &mut Session) -> Result<Self::Answer, Error> {
        if !session.has_room_for(1) {
            return Ok(None);
        }
        let make = |_| {
            let resources = self.0.iter().map(|name| resource(name.clone()));
            DescribeConfigsRequest::default().with_resources(resources.collect())
        };
        let results = session.ask(make).await?.body.results;
        let mut read = Vec::with_capacity(results.len());
        for result in results {
            match Code::of(result.error_code) {
                Some(code) => session.tally().error(Self::NAME, code.label()),
                None => read.extend(retention(&result).map(|r| (result.resource_name, r))),
            }
        }
        Ok(Some(read))
    }
}

fn resource(name: StrBytes) -> DescribeConfigsResource {
    let keys = [
        "cleanup.policy",
        "retention.ms",
        "retention.bytes",
        "remote.storage.enable",
    ];
    DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(name)
        .with_configuration_keys(Some(keys.map(StrBytes::from_static_str).to_vec()))
}

/// Absent when the policy is not told. What a policy without `delete` retains has no limit. Bytes are left out where the leader's
/// disk does not tell what a message takes: of a tiered topic it has the end only, and of a compacted one the unread end is denser
/// than the rest.
fn retention(result: &DescribeConfigsResult) -> Option<Retention> {
    let value = |key: &str| {
        let entry = result.configs.iter().find(|entry| *entry.name == *key);
        entry.and_then(|entry| entry.value.as_deref())
    };
    let policy = value("cleanup.policy")?;
    let has = |word: &str| policy.split(',').any(|part| part.trim() == word);
    // −1 is "never".
    let limit = |key: &str| {
        let limit = value(key).and_then(|text| text.parse::<u64>().ok());
        limit.filter(|_| has("delete"))
    };
    let is_measured = !has("compact") && value("remote.storage.enable") != Some("true");
    Some(Retention {
        seconds: limit("retention.ms").map(|ms| ms as f64 / 1000.0),
        bytes: limit("retention.bytes").filter(|_| is_measured),
        compacted: has("compact"),
    })
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;

    use super::*;

    fn read(entries: &[(&'static str, &'static str)]) -> Option<Retention> {
        let configs = entries.iter().map(|(name, value)| {
            DescribeConfigsResourceResult::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(Some(StrBytes::from_static_str(value)))
        });
        retention(&DescribeConfigsResult::default().with_configs(configs.collect()))
    }

    #[test]
    fn retention_is_read_from_the_topics_settings() {
        let of = |seconds, bytes, compacted| {
            Some(Retention {
                seconds,
                bytes,
                compacted,
            })
        };
        type Case = (
            &'static [(&'static str, &'static str)],
            Option<Retention>,
            &'static str,
        );
        let cases: &[Case] = &[
            (&[], None, "nothing told"),
            (
                &[
                    ("cleanup.policy", "delete"),
                    ("retention.ms", "604800000"),
                    ("retention.bytes", "-1"),
                ],
                of(Some(604_800.0), None, false),
                "Kafka's defaults",
            ),
            (
                &[("cleanup.policy", "compact"), ("retention.ms", "1000")],
                of(None, None, true),
                "compacted only: age deletes nothing",
            ),
            (
                &[
                    ("cleanup.policy", "compact,delete"),
                    ("retention.bytes", "5"),
                ],
                of(None, None, true),
                "both: how dense the unread end is nobody knows",
            ),
            (
                &[
                    ("cleanup.policy", "delete"),
                    ("retention.ms", "1000"),
                    ("retention.bytes", "5"),
                    ("remote.storage.enable", "true"),
                ],
                of(Some(1.0), None, false),
                "tiered: most bytes are elsewhere",
            ),
            (
                &[
                    ("cleanup.policy", "delete"),
                    ("retention.bytes", "5"),
                    ("remote.storage.enable", "false"),
                ],
                of(None, Some(5), false),
                "all bytes are on the leader's disk",
            ),
        ];
        for (entries, expected, why) in cases {
            assert_eq!(read(entries), *expected, "{why}");
        }
    }
}
