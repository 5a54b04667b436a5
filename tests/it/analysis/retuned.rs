//! Other settings while the analysis runs: what was seen and learned goes on wherever it still means the same.

use super::{BEGIN, INTERVAL, Read, Told, read};
use lagslope::analysis::report::{CeilingKind, GrowthState, TopicReport};
use lagslope::analysis::{Ceilings, Settings};

/// 1,000 messages a second against 900.
fn overload(t: f64) -> Vec<Read> {
    let arrived = 100_000 + 1_000 * t as u64;
    vec![read(arrived, arrived - 2_000 - 100 * t as u64)]
}

/// Tells the cycles of some seconds since the beginning; the report after the last.
fn tell(told: &mut Told, seconds: std::ops::Range<u32>) -> TopicReport {
    let reports = seconds
        .step_by(INTERVAL as usize)
        .map(|t| told.cycle(BEGIN + f64::from(t), &overload(f64::from(t))));
    reports.last().flatten().expect("it has a commit")
}

fn ceilings(messages: f64, seconds: f64) -> Ceilings {
    Ceilings {
        lag_messages: Some(messages),
        delay_seconds: Some(seconds),
    }
}

#[test]
fn the_same_settings_again_change_nothing() {
    let (mut one, mut other) = (
        Told::new(ceilings(1e6, 300.0)),
        Told::new(ceilings(1e6, 300.0)),
    );
    tell(&mut one, 0..3_600);
    tell(&mut other, 0..3_600);
    other.retune(Settings::new(INTERVAL), ceilings(1e6, 300.0));
    for t in (3_600..4_200).step_by(10) {
        assert_eq!(
            tell(&mut one, t..t + 10),
            tell(&mut other, t..t + 10),
            "at {t}"
        );
    }
}

#[test]
fn ceilings_are_asked_for_again_and_history_stays() {
    let mut told = Told::new(Ceilings::default());
    let before = tell(&mut told, 0..3_600);
    assert_eq!(before.lag_growth.state, GrowthState::Accumulating);
    assert_eq!(before.ceilings, []);
    told.retune(Settings::new(INTERVAL), ceilings(1e6, 3_600.0));
    let after = tell(&mut told, 3_600..3_720);
    assert_eq!(after.lag_growth.onset, before.lag_growth.onset);
    let kinds: Vec<_> = after
        .ceilings
        .iter()
        .map(|c| (c.kind, c.eta.is_some()))
        .collect();
    assert_eq!(
        kinds,
        [(CeilingKind::Lag, true), (CeilingKind::Delay, true)],
        "the rise is known already; how a partition nears its delay takes a few samples"
    );
    told.retune(Settings::new(INTERVAL), Ceilings::default());
    assert_eq!(tell(&mut told, 3_720..3_730).ceilings, []);
}

#[test]
fn max_age_and_the_rate_window_count_from_the_next_cycle() {
    let mut told = Told::new(Ceilings::default());
    tell(&mut told, 0..600);
    let mut settings = Settings::new(INTERVAL);
    settings.max_age_seconds = 10.0;
    settings.rate_window_seconds = 20.0;
    told.retune(settings, Ceilings::default());
    let unread = |t: f64| {
        vec![Read {
            log_end: None,
            ..overload(t)[0]
        }]
    };
    let one_missed = told.cycle(BEGIN + 600.0, &unread(600.0)).expect("known");
    assert!(one_missed.lag_messages.is_some());
    let two_missed = told.cycle(BEGIN + 610.0, &unread(610.0)).expect("known");
    assert_eq!(
        two_missed.lag_messages, None,
        "by default it would count 30 s"
    );
    assert!(tell(&mut told, 620..640).production_rate.is_some());
}

#[test]
fn blocks_of_another_length_begin_anew_and_the_rest_stays() {
    let mut told = Told::new(Ceilings::default());
    tell(&mut told, 0..3_600);
    let mut settings = Settings::new(INTERVAL);
    settings.lag_growth.base_block_seconds = 30.0;
    settings.lag_growth.levels = 8;
    told.retune(settings.clone(), Ceilings::default());
    let at_once = tell(&mut told, 3_600..3_610);
    assert!(at_once.habits_known, "what the group does is known still");
    assert!(at_once.production_rate.is_some());
    settings.lag_growth.minima_kept = 7;
    settings.lag_growth.levels = 3;
    told.retune(settings, Ceilings::default());
    let later = tell(&mut told, 3_610..7_200);
    assert_eq!(later.lag_growth.state, GrowthState::Accumulating);
}

#[test]
fn log_ends_that_mean_something_else_begin_new_curves_and_counts_stay() {
    let mut told = Told::new(Ceilings::default());
    tell(&mut told, 0..600);
    let mut rewound = overload(600.0);
    rewound[0].committed = Some(100_000);
    told.cycle(BEGIN + 600.0, &rewound);
    let counts = tell(&mut told, 610..1_200).counts;
    assert_eq!(counts.rewinds.map(|rewinds| rewinds.times), Some(1));
    told.begin_new_curves();
    // The last stable offset is 500 below the log end that was read ten seconds before.
    let stable = |t: f64| {
        let mut partitions = overload(t);
        partitions[0].log_end = partitions[0].log_end.map(|end| end - 10_500);
        partitions
    };
    let first = told
        .cycle(BEGIN + 1_200.0, &stable(1_200.0))
        .expect("known");
    assert_eq!(first.counts, counts, "not a truncated log");
    assert_eq!(first.lag_messages, Some(120_000 + 2_000 - 10_500));
    assert_eq!(first.lag_growth.state, GrowthState::Unknown);
    let second = told
        .cycle(BEGIN + 1_210.0, &stable(1_210.0))
        .expect("known");
    assert_eq!(second.counts, counts);
}

#[test]
fn what_was_counted_as_lost_is_not_counted_again_when_log_ends_mean_something_else() {
    let mut told = Told::new(Ceilings::default());
    let lagging = |log_start| {
        vec![Read {
            log_start,
            log_end: Some(9_000),
            committed: Some(1_000),
            ..Read::default()
        }]
    };
    let mut at = BEGIN;
    let mut lost = |told: &mut Told, log_start| {
        at += INTERVAL;
        let report = told
            .cycle(at, &lagging(log_start))
            .expect("it has a commit");
        report.counts.lost_messages
    };
    // What goes is counted a cycle later, when a commit was read after it: also where the curves begin anew in between.
    lost(&mut told, 0);
    assert_eq!(lost(&mut told, 3_000), 0);
    assert_eq!(lost(&mut told, 3_200), 2_000);
    told.begin_new_curves();
    assert_eq!(lost(&mut told, 3_200), 2_200);
    assert_eq!(lost(&mut told, 3_500), 2_200);
    assert_eq!(lost(&mut told, 3_500), 2_500);
}
