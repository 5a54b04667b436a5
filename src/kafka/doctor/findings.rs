//! What was found, as plain values.

use std::time::Duration;

use super::acl::Acl;
use super::questions::Question;

/// Everything that was found of one cluster.
#[derive(Clone, Debug)]
pub struct Checkup {
    /// Its name in the configuration.
    pub cluster: String,
    /// The bootstrap servers, then the brokers as the cluster names them.
    pub reached: Vec<Reached>,
    /// One for each question, in order; none when no broker could be asked.
    pub findings: Vec<Finding>,
    /// Whose clock was looked at.
    pub skews: Vec<Skew>,
}

impl Checkup {
    pub(super) fn new(cluster: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            reached: Vec::new(),
            findings: Vec::new(),
            skews: Vec::new(),
        }
    }

    /// Is all there that the daemon needs?
    pub fn is_well(&self) -> bool {
        let asked = !self.findings.is_empty() && !self.findings.iter().any(Finding::is_bad);
        let reached = self.reached.iter().all(|reached| reached.failure.is_none());
        asked && reached && !self.skews.iter().any(Skew::is_bad)
    }
}

/// An address, and whether it answers.
#[derive(Clone, Debug)]
pub struct Reached {
    /// What is there.
    pub who: Who,
    /// `host:port`
    pub address: String,
    /// Connecting, signing in and greeting.
    pub took: Duration,
    /// Why it couldn't be asked; absent when it could.
    pub failure: Option<String>,
}

/// Whose address it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Who {
    /// As the configuration names it.
    Bootstrap,
    /// As the cluster advertises it, with the broker's number.
    Broker(i32),
}

/// What came of one question.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The question.
    pub question: Question,
    /// The version it is asked in; absent when the broker doesn't know it, or it isn't asked yet.
    pub version: Option<i16>,
    /// Whether it is answered.
    pub verdict: Verdict,
    /// What was found or refused, in a few words.
    pub found: String,
    /// The right that would help; absent where none would, and where nothing is lost without it.
    pub missing: Option<Acl>,
}

impl Finding {
    /// Does the daemon lack something for it?
    pub fn is_bad(&self) -> bool {
        let fails = matches!(
            self.verdict,
            Verdict::Partial | Verdict::Refused | Verdict::Failed
        );
        fails && self.question.needed
    }
}

/// Whether a question is answered, and if not, why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// Without an error, and perhaps not wholly: what one may not see is left out.
    Partial,
    /// A right is missing.
    Refused,
    /// The broker is too old for it. Nothing is lost: it is too old for what is asked about, too.
    Unsupported,
    /// Neither a right nor its age is the reason.
    Failed,
    /// It couldn't be told.
    Unknown,
}

/// How far somebody's clock is from ours.
#[derive(Clone, Debug)]
pub struct Skew {
    /// Whose clock stamped the records.
    pub whose: String,
    /// How far it is ahead.
    pub clock: Clock,
    /// Is it a broker's? Producers stamp records before they send them: theirs seem late without being so.
    pub is_broker: bool,
}

/// How far a clock is ahead of ours.
#[derive(Clone, Debug, PartialEq)]
pub enum Clock {
    /// By at least so many seconds and at most so many; negative is behind.
    Ahead(f64, f64),
    /// Why it isn't known.
    Unknown(String),
}

/// What time lag is published with is seconds; below that no skew matters.
const SKEW_SECONDS_MAX: f64 = 1.0;

impl Skew {
    /// A broker's clock that is surely off by more than what matters.
    pub fn is_bad(&self) -> bool {
        let off = |lower: f64, upper: f64| lower > SKEW_SECONDS_MAX || upper < -SKEW_SECONDS_MAX;
        self.is_broker && matches!(self.clock, Clock::Ahead(lower, upper) if off(lower, upper))
    }
}
