//! What is said of a recording for people: a table of groups and topics, then each time that a signal was raised, and why.

mod event;
mod words;

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{Key, Teller};
use crate::analysis::Signal;
use crate::analysis::report::TopicReport;
use crate::analysis::sample::Time;
use crate::expose::json::Verdict;
use event::Raisings;
use words::{count, length, moment};

/// Collects until the end, then writes.
pub(super) struct Summary<W> {
    out: W,
    began: Option<Time>,
    ended: Time,
    watched: BTreeMap<Key, Watched>,
}

/// What is remembered of a group in a topic: bounded, however long the recording is.
struct Watched {
    cluster: String,
    group: String,
    topic: String,
    last: Time,
    lag_most: Option<u64>,
    time_lag_most: Option<f64>,
    p99_most: Option<f64>,
    /// Of each signal, in the order of [`Signal::ALL`].
    raisings: [Raisings; Signal::ALL.len()],
}

impl<W: Write> Summary<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            began: None,
            ended: 0.0,
            watched: BTreeMap::new(),
        }
    }
}

impl<W: Write> Teller for Summary<W> {
    fn tell(&mut self, key: Key, verdict: &Verdict) -> io::Result<()> {
        self.began.get_or_insert(verdict.at);
        self.ended = verdict.at;
        let watched = self.watched.entry(key);
        watched
            .or_insert_with(|| Watched::new(verdict))
            .take(verdict.at, verdict.report);
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(began) = self.began else {
            writeln!(self.out, "No rows.")?;
            return self.out.flush();
        };
        let mut all: Vec<&Watched> = self.watched.values().collect();
        all.sort_by_key(|w| (&w.cluster, &w.group, &w.topic));
        let out = &mut self.out;
        writeln!(
            out,
            "{} groups and topics, {} from {} to {}\n",
            all.len(),
            length(self.ended - began),
            moment(began),
            moment(self.ended),
        )?;
        write_table(out, &all)?;
        write_events(out, &all, began)?;
        out.flush()
    }
}

impl Watched {
    fn new(verdict: &Verdict) -> Self {
        Self {
            cluster: verdict.cluster.to_owned(),
            group: verdict.group.to_owned(),
            topic: verdict.report.topic.to_string(),
            last: verdict.at,
            lag_most: None,
            time_lag_most: None,
            p99_most: None,
            raisings: Default::default(),
        }
    }

    fn take(&mut self, at: Time, report: &TopicReport) {
        self.last = at;
        self.lag_most = self.lag_most.max(report.lag_messages);
        let most = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        self.time_lag_most = most(self.time_lag_most, report.time_lag_seconds);
        self.p99_most = most(self.p99_most, report.delays.map(|delays| delays.p99));
        for (signal, raisings) in Signal::ALL.into_iter().zip(&mut self.raisings) {
            raisings.take(signal, at, report);
        }
    }
}

fn write_table(out: &mut impl Write, all: &[&Watched]) -> io::Result<()> {
    let mut rows = vec![
        [
            "CLUSTER",
            "GROUP",
            "TOPIC",
            "LAG ≤",
            "TIME LAG ≤",
            "P99 ≤",
            "LAG GROWTH",
            "CEILING",
            "DIVERGENCE",
            "RETRY STORM",
        ]
        .map(str::to_owned),
    ];
    rows.extend(all.iter().map(|w| {
        let [growth, ceiling, divergence, storm] = &w.raisings;
        let span = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), length);
        let verdict = |raisings: &Raisings| raisings.in_short(w.last);
        [
            w.cluster.clone(),
            w.group.clone(),
            w.topic.clone(),
            w.lag_most
                .map_or_else(|| "-".to_owned(), |lag| count(lag as f64)),
            span(w.time_lag_most),
            span(w.p99_most),
            verdict(growth),
            verdict(ceiling),
            verdict(divergence),
            verdict(storm),
        ]
    }));
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for row in &rows {
        let padded = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = padded.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// In order of time.
fn write_events(out: &mut impl Write, all: &[&Watched], began: Time) -> io::Result<()> {
    let mut events = Vec::new();
    for watched in all {
        for (signal, raisings) in Signal::ALL.into_iter().zip(&watched.raisings) {
            events.extend(
                raisings
                    .kept()
                    .iter()
                    .map(|event| (signal, *watched, event)),
            );
        }
    }
    events.sort_by(|a, b| a.2.began.total_cmp(&b.2.began));
    if events.is_empty() {
        return writeln!(out, "\nNothing was raised.");
    }
    writeln!(out, "\nRaised:")?;
    for (signal, watched, event) in events {
        writeln!(
            out,
            "{} (+{})  {} {}  {} {} {}: {}",
            moment(event.began),
            length(event.began - began),
            watched.group,
            watched.topic,
            signal.name(),
            event.severity(),
            event.how_long(watched.last),
            event.why,
        )?;
        if let Some((at, why)) = &event.turned_critical {
            let (at, later) = (moment(*at), length(at - event.began));
            writeln!(out, "    critical from {at} on, {later} later: {why}")?;
        }
    }
    for watched in all {
        for (signal, raisings) in Signal::ALL.into_iter().zip(&watched.raisings) {
            if let more @ 1.. = raisings.not_kept() {
                let (group, topic) = (&watched.group, &watched.topic);
                writeln!(
                    out,
                    "… and {group} {topic} {} {more} more times",
                    signal.name()
                )?;
            }
        }
    }
    Ok(())
}
