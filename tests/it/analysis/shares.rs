//! Share groups: what stands for their commit is the oldest message that is not acknowledged.

use lagslope::analysis::Ceilings;
use lagslope::analysis::report::{GrowthState, RetryReason, TopicReport};

use super::{BEGIN, INTERVAL, Told, read};

/// A group of this type at 100 messages a second that is 1,000 behind. In the last hour of two its offset is set back by 5,000 every
/// ten minutes, and catches up in five.
fn set_back(kind: Option<&'static str>) -> Vec<TopicReport> {
    let mut told = Told::new(Ceilings::default());
    told.kind = kind;
    let cycles = (0..720u32).map(|cycle| f64::from(cycle) * INTERVAL);
    let reports = cycles.map(|t| {
        let arrived = 100_000 + 100 * t as u64;
        let since = t % 600.0;
        let back = if t >= 3_600.0 && since < 300.0 {
            5_000 - (5_000.0 * since / 300.0) as u64
        } else {
            0
        };
        let read = read(arrived, arrived - 1_000 - back);
        told.cycle(BEGIN + t, &[read]).expect("it has a commit")
    });
    reports.collect()
}

fn is_called(reports: &[TopicReport]) -> bool {
    let reasons = reports.iter().map(|report| report.retry_storm.reason);
    reasons
        .flatten()
        .any(|reason| reason == RetryReason::Reprocessing)
}

#[test]
fn a_start_offset_that_is_set_back_is_no_rewind_and_no_growth() {
    for (kind, counts) in [
        (Some("share"), false),
        (Some("Share"), false),
        (Some("consumer"), true),
        (Some("streams"), true),
        (None, true),
    ] {
        let reports = set_back(kind);
        let last = reports.last().expect("there are some");
        assert_eq!(last.counts.rewinds.is_some(), counts, "{kind:?}");
        assert_eq!(is_called(&reports), counts, "{kind:?}");
        let times = last.counts.rewinds.map(|rewinds| rewinds.times);
        assert!(times.is_none_or(|times| times == 6), "{kind:?}: {times:?}");
        let worst = reports.iter().map(|report| report.lag_growth.state).max();
        assert!(
            worst < Some(GrowthState::Accumulating),
            "{kind:?}: {worst:?}"
        );
    }
}

#[test]
fn lag_and_time_lag_are_those_of_the_oldest_message_that_is_not_acknowledged() {
    let reports = set_back(Some("share"));
    let quiet = &reports[300];
    assert_eq!(quiet.lag_messages, Some(1_000));
    let age = quiet.time_lag_seconds.expect("it arrived while watched");
    assert!((age - 10.0).abs() < 0.5, "{age}");
    let rate = quiet.consumption_rate.expect("two samples");
    assert!((rate - 100.0).abs() < 1.0, "{rate}");
}

/// A coordinator that is gone for a while tells no type either.
#[test]
fn a_type_that_is_not_told_any_more_is_still_the_last_one() {
    let mut told = Told::new(Ceilings::default());
    for (cycle, kind) in [(0, Some("share")), (1, None), (2, Some("classic"))] {
        told.kind = kind;
        let at = BEGIN + f64::from(cycle) * INTERVAL;
        let report = told.cycle(at, &[read(100, 90)]).expect("it has a commit");
        assert_eq!(report.counts.rewinds.is_some(), cycle == 2, "cycle {cycle}");
    }
}

/// A lag is read some milliseconds before its log end: what arrives in between is no acknowledgement, or nobody would ever be seen to
/// stop. Who acknowledges little is seen to do so all the same.
#[test]
fn what_arrives_between_two_readings_is_no_movement() {
    let committed = |acknowledged_each_second: f64| {
        let mut told = Told::new(Ceilings::default());
        told.kind = Some("share");
        let cycles = (0..60u32).map(|cycle| f64::from(cycle) * INTERVAL);
        let lags = cycles.enumerate().map(|(cycle, t)| {
            let end = 100_000 + 1_000 * t as u64;
            // Read 0 to 80 ms before the end, by turns.
            let noise = 20 * (cycle as u64 * 7 % 5);
            let committed = 90_000 + (acknowledged_each_second * t) as u64 + noise;
            let report = told.cycle(BEGIN + t, &[read(end, committed)]);
            end - report
                .and_then(|report| report.lag_messages)
                .expect("known")
        });
        lags.collect::<Vec<u64>>()
    };
    let stopped = committed(0.0);
    assert!(stopped.iter().all(|at| *at == stopped[0]), "{stopped:?}");
    let slow = committed(30.0);
    let steps = slow.windows(2).filter(|pair| pair[1] > pair[0]).count();
    assert!(steps > 10, "{slow:?}");
    let last = *slow.last().expect("sixty");
    assert!(last.abs_diff(90_000 + 30 * 590) < 1_000, "{slow:?}");
}
