//! The text of `/metrics`: every family, the escaping that the prometheus crate's own encoder does, and absence for the unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use lagslope::analysis::report::{Report, RetryReport};
use lagslope::expose::board::Board;
use lagslope::expose::families::FAMILIES;
use lagslope::expose::metrics::{Facts, Granularity, render};
use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};
use proptest::prelude::*;

use super::{FOR_EVER, Server, full_report};

fn facts() -> Facts {
    Facts {
        last_sample_at: Some(1_700_000_000.5),
        samples_skipped: vec![("overlap", 0)],
    }
}

/// Publishes a full report of each of the first clusters.
fn publish_full(server: &Server, clusters: &[&str], granularity: Granularity) {
    for cluster in clusters {
        let fragment = render(cluster, &full_report("billing"), &facts(), granularity);
        server.board.place(cluster).post(fragment, FOR_EVER);
    }
    server.board.publish();
}

async fn scrape(server: &Server) -> String {
    reqwest::get(server.url("/metrics"))
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text")
}

#[tokio::test]
async fn a_full_report_fills_every_family() {
    let server = Server::start(&["prod"]).await;
    publish_full(&server, &["prod"], Granularity::Partition);
    let text = scrape(&server).await;
    for family in FAMILIES {
        assert!(
            text.contains(&format!("\n{}{{kafka_cluster=\"prod\"", family.name)),
            "no sample of {} in\n{text}",
            family.name
        );
    }
    let line = "lagslope_lag_slope_lower{kafka_cluster=\"prod\",group=\"billing\",topic=\"orders\",window=\"trend\"} 450.5\n";
    assert!(text.contains(line), "{text}");
    assert!(
        text.contains("lagslope_build_info{revision=\"test\",version=\"0.0.0\"} 1\n"),
        "{text}"
    );
    assert!(text.contains("process_resident_memory_bytes"), "{text}");
}

#[tokio::test]
async fn each_family_stands_once_whatever_the_clusters() {
    let server = Server::start(&["a", "b"]).await;
    publish_full(&server, &["a", "b"], Granularity::Topic);
    let text = scrape(&server).await;
    let mut seen = BTreeMap::new();
    text.lines()
        .filter(|line| line.starts_with("# TYPE "))
        .for_each(|line| *seen.entry(line).or_insert(0) += 1);
    assert!(seen.values().all(|count| *count == 1), "{seen:?}");
    assert!(
        !text.contains("lagslope_partition_lag_messages"),
        "topic granularity publishes no partitions:\n{text}"
    );
    let series: BTreeSet<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').expect("a value").0)
        .collect();
    assert_eq!(
        series.len(),
        text.lines().filter(|line| !line.starts_with('#')).count(),
        "a series stands twice"
    );
}

#[tokio::test]
async fn what_is_unknown_is_absent() {
    let server = Server::start(&["prod"]).await;
    let mut report = full_report("billing");
    let topic = &mut report.groups[0].topics[0];
    (
        topic.lag_messages,
        topic.time_lag_seconds,
        topic.lag_growth.severity,
        topic.rate_slope,
    ) = (None, None, None, None);
    topic.ceilings.clear();
    topic.ceiling.severity = None;
    topic.divergence.severity = None;
    topic.retry_storm = RetryReport::default();
    report.groups[0].members = None;
    server.board.place("prod").post(
        render("prod", &report, &Facts::default(), Granularity::Topic),
        FOR_EVER,
    );
    server.board.publish();
    let text = scrape(&server).await;
    for name in [
        "lag_messages",
        "time_lag_seconds",
        "signal",
        "ceiling_eta_seconds",
        "group_members",
        "last_sample_timestamp_seconds",
    ] {
        assert!(
            !text.contains(&format!("lagslope_{name}{{")),
            "{name} in\n{text}"
        );
    }
    assert!(!text.contains("NaN") && !text.contains(" -1\n"), "{text}");
}

