//! The query client against a scripted cluster: what it reads, how often it asks, and what a broker's failure costs.

mod bounds;
mod change;
mod clocks;
mod disks;
mod grown;
mod moved;
mod past;
mod reached;
mod returned;
pub(crate) mod scripted;
mod sizes;
mod zombie;

use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use lagslope::analysis::sample::{GroupSample, Sample};
use lagslope::kafka::{Filter, IsolationLevel, Offsets, Sampler, Settings};
use tokio::time::Instant;

use scripted::{Mood, Scripted};

const TIMEOUT: Duration = Duration::from_secs(5);

fn sampler(cluster: &Scripted, request_timeout: Duration) -> Sampler {
    Sampler::new(settings(cluster, request_timeout))
}

fn settings(cluster: &Scripted, request_timeout: Duration) -> Settings {
    Settings {
        request_timeout,
        // These brokers answer questions only.
        offsets: Offsets::Query,
        ..Settings::new("test".to_owned(), vec![cluster.address(1)])
    }
}

fn group<'a>(sample: &'a Sample, name: &str) -> &'a GroupSample {
    let found = sample.groups.iter().find(|group| &*group.name == name);
    found.unwrap_or_else(|| panic!("no group {name}"))
}

/// Log ends of `orders`, by partition.
fn log_ends(sample: &Sample) -> Vec<Option<u64>> {
    let partitions = &sample.topics[0].partitions;
    partitions
        .iter()
        .map(|p| p.log_end.map(|end| end.offset))
        .collect()
}

