//! The commit stream of a real Kafka: what groups commit, in whatever way, is on `/metrics` within an interval and what Kafka's own
//! tool prints; nobody is asked for it; and what holds the stream up holds nobody else up.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::agreement::KAFKA_3_WITH_KIP_848;
use super::config_with_offsets;
use crate::evidence::Evidence;
use crate::kafka::clients::{Member, Protocol};
use crate::kafka::tools::Position;
use crate::kafka::{Kafka, Version, shared, unique};
use crate::lagslope::{Lagslope, Scrape};

/// What the first cycles, and the JVMs that share the machine, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The interval, and what a busy machine may add to a cycle.
const ONE_INTERVAL: Duration = Duration::from_secs(1 + 5);

/// The partitions of `__consumer_offsets`.
const SHARDS: i32 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_to_kafka_4_is_there_within_an_interval() {
    agrees(Version::Kafka4, &[Protocol::Classic, Protocol::Consumer]).await;
}

/// librdkafka speaks KIP-848 to 4.0 and newer only; to 3.9, Java's client does.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_to_kafka_3_is_there_within_an_interval() {
    agrees(Version::Kafka3, &[Protocol::Classic]).await;
}

/// KIP-848 is a preview in 3.9: the broker has to be told.
fn options(version: Version) -> &'static [(&'static str, &'static str)] {
    match version {
        Version::Kafka3 => KAFKA_3_WITH_KIP_848,
        Version::Kafka4 => &[],
    }
}

async fn agrees(version: Version, protocols: &[Protocol]) {
    let kafka = Kafka::start(version, 1, options(version));
    let topic = unique("orders");
    kafka.create_topic(&topic, 2, 1);
    kafka.produce(&topic, 0, 200);
    kafka.produce(&topic, 1, 300);
    let old = unique("committed-before");
    kafka.commit(&old, &topic, &[(0, 1), (1, 2)]);
    let committing = Committing::new(&kafka, &topic, protocols);
    committing.commit(10);
    let java = unique("java-consumer");
    kafka.java_member(&java, &topic, None);
    let lagslope = Lagslope::start(&config_with_offsets(&kafka.bootstrap(), "stream")).await;
    let told = |page: &Scrape| committing.are_told(page, 10) && is_steady(page);
    lagslope
        .wait_for("all groups by the stream", PATIENCE, told)
        .await;
    let first = until_nobody_is_asked(&lagslope).await;

    let mut slowest = Duration::ZERO;
    for committed in [25, 90] {
        committing.commit(committed);
        let since = Instant::now();
        let told = |page: &Scrape| committing.are_told(page, committed);
        lagslope
            .wait_for("what was committed", ONE_INTERVAL, told)
            .await;
        slowest = slowest.max(since.elapsed());
    }
    let has_read_all = |page: &Scrape| {
        ["0", "1"]
            .iter()
            .all(|partition| lag_of(page, &java, &topic, partition) == Some(0.0))
    };
    lagslope
        .wait_for("Java's member", PATIENCE, has_read_all)
        .await;
    let positions = kafka.describe_all_groups();
    let page = lagslope.scrape().await;
    let table = compare(&page, &positions);
    assert!(positions.iter().any(|position| position.group == old));
    // A shard that a busy machine was slow to read is asked for.
    assert!(
        asked(&page) - asked(&first) <= behind(&page) - behind(&first),
        "{}",
        page.text()
    );
    assert_eq!(
        page.all("commit_records_skipped_total", &[]).count(),
        0,
        "{}",
        page.text()
    );
    let name = match version {
        Version::Kafka4 => "stream-4",
        Version::Kafka3 => "stream-3",
    };
    Evidence::new(name, "What groups commit is read from the stream").entry(
        &format!(
            "Kafka {}: commits by every kind of consumer are on `/metrics` within one interval and equal `kafka-consumer-groups`",
            version.number()
        ),
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it real::stream",
        &format!(
            "the slowest commit was on the page {:.1} s after it was made, sampling every second; OffsetFetch requests since all groups were told by the stream: 0\ngroup, partition: kafka-consumer-groups, lagslope\n{table}",
            slowest.as_secs_f64()
        ),
    );
}

/// Groups that commit in every way there is.
struct Committing<'a> {
    kafka: &'a Kafka,
    topic: &'a str,
    members: Vec<(String, Member)>,
    assigned: (String, Member),
    transactional: String,
    long: [String; 2],
    wordy: String,
}

