//! What a configuration does to a replay: the same recording by other thresholds, with mutes, and by other names of retry topics.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::LEAST;
use crate::lagslope::{command, config_file};

/// Monday 2024-01-01, 00:00 UTC.
const MONDAY: u64 = 1_704_067_200;

const HEADER: &str = "t,cluster,group,topic,partition,log_start,log_end,committed\n";

/// Two hours in which 100 messages a second arrive and 90 leave.
fn overload() -> String {
    let mut text = HEADER.to_owned();
    for t in (0..7_200).step_by(15) {
        let (end, committed) = (10_000 + 100 * t, 9_500 + 90 * t);
        let at = MONDAY + t;
        writeln!(text, "{at},prod,nightly-sum,orders,0,0,{end},{committed}").expect("to memory");
    }
    text
}

/// An hour in which all is well but that from half of it on every second message comes to `orders{suffix}`.
fn storm(directives: &str, suffix: &str) -> String {
    let mut text = format!("{directives}{HEADER}");
    for t in (0..3_600_u64).step_by(15) {
        let (end, retries) = (10_000 + 100 * t, 50 * t.saturating_sub(1_800));
        let at = MONDAY + t;
        writeln!(text, "{at},prod,pay,orders,0,0,{end},{}", end - 100).expect("to memory");
        writeln!(text, "{at},prod,pay,orders{suffix},0,0,{retries},{retries}").expect("to memory");
    }
    text
}

/// The lines about `orders`, or what was said against it.
async fn replayed(recording: &str, configuration: &str) -> Result<Vec<Value>, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("r.csv");
    std::fs::write(&path, recording).expect("written");
    let configuration = config_file(&format!("{configuration}{LEAST}"));
    let ended = replay(&path, configuration.path()).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    if !ended.status.success() {
        let prefix = format!("{}/", folder.path().display());
        return Err(text(ended.stderr).replace(&prefix, ""));
    }
    let lines = text(ended.stdout);
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    Ok(lines
        .filter(|line: &Value| line["topic"] == "orders")
        .collect())
}

async fn replay(recording: &Path, configuration: &Path) -> std::process::Output {
    let mut command = command();
    command.args(["replay", "--config.file"]).arg(configuration);
    command.arg(recording).output().await.expect("it runs")
}

/// What a signal said, change by change, and the minute in which it began to.
fn course(lines: &[Value], signal: &str) -> Vec<(String, u64)> {
    let mut course: Vec<(String, u64)> = Vec::new();
    for line in lines {
        let said = line["signals"][signal].as_str().expect("a word");
        let minute = (line["t"].as_f64().expect("a time") as u64 - MONDAY) / 60;
        if course.last().is_none_or(|(before, _)| before != said) {
            course.push((said.to_owned(), minute));
        }
    }
    course
}

fn words(course: &[(String, u64)]) -> Vec<&str> {
    course.iter().map(|(said, _)| said.as_str()).collect()
}

#[tokio::test]
async fn a_mute_and_its_window_hold_and_the_verdict_is_there_at_once_after_it() {
    let of = |overrides: &'static str| async move {
        let lines = replayed(&overload(), overrides)
            .await
            .expect("a good recording");
        course(&lines, "lag_growth")
    };
    let called = of("").await;
    assert_eq!(words(&called), ["unknown", "ok", "warning"]);
    assert!(called[2].1 < 60, "{called:?}");
    let nightly = "overrides: [{group: 'nightly-.*', topic: '.*', mute: [lag_growth]}]\n";
    assert_eq!(words(&of(nightly).await), ["muted"]);
    let other = "overrides: [{group: 'nightly', topic: '.*', mute: [lag_growth]}]\n";
    assert_eq!(of(other).await, called);
    let till_one = "overrides: [{group: 'nightly-.*', topic: '.*', mute: [lag_growth], between: '22:00-01:00'}]\n";
    let expected = [("muted".to_owned(), 0), ("warning".to_owned(), 60)];
    assert_eq!(of(till_one).await, expected);
    let on_mondays = "overrides: [{group: 'nightly-.*', topic: '.*', mute: [lag_growth], between: '22:00-01:00', days: [mon]}]\n";
    assert_eq!(of(on_mondays).await, called, "this night began on a Sunday");
}

