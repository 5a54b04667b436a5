//! What was said while the acts were on: every alert that fired, of every group and of the daemon itself, and every signal that was
//! raised, with when that began and ended. Looked at every few seconds, so that what comes and goes is not missed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::lagslope::{Lagslope, Scrape};
use crate::prometheus::Prometheus;

/// Well below Prometheus's evaluation interval.
const LOOK_EVERY: Duration = Duration::from_secs(3);

const SIGNALS: [&str; 4] = ["lag_growth", "ceiling", "divergence", "retry_storm"];

/// Who is meant: a group in a topic. Both are empty for what is said of a cluster or of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Whose {
    pub(super) group: String,
    pub(super) topic: String,
}

/// An alert by its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alert {
    pub(super) whose: Whose,
    pub(super) name: String,
    pub(super) severity: String,
}

/// When something was seen first, and last, and how often it came.
#[derive(Clone, Debug)]
pub(super) struct Spell {
    pub(super) first: Instant,
    pub(super) last: Instant,
    pub(super) times: u32,
    /// What the alert said when it was seen first; of a signal nothing.
    pub(super) text: String,
}

/// All of it, until the last look.
#[derive(Debug)]
pub(super) struct Record {
    looked: Instant,
    looked_before: Instant,
    pub(super) alerts: BTreeMap<Alert, Spell>,
    /// By whose they are, and the signal's name.
    pub(super) signals: BTreeMap<(Whose, String), Spell>,
}

impl Record {
    /// Those that have fired for them, now or before.
    pub(super) fn alerts_of(&self, whose: &Whose) -> impl Iterator<Item = (&Alert, &Spell)> {
        self.alerts
            .iter()
            .filter(move |(alert, _)| alert.whose == *whose)
    }

    /// Whether something is there at the last look.
    pub(super) fn is_now(&self, spell: &Spell) -> bool {
        spell.last == self.looked
    }

    fn note(&mut self, scrape: &Scrape, alerts: &[Value], watched: &[Whose]) {
        self.looked_before = std::mem::replace(&mut self.looked, Instant::now());
        self.note_alerts(alerts);
        self.note_signals(scrape, watched);
    }

    fn note_alerts(&mut self, alerts: &[Value]) {
        let looks = (self.looked_before, self.looked);
        for alert in alerts.iter().filter(|alert| alert["state"] == "firing") {
            let text = alert["annotations"]["description"].as_str();
            let key = alert_of(&alert["labels"]);
            note(&mut self.alerts, key, looks, text.unwrap_or_default());
        }
    }

    fn note_signals(&mut self, scrape: &Scrape, watched: &[Whose]) {
        for whose in watched {
            for signal in SIGNALS {
                let labels = [
                    ("group", whose.group.as_str()),
                    ("topic", &whose.topic),
                    ("signal", signal),
                ];
                if scrape.value("signal", &labels).is_some_and(|v| v >= 1.0) {
                    let key = (whose.clone(), signal.to_owned());
                    let looks = (self.looked_before, self.looked);
                    note(&mut self.signals, key, looks, "");
                }
            }
        }
    }
}

fn note<K: Ord>(
    spells: &mut BTreeMap<K, Spell>,
    key: K,
    (before, now): (Instant, Instant),
    text: &str,
) {
    let spell = spells.entry(key).or_insert_with(|| Spell {
        first: now,
        last: before,
        times: 1,
        text: text.to_owned(),
    });
    spell.times += u32::from(spell.last != before);
    spell.last = now;
}

/// An alert of the API, or a series of `ALERTS`.
pub(super) fn alert_of(labels: &Value) -> Alert {
    let label = |name: &str| labels[name].as_str().unwrap_or_default().to_owned();
    Alert {
        whose: Whose {
            group: label("group"),
            topic: label("topic"),
        },
        name: label("alertname"),
        severity: label("severity"),
    }
}

/// Looks until the test ends. The task ends with a panic when one of the two doesn't answer: the record's readers then see it closed.
pub(super) fn keep(
    lagslope: Arc<Lagslope>,
    prometheus: Arc<Prometheus>,
    watched: Vec<Whose>,
) -> (watch::Receiver<Record>, JoinHandle<()>) {
    let now = Instant::now();
    let (told, record) = watch::channel(Record {
        looked: now,
        looked_before: now,
        alerts: BTreeMap::new(),
        signals: BTreeMap::new(),
    });
    let looking = tokio::spawn(async move {
        loop {
            let scrape = lagslope.scrape().await;
            let alerts = prometheus.alerts().await;
            told.send_modify(|record| record.note(&scrape, &alerts, &watched));
            sleep(LOOK_EVERY).await;
        }
    });
    (record, looking)
}