#[tokio::test]
async fn gzip_holds_the_same_text() {
    let server = Server::start(&["prod"]).await;
    publish_full(&server, &["prod"], Granularity::Topic);
    let request = reqwest::Client::new()
        .get(server.url("/metrics"))
        .header("Accept-Encoding", "br;q=1.0, gzip;q=0.8");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let body = answer.bytes().await.expect("a body");
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&body[..])
        .read_to_string(&mut unpacked)
        .expect("one gzip member");
    let reported = |text: &str| {
        text.split("# HELP lagslope_build_info")
            .next()
            .map(str::to_owned)
    };
    assert_eq!(reported(&unpacked), reported(&scrape(&server).await));
    let plain = reqwest::Client::new()
        .get(server.url("/metrics"))
        .header("Accept-Encoding", "gzip;q=0");
    assert!(
        plain
            .send()
            .await
            .expect("an answer")
            .headers()
            .get("content-encoding")
            .is_none()
    );
}

#[tokio::test]
async fn ready_names_the_clusters_that_are_awaited() {
    let server = Server::start(&["a", "b"]).await;
    server.board.place("a").post(
        render("a", &full_report("billing"), &facts(), Granularity::Topic),
        FOR_EVER,
    );
    server.board.publish();
    let answer = reqwest::get(server.url("/-/ready"))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 503);
    assert_eq!(
        answer.text().await.expect("text"),
        "waiting for the first report of: b\n"
    );
    server.board.place("b").post(
        render("b", &full_report("billing"), &facts(), Granularity::Topic),
        FOR_EVER,
    );
    server.board.publish();
    assert_eq!(
        reqwest::get(server.url("/-/ready"))
            .await
            .expect("an answer")
            .status(),
        200
    );
    assert_eq!(
        reqwest::get(server.url("/-/healthy"))
            .await
            .expect("an answer")
            .status(),
        200
    );
}

/// The sample lines of `lagslope_group_sample_age_seconds`, as our page has them.
fn ours(group: &str, value: f64) -> String {
    let mut report: Report = full_report(group);
    report.groups[0].sample_age_seconds = Some(value);
    let board = Board::new(["c".to_owned()]);
    board.place("c").post(
        render("c", &report, &Facts::default(), Granularity::Topic),
        FOR_EVER,
    );
    board.publish();
    lines(&board.text(), "lagslope_group_sample_age_seconds{")
}

/// The same by the prometheus crate's encoder.
fn oracle(group: &str, value: f64) -> String {
    let gauge = GaugeVec::new(
        Opts::new("lagslope_group_sample_age_seconds", "h"),
        &["group", "kafka_cluster"],
    )
    .expect("valid");
    gauge.with_label_values(&[group, "c"]).set(value);
    let registry = Registry::new();
    registry.register(Box::new(gauge)).expect("once");
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&registry.gather(), &mut text)
        .expect("encodes");
    let line = lines(
        &String::from_utf8(text).expect("text"),
        "lagslope_group_sample_age_seconds{",
    );
    // The encoder sorts labels by name; ours begin with the cluster.
    let rest = line
        .strip_prefix("lagslope_group_sample_age_seconds{group=")
        .expect("its first label");
    let (group, value) = rest
        .rsplit_once(",kafka_cluster=\"c\"}")
        .expect("its second label");
    format!("lagslope_group_sample_age_seconds{{kafka_cluster=\"c\",group={group}}}{value}")
}

fn lines(text: &str, start: &str) -> String {
    text.split_inclusive('\n')
        .filter(|line| line.starts_with(start))
        .collect()
}

proptest! {
    #[test]
    fn escaping_and_floats_are_the_prometheus_crates(group in "[ -~\\n\\\\\"\u{e9}\u{1f980}]{1,20}", value in 0.0..1e18_f64) {
        prop_assert_eq!(ours(&group, value), oracle(&group, value));
    }
}
