//! Every query of a dashboard, as Prometheus would be asked it.

use std::fs;

use serde_json::Value;

use crate::alerts::recording::{KEEPS_UP, Load, Recording, series};
use crate::promtool::{promtool, repository};
use crate::stories::minute;
use crate::stories::proof::Proof;

/// The folder of the dashboards.
pub(crate) const FOLDER: &str = "dashboards";

/// Panels that are empty while a group merely falls behind as a whole.
pub(crate) const OF_OTHER_TROUBLES: &[&str] = &[
    "Partitions that fall behind",
    "Retries for each message consumed",
    "Dead letters",
    "Why work is done again",
];

/// What stands for each variable: everything is selected.
const VARIABLES: &[(&str, &str)] = &[
    ("$__rate_interval", "1m"),
    ("$__range", "1h"),
    ("$cluster", ".+"),
    ("$group", ".+"),
    ("$topic", ".+"),
];

/// All dashboards, by file name.
pub(crate) fn dashboards() -> Vec<(String, Value)> {
    let files = fs::read_dir(repository(FOLDER)).expect("a folder of dashboards");
    let files = files.map(|file| file.expect("readable").path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("text");
        name.ends_with(".json")
            .then(|| (name, serde_json::from_str(&text).expect("JSON")))
    };
    files.filter_map(read).collect()
}

/// The panels of a dashboard, those included that a collapsed row holds.
pub(crate) fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().expect("a list of panels");
    let inner = |panel| list(panel, "panels").iter();
    panels
        .iter()
        .flat_map(|panel| std::iter::once(panel).chain(inner(panel)))
        .collect()
}

/// A list inside of it; one that is not there is empty.
pub(crate) fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

/// Every query of every dashboard, its variables filled in: `(title of the panel, expression)`.
pub(crate) fn queries() -> Vec<(String, String)> {
    let dashboards = dashboards();
    let panels = dashboards
        .iter()
        .flat_map(|(_, dashboard)| panels(dashboard));
    let of_panel = |panel: &Value| {
        let title = panel["title"].as_str().expect("a title");
        let expression = |target: &Value| fill_in(target["expr"].as_str().expect("an expression"));
        let query = |target: &Value| (title.to_owned(), expression(target));
        list(panel, "targets").iter().map(query).collect::<Vec<_>>()
    };
    panels.flat_map(of_panel).collect()
}

fn fill_in(expression: &str) -> String {
    VARIABLES
        .iter()
        .fold(expression.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
}

#[test]
fn each_query_is_promql() {
    let queries = queries();
    assert!(
        queries.len() > 20,
        "only {} queries were found",
        queries.len()
    );
    for title in OF_OTHER_TROUBLES {
        let is_there = queries.iter().any(|(panel, _)| panel == title);
        assert!(is_there, "no panel is called {title}");
    }
    let rule = |(index, (panel, expression)): (usize, &(String, String))| {
        assert!(!expression.contains('$'), "{panel}: {expression}");
        serde_json::json!({ "record": format!("query:{index}"), "expr": expression })
    };
    let rules: Vec<_> = queries.iter().enumerate().map(rule).collect();
    let file = serde_json::json!({ "groups": [{ "name": "queries", "rules": rules }] });
    let folder = tempfile::tempdir().expect("a temporary folder");
    // JSON is YAML.
    fs::write(folder.path().join("queries.json"), file.to_string()).expect("room for a file");
    promtool(folder.path(), &["check", "rules", "queries.json"], "");
}

/// A zero that nobody measured hides that nothing was measured.
#[test]
fn no_query_makes_up_a_value() {
    for (panel, expression) in queries() {
        assert!(!expression.contains("vector("), "{panel}: {expression}");
    }
}

/// Three groups in trouble fill every panel: one below its ceiling, one with a slow partition, one that retries.
#[tokio::test]
async fn each_query_finds_data_while_groups_are_in_trouble() {
    let too_slow = Load {
        consumed: 950.0,
        ..KEEPS_UP
    };
    let one_is_slow = Load {
        slow: &[(7, 500.0)],
        ..KEEPS_UP
    };
    let retries = Load {
        retried: 0.4,
        ..KEEPS_UP
    };
    let groups = [
        Recording::of("billing", "orders", 2)
            .with_ceiling("lag_messages=2000000 delay_seconds=300")
            .runs(30, KEEPS_UP)
            .runs(30, too_slow),
        Recording::of("search", "products", 12)
            .runs(30, KEEPS_UP)
            .runs(30, one_is_slow),
        Recording::of("mailer", "mails", 2)
            .with_retries()
            .runs(30, KEEPS_UP)
            .runs(30, retries),
    ];
    let series = series(&groups).await;
    queries()
        .iter()
        .fold(Proof::of(&series), |proof, (_, expression)| {
            proof.finds(minute(60), expression)
        })
        .holds();
}
