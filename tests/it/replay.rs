//! `lagslope replay` as it is typed: what it prints, what it refuses, and what it costs in memory.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Output;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::time::timeout;

use crate::lagslope::{command, config_file};

const HEADER: &str = "t,cluster,group,topic,partition,log_start,log_end,committed\n";

/// The same with the times of commits.
const TIMED: &str = "t,cluster,group,topic,partition,log_start,log_end,committed,committed_at\n";

/// A debug build takes seconds for a recording of hours.
const SOON: Duration = Duration::from_secs(60);

/// When the recordings begin.
const BEGIN: u64 = 1_700_000_000;

/// Rows of one partition every 15 s: 1,000 a second arrive, and `consumed` of them leave.
fn recording(minutes: u64, consumed: impl Fn(u64) -> u64) -> String {
    let mut text = HEADER.to_owned();
    let mut committed = 0;
    for step in 0..minutes * 4 {
        let log_end = 15_000 * (step + 1);
        committed = (committed + 15 * consumed(step / 4)).min(log_end);
        writeln!(
            text,
            "{},prod,pay,orders,0,0,{log_end},{committed}",
            BEGIN + 15 * step
        )
        .expect("into memory");
    }
    text
}

/// Keeps up for an hour and a half, then takes 900 of 1,000 a second.
fn overload() -> String {
    recording(150, |minute| if minute < 90 { 1_000 } else { 900 })
}

fn file(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(content).expect("written");
    file
}

async fn replay(content: &[u8], arguments: &[&str]) -> Output {
    let file = file(content);
    let run = command()
        .arg("replay")
        .arg(file.path())
        .args(arguments)
        .output();
    timeout(SOON, run).await.expect("it ends").expect("it runs")
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

fn errors(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("text")
}

fn lines(output: &Output) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).expect("each line is an object");
    out(output).lines().map(line).collect()
}

