//! What is known of a recording after each of its samples, whole: for whoever wants to publish it as the daemon would have.

use std::path::Path;

use super::directive::Directives;
use super::each_report;
use super::recording::{Fault, Recording};
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
    let directives = Directives::default();
    let mut recording = Recording::open(path, directives.clone())?;
    each_report(
        &mut recording,
        &directives,
        settings,
        |rows, names, report| {
            take(names.name(rows[0].cluster), report);
            Ok(())
        },
    )
}
