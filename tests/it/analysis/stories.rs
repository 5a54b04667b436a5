//! What must raise lag growth, how soon, and what must not.

use super::{BEGIN, INTERVAL, Told, read};
use lagslope::analysis::Ceilings;
use lagslope::analysis::report::{CeilingKind, Eta, GrowthState, Severity, TopicReport};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// Messages arrived and committed after so many seconds.
type Offsets = fn(f64) -> (f64, f64);

/// Every report of a story, with the seconds since it began.
fn tell(offsets: Offsets, until: f64, ceilings: Ceilings) -> Vec<(f64, TopicReport)> {
    let mut told = Told::new(ceilings);
    let cycles = (until / INTERVAL) as u32;
    let times = (0..cycles).map(|cycle| f64::from(cycle) * INTERVAL);
    times
        .map(|t| {
            let (log_end, committed) = offsets(t);
            let report = told.cycle(BEGIN + t, &[read(log_end as u64, committed as u64)]);
            (t, report.expect("it has a commit"))
        })
        .collect()
}

fn is_raised(report: &TopicReport) -> bool {
    report.lag_growth.severity > Some(Severity::Ok)
}

fn first_raised(reports: &[(f64, TopicReport)]) -> Option<f64> {
    reports.iter().find(|(_, r)| is_raised(r)).map(|(t, _)| *t)
}

/// A consumer that commits every 10 s all that had arrived 2 s before.
fn keeps_up(t: f64, rate: f64) -> f64 {
    rate * ((t / 10.0).floor() * 10.0 - 2.0).max(0.0)
}

#[test]
fn overload_is_raised_within_16_minutes_with_its_slope() {
    // The headline: an hour of keeping up, then 10,000 arrive and 9,500 leave each second.
    let reports = tell(
        |t| {
            (
                10_000.0 * t,
                keeps_up(t.min(HOUR), 10_000.0) + 9_500.0 * (t - HOUR).max(0.0),
            )
        },
        HOUR + 30.0 * MINUTE,
        Ceilings::default(),
    );
    let raised = first_raised(&reports).expect("it is raised") - HOUR;
    assert!((0.0..=16.0 * MINUTE).contains(&raised), "after {raised} s");
    let slope = reports
        .last()
        .and_then(|(_, r)| r.trend_slope)
        .expect("known");
    assert!((slope.slope - 500.0).abs() < 50.0, "{slope:?}");
    assert!(slope.lower <= slope.slope && slope.slope <= slope.upper);
}

#[test]
fn cold_overload_is_raised_within_16_minutes() {
    // The daemon starts into it: ten commits are habits enough.
    let reports = tell(
        |t| (10_000.0 * t, 9_500.0 * t),
        20.0 * MINUTE,
        Ceilings::default(),
    );
    assert!(first_raised(&reports).expect("it is raised") <= 16.0 * MINUTE);
}

#[test]
fn batch_consumer_that_keeps_up_is_never_raised() {
    // Commits all of it every 60 s: a sawtooth from 0 to 60 s of traffic, also while nothing is known of it yet.
    let batches = |t: f64| (1_000.0 * t, 1_000.0 * (t / MINUTE).floor() * MINUTE);
    assert_eq!(
        first_raised(&tell(batches, 6.0 * HOUR, Ceilings::default())),
        None
    );
}

#[test]
fn idle_and_steady_are_never_raised() {
    // No traffic at all, with a lag that nobody reads; and a consumer always 2 s behind.
    for offsets in [(|_| (500.0, 100.0)) as Offsets, |t| {
        (1_000.0 * t, keeps_up(t, 1_000.0))
    }] {
        let reports = tell(offsets, 2.0 * HOUR, Ceilings::default());
        assert_eq!(first_raised(&reports), None);
        let (_, last) = reports.last().expect("there are some");
        assert_eq!(last.lag_growth.state, GrowthState::Stable);
    }
}

