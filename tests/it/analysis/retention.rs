//! What the topic's own retention deletes unread: how soon, by age and by size.

use super::{BEGIN, INTERVAL, Read, Told, read};
use lagslope::analysis::Ceilings;
use lagslope::analysis::report::{CeilingKind, CeilingReport, GrowthState, Severity, TopicReport};
use lagslope::analysis::sample::Retention;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// Deletes by age.
pub(super) fn by_age(seconds: f64) -> Option<Retention> {
    Some(Retention {
        seconds: Some(seconds),
        bytes: None,
        compacted: false,
    })
}

/// Seconds → log start, log end and commit.
pub(super) type Offsets = fn(f64) -> [f64; 3];

/// Every report of one partition's story, with the seconds since it began.
pub(super) fn tell(told: &mut Told, offsets: Offsets, until: f64) -> Vec<(f64, TopicReport)> {
    let cycles = (until / INTERVAL) as u32;
    let times = (0..cycles).map(|cycle| f64::from(cycle) * INTERVAL);
    times
        .map(|t| {
            let [log_start, log_end, committed] = offsets(t);
            let read = Read {
                log_start: log_start as u64,
                ..read(log_end as u64, committed as u64)
            };
            (t, told.cycle(BEGIN + t, &[read]).expect("it has a commit"))
        })
        .collect()
}

pub(super) fn retention_of(report: &TopicReport) -> Option<&CeilingReport> {
    let mut ceilings = report.ceilings.iter();
    ceilings.find(|ceiling| ceiling.kind == CeilingKind::Retention)
}

#[test]
fn stopped_consumer_loses_its_oldest_message_when_that_is_as_old_as_the_limit() {
    // 1,000 arrive each second; after an hour the consumer stops. An hour and a half is kept, and segments hold ten minutes: the log
    // start goes forward in steps, so that what it deletes is up to 100 minutes old.
    let offsets: Offsets = |t| {
        let kept_from = ((t - 5_400.0) / 600.0).floor() * 600.0;
        [
            1_000.0 * kept_from.max(0.0),
            1_000.0 * t,
            1_000.0 * t.min(HOUR),
        ]
    };
    let mut told = Told::new(Ceilings::default());
    told.retention = by_age(5_400.0);
    let reports = tell(&mut told, offsets, 2.4 * HOUR);
    let (t, last) = reports.last().expect("there are some");
    assert_eq!(last.lag_growth.state, GrowthState::Stalled);
    let ceiling = retention_of(last).expect("always watched");
    let age = t - HOUR;
    assert!(
        (ceiling.utilization_ratio - age / 5_400.0).abs() < 0.02,
        "{ceiling:?}"
    );
    let eta = ceiling.eta.expect("known while stalled");
    assert!((eta.seconds - (5_400.0 - age)).abs() < 30.0, "{eta:?}");
    assert_eq!(eta.lower_seconds, Some(eta.seconds));
    // Truly lost in the first step of the log start beyond it: at 9,000 + 600 s.
    let latest = eta
        .upper_seconds
        .expect("the log start was seen beyond the limit");
    assert!((latest - (9_600.0 - t)).abs() < 40.0, "{latest} at {t}");
    assert_eq!(last.counts.lost_messages, 0);
}

#[test]
fn slow_consumer_is_overtaken_when_the_log_start_gets_there_first() {
    // 1,000 arrive and 500 leave each second from the beginning; 20 minutes are kept. The message that leaves at t arrived at t/2:
    // it is 20 minutes old at 40 minutes.
    let offsets: Offsets = |t| [1_000.0 * (t - 1_200.0).max(0.0), 1_000.0 * t, 500.0 * t];
    let mut told = Told::new(Ceilings::default());
    told.retention = by_age(1_200.0);
    let reports = tell(&mut told, offsets, 50.0 * MINUTE);
    let at = |minutes: f64| &reports[(minutes * 6.0) as usize].1;
    let early = retention_of(at(20.0)).expect("always watched");
    let eta = early.eta.expect("known while accumulating");
    assert!((eta.seconds - 20.0 * MINUTE).abs() < 60.0, "{eta:?}");
    assert!(eta.lower_seconds.expect("known") <= eta.seconds);
    let latest = retention_of(at(19.0)).and_then(|c| c.eta?.upper_seconds);
    assert_eq!(latest, None, "nothing was seen to outlive the limit");
    assert_eq!(
        at(20.0).lag_growth.severity,
        Some(Severity::Critical),
        "within the hour"
    );
    assert_eq!(at(20.0).counts.lost_messages, 0);
    // At 40 minutes it is there, and from then on as many are lost as the log start is ahead: 500 more each second, less what is
    // read of them meanwhile.
    let (_, last) = reports.last().expect("there are some");
    let eta = retention_of(last).and_then(|c| c.eta).expect("known");
    assert_eq!(eta.seconds, 0.0, "it happens already");
    assert!(last.counts.lost_messages > 250_000, "{:?}", last.counts);
}

