//! What must be said of a story, and whether it was.

use std::str::FromStr;

use lagslope::analysis::evidence::{Evidence, Rule};
use lagslope::analysis::report::{CeilingKind, CeilingReport, Severity, TopicReport};

use super::words::Words;

/// One of the four.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signal {
    LagGrowth,
    Ceiling,
    Divergence,
    RetryStorm,
}

pub(super) const SIGNALS: [Signal; 4] = [
    Signal::LagGrowth,
    Signal::Ceiling,
    Signal::Divergence,
    Signal::RetryStorm,
];

/// Something that must be true. Times are seconds since the story began.
#[derive(Clone, Debug)]
pub(super) enum Expectation {
    /// No signal is raised; nothing to add to what holds anyway of signals that no line names.
    Silence,
    /// Whether it is raised does not matter.
    May(Signal),
    /// Raised no sooner than `since`, and no later than `within` after it.
    Raised {
        signal: Signal,
        severity: Severity,
        since: f64,
        within: f64,
        partition: Option<u32>,
        /// What it rests on then.
        rule: Option<Rule>,
    },
    /// All the time at least this, or not above ok.
    Stays {
        signal: Signal,
        severity: Severity,
        from: f64,
        until: f64,
    },
    Slope {
        rate: f64,
        share: f64,
        at: f64,
    },
    Eta {
        kind: CeilingKind,
        share: f64,
        at: f64,
    },
    Hits {
        kind: CeilingKind,
        count: u64,
    },
    Loss(bool),
}

/// What was said at a time, in seconds since the story began.
pub(super) struct Moment {
    pub(super) t: f64,
    pub(super) report: TopicReport,
    /// In truth something was deleted before it was read.
    pub(super) loses: bool,
    /// How what the verdicts rest on contradicts them, if it does.
    pub(super) contradiction: Option<String>,
}

impl FromStr for Signal {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "lag_growth" => Ok(Self::LagGrowth),
            "ceiling" => Ok(Self::Ceiling),
            "divergence" => Ok(Self::Divergence),
            "retry_storm" => Ok(Self::RetryStorm),
            other => Err(format!(
                "{other:?} is none of lag_growth, ceiling, divergence, retry_storm"
            )),
        }
    }
}

impl Signal {
    fn severity(self, report: &TopicReport) -> Option<Severity> {
        match self {
            Self::LagGrowth => report.lag_growth.severity,
            Self::Ceiling => report.ceiling.severity,
            Self::Divergence => report.divergence.severity,
            Self::RetryStorm => report.retry_storm.severity,
        }
    }

    fn names(self, report: &TopicReport, partition: u32) -> bool {
        match self {
            Self::LagGrowth => report.lag_growth.partition == Some(partition),
            Self::Divergence => report.divergence.tail.contains(&partition),
            Self::Ceiling | Self::RetryStorm => false,
        }
    }
}

impl Expectation {
    /// Reads what stands behind `expect`.
    pub(super) fn read(words: &mut Words) -> Result<Self, String> {
        if words.has("silence") {
            return Ok(Self::Silence);
        }
        if words.has("slope") {
            let rate = words.rate()?;
            let (share, at) = within_at(words)?;
            return Ok(Self::Slope { rate, share, at });
        }
        if words.has("eta") {
            words.must("of")?;
            let kind = kind(words)?;
            let (share, at) = within_at(words)?;
            return Ok(Self::Eta { kind, share, at });
        }
        if words.has("hits") {
            let count = words.count()? as u64;
            words.must("of")?;
            let kind = kind(words)?;
            return Ok(Self::Hits { kind, count });
        }
        if words.has("no") {
            words.must("loss")?;
            return Ok(Self::Loss(false));
        }
        if words.has("loss") {
            return Ok(Self::Loss(true));
        }
        Self::read_signal(words)
    }

