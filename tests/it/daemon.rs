//! The daemon with scripted sources and paused time: ticks that would overlap, a bug in one cluster, one that never answers, and
//! settings that change.

mod bulkhead;
mod changed;
mod clocks;
mod door;
mod forgotten;
mod overrides;
mod past;
mod remembered;
mod script;

use std::time::Duration;

use lagslope::analysis::sample::{
    Commits, Cycle, GroupSample, Moment, PartitionSample, Past, Reading, Sample, TopicCommits,
    TopicSample,
};
use lagslope::config::Cluster;
use lagslope::daemon::{Source, Watches};
use tokio::time::sleep;

use crate::lagslope::Scrape;
use script::{Behaviour, Scripts, settings};

const TWO: &str = "sample_interval: 10s\nclusters: [{name: a, bootstrap_servers: [\"x:1\"]}, {name: b, bootstrap_servers: [\"x:1\"]}]\n";

/// What is on the page after `seconds`, when `b` behaves so and `a` always answers.
async fn page_after(seconds: u64, b: Behaviour) -> Scrape {
    let scripts = Scripts::new(&[("b", b)]);
    let watches = Watches::start(settings(TWO), scripts.source());
    sleep(Duration::from_secs(seconds)).await;
    Scrape::parse(&watches.board.text())
}

