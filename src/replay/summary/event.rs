//! Each time that a signal was raised.

use super::words::{length, moment};
use crate::analysis::Signal;
use crate::analysis::report::{Severity, TopicReport};
use crate::analysis::sample::Time;

/// Of one signal, group and topic: the others are counted. What is raised more often is not read one by one.
const KEPT_MAX: usize = 20;

/// From when a signal is raised until it isn't.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) began: Time,
    ended: Option<Time>,
    severity: Severity,
    /// As of the moment that it was raised.
    pub(super) why: String,
    /// Where it was a warning at first: when it turned critical, and why.
    pub(super) turned_critical: Option<(Time, String)>,
}

impl Event {
    /// As which it was raised.
    pub(super) fn severity(&self) -> &'static str {
        match self.severity {
            Severity::Critical => "critical",
            _ => "warning",
        }
    }

    fn go_on(&mut self, at: Time, severity: Severity, why: impl FnOnce() -> String) {
        let turns = severity == Severity::Critical && self.severity != Severity::Critical;
        if turns && self.turned_critical.is_none() {
            self.turned_critical = Some((at, why()));
        }
    }

    pub(super) fn how_long(&self, last: Time) -> String {
        match self.ended {
            Some(ended) => format!("for {}", length(ended - self.began)),
            None => format!("until the end, {}", length(last - self.began)),
        }
    }
}

/// Every time that one signal was raised for a group and topic.
#[derive(Debug, Default)]
pub(super) struct Raisings {
    kept: Vec<Event>,
    /// Of all, also of those that are not kept.
    times: u64,
    seconds: f64,
    /// Is it raised now, and since when?
    since: Option<Time>,
    was_known: bool,
}

impl Raisings {
    pub(super) fn take(&mut self, signal: Signal, at: Time, report: &TopicReport) {
        let severity = report.severity(signal);
        self.was_known |= severity.is_some();
        let raised = severity.filter(|severity| *severity > Severity::Ok);
        match (raised, self.since) {
            (Some(severity), None) => self.begin(at, severity, || why(signal, report)),
            (Some(severity), Some(_)) => {
                if let Some(event) = self.open() {
                    event.go_on(at, severity, || why(signal, report));
                }
            }
            (None, Some(since)) => {
                if let Some(event) = self.open() {
                    event.ended = Some(at);
                }
                self.seconds += at - since;
                self.since = None;
            }
            (None, None) => {}
        }
    }

    pub(super) fn kept(&self) -> &[Event] {
        &self.kept
    }

    pub(super) fn not_kept(&self) -> u64 {
        self.times - self.kept.len() as u64
    }

    /// How often and for how long, in a cell of a table.
    pub(super) fn in_short(&self, last: Time) -> String {
        let seconds = self.seconds + self.since.map_or(0.0, |since| last - since);
        match self.times {
            0 if self.was_known => "ok".to_owned(),
            0 => "-".to_owned(),
            1 => format!("1 × {}", length(seconds)),
            times => format!("{times} × {} on average", length(seconds / times as f64)),
        }
    }

    fn begin(&mut self, at: Time, severity: Severity, why: impl FnOnce() -> String) {
        self.times += 1;
        self.since = Some(at);
        if self.kept.len() < KEPT_MAX {
            self.kept.push(Event {
                began: at,
                ended: None,
                severity,
                why: why(),
                turned_critical: None,
            });
        }
    }

    fn open(&mut self) -> Option<&mut Event> {
        (self.not_kept() == 0)
            .then(|| self.kept.last_mut())
            .flatten()
    }
}

/// What it rests on when it is raised: each rule that holds. Of the retention that loses messages, for example, there are several.
fn why(signal: Signal, report: &TopicReport) -> String {
    let evidence = report.evidence.iter();
    let holding = evidence.filter(|e| e.rule.signal() == signal && e.severity() > Severity::Ok);
    let parts = holding.map(|evidence| match evidence.since {
        Some(since) => format!("since {} {evidence}", moment(since)),
        None => evidence.to_string(),
    });
    parts.collect::<Vec<_>>().join("; ")
}
