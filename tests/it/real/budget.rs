//! What a cycle costs Kafka: at most five requests per cycle and broker, and not one more when there are more groups.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::sleep;

use super::config;
use super::proxy::{CountingProxy, Request};
use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version, unique};
use crate::lagslope::{Lagslope, Scrape};
use crate::processes::free_port;

/// The promise.
const REQUESTS_PER_CYCLE: usize = 5;

/// Sampled every second, the requests of a cycle come within a few milliseconds; a pause of this length ends a cycle.
const PAUSE: Duration = Duration::from_millis(400);

/// Long enough for every seldom question to come up: metadata each minute is the rarest that must be seen.
const WATCHED: Duration = Duration::from_secs(75);

#[tokio::test(flavor = "multi_thread")]
async fn at_most_five_requests_a_cycle_whatever_the_number_of_groups() {
    let port = free_port();
    let listen = SocketAddr::from(([127, 0, 0, 1], port));
    let kafka = Kafka::start(
        Version::Kafka4,
        1,
        &[("advertised.listeners", &format!("PLAINTEXT://{listen}"))],
    );
    let proxy = CountingProxy::start(
        listen,
        kafka.address(1).parse().expect("an address"),
        "lagslope",
    )
    .await;
    let topic = unique("orders");
    kafka.create_topic(&topic, 4, 1);
    kafka.produce(&topic, 0, 10);
    let mut seen = String::new();
    let mut usual = Vec::new();
    for groups in [10, 300] {
        commit_groups(&kafka, &topic, groups);
        let before = proxy.requests().len();
        let lagslope = Lagslope::start(&config(&listen.to_string())).await;
        let published = |scrape: &Scrape| scrape.all("lag_messages", &[]).count() == groups;
        lagslope
            .wait_for("all groups", Duration::from_secs(20), published)
            .await;
        sleep(WATCHED).await;
        let scrape = lagslope.scrape().await;
        let requests = proxy.requests().split_off(before);
        drop(lagslope);
        let cycles = cycles(&requests);
        let most = cycles.iter().map(Vec::len).max().expect("some cycles");
        let counts: Vec<usize> = cycles.iter().map(Vec::len).collect();
        writeln!(
            seen,
            "{groups} groups: {} cycles, requests in each: {counts:?}",
            cycles.len()
        )
        .expect("into memory");
        writeln!(seen, "  by API key, on the wire: {:?}", by_api(&requests)).expect("into memory");
        writeln!(
            seen,
            "  by the daemon's own metric:\n{}",
            own_counts(&scrape)
        )
        .expect("into memory");
        assert!(most <= REQUESTS_PER_CYCLE, "{seen}");
        assert!(
            (scrape.sum("kafka_requests_total", &[]) - requests.len() as f64).abs() <= 5.0,
            "the daemon miscounts:\n{seen}"
        );
        usual.push(median(counts));
    }
    assert_eq!(
        usual[0], usual[1],
        "the number grows with the groups:\n{seen}"
    );
    let evidence = Evidence::new("request-budget", "What a cycle costs Kafka");
    evidence.entry(
        "300 groups on a real broker: at most five requests a cycle and broker, not growing with groups",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it real::budget",
        &seen,
    );
}

fn commit_groups(kafka: &Kafka, topic: &str, groups: usize) {
    for group in 0..groups {
        kafka.commit(&format!("group-{group}"), topic, &[(0, 4), (1, 0)]);
    }
}

/// Requests with pauses between them, the last and perhaps unfinished cycle left out.
fn cycles(requests: &[Request]) -> Vec<Vec<Request>> {
    let mut cycles: Vec<Vec<Request>> = Vec::new();
    for request in requests {
        match cycles.last_mut() {
            Some(cycle) if request.at - cycle[cycle.len() - 1].at < PAUSE => cycle.push(*request),
            _ => cycles.push(vec![*request]),
        }
    }
    cycles.pop();
    cycles
}

fn by_api(requests: &[Request]) -> BTreeMap<i16, usize> {
    let mut counts = BTreeMap::new();
    requests
        .iter()
        .for_each(|request| *counts.entry(request.api_key).or_default() += 1);
    counts
}

fn own_counts(scrape: &Scrape) -> String {
    scrape
        .all("kafka_requests_total", &[])
        .map(|(series, value)| format!("    {series} {value}\n"))
        .collect()
}

fn median(mut counts: Vec<usize>) -> usize {
    counts.sort_unstable();
    counts[counts.len() / 2]
}
