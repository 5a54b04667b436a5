//! Error labels: docs/metrics.md says of each what it means and what to do, and of no other.

use std::collections::BTreeSet;
use std::fs;

use crate::promtool::repository;

/// Where errors have their labels.
const SOURCES: &[&str] = &["src/kafka/error.rs", "src/kafka/sampler/doubted.rs"];
const FOLDER_OF_SOURCES: &str = "src/kafka/error";

#[test]
fn the_metrics_page_explains_every_error_label_and_no_other() {
    let page = fs::read_to_string(repository("docs/metrics.md")).expect("the page");
    let (_, section) = page.split_once("\n## Errors\n").expect("its section");
    let section = section.split("\n## ").next().expect("a beginning");
    let mut explained = BTreeSet::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{row}");
        assert!(!cells[2].is_empty() && !cells[3].is_empty(), "{row}");
        for label in cells[1].split('`').skip(1).step_by(2) {
            assert!(explained.insert(label.to_owned()), "{label} is there twice");
        }
    }
    // The heading of the table.
    explained.remove("error");
    assert_eq!(explained, labels());
}

/// Every label in the sources: they are their only texts of lower-case words joined by `_`.
fn labels() -> BTreeSet<String> {
    let mut paths: Vec<_> = SOURCES.iter().map(|path| repository(path)).collect();
    let folder = fs::read_dir(repository(FOLDER_OF_SOURCES)).expect("a folder");
    paths.extend(folder.map(|entry| entry.expect("readable").path()));
    let mut found = BTreeSet::new();
    for path in paths {
        let source = fs::read_to_string(&path).expect("a source");
        let code = source.split("#[cfg(test)]").next().expect("a beginning");
        let lines = code.lines().filter(|line| !line.contains("feature ="));
        let texts = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
        found.extend(texts.filter(|text| is_label(text)).map(str::to_owned));
    }
    assert!(found.len() > 50, "{found:?}");
    found
}

fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}
