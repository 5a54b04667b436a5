//! When cycles are missed: nothing is told of the time that nobody watched, nor after it as if it were the present.

use super::{BEGIN, INTERVAL, Told, read};
use lagslope::analysis::Ceilings;
use lagslope::analysis::report::{Slope, TopicReport};

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
