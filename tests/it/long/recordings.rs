//! The score of the detectors on recordings with a truth beside them, and what a long recording costs. The recordings are not in this
//! repository: `LAGSLOPE_TRACES` is their folder, `LAGSLOPE_SCORE` the program that scores a command on them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::asked_for;
use crate::evidence::Evidence;

/// Partitions that keep up, and rows of the longer recording: a gigabyte.
const PARTITIONS: u64 = 50;
const ROWS: u64 = 17_000_000;

#[test]
fn detectors_are_scored_and_a_long_recording_is_replayed_in_the_memory_of_a_short_one() {
    if !asked_for("recordings") {
        return;
    }
    let lagslope = released();
    match (var("LAGSLOPE_TRACES"), var("LAGSLOPE_SCORE")) {
        (Some(traces), Some(score)) => show_score(&lagslope, &traces, &score),
        _ => println!("CANNOT RUN: the score needs LAGSLOPE_TRACES and LAGSLOPE_SCORE"),
    }
    show_cost(&lagslope);
}

fn show_score(lagslope: &Path, traces: &Path, score: &Path) {
    let scored = |more: &[&str]| {
        let mut command = Command::new("python3");
        command.arg(score).arg(traces).args(more);
        command
            .arg("--cmd")
            .arg(format!("{} replay", lagslope.display()));
        let output = command.output().expect("python3 runs");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        let lines = text.lines();
        // But for the seconds that each took.
        let lines = lines.map(|line| match line.rsplit_once(", ") {
            Some((line, seconds)) if line.starts_with("==") && seconds.ends_with(" s") => line,
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let (as_it_is, renamed) = (scored(&[]), scored(&["--rename", "7"]));
    assert_eq!(as_it_is, renamed, "names must not matter");
    Evidence::new("signals-score", "What the detectors score").entry(
        "The seven shared recordings, 108 group-days; the same with groups and topics renamed at random",
        "score.py traces --cmd \"target/release/lagslope replay\"    # and the same with --rename 7",
        &format!("the same but for the seconds taken:\n{as_it_is}"),
    );
}

fn show_cost(lagslope: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut peaks = Vec::new();
    let seen = [ROWS / 10, ROWS].map(|rows| {
        let file = folder.path().join(format!("{rows}.csv"));
        let bytes = record(&file, rows);
        let (seconds, mebibytes) = replayed(lagslope, &file);
        peaks.push(mebibytes);
        format!(
            "{rows} rows, {} MB: {mebibytes:.1} MiB at most, {seconds:.1} s, {:.2} M rows/s",
            bytes / 1_000_000,
            rows as f64 / seconds / 1e6
        )
    });
    assert!(peaks[1] < 1.2 * peaks[0], "{seen:?}");
    Evidence::new("recordings", "What a recording costs").entry(
        "A recording of 1 GB in the memory of one of 0.1 GB",
        "lagslope replay 1700000.csv > /dev/null; lagslope replay 17000000.csv > /dev/null    # 50 partitions that keep up",
        &seen.join("\n"),
    );
}

/// Gives its bytes.
fn record(file: &Path, rows: u64) -> u64 {
    let mut text = BufWriter::new(File::create(file).expect("made"));
    writeln!(
        text,
        "t,cluster,group,topic,partition,log_start,log_end,committed"
    )
    .expect("room");
    for n in 0..rows / PARTITIONS {
        for partition in 0..PARTITIONS {
            let wave = (n * 7 + partition * 13) % 90;
            let end = 10_000 + 1_000 * n + wave;
            let (t, committed) = (1_700_000_000 + 10 * n, end - wave.min(40));
            writeln!(
                text,
                "{t}.215,prod,payments,orders,{partition},0,{end},{committed}"
            )
            .expect("room");
        }
    }
    text.flush().expect("room");
    file.metadata().expect("there").len()
}

/// Seconds of user time, and the most memory in MiB, as they were last seen before it ended.
fn replayed(lagslope: &Path, file: &Path) -> (f64, f64) {
    let mut command = Command::new(lagslope);
    command.arg("replay").arg(file).stdout(Stdio::null());
    let mut child = command.spawn().expect("it runs");
    let folder = PathBuf::from(format!("/proc/{}", child.id()));
    let of_child = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let (mut seconds, mut mebibytes) = (0.0_f64, 0.0_f64);
    let status = loop {
        if let Some(status) = child.try_wait().expect("ours") {
            break status;
        }
        // The 14th field, in hundredths; the program's name, the second, is in parentheses.
        let stat = of_child("stat");
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let user = fields
            .split(' ')
            .nth(12)
            .and_then(|ticks| ticks.parse::<f64>().ok());
        let peak = of_child("status");
        let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<f64>().ok());
        seconds = seconds.max(user.unwrap_or(0.0) / 100.0);
        mebibytes = mebibytes.max(peak.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
    (seconds, mebibytes)
}

fn released() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "--bin", "lagslope"]);
    let status = cargo.current_dir(folder).status().expect("cargo runs");
    assert!(status.success(), "{status}");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(folder.join("target"), PathBuf::from);
    target.join("release/lagslope")
}

fn var(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}