#[tokio::test]
async fn a_line_for_each_minute_and_each_change() {
    let output = replay(overload().as_bytes(), &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let lines = lines(&output);
    let mut minutes: Vec<u64> = lines
        .iter()
        .map(|line| line["t"].as_f64().expect("seconds") as u64 / 60)
        .collect();
    minutes.dedup();
    assert_eq!(minutes.len(), 151, "the recording begins within a minute");
    let growth = |line: &Value| line["signals"]["lag_growth"].clone();
    let changed = |pair: &&[Value]| growth(&pair[0]) != growth(&pair[1]);
    let changes: Vec<_> = lines.windows(2).filter(changed).collect();
    assert_eq!(changes.len(), 2, "known, then raised: {changes:?}");
    let raised = &changes[1][1];
    assert_eq!(raised["signals"]["lag_growth"], "warning");
    let since_overload = raised["t"].as_f64().expect("seconds") - (BEGIN + 90 * 60) as f64;
    assert!((0.0..1200.0).contains(&since_overload), "{raised}");
    let last = lines.last().expect("lines");
    let slope = last["slope"].as_f64().expect("a slope");
    assert!((90.0..110.0).contains(&slope), "{last}");
    assert_eq!(last["lag"], 100 * 60 * 60);
    assert!(last["ceiling_eta"]["lag"].is_null() && last["delay_p99"].is_number());
}

/// Ten minutes in which 100 messages a second arrive, and all are committed every 5 s, 1 s before each sample and in between; each row
/// by what `tell` makes of the sample's seconds, its row so far, and its commits' offsets and times.
fn commits_of_five_seconds(tell: impl Fn(u64, &str, &[(u64, f64)]) -> String) -> String {
    let sample = |n: u64| {
        let t = 15 * n;
        let row = format!("{},prod,pay,orders,0,0,{}", BEGIN + t, 100 * t);
        let commits: Vec<_> = [t - 11, t - 6, t - 1]
            .map(|at| (100 * at, (BEGIN + at) as f64))
            .to_vec();
        tell(t, &row, &commits)
    };
    (1..40).map(sample).collect()
}

/// The last p50 and p99 that were said.
async fn last_delays(recording: &str) -> (f64, f64) {
    let output = replay(recording.as_bytes(), &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let last = lines(&output).pop().expect("lines");
    let number = |name: &str| last[name].as_f64().expect("a number");
    (number("delay_p50"), number("delay_p99"))
}

#[tokio::test]
async fn delays_are_those_of_the_commits_whose_times_are_told() {
    let all = commits_of_five_seconds(|_, row, commits| {
        let rows = commits.iter().map(|(to, at)| format!("{row},{to},{at}\n"));
        rows.collect()
    });
    let (p50, p99) = last_delays(&format!("{TIMED}{all}")).await;
    assert!(
        (p50 - 2.5).abs() < 0.15 && (p99 - 4.95).abs() < 0.2,
        "{p50} {p99}"
    );
    // Of three commits the last: what the others took leaves with it.
    let last = commits_of_five_seconds(|_, row, commits| {
        let (to, at) = commits[2];
        format!("{row},{to},{at}\n")
    });
    let (p50, p99) = last_delays(&format!("{TIMED}{last}")).await;
    assert!(
        (p50 - 7.5).abs() < 0.3 && (p99 - 14.85).abs() < 0.5,
        "{p50} {p99}"
    );
    // Later than the sample is at it.
    let late = commits_of_five_seconds(|t, row, commits| {
        format!("{row},{},{}\n", commits[2].0, BEGIN + t + 9)
    });
    let (p50, p99) = last_delays(&format!("{TIMED}{late}")).await;
    assert!(
        (p50 - 8.5).abs() < 0.3 && (p99 - 15.85).abs() < 0.5,
        "{p50} {p99}"
    );
}

#[tokio::test]
async fn commits_whose_times_are_not_told_are_sampled() {
    let untold = |end: &'static str| {
        commits_of_five_seconds(move |_, row, commits| format!("{row},{}{end}\n", commits[2].0))
    };
    let with_column = replay(format!("{TIMED}{}", untold(",")).as_bytes(), &[]).await;
    let without = replay(format!("{HEADER}{}", untold("")).as_bytes(), &[]).await;
    assert_eq!(out(&with_column), out(&without));
    assert_eq!(
        last_delays(&format!("{HEADER}{}", untold(""))).await,
        (20.0, 20.0)
    );
}

#[tokio::test]
async fn gzip_says_the_same() {
    let text = overload();
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(text.as_bytes()).expect("into memory");
    let zipped = zipped.finish().expect("into memory");
    let (plain, unzipped) = (
        replay(text.as_bytes(), &[]).await,
        replay(&zipped, &[]).await,
    );
    assert_eq!(out(&plain), out(&unzipped));
    let cut = replay(&zipped[..zipped.len() / 2], &[]).await;
    assert_eq!(cut.status.code(), Some(1));
    assert!(
        out(&cut).lines().count() > 20,
        "what could be read was said"
    );
}

#[tokio::test]
async fn a_summary_names_what_was_raised_when_and_why() {
    let output = replay(overload().as_bytes(), &["--summary"]).await;
    let text = out(&output);
    let first = "1 groups and topics, 2 h 29 min from 2023-11-14T22:13:20Z to 2023-11-15T00:43:05Z";
    assert_eq!(text.lines().next(), Some(first), "{text}");
    for part in [
        "GROUP",
        "pay",
        "360 k",
        "lag_growth warning until the end",
        "its troughs rise: block_seconds ",
        "onset_lag_messages ",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let calm = replay(recording(60, |_| 1_000).as_bytes(), &["--summary"]).await;
    assert!(
        out(&calm).ends_with("\nNothing was raised.\n"),
        "{}",
        out(&calm)
    );
}

#[tokio::test]
async fn a_summary_says_when_a_warning_turned_critical_and_why() {
    let text = format!("#ceiling group=pay lag_messages=600000\n{}", overload());
    let output = replay(text.as_bytes(), &["--summary"]).await;
    let text = out(&output);
    let raised = text.lines().position(|l| l.contains("lag_growth warning"));
    let raised = raised.unwrap_or_else(|| panic!("a warning at first:\n{text}"));
    let turned = text.lines().nth(raised + 1).expect("a line more");
    assert!(
        turned.starts_with("    critical from 2023-11-15T"),
        "{text}"
    );
    assert!(turned.contains("eta_seconds "), "{text}");
    assert!(
        !text
            .lines()
            .nth(raised)
            .expect("it")
            .contains("eta_seconds")
    );
}

#[tokio::test]
async fn columns_may_stand_in_any_order_and_a_commit_may_be_missing() {
    let rows = "committed,log_end,log_start,partition,topic,group,cluster,more,t\n\
        5,7,0,0,orders,pay,prod,x,10\n\
        ,9,0,1,orders,pay,prod,x,10\n";
    let output = replay(rows.as_bytes(), &[]).await;
    let lines = lines(&output);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["lag"], 2, "no commit is no lag");
    assert!(
        lines[0]["time_lag"].is_null(),
        "unknown is null: {}",
        lines[0]
    );
}

#[tokio::test]
async fn what_cannot_be_read_stops_it_with_its_line() {
    let good = "1,c,g,t,0,0,5,5\n";
    let bad = [
        (
            format!("{HEADER}{good}2,c,g,t,0,0,x,5\n"),
            ":3: log_end is \"x\", not a whole number",
        ),
        (format!("{HEADER}{good}\n# \n2,c,g,t,0,0,5\n"), "directive"),
        (
            format!("{HEADER}{good}#nothing a=b\n"),
            "line 3: #nothing is no directive",
        ),
        (
            format!("{HEADER}{good}2,c,g,t,0,0,5\n"),
            ":3: committed is missing",
        ),
        (
            format!("{HEADER}{good}2,c,g,t,-1,0,5,5\n"),
            ":3: partition is \"-1\", not a whole number",
        ),
        (
            format!("{HEADER}{good}2,c,g,t,99999999,0,5,5\n"),
            ":3: partition is 1048576 or more",
        ),
        (
            format!("{HEADER}{good}0.5,c,g,t,0,0,5,5\n"),
            ":3: t goes backwards",
        ),
        (
            format!("{HEADER}{good}nan,c,g,t,0,0,5,5\n"),
            ":3: t is \"nan\", not a number",
        ),
        (
            format!("{HEADER}{good}1700000000000,c,g,t,0,0,5,5\n"),
            ":3: t is 1700000000000: that is not in seconds",
        ),
        (
            format!("{TIMED}1,c,g,t,0,0,5,5,\n2,c,g,t,0,0,6,6,soon\n"),
            ":3: committed_at is \"soon\", not a number",
        ),
        (
            format!("{TIMED}1,c,g,t,0,0,5,5,1700000000000\n"),
            ":2: committed_at is 1700000000000: that is not in seconds",
        ),
        (
            format!("{TIMED}1,c,g,t,0,0,5,5,1\n2,c,g,t,0,0,6,6\n"),
            ":3: committed_at is missing",
        ),
        (
            "t,cluster,group\n1,c,g\n".to_owned(),
            "the header lacks topic",
        ),
    ];
    for (text, expected) in bad {
        let output = replay(text.as_bytes(), &[]).await;
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            errors(&output).contains(expected),
            "{expected}: {}",
            errors(&output)
        );
        assert!(
            errors(&output).starts_with("lagslope: /"),
            "{}",
            errors(&output)
        );
    }
    let missing = command()
        .args(["replay", "/nowhere.csv"])
        .output()
        .await
        .expect("it runs");
    assert_eq!(missing.status.code(), Some(1));
    assert!(errors(&missing).contains("/nowhere.csv: cannot be read"));
    let usage = command().arg("replay").output().await.expect("it runs");
    assert_eq!(usage.status.code(), Some(2));
}

