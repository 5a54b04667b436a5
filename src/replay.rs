//! Runs the analysis over a recording instead of a cluster: what would have been said, and when. Time is what the recording says.

mod directive;
mod group;
mod interned;
mod lines;
mod recording;
mod reports;
mod summary;

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::config::Settings;
use crate::expose::json::Verdict;
use directive::Directives;
use group::GroupReplay;
use lines::Lines;
use recording::{Recording, Row};
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
    let settings = Arc::new(without_cycle(settings));
    match form {
        Form::Lines => replay(path, &settings, &mut Lines::new(out)),
        Form::Summary => replay(path, &settings, &mut Summary::new(out)),
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

fn replay(path: &Path, settings: &Arc<Settings>, teller: &mut impl Teller) -> Result<(), Fault> {
    let directives = Directives::default();
    let mut recording = Recording::open(path, directives.clone())?;
    let mut replay = Replay {
        settings,
        directives,
        groups: HashMap::new(),
    };
    let mut rows = Vec::new();
    let read = loop {
        match recording.next_sample(&mut rows) {
            Ok(true) => {
                let told = replay.take(&rows, &recording, teller);
                told.map_err(|error| recording.fault(&error))?;
            }
            Ok(false) => break Ok(()),
            Err(fault) => break Err(fault),
        }
    };
    let ended = teller.end().map_err(|error| recording.fault(&error));
    read.and(ended)
}

struct Replay<'a> {
    settings: &'a Arc<Settings>,
    directives: Directives,
    /// By cluster and group.
    groups: HashMap<(u32, u32), GroupReplay>,
}

impl Replay<'_> {
    /// The rows of one instant. Rows of one group stand together in nearly every recording; where they don't, the group gets two
    /// samples of the same time, which changes nothing.
    fn take(
        &mut self,
        rows: &[Row],
        names: &Recording,
        teller: &mut impl Teller,
    ) -> io::Result<()> {
        for rows in rows.chunk_by(|a, b| (a.cluster, a.group) == (b.cluster, b.group)) {
            let (at, cluster, group) = (rows[0].t, rows[0].cluster, rows[0].group);
            let watched = self.groups.entry((cluster, group)).or_insert_with(|| {
                GroupReplay::new(names.name(group), self.settings, &self.directives)
            });
            let report = watched.observe(rows, names);
            for topic in report.groups.iter().flat_map(|group| &group.topics) {
                let has_row = |row: &&Row| *names.name(row.topic) == topic.topic;
                let Some(row) = rows.iter().find(has_row) else {
                    continue;
                };
                let verdict = Verdict {
                    at,
                    cluster: names.name(cluster),
                    group: names.name(group),
                    report: topic,
                };
                teller.tell((cluster, group, row.topic), &verdict)?;
            }
        }
        Ok(())
    }
}