impl<'a> Committing<'a> {
    fn new(kafka: &'a Kafka, topic: &'a str, protocols: &[Protocol]) -> Self {
        let members = protocols.iter().map(|protocol| {
            let group = unique(&format!("member-{protocol:?}").to_lowercase());
            let member = kafka.join(&group, &[topic], *protocol);
            (group, member)
        });
        let members = members.collect();
        let assigns = unique("assigns");
        let assigned = kafka.assign(&assigns, topic, &[(0, 0)]);
        Self {
            kafka,
            topic,
            members,
            assigned: (assigns, assigned),
            transactional: unique("transactional"),
            long: [249, 300].map(|length| "g".repeat(length)),
            wordy: unique("wordy"),
        }
    }

    fn commit(&self, offset: i64) {
        for (_, member) in self.members.iter().chain([&self.assigned]) {
            member.commit(self.topic, &[(0, offset)]);
        }
        let committed = [(0, offset)];
        self.kafka
            .transaction(&self.transactional, self.topic, &committed)
            .commit();
        for group in &self.long {
            self.kafka.commit(group, self.topic, &committed);
        }
        // A length that takes two bytes.
        let metadata = "m".repeat(200);
        self.kafka
            .commit_with(&self.wordy, self.topic, committed[0], &metadata);
    }

    fn groups(&self) -> impl Iterator<Item = &str> {
        let members = self.members.iter().chain([&self.assigned]);
        let others = [&self.transactional, &self.wordy]
            .into_iter()
            .chain(&self.long);
        members
            .map(|(group, _)| group)
            .chain(others)
            .map(String::as_str)
    }

    fn are_told(&self, page: &Scrape, committed: i64) -> bool {
        let lag = Some((200 - committed) as f64);
        self.groups()
            .all(|group| lag_of(page, group, self.topic, "0") == lag)
    }
}

fn lag_of(page: &Scrape, group: &str, topic: &str, partition: &str) -> Option<f64> {
    let labels = [("group", group), ("topic", topic), ("partition", partition)];
    page.value("partition_lag_messages", &labels)
}

/// Offsets come from the stream, and the last cycle did not ask for any.
fn is_steady(page: &Scrape) -> bool {
    page.value("offsets_source", &[("source", "stream")]) == Some(1.0)
}

fn compare(page: &Scrape, positions: &[Position]) -> String {
    let mut table = String::new();
    for at in positions {
        let partition = at.partition.to_string();
        let ours = lag_of(page, &at.group, &at.topic, &partition);
        assert_eq!(
            ours,
            at.lag.map(|lag| lag as f64),
            "{at:?}\n{}",
            page.text()
        );
        let name = match at.group.len() {
            0..60 => at.group.clone(),
            length => format!("{}… ({length} letters)", &at.group[..10]),
        };
        table += &format!("{name} {partition}: {:?}, {ours:?}\n", at.lag);
    }
    table
}

/// A transaction that nobody ends stops the stream of its shard for whoever reads committed records only.
#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_transaction_hides_nothing_of_others() {
    let kafka = shared(Version::Kafka4);
    let topic = unique("orders");
    kafka.create_topic(&topic, 1, 1);
    kafka.produce(&topic, 0, 100);
    let hanging = unique("hanging");
    let neighbour = neighbour_of(&hanging);
    kafka.commit(&neighbour, &topic, &[(0, 10)]);
    kafka.commit(&hanging, &topic, &[(0, 1)]);
    let lagslope = Lagslope::start(&config_with_offsets(&kafka.bootstrap(), "auto")).await;
    let lag = |page: &Scrape, group: &str| lag_of(page, group, &topic, "0");
    let told = |page: &Scrape| is_steady(page) && lag(page, &neighbour) == Some(90.0);
    lagslope.wait_for("the group", PATIENCE, told).await;

    let open = kafka.transaction(&hanging, &topic, &[(0, 50)]);
    kafka.commit(&neighbour, &topic, &[(0, 30)]);
    let told = |page: &Scrape| lag(page, &neighbour) == Some(70.0);
    let page = lagslope.wait_for("the neighbour", PATIENCE, told).await;
    assert_eq!(lag(&page, &hanging), Some(99.0), "it is not committed");
    assert!(behind(&page) >= 1.0);
    open.commit();
    let told = |page: &Scrape| lag(page, &hanging) == Some(50.0);
    lagslope.wait_for("its end", PATIENCE, told).await;
    until_nobody_is_asked(&lagslope).await;
}