#[tokio::test]
async fn thresholds_and_ceilings_of_a_configuration_hold() {
    let config = config_file(
        "clusters: [{name: prod, bootstrap_servers: [\"x:1\"]}]\n\
         ceilings: [{group: pay, topic: orders, lag_messages: 720000}]\n\
         signals: {lag_growth: {rise_messages: 100000000}}\n",
    );
    let path = config.path().to_str().expect("text");
    let output = replay(overload().as_bytes(), &["--config.file", path]).await;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let lines = lines(&output);
    let is_calm = |line: &Value| line["signals"]["lag_growth"] != "warning";
    assert!(lines.iter().all(is_calm), "no rise is large enough");
    let last = lines.last().expect("lines");
    assert_eq!(
        last["signals"]["ceiling"], "ok",
        "its ceiling is known: {last}"
    );

    let refused = config_file("signals: {lag_grwth: {}}\n");
    let path = refused.path().to_str().expect("text");
    let output = replay(b"", &["--config.file", path]).await;
    assert_eq!(output.status.code(), Some(78));
    assert!(errors(&output).contains("lag_grwth"), "{}", errors(&output));
}

/// What the process has held at most, in KiB.
fn most_held(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let digits = line.expect("Linux tells it").split_whitespace().nth(1);
    digits.and_then(|kib| kib.parse().ok()).expect("a number")
}

