//! The rule file as data.

use std::fs;

use yaml_rust2::{Yaml, YamlLoader};

use crate::promtool::repository;

/// Where the rules are.
pub(crate) const RULES: &str = "alerts/lagslope.rules.yml";

/// An alert rule.
pub(crate) struct Rule {
    pub(crate) alert: String,
    pub(crate) severity: String,
    pub(crate) expression: String,
    /// Name and template.
    pub(crate) annotations: Vec<(String, String)>,
}

impl Rule {
    /// The template of one annotation, or nothing.
    pub(crate) fn annotation(&self, name: &str) -> &str {
        let found = self.annotations.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, template)| template.as_str())
    }
}

/// All rules of the file, in its order.
pub(crate) fn rules() -> Vec<Rule> {
    let text = fs::read_to_string(repository(RULES)).expect("the rule file");
    let file = &YamlLoader::load_from_str(&text).expect("it is YAML")[0];
    let groups = file["groups"].as_vec().expect("a list of groups");
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_vec().expect("a list of rules"));
    rules.map(rule).collect()
}

fn rule(rule: &Yaml) -> Rule {
    let text = |yaml: &Yaml| yaml.as_str().expect("a text").to_owned();
    let annotations = rule["annotations"].as_hash().expect("annotations");
    Rule {
        alert: text(&rule["alert"]),
        severity: text(&rule["labels"]["severity"]),
        expression: text(&rule["expr"]),
        annotations: annotations
            .iter()
            .map(|(key, value)| (text(key), text(value)))
            .collect(),
    }
}