#[test]
fn a_group_that_deletes_what_it_has_read_is_not_losing() {
    // Half of what arrives is read; right behind each commit, before the log start is read, all that was read is deleted. A day is kept.
    let offsets: Offsets = |t| [500.0 * t + 1_000.0, 1_000.0 * t + 2_000.0, 500.0 * t];
    let mut told = Told::new(Ceilings::default());
    told.retention = by_age(24.0 * HOUR);
    let reports = tell(&mut told, offsets, 30.0 * MINUTE);
    let (_, last) = reports.last().expect("there are some");
    assert_eq!(last.lag_growth.state, GrowthState::Accumulating);
    assert_eq!(last.lag_growth.severity, Some(Severity::Warning));
    let eta = retention_of(last).and_then(|ceiling| ceiling.eta);
    assert!(eta.is_none_or(|eta| eta.seconds > HOUR), "{eta:?}");
    assert_eq!(
        (last.counts.lost_messages, last.deleted_unread_messages),
        (0, Some(0))
    );
}

#[test]
fn young_log_says_nothing_of_how_long_segments_outlive_the_limit() {
    // A day is kept and an hour was watched: it may be lost after a day at the earliest, and nobody knows the latest.
    let offsets: Offsets = |t| [0.0, 1_000.0 * t, 1_000.0 * t.min(HOUR)];
    let mut told = Told::new(Ceilings::default());
    told.retention = by_age(24.0 * HOUR);
    let reports = tell(&mut told, offsets, 1.5 * HOUR);
    let (_, last) = reports.last().expect("there are some");
    let eta = retention_of(last).and_then(|c| c.eta).expect("known");
    assert!((eta.seconds - 23.5 * HOUR).abs() < MINUTE, "{eta:?}");
    assert_eq!(eta.upper_seconds, None);
}

#[test]
fn message_older_than_the_curve_has_no_forecast() {
    // The daemon begins to watch a backlog: when its oldest message arrived is not known.
    let offsets: Offsets = |t| [0.0, 1e6 + 1_000.0 * t, 500.0];
    let mut told = Told::new(Ceilings::default());
    told.retention = by_age(HOUR);
    let reports = tell(&mut told, offsets, HOUR);
    assert!(
        reports
            .iter()
            .all(|(_, report)| retention_of(report).is_none())
    );
}

#[test]
fn size_is_a_limit_in_messages() {
    // 100 bytes each, 100 MB are kept: a million messages. 500 more wait each second.
    let offsets: Offsets = |t| [0.0, 10_000.0 * t, 9_500.0 * t];
    let mut told = Told::new(Ceilings::default());
    told.retention = Some(Retention {
        seconds: Some(7.0 * 24.0 * HOUR),
        bytes: Some(100_000_000),
        compacted: false,
    });
    told.message_bytes = Some(100.0);
    let reports = tell(&mut told, offsets, 20.0 * MINUTE);
    let (t, last) = reports.last().expect("there are some");
    let ceiling = retention_of(last).expect("known");
    assert!(
        (ceiling.utilization_ratio - 500.0 * t / 1e6).abs() < 0.01,
        "{ceiling:?}"
    );
    let eta = ceiling.eta.expect("known while accumulating");
    assert!((eta.seconds - (2_000.0 - t)).abs() < 30.0, "{eta:?} at {t}");
    assert_eq!(last.lag_growth.severity, Some(Severity::Critical));
}

#[test]
fn stopped_consumer_fills_the_size_as_fast_as_messages_arrive() {
    let offsets: Offsets = |t| [0.0, 1_000.0 * t, 1_000.0 * t.min(HOUR)];
    let mut told = Told::new(Ceilings::default());
    told.retention = Some(Retention {
        seconds: None,
        bytes: Some(360_000_000),
        compacted: false,
    });
    told.message_bytes = Some(100.0);
    let reports = tell(&mut told, offsets, 1.25 * HOUR);
    let (t, last) = reports.last().expect("there are some");
    assert_eq!(last.lag_growth.state, GrowthState::Stalled);
    let eta = retention_of(last).and_then(|c| c.eta).expect("known");
    assert!((eta.seconds - (2.0 * HOUR - t)).abs() < 60.0, "{eta:?}");
    assert!(eta.lower_seconds < Some(eta.seconds) && eta.upper_seconds > Some(eta.seconds));
}

#[test]
fn unknown_size_hides_no_age() {
    // Both limits, and no right to ask for sizes.
    let offsets: Offsets = |t| [0.0, 1_000.0 * t, 1_000.0 * (t - 36.0).max(0.0)];
    let mut told = Told::new(Ceilings::default());
    told.retention = Some(Retention {
        seconds: Some(HOUR),
        bytes: Some(1),
        compacted: false,
    });
    let reports = tell(&mut told, offsets, 10.0 * MINUTE);
    let (_, last) = reports.last().expect("there are some");
    let ceiling = retention_of(last).expect("known");
    assert!(
        (ceiling.utilization_ratio - 0.01).abs() < 0.001,
        "{ceiling:?}"
    );
}

#[test]
fn what_is_never_deleted_has_no_such_ceiling() {
    // `cleanup.policy=compact`: neither limit is one.
    let offsets: Offsets = |t| [0.0, 1_000.0 * t, 500.0 * t];
    for retention in [
        None,
        Some(Retention {
            seconds: None,
            bytes: None,
            compacted: true,
        }),
    ] {
        let mut told = Told::new(Ceilings::default());
        told.retention = retention;
        told.message_bytes = Some(100.0);
        let reports = tell(&mut told, offsets, 10.0 * MINUTE);
        assert!(reports.iter().all(|(_, report)| report.ceilings.is_empty()));
    }
}