/// Through a pipe, so that how far it has read is known.
#[tokio::test]
async fn its_memory_does_not_grow_with_the_recording() {
    let mut child = command()
        .args(["replay", "/dev/stdin", "--summary"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it runs");
    let pid = child.id().expect("it runs");
    let mut stdin = child.stdin.take().expect("piped");
    let mut chunk = HEADER.to_owned();
    let mut held = Vec::new();
    for hour in 0..48u64 {
        for step in 0..240 {
            let (t, end) = (hour * 3600 + step * 15, (hour * 240 + step) * 900);
            for partition in 0..4 {
                writeln!(
                    chunk,
                    "{t},prod,pay,orders,{partition},0,{end},{}",
                    end.saturating_sub(step % 7)
                )
                .expect("into memory");
            }
        }
        tokio::io::AsyncWriteExt::write_all(&mut stdin, chunk.as_bytes())
            .await
            .expect("it reads");
        chunk.clear();
        held.push(most_held(pid));
    }
    drop(stdin);
    let ended = timeout(SOON, child.wait())
        .await
        .expect("it ends")
        .expect("it ran");
    assert_eq!(ended.code(), Some(0));
    let (early, late) = (held[12], held[47]);
    assert!(late < early + 1024, "{early} KiB, then {late} KiB");
}

/// The first block of that language on the page that documents it.
fn documented(language: &str, from: &str) -> String {
    let page =
        std::fs::read_to_string(crate::promtool::repository("docs/replay.md")).expect("the page");
    let from = page.find(from).expect("it is there");
    let begin = page[from..]
        .find(&format!("```{language}\n"))
        .expect("a block")
        + from
        + language.len()
        + 4;
    let end = page[begin..].find("```").expect("the block ends") + begin;
    page[begin..end].to_owned()
}

#[tokio::test]
async fn the_documented_recording_gives_the_documented_line() {
    let output = replay(documented("csv", "## The recording").as_bytes(), &[]).await;
    assert_eq!(
        out(&output).lines().last(),
        documented("json", "## The output").lines().next()
    );
}

#[tokio::test]
async fn the_documented_evidence_is_that_of_a_consumer_that_stops() {
    let stops = recording(100, |minute| if minute < 90 { 1_000 } else { 0 });
    let lines = lines(&replay(stops.as_bytes(), &[]).await);
    let with_evidence: Vec<_> = lines
        .iter()
        .filter(|line| !line["evidence"].is_null())
        .collect();
    assert_eq!(with_evidence.len(), 1, "only where a verdict changed");
    assert_eq!(with_evidence[0]["signals"]["lag_growth"], "critical");
    let page = documented("json", "says why, in `evidence`");
    let page: Value = serde_json::from_str(&page).expect("an object");
    assert_eq!(page["evidence"], with_evidence[0]["evidence"]);
}

/// What `kafka-consumer-groups.sh --describe --all-groups` prints, through the documented awk program.
#[tokio::test]
async fn the_documented_loop_makes_rows_of_what_kafkas_tool_prints() {
    let printed = "\n\
        GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID\n\
        payments        orders          0          90              100             10              consumer-1-a    /10.0.0.1       consumer-1\n\
        payments        orders          1          -               7               -               -               -               -\n\
        \nConsumer group 'idle' has no active members.\n\n\
        GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID\n\
        idle            gone            0          5               -               -               -               -               -\n";
    let shell = documented("sh", "Kafka's own tool");
    let begin = shell.find("awk ").expect("an awk program");
    let end = shell.find(">>").expect("into the recording");
    let program = shell[begin..end].replace("$(date +%s)", "1700000000");
    let run = format!("cat <<'END' | {program}\n{printed}END\n");
    let output = tokio::process::Command::new("bash")
        .args(["-c", &run])
        .output()
        .await
        .expect("bash");
    let expected =
        "1700000000,prod,payments,orders,0,0,100,90\n1700000000,prod,payments,orders,1,0,7,\n";
    assert_eq!(out(&output), expected, "{}", errors(&output));
}
