//! What is said on the terminal: a line each time a verdict changes, in plain words.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::analysis::Signal;
use crate::analysis::report::{
    CeilingKind, GrowthState, Report, RetryReason, Severity, TopicReport,
};

/// What is further off than a day is of no interest here.
const ETA_MAX_SECONDS: f64 = 86_400.0;

/// Remembers what it has said.
pub struct Teller {
    began: f64,
    /// What is raised, as it was last told.
    raised: BTreeMap<Subject, Severity>,
    has_spoken: bool,
}

/// Group, topic and signal.
type Subject = (Arc<str>, Arc<str>, &'static str);

impl Teller {
    /// Nothing was said yet. Times are told from `began` on.
    pub fn new(began: f64) -> Self {
        Self {
            began,
            raised: BTreeMap::new(),
            has_spoken: false,
        }
    }

    /// A line for each verdict that is another than it was; at first for each that is raised.
    pub fn hear(&mut self, report: &Report) -> Vec<String> {
        let when = if std::mem::replace(&mut self.has_spoken, true) {
            clock(report.at - self.began)
        } else {
            "before".to_owned()
        };
        let mut lines = Vec::new();
        let mut before = std::mem::take(&mut self.raised);
        for group in &report.groups {
            for topic in &group.topics {
                for signal in Signal::ALL {
                    let subject = (
                        Arc::clone(&group.name),
                        Arc::clone(&topic.topic),
                        signal.name(),
                    );
                    let then = before.remove(&subject);
                    let now = topic.severity(signal).filter(|now| *now > Severity::Ok);
                    if now != then {
                        let said = match now {
                            Some(severity) => why(severity, signal, topic, report.at),
                            None => over(topic.severity(signal)).to_owned(),
                        };
                        lines.push(line(&when, &subject, &said));
                    }
                    if let Some(now) = now {
                        self.raised.insert(subject, now);
                    }
                }
            }
        }
        lines.extend(before.keys().map(|subject| line(&when, subject, "gone")));
        lines
    }
}

fn line(when: &str, (group, topic, signal): &Subject, said: &str) -> String {
    let who = format!("{group}/{topic}");
    format!("{when:>7}  {signal:<11}  {who:<33}  {said}")
}

/// Minutes and seconds.
fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn over(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(_) => "ok again",
        None => "not known for now",
    }
}

fn why(severity: Severity, signal: Signal, topic: &TopicReport, at: f64) -> String {
    let reason = match signal {
        Signal::LagGrowth => why_growth(topic, at),
        Signal::Ceiling => why_ceiling(topic),
        Signal::Divergence => why_divergence(topic),
        Signal::RetryStorm => why_retries(topic),
    };
    let word = match severity {
        Severity::Critical => "CRITICAL",
        _ => "warning",
    };
    format!("{word:<8}  {reason}")
}

fn why_growth(topic: &TopicReport, at: f64) -> String {
    let growth = &topic.lag_growth;
    let mut said = match growth.state {
        GrowthState::Stalled => "messages wait and nothing is committed".to_owned(),
        _ => match topic.trend_slope {
            Some(slope) => format!("grows by {:.0} messages/s", slope.slope),
            None => "grows".to_owned(),
        },
    };
    if let Some(partition) = growth.partition {
        said += &format!(" in partition {partition}");
    }
    if let Some(onset) = growth.onset {
        said += &format!(", for {}", length(at - onset));
    }
    let etas = topic.ceilings.iter().filter_map(|ceiling| {
        let seconds = ceiling.eta?.seconds;
        (seconds < ETA_MAX_SECONDS).then_some((seconds, ceiling.kind))
    });
    if let Some((seconds, kind)) = etas.min_by(|a, b| a.0.total_cmp(&b.0)) {
        said += &match kind {
            CeilingKind::Retention => format!(", loses messages in {}", length(seconds)),
            _ => format!(", full in {}", length(seconds)),
        };
    }
    said
}

fn why_ceiling(topic: &TopicReport) -> String {
    if topic.ceiling.loses {
        return "messages are deleted before they are read".to_owned();
    }
    let fullest = topic.ceilings.iter();
    let fullest = fullest.max_by(|a, b| a.utilization_ratio.total_cmp(&b.utilization_ratio));
    fullest.map_or_else(String::new, |ceiling| {
        let percent = 100.0 * ceiling.utilization_ratio;
        match ceiling.kind {
            CeilingKind::Retention => format!("{percent:.0} % of the way to losing messages"),
            _ => format!("{percent:.0} % full, {} times until now", ceiling.hits),
        }
    })
}

fn why_divergence(topic: &TopicReport) -> String {
    let tail: Vec<_> = topic.divergence.tail.iter().map(u32::to_string).collect();
    let mut said = format!("partition {} falls behind", tail.join(", "));
    if let Some(delays) = topic.delays {
        said += &format!(": p99 {}, p50 {}", length(delays.p99), length(delays.p50));
    }
    said
}

fn why_retries(topic: &TopicReport) -> String {
    let retries = &topic.retry_storm;
    match (retries.reason, retries.amplification_ratio) {
        (Some(RetryReason::Reprocessing), _) => "commits move backwards".to_owned(),
        (Some(RetryReason::Churn), _) => "far more rebalances than usual".to_owned(),
        (_, Some(ratio)) => format!("{ratio:.2} retries for each message read"),
        _ => "messages are retried again and again".to_owned(),
    }
}

/// To a reader's precision.
fn length(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}
