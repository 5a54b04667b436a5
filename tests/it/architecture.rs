//! Who may use whom: reads the sources, and fails on a path that the layout forbids. Rust's modules don't keep layers by themselves.

use std::fs;
use std::path::{Path, PathBuf};

/// `(module, what it may name of ours)`; a module that is not in here may name everything.
const MAY_USE: &[(&str, &[&str])] = &[
    ("analysis", &["analysis"]),
    ("codec", &[]),
    ("kafka", &["kafka", "analysis", "codec"]),
    ("expose", &["expose", "analysis"]),
    ("config", &["config", "analysis", "kafka", "expose"]),
    ("telemetry", &["telemetry"]),
    ("simulator", &["simulator", "codec"]),
    ("state", &["state", "analysis"]),
];

/// `(foreign name, the only modules that may say it)`.
const NAMED_BY: &[(&str, &[&str])] = &[
    ("rdkafka", &["kafka"]),
    ("libgssapi", &["kafka"]),
    ("kafka_protocol", &["kafka", "simulator", "codec"]),
    ("axum", &["expose"]),
    // In `kafka` for token endpoints, whose answers are JSON.
    ("hyper", &["expose", "kafka"]),
    ("prometheus::", &["expose"]),
    ("serde_json", &["expose", "kafka"]),
    ("postcard", &["state"]),
    ("yaml_rust2", &["config"]),
    ("std::env::var", &["config"]),
    ("SystemTime", &["daemon"]),
    ("rustix", &["daemon"]),
    ("Instant::now", &["daemon", "kafka", "expose"]),
];

/// What the pure core may not say at all.
const FORBIDDEN_IN_ANALYSIS: &[&str] = &[
    "tokio",
    "serde",
    "SystemTime",
    "Instant",
    "async ",
    "await",
    "Mutex",
    "RwLock",
    "std::fs",
    "std::io",
    "std::env",
    "std::net",
    "regex",
    "tracing",
];

#[test]
fn modules_use_only_what_the_layout_allows() {
    let wrong = findings(|module, line| {
        if line.contains("super::super::super") {
            return Some("say crate::… instead: so many steps up can't be checked".to_owned());
        }
        let allowed = MAY_USE
            .iter()
            .find(|(name, _)| *name == module)
            .map(|(_, allowed)| *allowed)?;
        let used = line.split("crate::").skip(1).map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or("")
        });
        used.into_iter()
            .find(|name| !allowed.contains(name) && !name.is_empty())
            .map(|name| format!("{module} must not use crate::{name}"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_foreign_thing_is_named_by_one_module() {
    let wrong = findings(|module, line| {
        let (name, allowed) = NAMED_BY
            .iter()
            .find(|(name, allowed)| names(line, name) && !allowed.contains(&module))?;
        Some(format!("{name} belongs to {}", allowed.join(", ")))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let wrong = findings(|module, line| {
        let name = FORBIDDEN_IN_ANALYSIS
            .iter()
            .find(|name| module == "analysis" && names(line, name))?;
        Some(format!("analysis must not say {name}"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `text` occurs in `line` and does not merely end a longer word.
fn names(line: &str, text: &str) -> bool {
    line.match_indices(text)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Every finding of `judge` on a line of code (comments and documentation aside), with file and line.
fn findings(judge: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(
        files.len() > 5,
        "found only {} files below {}",
        files.len(),
        root.display()
    );
    let mut found = Vec::new();
    for file in files {
        let inside = file
            .strip_prefix(&root)
            .expect("collected below it")
            .to_string_lossy()
            .replace('\\', "/");
        let module = inside
            .split('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs")
            .to_owned();
        let text = fs::read_to_string(&file).expect("a source file is text");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            found.extend(
                judge(&module, code).map(|why| format!("src/{inside}:{}: {why}", number + 1)),
            );
        }
    }
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}
