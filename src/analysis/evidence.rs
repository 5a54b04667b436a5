//! Why a verdict is what it is: a rule of `docs/signals.md`, since when, and the numbers that it compares. Detectors decide by the
//! same comparisons, so that no explanation is a second implementation of a rule. A signal is raised exactly while all comparisons
//! of one of its rules hold.

mod rule;

use std::fmt;

use super::report::{CeilingKind, Severity};
use super::sample::Time;
use super::{Signal, Signals};
pub use rule::Rule;

/// What one rule compares, on a group in a topic, one of its partitions, or one of its ceilings.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Which rule. What it says counts while all of its comparisons hold.
    pub rule: Rule,
    /// The partition that it is about; absent where that is the group and topic as a whole.
    pub partition: Option<u32>,
    /// The ceiling that it is about, if it is about one.
    pub ceiling: Option<CeilingKind>,
    /// Since when what it looks at goes on, by the clock of the samples; absent where that is not known.
    pub since: Option<Time>,
    /// In the order in which they are asked. No rule has more than [`MOST_COMPARED`].
    pub compared: Vec<Compared>,
}

/// Comparisons of a rule at most: a test of troughs, and how long it must last.
pub const MOST_COMPARED: usize = 16;

/// All that can be told of a group in a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// When the last sample was.
    pub at: Time,
    /// In the order of [`Signal::ALL`].
    pub signals: [Explained; Signal::ALL.len()],
}

/// All that can be told of one signal, also while it is quiet or muted.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Which one.
    pub signal: Signal,
    /// As judged, whether it is muted or not.
    pub severity: Option<Severity>,
    /// It isn't called now, because somebody wanted it so.
    pub muted: bool,
    /// What is looked at. Those that hold come first, the worst before the others: they made the verdict.
    pub rules: Vec<Evidence>,
}

/// A number, and what a rule asks of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// What it is, with its unit: `rise_messages`, `held_seconds`.
    pub what: &'static str,
    /// How much it is; absent while unknown.
    pub value: Option<f64>,
    /// What it has to be.
    pub needs: Needs,
}

/// What is asked of a number. An unknown one is none of these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Needs {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
    /// More.
    Above(f64),
    /// Less.
    Below(f64),
    /// Nothing: it is told because others are judged by it, or because it is not asked for here.
    Nothing,
}

impl Evidence {
    /// What a rule compares.
    pub fn new(rule: Rule, compared: impl IntoIterator<Item = Compared>) -> Self {
        Self {
            rule,
            partition: None,
            ceiling: None,
            since: None,
            compared: compared.into_iter().collect(),
        }
    }

    /// The same, going on since then.
    #[must_use]
    pub fn since(self, since: impl Into<Option<Time>>) -> Self {
        let since = since.into();
        Self { since, ..self }
    }

    /// The same, about a partition.
    #[must_use]
    pub fn of_partition(self, partition: impl Into<Option<u32>>) -> Self {
        let partition = partition.into();
        Self { partition, ..self }
    }

    /// The same, about a ceiling.
    #[must_use]
    pub fn of_ceiling(self, kind: CeilingKind) -> Self {
        let ceiling = Some(kind);
        Self { ceiling, ..self }
    }

    /// What the rule says is so.
    pub fn holds(&self) -> bool {
        self.compared.iter().all(Compared::holds)
    }

    /// How bad that is; nothing while it isn't so.
    pub fn severity(&self) -> Severity {
        if self.holds() {
            self.rule.severity()
        } else {
            Severity::Ok
        }
    }

    /// How many of its comparisons don't hold: the fewer, the nearer.
    pub fn missing(&self) -> usize {
        self.compared.iter().filter(|c| !c.holds()).count()
    }
}

impl Explained {
    /// Puts the rules in order.
    pub fn new(
        signal: Signal,
        severity: Option<Severity>,
        muted: Signals,
        mut rules: Vec<Evidence>,
    ) -> Self {
        rules.sort_by_key(|evidence| std::cmp::Reverse(evidence.severity()));
        Self {
            signal,
            severity,
            muted: muted.has(signal),
            rules,
        }
    }
}

impl Compared {
    /// A number that must reach a limit.
    pub fn at_least(what: &'static str, value: impl Into<Option<f64>>, limit: f64) -> Self {
        Self::new(what, value, Needs::AtLeast(limit))
    }

    /// A number that must not exceed a limit.
    pub fn at_most(what: &'static str, value: impl Into<Option<f64>>, limit: f64) -> Self {
        Self::new(what, value, Needs::AtMost(limit))
    }

    /// A number that must exceed a limit.
    pub fn above(what: &'static str, value: impl Into<Option<f64>>, limit: f64) -> Self {
        Self::new(what, value, Needs::Above(limit))
    }

