//! `15s`, `5m`, `1h30m`, `500ms`: lengths of time as they are written.

use std::time::Duration;

/// Milliseconds of each unit, longest first: the order in which they may follow each other.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads whole numbers with their units; nothing for anything else, an overflow included.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut allowed = &UNITS[..];
    let mut total_ms = 0_u64;
    while !rest.is_empty() || allowed.len() == UNITS.len() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after, |c| c.is_ascii_alphabetic());
        let at = allowed.iter().position(|(name, _)| *name == unit)?;
        let part_ms = number.parse::<u64>().ok()?.checked_mul(allowed[at].1)?;
        total_ms = total_ms.checked_add(part_ms)?;
        (rest, allowed) = (after, &allowed[at + 1..]);
    }
    Some(Duration::from_millis(total_ms))
}

/// As a file would say it: `10m`, `1h30m`. What is shorter than a millisecond is left out.
pub(super) fn shown(duration: Duration) -> String {
    let mut rest_ms = duration.as_millis();
    let mut text = String::new();
    for (unit, size_ms) in UNITS {
        let count = rest_ms / u128::from(size_ms);
        rest_ms %= u128::from(size_ms);
        if count > 0 {
            text += &format!("{count}{unit}");
        }
    }
    if text.is_empty() {
        return "0s".to_owned();
    }
    text
}

/// What fits at the beginning, and the rest.
fn split(text: &str, fits: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !fits(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_written() {
        for text in ["0s", "500ms", "15s", "10m", "1h30m", "3d", "1m1ms"] {
            assert_eq!(shown(parse(text).expect("a duration")), text);
        }
    }

    #[test]
    fn units_add_up_and_nothing_else_is_accepted() {
        let cases = [
            ("15s", Some(15_000)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("500ms", Some(500)),
            ("3d", Some(259_200_000)),
            ("1m1ms", Some(60_001)),
            ("0s", Some(0)),
            ("", None),
            ("15", None),
            ("s", None),
            ("-5s", None),
            ("1.5s", None),
            ("5s1m", None),
            ("1s1s", None),
            ("5 s", None),
            ("99999999999999999999s", None),
            ("9999999999999999d", None),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(
                parse(text),
                milliseconds.map(Duration::from_millis),
                "{text}"
            );
        }
    }
}
