//! A daemon that starts on a cluster with traffic behind it: its first page has time lags and production rates.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::config;
use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version, shared, unique};
use crate::lagslope::{Lagslope, Scrape};

/// The first page comes a few seconds after the start; two cores may be busy with other tests.
const FIRST_PAGE_WITHIN: Duration = Duration::from_secs(60);

/// The promise: seconds of time lag on the first page, against the truth.
const ERROR_MAX: f64 = 0.05;

/// Of a rate, or of one message a second: the window begins where the cycle did, and a page tells that only nearly.
const RATE_ERROR_MAX: f64 = 0.03;

/// Starts that are tried on a busy machine.
const STARTS: usize = 3;

/// Seconds over which rates are taken.
const WINDOW: f64 = 120.0;

/// Sampled once in ten minutes: what is on the page is from the first cycle.
fn sampled_once(kafka: &Kafka) -> String {
    config(&kafka.bootstrap()).replace("sample_interval: 1s", "sample_interval: 10m")
}

/// A partition's records: how many seconds before the start each was made, ascending in time.
struct Traffic {
    name: &'static str,
    ages: Vec<f64>,
    /// How far a group has read, as shares of the log.
    read: &'static [f64],
}

fn traffic() -> Vec<Traffic> {
    vec![
        Traffic {
            // 400 records within 2 s, every 100 s: a commit within a burst is as old as the burst.
            name: "bursty",
            ages: ages(3_600.0, |age| if age % 100.0 < 2.0 { 200.0 } else { 0.0 }),
            read: &[0.0, 0.3, 0.55, 0.9, 1.0],
        },
        Traffic {
            // Nothing for half an hour: what waits is older than the pause, or younger.
            name: "pause",
            ages: ages(3_600.0, |age| {
                if (900.0..2_700.0).contains(&age) {
                    0.0
                } else {
                    4.0
                }
            }),
            read: &[0.0, 0.2, 0.499, 0.6, 0.95],
        },
        Traffic {
            // Tenfold within the hour, as mornings are.
            name: "rise",
            ages: ages(3_600.0, |age| 10.0 - 9.0 * age / 3_600.0),
            read: &[0.01, 0.25, 0.5, 0.75, 0.99],
        },
    ]
}

/// Records at a rate (per second) that depends on their age (in seconds): one whenever its integral passes a whole number.
fn ages(from: f64, rate: impl Fn(f64) -> f64) -> Vec<f64> {
    const STEP: f64 = 0.005;
    let (mut ages, mut due) = (Vec::new(), 0.0);
    let steps = (from / STEP) as u32;
    for step in (1..=steps).rev() {
        let age = f64::from(step) * STEP;
        due += rate(age) * STEP;
        if due >= 1.0 {
            due -= 1.0;
            ages.push(age);
        }
    }
    ages
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs_f64()
}

/// What is true of a group.
struct Truth {
    group: String,
    topic: String,
    /// When its oldest unread record was made; absent when it has read all.
    waits_since: Option<f64>,
    /// When each record of its topic was made.
    made: Vec<f64>,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_has_the_time_lag_of_every_group_and_the_production_rate() {
    let kafka = shared(Version::Kafka4);
    let truths = write(kafka);
    let page = first_page_with_the_past(kafka, &truths[0]).await;
    let (table, worst) = compare(&page, &truths);
    Evidence::new("warm-start", "The first page after a start").entry(
        "First scrape after a start on a cluster with an hour of traffic: time lag within 5 % of the truth for all groups",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it real::warm_start",
        &format!("{table}worst error of a time lag: {:.2} %", 100.0 * worst),
    );
}

fn write(kafka: &Kafka) -> Vec<Truth> {
    let began = now();
    let mut truths = Vec::new();
    for traffic in traffic() {
        let topic = unique(traffic.name);
        kafka.create_topic(&topic, 1, 1);
        let made: Vec<f64> = traffic.ages.iter().map(|age| began - age).collect();
        let millis: Vec<i64> = made.iter().map(|at| (at * 1000.0) as i64).collect();
        kafka.produce_at(&topic, 0, &millis);
        for share in traffic.read {
            let commit = (share * made.len() as f64) as usize;
            let group = format!("{topic}-read-{share}");
            kafka.commit(&group, &topic, &[(0, commit as i64)]);
            truths.push(Truth {
                group,
                topic: topic.clone(),
                waits_since: made.get(commit).copied(),
                made: made.clone(),
            });
        }
    }
    truths
}

/// The first page of a daemon. When the broker takes longer than a cycle waits for the past, a page is without it: on a machine
/// that is busy with other tests that may happen, and another daemon is started.
async fn first_page_with_the_past(kafka: &Kafka, truth: &Truth) -> Scrape {
    let first = |scrape: &Scrape| scrape.all("lag_messages", &[]).next().is_some();
    let mut start = 1;
    loop {
        // As on any cluster that is used: somebody commits, and by that the clocks are known to agree.
        kafka.commit(&unique("witness"), &truth.topic, &[(0, 1)]);
        let lagslope = Lagslope::start(&sampled_once(kafka)).await;
        let page = lagslope
            .wait_for("the first page", FIRST_PAGE_WITHIN, first)
            .await;
        let time_lag = page.value("time_lag_seconds", &[("group", &*truth.group)]);
        let was_late = page.sum("sample_errors_total", &[("error", "late")]) > 0.0;
        if time_lag.is_some() || !was_late || start == STARTS {
            return page;
        }
        start += 1;
    }
}

/// The table, and the worst error of a time lag.
fn compare(page: &Scrape, truths: &[Truth]) -> (String, f64) {
    let read_at = page
        .value("last_sample_timestamp_seconds", &[])
        .expect("a cycle has ended");
    let mut table =
        "group: time lag true, published, error; production true, published\n".to_owned();
    let mut worst: f64 = 0.0;
    for truth in truths {
        let labels = [("group", truth.group.as_str()), ("topic", &truth.topic)];
        let published = |name: &str| {
            let value = page.value(name, &labels);
            value.unwrap_or_else(|| panic!("{}: no {name}\n{}", truth.group, page.text()))
        };
        let waits = truth.waits_since.map_or(0.0, |since| read_at - since);
        let time_lag = published("time_lag_seconds");
        let error = (time_lag - waits).abs() / waits.max(1.0);
        worst = worst.max(error);
        let recent = truth.made.iter().filter(|at| **at >= read_at - WINDOW);
        let produced = recent.count() as f64 / WINDOW;
        let rate = published("production_rate");
        table += &format!(
            "{}: {waits:.1} s, {time_lag:.1} s, {:.2} %; {produced:.2}/s, {rate:.2}/s\n",
            truth.group,
            100.0 * error
        );
        assert!(error <= ERROR_MAX, "{table}");
        let off = (rate - produced).abs();
        assert!(off <= RATE_ERROR_MAX * produced.max(1.0), "{table}");
    }
    (table, worst)
}
