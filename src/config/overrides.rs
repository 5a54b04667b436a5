//! `overrides`: other thresholds, or silence, for the groups and topics whose names match. The first that matches wins.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::check::{Wrong, required};
use super::leaf::{self, FromText, Pattern, Text};
use super::signals::{Signals, laid_over};
use super::tree::Path;
use crate::analysis::{self, Mute, MuteWindow, Signal};
use crate::kafka;

/// What holds for the groups and topics whose names it matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// Passes the groups it is for.
    pub group: kafka::Filter,
    /// Passes the topics it is for.
    pub topic: kafka::Filter,
    /// Thresholds: what was written here, over those that hold for all.
    pub settings: Arc<analysis::Settings>,
    /// What is not called, if anything isn't.
    pub mute: Option<Arc<Mute>>,
}

/// An entry of `overrides`, as it is written.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
pub(super) struct Written {
    group: Option<Text<Pattern>>,
    topic: Option<Text<Pattern>>,
    mute: Option<Vec<Text<Signal>>>,
    between: Option<Text<Between>>,
    days: Option<Vec<Text<Day>>>,
    signals: Option<Signals>,
}

/// Two times of day.
#[derive(Clone, Copy, Debug)]
struct Between {
    begins: Duration,
    lasts: Duration,
}

/// A day of the week, Monday = 0.
#[derive(Clone, Copy, Debug)]
struct Day(usize);

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Judges an entry. `general` is what holds for all: the settings without thresholds that were written, and those.
pub(super) fn check(
    written: &Written,
    at: &Path,
    base: &analysis::Settings,
    general: Option<(&Signals, &Path)>,
    settings: &Arc<analysis::Settings>,
) -> Result<Override, Wrong> {
    if written.mute.is_none() && written.signals.is_none() {
        return Err((at.clone(), "missing: mute, signals or both".to_owned()));
    }
    let settings = match &written.signals {
        None => Arc::clone(settings),
        Some(signals) => {
            let at = at.key("signals");
            if signals.rate_window.is_some() {
                let message = "holds for all groups alike, since Kafka is asked for the past by it: set it under the general `signals`";
                return Err((at.key("rate_window"), message.to_owned()));
            }
            let layers: Vec<_> = general.into_iter().chain([(signals, &at)]).collect();
            Arc::new(laid_over(base.clone(), &layers)?)
        }
    };
    Ok(Override {
        group: required(written.group.as_ref(), at, "group")?.filter(),
        topic: required(written.topic.as_ref(), at, "topic")?.filter(),
        settings,
        mute: mute(written, at)?.map(Arc::new),
    })
}

fn mute(written: &Written, at: &Path) -> Result<Option<Mute>, Wrong> {
    let signals = written.mute.iter().flatten();
    let signals: analysis::Signals = signals.map(|Text(signal)| *signal).collect();
    let window = window(written, at)?;
    if signals.is_empty() {
        return match window {
            None => Ok(None),
            Some(_) => Err((
                at.key("between"),
                "there is no `mute` that it is for".into(),
            )),
        };
    }
    Ok(Some(Mute { signals, window }))
}

fn window(written: &Written, at: &Path) -> Result<Option<MuteWindow>, Wrong> {
    let days = written.days.as_deref();
    let Some(Text(between)) = &written.between else {
        return match days {
            None => Ok(None),
            Some(_) => {
                let message = "needs `between`: write between: \"00:00-24:00\" for whole days";
                Err((at.key("days"), message.to_owned()))
            }
        };
    };
    if days.is_some_and(<[_]>::is_empty) {
        return Err((at.key("days"), "expected at least one day".to_owned()));
    }
    let begins_on = |day| days.is_none_or(|days| days.iter().any(|Text(Day(d))| *d == day));
    let seconds = |time: Duration| u32::try_from(time.as_secs()).expect("a day at most");
    Ok(Some(MuteWindow {
        begins: seconds(between.begins),
        lasts: seconds(between.lasts),
        days: std::array::from_fn(begins_on),
    }))
}

impl FromText for Signal {
    const EXAMPLE: &'static str = "lag_growth";

    fn from_text(text: &str) -> Result<Self, String> {
        leaf::one_of(text, &Self::ALL.map(|signal| (signal.name(), signal)))
    }
}

impl FromText for Day {
    const EXAMPLE: &'static str = "mon";

    fn from_text(text: &str) -> Result<Self, String> {
        let days: Vec<_> = (0..)
            .map(Self)
            .zip(DAYS)
            .map(|(day, name)| (name, day))
            .collect();
        leaf::one_of(text, &days)
    }
}

impl FromText for Between {
    const EXAMPLE: &'static str = "22:00-04:00";

    fn from_text(text: &str) -> Result<Self, String> {
        let read = || {
            let (begins, ends) = text.split_once('-')?;
            Some((time_of_day(begins)?, time_of_day(ends)?))
        };
        let (begins, ends) = read()
            .filter(|(begins, _)| *begins < DAY)
            .ok_or_else(|| leaf::expected("two times of day, UTC, such as 22:00-04:00", text))?;
        if begins == ends {
            let what = "an end other than the beginning (a whole day is 00:00-24:00)";
            return Err(leaf::expected(what, text));
        }
        // What ends before it begins ends on the day after.
        let lasts = if ends > begins {
            ends - begins
        } else {
            ends + DAY - begins
        };
        Ok(Self { begins, lasts })
    }
}

/// `22:00`, up to `24:00`.
fn time_of_day(text: &str) -> Option<Duration> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |digits: &str| {
        let is_plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| is_plain)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let time = Duration::from_secs(hours * 3600 + minutes * 60);
    (minutes < 60 && time <= DAY).then_some(time)
}
