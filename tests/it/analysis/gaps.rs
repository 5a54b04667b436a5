//! When cycles are missed: nothing is told of the time that nobody watched, nor after it as if it were the present.

use super::{BEGIN, INTERVAL, Told, read};
use lagslope::analysis::Ceilings;
use lagslope::analysis::report::{GrowthState, Severity, Slope, TopicReport};

/// Tells a partition that is read at the seconds that `read_at` picks; nothing is committed.
fn told_of(until: u32, read_at: impl Fn(u32) -> bool, arrived: impl Fn(u32) -> u64) -> TopicReport {
    let mut told = Told::new(Ceilings::default());
    let cycles = (0..=until).step_by(INTERVAL as usize);
    let reports = cycles.map(|t| {
        let mut partition = read(arrived(t), 0);
        partition.log_end = partition.log_end.filter(|_| read_at(t));
        told.cycle(BEGIN + f64::from(t), &[partition])
    });
    reports.last().flatten().expect("it has a commit")
}

/// The sum's rate and both quick slopes.
fn quick(report: &TopicReport) -> [Option<f64>; 3] {
    let slope = |slope: Slope| slope.slope.round();
    [
        report.production_rate.map(f64::round),
        report.rate_slope.map(slope),
        report.partitions[0].rate_slope.map(slope),
    ]
}

#[test]
fn hour_unread_is_in_no_rate() {
    // 100 a second arrive until the leader falls silent for an hour; when it is back, 300 a second do.
    let (left, back) = (1_200, 4_800);
    let arrived = |t: u32| 100 * u64::from(t) + 200 * u64::from(t.saturating_sub(back));
    let after = |seconds| {
        quick(&told_of(
            back + seconds,
            |t| t <= left || t >= back,
            arrived,
        ))
    };
    assert_eq!(after(0), [None; 3], "one sample is no rate");
    assert_eq!(after(10), [Some(300.0), None, None], "two are no line");
    assert_eq!(after(20), [Some(300.0); 3]);
    assert_eq!(after(150), [Some(300.0); 3]);
}

#[test]
fn few_missed_cycles_take_no_rate_away() {
    let arrived = |t: u32| 100 * u64::from(t);
    let report = told_of(600, |t| !(540..600).contains(&t), arrived);
    assert_eq!(quick(&report), [Some(100.0); 3]);
}

/// Two partitions on two brokers: 1,000 messages a second arrive in each, and half of them are committed until the consumer stops
/// after ten minutes. After fifteen the brokers miss cycles in turn; after twenty both answer again.
fn alternately_missing() -> Vec<TopicReport> {
    let ceilings = Ceilings {
        lag_messages: Some(1e7),
        delay_seconds: Some(7_200.0),
    };
    let mut told = Told::new(ceilings);
    let cycles = (0..=1_230u32).step_by(INTERVAL as usize);
    let reports = cycles.map(|t| {
        let committed = 500 * u64::from(t.min(600));
        let mut partitions = [read(1_000 * u64::from(t), committed); 2];
        if (900..1_200).contains(&t) {
            partitions[t as usize / 10 % 2].log_end = None;
        }
        told.cycle(BEGIN + f64::from(t), &partitions)
            .expect("known")
    });
    reports.collect()
}

#[test]
fn verdict_is_not_repeated_when_no_cycle_is_whole() {
    let reports = alternately_missing();
    let at = |t: usize| &reports[t / 10];
    for t in [890, 910, 1_200] {
        // The last whole cycle is at most three intervals ago.
        let report = at(t);
        assert_eq!(report.lag_growth.state, GrowthState::Stalled, "after {t} s");
        assert_eq!(report.lag_growth.severity, Some(Severity::Critical));
        assert!(report.trend_slope.is_some() && report.ceilings.iter().all(|c| c.eta.is_some()));
    }
    for t in (930..1_200).step_by(10) {
        let report = at(t);
        assert!(
            report.lag_messages.is_some() && report.partitions_unknown == 0,
            "after {t} s"
        );
        let growth = report.lag_growth;
        assert_eq!(
            (growth.state, growth.severity),
            (GrowthState::Unknown, None),
            "after {t} s"
        );
        assert_eq!((growth.onset, growth.onset_lag_messages), (None, None));
        assert_eq!((report.rate_slope, report.trend_slope), (None, None));
        assert_eq!(
            (report.production_rate, report.consumption_rate),
            (None, None)
        );
        assert_eq!(report.drain_seconds, None);
        assert!(
            report
                .ceilings
                .iter()
                .all(|c| c.eta.is_none() && c.utilization_ratio > 0.0)
        );
    }
}
