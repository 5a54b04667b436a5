//! What a start recalls of a real Kafka: the first page already has rates, slopes and delays, of the time before anybody watched.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::config_with_offsets;
use crate::kafka::{Version, shared, unique};
use crate::lagslope::{Lagslope, Scrape};

/// Half a minute of past: more than two windows of ten samples at a second.
const LIVED: Duration = Duration::from_secs(30);

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_knows_what_went_on_before_it() {
    tokio::join!(knows_the_past("auto"), knows_the_past("stream"));
}

async fn knows_the_past(offsets: &str) {
    let kafka = shared(Version::Kafka4);
    let (topic, group) = (unique("orders"), unique("payments"));
    kafka.create_topic(&topic, 1, 1);
    let began = Instant::now();
    let (mut produced, mut committed) = (0, 0);
    while began.elapsed() < LIVED {
        kafka.produce(&topic, 0, 100);
        produced += 100;
        // Half of it: a slope that is a small difference of large rates would show the lines between log ends, not what is known.
        committed += 50;
        kafka.commit(&group, &topic, &[(0, committed)]);
        sleep(Duration::from_millis(500)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let (arrived, left) = (f64::from(produced) / seconds, committed as f64 / seconds);

    // A window that lies in that time.
    let config = config_with_offsets(&kafka.bootstrap(), offsets) + "signals: {rate_window: 20s}\n";
    let lagslope = Lagslope::start(&config).await;
    let of = [("group", group.as_str()), ("topic", topic.as_str())];
    let there = |page: &Scrape| page.value("lag_messages", &of).is_some();
    let page = lagslope.wait_for("the group", PATIENCE, there).await;
    let says = |name: &str, extra: &[(&str, &str)]| page.value(name, &[&of[..], extra].concat());
    let near = |value: Option<f64>, truth: f64| {
        value.is_some_and(|value| (value - truth).abs() < 0.3 * truth.abs())
    };
    let words = || format!("{}\n{}", page.text(), lagslope.log());
    // The last seconds are in the same window, and nothing happened in them.
    assert!(
        near(says("production_rate", &[]), arrived),
        "{arrived}: {}",
        words()
    );
    assert!(
        near(says("consumption_rate", &[]), left),
        "{left}: {}",
        words()
    );
    let slope = says("lag_slope", &[("window", "rate")]);
    assert!(
        near(slope, arrived - left),
        "{}: {}",
        arrived - left,
        words()
    );
    let resets = says("resets_total", &[("reason", "rewound")]);
    assert_eq!(resets, Some(0.0), "{}", words());
}
