//! What the pages tell people to type: their PromQL and their Prometheus configuration, looked at by promtool.

use std::fs;
use std::path::{Path, PathBuf};

use crate::alerts::lookup::RULES;
use crate::promtool::{promtool, repository};

/// A page and one of its fenced blocks.
struct Snippet {
    page: String,
    text: String,
}

#[test]
fn each_line_of_promql_is_promql() {
    let mut lines = Vec::new();
    for page in pages(&repository("docs/runbooks")) {
        let found = snippets(&page, "promql");
        assert!(
            !found.is_empty(),
            "{} asks Prometheus nothing",
            page.display()
        );
        for snippet in found {
            let expressions = snippet
                .text
                .lines()
                .map(|line| line.split('#').next().unwrap_or_default().trim().to_owned());
            lines.extend(expressions.map(|expression| (snippet.page.clone(), expression)));
        }
    }
    let rule = |(index, (page, expression)): (usize, &(String, String))| serde_json::json!({ "record": format!("line:{index}"), "labels": { "page": page }, "expr": expression });
    let rules: Vec<_> = lines.iter().enumerate().map(rule).collect();
    let file = serde_json::json!({ "groups": [{ "name": "runbooks", "rules": rules }] });
    let folder = tempfile::tempdir().expect("a temporary folder");
    // JSON is YAML.
    fs::write(folder.path().join("lines.json"), file.to_string()).expect("room for a file");
    promtool(folder.path(), &["check", "rules", "lines.json"], "");
}

#[test]
fn the_scrape_configuration_is_one() {
    let found = snippets(&repository("docs/prometheus.md"), "yaml");
    let mut scrapes = found
        .iter()
        .filter(|snippet| snippet.text.contains("scrape_configs:"));
    let snippet = scrapes.next().expect("the page shows how to scrape");
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy(repository(RULES), folder.path().join("lagslope.rules.yml")).expect("the rule file");
    fs::write(folder.path().join("prometheus.yml"), &snippet.text).expect("room for a file");
    promtool(folder.path(), &["check", "config", "prometheus.yml"], "");
}

/// Nobody reads more than this at three in the morning.
#[test]
fn runbooks_are_short_and_all_of_one_form() {
    for page in pages(&repository("docs/runbooks")) {
        let text = fs::read_to_string(&page).expect("a page");
        let words = text.split_whitespace().count();
        assert!(words < 450, "{} has {words} words", page.display());
        for part in [
            "**What it means.**",
            "## Confirm",
            "```sh",
            "## Do",
            "## What it doesn't mean",
        ] {
            assert!(text.contains(part), "{} has no {part}", page.display());
        }
    }
}

/// The Markdown files of a folder.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect()
}

/// The blocks of a page that are fenced as `language`.
fn snippets(page: &Path, language: &str) -> Vec<Snippet> {
    let text = fs::read_to_string(page).expect("a page");
    let begin = format!("```{language}\n");
    let blocks = text.split(&begin).skip(1);
    let closed = blocks.map(|rest| rest.split_once("```").expect("a closed block").0);
    closed
        .map(|text| Snippet {
            page: page.display().to_string(),
            text: text.to_owned(),
        })
        .collect()
}
