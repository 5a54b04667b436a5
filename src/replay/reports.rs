//! What is known of a recording after each of its samples, whole: for whoever wants to publish it as the daemon would have.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::directive::Directives;
use super::group::GroupReplay;
use super::recording::{Fault, Recording};
use super::without_cycle;
use crate::analysis::report::Report;
use crate::config::Settings;

/// Replays a file, and hands over each report with the name of its cluster: one for each group and instant, in order of time.
///
/// # Errors
/// A row or directive that cannot be read, with its line; a file that cannot be.
pub fn reports(
    path: &Path,
    settings: &Settings,
    mut take: impl FnMut(&str, Report),
) -> Result<(), Fault> {
    let settings = Arc::new(without_cycle(settings));
    let directives = Directives::default();
    let mut recording = Recording::open(path, directives.clone())?;
    let mut groups = HashMap::new();
    let mut rows = Vec::new();
    while recording.next_sample(&mut rows)? {
        for rows in rows.chunk_by(|a, b| (a.cluster, a.group) == (b.cluster, b.group)) {
            let (cluster, group) = (rows[0].cluster, rows[0].group);
            let watched = groups
                .entry((cluster, group))
                .or_insert_with(|| GroupReplay::new(recording.name(group), &settings, &directives));
            let report = watched.observe(rows, &recording);
            take(recording.name(cluster), report);
        }
    }
    Ok(())
}
