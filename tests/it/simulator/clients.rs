//! Clients other than ours are content with the simulated cluster, and see in it what lagslope publishes: kcat, librdkafka, Kafka's own
//! command line tools.

use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::delay::Delay;
use lagslope::simulator::group::{Group, Kind};
use lagslope::simulator::topic::Topic;
use lagslope::simulator::{Running, World};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::{NOW, at_rest};
use crate::evidence::Evidence;
use crate::kafka::tools::{ClassOfTools, describe_all_groups_at, run_tool_at};
use crate::lagslope::Lagslope;

/// Of the tools that are shown to be content, whichever of these tests they are of.
static EVIDENCE: LazyLock<Evidence> = LazyLock::new(|| {
    Evidence::new(
        "simulated-clients",
        "What other clients see in the simulated cluster, and lagslope on its page",
    )
});

/// A JVM on a busy machine has been seen to take longer than librdkafka waits on its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// Three brokers, two topics, groups of each kind that a tool describes.
fn world() -> World {
    let mut world = World::new(3, 11);
    let since = NOW - 3_600.0;
    let orders = world.add_topic(Topic::new("orders", 6, Arrivals::steady(since, 60.0)));
    let audit = world.add_topic(Topic::new("audit", 2, Arrivals::steady(since, 5.0)));
    let group = |name: &str, members| Group::new(name).with_members(members);
    for group in [
        group("payments", 2).reading(orders, Delay::steady(30.0)),
        group("search", 3)
            .of_kind(Kind::Consumer)
            .reading(orders, Delay::steady(200.0))
            .reading(audit, Delay::steady(1.0)),
        group("nightly", 0).reading(audit, Delay::steady(900.0)),
    ] {
        world.add_group(group);
    }
    world
}

fn consumer(running: &Running, group: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", running.bootstrap())
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    config.create().expect("a valid configuration")
}

/// On a thread where librdkafka may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.expect("it doesn't panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn librdkafka_reads_metadata_commits_and_log_ends() {
    let running = at_rest(world()).await;
    blocking(move || {
        let (world, consumer) = (running.world(), consumer(&running, "payments"));
        let metadata = consumer.fetch_metadata(None, PATIENCE).expect("metadata");
        assert_eq!(metadata.brokers().len(), 3);
        let mut names: Vec<&str> = metadata.topics().iter().map(|t| t.name()).collect();
        names.sort_unstable();
        assert_eq!(names, ["__consumer_offsets", "audit", "orders"]);
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range("orders", 0, 5);
        let committed = consumer.committed_offsets(asked, PATIENCE);
        let committed = committed.expect("commits");
        for element in committed.elements() {
            let truth = world.committed(0, 0, element.partition() as u32, NOW);
            assert_eq!(element.offset().to_raw(), truth.map(|offset| offset as i64));
        }
        for partition in 0..6 {
            let (start, end) = (
                world.log_start(0, partition, NOW),
                world.log_end(0, partition, NOW),
            );
            let told = consumer.fetch_watermarks("orders", partition as i32, PATIENCE);
            let (low, high) = told.expect("log ends");
            assert_eq!((Some(low as u64), Some(high as u64)), (start, end));
        }
        let minute_ago = ((NOW - 60.0) * 1000.0) as i64;
        let mut times = TopicPartitionList::new();
        for partition in 0..6 {
            let added = times.add_partition_offset("orders", partition, Offset::Offset(minute_ago));
            added.expect("an offset");
        }
        let found = consumer
            .offsets_for_times(times, PATIENCE)
            .expect("offsets");
        for element in found.elements() {
            let partition = element.partition() as u32;
            let truth = world.first_at_or_after(0, partition, NOW - 60.0, NOW);
            assert_eq!(
                element.offset().to_raw(),
                truth.map(|(offset, _)| offset as i64)
            );
        }
    })
    .await;
}

/// Records of all 50 partitions from a minute ago to now, by a consumer that is assigned them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn librdkafka_reads_the_topic_of_commits_from_a_minute_ago() {
    let running = at_rest(world()).await;
    blocking(move || {
        let (world, consumer) = (running.world(), consumer(&running, "reader"));
        let mut times = TopicPartitionList::new();
        for partition in 0..50 {
            let time = Offset::Offset(((NOW - 60.0) * 1000.0) as i64);
            let added = times.add_partition_offset("__consumer_offsets", partition, time);
            added.expect("an offset");
        }
        let from = consumer
            .offsets_for_times(times, PATIENCE)
            .expect("offsets");
        consumer.assign(&from).expect("it can be assigned");
        let (mut ended, mut records) = (0, 0);
        while ended < 50 {
            match consumer.poll(PATIENCE).expect("records or an end") {
                Ok(record) => {
                    let key = record.key().expect("a key");
                    // In this minute nobody rebalanced.
                    assert_eq!(&key[..2], [0, 1], "a commit");
                    let at = record.timestamp().to_millis().expect("a time") as f64 / 1000.0;
                    assert!((NOW - 60.01..=NOW).contains(&at), "{at}");
                    records += 1;
                }
                Err(rdkafka::error::KafkaError::PartitionEOF(_)) => ended += 1,
                Err(error) => panic!("{error}"),
            }
        }
        let truth: usize = (0..3)
            .map(|group| world.commits_between(group, NOW - 60.0, NOW).count())
            .sum();
        assert!(truth > 100, "{truth}");
        assert_eq!(records, truth);
    })
    .await;
}

