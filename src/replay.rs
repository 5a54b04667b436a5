//! Runs the analysis over a recording instead of a cluster: what would have been said, and when. Time is what the recording says.

mod directive;
mod group;
mod interned;
mod lines;
mod recording;
mod reports;
mod retries;
mod summary;

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::analysis::report::Report;
use crate::config::Settings;
use crate::expose::json::Verdict;
use directive::Directives;
use group::GroupReplay;
use lines::Lines;
use recording::{Recording, Row, Said};
use retries::RetryTopics;
use summary::Summary;

pub use recording::Fault;
pub use reports::reports;

/// In which form it is told what would have been said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// JSON lines, for programs.
    Lines,
    /// A table and the list of what was raised, for people.
    Summary,
}

/// Replays a file; what would have been said goes to `out`, as `docs/replay.md` describes it.
///
/// # Errors
/// A row or directive that cannot be read, with its line; a file that cannot be; an `out` that refuses. What was said until then
/// is written.
pub fn run(
    path: &Path,
    settings: &Settings,
    form: Form,
    out: &mut impl Write,
) -> Result<(), Fault> {
    match form {
        Form::Lines => replay(path, settings, &mut Lines::new(out)),
        Form::Summary => replay(path, settings, &mut Summary::new(out)),
    }
}

/// A recording has no cycle: what has no row was not lost, and stands.
fn without_cycle(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    let of_some = settings.overrides.iter_mut().map(|rule| &mut rule.settings);
    for thresholds in of_some.chain([&mut settings.analysis]) {
        Arc::make_mut(thresholds).max_age_seconds = f64::INFINITY;
    }
    settings
}

/// A group in a topic of a cluster, by the numbers of their names.
type Key = (u32, u32, u32);

/// Whoever is told every verdict.
trait Teller {
    fn tell(&mut self, key: Key, verdict: &Verdict) -> io::Result<()>;

    /// The recording is over, or could not be read further.
    fn end(&mut self) -> io::Result<()>;
}

fn replay(path: &Path, settings: &Settings, teller: &mut impl Teller) -> Result<(), Fault> {
    let directives = Directives::default();
    let mut recording = Recording::open(path, directives.clone())?;
    let read = each_report(
        &mut recording,
        &directives,
        settings,
        |rows, names, report| tell(rows, names, &report, teller),
    );
    let ended = teller.end().map_err(|error| recording.fault(&error));
    read.and(ended)
}

/// Hands over what is known after the rows of each group and instant, in order of time. Rows of one group stand together in nearly
/// every recording; where they don't, the group gets two samples of the same time, which changes nothing.
fn each_report(
    recording: &mut Recording,
    directives: &Directives,
    settings: &Settings,
    mut take: impl FnMut(&[Row], &Recording, Report) -> io::Result<()>,
) -> Result<(), Fault> {
    let settings = Arc::new(without_cycle(settings));
    let mut groups = HashMap::new();
    let mut retries = RetryTopics::default();
    let mut rows = Vec::new();
    while let Some(said) = recording.next_sample(&mut rows)? {
        if said == Said::SomethingNew {
            retries.ask_again();
            let known = groups.values_mut();
            known.for_each(|group: &mut GroupReplay| group.retune(&settings));
        }
        let names = &*recording;
        retries.note(&rows, names, (&settings, directives));
        for rows in rows.chunk_by(|a, b| (a.cluster, a.group) == (b.cluster, b.group)) {
            let (cluster, group) = (rows[0].cluster, rows[0].group);
            let watched = groups
                .entry((cluster, group))
                .or_insert_with(|| GroupReplay::new(names.name(group), &settings, directives));
            let report = watched.observe(rows, names, &retries);
            take(rows, names, report).map_err(|error| names.fault(&error))?;
        }
    }
    Ok(())
}

/// Each topic that has a row.
fn tell(
    rows: &[Row],
    names: &Recording,
    report: &Report,
    teller: &mut impl Teller,
) -> io::Result<()> {
    let (cluster, group) = (rows[0].cluster, rows[0].group);
    for topic in report.groups.iter().flat_map(|group| &group.topics) {
        let has_row = |row: &&Row| *names.name(row.topic) == topic.topic;
        let Some(row) = rows.iter().find(has_row) else {
            continue;
        };
        let verdict = Verdict {
            at: row.t,
            cluster: names.name(cluster),
            group: names.name(group),
            report: topic,
        };
        teller.tell((cluster, group, row.topic), &verdict)?;
    }
    Ok(())
}