#[tokio::test]
async fn an_overrides_thresholds_hold_for_the_groups_that_match_only() {
    let of = |text: &'static str| async move {
        let lines = replayed(&overload(), text).await.expect("a good recording");
        course(&lines, "lag_growth")
    };
    let called = of("").await;
    let patient =
        "overrides: [{group: 'nightly-.*', topic: orders, signals: {lag_growth: {hold: 1h}}}]\n";
    let later = of(patient).await;
    assert_eq!(words(&later), ["unknown", "ok", "warning"]);
    let minutes = later[2].1 - called[2].1;
    assert!(
        (55..60).contains(&minutes),
        "an hour instead of three minutes: {minutes}"
    );
    let of_another =
        "overrides: [{group: 'nightly-.*', topic: bills, signals: {lag_growth: {hold: 1h}}}]\n";
    assert_eq!(of(of_another).await, called);
}

#[tokio::test]
async fn names_of_retry_topics_come_from_the_file_and_a_directive_wins_over_it() {
    let own = "retry_topics: ['(?P<main>.+)[.]again']\n";
    // (why, directives, the retry topic's end, configuration, whether it is a storm)
    let cases = [
        ("a usual name", "", "-retry-0", "", true),
        ("an unusual one", "", ".again", "", false),
        ("by the file", "", ".again", own, true),
        ("by the file alone", "", "-retry-0", own, false),
        (
            "by a directive",
            "#retry main=orders retry=orders.again\n",
            ".again",
            "",
            true,
        ),
        (
            "a directive wins",
            "#retry main=bills retry=orders.again\n",
            ".again",
            own,
            false,
        ),
        (
            "a directive wins over the kind, too",
            "#dead_letter main=orders dead_letter=orders-retry-0\n",
            "-retry-0",
            "",
            false,
        ),
    ];
    for (why, directives, suffix, configuration, is_storm) in cases {
        let lines = replayed(&storm(directives, suffix), configuration).await;
        let course = course(&lines.expect("a good recording"), "retry_storm");
        let stormed = course.iter().any(|(said, _)| said == "warning");
        assert_eq!(stormed, is_storm, "{why}: {course:?}");
    }
}

#[tokio::test]
async fn a_directive_that_means_nothing_is_refused_with_its_line() {
    let cases = [
        (
            "#retrry main=a retry=b\n",
            "#retrry is no directive; there are: ceiling, retention, retry, dead_letter",
        ),
        (
            "#ceiling grop=a lag_messages=5\n",
            "#ceiling has no grop; it has: group, topic, lag_messages, delay_seconds",
        ),
        ("#dead_letter main=a\n", "#dead_letter needs dead_letter=…"),
    ];
    for (directive, told) in cases {
        let recording = storm(
            &format!("#retention topic=orders seconds=60\n{directive}"),
            "x",
        );
        let error = replayed(&recording, "").await.expect_err("it is wrong");
        assert!(error.contains("line 2") && error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_retry_topic_that_another_group_reads_or_none_tells_of_its_main_topic() {
    let recording = storm("", "-retry-0");
    let main = ",prod,pay,orders,";
    // (why, whose rows those of the retry topic are)
    for (why, group) in [("another group", "worker"), ("no group", "")] {
        let of_another = recording.lines().map(|line| match line.contains(main) {
            true => format!("{line}\n"),
            false => line.replace(",pay,", &format!(",{group},")) + "\n",
        });
        let lines = replayed(&of_another.collect::<String>(), "").await;
        let course = course(&lines.expect("a good recording"), "retry_storm");
        assert_eq!(words(&course), ["unknown", "ok", "warning"], "{why}");
    }
}

#[tokio::test]
async fn a_directive_in_the_middle_holds_from_there_on() {
    let in_the_middle = |text: &str, directive: &str| {
        let middle = text.lines().count() / 2;
        let mut lines: Vec<&str> = text.lines().collect();
        lines.insert(middle, directive);
        lines.join("\n") + "\n"
    };
    let ceiling = in_the_middle(
        &overload(),
        "#ceiling group=nightly-sum lag_messages=1000000",
    );
    let lines = replayed(&ceiling, "").await.expect("a good recording");
    let known = course(&lines, "ceiling");
    let expected = [("unknown".to_owned(), 0), ("ok".to_owned(), 59)];
    assert_eq!(known, expected);

    let retry = in_the_middle(
        &storm("", ".again"),
        "#retry main=orders retry=orders.again",
    );
    let lines = replayed(&retry, "").await.expect("a good recording");
    let (before, after) = (30, course(&lines, "retry_storm"));
    assert_eq!(after[0], ("unknown".to_owned(), 0));
    assert!(after.len() > 1 && after[1].1 >= before, "{after:?}");
}