    /// A number that must stay under a limit.
    pub fn below(what: &'static str, value: impl Into<Option<f64>>, limit: f64) -> Self {
        Self::new(what, value, Needs::Below(limit))
    }

    /// A number that others are judged by, or that nothing is asked of here.
    pub fn beside(what: &'static str, value: impl Into<Option<f64>>) -> Self {
        Self::new(what, value, Needs::Nothing)
    }

    fn new(what: &'static str, value: impl Into<Option<f64>>, needs: Needs) -> Self {
        let value = value.into();
        Self { what, value, needs }
    }

    /// Is it as the rule asks?
    pub fn holds(&self) -> bool {
        let is = |as_asked: fn(&f64, &f64) -> bool, limit| {
            self.value.is_some_and(|value| as_asked(&value, &limit))
        };
        match self.needs {
            Needs::AtLeast(limit) => is(f64::ge, limit),
            Needs::AtMost(limit) => is(f64::le, limit),
            Needs::Above(limit) => is(f64::gt, limit),
            Needs::Below(limit) => is(f64::lt, limit),
            Needs::Nothing => true,
        }
    }

    /// What has to be so now was decided before, by a limit of then: where the limit moved meanwhile nothing is asked any more.
    #[must_use]
    pub(super) fn decided_before(self) -> Self {
        if self.holds() {
            self
        } else {
            Self::beside(self.what, self.value)
        }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.what)?;
        match self.value {
            Some(value) => write!(out, " {}", Short(value))?,
            None => out.write_str(" unknown")?,
        }
        let (sign, limit) = match self.needs {
            Needs::AtLeast(limit) => ("≥", limit),
            Needs::AtMost(limit) => ("≤", limit),
            Needs::Above(limit) => (">", limit),
            Needs::Below(limit) => ("<", limit),
            Needs::Nothing => return Ok(()),
        };
        let but = if self.holds() { "" } else { "not " };
        write!(out, " ({but}{sign} {})", Short(limit))
    }
}

/// What the rule says and compares, on one line, without the times.
impl fmt::Display for Evidence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.rule.words())?;
        if let Some(partition) = self.partition {
            write!(out, ", partition {partition}")?;
        }
        if let Some(ceiling) = self.ceiling {
            write!(out, ", {} ceiling", ceiling.name())?;
        }
        for (n, compared) in self.compared.iter().enumerate() {
            write!(out, "{} {compared}", if n == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// To four digits, without an exponent.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0.abs() {
            ..1e-9 => 0,
            ..1.0 => 4,
            ..10.0 => 3,
            ..100.0 => 2,
            ..1000.0 => 1,
            _ => 0,
        };
        let text = format!("{:.digits$}", self.0);
        let short = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        out.write_str(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_reads_as_a_sentence() {
        let evidence = Evidence::new(
            Rule::RisingTroughs,
            [
                Compared::at_least("rise_messages", 5_200.04, 3_000.0),
                Compared::at_most("pause_share", 0.125, 0.05),
                Compared::below("held_seconds", None, 60.0),
                Compared::beside("block_seconds", 240.0),
            ],
        );
        assert_eq!(
            evidence.of_partition(7).to_string(),
            "its troughs rise, partition 7: rise_messages 5200 (≥ 3000), pause_share 0.125 (not ≤ 0.05), \
             held_seconds unknown (not < 60), block_seconds 240"
        );
    }

    #[test]
    fn a_rule_says_something_while_all_of_it_holds() {
        let limit = 3.0;
        // (why, comparison, with 2, with 3, with 4, with an unknown number)
        type Asks = fn(Option<f64>, f64) -> Compared;
        let cases: [(Asks, [bool; 4]); 5] = [
            (
                |v, l| Compared::at_least("n", v, l),
                [false, true, true, false],
            ),
            (
                |v, l| Compared::at_most("n", v, l),
                [true, true, false, false],
            ),
            (
                |v, l| Compared::above("n", v, l),
                [false, false, true, false],
            ),
            (
                |v, l| Compared::below("n", v, l),
                [true, false, false, false],
            ),
            (|v, _| Compared::beside("n", v), [true; 4]),
        ];
        for (asks, expected) in cases {
            let values = [Some(2.0), Some(3.0), Some(4.0), None];
            for (value, holds) in values.into_iter().zip(expected) {
                let compared = asks(value, limit);
                assert_eq!(compared.holds(), holds, "{compared}");
                let beside = Compared::beside("m", 1.0);
                let evidence = Evidence::new(Rule::Stalled, [beside, compared]);
                let severity = if holds {
                    Severity::Critical
                } else {
                    Severity::Ok
                };
                assert_eq!((evidence.holds(), evidence.severity()), (holds, severity));
                assert_eq!(evidence.missing(), usize::from(!holds));
            }
        }
    }
}
