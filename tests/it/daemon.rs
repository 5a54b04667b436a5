//! The daemon with scripted sources and paused time: ticks that would overlap, a bug in one cluster, one that never answers, and
//! settings that change.

mod bulkhead;
mod changed;
mod door;
mod script;

use std::time::Duration;

use lagslope::daemon::Watches;
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
