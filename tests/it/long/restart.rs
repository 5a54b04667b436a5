//! Restart in real time, on a real Kafka under load: what was said before a kill -9 and half a minute after it, side by side. A group
//! that is called already, one that keeps up, and one that stands still.

use std::fmt::Write;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::asked_for;
use super::pressure::Pressure;
use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version};
use crate::lagslope::{Lagslope, Scrape};

/// Until the overload is called.
const CALLED_WITHIN: Duration = Duration::from_secs(20 * 60);

/// What is compared is what it says so long after it was killed.
const AFTER: Duration = Duration::from_secs(30);

const GROUPS: [&str; 2] = ["payments", "shipping"];

type Labels = &'static [(&'static str, &'static str)];

/// What is compared: the name, further labels, and by what share it may differ on a cluster that goes on working.
const COMPARED: &[(&str, Labels, f64)] = &[
    ("production_rate", &[], 0.05),
    ("consumption_rate", &[], 0.05),
    ("lag_slope", &[("window", "rate")], 0.25),
    ("lag_slope", &[("window", "trend")], 0.25),
    ("time_lag_seconds", &[], 0.25),
    ("delay_seconds", &[("quantile", "0.5")], 0.25),
    ("delay_seconds", &[("quantile", "0.99")], 0.25),
    ("signal", &[("signal", "lag_growth")], 0.0),
    ("signal", &[("signal", "ceiling")], 0.0),
    ("signal", &[("signal", "divergence")], 0.0),
    ("habits_known", &[], 0.0),
];

/// Differences in seconds, or messages a second, that nobody would call one: half a second of reading, and the noise of the quick slope of
/// a group that keeps up: a hundredth of its 1,000 messages a second (9.3 was seen).
const SMALL: f64 = 10.0;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_it_says_what_it_said() {
    if !asked_for("restart") {
        return;
    }
    let kafka = Kafka::start(Version::Kafka4, 1, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "sample_interval: 10s\nclusters:\n  - {{name: shop, bootstrap_servers: [\"{}\"], offsets: stream}}\n\
         ceilings:\n  - {{group: payments, topic: \".*\", lag_messages: 5000000}}\nstate: {{file: {}, interval: 30s}}\n",
        kafka.bootstrap(),
        folder.path().join("state").display()
    );
    let _overloaded = pressure(&kafka, "payments", "10000", "8000", "1s");
    let _calm = pressure(&kafka, "shipping", "1000", "2000", "5s");
    let before = Lagslope::start(&config).await;
    let called = |page: &Scrape| {
        let labels = [("group", "payments"), ("signal", "lag_growth")];
        page.value("signal", &labels) >= Some(1.0)
    };
    before
        .wait_for("the overload is called", CALLED_WITHIN, called)
        .await;
    // As it is in the middle of it, not at its first word.
    sleep(Duration::from_secs(60)).await;
    let said = before.scrape().await;
    before.signal("KILL").await;
    let killed = Instant::now();
    drop(before);
    let again = Lagslope::start(&config).await;
    let ready = loop {
        if again.get("/-/ready").await.0 == 200 {
            break killed.elapsed();
        }
        sleep(Duration::from_millis(100)).await;
    };
    let first = again.scrape().await;
    sleep(AFTER.saturating_sub(killed.elapsed())).await;
    let after = again.scrape().await;
    let table = table(&said, &first, &after);
    Evidence::new("restart", "A restart loses nothing that Kafka still holds").entry(
        "Slope, delays and signals before, and 30 s after a kill -9, side by side",
        "./test --long",
        &format!("ready {:.1} s after the kill\n{table}", ready.as_secs_f64()),
    );
    assert!(!table.contains("DIFFERS"), "{table}\n{}", again.log());
}

fn pressure(kafka: &Kafka, name: &str, produced: &str, consumed: &str, commits: &str) -> Pressure {
    let bootstrap = kafka.bootstrap();
    Pressure::start(&[
        "--bootstrap",
        &bootstrap,
        "--topic",
        name,
        "--group",
        name,
        "--partitions",
        "4",
        "--produce-rate",
        produced,
        "--consume-rate",
        consumed,
        "--commit-interval",
        commits,
    ])
}

fn table(said: &Scrape, first: &Scrape, after: &Scrape) -> String {
    let mut table = format!(
        "{:<10} {:<36} {:>12} {:>12} {:>12}\n",
        "group", "", "before", "first page", "30 s after"
    );
    for group in GROUPS {
        for (name, extra, share) in COMPARED {
            let labels = [&[("group", group), ("topic", group)][..], extra].concat();
            let [said, first, after] = [said, first, after].map(|page| page.value(name, &labels));
            let extra: Vec<&str> = extra.iter().map(|(_, value)| *value).collect();
            let verdict = if alike(said, after, *share) {
                ""
            } else {
                "  DIFFERS"
            };
            writeln!(
                table,
                "{group:<10} {:<36} {:>12} {:>12} {:>12}{verdict}",
                format!("{name} {}", extra.join(" ")),
                told(said),
                told(first),
                told(after),
            )
            .expect("into memory");
        }
    }
    table
}

fn told(value: Option<f64>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| format!("{value:.1}"))
}

fn alike(before: Option<f64>, after: Option<f64>, share: f64) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => {
            let allowed = if share == 0.0 {
                0.0
            } else {
                (share * before.abs()).max(SMALL)
            };
            (before - after).abs() <= allowed
        }
        (None, None) => true,
        _ => false,
    }
}
