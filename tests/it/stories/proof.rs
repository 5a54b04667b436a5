//! A story and what its alerts must be, as a unit test of promtool's.

use std::fs;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::series::Series;
use super::story::INTERVAL;
use crate::alerts::lookup::RULES;
use crate::alerts::troubles::{Alert, fires_when};
use crate::promtool::{promtool, repository};

const FIRING: &str = r#"count by (alertname, severity) (ALERTS{alertstate="firing"})"#;

/// What an alert is about, and with it its labels.
#[derive(Clone, Copy)]
pub(crate) enum About {
    /// The one group and topic of the stories.
    Topic,
    /// The one cluster.
    Cluster,
    /// A cluster, with the reason that a cycle was skipped for.
    Overlap,
    /// A cluster, with what of it has no room on the page.
    Groups,
    /// A cluster, with a request that it refuses, and how.
    Refused,
    /// The daemon itself, scraped by a job.
    Job,
    /// The daemon that nobody scrapes.
    Daemon,
}

/// What is claimed of a story.
pub(crate) struct Proof<'a> {
    series: &'a Series,
    instances: &'a [&'a str],
    /// Seconds between two evaluations of the rules.
    evaluated_every: u32,
    queries: Vec<Value>,
    texts: Vec<Value>,
}

impl<'a> Proof<'a> {
    /// Nothing is claimed yet.
    pub(crate) fn of(series: &'a Series) -> Self {
        Self {
            series,
            instances: &["one:9877"],
            evaluated_every: INTERVAL,
            queries: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// As many replicas see the same.
    pub(crate) fn seen_by(mut self, instances: &'a [&'a str]) -> Self {
        self.instances = instances;
        self
    }

    /// The rules are evaluated less often, for a long story: that is what takes the time.
    pub(crate) fn evaluated_every(mut self, seconds: u32) -> Self {
        self.evaluated_every = seconds;
        self
    }

    /// In this second exactly these alerts fire, each once: `(alert, severity)`.
    pub(crate) fn firing(mut self, second: u32, alerts: &[(&str, &str)]) -> Self {
        let sample = |(alert, severity): &(&str, &str)| json!({ "labels": format!("{{alertname=\"{alert}\",severity=\"{severity}\"}}"), "value": 1 });
        let samples: Vec<_> = alerts.iter().map(sample).collect();
        self.queries.push(
            json!({ "expr": FIRING, "eval_time": format!("{second}s"), "exp_samples": samples }),
        );
        self
    }

    /// In each of these minutes exactly that fires which docs/prometheus.md says of this trouble.
    pub(crate) fn in_trouble(self, minutes: RangeInclusive<u32>, trouble: &str) -> Self {
        let alerts = fires_when(trouble);
        let alerts: Vec<_> = alerts.iter().map(Alert::as_strs).collect();
        minutes.fold(self, |proof, minute| proof.firing(minute * 60, &alerts))
    }

    /// In each of these minutes nothing else fires; not all of it has to.
    pub(crate) fn in_part_of(self, minutes: RangeInclusive<u32>, trouble: &str) -> Self {
        let alerts = fires_when(trouble);
        let names: Vec<_> = alerts.iter().map(|alert| alert.as_strs().0).collect();
        let others = format!(
            "ALERTS{{alertstate=\"firing\",alertname!~\"{}\"}}",
            names.join("|")
        );
        let query = format!("absent({others})");
        minutes.fold(self, |proof, minute| proof.finds(minute * 60, &query))
    }

    /// In each of these minutes nothing fires.
    pub(crate) fn silent(self, minutes: RangeInclusive<u32>) -> Self {
        minutes.fold(self, |proof, minute| proof.firing(minute * 60, &[]))
    }

    /// Until this minute no alert has begun to fire a second time.
    pub(crate) fn none_came_back(self, minute: u32) -> Self {
        let firing = "ALERTS{alertstate=\"firing\"}";
        let step = self.evaluated_every;
        let begins = format!("{firing} unless {firing} offset {step}s");
        let query = format!(
            "absent(sum by (alertname, severity) (count_over_time(({begins})[{minute}m:{step}s])) > 1)"
        );
        self.finds(minute * 60, &query)
    }

    /// In this second the query finds something.
    pub(crate) fn finds(mut self, second: u32, query: &str) -> Self {
        let expression = format!("count({query}) > bool 0");
        let found = json!({ "labels": "{}", "value": 1 });
        self.queries.push(json!({ "expr": expression, "eval_time": format!("{second}s"), "exp_samples": [found] }));
        self
    }

    /// In this second the alert fires, and these are its summary and its description.
    pub(crate) fn says(
        mut self,
        second: u32,
        (alert, severity): (&str, &str),
        about: About,
        summary: &str,
        description: &str,
    ) -> Self {
        let expected = json!({
            "exp_labels": about.labels(severity),
            "exp_annotations": {
                "summary": summary,
                "description": description,
                "runbook_url": format!("https://github.com/lagslope/lagslope/blob/main/docs/runbooks/{alert}.md"),
                "dashboard": about.dashboard(),
            },
        });
        self.expect(second, alert, expected);
        self
    }

    /// Asks promtool, and fails with what it says.
    pub(crate) fn holds(self) {
        let file = json!({
            "rule_files": [repository(RULES)],
            "evaluation_interval": format!("{}s", self.evaluated_every),
            "tests": [{
                "interval": format!("{INTERVAL}s"),
                "input_series": self.series.input(self.instances),
                "promql_expr_test": self.queries,
                "alert_rule_test": self.texts,
            }],
        });
        let folder = tempfile::tempdir().expect("a temporary folder");
        // JSON is YAML.
        fs::write(folder.path().join("story.json"), file.to_string()).expect("room for a file");
        promtool(folder.path(), &["test", "rules", "story.json"], "");
    }

    /// promtool wants all alerts of one name and second in one list.
    fn expect(&mut self, second: u32, alert: &str, expected: Value) {
        let time = format!("{second}s");
        let same = |text: &&mut Value| text["eval_time"] == time && text["alertname"] == alert;
        match self
            .texts
            .iter_mut()
            .find(same)
            .map(|text| &mut text["exp_alerts"])
        {
            Some(Value::Array(alerts)) => alerts.push(expected),
            _ => self
                .texts
                .push(json!({ "eval_time": time, "alertname": alert, "exp_alerts": [expected] })),
        }
    }
}

impl About {
    fn labels(self, severity: &str) -> Value {
        let mut labels = json!({ "severity": severity });
        let more: &[(&str, &str)] = match self {
            Self::Topic => &[("group", "billing"), ("topic", "orders")],
            Self::Overlap => &[("reason", "overlap")],
            Self::Groups => &[("reason", "groups")],
            Self::Refused => &[
                ("api", "DescribeConfigs"),
                ("error", "topic_authorization_failed"),
            ],
            Self::Cluster | Self::Job | Self::Daemon => &[],
        };
        let scraped: &[_] = match self {
            Self::Daemon => &[],
            Self::Job => &[("job", "watchers")],
            _ => &[("kafka_cluster", "prod"), ("job", "watchers")],
        };
        for (name, value) in more.iter().chain(scraped) {
            labels[*name] = json!(value);
        }
        labels
    }

    fn dashboard(self) -> &'static str {
        match self {
            Self::Topic => {
                "/d/lagslope-overview?var-cluster=prod&var-group=billing&var-topic=orders"
            }
            Self::Cluster | Self::Overlap | Self::Groups | Self::Refused => {
                "/d/lagslope-overview?var-cluster=prod"
            }
            Self::Job | Self::Daemon => "/d/lagslope-overview",
        }
    }
}
