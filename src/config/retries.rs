//! Which topics hold the retries, or the dead letters, of which: patterns over topic names.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use super::leaf::{FromText, last_line};
use crate::analysis::{RetryKind, RetryName};

/// What retry topics are usually called: `orders-retry-0` (Spring), `orders-payments-retry` and `orders-retry-5000` (Confluent),
/// `orders__payments__retry` (Uber). A group's name may stand before the suffix, where it can't be told from the main topic's, or
/// after it. The suffix at the very end comes first: `orders-retry-0-retry` is no retry topic of a group called `retry`.
pub(super) const RETRY: [&str; 2] = [
    r"(?P<main>.*[^._-])[._-]+(retry|retries|rty)([._-]?\d+)?([._-]\d+(ms|s|m|h)?)?",
    r"(?P<main>.*?[^._-])[._-]+(retry|retries|rty)([._-]?\d+)?([._-]\d+(ms|s|m|h)?)?[._-]+(?P<group>[^._-].*)",
];

/// What dead-letter topics are usually called: `orders-dlt`, `orders.DLT` (Spring), `orders__payments__dlq` (Uber).
pub(super) const DEAD_LETTER: [&str; 1] = [r"(?P<main>.*[^._-])[._-]+(dlt|dlq|dead[._-]?letters?)"];

/// The names that patterns may give to their parts.
const MAIN: &str = "main";
const GROUP: &str = "group";

/// A pattern for the whole name of a topic, whatever its case, in which a part is named `main`.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Regex);

/// Tells retry and dead-letter topics by their names.
#[derive(Clone, Debug)]
pub struct RetryPatterns {
    retry: Vec<Regex>,
    dead_letter: Vec<Regex>,
}

static DEFAULT: LazyLock<RetryPatterns> = LazyLock::new(|| {
    let compiled = |patterns: &[&str]| {
        let patterns = patterns.iter().map(|pattern| compile(pattern));
        patterns
            .collect::<Result<_, _>>()
            .expect("constants of ours")
    };
    RetryPatterns {
        retry: compiled(&RETRY),
        dead_letter: compiled(&DEAD_LETTER),
    }
});

impl Default for RetryPatterns {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl RetryPatterns {
    /// Those that were written, in the place of the defaults.
    pub(super) fn new(retry: Option<Vec<Pattern>>, dead_letter: Option<Vec<Pattern>>) -> Self {
        let own = |patterns: Option<Vec<Pattern>>, default: &[Regex]| {
            let own = |patterns: Vec<Pattern>| patterns.into_iter().map(|pattern| pattern.0);
            patterns.map_or_else(|| default.to_vec(), |patterns| own(patterns).collect())
        };
        Self {
            retry: own(retry, &DEFAULT.retry),
            dead_letter: own(dead_letter, &DEFAULT.dead_letter),
        }
    }

    /// Whose retries or dead letters a topic of that name holds, if any. What may be both is a dead-letter topic: that is where
    /// a message ends.
    pub fn name_of(&self, topic: &str) -> Option<RetryName> {
        let kinds = [
            (RetryKind::DeadLetter, &self.dead_letter),
            (RetryKind::Retry, &self.retry),
        ];
        kinds.into_iter().find_map(|(kind, patterns)| {
            let found = patterns
                .iter()
                .find_map(|pattern| pattern.captures(topic))?;
            let part = |name| found.name(name).map(|part| part.as_str().to_owned());
            Some(RetryName {
                kind,
                main: part(MAIN).filter(|main| !main.is_empty())?,
                group: part(GROUP).filter(|group| !group.is_empty()),
            })
        })
    }
}

/// By the patterns as they were written.
impl PartialEq for RetryPatterns {
    fn eq(&self, other: &Self) -> bool {
        let same = |ours: &[Regex], theirs: &[Regex]| {
            let theirs = theirs.iter().map(Regex::as_str);
            ours.iter().map(Regex::as_str).eq(theirs)
        };
        same(&self.retry, &other.retry) && same(&self.dead_letter, &other.dead_letter)
    }
}

impl FromText for Pattern {
    const EXAMPLE: &'static str = "(?P<main>.+)-retry";

