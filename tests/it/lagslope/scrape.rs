//! A scraped page as series and values.

use std::collections::BTreeMap;

/// What `/metrics` said once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrape {
    text: String,
    series: BTreeMap<String, f64>,
}

impl Scrape {
    pub(crate) fn parse(text: &str) -> Self {
        let samples = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let series = samples.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a series and its value");
            (
                name.to_owned(),
                value
                    .parse()
                    .unwrap_or_else(|_| panic!("not a number: {line}")),
            )
        });
        Self {
            series: series.collect(),
            text: text.to_owned(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The value of the one series of `lagslope_{name}` that has all these labels; absent when there is none.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found: Vec<_> = self.all(name, labels).collect();
        assert!(
            found.len() <= 1,
            "{name}{labels:?} is not one series: {found:?}"
        );
        found.first().map(|(_, value)| *value)
    }

    /// Every series of `lagslope_{name}` that has all these labels.
    pub(crate) fn all<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = (&'a str, f64)> {
        let start = format!("lagslope_{name}");
        let wanted: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        self.series
            .iter()
            .filter(move |(series, _)| {
                let rest = series.strip_prefix(start.as_str());
                let is_family = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
                is_family && wanted.iter().all(|label| has_label(series, label))
            })
            .map(|(series, value)| (series.as_str(), *value))
    }

    /// The sum over all series of `lagslope_{name}` that have all these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).map(|(_, value)| value).sum()
    }
}

/// `label` stands between `{` or `,` and `,` or `}`.
fn has_label(series: &str, label: &str) -> bool {
    series.match_indices(label).any(|(at, _)| {
        let (before, after) = (
            series[..at].chars().next_back(),
            series[at + label.len()..].chars().next(),
        );
        matches!(before, Some('{' | ',')) && matches!(after, Some(',' | '}'))
    })
}
