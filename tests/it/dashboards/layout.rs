//! A dashboard's shape: its panels, where they lie, what they say of themselves, where they lead.

use std::collections::BTreeSet;

use serde_json::Value;

use super::queries::{dashboards, list, panels};
use crate::promtool::repository;

/// Of Grafana 10.4 and 11: from there on all of what is used here exists.
const SCHEMA: u64 = 39;

const GRID_WIDTH: u64 = 24;

/// The panel types of today: `graph` and `singlestat` need Angular, which Grafana has dropped.
const TYPES: &[&str] = &["row", "stat", "state-timeline", "table", "timeseries"];

const OWN_PAGES: &str = "https://github.com/lagslope/lagslope/blob/main/";

#[test]
fn each_panel_has_its_own_id_title_and_place() {
    for (file, dashboard) in dashboards() {
        let panels = panels(&dashboard);
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
        assert_eq!(ids.len(), panels.len(), "{file}: two panels share an id");
        assert!(
            !ids.contains(&None),
            "{file}: an id is missing or no number"
        );
        let titles: BTreeSet<_> = panels.iter().map(|panel| panel["title"].as_str()).collect();
        assert_eq!(
            titles.len(),
            panels.len(),
            "{file}: two panels share a title"
        );
        for (index, panel) in panels.iter().enumerate() {
            assert!(
                Place::of(panel).right <= GRID_WIDTH,
                "{file}: {} is too wide",
                panel["title"]
            );
            for other in &panels[index + 1..] {
                let overlap = Place::of(panel).overlaps(&Place::of(other));
                assert!(
                    !overlap,
                    "{file}: {} and {} overlap",
                    panel["title"], other["title"]
                );
            }
        }
    }
}

#[test]
fn each_panel_is_of_a_current_type_and_says_how_to_read_it() {
    for (file, dashboard) in dashboards() {
        assert!(
            dashboard["schemaVersion"].as_u64() >= Some(SCHEMA),
            "{file}"
        );
        for panel in panels(&dashboard) {
            let (title, kind) = (&panel["title"], panel["type"].as_str().expect("a type"));
            assert!(TYPES.contains(&kind), "{file}: {title} is a {kind}");
            if kind == "row" {
                continue;
            }
            let says = panel["description"].as_str().unwrap_or_default();
            assert!(says.len() > 10, "{file}: {title} has no description");
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
            assert!(
                unit.is_some() || kind == "state-timeline",
                "{file}: {title} has no unit"
            );
        }
    }
}

/// A file that knows one Grafana's data source by its id shows nothing on another.
#[test]
fn the_data_source_and_the_selection_are_variables() {
    for (file, dashboard) in dashboards() {
        let variables = list(&dashboard["templating"], "list");
        let names: Vec<_> = variables
            .iter()
            .filter_map(|v| v["name"].as_str())
            .collect();
        assert_eq!(names, ["datasource", "cluster", "group", "topic"], "{file}");
        assert_eq!(variables[0]["type"], "datasource", "{file}");
        assert_eq!(variables[0]["query"], "prometheus", "{file}");
        let targets = panels(&dashboard)
            .into_iter()
            .flat_map(|panel| list(panel, "targets").iter());
        for asked in targets.chain(&variables[1..]) {
            assert_eq!(
                asked["datasource"]["uid"], "${datasource}",
                "{file}: {asked}"
            );
        }
    }
}

#[test]
fn what_is_drawn_differently_is_there() {
    for (file, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let names = series_names(panel);
            let overrides = list(&panel["fieldConfig"], "overrides");
            for matched in overrides {
                let name = matched["matcher"]["options"].as_str().expect("a name");
                assert!(
                    names.contains(name),
                    "{file}: {} has no series {name}",
                    panel["title"]
                );
            }
            let properties = overrides
                .iter()
                .flat_map(|matched| list(matched, "properties"));
            for band in properties.filter(|property| property["id"] == "custom.fillBelowTo") {
                let name = band["value"].as_str().expect("a name");
                assert!(
                    names.contains(name),
                    "{file}: {} has no series {name}",
                    panel["title"]
                );
            }
        }
    }
}

/// The legends of the queries, and the names that a table gives to its columns.
fn series_names(panel: &Value) -> BTreeSet<&str> {
    let legends = list(panel, "targets")
        .iter()
        .filter_map(|target| target["legendFormat"].as_str());
    let columns = list(panel, "transformations")
        .iter()
        .filter_map(|step| step["options"]["renameByName"].as_object())
        .flat_map(|names| names.values().filter_map(Value::as_str));
    legends.chain(columns).collect()
}

#[test]
fn links_into_the_repository_lead_somewhere() {
    for (file, dashboard) in dashboards() {
        let panels = panels(&dashboard);
        let links = std::iter::once(&dashboard)
            .chain(panels)
            .flat_map(|part| list(part, "links").iter());
        let urls: Vec<_> = links.filter_map(|link| link["url"].as_str()).collect();
        assert!(urls.len() > 5, "{file} has only the links {urls:?}");
        for page in urls.iter().filter_map(|url| url.strip_prefix(OWN_PAGES)) {
            assert!(
                repository(page).is_file(),
                "{file} leads to {page}, which is not there"
            );
        }
    }
}

/// A panel's place in the grid: the first column and line, and those after its last.
struct Place {
    left: u64,
    top: u64,
    right: u64,
    bottom: u64,
}

impl Place {
    fn of(panel: &Value) -> Self {
        let number = |name: &str| panel["gridPos"][name].as_u64().expect("a grid position");
        let (left, top) = (number("x"), number("y"));
        Self {
            left,
            top,
            right: left + number("w"),
            bottom: top + number("h"),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}
