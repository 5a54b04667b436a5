//! What a new user does: a fresh clone in a fresh folder, `./test`, then `./demo`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::asked_for;
use crate::evidence::Evidence;

/// Until the overload is called, some 12 minutes after its start, and a little longer.
const DEMO: &str = "14m";

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
fn the_demo_of_a_fresh_clone_calls_the_overload() {
    if !asked_for("demo") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clone = clone_into(folder.path());
    let (text, seconds) = said_by(&clone, "./demo", &["--for", DEMO]);
    Evidence::new("demo", "What a new user sees: ./demo").entry(
        "A fresh clone in a fresh folder: `./demo` shows it, times printed",
        "git clone … && cd lagslope && ./demo --for 14m",
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
