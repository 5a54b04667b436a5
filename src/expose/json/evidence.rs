//! What a verdict rests on, as JSON.

use serde::Serialize;

use super::{short, word};
use crate::analysis::evidence::{self, Needs};

/// A rule that holds, or one that is about to.
#[derive(Serialize)]
pub(super) struct Evidence<'a> {
    signal: &'static str,
    rule: &'static str,
    severity: &'static str,
    holds: bool,
    since: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling: Option<&'static str>,
    compared: Vec<Compared<'a>>,
}

/// A number and its limit, in the field that says how they must relate; no limit where nothing is asked.
#[derive(Default, Serialize)]
struct Compared<'a> {
    what: &'a str,
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    above: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<f64>,
}

impl Evidence<'_> {
    pub(super) fn of(evidence: &evidence::Evidence) -> Self {
        let rule = evidence.rule;
        Self {
            signal: rule.signal().name(),
            rule: rule.name(),
            severity: word(Some(rule.severity())),
            holds: evidence.holds(),
            since: short(evidence.since),
            partition: evidence.partition,
            ceiling: evidence.ceiling.map(|kind| kind.name()),
            compared: evidence.compared.iter().map(Compared::of).collect(),
        }
    }
}

impl Compared<'_> {
    fn of(compared: &evidence::Compared) -> Self {
        let mut written = Self {
            what: compared.what,
            value: short(compared.value),
            ..Self::default()
        };
        match compared.needs {
            Needs::AtLeast(limit) => written.at_least = short(Some(limit)),
            Needs::AtMost(limit) => written.at_most = short(Some(limit)),
            Needs::Above(limit) => written.above = short(Some(limit)),
            Needs::Below(limit) => written.below = short(Some(limit)),
            Needs::Nothing => {}
        }
        written
    }
}
