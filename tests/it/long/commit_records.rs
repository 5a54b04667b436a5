//! A million commit records of a real Kafka, read from their beginning to their end by the daemon's own client of the stream.

use std::time::{SystemTime, UNIX_EPOCH};

use lagslope::kafka::{Settings, measuring};
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::asked_for;
use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version};

const GROUPS: usize = 10;
const PARTITIONS: i32 = 1_000;
const ROUNDS: i64 = 100;
const SHARDS: i32 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_million_records_are_read_in_seconds() {
    if !asked_for("commit_records") {
        return;
    }
    let kafka = Kafka::start(Version::Kafka4, 1, &[]);
    kafka.create_topic("wide", PARTITIONS, 1);
    let groups: Vec<String> = (0..GROUPS).map(|n| format!("group-{n}")).collect();
    for group in &groups {
        let everything: Vec<(i32, i64)> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
        let member = kafka.assign(group, "wide", &everything);
        for round in 1..ROUNDS {
            let committed: Vec<(i32, i64)> = (0..PARTITIONS).map(|n| (n, round)).collect();
            member.commit("wide", &committed);
        }
    }
    let ends = ends(&kafka);
    let records: u64 = ends.iter().sum();
    assert!(
        records >= GROUPS as u64 * PARTITIONS as u64 * ROUNDS as u64,
        "{records}"
    );
    let servers = vec![kafka.bootstrap()];
    let settings = Settings::new("test".to_owned(), servers);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let now = i64::try_from(now.as_millis()).expect("it fits");
    let took = measuring::read_to(&settings, &groups, &ends, now).await;
    let seconds = took.expect("it is read").as_secs_f64();
    Evidence::new("commit-records", "A million commit records").entry(
        "A million commit records of a real Kafka 4.4.0, read to the end, with connecting and finding the beginning",
        "./test --long",
        &format!(
            "{records} records in {seconds:.2} s: {:.0} records/s, librdkafka and a debug build of the daemon's own code",
            records as f64 / seconds
        ),
    );
}

fn ends(kafka: &Kafka) -> Vec<u64> {
    let consumer: BaseConsumer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .create()
        .expect("a valid configuration");
    let end = |shard| {
        let watermarks = consumer.fetch_watermarks(
            "__consumer_offsets",
            shard,
            std::time::Duration::from_secs(10),
        );
        u64::try_from(watermarks.expect("an answer").1).expect("an offset")
    };
    (0..SHARDS).map(end).collect()
}