#[test]
fn stop_is_stalled_within_4_minutes_and_critical() {
    let reports = tell(
        |t| (1_000.0 * t, keeps_up(t.min(2.0 * HOUR), 1_000.0)),
        2.5 * HOUR,
        Ceilings::default(),
    );
    let raised = first_raised(&reports).expect("it is raised") - 2.0 * HOUR;
    assert!((0.0..=4.0 * MINUTE).contains(&raised), "after {raised} s");
    let (_, last) = reports.last().expect("there are some");
    assert_eq!(last.lag_growth.state, GrowthState::Stalled);
    assert_eq!(last.lag_growth.severity, Some(Severity::Critical));
    let onset = last.lag_growth.onset.expect("known") - BEGIN;
    assert!((onset - 2.0 * HOUR).abs() < MINUTE, "onset {onset}");
}

#[test]
fn consumer_that_was_dead_before_the_first_look_is_never_called_ok() {
    // After a restart of the daemon nothing is known of the group's habits: whether three minutes without a commit are a stall can't be
    // said, and "ok" would be a guess.
    let reports = tell(
        |t| (50_000.0 + 100.0 * t, 20_000.0),
        40.0 * MINUTE,
        Ceilings::default(),
    );
    let limit = 35.0 * MINUTE;
    for (t, report) in &reports {
        let state = report.lag_growth.state;
        let expected = if *t < limit {
            GrowthState::Unknown
        } else {
            GrowthState::Stalled
        };
        assert_eq!(state, expected, "at {t} s");
    }
}

#[test]
fn batch_consumer_that_nobody_knows_is_unknown_until_it_commits() {
    // Every ten minutes it commits all there is; the first look falls into its pause.
    let batches = |t: f64| (100.0 * t, 100.0 * (t / 600.0).floor() * 600.0);
    let reports = tell(batches, 25.0 * MINUTE, Ceilings::default());
    let state = |minutes: f64| reports[(minutes * MINUTE / INTERVAL) as usize].1.lag_growth;
    assert_eq!(state(9.0).severity, None, "it may have stopped");
    for minutes in [10.0, 12.0, 20.0] {
        let found = state(minutes).severity;
        assert_eq!(found, Some(Severity::Ok), "after {minutes} minutes");
    }
    assert_eq!(first_raised(&reports), None);
}

#[test]
fn group_that_waits_for_next_to_nothing_is_ok() {
    // Four messages in half an hour, five are a rise: nobody stalls over that.
    let reports = tell(
        |t| (100.0 + (t / 500.0).floor(), 100.0),
        30.0 * MINUTE,
        Ceilings::default(),
    );
    let (_, last) = reports.last().expect("there are some");
    assert_eq!(last.lag_growth.severity, Some(Severity::Ok));
}

#[test]
fn spike_is_not_growth() {
    // 60,000 messages at once, worked off within five minutes.
    let spike = |t: f64| {
        let burst = if t >= HOUR { 60_000.0 } else { 0.0 };
        let caught_up = (200.0 * (t - HOUR)).clamp(0.0, burst);
        (1_000.0 * t + burst, keeps_up(t, 1_000.0) + caught_up)
    };
    assert_eq!(
        first_raised(&tell(spike, 2.0 * HOUR, Ceilings::default())),
        None
    );
}

#[test]
fn rolling_restart_is_not_growth() {
    // Five members restart one after the other: 50 s without commits, 40 s of catching up; then it drains what that left.
    let rolling = |t: f64| {
        let since = (t - 2.0 * HOUR).max(0.0);
        let restarts = (since / 90.0).floor().min(5.0);
        let working = (since - 90.0 * restarts - 50.0).max(0.0);
        let after = (since - 450.0).max(0.0);
        let done = 52_000.0 * restarts + 1_300.0 * if restarts < 5.0 { working } else { after };
        let left = keeps_up(t.min(2.0 * HOUR), 1_000.0) + done;
        (1_000.0 * t, left.min(1_000.0 * t))
    };
    let reports = tell(rolling, 3.0 * HOUR, Ceilings::default());
    assert_eq!(first_raised(&reports), None);
}

