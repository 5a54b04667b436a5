//! The main job in real time: a producer at 10,000 messages a second against a consumer at 9,500, on a real Kafka; a real Prometheus
//! scrapes lagslope, fires the alert, and resolves it when the consumer becomes the faster one. Beside it a consumer that commits a
//! batch every minute and keeps up: nothing may be raised for it.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::asked_for;
use super::picture::{Line, Panel, svg};
use super::pressure::Pressure;
use crate::dashboards;
use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version};
use crate::lagslope::{Lagslope, Scrape};
use crate::prometheus::Prometheus;

const PRODUCED: f64 = 10_000.0;
const CONSUMED: f64 = 9_500.0;
/// The full queue: reached some 17 minutes after the start.
const CEILING_MESSAGES: f64 = 500_000.0;

const RISES_WITHIN: Duration = Duration::from_secs(16 * 60);
const FULL_WITHIN: Duration = Duration::from_secs(25 * 60);
const RESOLVES_WITHIN: Duration = Duration::from_secs(15 * 60);

const OVERLOADED: [(&str, &str); 2] = [("group", "payments"), ("topic", "payments")];
const BATCH: [(&str, &str); 2] = [("group", "nightly"), ("topic", "invoices")];

const COMMAND: &str = "./test --long";

#[tokio::test(flavor = "multi_thread")]
async fn an_overload_is_called_forecast_alerted_and_resolved() {
    if !asked_for("headline") {
        return;
    }
    let kafka = Kafka::start(Version::Kafka4, 1, &[]);
    let lagslope = Lagslope::start(&configuration(&kafka)).await;
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/lagslope.rules.yml");
    let prometheus = Prometheus::start(
        &lagslope.address.to_string(),
        &rules,
        Duration::from_secs(5),
    );
    let mut pair = pressure(
        &kafka,
        "payments",
        "payments",
        PRODUCED,
        &["--consume-rate", "9500", "--commit-interval", "1s"],
    );
    let _batch = pressure(
        &kafka,
        "invoices",
        "nightly",
        1_000.0,
        &["--consume-rate", "20000", "--commit-interval", "60s"],
    );
    let started = Instant::now();
    let evidence = Evidence::new(
        "headline",
        "The main job: 10,000 against 9,500 messages a second",
    );

    let call = the_signal_rises(&lagslope, started, &evidence).await;
    the_alert_fires(&prometheus, started, &evidence).await;
    the_ceiling_comes_when_it_was_said(&lagslope, &call, &evidence).await;
    three_values_are_those_of_metrics(&lagslope, &prometheus, &evidence).await;
    draw(&prometheus, started, &call).await;
    pair.consume(11_000).await;
    the_alert_resolves(&prometheus, &evidence).await;
    the_batch_consumer_was_never_raised(&prometheus, started, &evidence).await;
    every_dashboard_query_returns_data(&prometheus, started, &evidence).await;
}

fn configuration(kafka: &Kafka) -> String {
    format!(
        "sample_interval: 10s\nclusters:\n  - {{name: shop, bootstrap_servers: [\"{}\"]}}\n\
         ceilings:\n  - {{group: payments, topic: \".*\", lag_messages: {CEILING_MESSAGES}, delay: 5m}}\n\
         metrics: {{granularity: partition}}\n",
        kafka.bootstrap()
    )
}

fn pressure(kafka: &Kafka, topic: &str, group: &str, rate: f64, consumer: &[&str]) -> Pressure {
    let (bootstrap, rate) = (kafka.bootstrap(), rate.to_string());
    let pair = [
        "--bootstrap",
        &bootstrap,
        "--topic",
        topic,
        "--group",
        group,
        "--partitions",
        "4",
        "--produce-rate",
        &rate,
    ];
    Pressure::start(&[&pair[..], consumer].concat())
}

/// What was published when the signal rose.
struct Call {
    at: f64,
    when: Instant,
    eta_seconds: f64,
    eta_bounds: (Option<f64>, Option<f64>),
}

fn signal(scrape: &Scrape, labels: [(&str, &str); 2]) -> Option<f64> {
    scrape.value(
        "signal",
        &[&labels[..], &[("signal", "lag_growth")]].concat(),
    )
}

fn of(scrape: &Scrape, name: &str, extra: &[(&str, &str)]) -> f64 {
    let labels = [&OVERLOADED[..], extra].concat();
    scrape
        .value(name, &labels)
        .unwrap_or_else(|| panic!("{name}{labels:?} is absent:\n{}", scrape.text()))
}

