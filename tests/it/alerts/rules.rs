//! The rule file itself: promtool's lint, its runbooks, and what each rule has to say.

use std::collections::BTreeSet;
use std::fs;

use super::lookup::{RULES, rules};
use crate::dashboards::dashboards;
use crate::promtool::{promtool, repository};

const RUNBOOKS: &str = "https://github.com/lagslope/lagslope/blob/main/";

#[test]
fn promtool_finds_nothing_to_mend() {
    promtool(
        &repository("."),
        &["check", "rules", "--lint=all", "--lint-fatal", RULES],
        "",
    );
}

#[test]
fn each_alert_has_its_runbook_and_each_runbook_its_alert() {
    let alerts: BTreeSet<_> = rules().into_iter().map(|rule| rule.alert).collect();
    let pages = fs::read_dir(repository("docs/runbooks")).expect("a folder of runbooks");
    let pages: BTreeSet<_> = pages
        .map(|page| page.expect("readable").file_name())
        .map(|name| name.to_string_lossy().trim_end_matches(".md").to_owned())
        .collect();
    assert_eq!(alerts, pages);
}

#[test]
fn each_rule_says_what_a_person_needs() {
    for rule in rules() {
        let alert = &rule.alert;
        for name in ["summary", "description", "runbook_url", "dashboard"] {
            assert!(!rule.annotation(name).is_empty(), "{alert} has no {name}");
        }
        let url = rule.annotation("runbook_url");
        let page = url
            .strip_prefix(RUNBOOKS)
            .expect("a page of this repository");
        assert_eq!(page, format!("docs/runbooks/{alert}.md"));
        assert!(
            repository(page).is_file(),
            "{alert} leads to {page}, which is not there"
        );
        assert!(
            ["warning", "critical"].contains(&rule.severity.as_str()),
            "{alert}: {}",
            rule.severity
        );
    }
}

#[test]
fn each_alert_opens_a_dashboard_that_there_is() {
    let paths: Vec<_> = dashboards()
        .iter()
        .map(|(_, dashboard)| format!("/d/{}", dashboard["uid"].as_str().expect("a uid")))
        .collect();
    for rule in rules() {
        let path = rule.annotation("dashboard").split('?').next();
        assert!(
            paths.iter().any(|known| Some(known.as_str()) == path),
            "{} opens {path:?}",
            rule.alert
        );
    }
}

/// Only what no series is left of needs no aggregation.
#[test]
fn replicas_never_double_an_alert() {
    for rule in rules() {
        let aggregates = rule.expression.contains("without (instance, pod");
        assert!(
            aggregates || rule.expression.starts_with("absent("),
            "{}: {}",
            rule.alert,
            rule.expression
        );
    }
}
