//! Why a verdict is what it is: the rule, since when, and the numbers that it compared. What is shown to people is told from here,
//! so that no explanation is a second implementation of the rule.

use std::fmt;

use super::Signal;
use super::sample::Time;

/// Behind the verdict of one signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Which signal it is about.
    pub signal: Signal,
    /// The rule that decided, in words.
    pub rule: &'static str,
    /// The partition that it was decided on; absent where it is the group and topic as a whole.
    pub partition: Option<u32>,
    /// Since when it holds, or what it looked at begins; absent where that is not known.
    pub since: Option<Time>,
    /// What was compared, in the order of the rule.
    pub compared: Vec<Compared>,
}

/// A number, and what the rule asked of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// What it is, with its unit: `rise_messages`, `p99_seconds`.
    pub what: &'static str,
    /// How much it is.
    pub value: f64,
    /// What it had to be.
    pub needs: Needs,
}

/// What a rule asks of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Needs {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
    /// Nothing: it is told because others are judged by it.
    Nothing,
}

impl Compared {
    /// A number that must reach a limit.
    pub fn at_least(what: &'static str, value: f64, limit: f64) -> Self {
        let needs = Needs::AtLeast(limit);
        Self { what, value, needs }
    }

    /// A number that must not exceed a limit.
    pub fn at_most(what: &'static str, value: f64, limit: f64) -> Self {
        let needs = Needs::AtMost(limit);
        Self { what, value, needs }
    }

    /// A number that others are judged by.
    pub fn beside(what: &'static str, value: f64) -> Self {
        let needs = Needs::Nothing;
        Self { what, value, needs }
    }

    /// Is it as the rule asks?
    pub fn holds(&self) -> bool {
        match self.needs {
            Needs::AtLeast(limit) => self.value >= limit,
            Needs::AtMost(limit) => self.value <= limit,
            Needs::Nothing => true,
        }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.what, Short(self.value))?;
        match self.needs {
            Needs::AtLeast(limit) => write!(out, " (needs at least {})", Short(limit)),
            Needs::AtMost(limit) => write!(out, " (needs at most {})", Short(limit)),
            Needs::Nothing => Ok(()),
        }
    }
}

/// The rule and the numbers, on one line, without the times.
impl fmt::Display for Evidence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.rule)?;
        if let Some(partition) = self.partition {
            write!(out, ", partition {partition}")?;
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
        let evidence = Evidence {
            signal: Signal::LagGrowth,
            rule: "its troughs rise",
            partition: Some(7),
            since: Some(0.0),
            compared: vec![
                Compared::at_least("rise_messages", 5_200.04, 3_000.0),
                Compared::at_most("p50_slope", 0.125, 0.25),
                Compared::beside("production_rate", 10.0),
            ],
        };
        assert_eq!(
            evidence.to_string(),
            "its troughs rise, partition 7: rise_messages 5200 (needs at least 3000), \
             p50_slope 0.125 (needs at most 0.25), production_rate 10"
        );
        assert!(evidence.compared.iter().all(Compared::holds));
        assert!(!Compared::at_least("hits", 2.0, 3.0).holds());
    }
}
