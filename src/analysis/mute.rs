//! Signals that are not called: by name, always or in a daily window. What is muted is judged all the same, only not told: after
//! the window the verdict is there at once.

use super::report::TopicReport;
use super::sample::Time;

const DAY_SECONDS: f64 = 86_400.0;

/// 1970-01-01 was a Thursday.
const FIRST_DAY: i64 = 3;

/// One of the four verdicts on a group in a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// Signal 1.
    LagGrowth,
    /// Signal 2.
    Ceiling,
    /// Signal 3.
    Divergence,
    /// Signal 4.
    RetryStorm,
}

impl Signal {
    /// Each, in order.
    pub const ALL: [Self; 4] = [
        Self::LagGrowth,
        Self::Ceiling,
        Self::Divergence,
        Self::RetryStorm,
    ];

    /// As it is published and written.
    pub fn name(self) -> &'static str {
        match self {
            Self::LagGrowth => "lag_growth",
            Self::Ceiling => "ceiling",
            Self::Divergence => "divergence",
            Self::RetryStorm => "retry_storm",
        }
    }
}

/// Some of the signals.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Signals([bool; 4]);

impl Signals {
    /// Is it one of them?
    pub fn has(self, signal: Signal) -> bool {
        self.0[signal as usize]
    }

    /// None of them?
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        Signal::ALL.into_iter().filter(move |s| self.has(*s))
    }
}

impl FromIterator<Signal> for Signals {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        let mut some = Self::default();
        for signal in signals {
            some.0[signal as usize] = true;
        }
        some
    }
}

/// What is not called, and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mute {
    /// These signals …
    pub signals: Signals,
    /// … in this window; always, when there is none.
    pub window: Option<Window>,
}

/// Some hours of some days, UTC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Seconds from midnight at which it begins.
    pub begins: u32,
    /// Seconds that it lasts, a day at most: it may end on the day after.
    pub lasts: u32,
    /// The days on which it begins, from Monday on.
    pub days: [bool; 7],
}

impl Mute {
    /// What is muted at a time by the wall clock.
    pub(super) fn at(&self, wall: Time) -> Signals {
        match self.window {
            Some(window) if !window.holds(wall) => Signals::default(),
            _ => self.signals,
        }
    }
}

impl Window {
    /// The last moment is not in it.
    fn holds(self, wall: Time) -> bool {
        let today = (wall / DAY_SECONDS).floor();
        // It may have begun yesterday.
        [today, today - 1.0].into_iter().any(|day| {
            let weekday = (day as i64 + FIRST_DAY).rem_euclid(7) as usize;
            let since = wall - day * DAY_SECONDS - f64::from(self.begins);
            self.days[weekday] && since >= 0.0 && since < f64::from(self.lasts)
        })
    }
}

/// Of what is muted nothing is said but that it is.
pub(super) fn silenced(mut report: TopicReport) -> TopicReport {
    let muted = report.muted;
    report
        .evidence
        .retain(|evidence| !muted.has(evidence.rule.signal()));
    for signal in muted.iter() {
        match signal {
            Signal::LagGrowth => report.lag_growth.severity = None,
            Signal::Ceiling => report.ceiling.severity = None,
            Signal::Divergence => report.divergence.severity = None,
            Signal::RetryStorm => {
                report.retry_storm.severity = None;
                report.retry_storm.reason = None;
            }
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday 2024-01-01, 00:00 UTC.
    const MONDAY: Time = 1_704_067_200.0;
    const HOUR: f64 = 3_600.0;

    fn window(begins_hour: u32, hours: u32, days: &[usize]) -> Window {
        Window {
            begins: begins_hour * 3_600,
            lasts: hours * 3_600,
            days: std::array::from_fn(|day| days.contains(&day)),
        }
    }

    #[test]
    fn a_window_belongs_to_the_day_on_which_it_begins() {
        let every = &[0, 1, 2, 3, 4, 5, 6][..];
        // (why, begins, lasts, days, hours after Monday's midnight that are in it, that are not)
        let cases = [
            ("in a day", window(2, 3, every), [2.0, 4.99], [1.99, 5.0]),
            (
                "past midnight",
                window(22, 6, every),
                [23.5, 27.99],
                [21.99, 28.0],
            ),
            (
                "of Sunday night there is a rest on Monday, and of Monday night none on Monday morning",
                window(22, 6, &[6]),
                [-2.0, 3.99],
                [4.0, 23.0],
            ),
            (
                "Monday's ends on Tuesday",
                window(22, 6, &[0]),
                [22.0, 27.99],
                [3.0, 46.0],
            ),
            (
                "a whole day",
                window(0, 24, &[0]),
                [0.0, 23.99],
                [-0.01, 24.0],
            ),
        ];
        for (why, window, inside, outside) in cases {
            for hour in inside {
                assert!(window.holds(MONDAY + hour * HOUR), "{why}: {hour}");
            }
            for hour in outside {
                assert!(!window.holds(MONDAY + hour * HOUR), "{why}: {hour}");
            }
        }
    }

    #[test]
    fn without_a_window_it_is_always() {
        let signals = Signals::from_iter([Signal::Ceiling]);
        let mute = Mute {
            signals,
            window: None,
        };
        assert_eq!(mute.at(MONDAY), signals);
        assert_eq!(signals.iter().collect::<Vec<_>>(), [Signal::Ceiling]);
        assert!(Mute::default().at(MONDAY).is_empty());
    }
}
