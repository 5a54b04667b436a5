//! Scraped pages as series over time, in the notation of promtool's tests.

use std::collections::BTreeMap;

use super::story::INTERVAL;

/// By name and labels, a value for each scrape; none where the page had none.
pub(crate) struct Series(BTreeMap<String, Vec<Option<String>>>);

impl Series {
    /// From what each scrape got; nothing when nobody answered.
    pub(crate) fn of(pages: &[Option<String>]) -> Self {
        let mut series = BTreeMap::new();
        for (index, page) in pages.iter().enumerate() {
            for line in page.iter().flat_map(|page| page.lines()) {
                let Some((name, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))
                else {
                    continue;
                };
                let values = series
                    .entry(name.to_owned())
                    .or_insert_with(|| vec![None; pages.len()]);
                values[index] = Some(value.to_owned());
            }
        }
        Self(series)
    }

    /// The first second in which a series whose name and labels contain `part` reached `value`.
    pub(crate) fn first_second(&self, part: &str, value: f64) -> Option<u32> {
        let reached = |text: &String| text.parse::<f64>().expect("a number") >= value;
        let first = |values: &Vec<Option<String>>| {
            values
                .iter()
                .position(|text| text.as_ref().is_some_and(reached))
        };
        let named = self.0.iter().filter(|(name, _)| name.contains(part));
        let index = named.filter_map(|(_, values)| first(values)).min()?;
        // Second 0 is before the first cycle.
        Some((u32::try_from(index).expect("a short story") + 1) * INTERVAL)
    }

    /// As it would be with one of the signals muted.
    pub(crate) fn without_signal(mut self, signal: &str) -> Self {
        let label = format!("signal=\"{signal}\"");
        self.0.retain(|name, _| !name.contains(&label));
        self
    }

    /// As `input_series`, scraped from each of `instances`.
    pub(crate) fn input(&self, instances: &[&str]) -> Vec<serde_json::Value> {
        let of = |instance: &&str| {
            let labels = format!("instance=\"{instance}\",job=\"watchers\"");
            let line = |(name, values): (&String, &Vec<Option<String>>)| serde_json::json!({ "series": with_labels(name, &labels), "values": notation(values) });
            self.0.iter().map(line).collect::<Vec<_>>()
        };
        instances.iter().flat_map(of).collect()
    }
}

fn with_labels(name: &str, labels: &str) -> String {
    match name.strip_suffix('}') {
        Some(open) => format!("{open},{labels}}}"),
        None => format!("{name}{{{labels}}}"),
    }
}

/// A sample that is gone is marked as stale once, as a scrape does; `_` is no sample at all. The notation begins at second 0,
/// which no cycle has: stories are told from the first cycle on.
fn notation(values: &[Option<String>]) -> String {
    let mut words = vec!["_"];
    let mut was_there = false;
    for value in values {
        words.push(match value {
            Some(value) => value,
            None if was_there => "stale",
            None => "_",
        });
        was_there = value.is_some();
    }
    words.join(" ")
}
