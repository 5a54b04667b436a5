//! The daemon with scripted sources and paused time: ticks that would overlap, a bug in one cluster, one that never answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lagslope::analysis::sample::{Cycle, GroupSample, Sample, Time};
use lagslope::config::{self, Cluster, Settings, Start};
use lagslope::daemon::{Source, Watches};
use tokio::time::sleep;

use crate::lagslope::{Scrape, config_file};

/// What a cluster does in each of its cycles.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Behaviour {
    Answers,
    /// Each reading takes this long.
    Takes(Duration),
    /// The first readings panic, this many of them.
    Panics(u32),
    /// Answers this many readings, then none any more.
    Hangs(u32),
    /// Answers with so many groups.
    Crowded(usize),
}

struct Script {
    behaviour: Behaviour,
    readings: Arc<AtomicU32>,
}

impl Source for Script {
    async fn sample(&mut self, at: Time) -> Sample {
        let reading = self.readings.fetch_add(1, Ordering::Relaxed);
        match self.behaviour {
            Behaviour::Takes(time) => sleep(time).await,
            Behaviour::Panics(times) => assert!(reading >= times, "a bug"),
            Behaviour::Hangs(after) if reading >= after => std::future::pending().await,
            Behaviour::Answers | Behaviour::Hangs(_) | Behaviour::Crowded(_) => {}
        }
        let groups = match self.behaviour {
            Behaviour::Crowded(groups) => groups,
            _ => 1,
        };
        Sample {
            at,
            groups: (0..groups).map(group).collect(),
            cycle: Cycle {
                up: true,
                ..Cycle::default()
            },
            ..Sample::default()
        }
    }
}

fn group(number: usize) -> GroupSample {
    GroupSample {
        name: format!("g{number}").into(),
        state: Some("Stable".into()),
        kind: None,
        members: Some(1),
        commits: None,
    }
}

/// Clusters `a` and `b`, sampled every 10 s, on a page of 500 series.
fn settings() -> Arc<Settings> {
    let text = "sample_interval: 10s\nmetrics: {max_series: 500}\nclusters: [{name: a, bootstrap_servers: [\"x:1\"]}, {name: b, bootstrap_servers: [\"x:1\"]}]\n";
    let file = config_file(text);
    Arc::new(config::load(&Start::File(file.path().to_owned()), &[]).expect("a good configuration"))
}

/// What is on the page after `seconds`, when `b` behaves so and `a` always answers.
async fn page_after(seconds: u64, b: Behaviour) -> Scrape {
    let readings = Arc::new(AtomicU32::new(0));
    let source = move |cluster: &Cluster| match cluster.name.as_str() {
        "a" => Script {
            behaviour: Behaviour::Answers,
            readings: Arc::default(),
        },
        _ => Script {
            behaviour: b,
            readings: Arc::clone(&readings),
        },
    };
    let watches = Watches::start(&settings(), source);
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

#[tokio::test(start_paused = true)]
async fn an_explosion_of_groups_in_one_cluster_leaves_the_other_its_series() {
    let page = page_after(25, Behaviour::Crowded(10_000)).await;
    let of_a = [("kafka_cluster", "a"), ("group", "g0")];
    assert_eq!(
        page.value("group_members", &of_a),
        Some(1.0),
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
