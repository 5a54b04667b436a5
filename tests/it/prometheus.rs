//! A real Prometheus for tests: scrapes one target, evaluates rule files, answers queries; gone when dropped.
//!
//! `./test` unpacks Debian's package below `target/debian` without installing it, so no service starts; one on the path does as well.
#![allow(
    dead_code,
    reason = "offered to every test; not all of it is used at any time"
)]

mod selftest;

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::processes::{Processes, free_port};

/// It answers within a second on an idle machine.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// How often alerts are looked at while one is waited for.
const POLL: Duration = Duration::from_secs(1);

const HOW_TO_GET_IT: &str = "prometheus is missing. `./test` gets it; by hand:\n  \
    apt-get download prometheus && dpkg -x prometheus_*.deb target/debian/prometheus";

/// A running Prometheus with storage of its own.
pub(crate) struct Prometheus {
    url: String,
    client: reqwest::Client,
    _processes: Processes,
}

/// One series of an instant query.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The labels, as JSON.
    pub(crate) labels: Value,
    /// Seconds since 1970.
    pub(crate) at: f64,
    pub(crate) value: f64,
}

/// One series of a range query.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: Value,
    /// `(seconds since 1970, value)`, in order of time.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Scrapes `target` (`host:port`) and evaluates the rules of `rules` every `interval`.
    pub(crate) fn start(target: &str, rules: &Path, interval: Duration) -> Self {
        let every = format!("{}ms", interval.as_millis());
        let config = json!({
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": [rules],
            "scrape_configs": [{"job_name": "lagslope", "static_configs": [{"targets": [target]}]}],
        });
        Self::start_with(&config)
    }

    /// Runs with any configuration (JSON is YAML), and returns when it is ready to answer.
    pub(crate) fn start_with(config: &Value) -> Self {
        let processes = Processes::new("prometheus");
        let folder = processes.folder_of("prometheus");
        let file = folder.join("prometheus.yml");
        fs::write(&file, config.to_string()).expect("a file in our temporary folder");
        let address = format!("127.0.0.1:{}", free_port());
        let script = format!(
            "exec '{}' --config.file='{}' --storage.tsdb.path='{}' --web.listen-address={address}",
            program().display(),
            file.display(),
            folder.join("data").display(),
        );
        let pid = processes.start("prometheus", &script);
        processes.wait_ready("prometheus", pid, START_DEADLINE, || is_ready(&address));
        Self {
            url: format!("http://{address}"),
            client: reqwest::Client::new(),
            _processes: processes,
        }
    }

    /// Where it answers: `http://host:port`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The present value of each series that an expression gives.
    pub(crate) async fn query(&self, query: &str) -> Vec<Sample> {
        let data = self.ask("query", &[("query", query)]).await;
        let series = data["result"].as_array().expect("a vector");
        let samples = series.iter().map(|one| {
            let (at, value) = point(&one["value"]);
            let labels = one["metric"].clone();
            Sample { labels, at, value }
        });
        samples.collect()
    }

    /// The values of each series over the last `since`, a point every `step`.
    pub(crate) async fn query_range(
        &self,
        query: &str,
        since: Duration,
        step: Duration,
    ) -> Vec<Series> {
        let now = self.query("vector(time())").await[0].value;
        let start = (now - since.as_secs_f64()).to_string();
        let (end, step) = (now.to_string(), step.as_secs_f64().to_string());
        let parameters = [
            ("query", query),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        let data = self.ask("query_range", &parameters).await;
        let series = data["result"].as_array().expect("a matrix");
        let read = series.iter().map(|one| Series {
            labels: one["metric"].clone(),
            points: one["values"]
                .as_array()
                .expect("points")
                .iter()
                .map(point)
                .collect(),
        });
        read.collect()
    }

    /// The pending and firing alerts, as its API tells them.
    pub(crate) async fn alerts(&self) -> Vec<Value> {
        let data = self.ask("alerts", &[]).await;
        data["alerts"].as_array().expect("a list").clone()
    }

    /// Waits until an alert of this name is in `state` (`pending` or `firing`).
    pub(crate) async fn wait_for_alert(
        &self,
        name: &str,
        state: &str,
        deadline: Duration,
    ) -> Value {
        let end = Instant::now() + deadline;
        loop {
            let alerts = self.alerts().await;
            if let Some(found) = alerts.iter().find(|a| is(a, name) && a["state"] == state) {
                return found.clone();
            }
            assert!(
                Instant::now() < end,
                "{name} isn't {state} after {deadline:?}: {alerts:#?}"
            );
            sleep(POLL).await;
        }
    }

    /// Waits until no alert of this name is pending or firing.
    pub(crate) async fn wait_for_no_alert(&self, name: &str, deadline: Duration) {
        let end = Instant::now() + deadline;
        loop {
            let alerts = self.alerts().await;
            if !alerts.iter().any(|alert| is(alert, name)) {
                return;
            }
            assert!(
                Instant::now() < end,
                "{name} is there after {deadline:?}: {alerts:#?}"
            );
            sleep(POLL).await;
        }
    }

    async fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Value {
        let url =
            reqwest::Url::parse_with_params(&format!("{}/api/v1/{what}", self.url), parameters)
                .expect("a valid address");
        let answer = self
            .client
            .get(url)
            .send()
            .await
            .expect("Prometheus answers");
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(answer["status"], "success", "{parameters:?}: {answer}");
        answer["data"].clone()
    }
}

fn is(alert: &Value, name: &str) -> bool {
    alert["labels"]["alertname"] == name
}

/// Prometheus writes values as text, so that NaN and infinities fit into JSON.
fn point(pair: &Value) -> (f64, f64) {
    let value = pair[1].as_str().and_then(|text| text.parse().ok());
    let time = pair[0].as_f64().expect("a time");
    (time, value.expect("a number"))
}

/// On the path, or where `./test` unpacked Debian's package.
fn program() -> PathBuf {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debian/prometheus/usr/bin");
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([unpacked])
        .map(|folder| folder.join("prometheus"))
        .find(|file| file.is_file())
        .expect(HOW_TO_GET_IT)
}

/// Asked by hand, since starting is not async.
fn is_ready(address: &str) -> Option<()> {
    let mut connection = TcpStream::connect(address).ok()?;
    connection
        .write_all(b"GET /-/ready HTTP/1.0\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    answer.lines().next()?.contains(" 200 ").then_some(())
}