#[test]
fn overload_that_heals_slowly_clears_within_10_minutes() {
    // An hour of 100 too many each second, then 200 fewer: half an hour until it is gone, and nobody has to wait for half of it.
    let healed = |t: f64| {
        let overload = (t - 2.0 * HOUR).clamp(0.0, HOUR);
        let after = (t - 3.0 * HOUR).max(0.0);
        let left = keeps_up(t.min(2.0 * HOUR), 1_000.0) + 900.0 * overload + 1_200.0 * after;
        (1_000.0 * t, left.min(1_000.0 * t))
    };
    let reports = tell(healed, 4.0 * HOUR, Ceilings::default());
    let last = reports.iter().rfind(|(_, report)| is_raised(report));
    let cleared = last.expect("it was").0 - 3.0 * HOUR;
    assert!(
        (0.0..=10.0 * MINUTE).contains(&cleared),
        "after {cleared} s"
    );
}

#[test]
fn draining_backlog_is_not_growth_and_says_how_long() {
    // A million to go, at 500 a second more than arrive.
    let reports = tell(
        |t| (1e6 + 1_000.0 * t, 1_500.0 * t),
        20.0 * MINUTE,
        Ceilings::default(),
    );
    assert_eq!(first_raised(&reports), None);
    let (t, last) = reports.last().expect("there are some");
    let drain = last.drain_seconds.expect("it drains");
    assert!((drain - (2_000.0 - t)).abs() < 20.0, "{drain} at {t}");
}

#[test]
fn healed_overload_clears() {
    // Half an hour of overload, then the consumer is twice as fast as what arrives.
    let healed = |t: f64| {
        let overload = (t - HOUR).clamp(0.0, 1_800.0);
        let after = (t - HOUR - 1_800.0).max(0.0);
        let arrived = 1_000.0 * t;
        let left = keeps_up(t.min(HOUR), 1_000.0) + 800.0 * overload + 2_000.0 * after;
        (arrived, left.min(arrived))
    };
    let reports = tell(healed, 2.5 * HOUR, Ceilings::default());
    assert!(first_raised(&reports).is_some());
    let cleared = reports
        .iter()
        .rfind(|(_, r)| is_raised(r))
        .expect("it was")
        .0;
    assert!(
        cleared - HOUR - 1_800.0 < 15.0 * MINUTE,
        "cleared at {cleared}"
    );
}

#[test]
fn ceilings_say_when_they_are_reached() {
    // 500 more each second, to a million messages and to five minutes of age.
    let ceilings = Ceilings {
        lag_messages: Some(1e6),
        delay_seconds: Some(300.0),
    };
    let overload: Offsets = |t| (10_000.0 * t, 9_500.0 * t);
    let reports = tell(overload, 20.0 * MINUTE, ceilings);
    let (t, last) = reports.last().expect("there are some");
    assert_eq!(
        last.lag_growth.severity,
        Some(Severity::Critical),
        "both are within the hour"
    );
    let eta = |kind| -> Eta {
        let found = last.ceilings.iter().find(|c| c.kind == kind);
        found.and_then(|c| c.eta).expect("known while accumulating")
    };
    let lag = eta(CeilingKind::Lag);
    assert!((lag.seconds - (2_000.0 - t)).abs() < 80.0, "{lag:?}");
    // The oldest uncommitted message is 5 % of the time behind: 300 s old after 6,000 s.
    let delay = eta(CeilingKind::Delay);
    assert!((delay.seconds - (6_000.0 - t)).abs() < 100.0, "{delay:?}");
    for eta in [lag, delay] {
        assert!(eta.lower_seconds.expect("known") <= eta.seconds);
        assert!(eta.upper_seconds.is_none_or(|upper| upper >= eta.seconds));
    }
    let (_, early) = &reports[3];
    assert!(
        early.ceilings.iter().all(|c| c.eta.is_none()),
        "not before it is raised"
    );
}
