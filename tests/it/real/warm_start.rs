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

/// One message more or less in the window, for the moment at which it is read is not ours to say.
const RATE_ERROR_MAX: f64 = 0.03;

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

/// Records at a rate that depends on their age, as a Poisson-free and so repeatable process: one whenever the integral passes a whole number.
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

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_has_the_time_lag_of_every_group_and_the_production_rate() {
    let kafka = shared(Version::Kafka4);
    let began = now();
    let mut written = Vec::new();
    for traffic in traffic() {
        let topic = unique(traffic.name);
        kafka.create_topic(&topic, 1, 1);
        let times: Vec<f64> = traffic.ages.iter().map(|age| began - age).collect();
        let millis: Vec<i64> = times.iter().map(|at| (at * 1000.0) as i64).collect();
        kafka.produce_at(&topic, 0, &millis);
        for share in traffic.read {
            let commit = (share * times.len() as f64) as usize;
            let group = format!("{topic}-read-{share}");
            kafka.commit(&group, &topic, &[(0, commit as i64)]);
            let waits_since = times.get(commit).copied();
            written.push((group, topic.clone(), waits_since, times.clone()));
        }
    }
    let lagslope = Lagslope::start(&sampled_once(kafka)).await;
    let first = |scrape: &Scrape| scrape.all("lag_messages", &[]).next().is_some();
    let page = lagslope
        .wait_for("the first page", FIRST_PAGE_WITHIN, first)
        .await;
    let read_at = page
        .value("last_sample_timestamp_seconds", &[])
        .expect("a cycle has ended");
    let mut table =
        "group: time lag true, published, error; production true, published\n".to_owned();
    let mut worst: f64 = 0.0;
    for (group, topic, waits_since, times) in &written {
        let labels = [("group", group.as_str()), ("topic", topic)];
        let truth = waits_since.map_or(0.0, |since| read_at - since);
        let lag = page.value("time_lag_seconds", &labels);
        let lag = lag
            .unwrap_or_else(|| panic!("{group}: no time lag\n{}\n{}", page.text(), lagslope.log()));
        let error = (lag - truth).abs() / truth.max(1.0);
        worst = worst.max(error);
        let since = read_at - 120.0;
        let produced = times.iter().filter(|at| **at >= since).count() as f64 / 120.0;
        let rate = page
            .value("production_rate", &labels)
            .expect("a production rate");
        table += &format!(
            "{group}: {truth:.1} s, {lag:.1} s, {:.2} %; {produced:.2}/s, {rate:.2}/s\n",
            100.0 * error
        );
        assert!(error <= ERROR_MAX, "{table}");
        assert!(
            (rate - produced).abs() <= RATE_ERROR_MAX * produced.max(1.0),
            "{table}"
        );
    }
    Evidence::new("warm-start", "The first page after a start").entry(
        "First scrape after a start on a cluster with an hour of traffic: time lag within 5 % of the truth for all groups",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it real::warm_start",
        &format!("{table}worst error of a time lag: {:.2} %", 100.0 * worst),
    );
}
