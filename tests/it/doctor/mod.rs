//! `lagslope doctor`, the real binary: against a cluster that allows everything, one that refuses, an old one, and what is no cluster.

mod guarded;
mod healthy;
mod rights;
mod unreachable;

use std::time::Duration;

use tokio::time::timeout;

use crate::lagslope::{command, config_file};

/// Two request timeouts for what doesn't answer, six seconds for the clocks, and room for a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(40);

/// Exit code and output of `lagslope doctor` with this configuration.
pub(crate) async fn doctor(config: &str) -> (Option<i32>, String) {
    let file = config_file(config);
    let mut command = command();
    command.args(["doctor", "--config.file"]).arg(file.path());
    let output = timeout(ENDS_WITHIN, command.output())
        .await
        .expect("it ends in a bounded time")
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, "", "it has nothing else to say");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// The line about a question, with single blanks.
pub(crate) fn line(page: &str, about: &str) -> String {
    let mut lines = page.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.join(" ")
    });
    let found = lines.find(|line| line.trim_start_matches("! ").starts_with(about));
    found.unwrap_or_else(|| panic!("no line about {about}:\n{page}"))
}
