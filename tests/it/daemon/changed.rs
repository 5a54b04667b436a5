//! Settings that change while the daemon runs: whoever isn't meant doesn't notice, and history stays.

use std::time::Duration;

use lagslope::daemon::Watches;
use tokio::time::sleep;

use super::script::{Behaviour, Script, Scripts, settings};
use super::{TWO, skipped};
use crate::lagslope::Scrape;

pub(super) async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

pub(super) fn page(watches: &Watches<Script>) -> Scrape {
    Scrape::parse(&watches.board.text())
}

/// Each tick of a cluster, in seconds since the beginning.
pub(super) fn ticks(scripts: &Scripts, cluster: &str) -> Vec<u64> {
    let readings = scripts.done(cluster).readings.into_iter();
    readings.map(|at| at.round() as u64).collect()
}

/// `TWO` with more about `b`.
fn with_b(more: &str) -> String {
    TWO.replace("{name: b,", &format!("{{name: b, {more},"))
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_not_meant_does_not_notice() {
    let scripts = Scripts::new(&[]);
    let mut watches = Watches::start(settings(TWO), scripts.source());
    seconds(25).await;
    let changed = with_b("request_timeout: 2s").replace(
        "clusters: [",
        "clusters: [{name: c, bootstrap_servers: [\"x:1\"]}, ",
    );
    let changes = watches.change(settings(&changed)).await;
    assert_eq!(
        (changes.added, changes.removed, changes.changed),
        (vec!["c".to_owned()], vec![], vec!["b".to_owned()])
    );
    seconds(31).await;
    assert_eq!(ticks(&scripts, "a"), [0, 10, 20, 30, 40, 50]);
    assert_eq!(ticks(&scripts, "b"), [0, 10, 20, 30, 40, 50]);
    assert_eq!(ticks(&scripts, "c"), [25, 35, 45, 55], "it starts at once");
    let (a, b) = (scripts.done("a"), scripts.done("b"));
    assert_eq!((a.made, a.reconfigured), (1, 0));
    assert_eq!((b.made, b.reconfigured), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_same_settings_again_are_no_change() {
    let scripts = Scripts::new(&[]);
    let mut watches = Watches::start(settings(TWO), scripts.source());
    let changes = watches.change(settings(TWO)).await;
    assert!(changes.changed.is_empty() && changes.added.is_empty() && changes.removed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_removed_is_off_the_page_at_once_and_its_task_ends() {
    let scripts = Scripts::new(&[("b", Behaviour::Takes(Duration::from_secs(2)))]);
    let mut watches = Watches::start(settings(TWO), scripts.source());
    seconds(21).await;
    assert!(page(&watches).text().contains("kafka_cluster=\"b\""));
    let alone = "clusters: [{name: a, bootstrap_servers: [\"x:1\"]}]";
    let changes = watches.change(settings(alone)).await;
    assert_eq!(changes.removed, ["b"]);
    assert!(
        !page(&watches).text().contains("kafka_cluster=\"b\""),
        "{}",
        page(&watches).text()
    );
    seconds(60).await;
    assert_eq!(
        ticks(&scripts, "b"),
        [0, 10, 20],
        "in the middle of a reading"
    );
    assert!(!page(&watches).text().contains("kafka_cluster=\"b\""));
    assert_eq!(ticks(&scripts, "a").len(), 9);
    // It may come back, as one that was never there.
    watches.change(settings(TWO)).await;
    seconds(5).await;
    assert_eq!(
        page(&watches).value("kafka_requests_total", &[("kafka_cluster", "b")]),
        Some(1.0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_added_makes_a_ready_daemon_no_less_ready() {
    let scripts = Scripts::new(&[("b", Behaviour::Hangs(0))]);
    let alone = "clusters: [{name: a, bootstrap_servers: [\"x:1\"]}]";
    let mut watches = Watches::start(settings(alone), scripts.source());
    assert!(!watches.board.was_ready());
    seconds(5).await;
    assert!(watches.board.was_ready());
    watches.change(settings(TWO)).await;
    seconds(50).await;
    assert!(watches.board.was_ready());
    assert_eq!(
        watches.board.unheard_of(),
        ["b"],
        "it is awaited all the same"
    );
}

#[tokio::test(start_paused = true)]
async fn before_it_was_ready_an_added_cluster_is_awaited_and_a_removed_one_is_not() {
    // The change waits for a thread that writes the page: an answer of no time at all might be there before it returns.
    let takes = Behaviour::Takes(Duration::from_secs(1));
    let scripts = Scripts::new(&[("b", Behaviour::Hangs(0)), ("c", takes)]);
    let mut watches = Watches::start(settings(TWO), scripts.source());
    seconds(5).await;
    assert!(!watches.board.was_ready());
    let other = TWO.replace("{name: b,", "{name: c,");
    watches.change(settings(&other)).await;
    assert!(!watches.board.was_ready());
    seconds(5).await;
    assert!(watches.board.was_ready());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_changed_keeps_its_history_and_its_counts() {
    let scripts = Scripts::new(&[]);
    let mut watches = Watches::start(settings(TWO), scripts.source());
    seconds(65).await;
    let before = page(&watches);
    let of_b = [("kafka_cluster", "b")];
    assert_eq!(before.value("production_rate", &of_b), Some(100.0));
    watches
        .change(settings(&with_b("groups: {exclude: [x]}")))
        .await;
    seconds(10).await;
    let after = page(&watches);
    assert_eq!(after.value("production_rate", &of_b), Some(100.0));
    assert_eq!(after.value("kafka_requests_total", &of_b), Some(8.0));

    let redefined = with_b("groups: {exclude: [x]}, isolation_level: read_committed");
    watches.change(settings(&redefined)).await;
    seconds(10).await;
    let of_group = [("kafka_cluster", "b"), ("group", "pay")];
    let anew = page(&watches);
    assert_eq!(anew.value("lag_messages", &of_group), Some(500.0));
    assert_eq!(
        anew.value("time_lag_seconds", &of_group),
        None,
        "a new curve"
    );
    assert_eq!(anew.value("kafka_requests_total", &of_b), Some(9.0));
    assert_eq!(anew.sum("resets_total", &of_b), 0.0);
}

#[tokio::test(start_paused = true)]
async fn ceilings_and_granularity_hold_from_the_next_cycle_on() {
    let scripts = Scripts::new(&[]);
    let mut watches = Watches::start(settings(TWO), scripts.source());
    seconds(65).await;
    let ceilings = "ceilings: [{group: pay, topic: '.*', lag_messages: 1000}]\n";
    let finer = "metrics: {granularity: partition}\n";
    watches
        .change(settings(&format!("{TWO}{ceilings}{finer}")))
        .await;
    seconds(10).await;
    let after = page(&watches);
    for cluster in ["a", "b"] {
        let of = [("kafka_cluster", cluster)];
        assert_eq!(after.value("ceiling_utilization_ratio", &of), Some(0.5));
        assert_eq!(after.value("partition_lag_messages", &of), Some(500.0));
        assert_eq!(after.value("production_rate", &of), Some(100.0));
        assert_eq!(skipped(&after, cluster, "overlap"), Some(0.0));
        assert_eq!(scripts.done(cluster).reconfigured, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shorter_interval_brings_the_tick_forward_and_a_longer_one_begins_with_the_next() {
    let scripts = Scripts::new(&[]);
    let every = |interval: &str| settings(&TWO.replace("10s", interval));
    let mut watches = Watches::start(every("600s"), scripts.source());
    seconds(35).await;
    watches.change(every("10s")).await;
    seconds(21).await;
    assert_eq!(ticks(&scripts, "a"), [0, 35, 45, 55]);
    watches.change(every("60s")).await;
    seconds(80).await;
    assert_eq!(ticks(&scripts, "a"), [0, 35, 45, 55, 65, 125]);
    watches.change(every("50s")).await;
    seconds(200).await;
    assert_eq!(ticks(&scripts, "a")[6..], [175, 225, 275, 325]);
    assert_eq!(skipped(&page(&watches), "a", "overlap"), Some(0.0));
    assert_eq!(
        page(&watches).value("up", &[("kafka_cluster", "a")]),
        Some(1.0)
    );
}
