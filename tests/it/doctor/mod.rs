//! `lagslope doctor`, the real binary: against a cluster that allows everything, one that refuses, an old one, and what is no cluster.

mod guarded;
mod healthy;
mod rights;
mod unreachable;

use std::fs;
use std::time::Duration;

use lagslope::kafka::doctor::QUESTIONS;
use tokio::time::timeout;

use crate::lagslope::{command, config_file};
use crate::promtool::repository;

/// Two request timeouts for what doesn't answer, six seconds for the clocks unless something else is said, and room for a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(40);

/// Exit code and output of `lagslope doctor` with this configuration and more arguments.
pub(crate) async fn doctor(config: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let file = config_file(config);
    let mut command = command();
    command.args(["doctor", "--config.file"]).arg(file.path());
    command.args(arguments);
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

/// Reaching a broker is asking for its versions and signing in; what one may do with the cluster only the doctor asks.
const BESIDES: &[&str] = &[
    "ApiVersions",
    "DescribeCluster",
    "SaslAuthenticate",
    "SaslHandshake",
];

#[test]
fn the_doctor_knows_each_question_that_the_client_can_ask() {
    let source = fs::read_to_string(repository("src/kafka/client/api.rs")).expect("the source");
    let names = source.split("const NAME: &'static str = \"").skip(1);
    let names = names.map(|rest| rest.split('"').next().expect("closed"));
    let names: Vec<&str> = names.filter(|name| !BESIDES.contains(name)).collect();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let known = QUESTIONS.iter().any(|q| q.api == name);
        assert!(
            known,
            "{name} is asked: src/kafka/doctor/questions.rs and judge.rs should know"
        );
    }
}
