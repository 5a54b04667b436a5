//! What a verdict rests on agrees with it, whatever happens; and docs/signals.md names every rule with every number that it compares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use lagslope::analysis::evidence::{Explained, Explanation, MOST_COMPARED, Rule};
use lagslope::analysis::report::{GrowthState, Severity, TopicReport};
use lagslope::analysis::{Ceilings, Signal};
use proptest::prelude::*;

use super::{BEGIN, Told, read};
use crate::promtool::repository;

/// The rows of the table of rules: of each rule what is written behind its name.
static DOCUMENTED: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let page = std::fs::read_to_string(repository("docs/signals.md")).expect("the page");
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("What a verdict rests on"));
    let rows = section.expect("the section").lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` |")?;
        Some((name.to_owned(), rest.to_owned()))
    });
    rows.collect()
});

/// Where what is told of a group and topic contradicts its verdicts, or says what the page doesn't.
pub(crate) fn contradiction(report: &TopicReport, told: &Explanation) -> Option<String> {
    let of_signals = told.signals.iter().find_map(|explained| {
        let why = of_signal(report, explained)?;
        Some(format!("{why}: {explained:?}"))
    });
    of_signals.or_else(|| undocumented(told))
}

/// Raised exactly while all of a rule holds, and as bad as the worst that does.
fn of_signal(report: &TopicReport, explained: &Explained) -> Option<&'static str> {
    let (signal, severity) = (explained.signal, explained.severity);
    if !explained.muted && report.severity(signal) != severity {
        return Some("another severity");
    }
    let worst =
        |severities: &mut dyn Iterator<Item = Severity>| severities.max().unwrap_or(Severity::Ok);
    let raised = severity.unwrap_or(Severity::Ok);
    if worst(&mut explained.rules.iter().map(|rule| rule.severity())) != raised {
        return Some("the rules say otherwise");
    }
    let reported = report
        .evidence
        .iter()
        .filter(|rule| rule.rule.signal() == signal);
    if !explained.muted && worst(&mut reported.clone().map(|rule| rule.severity())) != raised {
        return Some("the report's evidence says otherwise");
    }
    let rises = signal == Signal::LagGrowth && report.lag_growth.state >= GrowthState::Rising;
    if !explained.muted && rises && reported.count() == 0 {
        return Some("it rises, and nothing says why");
    }
    explained.rules.is_empty().then_some("no rule is told")
}

fn undocumented(told: &Explanation) -> Option<String> {
    let rules = told.signals.iter().flat_map(|explained| &explained.rules);
    { rules }.find_map(|evidence| {
        let row = &DOCUMENTED[evidence.rule.name()];
        let is_bad = |c: &lagslope::analysis::evidence::Compared| {
            !row.contains(&format!("`{}`", c.what)) || c.value.is_some_and(|v| !v.is_finite())
        };
        let bad = evidence.compared.iter().any(is_bad) || evidence.compared.len() > MOST_COMPARED;
        bad.then(|| format!("not as documented: {evidence:?}"))
    })
}

#[test]
fn the_signals_page_names_every_rule_with_its_signal_and_severity_and_no_other() {
    let names: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    let documented: BTreeSet<_> = DOCUMENTED.keys().map(String::as_str).collect();
    assert_eq!(names, documented);
    for rule in Rule::ALL {
        let makes = match rule.severity() {
            Severity::Ok => "–",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        };
        let row = &DOCUMENTED[rule.name()];
        let expected = format!(" {} | {makes} |", rule.signal().name());
        assert!(row.starts_with(&expected), "{}: {row}", rule.name());
    }
}

/// A stretch of time: messages per second that arrive and that the readers can take, and its minutes.
fn phases() -> impl Strategy<Value = Vec<(u64, u64, u32)>> {
    let takes = prop_oneof![1 => Just(0u64), 4 => 50u64..400];
    prop::collection::vec((50u64..200, takes, 5u32..50), 3..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_signal_is_raised_exactly_while_a_rule_holds(phases in phases(), ceiling in 10_000.0..300_000.0) {
        let mut told = Told::new(Ceilings { lag_messages: Some(ceiling), delay_seconds: Some(300.0) });
        let (mut at, mut ends) = (BEGIN, [(0u64, 0u64); 2]);
        for (arrive, take, minutes) in phases {
            for _ in 0..minutes * 4 {
                at += 15.0;
                // The second partition has half the traffic, and the same reader.
                for (end, share) in ends.iter_mut().zip([1, 2]) {
                    end.0 += 15 * arrive / share;
                    end.1 = (end.1 + 15 * take).min(end.0);
                }
                let reads = ends.map(|(log_end, committed)| read(log_end, committed));
                let report = told.cycle(at, &reads).expect("one topic");
                let why = told.explain().expect("one topic");
                prop_assert_eq!(contradiction(&report, &why), None);
            }
        }
    }
}

/// 100 messages a second arrive and are read until the second hour; then `reads` are. Gives what is told after so many minutes.
fn after(minutes: u32, reads: u64, told: &mut Told) -> (TopicReport, Explanation) {
    let (mut log_end, mut committed) = (0, 0);
    let mut last = None;
    for step in 0..minutes * 6 {
        log_end += 1_000;
        committed += if step < 120 * 6 { 1_000 } else { 10 * reads };
        last = told.cycle(BEGIN + 10.0 * f64::from(step), &[read(log_end, committed)]);
    }
    (last.expect("one topic"), told.explain().expect("one topic"))
}

#[test]
fn a_quiet_signal_says_what_is_missing() {
    let mut told = Told::new(Ceilings::default());
    let (report, why) = after(120, 100, &mut told);
    assert!(report.evidence.is_empty(), "{:?}", report.evidence);
    let growth = &why.signals[0];
    assert_eq!(growth.severity, Some(Severity::Ok));
    for rule in [Rule::Stalled, Rule::RisingTroughs] {
        let evidence = growth.rules.iter().find(|evidence| evidence.rule == rule);
        let evidence = evidence.expect("it is looked at");
        assert!(evidence.missing() > 0, "{evidence}");
    }
}

#[test]
fn a_stop_is_told_with_how_long_it_lasts_and_how_long_it_may() {
    let mut told = Told::new(Ceilings::default());
    let (report, _) = after(130, 0, &mut told);
    let stalled = &report.evidence[0];
    assert_eq!((stalled.rule, stalled.holds()), (Rule::Stalled, true));
    let stop = BEGIN + 2.0 * 3600.0;
    assert!(
        stalled
            .since
            .is_some_and(|since| (since - stop).abs() <= 10.0),
        "{stalled:?}"
    );
    let waited = stalled
        .compared
        .iter()
        .find(|compared| compared.what == "waited_seconds");
    assert!(
        waited.expect("it is asked").value >= Some(580.0),
        "{stalled}"
    );
    assert!(told.explain_of("payments", "nothing").is_none());
    assert!(told.explain_of("nobody", "orders").is_none());
}

#[test]
fn what_cleared_a_verdict_is_told_when_it_is_cleared() {
    let mut told = Told::new(Ceilings::default());
    let (mut log_end, mut committed, mut before) = (0, 0, None);
    let mut cleared = Vec::new();
    for step in 0..240 * 6u32 {
        log_end += 1_000;
        let reads = match step / 6 {
            0..120 => 1_000,
            120..150 => 800,
            _ => 1_500,
        };
        committed = (committed + reads).min(log_end);
        let at = BEGIN + 10.0 * f64::from(step);
        let report = told
            .cycle(at, &[read(log_end, committed)])
            .expect("one topic");
        let now = report.lag_growth.severity;
        if before > Some(Severity::Ok) && now == Some(Severity::Ok) {
            cleared.extend(
                report
                    .evidence
                    .iter()
                    .map(|e| (e.rule, e.since == Some(at), e.holds())),
            );
        }
        before = now;
    }
    assert_eq!(cleared, [(Rule::Healed, true, true)]);
    let last = told.explain().expect("one topic");
    assert!(
        last.signals[0].rules.iter().any(|e| e.rule == Rule::Healed),
        "it is remembered"
    );
}