    fn read_signal(words: &mut Words) -> Result<Self, String> {
        let signal = words.next("a signal")?.parse()?;
        let severity = match words.next("ok, warning or critical")?.as_str() {
            "ok" => Severity::Ok,
            "warning" => Severity::Warning,
            "critical" => Severity::Critical,
            other => return Err(format!("{other:?} is none of ok, warning, critical")),
        };
        if words.has("from") {
            let from = words.duration()?;
            let until = words.optional("until")?.unwrap_or(f64::INFINITY);
            return Ok(Self::Stays {
                signal,
                severity,
                from,
                until,
            });
        }
        words.must("within")?;
        let within = words.duration()?;
        words.must("of")?;
        let since = words.duration()?;
        let on = if words.has("on") {
            words.partitions()?.first().copied()
        } else {
            None
        };
        let rule = if words.has("by") {
            Some(rule(&words.next("a rule")?)?)
        } else {
            None
        };
        Ok(Self::Raised {
            signal,
            severity,
            since,
            within,
            partition: on.and_then(|number| u32::try_from(number).ok()),
            rule,
        })
    }

    /// The last time that it says something about.
    pub(super) fn latest(&self) -> f64 {
        match self {
            Self::Raised { since, within, .. } => since + within,
            Self::Stays { from, until, .. } if until.is_infinite() => *from,
            Self::Stays { until, .. } => *until,
            Self::Slope { at, .. } | Self::Eta { at, .. } => *at,
            _ => 0.0,
        }
    }

    /// The signal that it is about, if it is about one.
    fn signal(&self) -> Option<Signal> {
        match self {
            Self::May(signal) | Self::Raised { signal, .. } | Self::Stays { signal, .. } => {
                Some(*signal)
            }
            _ => None,
        }
    }

    /// What is wrong with what was said; nothing when it is as expected.
    pub(super) fn judge(&self, told: &[Moment]) -> Result<(), String> {
        match *self {
            Self::Silence | Self::May(_) => Ok(()),
            Self::Raised {
                signal,
                severity,
                since,
                within,
                partition,
                rule,
            } => {
                let is_it = |moment: &&Moment| {
                    moment.t >= since
                        && signal.severity(&moment.report) >= Some(severity)
                        && partition.is_none_or(|number| signal.names(&moment.report, number))
                };
                let found = told.iter().find(is_it).ok_or("never")?;
                let after = found.t - since;
                if after > within {
                    return Err(format!("only {} later", clock(after)));
                }
                rule.map_or(Ok(()), |rule| rests_on(&found.report, rule))
            }
            Self::Stays {
                signal,
                severity,
                from,
                until,
            } => {
                let wrong = |moment: &&Moment| {
                    let now = signal.severity(&moment.report);
                    let holds = match severity {
                        Severity::Ok => now <= Some(Severity::Ok),
                        worse => now >= Some(worse),
                    };
                    (from..=until).contains(&moment.t) && !holds
                };
                told.iter().find(wrong).map_or(Ok(()), |moment| {
                    let severity = signal.severity(&moment.report);
                    Err(format!("{severity:?} at {}", clock(moment.t)))
                })
            }
            Self::Slope { rate, share, at } => {
                let found = at_time(told, at)?.trend_slope.map(|slope| slope.slope);
                let is_right = |slope: f64| (slope - rate).abs() <= share * rate;
                if found.is_some_and(is_right) {
                    return Ok(());
                }
                Err(format!("{found:?}"))
            }
            Self::Eta { kind, share, at } => judge_eta(told, kind, share, at),
            Self::Hits { kind, count } => {
                let last = told.last().ok_or("nothing was said")?;
                let found = ceiling(&last.report, kind).map(|ceiling| ceiling.hits);
                if found == Some(count) {
                    return Ok(());
                }
                Err(format!("{found:?}"))
            }
            Self::Loss(expected) => {
                let last = told.last().ok_or("nothing was said")?;
                let lost = last.report.counts.lost_messages;
                if (lost > 0) == expected {
                    return Ok(());
                }
                Err(format!("{lost} messages are lost"))
            }
        }
    }
}