fn skipped(page: &Scrape, cluster: &str, reason: &str) -> Option<f64> {
    page.value(
        "samples_skipped_total",
        &[("kafka_cluster", cluster), ("reason", reason)],
    )
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_falls_into_a_running_cycle_is_skipped_and_counted() {
    // Ticks at 0, 10, 20 …; each reading takes 25 s: those at 10 and 20 are skipped, and so are 40 and 50.
    let page = page_after(56, Behaviour::Takes(Duration::from_secs(25))).await;
    assert_eq!(
        skipped(&page, "b", "overlap"),
        Some(2.0),
        "as of the second reading, which began at 30\n{}",
        page.text()
    );
    assert_eq!(skipped(&page, "a", "overlap"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_bug_in_one_cluster_is_counted_and_leaves_the_other_alone() {
    let page = page_after(95, Behaviour::Panics(3)).await;
    assert_eq!(skipped(&page, "b", "panic"), Some(3.0), "{}", page.text());
    assert_eq!(
        page.value("up", &[("kafka_cluster", "b")]),
        Some(1.0),
        "it started over"
    );
    assert_eq!(page.value("up", &[("kafka_cluster", "a")]), Some(1.0));
    assert_eq!(skipped(&page, "a", "panic"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_bug_in_every_cycle_is_tried_ever_more_seldom() {
    let scripts = Scripts::new(&[("b", Behaviour::Panics(usize::MAX))]);
    let _watches = Watches::start(settings(TWO), scripts.source());
    sleep(Duration::from_secs(200)).await;
    let tries: Vec<f64> = scripts.done("b").readings;
    let tries: Vec<u64> = tries.iter().map(|at| at.round() as u64).collect();
    assert_eq!(tries, [0, 10, 30, 70, 130, 190]);
    assert_eq!(scripts.done("a").readings.len(), 20, "and a doesn't notice");
}

#[tokio::test(start_paused = true)]
async fn requests_to_kafka_are_counted_on_after_a_bug() {
    // Readings at 0, 10, 20 are one life; that at 30 panics, the next is at 40.
    let page = page_after(45, Behaviour::PanicsAt(3)).await;
    let of_b = [("kafka_cluster", "b"), ("api", "ListGroups")];
    assert_eq!(page.value("kafka_requests_total", &of_b), Some(4.0));
}

#[tokio::test(start_paused = true)]
async fn what_a_wedged_cluster_said_is_taken_down() {
    let page = page_after(35, Behaviour::Hangs(2)).await;
    assert_eq!(
        page.value("up", &[("kafka_cluster", "b")]),
        Some(1.0),
        "its last word, 40 s old at most, is still up:\n{}",
        page.text()
    );
    let page = page_after(60, Behaviour::Hangs(2)).await;
    assert_eq!(
        page.value("up", &[("kafka_cluster", "b")]),
        None,
        "{}",
        page.text()
    );
    assert_eq!(page.value("up", &[("kafka_cluster", "a")]), Some(1.0));
}

/// One cluster with one group that has lagged for ten minutes, and a log that says so.
struct Lagging;

impl Source for Lagging {
    async fn sample(&mut self, now: Moment) -> Sample {
        let at = now.time;
        let reading = |seconds: f64, offset| Reading {
            offset,
            at: at - seconds,
        };
        let log_end = Some(reading(0.0, 100_000));
        let points = [(900.0, 10_000), (600.0, 40_000), (120.0, 76_000)];
        Sample {
            began: at,
            at,
            topics: vec![TopicSample {
                name: "orders".into(),
                id: Some(1),
                retention: None,
                message_bytes: Default::default(),
                partitions: vec![PartitionSample {
                    log_start: None,
                    log_end,
                }],
            }],
            groups: vec![GroupSample {
                name: "payments".into(),
                state: None,
                kind: None,
                members: None,
                generation: None,
                commits: Some(Commits {
                    at,
                    topics: vec![TopicCommits {
                        topic: 0,
                        partitions: vec![(0, 40_000)],
                        edges: None,
                    }],
                }),
            }],
            pasts: vec![Past {
                topic: 0,
                partition: 0,
                points: points
                    .map(|(seconds, offset)| reading(seconds, offset))
                    .to_vec(),
            }],
            cycle: Cycle {
                up: true,
                ..Cycle::default()
            },
        }
    }

    fn reconfigure(&mut self, _: &Cluster) {}
}

#[tokio::test(start_paused = true)]
async fn the_first_page_says_what_the_past_tells_and_nothing_of_departures() {
    let watches = Watches::start(settings(TWO), |_: &Cluster| Lagging);
    sleep(Duration::from_secs(2)).await;
    let page = Scrape::parse(&watches.board.text());
    let value = |name: &str| page.value(name, &[("kafka_cluster", "a"), ("group", "payments")]);
    // A curve keeps its times to the millisecond.
    for (name, expected) in [("time_lag_seconds", 600.0), ("production_rate", 200.0)] {
        let is_right = value(name).is_some_and(|value| (value - expected).abs() < 0.01);
        assert!(is_right, "{name} is not {expected}:\n{}", page.text());
    }
    assert_eq!(value("consumption_rate"), None, "{}", page.text());
    assert_eq!(page.all("lag_slope", &[]).count(), 0, "{}", page.text());
}

#[tokio::test(start_paused = true)]
async fn an_explosion_of_groups_in_one_cluster_leaves_the_other_its_series() {
    let scripts = Scripts::new(&[("b", Behaviour::Crowded(10_000))]);
    let small = format!("{TWO}metrics: {{max_series: 500}}\n");
    let watches = Watches::start(settings(&small), scripts.source());
    sleep(Duration::from_secs(25)).await;
    let page = Scrape::parse(&watches.board.text());
    let of_a = [("kafka_cluster", "a"), ("group", "pay")];
    assert_eq!(
        page.value("lag_messages", &of_a),
        Some(500.0),
        "{}",
        page.text()
    );
    let dropped = |cluster| {
        page.value(
            "series_dropped",
            &[("kafka_cluster", cluster), ("reason", "groups")],
        )
    };
    assert_eq!(dropped("a"), Some(0.0));
    // Two series a group; the cluster's own and those of `a` have taken theirs.
    let dropped = dropped("b").expect("it is counted");
    assert!(dropped > 2.0 * 10_000.0 - 500.0, "{dropped}");
    let lines = page.text().lines().filter(|line| !line.starts_with('#'));
    assert!(lines.count() <= 500);
}
