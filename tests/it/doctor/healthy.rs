//! Clusters that allow everything: the newest Kafka and 3.9.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lagslope::kafka::Settings;
use lagslope::kafka::doctor::{Clock, Skew, examine};

use super::{doctor, line};
use crate::kafka::clients::Protocol;
use crate::kafka::{Kafka, Version, shared, unique};
use crate::real::config;

/// Commits and produces until the work is done, as a cluster does that is alive.
fn alive<T>(kafka: &Kafka, work: impl FnOnce() -> T) -> T {
    let (topic, group) = (unique("doctor"), unique("doctor"));
    kafka.create_topic(&topic, 1, 1);
    kafka.produce(&topic, 0, 1);
    let member = kafka.join(&group, &[&topic], Protocol::Classic);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                kafka.produce(&topic, 0, 1);
                member.commit(&topic, &[(0, 1)]);
                thread::sleep(Duration::from_millis(100));
            }
        });
        let done = work();
        ended.store(true, Ordering::Relaxed);
        done
    })
}

fn run_doctor(kafka: &Kafka) -> (Option<i32>, String) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(doctor(&config(&kafka.bootstrap()), &[]))
}

#[test]
fn where_nothing_is_guarded_everything_is_allowed_and_nothing_is_written() {
    let kafka = shared(Version::Kafka4);
    let topic = unique("orders");
    kafka.create_topic(&topic, 1, 1);
    let modern = kafka.join(&unique("modern"), &[&topic], Protocol::Consumer);
    let (exit, page) = alive(kafka, || run_doctor(kafka));
    drop(modern);
    assert_eq!(exit, Some(0), "{page}");
    assert!(!page.contains("kafka-acls"), "nothing is missing:\n{page}");
    for about in [
        "Metadata v13 allowed",
        "ListGroups v5 allowed",
        "OffsetFetch v9 allowed",
        "ListOffsets (latest, earliest) v10 allowed",
        "ListOffsets (by time) v10 allowed",
        "DescribeGroups v6 allowed",
        "ConsumerGroupDescribe v1 allowed",
        "DescribeConfigs v4 allowed",
        "DescribeLogDirs v4 allowed",
        "Fetch (__consumer_offsets) allowed",
        "clock of broker 1 agrees with ours within",
        "clock of producers",
        "test: all that is needed is allowed",
    ] {
        line(&page, about);
    }
    let list = |class: &str| {
        let server = kafka.bootstrap();
        let arguments = ["--bootstrap-server", &server, "--list"].map(str::to_owned);
        kafka.tool(class, &arguments)
    };
    let topics = list("org.apache.kafka.tools.TopicCommand");
    assert!(topics.contains(&topic), "{topics}");
    assert!(
        !topics.contains("asked-by"),
        "the broker creates topics by itself:\n{topics}"
    );
    let groups = list("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand");
    assert!(!groups.contains("asked-by"), "{groups}");
}

/// Nothing of what the daemon asks today is unknown to 3.9: it is asked in older versions.
#[test]
fn an_older_kafka_is_asked_in_the_versions_it_knows() {
    let kafka = shared(Version::Kafka3);
    let (exit, page) = alive(kafka, || run_doctor(kafka));
    assert_eq!(exit, Some(0), "{page}");
    for about in [
        "Metadata v12 allowed",
        "ListOffsets (latest, earliest) v9 allowed",
        "DescribeGroups v5 allowed",
        "ConsumerGroupDescribe v0 allowed",
        "clock of broker 1 agrees with ours within",
    ] {
        line(&page, about);
    }
}

/// Ours is set wrong instead of the broker's: the difference is the same.
#[test]
fn a_clock_that_is_off_is_told_by_how_much() {
    let kafka = shared(Version::Kafka4);
    for (off, lower, upper) in [(-90.0, 89.0, 93.0), (90.0, -91.0, -87.0)] {
        let settings = Settings::new("test".to_owned(), vec![kafka.bootstrap()]);
        let checkup = alive(kafka, || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.expect("after 1970").as_secs_f64() + off;
            runtime.block_on(examine(&settings, now, Duration::from_secs(20)))
        });
        let broker = checkup.skews.iter().find(|skew| skew.is_broker);
        let broker = broker.expect("there is one");
        let Clock::Ahead(least, most) = broker.clock else {
            panic!("{broker:?}");
        };
        assert!(lower < least && least <= most && most < upper, "{broker:?}");
        assert!(Skew::is_bad(broker) && !checkup.is_well(), "{broker:?}");
    }
}