/// Raised without a line that says so, or before its time.
pub(super) fn unexpected(expectations: &[(usize, Expectation)], told: &[Moment]) -> Vec<String> {
    let mut wrong = Vec::new();
    for signal in SIGNALS {
        let about = || {
            let lines = expectations.iter().map(|(_, expected)| expected);
            lines.filter(move |expected| expected.signal() == Some(signal))
        };
        let since = about().map(|expected| match expected {
            Expectation::Raised { since, .. } => *since,
            Expectation::May(_) => 0.0,
            _ => f64::INFINITY,
        });
        let since = since.fold(f64::INFINITY, f64::min);
        let raised = told.iter().find(|moment| {
            moment.t < since && signal.severity(&moment.report) > Some(Severity::Ok)
        });
        if let Some(Moment { t, report, .. }) = raised {
            let severity = signal.severity(report);
            wrong.push(format!(
                "{signal:?} is {severity:?} at {}, which no line expects: {:?}, tail {:?}, {:?}",
                clock(*t),
                report.lag_growth,
                report.divergence.tail,
                report.retry_storm,
            ));
        }
    }
    wrong
}

fn rests_on(report: &TopicReport, rule: Rule) -> Result<(), String> {
    let is_about = |e: &&Evidence| e.rule.signal() == rule.signal() && e.holds();
    let holding = || report.evidence.iter().filter(is_about);
    if holding().any(|evidence| evidence.rule == rule) {
        return Ok(());
    }
    let names: Vec<_> = holding().map(|evidence| evidence.rule.name()).collect();
    Err(format!("by {names:?}"))
}

fn rule(name: &str) -> Result<Rule, String> {
    let found = Rule::ALL.into_iter().find(|rule| rule.name() == name);
    found.ok_or_else(|| format!("{name:?} is no rule of docs/signals.md"))
}

/// The truth is when the ceiling was reached later in the story.
fn judge_eta(told: &[Moment], kind: CeilingKind, share: f64, at: f64) -> Result<(), String> {
    let now = at_time(told, at)?;
    let eta = ceiling(now, kind).and_then(|ceiling| ceiling.eta);
    let eta = eta.ok_or("there is none")?;
    let is_reached = |moment: &&Moment| {
        let is_full = |ceiling: &CeilingReport| ceiling.utilization_ratio >= 1.0;
        let is_over = match kind {
            CeilingKind::Retention => moment.loses,
            CeilingKind::Lag | CeilingKind::Delay => {
                ceiling(&moment.report, kind).is_some_and(is_full)
            }
        };
        moment.t >= at && is_over
    };
    let reached = told.iter().find(is_reached).ok_or("it is never reached")?;
    let truth = reached.t - at;
    if (eta.seconds - truth).abs() <= share * truth {
        return Ok(());
    }
    Err(format!(
        "{} instead of {} ({eta:?})",
        clock(eta.seconds),
        clock(truth)
    ))
}

fn at_time(told: &[Moment], at: f64) -> Result<&TopicReport, String> {
    let found = told.iter().find(|moment| moment.t >= at);
    found
        .map(|moment| &moment.report)
        .ok_or_else(|| "nothing was said then".to_owned())
}

fn ceiling(report: &TopicReport, kind: CeilingKind) -> Option<&CeilingReport> {
    report.ceilings.iter().find(|ceiling| ceiling.kind == kind)
}

fn kind(words: &mut Words) -> Result<CeilingKind, String> {
    match words.next("lag, delay or retention")?.as_str() {
        "lag" => Ok(CeilingKind::Lag),
        "delay" => Ok(CeilingKind::Delay),
        "retention" => Ok(CeilingKind::Retention),
        other => Err(format!("{other:?} is none of lag, delay, retention")),
    }
}

fn within_at(words: &mut Words) -> Result<(f64, f64), String> {
    words.must("within")?;
    let share = words.share()?;
    words.must("at")?;
    Ok((share, words.duration()?))
}

fn clock(seconds: f64) -> String {
    let minutes = (seconds / 60.0).floor();
    format!(
        "{}h{:02}m{:02}s",
        (minutes / 60.0).floor(),
        minutes % 60.0,
        (seconds % 60.0).floor()
    )
}
