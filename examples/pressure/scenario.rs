//! A scenario: what a pair is ordered to do and when, in phases, as data. The files beside this one act out the troubles that lagslope
//! has signals for; another is written in a minute. Pure: time comes in as an argument, so that a schedule is tested without waiting.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Deserializer};

/// Orders repeated faster than this would only be noise: the pair acts every 20 ms, and commits every second.
const SHORTEST_REPEAT: Duration = Duration::from_secs(1);

/// What is in a scenario's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it acts out, for people.
    #[serde(rename = "about")]
    _about: String,
    /// Arguments of the pair, as if typed before those that are.
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// One after the other; the last one lasts until the pair ends.
    pub(crate) phases: Vec<Phase>,
}

/// A time with orders of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Phase {
    pub(crate) name: String,
    /// When the next phase begins, unless somebody orders `next` earlier.
    #[serde(default, deserialize_with = "optional")]
    pub(crate) lasts: Option<Duration>,
    /// The orders are given again and again.
    #[serde(default, deserialize_with = "optional")]
    pub(crate) every: Option<Duration>,
    pub(crate) orders: Vec<Order>,
}

/// What to do, and how long after its phase began; with `every`, after each repeat began.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    #[serde(deserialize_with = "required")]
    pub(crate) at: Duration,
    /// One of those that standard input takes.
    pub(crate) order: String,
}

impl Scenario {
    /// Reads a file's text. Errors name what can't be played: no phase, an order that its own repeat cuts off.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let scenario: Self = serde_json::from_str(text)?;
        ensure!(!scenario.phases.is_empty(), "a scenario has phases");
        for phase in &scenario.phases {
            phase.check().with_context(|| phase.name.clone())?;
        }
        Ok(scenario)
    }
}

impl Phase {
    /// The orders of a span of the phase, from `since` (inclusive) until `until`, in the order of their times.
    pub(crate) fn due(&self, since: Duration, until: Duration) -> Vec<&str> {
        let mut due = Vec::new();
        let mut repeat_began = self.repeat_at(since);
        while repeat_began < until {
            let orders = self.orders.iter().filter(|order| {
                let at = repeat_began + order.at;
                since <= at && at < until
            });
            due.extend(orders.map(|order| order.order.as_str()));
            match self.every {
                Some(every) => repeat_began += every,
                None => break,
            }
        }
        due
    }

    /// When the repeat began that holds this moment.
    fn repeat_at(&self, moment: Duration) -> Duration {
        self.every.map_or(Duration::ZERO, |every| {
            let repeats = (moment.as_secs_f64() / every.as_secs_f64()).floor();
            every.mul_f64(repeats)
        })
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.orders.is_sorted_by_key(|order| order.at),
            "orders come in order of time"
        );
        let Some(every) = self.every else {
            return Ok(());
        };
        ensure!(
            every >= SHORTEST_REPEAT,
            "repeats faster than every {SHORTEST_REPEAT:?}"
        );
        if let Some(late) = self.orders.iter().find(|order| order.at >= every) {
            bail!("`{}` comes after its repeat has ended", late.order);
        }
        Ok(())
    }
}

/// `500ms`, `60s`, `16m`, `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(at.context("a unit is missing: ms, s, m or h")?);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => bail!("unknown unit {unit}: ms, s, m or h"),
    };
    Ok(Duration::try_from_secs_f64(
        number.parse::<f64>()? * seconds,
    )?)
}

fn required<'de, D: Deserializer<'de>>(written: D) -> Result<Duration, D::Error> {
    duration(&String::deserialize(written)?).map_err(serde::de::Error::custom)
}

/// Called only when the key is there.
fn optional<'de, D: Deserializer<'de>>(written: D) -> Result<Option<Duration>, D::Error> {
    required(written).map(Some)
}
