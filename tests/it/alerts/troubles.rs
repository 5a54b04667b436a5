//! The table of docs/prometheus.md: which trouble raises which alerts, and what Alertmanager shows of them. The stories claim what it
//! says, so that it is true; its last column is worked out by the page's own inhibit rules.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;
use yaml_rust2::{Yaml, YamlLoader};

use crate::promtool::repository;

/// What fires.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Alert {
    name: String,
    severity: String,
}

impl Alert {
    /// Name and severity.
    pub(crate) fn as_strs(&self) -> (&str, &str) {
        (&self.name, &self.severity)
    }
}

/// A line of the table.
struct Trouble {
    name: String,
    fires: Vec<Alert>,
    shown: Vec<Alert>,
}

/// What fires in a trouble, by its words in the table.
pub(crate) fn fires_when(trouble: &str) -> Vec<Alert> {
    let found = troubles().into_iter().find(|row| row.name == trouble);
    found
        .unwrap_or_else(|| panic!("{trouble:?} is not in the table"))
        .fires
}

fn page() -> String {
    fs::read_to_string(repository("docs/prometheus.md")).expect("the page")
}

fn troubles() -> Vec<Trouble> {
    let page = page();
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| trouble"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let trouble = |row: &str| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        Trouble {
            name: cells[1].to_owned(),
            fires: alerts(cells[2]),
            shown: alerts(cells[3]),
        }
    };
    rows.map(trouble).collect()
}

fn alerts(cell: &str) -> Vec<Alert> {
    let words = |alert: &str| {
        let (name, severity) = alert.split_once(' ').expect("a name and a severity");
        Alert {
            name: name.to_owned(),
            severity: severity.to_owned(),
        }
    };
    cell.split(", ").map(words).collect()
}

/// An inhibit rule, for alerts of one group and topic.
struct Inhibition {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
}

/// A label's name, and what its whole value has to match.
struct Matcher(String, Regex);

impl Matcher {
    fn of(text: &str) -> Self {
        let syntax = Regex::new(r#"^(\w+)(=~|=)"(.*)"$"#).expect("a constant of ours");
        let parts = syntax.captures(text).expect("a matcher");
        let value = match &parts[2] {
            "=" => regex::escape(&parts[3]),
            _ => parts[3].to_owned(),
        };
        let value = Regex::new(&format!("^(?:{value})$")).expect("a pattern");
        Self(parts[1].to_owned(), value)
    }

    fn matches(&self, alert: &Alert) -> bool {
        match self.0.as_str() {
            "alertname" => self.1.is_match(&alert.name),
            "severity" => self.1.is_match(&alert.severity),
            // Each alert of the table is about a group.
            "group" => self.1.is_match("billing"),
            other => panic!("no story tells of the label {other}"),
        }
    }
}

fn inhibitions() -> Vec<Inhibition> {
    let page = page();
    let (_, rest) = page.split_once("```yaml\ninhibit_rules:").expect("rules");
    let (rules, _) = rest.split_once("```").expect("an end");
    let rules = YamlLoader::load_from_str(rules).expect("YAML");
    let matchers = |rule: &Yaml, name: &str| {
        let list = rule[name].as_vec().expect("matchers");
        let texts = list.iter().map(|one| one.as_str().expect("a text"));
        texts.map(Matcher::of).collect()
    };
    let rules = rules[0].as_vec().expect("a list").iter();
    let inhibition = |rule: &Yaml| {
        let equal = rule["equal"].as_vec().expect("labels");
        let equal: Vec<_> = equal.iter().filter_map(Yaml::as_str).collect();
        assert_eq!(equal, ["kafka_cluster", "group", "topic"]);
        Inhibition {
            source: matchers(rule, "source_matchers"),
            target: matchers(rule, "target_matchers"),
        }
    };
    rules.map(inhibition).collect()
}

/// What Alertmanager lets through: an alert is muted by any other that fires and stands on a rule's left, unless it is one of those
/// that it mutes, too.
fn shown(firing: &[Alert], inhibitions: &[Inhibition]) -> BTreeSet<Alert> {
    let all = |matchers: &[Matcher], alert: &Alert| matchers.iter().all(|m| m.matches(alert));
    let is_muted = |alert: &Alert| {
        inhibitions.iter().any(|rule| {
            let sources = firing.iter().filter(|other| all(&rule.source, other));
            let both = all(&rule.source, alert);
            let mut sources = sources.filter(|other| !(both && all(&rule.target, other)));
            all(&rule.target, alert) && sources.next().is_some()
        })
    };
    firing
        .iter()
        .filter(|alert| !is_muted(alert))
        .cloned()
        .collect()
}

#[test]
fn what_the_table_shows_is_what_its_inhibit_rules_leave() {
    let inhibitions = inhibitions();
    let troubles = troubles();
    assert!(troubles.len() > 10, "only {} troubles", troubles.len());
    for trouble in troubles {
        let left = shown(&trouble.fires, &inhibitions);
        let expected: BTreeSet<_> = trouble.shown.into_iter().collect();
        assert_eq!(left, expected, "{}", trouble.name);
    }
}

/// What loses messages aside: they are gone for good, whatever the cause, and what keeps them is another's work than what mends it.
#[test]
fn no_trouble_pages_twice() {
    for trouble in troubles() {
        let pages = trouble.shown.iter();
        let loses =
            |name: &str| ["LagslopeMessagesLost", "LagslopeRetentionLossSoon"].contains(&name);
        let pages = pages.filter(|alert| alert.severity == "critical" && !loses(&alert.name));
        assert!(pages.count() <= 1, "{}", trouble.name);
    }
}

#[test]
fn each_trouble_of_the_table_is_played() {
    let stories = [
        include_str!("firing.rs"),
        include_str!("losses.rs"),
        include_str!("retries.rs"),
        include_str!("signals.rs"),
    ];
    for trouble in troubles() {
        let name = format!("\"{}\"", trouble.name);
        let is_played = stories.iter().any(|source| source.contains(&name));
        assert!(is_played, "no story claims {name}");
    }
}
