//! Every lag, state and member count on `/metrics` of a quiet cluster is what Kafka's own `kafka-consumer-groups` prints.

use std::time::Duration;

use super::config;
use crate::evidence::Evidence;
use crate::kafka::clients::{Member, Protocol};
use crate::kafka::tools::{Position, State};
use crate::kafka::{Kafka, Version, unique};
use crate::lagslope::{Lagslope, Scrape};
use crate::processes::wait_until;

/// Sampled every second: members, the rarest question, are known within a few cycles.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// A JVM starts, joins, reads some hundred messages and commits five seconds later.
const JAVA_READS_WITHIN: Duration = Duration::from_secs(90);

/// KIP-848 is a preview in 3.9: the broker has to be told.
pub(super) const KAFKA_3_WITH_KIP_848: &[(&str, &str)] = &[
    ("group.coordinator.rebalance.protocols", "classic,consumer"),
    ("unstable.api.versions.enable", "true"),
];

#[tokio::test(flavor = "multi_thread")]
async fn kafka_4_prints_the_same() {
    agrees(Version::Kafka4, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_3_prints_the_same() {
    agrees(Version::Kafka3, KAFKA_3_WITH_KIP_848).await;
}

async fn agrees(version: Version, options: &[(&str, &str)]) {
    let kafka = Kafka::start(version, 1, options);
    let _members = every_kind_of_group(&kafka);
    let lagslope = Lagslope::start(&config(&kafka.bootstrap())).await;
    let (positions, states) = (kafka.describe_all_groups(), kafka.describe_states());
    assert!(
        positions.len() > 10 && states.len() > 5,
        "{positions:?} {states:?}"
    );
    let known = |scrape: &Scrape| {
        states
            .iter()
            .all(|state| members(scrape, &state.group).is_some())
    };
    let scrape = lagslope
        .wait_for("the members of every group", KNOWN_WITHIN, known)
        .await;
    let lags = compare_lags(&scrape, &positions);
    let groups = compare_states(&scrape, &states);
    let evidence = Evidence::new(
        topic_of(version),
        "What `/metrics` says is what Kafka's own tool prints",
    );
    evidence.entry(
        &format!("Every lag, state and member count on Kafka {} equals kafka-consumer-groups", version.number()),
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it real::agreement",
        &format!("group, topic, partition: kafka-consumer-groups, lagslope\n{lags}\ngroup: state, members by kafka-consumer-groups, by lagslope\n{groups}"),
    );
}

fn topic_of(version: Version) -> &'static str {
    match version {
        Version::Kafka4 => "agreement-4",
        Version::Kafka3 => "agreement-3",
    }
}

/// Classic and KIP-848 groups with members and without, one that only assigns, one whose members have all left, and topics nobody
/// consumes. The members stay until they are dropped.
fn every_kind_of_group(kafka: &Kafka) -> Vec<Member> {
    let (orders, payments) = (unique("orders"), unique("payments"));
    kafka.create_topic(&orders, 3, 1);
    kafka.create_topic(&payments, 1, 1);
    kafka.create_topic(&unique("nobody"), 2, 1);
    for partition in 0..3 {
        kafka.produce(
            &orders,
            partition,
            100 + 10 * usize::try_from(partition).expect("small"),
        );
    }
    kafka.produce(&payments, 0, 5);
    let mut members = Vec::new();
    for protocol in protocols(kafka.version()) {
        let group = unique(&format!("stays-{protocol:?}").to_lowercase());
        members.push(kafka.join(&group, &[&orders, &payments], *protocol));
        members.push(kafka.join(&group, &[&orders, &payments], *protocol));
        let member = &members[members.len() - 2];
        member.commit(&orders, &[(0, 17), (1, 110), (2, 3)]);
        member.commit(&payments, &[(0, 5)]);
        let left = unique(&format!("left-{protocol:?}").to_lowercase());
        let leaving = kafka.join(&left, &[&orders], *protocol);
        leaving.commit(&orders, &[(0, 100), (1, 1), (2, 0)]);
    }
    java_members(kafka, &orders);
    let assigns = unique("assigns");
    let member = kafka.assign(&assigns, &orders, &[(0, 50), (2, 120)]);
    members.push(member);
    kafka.commit(&unique("never-had-members"), &payments, &[(0, 2)]);
    members
}

/// librdkafka speaks KIP-848 to 4.0 and newer only; on 3.9 the groups of `java_members` stand for it.
fn protocols(version: Version) -> &'static [Protocol] {
    match version {
        Version::Kafka4 => &[Protocol::Classic, Protocol::Consumer],
        Version::Kafka3 => &[Protocol::Classic],
    }
}

/// A KIP-848 group whose member stays and has read all, and one whose member left in the middle.
fn java_members(kafka: &Kafka, topic: &str) {
    let (stays, left) = (unique("java-stays"), unique("java-left"));
    kafka.java_member(&stays, topic, None);
    kafka.java_member(&left, topic, Some(150));
    let caught_up = || {
        let positions = kafka.describe_all_groups();
        let of = positions.iter().filter(|position| position.group == stays);
        (of.clone().count() == 3 && of.clone().all(|position| position.lag == Some(0)))
            .then_some(())
    };
    wait_until(JAVA_READS_WITHIN, caught_up).expect("the member that stays reads and commits all");
}

fn compare_lags(scrape: &Scrape, positions: &[Position]) -> String {
    let mut table = String::new();
    for position in positions {
        let partition = position.partition.to_string();
        let labels = [
            ("group", position.group.as_str()),
            ("topic", &position.topic),
            ("partition", &partition),
        ];
        let ours = scrape.value("partition_lag_messages", &labels);
        assert_eq!(
            ours,
            position.lag.map(|lag| lag as f64),
            "{position:?}\n{}",
            scrape.text()
        );
        table += &format!(
            "{} {} {}: {:?}, {ours:?}\n",
            position.group, position.topic, partition, position.lag
        );
    }
    let published = scrape.all("partition_lag_messages", &[]).count();
    let expected = positions
        .iter()
        .filter(|position| position.lag.is_some())
        .count();
    assert_eq!(
        published,
        expected,
        "series that kafka-consumer-groups does not have:\n{}",
        scrape.text()
    );
    table
}

fn compare_states(scrape: &Scrape, states: &[State]) -> String {
    let mut table = String::new();
    for state in states {
        let labels = [("group", state.group.as_str()), ("state", &state.state)];
        assert_eq!(
            scrape.value("group_state", &labels),
            Some(1.0),
            "{state:?}\n{}",
            scrape.text()
        );
        let ours = members(scrape, &state.group);
        assert_eq!(
            ours,
            Some(state.members as f64),
            "{state:?}\n{}",
            scrape.text()
        );
        table += &format!(
            "{}: {}, {}, {ours:?}\n",
            state.group, state.state, state.members
        );
    }
    table
}

fn members(scrape: &Scrape, group: &str) -> Option<f64> {
    scrape.value("group_members", &[("group", group)])
}
