//! Time that broke off: nothing is told across a break of unknown length, and nothing else is lost.

use super::{BEGIN, INTERVAL, Read, Told, read};
use lagslope::analysis::Ceilings;
use lagslope::analysis::report::{GrowthState, TopicReport};

/// What arrived unseen while the machine stood still for an hour, though our time went on by one interval only.
const UNSEEN: u64 = 3_600_000;

/// 1,000 messages a second against 900.
fn overload(t: u32, unseen: u64) -> Vec<Read> {
    let arrived = 100_000 + 1_000 * u64::from(t) + unseen;
    vec![read(arrived, 98_000 + 900 * u64::from(t) + unseen)]
}

/// An hour of it.
fn overloaded() -> (Told, TopicReport) {
    let mut told = Told::new(Ceilings {
        lag_messages: Some(1e7),
        delay_seconds: Some(7_200.0),
    });
    let mut last = None;
    for t in (0..3_600).step_by(INTERVAL as usize) {
        last = told.cycle(BEGIN + f64::from(t), &overload(t, 0));
    }
    (told, last.expect("it has a commit"))
}

#[test]
fn rates_slopes_and_ages_begin_anew_and_verdicts_and_counts_stay() {
    let (mut told, before) = overloaded();
    assert_eq!(before.lag_growth.state, GrowthState::Accumulating);
    assert!(before.time_lag_seconds.is_some() && before.rate_slope.is_some());
    told.interrupt();
    let cycle = |told: &mut Told, t: u32| {
        let report = told.cycle(BEGIN + f64::from(t), &overload(t, UNSEEN));
        report.expect("it has a commit")
    };
    let first = cycle(&mut told, 3_600);
    assert_eq!(first.lag_messages, Some(362_000));
    let unknown = [
        first.time_lag_seconds,
        first.production_rate,
        first.consumption_rate,
        first.rate_slope.map(|slope| slope.slope),
        first.partitions[0].time_lag_seconds,
        first.partitions[0].rate_slope.map(|slope| slope.slope),
    ];
    assert_eq!(unknown, [None; 6]);
    assert_eq!(first.counts, before.counts);
    assert_eq!(first.habits_known, before.habits_known);
    assert_eq!(first.lag_growth.onset, before.lag_growth.onset);
    assert_eq!(first.lag_growth.state, GrowthState::Accumulating);
    let second = cycle(&mut told, 3_610);
    assert_eq!(second.production_rate, Some(1_000.0), "not 361,000");
    assert_eq!(second.consumption_rate, Some(900.0));
    assert_eq!(second.time_lag_seconds, None, "what waits came before it");
    let mut last = second;
    for t in (3_620..4_200).step_by(INTERVAL as usize) {
        last = cycle(&mut told, t);
    }
    let slope = last.rate_slope.expect("known again").slope;
    assert!((slope - 100.0).abs() < 1e-6, "{slope}");
    assert_eq!(
        last.time_lag_seconds,
        Some(421.0),
        "what waits came after the break by now"
    );
}

#[test]
fn no_pair_stands_for_the_present_until_it_is_read_again() {
    let (mut told, _) = overloaded();
    told.interrupt();
    let report = told.report(BEGIN + 3_600.0, &overload(3_600, UNSEEN), false);
    assert_eq!(report.groups[0].sample_age_seconds, None);
    let topic = &report.groups[0].topics[0];
    assert_eq!((topic.lag_messages, topic.partitions_unknown), (None, 1));
    assert_eq!(topic.lag_growth.state, GrowthState::Unknown);
}

#[test]
fn a_log_that_fell_meanwhile_was_truncated_and_one_that_did_not_began_nowhere_anew() {
    for (end, truncated) in [(3_700_000, 0), (3_000_000, 1)] {
        let (mut told, _) = overloaded();
        told.interrupt();
        let report = told.cycle(BEGIN + 3_600.0, &[read(end, 2_900_000)]);
        let counts = report.expect("it has a commit").counts;
        assert_eq!(counts.truncated, truncated, "{end}");
        assert_eq!(counts.recreated, 0, "{end}");
    }
}

#[test]
fn a_delay_that_nears_its_ceiling_is_foretold_from_what_comes_after() {
    let (mut told, _) = overloaded();
    told.interrupt();
    let report = told.cycle(BEGIN + 3_600.0, &overload(3_600, UNSEEN));
    let ceilings = report.expect("it has a commit").ceilings;
    let kinds: Vec<_> = ceilings.iter().map(|ceiling| ceiling.kind).collect();
    assert_eq!(
        kinds,
        [lagslope::analysis::report::CeilingKind::Lag],
        "no age, so no share of a delay"
    );
}
