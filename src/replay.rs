//! Runs the analysis over a recording instead of a cluster: what would have been said, and when. Time is what the recording says.

mod directive;
mod group;
mod interned;
mod recording;
mod reports;

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use crate::analysis::report::TopicReport;
use crate::config::Settings;
use crate::expose::json::{self, Verdict};
use directive::Directives;
use group::GroupReplay;
use recording::{Recording, Row};

pub use recording::Fault;
pub use reports::reports;

/// Seconds between two lines for a group and topic whose signals don't change.
const LINE_SECONDS: f64 = 60.0;

/// Replays a file; each line goes to `out`, as `docs/replay.md` describes it.
///
/// # Errors
/// A row or directive that cannot be read, with its line; a file that cannot be; an `out` that refuses.
pub fn run(path: &Path, settings: &Settings, out: &mut impl Write) -> Result<(), Fault> {
    let directives = Directives::default();
    let mut recording = Recording::open(path, directives.clone())?;
    let mut replay = Replay::new(settings, directives, out);
    let mut rows = Vec::new();
    while recording.next_sample(&mut rows)? {
        replay
            .take(&rows, &recording)
            .map_err(|error| recording.fault(&error))?;
    }
    replay.out.flush().map_err(|error| recording.fault(&error))
}

struct Replay<'a, W> {
    settings: &'a Settings,
    directives: Directives,
    /// By cluster and group.
    groups: HashMap<(u32, u32), GroupReplay>,
    /// By cluster, group and topic: what the last line said, and in which minute.
    printed: HashMap<(u32, u32, u32), (json::Signals, i64)>,
    out: &'a mut W,
}

impl<'a, W: Write> Replay<'a, W> {
    fn new(settings: &'a Settings, directives: Directives, out: &'a mut W) -> Self {
        Self {
            settings,
            directives,
            groups: HashMap::new(),
            printed: HashMap::new(),
            out,
        }
    }

    /// The rows of one instant. Rows of one group stand together in nearly every recording; where they don't, the group gets two
    /// samples of the same time, which changes nothing.
    fn take(&mut self, rows: &[Row], names: &Recording) -> std::io::Result<()> {
        for rows in rows.chunk_by(|a, b| (a.cluster, a.group) == (b.cluster, b.group)) {
            let key = (rows[0].cluster, rows[0].group);
            let group = self.groups.entry(key).or_insert_with(|| {
                GroupReplay::new(names.name(key.1), self.settings, &self.directives)
            });
            let report = group.observe(rows, names);
            for topic in report.groups.iter().flat_map(|group| &group.topics) {
                let has_row = |row: &&Row| *names.name(row.topic) == topic.topic;
                if let Some(row) = rows.iter().find(has_row) {
                    print(&mut self.printed, self.out, row, topic, names)?;
                }
            }
        }
        Ok(())
    }
}

/// A line when a signal changed, and one in every minute that has a sample.
fn print(
    printed: &mut HashMap<(u32, u32, u32), (json::Signals, i64)>,
    out: &mut impl Write,
    row: &Row,
    topic: &TopicReport,
    names: &Recording,
) -> std::io::Result<()> {
    let now = (
        json::Signals::of(topic),
        (row.t / LINE_SECONDS).floor() as i64,
    );
    let key = (row.cluster, row.group, row.topic);
    if printed.insert(key, now) == Some(now) {
        return Ok(());
    }
    let verdict = Verdict {
        at: row.t,
        cluster: names.name(row.cluster),
        group: names.name(row.group),
        report: topic,
    };
    json::write_line(out, &verdict)
}