    fn from_text(text: &str) -> Result<Self, String> {
        let compiled = compile(text).map_err(|error| {
            let reason = error.to_string();
            format!(
                "the pattern {text:?} is no regular expression: {}",
                last_line(&reason)
            )
        })?;
        let names: Vec<&str> = compiled.capture_names().flatten().collect();
        if let Some(unknown) = names.iter().find(|name| ![MAIN, GROUP].contains(name)) {
            return Err(format!(
                "the pattern {text:?} names a part {unknown:?}: only main and group mean something"
            ));
        }
        if !names.contains(&MAIN) {
            return Err(format!(
                "the pattern {text:?} doesn't say which part is the main topic's name: put (?P<main>…) around it"
            ));
        }
        Ok(Self(compiled))
    }
}

/// Compiled alone first: an unbalanced `)` would otherwise pair with ours.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(pattern)?;
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .case_insensitive(true)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_are_known() {
        use RetryKind::{DeadLetter, Retry};
        // (whose habit, topic, what it holds of which main topic and group)
        let cases = [
            ("a main topic", "orders", None),
            ("nothing before it", "retry", None),
            (
                "about retries, not a retry topic",
                "retry-service-events",
                None,
            ),
            ("a word that begins alike", "orders-retrying", None),
            ("a word that ends alike", "orders-poultry", None),
            ("Spring", "orders-retry", Some((Retry, "orders", None))),
            (
                "Spring, by number",
                "orders-retry-0",
                Some((Retry, "orders", None)),
            ),
            (
                "Spring, by delay",
                "orders-retry-1000",
                Some((Retry, "orders", None)),
            ),
            (
                "Spring, a main topic of several words",
                "shop.orders.v1-retry-2",
                Some((Retry, "shop.orders.v1", None)),
            ),
            (
                "Spring, several listeners",
                "orders-payments-retry-0",
                Some((Retry, "orders-payments", None)),
            ),
            ("Spring", "orders-dlt", Some((DeadLetter, "orders", None))),
            (
                "Spring's recoverer",
                "orders.DLT",
                Some((DeadLetter, "orders", None)),
            ),
            (
                "Confluent",
                "orders-retry-5m",
                Some((Retry, "orders", None)),
            ),
            (
                "Confluent",
                "orders_retry_5000ms",
                Some((Retry, "orders", None)),
            ),
            (
                "Confluent, by number and delay",
                "orders-retry-2-30s",
                Some((Retry, "orders", None)),
            ),
            (
                "Confluent",
                "orders.dlq",
                Some((DeadLetter, "orders", None)),
            ),
            (
                "Uber",
                "orders__payments__retry",
                Some((Retry, "orders__payments", None)),
            ),
            (
                "Uber",
                "orders__payments__dlq",
                Some((DeadLetter, "orders__payments", None)),
            ),
            (
                "the group behind",
                "orders-retry-payments",
                Some((Retry, "orders", Some("payments"))),
            ),
            (
                "the group behind a number",
                "orders.retry.1.pay-ments",
                Some((Retry, "orders", Some("pay-ments"))),
            ),
            ("capitals", "Orders.RETRY", Some((Retry, "Orders", None))),
            (
                "in full",
                "orders-dead-letter",
                Some((DeadLetter, "orders", None)),
            ),
            (
                "in full",
                "orders.deadletters",
                Some((DeadLetter, "orders", None)),
            ),
            ("short", "orders-rty", Some((Retry, "orders", None))),
            (
                "of a retry topic",
                "orders-retry-0-dlt",
                Some((DeadLetter, "orders-retry-0", None)),
            ),
            (
                "of a retry topic",
                "orders-retry-0-retry",
                Some((Retry, "orders-retry-0", None)),
            ),
        ];
        for (whose, topic, expected) in cases {
            let expected = expected.map(|(kind, main, group): (_, &str, Option<&str>)| RetryName {
                kind,
                main: main.to_owned(),
                group: group.map(str::to_owned),
            });
            assert_eq!(
                RetryPatterns::default().name_of(topic),
                expected,
                "{whose}: {topic}"
            );
        }
    }

    #[test]
    fn own_patterns_take_the_place_of_the_defaults_of_their_kind() {
        let own = Pattern::from_text("again[.](?P<group>[^.]+)[.](?P<main>.+)").expect("a pattern");
        let patterns = RetryPatterns::new(Some(vec![own]), None);
        let name = patterns.name_of("AGAIN.pay.orders").expect("a retry topic");
        assert_eq!(
            (name.main.as_str(), name.group.as_deref()),
            ("orders", Some("pay"))
        );
        assert_eq!(patterns.name_of("orders-retry-0"), None);
        assert!(patterns.name_of("orders-dlt").is_some());
        assert_ne!(patterns, RetryPatterns::default());
        assert_eq!(patterns.name_of("x-again.pay.orders"), None, "whole names");
    }
}
