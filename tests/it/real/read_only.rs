//! The daemon reads, and nothing else: no topic, no group and no offset is another one because it runs.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use tokio::time::sleep;

use super::proxy::CountingProxy;
use crate::kafka::tools::Position;
use crate::kafka::{Kafka, Version};
use crate::lagslope::{Lagslope, Scrape};
use crate::processes::free_port;
use crate::promtool::repository;

/// Every question that the daemon's own client may ask. None of them changes anything at a broker: not even FindCoordinator is among
/// them, for it creates `__consumer_offsets` where that is missing.
const MAY_BE_ASKED: &[ApiKey] = &[
    ApiKey::ApiVersions,
    ApiKey::SaslHandshake,
    ApiKey::SaslAuthenticate,
    ApiKey::Metadata,
    ApiKey::DescribeCluster,
    ApiKey::ListGroups,
    ApiKey::OffsetFetch,
    ApiKey::ListOffsets,
    ApiKey::DescribeGroups,
    ApiKey::ConsumerGroupDescribe,
    ApiKey::ShareGroupDescribe,
    ApiKey::DescribeShareGroupOffsets,
    ApiKey::DescribeConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::DescribeAcls,
];

/// What librdkafka asks beside them when it reads the commit stream. It looks for the coordinator of its group, too, which it doesn't
/// join; but it is started only where there is a commit stream to read.
const MAY_BE_ASKED_FOR_THE_STREAM: &[ApiKey] = &[
    ApiKey::Fetch,
    ApiKey::FindCoordinator,
    ApiKey::OffsetForLeaderEpoch,
];

/// Sampled every second: every kind of question comes up meanwhile, after the topic was deleted too.
const WATCHED: Duration = Duration::from_secs(8);

const SHOWN_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn the_client_has_no_request_that_writes() {
    let source = fs::read_to_string(repository("src/kafka/client/api.rs")).expect("the source");
    let requests = source.lines().filter_map(|line| {
        line.strip_prefix("impl Api for ")?
            .strip_suffix("Request {")
    });
    let requests: BTreeSet<String> = requests.map(str::to_owned).collect();
    assert!(requests.len() >= 8, "only {requests:?}");
    let allowed: BTreeSet<String> = MAY_BE_ASKED.iter().map(|key| format!("{key:?}")).collect();
    let others: Vec<_> = requests.difference(&allowed).collect();
    assert!(others.is_empty(), "{others:?} may not be asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_creates_what_is_asked_for_has_nothing_new_after_some_cycles() {
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let advertised = format!("PLAINTEXT://{listen}");
    let options = [
        ("advertised.listeners", advertised.as_str()),
        ("auto.create.topics.enable", "true"),
    ];
    let kafka = Kafka::start(Version::Kafka4, 1, &options);
    let target = kafka.address(1).parse().expect("an address");
    let proxy = CountingProxy::start(listen, target, "lagslope").await;
    for topic in ["orders", "deleted"] {
        kafka.create_topic(topic, 2, 1);
        kafka.produce(topic, 0, 10);
        kafka.commit("reader", topic, &[(0, 4), (1, 0)]);
    }
    // Somebody else's group that has the name of our own.
    kafka.commit("lagslope", "orders", &[(0, 3)]);
    let lagslope = Lagslope::start(&config(&listen.to_string())).await;
    let shown = |topic: &'static str, lag| {
        let of = [("group", "reader"), ("topic", topic)];
        move |scrape: &Scrape| scrape.value("lag_messages", &of) == lag
    };
    let published = lagslope
        .wait_for("a lag", SHOWN_WITHIN, shown("deleted", Some(6.0)))
        .await;
    assert_eq!(
        published
            .all("lag_messages", &[("group", "lagslope")])
            .count(),
        0
    );
    assert_eq!(
        published
            .all("group_state", &[("group", "lagslope")])
            .count(),
        0
    );

    // It asks for the topic while that is being deleted, and after.
    kafka.delete_topic("deleted");
    lagslope
        .wait_for(
            "no lag in what is deleted",
            SHOWN_WITHIN,
            shown("deleted", None),
        )
        .await;
    let before = Held::by(&kafka);
    sleep(WATCHED).await;
    let published = lagslope.scrape().await;
    let after = Held::by(&kafka);
    assert_eq!(
        published.value("lag_messages", &[("group", "reader"), ("topic", "orders")]),
        Some(6.0)
    );
    assert_eq!(before, after, "something changed");
    assert_eq!(after.topics, ["__consumer_offsets", "orders"]);
    assert_eq!(after.groups, ["lagslope", "reader"]);
    let asked: BTreeSet<i16> = proxy.requests().iter().map(|r| r.api_key).collect();
    let allowed = MAY_BE_ASKED.iter().chain(MAY_BE_ASKED_FOR_THE_STREAM);
    let allowed: BTreeSet<i16> = allowed.map(|key| *key as i16).collect();
    assert!(asked.len() > 5 && asked.is_subset(&allowed), "{asked:?}");
}

/// Filters by names that exist, that did, and that never will.
fn config(bootstrap: &str) -> String {
    let topics = "{include: [orders, deleted, never-made]}";
    let groups = "{include: [reader, lagslope, never-joined]}";
    format!(
        "sample_interval: 1s\nclusters:\n  - {{name: test, bootstrap_servers: [\"{bootstrap}\"], topics: {topics}, groups: {groups}}}\n"
    )
}

/// All that a monitor could change.
#[derive(Debug, PartialEq)]
struct Held {
    topics: Vec<String>,
    groups: Vec<String>,
    positions: Vec<Position>,
}

impl Held {
    fn by(kafka: &Kafka) -> Self {
        Self {
            topics: kafka.topics(),
            groups: kafka
                .describe_states()
                .into_iter()
                .map(|state| state.group)
                .collect(),
            positions: kafka.describe_all_groups(),
        }
    }
}