async fn the_signal_rises(lagslope: &Lagslope, started: Instant, evidence: &Evidence) -> Call {
    let risen = |scrape: &Scrape| signal(scrape, OVERLOADED).is_some_and(|value| value >= 1.0);
    let scrape = lagslope
        .wait_for("the signal rises", RISES_WITHIN, risen)
        .await;
    let (took, trend) = (started.elapsed(), [("window", "trend")]);
    let slope = of(&scrape, "lag_slope", &trend);
    let (lower, upper) = (
        of(&scrape, "lag_slope_lower", &trend),
        of(&scrape, "lag_slope_upper", &trend),
    );
    let eta_seconds = of(&scrape, "ceiling_eta_seconds", &[("ceiling", "lag")]);
    let labels = [&OVERLOADED[..], &[("ceiling", "lag")]].concat();
    let eta_bounds = (
        scrape.value("ceiling_eta_lower_seconds", &labels),
        scrape.value("ceiling_eta_upper_seconds", &labels),
    );
    evidence.entry(
        "The signal rises within 16 min, the slope is within 10 % of +500/s",
        COMMAND,
        &format!(
            "the signal rose {:.1} min after the pair started\nlag {:.0} messages, time lag {:.1} s\nslope {slope:.1} messages/s ({lower:.1} to {upper:.1}), truth {:.0}\nproduction {:.0}/s, consumption {:.0}/s\n",
            took.as_secs_f64() / 60.0, of(&scrape, "lag_messages", &[]), of(&scrape, "time_lag_seconds", &[]), PRODUCED - CONSUMED,
            of(&scrape, "production_rate", &[]), of(&scrape, "consumption_rate", &[]),
        ),
    );
    assert!(
        (slope / (PRODUCED - CONSUMED) - 1.0).abs() <= 0.1,
        "slope {slope}"
    );
    Call {
        at: scrape
            .value("last_sample_timestamp_seconds", &[])
            .expect("up"),
        when: Instant::now(),
        eta_seconds,
        eta_bounds,
    }
}

async fn the_alert_fires(prometheus: &Prometheus, started: Instant, evidence: &Evidence) {
    let firing = prometheus
        .wait_for_alert("LagslopeLagGrowing", "firing", Duration::from_secs(300))
        .await;
    let took = started.elapsed().as_secs_f64() / 60.0;
    assert_eq!(firing["labels"]["group"], "payments", "{firing}");
    let text = serde_json::to_string_pretty(&firing).expect("JSON");
    evidence.entry(
        "A real Prometheus that scrapes it fires LagslopeLagGrowing",
        COMMAND,
        &format!("firing {took:.1} min after the pair started\n{text}"),
    );
}

async fn the_ceiling_comes_when_it_was_said(lagslope: &Lagslope, call: &Call, evidence: &Evidence) {
    let full = |scrape: &Scrape| of(scrape, "lag_messages", &[]) >= CEILING_MESSAGES;
    lagslope
        .wait_for("the lag reaches its ceiling", FULL_WITHIN, full)
        .await;
    let truth = call.when.elapsed().as_secs_f64();
    let error = call.eta_seconds / truth - 1.0;
    evidence.entry(
        "The ETA is within 15 % of the truth",
        COMMAND,
        &format!("at the call: ceiling in {:.0} s (bounds {:.0?}); it was reached after {truth:.0} s: {:+.1} %\n", call.eta_seconds, call.eta_bounds, 100.0 * error),
    );
    assert!(
        error.abs() <= 0.15,
        "said {}, was {truth}",
        call.eta_seconds
    );
}

/// Prometheus holds what the page said: compared between two scrapes that agree, so that no sample lies between.
async fn three_values_are_those_of_metrics(
    lagslope: &Lagslope,
    prometheus: &Prometheus,
    evidence: &Evidence,
) {
    let mut seen = String::new();
    for (name, extra) in [
        ("lag_messages", ""),
        ("time_lag_seconds", ""),
        ("lag_slope", ",window=\"trend\""),
    ] {
        let query = format!("lagslope_{name}{{group=\"payments\"{extra}}}");
        let filter: &[(&str, &str)] = if extra.is_empty() {
            &[]
        } else {
            &[("window", "trend")]
        };
        let value = equal_value(lagslope, prometheus, name, filter, &query).await;
        writeln!(seen, "{query} {value}").expect("into memory");
    }
    evidence.entry(
        "Three values on that Prometheus equal /metrics",
        COMMAND,
        &seen,
    );
}

