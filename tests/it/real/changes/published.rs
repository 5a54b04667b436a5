//! What one scrape says of one group in one topic, and whether that may be said.

use std::fmt;

use crate::lagslope::Scrape;

/// Counters beside `lagslope_resets_total`, by the name that the table gives them.
const COUNTERS: &[(&str, &str)] = &[
    ("reprocessed", "reprocessed_messages_total"),
    ("lost", "lost_messages_total"),
];

/// What is published; `None` is "absent".
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Published {
    pub(super) lag: Option<f64>,
    pub(super) time_lag: Option<f64>,
    pub(super) signal: Option<f64>,
    pub(super) unknown: Option<f64>,
    /// Those that are not 0, by name.
    pub(super) counters: Vec<(String, f64)>,
    pub(super) state: Option<String>,
    pub(super) members: Option<f64>,
}

impl Published {
    pub(super) fn of(scrape: &Scrape, group: &str, topic: &str) -> Self {
        let labels = [("group", group), ("topic", topic)];
        let mut counters: Vec<(String, f64)> = scrape
            .all("resets_total", &labels)
            .map(|(series, count)| (label(series, "reason"), count))
            .collect();
        for (short, name) in COUNTERS {
            let value = scrape.value(name, &labels);
            counters.extend(value.map(|value| ((*short).to_owned(), value)));
        }
        counters.retain(|(_, count)| *count != 0.0);
        counters.sort_by(|a, b| a.0.cmp(&b.0));
        let of_group = [("group", group)];
        let state = scrape.all("group_state", &of_group).next();
        Self {
            lag: scrape.value("lag_messages", &labels),
            time_lag: scrape.value("time_lag_seconds", &labels),
            signal: scrape.value(
                "signal",
                &[&labels[..], &[("signal", "lag_growth")]].concat(),
            ),
            unknown: scrape.value("partitions_unknown", &labels),
            counters,
            state: state.map(|(series, _)| label(series, "state")),
            members: scrape.value("group_members", &of_group),
        }
    }

    /// Is it what a step ends with? `age` are the seconds that the oldest waiting message may have waited by now.
    pub(super) fn is(&self, truth: &Truth, age: Option<Age>) -> bool {
        self.lag == truth.lag
            && self.unknown == truth.unknown
            && self.signal == truth.lag.map(|_| 0.0)
            && self.counters == truth.counters()
            && self.time_lag.is_some() == age.is_some()
            && self.time_lag.is_none_or(|waited| within(waited, age))
            && truth.group.is_none_or(|(state, members)| {
                self.state.as_deref() == Some(state) && self.members == Some(members)
            })
    }

    /// Why it may not be said while a step is on its way from one truth to the next; a value that is absent is never wrong.
    /// Where messages arrive one by one, lags between the two are true for a moment.
    pub(super) fn wrong(
        &self,
        from: &Truth,
        to: &Truth,
        ages: [Option<Age>; 2],
        arrives: bool,
    ) -> Option<String> {
        let between = |lag| arrives && Some(lag) > from.lag && Some(lag) < to.lag;
        if let Some(lag) = self.lag
            && ![from.lag, to.lag].contains(&self.lag)
            && !between(lag)
        {
            return Some("the lag is neither the former nor the new one".to_owned());
        }
        if self.signal > Some(0.0) {
            return Some("a signal is raised".to_owned());
        }
        if let Some(waited) = self.time_lag
            && !ages.iter().any(|age| within(waited, *age))
        {
            return Some(format!("nothing waits for so long: {ages:?}"));
        }
        // A group that is gone takes its counts with it: they begin anew at 0.
        let most = |name: &str| from.count(name).max(to.count(name));
        let mut counters = self.counters.iter();
        counters
            .find(|(name, count)| *count > most(name))
            .map(|(name, count)| format!("{name} is counted {count} times"))
    }
}

/// The least and the most seconds that a message may have waited.
pub(super) type Age = (f64, f64);

fn within(waited: f64, age: Option<Age>) -> bool {
    age.is_some_and(|(least, most)| waited >= least && waited <= most)
}

/// What must be published in the end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Truth {
    pub(super) lag: Option<f64>,
    pub(super) waits: Waits,
    pub(super) unknown: Option<f64>,
    /// In order of name.
    pub(super) counters: &'static [(&'static str, f64)],
    /// State and members, where they are of interest.
    pub(super) group: Option<(&'static str, f64)>,
}

/// Since when the oldest message that the group has to read waits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Waits {
    #[default]
    Unknown,
    Nothing,
    /// It was produced in the step with this number.
    SinceStep(usize),
}

impl Truth {
    fn counters(&self) -> Vec<(String, f64)> {
        let counters = self.counters.iter();
        counters.map(|(n, c)| ((*n).to_owned(), *c)).collect()
    }

    fn count(&self, name: &str) -> f64 {
        let found = self.counters.iter().find(|(known, _)| *known == name);
        found.map_or(0.0, |(_, count)| *count)
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |value: Option<f64>| value.map_or("absent".to_owned(), |v| v.to_string());
        let waits = match self.time_lag {
            None => "absent",
            Some(0.0) => "0",
            Some(_) => "rising",
        };
        let (lag, signal, unknown) = (told(self.lag), told(self.signal), told(self.unknown));
        write!(
            f,
            "lag {lag}, time lag {waits}, signal {signal}, unknown {unknown}"
        )?;
        let mut counters = self.counters.iter();
        counters.try_for_each(|(name, count)| write!(f, ", {name} {count}"))
    }
}

/// The value of a label in a series.
fn label(series: &str, name: &str) -> String {
    let rest = series.split_once(&format!("{name}=\"")).map(|(_, r)| r);
    let value = rest.and_then(|rest| rest.split_once('"'));
    value.expect("the family has this label").0.to_owned()
}