/// Samples until it shows what is waited for, on a machine that may be busy; the clock that is handed in hardly moves.
async fn sample_until(sampler: &mut Sampler, now: f64, shows: impl Fn(&Sample) -> bool) -> Sample {
    let began = Instant::now();
    for step in 0.. {
        let sample = sampler.sample(now + 0.01 * f64::from(step)).await;
        if shows(&sample) {
            return sample;
        }
        let errors = &sample.cycle.errors;
        assert!(began.elapsed() < 6 * TIMEOUT, "never: {errors:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!("it returns or fails")
}

fn has_error(sample: &Sample, label: &str) -> bool {
    sample
        .cycle
        .errors
        .iter()
        .any(|(_, found, _)| *found == label)
}

#[tokio::test]
async fn everything_is_read_and_time_is_the_time_handed_in() {
    let cluster = Scripted::start(3).await;
    cluster.group(
        "pay",
        2,
        &[("orders", 1, 40), ("orders", 0, 30), ("gone", 0, 5)],
    );
    cluster.change(|world| world.newest.insert("orders", 1_000_000));
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    let sample = sampler.sample(1010.0).await;
    assert_eq!(log_ends(&sample), [Some(100), Some(101), Some(102)]);
    assert!(
        sample.topics[0]
            .partitions
            .iter()
            .all(|p| p.log_start.is_some())
    );
    let pay = group(&sample, "pay");
    assert_eq!(pay.members, Some(2));
    let commits = pay.commits.as_ref().unwrap();
    assert_eq!(commits.topics.len(), 1, "a topic that is gone is left out");
    assert_eq!(commits.topics[0].partitions, [(0, 30), (1, 40)]);
    assert!((1010.0..1011.0).contains(&commits.at));
    let end = sample.topics[0].partitions[0].log_end.unwrap();
    assert!(commits.at <= end.at, "commits before log ends");
    assert!(sample.cycle.up);
    assert_eq!(sample.cycle.errors, []);
}

#[tokio::test]
async fn five_requests_a_broker_and_cycle_however_many_groups() {
    for groups in [1, 1200] {
        let cluster = Scripted::start(3).await;
        for number in 0..groups {
            cluster.group(&format!("g{number}"), number % 3 + 1, &[("orders", 0, 1)]);
        }
        let mut sampler = sampler(&cluster, TIMEOUT);
        for cycle in 0..20 {
            cluster.change(|world| world.requests.clear());
            let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
            for broker in 1..=3 {
                let count = cluster.change(|world| {
                    world
                        .requests
                        .iter()
                        .filter(|(id, _)| *id == broker)
                        .count()
                });
                assert!(count <= 5, "{count} requests to {broker} in cycle {cycle}");
            }
            if cycle > 8 {
                assert!(sample.groups.iter().all(|g| g.members == Some(2)));
            }
        }
    }
}

#[tokio::test]
async fn a_hung_broker_delays_nobody_and_is_not_asked_twice() {
    let cluster = Scripted::start(3).await;
    for broker in 1..=3 {
        cluster.group(&format!("g{broker}"), broker, &[("orders", 0, 1)]);
    }
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    cluster.mood(2, Mood::Hangs);
    for cycle in 1..3 {
        let began = Instant::now();
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        let took = began.elapsed();
        assert!(took < TIMEOUT / 2, "cycle {cycle} took {took:?}");
        assert_eq!(log_ends(&sample), [Some(100), None, Some(102)]);
        assert_eq!(
            sample.groups.len(),
            3,
            "a group whose coordinator is silent is not gone"
        );
        let answered: Vec<bool> = sample.groups.iter().map(|g| g.commits.is_some()).collect();
        assert_eq!(answered, [true, false, true]);
    }
    let asked = cluster.change(|world| {
        let of_two = world.requests.iter().rev().take_while(|(id, _)| *id != 2);
        of_two.count()
    });
    assert!(asked > 8, "the second cycle asked the hung broker again");
    cluster.mood(2, Mood::Answers);
    let back = |sample: &Sample| group(sample, "g2").commits.is_some();
    let sample = sample_until(&mut sampler, 1030.0, back).await;
    assert_eq!(log_ends(&sample), [Some(100), Some(101), Some(102)]);
}

/// The first cycle is the longest: later ones know that it still owes an answer. The best of some counts, for the machine may be busy.
#[tokio::test]
async fn beside_a_hung_broker_the_others_are_told_within_a_second() {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let cluster = Scripted::start(3).await;
        cluster.group("pay", 1, &[("orders", 0, 1)]);
        let mut sampler = sampler(&cluster, TIMEOUT);
        sampler.sample(1000.0).await;
        cluster.mood(2, Mood::Hangs);
        let began = Instant::now();
        let sample = sampler.sample(1010.0).await;
        best = best.min(began.elapsed());
        if best < Duration::from_secs(1) {
            assert_eq!(log_ends(&sample), [Some(100), None, Some(102)]);
            assert!(group(&sample, "pay").commits.is_some());
            return;
        }
    }
    panic!("never faster than {best:?}");
}

#[tokio::test]
async fn what_answers_nonsense_is_called_by_its_name() {
    const OVERSIZED: &[u8] = &[0x3f, 0xff, 0xff, 0xff, 0, 0];
    const GARBAGE: &[u8] = &[0, 0, 0, 20, 9, 9, 9, 9, 0xff, 0xff, 0xff, 0xff];
    const GARBLED: &[u8] = &[0, 0, 0, 8, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
    let cases = [
        (Mood::Says(b"\x15\x03\x03\x00\x02\x02\x50"), "speaks_tls"),
        (
            Mood::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            "speaks_http",
        ),
        (Mood::Says(b""), "closed_unanswered"),
        (Mood::GreetsThenSays(b""), "sasl_needed"),
        (Mood::Says(b"\xff\xfe\xfd\xfc"), "not_kafka"),
        (Mood::GreetsThenSays(OVERSIZED), "too_large"),
        (Mood::GreetsThenSays(GARBAGE), "sasl_needed"),
        (Mood::GreetsThenSays(GARBLED), "garbled"),
    ];
    for (mood, label) in cases {
        let cluster = Scripted::start(1).await;
        cluster.mood(1, mood.clone());
        let sample = sampler(&cluster, TIMEOUT).sample(1000.0).await;
        assert!(!sample.cycle.up);
        assert!(
            has_error(&sample, label),
            "{mood:?}: {:?}",
            sample.cycle.errors
        );
    }
}

#[tokio::test]
async fn nobody_there_is_told_as_such() {
    let cluster = Scripted::start(1).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let bootstrap_servers = vec![
        "no-port".to_owned(),
        "name.invalid:9092".to_owned(),
        free.to_string(),
    ];
    let mut settings = Settings {
        isolation_level: IsolationLevel::ReadCommitted,
        ..Settings::new("test".to_owned(), bootstrap_servers)
    };
    let sample = Sampler::new(settings.clone()).sample(1000.0).await;
    assert!(!sample.cycle.up);
    assert!(has_error(&sample, "bad_address"));
    assert!(has_error(&sample, "connection_refused"));
    settings.bootstrap_servers.push(cluster.address(1));
    let sample = Sampler::new(settings).sample(1000.0).await;
    assert!(sample.cycle.up, "the others are tried in turn");
}

#[tokio::test]
async fn after_a_deadline_the_connection_is_reopened_but_not_at_once() {
    let timeout = Duration::from_millis(200);
    let cluster = Scripted::start(1).await;
    let mut sampler = sampler(&cluster, timeout);
    assert!(sampler.sample(1000.0).await.cycle.up);
    cluster.mood(1, Mood::Hangs);
    // A cycle in the pause after the deadline is told so at once, and opens nothing.
    let pauses = |sample: &Sample| {
        let mut errors = sample.cycle.errors.iter();
        errors.any(|(api, error, _)| (*api, *error) == ("Connect", "timeout"))
    };
    let sample = sample_until(&mut sampler, 1010.0, pauses).await;
    assert!(!sample.cycle.up, "too early");
    let before = cluster.change(|world| world.connections);
    cluster.mood(1, Mood::Answers);
    sample_until(&mut sampler, 1020.0, |sample| sample.cycle.up).await;
    assert_eq!(cluster.change(|world| world.connections), before + 1);
}

#[tokio::test]
async fn a_connection_that_ended_between_cycles_costs_nothing() {
    let cluster = Scripted::start(1).await;
    cluster.group("pay", 1, &[("orders", 0, 1)]);
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    let before = cluster.change(|world| world.connections);
    cluster.mood(1, Mood::HangsUpOnce);
    let sample = sampler.sample(1010.0).await;
    assert!(group(&sample, "pay").commits.is_some());
    assert_eq!(log_ends(&sample), [Some(100), Some(101), Some(102)]);
    assert_eq!(cluster.change(|world| world.connections), before + 1);
}

#[tokio::test]
async fn an_old_broker_is_asked_group_by_group() {
    let cluster = Scripted::start(1).await;
    cluster.change(|world| world.offset_fetch_max = 7);
    for number in 0..70 {
        cluster.group(&format!("g{number}"), 1, &[("orders", 0, number)]);
    }
    let sample = sampler(&cluster, TIMEOUT).sample(1000.0).await;
    let commits = group(&sample, "g42").commits.as_ref().unwrap();
    assert_eq!(commits.topics[0].partitions, [(0, 42)]);
    let asked = cluster.change(|world| {
        let fetches = world.requests.iter();
        fetches
            .filter(|(_, api)| *api == ApiKey::OffsetFetch)
            .count()
    });
    assert_eq!(asked, 70);
}

#[tokio::test]
async fn a_broker_that_comes_back_on_another_port_is_found() {
    let cluster = Scripted::start(2).await;
    cluster.group("pay", 2, &[("orders", 1, 1)]);
    let mut sampler = sampler(&cluster, TIMEOUT / 10);
    sampler.sample(1000.0).await;
    // The old one is silent from now on, and the cluster names the new one.
    cluster.mood(2, Mood::Hangs);
    sampler.sample(1010.0).await;
    cluster.start_broker(2).await;
    let back = |sample: &Sample| {
        let ends = [Some(100), Some(101), Some(102)];
        group(sample, "pay").commits.is_some() && log_ends(sample) == ends
    };
    sample_until(&mut sampler, 1020.0, back).await;
}

#[tokio::test]
async fn filters_and_our_own_group_are_left_out() {
    let cluster = Scripted::start(1).await;
    for name in ["pay", "console-consumer-1", "lagslope"] {
        cluster.group(name, 1, &[("orders", 0, 1)]);
    }
    let exclude = ["console-.*".to_owned()];
    let mut sampler = Sampler::new(Settings {
        groups: Filter::new(&[".*".to_owned()], &exclude).unwrap(),
        topics: Filter::new(&["other".to_owned()], &[]).unwrap(),
        ..settings(&cluster, TIMEOUT)
    });
    let sample = sampler.sample(1000.0).await;
    let names: Vec<&str> = sample.groups.iter().map(|group| &*group.name).collect();
    assert_eq!(names, ["pay"]);
    assert_eq!(sample.topics, []);
}
