//! Numbers as a person reads them.

use crate::analysis::sample::Time;

/// Before, a number of seconds is no date but a count from some beginning: 2001.
const DATES_FROM: Time = 1e9;

/// A moment: the date in UTC, or the seconds themselves where they are none.
pub(super) fn moment(at: Time) -> String {
    let date = (at >= DATES_FROM).then(|| jiff::Timestamp::from_second(at as i64).ok());
    date.flatten()
        .map_or_else(|| format!("{at:.0} s"), |date| date.to_string())
}

/// A length of time, to two units.
pub(super) fn length(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let two = |large: u64, name: &str, small: u64, small_name: &str| match small {
        0 => format!("{large} {name}"),
        _ => format!("{large} {name} {small} {small_name}"),
    };
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => two(whole / 60, "min", whole % 60, "s"),
        3600..86_400 => two(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

/// Messages, or messages per second, to three digits.
pub(super) fn count(number: f64) -> String {
    let (scaled, unit) = match number.abs() {
        0.0..1e4 => (number, ""),
        1e4..1e6 => (number / 1e3, " k"),
        1e6..1e9 => (number / 1e6, " M"),
        _ => (number / 1e9, " G"),
    };
    let digits = match scaled.abs() {
        _ if unit.is_empty() && scaled.fract() == 0.0 => 0,
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{scaled:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let counts = [
            (0.0, "0"),
            (9_999.0, "9999"),
            (0.125, "0.12"),
            (12_340.0, "12.3 k"),
            (1_234_000.0, "1.23 M"),
            (2e12, "2000 G"),
        ];
        for (number, expected) in counts {
            assert_eq!(count(number), expected);
        }
        let lengths = [
            (0.4, "0 s"),
            (61.0, "1 min 1 s"),
            (120.0, "2 min"),
            (3_700.0, "1 h 1 min"),
            (90_000.0, "1 d 1 h"),
        ];
        for (seconds, expected) in lengths {
            assert_eq!(length(seconds), expected);
        }
        assert_eq!(moment(1_700_000_000.4), "2023-11-14T22:13:20Z");
        assert_eq!(moment(12.0), "12 s");
    }
}
