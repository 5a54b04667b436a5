//! Single values: raw text → what it stands for, with a message that says what was expected.
//! Numbers are read here and not by the `config` crate, which takes `yes` for 1.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::duration;
use crate::expose::metrics::Granularity;
use crate::kafka::{Filter, IsolationLevel, Offsets};

/// Longer than any setting makes sense for; keeps sums of times far from overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A value that is written as one piece of text.
pub(super) trait FromText: Sized {
    /// A text that is accepted: for documentation, and to walk the keys without a file.
    const EXAMPLE: &'static str;

    /// Reads it, or says what was expected.
    fn from_text(text: &str) -> Result<Self, String>;
}

/// Text that was read as a `T`.
#[derive(Clone, Debug)]
pub(super) struct Text<T>(pub(super) T);

/// A length of time, more than none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(pub(super) Duration);

/// A length of time from `MIN` to `MAX` seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpanWithin<const MIN: u64, const MAX: u64>(pub(super) Duration);

/// A finite number above 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Positive(pub(super) f64);

/// A number above 0 and at most 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share(pub(super) f64);

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole<const MIN: u64, const MAX: u64>(pub(super) u64);

/// A name that isn't empty.
#[derive(Clone, Debug)]
pub(super) struct Name(pub(super) String);

/// `host:port`.
#[derive(Clone, Debug)]
pub(super) struct Address(pub(super) String);

/// A regular expression for whole names.
#[derive(Clone, Debug)]
pub(super) struct Pattern(pub(super) String);

const NOT_AN_ADDRESS: &str = "expected host:port, without a name or password in front of it (what is there is not shown: it may hold one); who signs in is said under `kafka`";

impl Pattern {
    /// Passes the names that the pattern matches whole.
    pub(super) fn filter(&self) -> Filter {
        Filter::new(std::slice::from_ref(&self.0), &[]).expect("compiled when it was read")
    }
}

impl FromText for Span {
    const EXAMPLE: &'static str = "15s";

    fn from_text(text: &str) -> Result<Self, String> {
        duration::parse(text)
            .filter(|duration| !duration.is_zero() && *duration <= LONGEST)
            .map(Self)
            .ok_or_else(|| expected("a duration above 0 such as 500ms, 15s, 5m or 1h30m", text))
    }
}

impl<const MIN: u64, const MAX: u64> FromText for SpanWithin<MIN, MAX> {
    const EXAMPLE: &'static str = "15s";

    fn from_text(text: &str) -> Result<Self, String> {
        let (least, most) = (Duration::from_secs(MIN), Duration::from_secs(MAX));
        duration::parse(text)
            .filter(|duration| (least..=most).contains(duration))
            .map(Self)
            .ok_or_else(|| {
                let (least, most) = (duration::shown(least), duration::shown(most));
                expected(&format!("a duration from {least} to {most}"), text)
            })
    }
}

impl FromText for Positive {
    const EXAMPLE: &'static str = "1.5";

    fn from_text(text: &str) -> Result<Self, String> {
        number(text)
            .filter(|number| *number > 0.0)
            .map(Self)
            .ok_or_else(|| expected("a number above 0", text))
    }
}

impl FromText for Share {
    const EXAMPLE: &'static str = "0.5";

    fn from_text(text: &str) -> Result<Self, String> {
        number(text)
            .filter(|number| *number > 0.0 && *number <= 1.0)
            .map(Self)
            .ok_or_else(|| expected("a number above 0 and at most 1", text))
    }
}

impl<const MIN: u64, const MAX: u64> FromText for Whole<MIN, MAX> {
    const EXAMPLE: &'static str = "2";

    fn from_text(text: &str) -> Result<Self, String> {
        let number = text
            .parse()
            .ok()
            .filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or_else(|| match MAX {
            u64::MAX => expected(&format!("a whole number from {MIN} on"), text),
            _ => expected(&format!("a whole number from {MIN} to {MAX}"), text),
        })
    }
}

impl FromText for bool {
    const EXAMPLE: &'static str = "true";

    fn from_text(text: &str) -> Result<Self, String> {
        one_of(text, &[("true", true), ("false", false)])
    }
}

impl FromText for Name {
    const EXAMPLE: &'static str = "prod";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err(expected("a name", text)),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl FromText for Address {
    const EXAMPLE: &'static str = "kafka-1:9092";

    fn from_text(text: &str) -> Result<Self, String> {
        let well_formed = text.rsplit_once(':').is_some_and(|(host, port)| {
            is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if well_formed {
            return Ok(Self(text.to_owned()));
        }
        // As a URL has it, and then perhaps with a password.
        if text.contains('@') {
            return Err(NOT_AN_ADDRESS.to_owned());
        }
        Err(expected("host:port (an IPv6 address in brackets)", text))
    }
}

impl FromText for Pattern {
    const EXAMPLE: &'static str = ".*";

    fn from_text(text: &str) -> Result<Self, String> {
        let pattern = text.to_owned();
        match Filter::new(std::slice::from_ref(&pattern), &[]) {
            Ok(_) => Ok(Self(pattern)),
            Err(bad) => Err(format!(
                "the pattern {pattern:?} is no regular expression: {}",
                last_line(&bad.reason)
            )),
        }
    }
}

impl FromText for IsolationLevel {
    const EXAMPLE: &'static str = "read_uncommitted";

    fn from_text(text: &str) -> Result<Self, String> {
        let levels = [
            ("read_uncommitted", Self::ReadUncommitted),
            ("read_committed", Self::ReadCommitted),
        ];
        one_of(text, &levels)
    }
}

impl FromText for Granularity {
    const EXAMPLE: &'static str = "topic";

    fn from_text(text: &str) -> Result<Self, String> {
        one_of(
            text,
            &[("topic", Self::Topic), ("partition", Self::Partition)],
        )
    }
}

impl FromText for Offsets {
    const EXAMPLE: &'static str = "auto";

    fn from_text(text: &str) -> Result<Self, String> {
        let sources = [
            ("auto", Self::Auto),
            ("stream", Self::Stream),
            ("query", Self::Query),
        ];
        one_of(text, &sources)
    }
}

impl<'de, T: FromText> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(T::EXAMPLE, TextVisitor(PhantomData))
    }
}

struct TextVisitor<T>(PhantomData<T>);

impl<'de, T: FromText> Visitor<'de> for TextVisitor<T> {
    type Value = Text<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text such as {}", T::EXAMPLE)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        T::from_text(text).map(Text).map_err(E::custom)
    }
}

/// `one of …, got …`.
pub(super) fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*choice);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    Err(expected(&names.join(" or "), text))
}

pub(super) fn expected(what: &str, text: &str) -> String {
    format!("expected {what}, got the text {text:?}")
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A colon belongs to an IPv6 address, and that wants brackets: without them nobody can say where the port begins.
fn is_host(host: &str) -> bool {
    match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let bad = |c: char| c.is_whitespace() || c.is_control() || "[]:/@,\"'".contains(c);
            !host.is_empty() && !host.contains(bad)
        }
    }
}

/// The regex crate draws a picture over several lines; the reason is in the last.
pub(super) fn last_line(reason: &str) -> &str {
    let last = reason.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last)
}
