//! What a cycle costs Kafka when commits are asked for: at most five requests per cycle and broker, and not one more when there are more groups. The first cycle
//! after a start asks for the past as well.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::sleep;

use super::config_with_offsets;
use super::proxy::{CountingProxy, Request};
use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version, unique};
use crate::lagslope::{Lagslope, Scrape};
use crate::processes::free_port;

/// The promise.
const REQUESTS_PER_CYCLE: usize = 5;

/// What the first cycle may ask besides, for a single batch of partitions: newest records, thirteen instants, the log's
/// beginning and eight guesses.
const REQUESTS_FOR_THE_PAST: usize = 23;

/// Sampled every second, the requests of a cycle come within a few milliseconds; a pause of this length ends a cycle.
const PAUSE: Duration = Duration::from_millis(400);

/// Long enough for every seldom question to come up: metadata each minute is the rarest that must be seen.
const WATCHED: Duration = Duration::from_secs(75);

#[tokio::test(flavor = "multi_thread")]
async fn at_most_five_requests_a_cycle_whatever_the_number_of_groups() {
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let advertised = format!("PLAINTEXT://{listen}");
    let kafka = Kafka::start(Version::Kafka4, 1, &[("advertised.listeners", &advertised)]);
    let target = kafka.address(1).parse().expect("an address");
    let proxy = CountingProxy::start(listen, target, "lagslope").await;
    let topic = unique("orders");
    kafka.create_topic(&topic, 4, 1);
    kafka.produce(&topic, 0, 10);
    commit_groups(&kafka, &topic, 10);
    let few = watch(&proxy, listen, 10).await;
    commit_groups(&kafka, &topic, 300);
    let many = watch(&proxy, listen, 300).await;
    Evidence::new("request-budget", "What a cycle costs Kafka").entry(
        "300 groups on a real broker: at most five requests a cycle and broker, not growing with groups (the first cycle asks for the past, too)",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it real::budget",
        &format!("{}\n{}", few.told(), many.told()),
    );
    for watched in [&few, &many] {
        assert!(watched.most() <= REQUESTS_PER_CYCLE, "{}", watched.told());
        let first = watched.counts()[0];
        // On a busy machine the first cycle may last until the second begins, and no pause tells them apart.
        let most = 2 * REQUESTS_PER_CYCLE + REQUESTS_FOR_THE_PAST;
        assert!(
            (REQUESTS_PER_CYCLE + 1..=most).contains(&first),
            "{}",
            watched.told()
        );
        let (own, counted) = (watched.own_count(), watched.requests.len() as f64);
        // The page that was scraped last is a cycle older than the last request.
        assert!(
            (own - counted).abs() <= REQUESTS_PER_CYCLE as f64,
            "{}",
            watched.told()
        );
    }
    assert_eq!(few.usual(), many.usual(), "it grows with the groups");
}

/// Starts a daemon behind the proxy, and watches it for a while once it publishes that many groups.
async fn watch(proxy: &CountingProxy, listen: SocketAddr, groups: usize) -> Watched {
    let before = proxy.requests().len();
    let config = config_with_offsets(&listen.to_string(), "query");
    let lagslope = Lagslope::start(&config).await;
    let published = |scrape: &Scrape| scrape.all("lag_messages", &[]).count() == groups;
    lagslope
        .wait_for("all groups", Duration::from_secs(20), published)
        .await;
    sleep(WATCHED).await;
    Watched {
        groups,
        scrape: lagslope.scrape().await,
        requests: proxy.requests().split_off(before),
    }
}

/// What one daemon asked in some cycles.
struct Watched {
    groups: usize,
    scrape: Scrape,
    requests: Vec<Request>,
}

impl Watched {
    /// Requests in each cycle.
    fn counts(&self) -> Vec<usize> {
        cycles(&self.requests).iter().map(Vec::len).collect()
    }

    /// But for the first cycle.
    fn most(&self) -> usize {
        let later = self.counts().into_iter().skip(1);
        later.max().expect("some cycles")
    }

    fn usual(&self) -> usize {
        median(self.counts())
    }

    fn own_count(&self) -> f64 {
        self.scrape.sum("kafka_requests_total", &[])
    }

    fn told(&self) -> String {
        format!(
            "{} groups, requests in each of {} cycles: {:?}\n  by API key, on the wire: {:?}\n  by the daemon's own metric:\n{}",
            self.groups,
            self.counts().len(),
            self.counts(),
            by_api(&self.requests),
            own_counts(&self.scrape)
        )
    }
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