/// Waits until cycles have gone by in which no broker was asked for commits.
async fn until_nobody_is_asked(lagslope: &Lagslope) -> Scrape {
    let deadline = Instant::now() + PATIENCE;
    let mut before = lagslope.scrape().await;
    loop {
        sleep(Duration::from_secs(3)).await;
        let now = lagslope.scrape().await;
        if asked(&now) == asked(&before) {
            return now;
        }
        assert!(
            Instant::now() < deadline,
            "{}\n{}",
            now.text(),
            lagslope.log()
        );
        before = now;
    }
}

/// Requests for commits so far.
fn asked(page: &Scrape) -> f64 {
    let api = ("api", "OffsetFetch");
    page.value("kafka_requests_total", &[api]).unwrap_or(0.0)
}

/// How often a shard was not read in time.
fn behind(page: &Scrape) -> f64 {
    let labels = [("api", "CommitStream"), ("error", "behind")];
    page.value("sample_errors_total", &labels).unwrap_or(0.0)
}

/// Another group whose commits are in the same partition.
fn neighbour_of(group: &str) -> String {
    let shard = |name: &str| {
        let hash = name.encode_utf16().fold(0_i32, |hash, unit| {
            hash.wrapping_mul(31).wrapping_add(i32::from(unit))
        });
        hash.checked_abs().unwrap_or(0) % SHARDS
    };
    let names = (0..).map(|n| format!("neighbour-{n}-of-{group}"));
    names
        .into_iter()
        .find(|name| shard(name) == shard(group))
        .expect("one in fifty is")
}

/// Deleting a group, or a topic, takes its commits out of the stream; both may come again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_and_may_come_again() {
    let kafka = shared(Version::Kafka4);
    let (topic, group) = (unique("orders"), unique("payments"));
    kafka.create_topic(&topic, 1, 1);
    kafka.produce(&topic, 0, 100);
    kafka.commit(&group, &topic, &[(0, 10)]);
    let lagslope = Lagslope::start(&config_with_offsets(&kafka.bootstrap(), "stream")).await;
    let lag = |page: &Scrape| lag_of(page, &group, &topic, "0");
    let told = |page: &Scrape| is_steady(page) && lag(page) == Some(90.0);
    lagslope.wait_for("the group", PATIENCE, told).await;
    kafka.delete_group(&group);
    lagslope
        .wait_for("it is gone", PATIENCE, |page| lag(page).is_none())
        .await;
    kafka.commit(&group, &topic, &[(0, 40)]);
    lagslope
        .wait_for("it came again", PATIENCE, |page| lag(page) == Some(60.0))
        .await;
    kafka.delete_topic(&topic);
    lagslope
        .wait_for("the topic is gone", PATIENCE, |page| lag(page).is_none())
        .await;
    kafka.create_topic(&topic, 1, 1);
    kafka.produce(&topic, 0, 7);
    kafka.commit(&group, &topic, &[(0, 3)]);
    lagslope
        .wait_for("the new topic", PATIENCE, |page| lag(page) == Some(4.0))
        .await;
}

/// A group's generations are told, and its members are asked for when they change only.
#[tokio::test(flavor = "multi_thread")]
async fn rebalances_are_counted() {
    let kafka = shared(Version::Kafka4);
    for protocol in [Protocol::Classic, Protocol::Consumer] {
        let (topic, group) = (unique("orders"), unique("rebalancing"));
        kafka.create_topic(&topic, 2, 1);
        let first = kafka.join(&group, &[&topic], protocol);
        first.commit(&topic, &[(0, 0)]);
        let lagslope = Lagslope::start(&config_with_offsets(&kafka.bootstrap(), "stream")).await;
        let of = [("group", group.as_str())];
        let members = |page: &Scrape| page.value("group_members", &of);
        let told = |page: &Scrape| is_steady(page) && members(page) == Some(1.0);
        lagslope.wait_for("the group", PATIENCE, told).await;
        let second = kafka.join(&group, &[&topic], protocol);
        lagslope
            .wait_for("its second member", PATIENCE, |page| {
                members(page) == Some(2.0)
            })
            .await;
        drop(second);
        let rebalanced = |page: &Scrape| {
            let count = page.value("rebalances_total", &of);
            members(page) == Some(1.0) && count >= Some(1.0)
        };
        lagslope
            .wait_for("it rebalanced", PATIENCE, rebalanced)
            .await;
    }
}
