//! A page with less room than its clusters want: what is left out, what never is, and that it is told.

use std::collections::BTreeSet;

use lagslope::analysis::report::{GroupReport, PartitionReport, Report, Severity};
use lagslope::expose::board::Board;
use lagslope::expose::metrics::{Facts, Granularity, render_within};
use proptest::prelude::*;

use super::{FOR_EVER, full_report};

/// So many groups in one topic, each with so many partitions; group 0 has the least lag, and the last one the most.
fn report(groups: u64, partitions: u32) -> Report {
    let mut report = full_report("x");
    let template = report.groups.remove(0);
    let group = |number: u64| {
        let mut group = GroupReport {
            name: format!("g{number:03}").into(),
            ..template.clone()
        };
        let topic = &mut group.topics[0];
        topic.lag_messages = Some(1 << number.min(60));
        topic.lag_growth.severity = Some(Severity::Ok);
        topic.ceilings.clear();
        let of = |partition| PartitionReport {
            partition,
            ..topic.partitions[0]
        };
        topic.partitions = (0..partitions).map(of).collect();
        group
    };
    report.groups = (0..groups).map(group).collect();
    report
}

/// The page of clusters `a`, `b`, … with these reports.
fn page(max_series: usize, reports: &[Report]) -> Page {
    let names = ["a", "b", "c"].iter().take(reports.len());
    let board = Board::new(names.clone().map(ToString::to_string));
    board.bound(max_series);
    let facts = Facts {
        samples_skipped: vec![("overlap", 0)],
        ..Facts::default()
    };
    for (name, report) in names.zip(reports) {
        let fragment = render_within(board.room(), name, report, &facts, Granularity::Partition);
        board.place(name).post(fragment, FOR_EVER);
    }
    let crowded = board.publish();
    Page {
        lines: board
            .text()
            .lines()
            .filter(|l| !l.starts_with('#'))
            .map(str::to_owned)
            .collect(),
        crowded: crowded.into_iter().map(|(cluster, _)| cluster).collect(),
    }
}

struct Page {
    lines: Vec<String>,
    crowded: Vec<String>,
}

impl Page {
    fn dropped(&self, cluster: &str, reason: &str) -> usize {
        let name =
            format!("lagslope_series_dropped{{kafka_cluster=\"{cluster}\",reason=\"{reason}\"}} ");
        let value = self.lines.iter().find_map(|line| line.strip_prefix(&name));
        value.expect("always there").parse().expect("a number")
    }

    /// Lines that have a label of this value.
    fn of(&self, value: &str) -> usize {
        let label = format!("=\"{value}\"");
        self.lines
            .iter()
            .filter(|line| line.contains(&label))
            .count()
    }

    /// Partitions per group that has any on the page.
    fn partition_sets(&self) -> Vec<usize> {
        let lags = self
            .lines
            .iter()
            .filter(|l| l.starts_with("lagslope_partition_lag_messages"));
        let group = |line: &String| line.split(",topic=").next().map(str::to_owned);
        let groups: Vec<_> = lags.filter_map(group).collect();
        let names: BTreeSet<_> = groups.iter().collect();
        names
            .iter()
            .map(|name| groups.iter().filter(|g| g == name).count())
            .collect()
    }
}

#[test]
fn all_that_fits_is_there_and_nothing_is_missing() {
    let whole = page(usize::MAX, &[report(5, 4)]);
    let size = whole.lines.len();
    let just = page(size, &[report(5, 4)]);
    assert_eq!(just.lines, whole.lines);
    assert_eq!(
        (just.dropped("a", "groups"), just.dropped("a", "partitions")),
        (0, 0)
    );
    assert!(just.crowded.is_empty());
}

#[test]
fn partitions_of_the_least_interesting_groups_go_first_and_as_a_whole() {
    let whole = page(usize::MAX, &[report(5, 4)]);
    // Room for all but one of the sets of 4 partitions with 3 series each, and a series more of the next: that is no half of it.
    let cut = page(whole.lines.len() - 13, &[report(5, 4)]);
    assert_eq!(cut.dropped("a", "partitions"), 24);
    assert_eq!(cut.dropped("a", "groups"), 0);
    assert_eq!(
        cut.partition_sets(),
        [4, 4, 4],
        "whole sets, of three groups"
    );
    assert_eq!(cut.of("g000"), cut.of("g001"), "neither has partitions now");
    assert!(cut.of("g001") < cut.of("g002"), "the least lags went");
    assert_eq!(cut.lines.len(), whole.lines.len() - 24);
    assert_eq!(cut.crowded, ["a"]);
}

#[test]
fn a_raised_signal_is_more_interesting_than_any_lag() {
    let mut report = report(5, 4);
    report.groups[0].topics[0].lag_growth.severity = Some(Severity::Critical);
    let whole = page(usize::MAX, std::slice::from_ref(&report));
    let partitions = 5 * 4 * 3;
    let cut = page(whole.lines.len() - partitions + 12, &[report]);
    assert_eq!(cut.partition_sets(), [4]);
    assert!(cut.of("g000") > cut.of("g004"));
}

#[test]
fn whole_groups_go_when_even_they_have_no_room_and_the_clusters_own_lines_never() {
    let each = page(usize::MAX, &[report(1, 0)]).lines.len()
        - page(usize::MAX, &[report(0, 0)]).lines.len();
    let own = page(usize::MAX, &[report(0, 0)]).lines;
    let cut = page(own.len() + 2 * each + 1, &[report(5, 4)]);
    assert_eq!(cut.lines.len(), own.len() + 2 * each);
    assert_eq!(
        (cut.dropped("a", "groups"), cut.dropped("a", "partitions")),
        (3 * each, 60)
    );
    assert_eq!(
        [cut.of("g002"), cut.of("g003"), cut.of("g004")],
        [0, each, each]
    );
    let none = page(1, &[report(5, 4)]);
    assert_eq!(none.lines.len(), own.len(), "never dropped");
}

#[test]
fn an_explosion_in_one_cluster_costs_another_nothing() {
    let calm = page(usize::MAX, &[report(3, 4)]).lines.len();
    let both = page(4 * calm, &[report(3, 4), report(100, 50)]);
    assert_eq!(
        (both.dropped("a", "groups"), both.dropped("a", "partitions")),
        (0, 0)
    );
    assert!(both.dropped("b", "partitions") > 0);
    assert_eq!(both.crowded, ["b"]);
    assert!(both.lines.len() <= 4 * calm);
    let of_b = both.of("b");
    assert!(
        of_b > 2 * calm,
        "what the calm one leaves is not wasted: {of_b} of {calm}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_bound_holds_and_every_series_is_there_or_counted(
        sizes in prop::collection::vec((0u64..20, 0u32..20), 1..=3),
        max in 100usize..3_000,
    ) {
        let reports: Vec<_> = sizes.iter().map(|(groups, partitions)| report(*groups, *partitions)).collect();
        let whole = page(usize::MAX, &reports);
        let cut = page(max, &reports);
        prop_assert!(cut.lines.len() <= max);
        let dropped: usize = ["a", "b", "c"][..sizes.len()]
            .iter()
            .map(|cluster| cut.dropped(cluster, "groups") + cut.dropped(cluster, "partitions"))
            .sum();
        prop_assert_eq!(cut.lines.len() + dropped, whole.lines.len());
        let sets = cut.partition_sets();
        prop_assert!(sets.iter().all(|set| sizes.iter().any(|(_, whole)| *whole as usize == *set)));
    }
}
