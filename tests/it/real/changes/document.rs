//! The table in docs/reliability.md: made of what was seen, compared with what the page says, or put there.

use std::fs;

use super::published::Published;
use crate::promtool::repository;

const PAGE: &str = "docs/reliability.md";
const BEGIN: &str = "<!-- The table is made by tests/it/real/changes -->\n";
const END: &str = "<!-- end of the table -->\n";

const HEAD: &str = "\
| change | step | lag | time lag | signal | partitions unknown | counted |
| --- | --- | --- | --- | --- | --- | --- |
";

/// What a step ends with.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) step: &'static str,
    pub(super) published: Published,
    pub(super) shows_group: bool,
}

/// With `LAGSLOPE_EVIDENCE` the page is written anew; otherwise it must say what was seen.
pub(super) fn compare_or_rewrite(rows: &[Row]) {
    let path = repository(PAGE);
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("the table's beginning");
    let (table, after) = rest.split_once(END).expect("the table's end");
    let seen = table_of(rows);
    if std::env::var_os("LAGSLOPE_EVIDENCE").is_some() {
        let page = [before, BEGIN, &seen, END, after].concat();
        fs::write(&path, page).expect("the page can be written");
    } else {
        assert_eq!(
            table, seen,
            "{PAGE} does not say what was seen; LAGSLOPE_EVIDENCE=docs/evidence rewrites it"
        );
    }
}

fn table_of(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    let mut last = "";
    for row in rows {
        let title = if row.title == last { "" } else { row.title };
        last = row.title;
        text += &format!("| {title} | {} | {} |\n", row.step, cells(row).join(" | "));
    }
    text
}

fn cells(row: &Row) -> [String; 5] {
    let published = &row.published;
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| value.to_string());
    let time_lag = match published.time_lag {
        None => "–",
        Some(0.0) => "0",
        Some(_) => "its age",
    };
    let mut counted: Vec<String> = published
        .counters
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    if let (true, Some(state)) = (row.shows_group, &published.state) {
        counted.push(format!(
            "state {state}, members {}",
            number(published.members)
        ));
    }
    [
        number(published.lag),
        time_lag.to_owned(),
        number(published.signal),
        number(published.unknown),
        counted.join(", "),
    ]
}
