//! Metric names, wherever they are written: docs/metrics.md knows all of them, and nothing names one that isn't published.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use lagslope::expose::families::FAMILIES;
use lagslope::expose::metrics::{Facts, Granularity, render};

use crate::alerts::lookup::rules;
use crate::dashboards::{dashboards, queries};
use crate::expose::{FOR_EVER, Server, full_report};
use crate::promtool::{promtool, repository};

const PREFIX: &str = "lagslope_";

/// Where the daemon's families about itself are made: some are on the page only after their first event.
const OWN_FAMILIES: &str = "src/expose/own_metrics.rs";

#[test]
fn the_metrics_page_lists_every_family_with_its_type_and_no_other() {
    let text = fs::read_to_string(repository("docs/metrics.md")).expect("the page");
    // A family's line: | `name` | type | labels | unit | meaning | absent |
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
        (cells.len() >= 8).then(|| (name.to_owned(), cells[2].to_owned()))
    });
    let documented: BTreeMap<_, _> = rows.collect();
    for family in FAMILIES {
        assert_eq!(
            documented.get(family.name).map(String::as_str),
            Some(family.kind.as_str()),
            "{}",
            family.name
        );
    }
    let documented: BTreeSet<_> = documented.into_keys().collect();
    assert_eq!(documented, published());
}

#[test]
fn alerts_dashboards_and_runbooks_name_only_what_is_published() {
    let mut texts: Vec<_> = queries()
        .into_iter()
        .map(|(_, expression)| expression)
        .collect();
    for rule in rules() {
        texts.push(rule.expression);
        texts.extend(rule.annotations.into_iter().map(|(_, template)| template));
    }
    for (_, dashboard) in dashboards() {
        texts.push(dashboard["templating"].to_string());
    }
    for page in fs::read_dir(repository("docs/runbooks")).expect("a folder of runbooks") {
        texts.push(fs::read_to_string(page.expect("readable").path()).expect("a page"));
    }
    let named: BTreeSet<_> = texts.iter().flat_map(|text| names(text)).collect();
    assert!(named.len() > 20, "only {named:?}");
    let published = published();
    let unknown: Vec<_> = named.difference(&published).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not published");
}

#[tokio::test]
async fn promtool_finds_nothing_to_mend_on_the_page() {
    let server = Server::start(&["prod"]).await;
    let facts = Facts {
        last_sample_at: Some(1_700_000_000.5),
        samples_skipped: vec![("overlap", 0)],
    };
    let fragment = render(
        "prod",
        &full_report("billing"),
        &facts,
        Granularity::Partition,
    );
    server.board.place("prod").post(fragment, FOR_EVER);
    server.board.publish();
    let page = reqwest::get(server.url("/metrics"))
        .await
        .expect("an answer");
    let text = page.text().await.expect("text");
    assert!(
        text.contains("lagslope_signal{") && text.contains("lagslope_build_info{"),
        "{text}"
    );
    promtool(&repository("."), &["check", "metrics"], &text);
}

/// What a scrape can hold of ours.
fn published() -> BTreeSet<String> {
    let source = fs::read_to_string(repository(OWN_FAMILIES)).expect("the source");
    let reported = FAMILIES.iter().map(|family| family.name.to_owned());
    reported.chain(names(&source)).collect()
}

/// Every metric name of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with(PREFIX));
    ours.map(str::to_owned).collect()
}
