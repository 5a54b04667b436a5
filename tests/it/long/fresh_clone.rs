//! What a new user does: a fresh clone in a fresh folder, `./test`, then `./demo`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::asked_for;
use crate::evidence::Evidence;

/// Enough of the demo to see it start and publish; the call itself takes a quarter of an hour and is shown by `headline`.
const DEMO: &str = "100s";

#[test]
fn a_fresh_clone_tests_itself_and_shows_the_main_job() {
    if !asked_for("fresh_clone") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clone = folder.path().join("lagslope");
    let here = env!("CARGO_MANIFEST_DIR");
    said_by(
        Path::new("/"),
        "git",
        &["clone", "-q", here, &clone.display().to_string()],
    );
    let (tested, test_seconds) = said_by(&clone, "./test", &[]);
    let (shown, demo_seconds) = said_by(&clone, "./demo", &["--for", DEMO]);
    let seen = format!(
        "$ ./test   # {test_seconds} s\n{}\n\n$ ./demo --for {DEMO}   # {demo_seconds} s, the build included\n{}",
        last_lines(&tested, 12),
        last_lines(&shown, 24)
    );
    Evidence::new("fresh-clone", "What a new user sees").entry(
        "A fresh clone in a fresh folder: `./test` passes, `./demo` shows it, times printed",
        "git clone … && cd lagslope && ./test && ./demo --for 100s",
        &seen,
    );
    assert!(
        shown.contains("payments") && shown.contains("nightly"),
        "{shown}"
    );
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
