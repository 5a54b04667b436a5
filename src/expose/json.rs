//! Report → JSON, a pure function. Unknown numbers are `null`, never zero.

mod evidence;

use std::io::{self, Write};

use serde::Serialize;

use crate::analysis::report::{CeilingKind, Severity, TopicReport};
use crate::analysis::sample::Time;
use crate::analysis::{self, Signal};
use evidence::Evidence;

/// The four verdicts, as words.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Signals {
    lag_growth: &'static str,
    ceiling: &'static str,
    divergence: &'static str,
    retry_storm: &'static str,
}

impl Signals {
    /// Those of a group and topic.
    pub fn of(report: &TopicReport) -> Self {
        let word = |signal| match report.muted.has(signal) {
            true => "muted",
            false => word(report.severity(signal)),
        };
        Self {
            lag_growth: word(Signal::LagGrowth),
            ceiling: word(Signal::Ceiling),
            divergence: word(Signal::Divergence),
            retry_storm: word(Signal::RetryStorm),
        }
    }
}

impl Signals {
    /// Those that are not what they were; all, when they weren't anything.
    pub fn changed_since(&self, before: Option<&Self>) -> analysis::Signals {
        let words = |signals: &Self| {
            let (growth, ceiling) = (signals.lag_growth, signals.ceiling);
            [growth, ceiling, signals.divergence, signals.retry_storm]
        };
        let (now, before) = (words(self), before.map(words));
        let is_other = |n: &usize| before.is_none_or(|before| before[*n] != now[*n]);
        let changed = (0..now.len()).filter(is_other);
        changed.map(|n| Signal::ALL[n]).collect()
    }
}

/// What is known of a group and topic at a time.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// Seconds.
    pub at: Time,
    /// The cluster's name.
    pub cluster: &'a str,
    /// The group's name.
    pub group: &'a str,
    /// The rest.
    pub report: &'a TopicReport,
}

#[derive(Serialize)]
struct Line<'a> {
    t: f64,
    cluster: &'a str,
    group: &'a str,
    topic: &'a str,
    lag: Option<u64>,
    time_lag: Option<f64>,
    slope: Option<f64>,
    slope_lower: Option<f64>,
    slope_upper: Option<f64>,
    production_rate: Option<f64>,
    consumption_rate: Option<f64>,
    delay_p50: Option<f64>,
    delay_p99: Option<f64>,
    ceiling_eta: CeilingEta,
    signals: Signals,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<Evidence<'a>>,
}

/// `[earliest, best estimate, latest]` in seconds; `null` while not known, and a bound that is never reached.
#[derive(Serialize)]
struct CeilingEta {
    lag: Option<[Option<f64>; 3]>,
    delay: Option<[Option<f64>; 3]>,
    retention: Option<[Option<f64>; 3]>,
}

/// Writes one object and a line break. Of the signals that `changed` it says what they rest on.
///
/// # Errors
/// When the writer refuses.
pub fn write_line(
    out: &mut impl Write,
    verdict: &Verdict,
    changed: analysis::Signals,
) -> io::Result<()> {
    let report = verdict.report;
    let slope = report.trend_slope;
    let eta = |kind| {
        let ceiling = report
            .ceilings
            .iter()
            .find(|ceiling| ceiling.kind == kind)?;
        let eta = ceiling.eta?;
        Some([
            short(eta.lower_seconds),
            short(Some(eta.seconds)),
            short(eta.upper_seconds),
        ])
    };
    let line = Line {
        t: verdict.at,
        cluster: verdict.cluster,
        group: verdict.group,
        topic: &report.topic,
        lag: report.lag_messages,
        time_lag: short(report.time_lag_seconds),
        slope: short(slope.map(|slope| slope.slope)),
        slope_lower: short(slope.map(|slope| slope.lower)),
        slope_upper: short(slope.map(|slope| slope.upper)),
        production_rate: short(report.production_rate),
        consumption_rate: short(report.consumption_rate),
        delay_p50: short(report.delays.map(|delays| delays.p50)),
        delay_p99: short(report.delays.map(|delays| delays.p99)),
        ceiling_eta: CeilingEta {
            lag: eta(CeilingKind::Lag),
            delay: eta(CeilingKind::Delay),
            retention: eta(CeilingKind::Retention),
        },
        signals: Signals::of(report),
        evidence: report
            .evidence
            .iter()
            .filter(|evidence| changed.has(evidence.rule.signal()))
            .map(Evidence::of)
            .collect(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// To the microsecond, or the millionth of a message.
fn short(number: Option<f64>) -> Option<f64> {
    number.map(|number| (number * 1e6).round() / 1e6)
}

fn word(severity: Option<Severity>) -> &'static str {
    match severity {
        None => "unknown",
        Some(Severity::Ok) => "ok",
        Some(Severity::Warning) => "warning",
        Some(Severity::Critical) => "critical",
    }
}