async fn equal_value(
    lagslope: &Lagslope,
    prometheus: &Prometheus,
    name: &str,
    extra: &[(&str, &str)],
    query: &str,
) -> f64 {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let ours = of(&lagslope.scrape().await, name, extra);
        let theirs = prometheus.query(query).await;
        if theirs.len() == 1 && theirs[0].value == ours {
            return ours;
        }
        assert!(
            Instant::now() < deadline,
            "{query}: {ours} here, {theirs:?} there"
        );
        sleep(Duration::from_secs(1)).await;
    }
}

async fn the_alert_resolves(prometheus: &Prometheus, evidence: &Evidence) {
    let asked = Instant::now();
    prometheus
        .wait_for_no_alert("LagslopeLagGrowing", RESOLVES_WITHIN)
        .await;
    let took = asked.elapsed().as_secs_f64() / 60.0;
    evidence.entry(
        "It resolves when the consumer goes to 11,000/s",
        COMMAND,
        &format!("resolved {took:.1} min after the consumer became the faster one\n"),
    );
}

async fn the_batch_consumer_was_never_raised(
    prometheus: &Prometheus,
    started: Instant,
    evidence: &Evidence,
) {
    let window = started.elapsed().as_secs();
    let query = |inner: &str| {
        format!(
            "{inner}(lagslope_signal{{group=\"{}\",signal=\"lag_growth\"}}[{window}s])",
            BATCH[0].1
        )
    };
    let (highest, samples) = (
        prometheus.query(&query("max_over_time")).await,
        prometheus.query(&query("count_over_time")).await,
    );
    let lag = prometheus
        .query(&format!(
            "max_over_time(lagslope_lag_messages{{group=\"{}\"}}[{window}s])",
            BATCH[0].1
        ))
        .await;
    evidence.entry(
        "A consumer that commits a batch every 60 s and keeps up never raises it",
        COMMAND,
        &format!(
            "over {} min: {}\n",
            window / 60,
            [
                ("highest signal", &highest),
                ("samples of it", &samples),
                ("highest lag", &lag)
            ]
            .map(|(what, found)| format!(
                "{what} {:?}",
                found.iter().map(|sample| sample.value).collect::<Vec<_>>()
            ))
            .join(", ")
        ),
    );
    assert!(highest.len() == 1 && highest[0].value == 0.0, "{highest:?}");
}

async fn every_dashboard_query_returns_data(
    prometheus: &Prometheus,
    started: Instant,
    evidence: &Evidence,
) {
    let mut seen = String::new();
    let here = |(title, _): &(String, _)| !dashboards::OF_OTHER_TROUBLES.contains(&title.as_str());
    for (title, query) in dashboards::queries().into_iter().filter(here) {
        let series = prometheus
            .query_range(&query, started.elapsed(), Duration::from_secs(15))
            .await;
        writeln!(seen, "{} series: {title}: {query}", series.len()).expect("into memory");
        assert!(!series.is_empty(), "no data for {title}: {query}\n{seen}");
    }
    evidence.entry(
        "Each query of the dashboard returns data on that Prometheus",
        COMMAND,
        &seen,
    );
}

async fn draw(prometheus: &Prometheus, started: Instant, call: &Call) {
    let Some(_asked) = std::env::var_os("LAGSLOPE_EVIDENCE") else {
        return;
    };
    let since = started.elapsed();
    let line = async |name, colour, query: &str| {
        let series = prometheus
            .query_range(query, since, Duration::from_secs(5))
            .await;
        Line {
            name,
            colour,
            points: series
                .into_iter()
                .next()
                .map(|series| series.points)
                .unwrap_or_default(),
        }
    };
    let lag = |group: &str| format!("lagslope_lag_messages{{group=\"{group}\"}}");
    let slope = |group: &str| format!("lagslope_lag_slope{{group=\"{group}\",window=\"trend\"}}");
    let said = format!("raised: full in {:.0} min", call.eta_seconds / 60.0);
    let mark = vec![(call.at, said)];
    let panels = [
        Panel {
            title: "What the lag number tells you",
            unit: "",
            lines: vec![
                line("payments", "#c2410c", &lag("payments")).await,
                line("nightly", "#1d4ed8", &lag("nightly")).await,
            ],
            marks: vec![],
        },
        Panel {
            title: "What lagslope tells you: messages per second that the lag gains, oscillation aside",
            unit: "/s",
            lines: vec![
                line("payments", "#c2410c", &slope("payments")).await,
                line("nightly", "#1d4ed8", &slope("nightly")).await,
            ],
            marks: mark,
        },
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
    std::fs::create_dir_all(&folder).expect("a folder in the checkout");
    std::fs::write(folder.join("headline.svg"), svg(&panels)).expect("written");
}
