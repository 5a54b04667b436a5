//! What a new user does: a fresh clone in a fresh folder, `./test`, then `./demo`, simulated and on a real Kafka.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::asked_for;
use crate::evidence::Evidence;

/// Until the overload is called, some 12 minutes after its start, and a little longer.
const ON_KAFKA: &str = "14m";

/// Seconds in which the simulation shows every signal.
const SIMULATED: &str = "120";

#[test]
fn a_fresh_clone_tests_itself() {
    if !asked_for("fresh_clone") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (text, seconds) = said_by(&clone_into(folder.path()), "./test", &[]);
    Evidence::new("fresh-clone", "What a new user sees: ./test").entry(
        "A fresh clone in a fresh folder: `./test` passes, times printed",
        "git clone … && cd lagslope && ./test",
        &format!("{seconds} s\n{}", last_lines(&text, 12)),
    );
}

#[test]
fn the_demo_of_a_fresh_clone_shows_every_signal() {
    if !asked_for("demo") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clone = clone_into(folder.path());
    // As the script does, so that the two minutes are the demo's.
    let build = [
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--bin",
        "lagslope",
    ];
    let (_, building) = said_by(&clone, "cargo", &build);
    let ended = ["--preserve-status", "-s", "INT", SIMULATED];
    let demo = ["./demo", "--web.listen-address", "127.0.0.1:0"];
    let (text, _) = said_by(&clone, "timeout", &[&ended[..], &demo[..]].concat());
    Evidence::new("demo", "What a new user sees: ./demo").entry(
        "A fresh clone in a fresh folder: every signal is raised within two minutes, and some clear again",
        "git clone … && cd lagslope && ./demo    # Ctrl-C after two minutes",
        &format!("{building} s, the build\n{}", last_lines(&text, 30)),
    );
    let told: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("before"))
        .collect();
    for signal in ["lag_growth", "ceiling", "divergence", "retry_storm"] {
        let is_raised = |line: &&&str| {
            let bad = line.contains("warning") || line.contains("CRITICAL");
            line.contains(signal) && bad
        };
        assert!(told.iter().find(is_raised).is_some(), "{signal}: {text}");
    }
    assert!(told.iter().any(|line| line.ends_with("ok again")), "{text}");
}

#[test]
fn the_demo_on_a_real_kafka_calls_the_overload() {
    if !asked_for("demo_kafka") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clone = clone_into(folder.path());
    let (text, seconds) = said_by(&clone, "./demo", &["--kafka", "--for", ON_KAFKA]);
    Evidence::new("demo-kafka", "What a new user sees: ./demo --kafka").entry(
        "A fresh clone in a fresh folder: `./demo --kafka` shows it, times printed",
        "git clone … && cd lagslope && ./demo --kafka --for 14m",
        &format!("{seconds} s, the build included\n{}", last_lines(&text, 24)),
    );
    let last = |group| text.lines().rfind(|line: &&str| line.starts_with(group));
    assert!(
        last("payments").is_some_and(|line| line.ends_with("critical")),
        "{text}"
    );
    assert!(
        last("nightly").is_some_and(|line| line.ends_with("ok")),
        "{text}"
    );
}

fn clone_into(folder: &Path) -> PathBuf {
    let clone = folder.join("lagslope");
    let (from, to) = (env!("CARGO_MANIFEST_DIR"), clone.display().to_string());
    said_by(Path::new("/"), "git", &["clone", "-q", from, &to]);
    clone
}

/// Output and seconds of a command that must succeed. What switches the demonstrations must not reach the clone.
fn said_by(folder: &Path, program: &str, arguments: &[&str]) -> (String, u64) {
    let began = Instant::now();
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_remove("LAGSLOPE_LONG")
        .env_remove("LAGSLOPE_EVIDENCE")
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{}\n{}",
        output.status,
        last_lines(&text, 60),
        last_lines(&String::from_utf8_lossy(&output.stderr), 60)
    );
    (text, began.elapsed().as_secs())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
