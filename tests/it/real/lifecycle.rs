//! Starting before Kafka does, and ending in time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::config;
use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version, unique};
use crate::lagslope::Lagslope;

/// The promise for SIGTERM.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn started_with_kafka_down_it_is_ready_and_recovers() {
    let kafka = Kafka::start(Version::Kafka4, 1, &[]);
    let topic = unique("orders");
    kafka.create_topic(&topic, 1, 1);
    kafka.produce(&topic, 0, 10);
    kafka.commit("late", &topic, &[(0, 4)]);
    kafka.kill(1);

    let lagslope = Lagslope::start(&config(&kafka.bootstrap())).await;
    let down = lagslope
        .wait_for(
            "the word that Kafka is down",
            Duration::from_secs(20),
            |scrape| scrape.value("up", &[]) == Some(0.0),
        )
        .await;
    assert_eq!(
        down.all("lag_messages", &[]).count(),
        0,
        "nothing is known yet:\n{}",
        down.text()
    );
    assert_eq!(
        lagslope.get("/-/healthy").await.0,
        200,
        "liveness never depends on Kafka"
    );
    assert_eq!(
        lagslope.get("/-/ready").await.0,
        200,
        "it has declared the cluster down: that is a report"
    );
    let log = lagslope.log();
    assert!(
        log.contains(&kafka.bootstrap()),
        "the log names the address:\n{log}"
    );

    kafka.restart(1);
    let restarted = Instant::now();
    let up = lagslope
        .wait_for("the lag", Duration::from_secs(60), |scrape| {
            scrape.value("lag_messages", &[("group", "late")]) == Some(6.0)
        })
        .await;
    let took = restarted.elapsed();
    assert_eq!(up.value("up", &[]), Some(1.0));
    Evidence::new("start-down", "Started before Kafka").entry(
        "Started with Kafka down it becomes ready after Kafka comes up",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it real::lifecycle",
        &format!("while Kafka was down: lagslope_up 0, healthy 200, ready 200, no lag series; it logged\n{log}\nthe lag was there {took:.1?} after Kafka answered\n"),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_ends_it_in_time() {
    let kafka = crate::kafka::shared(Version::Kafka4);
    let topic = unique("orders");
    kafka.create_topic(&topic, 4, 1);
    kafka.produce(&topic, 0, 10_000);
    for group in 0..50 {
        kafka.commit(&unique(&format!("busy-{group}")), &topic, &[(0, 4), (1, 0)]);
    }
    let lagslope = Lagslope::start(&config(&kafka.bootstrap())).await;
    lagslope
        .wait_for("a sample", Duration::from_secs(20), |scrape| {
            scrape.value("up", &[]) == Some(1.0)
        })
        .await;
    let scrapers: Vec<_> = (0..8)
        .map(|_| tokio::spawn(scrape_until_refused(lagslope.address)))
        .collect();
    let held_open = tokio::net::TcpStream::connect(lagslope.address)
        .await
        .expect("it listens");
    sleep(Duration::from_secs(2)).await;
    let (status, took) = lagslope.terminate().await;
    drop(held_open);
    let mut scrapes = 0;
    for scraper in scrapers {
        scrapes += scraper.await.expect("no panic");
    }
    assert!(status.success(), "{status}");
    assert!(took < ENDS_WITHIN, "{took:?}");
    Evidence::new("sigterm", "Told to stop").entry(
        "SIGTERM under load ends within 5 s",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it real::lifecycle",
        &format!("8 clients had scraped {scrapes} times and went on, one connection was held open: {status} after {took:.2?}\n"),
    );
}

async fn scrape_until_refused(address: std::net::SocketAddr) -> usize {
    let mut scrapes = 0;
    while reqwest::get(format!("http://{address}/metrics"))
        .await
        .is_ok()
    {
        scrapes += 1;
    }
    scrapes
}
