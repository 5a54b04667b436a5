//! Prometheus' own checker of rules, tests of rules and metrics: where it is found, and how it is run.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const HOW_TO_GET_IT: &str = "promtool is missing. `./test` gets it; by hand:\n  \
    apt-get download prometheus && dpkg -x prometheus_*.deb target/debian/prometheus\n\
    or install Prometheus, or name the program in LAGSLOPE_PROMTOOL.";

/// Runs it in a folder, hands it `input`, and returns what it said; fails the test with that when it disagrees.
pub(crate) fn promtool(folder: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(find())
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut stdin = child.stdin.take().expect("it was piped");
    // It may leave its input unread; what it says then tells more than a broken pipe.
    let _either_way = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "promtool {} says:\n{said}",
        arguments.join(" ")
    );
    said.into_owned()
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Named in the environment, on the path, or where `./test` unpacked Debian's package.
fn find() -> PathBuf {
    let named = env::var_os("LAGSLOPE_PROMTOOL").map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        let mut candidates = env::split_paths(&path).map(|folder| folder.join("promtool"));
        candidates.find(|file| file.is_file())
    };
    named
        .or_else(on_path)
        .or_else(|| find_below(&repository("target/debian")))
        .expect(HOW_TO_GET_IT)
}

fn find_below(folder: &Path) -> Option<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .ok()?
        .filter_map(|e| Some(e.ok()?.path()))
        .collect();
    entries.sort();
    entries.into_iter().find_map(|path| {
        if path.is_symlink() {
            return None;
        }
        if path.is_dir() {
            return find_below(&path);
        }
        path.ends_with("bin/promtool").then_some(path)
    })
}