/// An ordinary topic has records, too, with their times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn librdkafka_consumes_a_topic_to_its_end() {
    let running = at_rest(world()).await;
    blocking(move || {
        let (world, consumer) = (running.world(), consumer(&running, "reader"));
        let end = world.log_end(1, 0, NOW).expect("it exists") as i64;
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset("audit", 0, Offset::Offset(end - 5_000));
        added.expect("an offset");
        consumer.assign(&list).expect("it can be assigned");
        let mut next = end - 5_000;
        while next < end {
            let record = match consumer.poll(PATIENCE).expect("records or an end") {
                Ok(record) => record,
                Err(rdkafka::error::KafkaError::PartitionEOF(_)) => continue,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(record.offset(), next);
            let written = world
                .timestamp_of(1, 0, next as u64, NOW)
                .expect("it is written");
            let stamp = (written * 1000.0).floor() as i64;
            assert_eq!(record.timestamp().to_millis(), Some(stamp));
            next += 1;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kcat_lists_the_brokers_and_topics() {
    let running = at_rest(world()).await;
    let bootstrap = running.bootstrap();
    let listed = blocking(move || {
        let kcat = Command::new("kcat").args(["-L", "-b", &bootstrap]).output();
        let output = kcat.expect("kcat, which ./test installs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    })
    .await;
    for line in [
        "3 brokers:",
        "topic \"orders\" with 6 partitions:",
        "topic \"audit\" with 2 partitions:",
        "topic \"__consumer_offsets\" with 50 partitions:",
    ] {
        assert!(listed.contains(line), "{line}\n{listed}");
    }
    for (number, address) in (1..).zip(running.addresses()) {
        let line = format!("broker {number} at {address}");
        assert!(listed.contains(&line), "{line}\n{listed}");
    }
    assert!(listed.contains("partition 3, leader 1,"), "{listed}");
    let ordinary = listed
        .lines()
        .take_while(|line| !line.contains("__consumer_offsets"));
    EVIDENCE.entry(
        "kcat lists brokers and topics",
        "kcat -L -b $BOOTSTRAP    # LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it simulator::clients",
        &ordinary.collect::<Vec<_>>().join("\n"),
    );
}

/// The table of Kafka's own tool, the daemon's page and the world say the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_consumer_groups_and_the_page_agree() {
    let running = at_rest(world()).await;
    let bootstrap = running.bootstrap();
    let lagslope = Lagslope::start(&crate::real::config(&bootstrap)).await;
    let positions = blocking(move || describe_all_groups_at(&bootstrap)).await;
    let scrape = lagslope
        .wait_for("all series", PATIENCE, |scrape| {
            scrape.all("partition_lag_messages", &[]).count() == positions.len()
        })
        .await;
    assert_eq!(positions.len(), 6 + 8 + 2, "{positions:?}");
    let world = running.world();
    let groups: Vec<&str> = world.groups.iter().map(|group| &*group.name).collect();
    let topics: Vec<&str> = world.topics.iter().map(|topic| &*topic.name).collect();
    let place = |names: &[&str], name: &str| {
        let place = names.iter().position(|known| *known == name);
        place.expect("it is known")
    };
    let mut seen = Vec::new();
    for position in &positions {
        let group = place(&groups, &position.group);
        let topic = place(&topics, &position.topic);
        let number = position.partition as u32;
        let committed = world.committed(group, topic, number, NOW);
        let log_end = world.log_end(topic, number, NOW);
        assert_eq!(
            position.committed.map(|n| n as u64),
            committed,
            "{position:?}"
        );
        assert_eq!(position.log_end.map(|n| n as u64), log_end, "{position:?}");
        assert_eq!(position.member.is_some(), position.group != "nightly");
        let partition = number.to_string();
        let labels = [
            ("group", &*position.group),
            ("topic", &position.topic),
            ("partition", &partition),
        ];
        let told = scrape.value("partition_lag_messages", &labels);
        assert_eq!(told, position.lag.map(|lag| lag as f64), "{position:?}");
        let told = told.expect("it lags");
        let lag = position.lag.expect("it lags");
        seen.push(format!(
            "{}, {}, {partition}: {lag}, {told}",
            position.group, position.topic
        ));
    }
    EVIDENCE.entry(
        "kafka-consumer-groups and the page tell the same groups and lags",
        "kafka-consumer-groups --bootstrap-server $BOOTSTRAP --describe --all-groups; curl -s http://$LAGSLOPE/metrics",
        &format!("group, topic, partition: kafka-consumer-groups, lagslope\n{}", seen.join("\n")),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_topics_and_kafka_get_offsets_are_content() {
    let running = at_rest(world()).await;
    let bootstrap = running.bootstrap();
    let (described, offsets) = blocking(move || {
        let described = run_tool_at(ClassOfTools::Topics, &bootstrap, &["--describe"]);
        (
            described,
            run_tool_at(ClassOfTools::GetOffsets, &bootstrap, &[]),
        )
    })
    .await;
    assert!(described.contains("PartitionCount: 6"), "{described}");
    let world = running.world();
    for (topic, name) in [(0, "orders"), (1, "audit")] {
        for partition in 0..world.partitions(topic) {
            let end = world.log_end(topic, partition, NOW).expect("it exists");
            let line = format!("{name}:{partition}:{end}");
            assert!(
                offsets.lines().any(|told| told == line),
                "{line}\n{offsets}"
            );
        }
    }
}
