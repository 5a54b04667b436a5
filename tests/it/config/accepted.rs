//! What is accepted, and what it comes to.

use std::time::Duration;

use lagslope::config::{self, Start};
use lagslope::expose::metrics::Granularity;
use lagslope::kafka::{IsolationLevel, Limits};
use proptest::prelude::*;

use super::{LEAST, load, pairs};

#[test]
fn the_least_gets_the_defaults() {
    let settings = load(LEAST, &[]).unwrap();
    assert_eq!(settings.sample_interval, Duration::from_secs(10));
    assert_eq!(settings.max_age(), Duration::from_secs(30));
    assert_eq!(*settings.analysis, lagslope::analysis::Settings::new(10.0));
    assert_eq!(settings.metrics.granularity, Granularity::Topic);
    let kafka = &settings.clusters[0].kafka;
    assert_eq!(
        (settings.clusters[0].name.as_str(), kafka.name.as_str()),
        ("prod", "prod")
    );
    assert_eq!(kafka.bootstrap_servers, ["kafka-1:9092"]);
    assert_eq!(kafka.isolation_level, IsolationLevel::ReadUncommitted);
    assert!(kafka.groups.passes("any") && kafka.topics.passes("any"));
}

#[test]
fn bounds_are_each_clusters_own_and_the_pages() {
    let text = "clusters:\n  - {name: a, bootstrap_servers: [x:1], max_groups: 7}\n  - {name: b, bootstrap_servers: [x:1], max_partitions: 9}\nmetrics: {max_series: 5000}\n";
    let settings = load(text, &[]).unwrap();
    let default = Limits::default();
    let limits: Vec<_> = settings.clusters.iter().map(|c| c.kafka.limits).collect();
    assert_eq!(
        (limits[0].max_groups, limits[0].max_partitions),
        (7, default.max_partitions)
    );
    assert_eq!(
        (limits[1].max_groups, limits[1].max_partitions),
        (default.max_groups, 9)
    );
    assert_eq!(settings.metrics.max_series, 5_000);
    assert_eq!(load(LEAST, &[]).unwrap().metrics.max_series, 200_000);
}

#[test]
fn text_stays_as_it_was_written() {
    for (written, name) in [
        ("007", "007"),
        ("1e3", "1e3"),
        ("yes", "yes"),
        ("'null'", "null"),
        ("ü~ \"x", "ü~ \"x"),
    ] {
        let text = format!("clusters:\n  - name: {written}\n    bootstrap_servers: [a:1]\n");
        assert_eq!(load(text, &[]).unwrap().clusters[0].name, name);
    }
}

#[test]
fn a_key_without_a_value_is_as_good_as_absent() {
    load(
        format!("sample_interval:\nsignals: ~\nceilings: null\n{LEAST}"),
        &[],
    )
    .unwrap();
}

#[test]
fn every_form_of_address_is_taken() {
    for address in ["kafka:1", "10.0.0.1:65535", "'[::1]:9092'", "a_b.c-d:9092"] {
        load(
            format!("clusters: [{{name: a, bootstrap_servers: [{address}]}}]"),
            &[],
        )
        .unwrap();
    }
}

#[test]
fn the_first_ceiling_that_matches_wins_and_names_match_whole() {
    let rules = "ceilings:\n\
        - {group: pay, topic: '.*', lag_messages: 5}\n\
        - {group: 'pay.*', topic: 'orders|bills', delay: 5m}\n";
    let settings = load(format!("{rules}{LEAST}"), &[]).unwrap();
    let of = |group, topic| {
        let ceilings = settings.ceilings_of(group, topic);
        (ceilings.lag_messages, ceilings.delay_seconds)
    };
    assert_eq!(of("pay", "orders"), (Some(5.0), None));
    assert_eq!(of("payments", "orders"), (None, Some(300.0)));
    assert_eq!(of("payments", "orders-2"), (None, None));
    assert_eq!(of("xpay", "orders"), (None, None));
}

#[test]
fn thresholds_reach_the_analysis() {
    let signals = "signals: {rate_window: 5m, lag_growth: {hold: 1m, flat_kendall: 0, rules: [{rise: 1s}, {}, {}]}}\n";
    let analysis = load(format!("{signals}{LEAST}"), &[]).unwrap().analysis;
    let mut expected = lagslope::analysis::Settings::new(10.0);
    expected.rate_window_seconds = 300.0;
    expected.lag_growth.hold_seconds = 60.0;
    expected.lag_growth.flat_kendall = 0;
    expected.lag_growth.rules[0].rise_seconds = 1.0;
    expected.lag_growth_strict = expected.lag_growth.strict();
    assert_eq!(*analysis, expected);
}

#[test]
fn the_environment_goes_over_the_file() {
    let settings = load(
        LEAST,
        &[
            "LAGSLOPE__CLUSTERS__0__NAME=007",
            "LAGSLOPE__CLUSTERS__0__BOOTSTRAP_SERVERS__1=b:2",
            "LAGSLOPE__CLUSTERS__0__KAFKA__SECURITY_PROTOCOL=PLAINTEXT",
            "LAGSLOPE__CLUSTERS__1__NAME=second",
            "LAGSLOPE__CLUSTERS__1__BOOTSTRAP_SERVERS__0=c:3",
            "LAGSLOPE__SAMPLE_INTERVAL=15s",
            "LAGSLOPE_COMMIT=not a setting",
            "PATH=/bin",
        ],
    )
    .unwrap();
    let names: Vec<&str> = settings
        .clusters
        .iter()
        .map(|cluster| cluster.name.as_str())
        .collect();
    assert_eq!(names, ["007", "second"]);
    assert_eq!(
        settings.clusters[0].kafka.bootstrap_servers,
        ["kafka-1:9092", "b:2"]
    );
    assert_eq!(settings.max_age(), Duration::from_secs(45));
}

#[test]
fn list_entries_from_the_environment_are_taken_by_number() {
    let variables: Vec<String> = (0..12)
        .rev()
        .map(|i| format!("LAGSLOPE__CLUSTERS__0__BOOTSTRAP_SERVERS__{i}=h{i}:1"))
        .collect();
    let variables: Vec<&str> = variables.iter().map(String::as_str).collect();
    let settings = load("clusters: [{name: a}]", &variables).unwrap();
    assert_eq!(settings.clusters[0].kafka.bootstrap_servers[11], "h11:1");
}

#[test]
fn addresses_alone_are_enough() {
    let start = Start::BootstrapServers(
        "--bootstrap.servers",
        vec!["a:1".to_owned(), " b:2".to_owned()],
    );
    let settings = config::load(&start, &pairs(&["LAGSLOPE__CLUSTERS__0__NAME=prod"])).unwrap();
    assert_eq!(settings.clusters[0].name, "prod");
    assert_eq!(settings.clusters[0].kafka.bootstrap_servers, ["a:1", "b:2"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_makes_it_panic(text in "[a-c0-1:{}\\[\\]\\-\\?,&*!|>'\"%#~ \n\t]{0,60}", any in ".{0,40}") {
        let _ = load(&text, &[]);
        let _ = load(&any, &[]);
        let _ = load(format!("clusters:\n  - {text}"), &[]);
        let _ = load(LEAST, &[format!("LAGSLOPE__{any}=1").as_str()]);
    }
}
