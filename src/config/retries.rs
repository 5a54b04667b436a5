//! Which topics hold the retries of which: patterns over topic names.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use crate::analysis::RetryName;

/// What retry topics are usually called: `orders-retry-0` (Spring), `orders-payments-retry` and `orders-retry-5000` (Uber, Confluent).
/// A group's name may stand before the suffix, where it can't be told from the main topic's, or after it.
const RETRY: &str = r"^(?P<main>.+?)[._-](retry|retries|rty)([._-]?\d+)?([._-]\d+(ms|s|m|h)?)?([._-](?P<group>.+))?$";

static DEFAULT: LazyLock<Regex> = LazyLock::new(|| {
    RegexBuilder::new(RETRY)
        .case_insensitive(true)
        .build()
        .expect("a constant of ours")
});

/// Whose retries a topic of that name holds, if any.
pub fn retry_name_of(topic: &str) -> Option<RetryName> {
    let found = DEFAULT.captures(topic)?;
    let of = |part: &str| found.name(part).map(|part| part.as_str().to_owned());
    Some(RetryName {
        main: of("main")?,
        group: of("group"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_are_known() {
        let cases = [
            ("orders", None),
            ("retry", None),
            ("orders-retry-0", Some(("orders", None))),
            ("orders.RETRY", Some(("orders", None))),
            ("orders_retry_5000ms", Some(("orders", None))),
            ("orders-payments-retry", Some(("orders-payments", None))),
            ("orders-retry-payments", Some(("orders", Some("payments")))),
            ("retry-service-events", None),
        ];
        for (topic, expected) in cases {
            let expected = expected.map(|(main, group): (&str, Option<&str>)| RetryName {
                main: main.to_owned(),
                group: group.map(str::to_owned),
            });
            assert_eq!(retry_name_of(topic), expected, "{topic}");
        }
    }
}
