//! What is not growth though the numbers jump: resets, rewinds, partitions that come and go, brokers that do not answer.

use super::{BEGIN, INTERVAL, Read, Told, read};
use lagslope::analysis::Ceilings;
use lagslope::analysis::report::{Counts, GrowthState, Rewinds, TopicReport};

/// Tells 1,000 messages a second read at once, for two hours; `disturb` changes what a cycle (seconds since the beginning) reads.
fn disturbed(disturb: impl Fn(f64, &mut Vec<Read>)) -> Vec<TopicReport> {
    let mut told = Told::new(Ceilings::default());
    let cycles = (0..720u32).map(|cycle| f64::from(cycle) * INTERVAL);
    let reports = cycles.map(|t| {
        let arrived = 100_000 + 1_000 * t as u64;
        let mut partitions = vec![read(arrived, arrived - 2_000)];
        disturb(t, &mut partitions);
        told.cycle(BEGIN + t, &partitions).expect("it has a commit")
    });
    reports.collect()
}

/// What was counted while nothing happened.
fn nothing() -> Counts {
    Counts {
        rewinds: Some(Rewinds::default()),
        ..Counts::default()
    }
}

fn check(reports: &[TopicReport], expected: Counts) {
    let worst = reports.iter().map(|r| r.lag_growth.state).max();
    assert_eq!(worst, Some(GrowthState::Stable), "nothing grows in here");
    assert_eq!(reports.last().expect("there are some").counts, expected);
}

#[test]
fn rewind_is_not_growth() {
    // Somebody resets the group 50,000 messages back after an hour, and it stays that far behind. (10,000 were committed since
    // the last sample: of those nobody can tell.)
    let reports = disturbed(|t, partitions| {
        let back = if t >= 3_600.0 { 50_000 } else { 0 };
        partitions[0].committed = partitions[0].committed.map(|c| c.saturating_sub(back));
    });
    let rewound = Counts {
        rewinds: Some(Rewinds {
            times: 1,
            reprocessed_messages: 40_000,
        }),
        ..nothing()
    };
    check(&reports, rewound);
}

#[test]
fn partition_that_joins_or_leaves_is_not_growth() {
    // Every ten minutes one more partition with a lag of 5,000; after an hour they lose their commits one by one.
    let reports = disturbed(|t, partitions| {
        let joined = (t / 600.0) as usize;
        let joined = if joined > 6 { 12 - joined } else { joined };
        partitions.resize(
            7,
            Read {
                log_end: Some(9_000),
                ..Read::default()
            },
        );
        for partition in &mut partitions[1..=joined] {
            *partition = read(9_000, 4_000);
        }
    });
    check(&reports, nothing());
}

#[test]
fn recreated_topic_begins_anew() {
    // Made again after an hour, with another id; the old commit lies beyond the new end until the consumer commits again.
    let mut told = Told::new(Ceilings::default());
    told.cycle(BEGIN, &[read(90_000, 89_000)]);
    told.topic_id = Some(2);
    let report = told
        .cycle(BEGIN + 10.0, &[read(50, 89_000)])
        .expect("known");
    assert_eq!((report.lag_messages, report.partitions_unknown), (None, 1));
    let report = told
        .cycle(BEGIN + 20.0, &[read(70, 89_000)])
        .expect("known");
    assert_eq!(
        (report.counts.recreated, report.counts.past_end),
        (1, 1),
        "once"
    );
    let report = told.cycle(BEGIN + 30.0, &[read(90, 60)]).expect("known");
    assert_eq!(report.lag_messages, Some(30));
    assert_eq!(report.counts.rewinds, Some(Rewinds::default()));
}

#[test]
fn topic_made_again_under_traffic_is_not_growth() {
    // After an hour it is made again; the consumer is back at once, 2,000 behind at first and 5,000 later, as the group before it.
    let mut told = Told::new(Ceilings::default());
    let reports = (0..1_080u32).map(|cycle| {
        let t = u64::from(cycle) * 10;
        let again = t >= 3_600;
        told.topic_id = Some(1 + u128::from(again));
        let arrived = if again {
            1_000 * (t - 3_500)
        } else {
            100_000 + 1_000 * t
        };
        let behind = if again && t < 3_700 { 2_000 } else { 5_000 };
        let partitions = [read(arrived, arrived - behind)];
        told.cycle(BEGIN + t as f64, &partitions)
            .expect("it has a commit")
    });
    let recreated = Counts {
        recreated: 1,
        ..nothing()
    };
    check(&reports.collect::<Vec<_>>(), recreated);
}

#[test]
fn group_deleted_and_made_again_is_not_growth() {
    // It has no commits for a minute after an hour, then commits 50,000 further back, and stays that far behind.
    let mut told = Told::new(Ceilings::default());
    let cycles = (0..720u32).map(|cycle| u64::from(cycle) * 10);
    let reports = cycles.filter_map(|t| {
        let arrived = 100_000 + 1_000 * t;
        let behind = if t < 3_600 { 2_000 } else { 52_000 };
        let mut partition = read(arrived, arrived - behind);
        partition.committed = partition.committed.filter(|_| !(3_600..3_660).contains(&t));
        let report = told.cycle(BEGIN + t as f64, &[partition]);
        assert_eq!(report.is_none(), (3_600..3_660).contains(&t), "after {t} s");
        report
    });
    check(&reports.collect::<Vec<_>>(), nothing());
}

#[test]
fn retention_that_eats_a_lagging_group_is_not_growth() {
    // Always 20,000 behind; from the hour on only 15,000 are kept: it stands still for two cycles, and goes on at the beginning.
    let reports = disturbed(|t, partitions| {
        let arrived = partitions[0].log_end.expect("it is read");
        let behind = match t {
            t if t <= 3_600.0 => 20_000,
            t if t <= 3_610.0 => 30_000,
            _ => 14_000,
        };
        partitions[0].committed = Some(arrived - behind);
        if t >= 3_600.0 {
            partitions[0].log_start = arrived - 15_000;
        }
    });
    // 5,000 at the hour. Of the 10,000 that were deleted in the cycle in which it jumped nobody can tell.
    let lost = Counts {
        lost_messages: 5_000,
        skipped: 1,
        ..nothing()
    };
    check(&reports, lost);
}

#[test]
fn arrivals_behind_a_leftover_commit_are_not_growth() {
    // A commit of a former log lies far beyond the end of partition 1, where as much arrives as in the other; after ten minutes
    // the consumer commits at its end.
    let mut told = Told::new(Ceilings::default());
    for t in (0..1_200u32).step_by(10) {
        let arrived = 100_000 + 1_000 * u64::from(t);
        let committed = if t < 600 { 90_000_000 } else { arrived - 500 };
        let partitions = [read(arrived, arrived - 2_000), read(arrived, committed)];
        let report = told
            .cycle(BEGIN + f64::from(t), &partitions)
            .expect("it has a commit");
        let Some((slope, production)) = report.rate_slope.zip(report.production_rate) else {
            assert!(t < 20, "known from the third cycle on");
            continue;
        };
        assert!(slope.slope.abs() < 1e-6, "{slope:?} after {t} s");
        assert!(
            t >= 600 || (production - 1_000.0).abs() < 1e-6,
            "{production} after {t} s"
        );
        assert_eq!(report.partitions_unknown, u32::from(t < 600));
    }
}

#[test]
fn leftover_commit_is_in_no_sum_and_hides_none() {
    // Partition 1 holds a commit of a former log. While it is read the other is summed without it; unread for too long it might
    // have a lag by now.
    let mut told = Told::new(Ceilings::default());
    let other = read(1_000, 900);
    let leftover = read(50, 89_000);
    let unread = Read {
        log_end: None,
        ..leftover
    };
    let steps = [
        (0.0, leftover, Some(100)),
        (10.0, unread, Some(100)),
        (40.0, unread, None),
        (50.0, leftover, Some(100)),
        (60.0, read(90, 60), Some(130)),
    ];
    for (t, partition, sum) in steps {
        let report = told.cycle(BEGIN + t, &[other, partition]).expect("known");
        let unknown = u32::from(t < 60.0);
        assert_eq!(
            (report.lag_messages, report.partitions_unknown),
            (sum, unknown),
            "after {t} s"
        );
        assert_eq!(report.counts.past_end, 1);
    }
}

#[test]
fn log_end_that_falls_in_the_same_topic_is_truncated() {
    let mut told = Told::new(Ceilings::default());
    told.cycle(BEGIN, &[read(90_000, 89_000)]);
    let report = told
        .cycle(BEGIN + 10.0, &[read(80_000, 79_000)])
        .expect("known");
    assert_eq!((report.counts.truncated, report.counts.recreated), (1, 0));
    // Brokers without topic ids can't tell; made again is the likelier.
    told.topic_id = None;
    let mut told = Told {
        topic_id: None,
        ..Told::new(Ceilings::default())
    };
    told.cycle(BEGIN, &[read(90_000, 89_000)]);
    let report = told
        .cycle(BEGIN + 10.0, &[read(80_000, 79_000)])
        .expect("known");
    assert_eq!((report.counts.truncated, report.counts.recreated), (0, 1));
}

#[test]
fn commit_read_before_a_later_end_is_no_negative_lag() {
    let mut told = Told::new(Ceilings::default());
    told.cycle(BEGIN, &[read(1_000, 990)]);
    let report = told
        .cycle(BEGIN + 10.0, &[read(1_010, 1_012)])
        .expect("known");
    assert_eq!((report.lag_messages, report.counts.past_end), (Some(0), 0));
}

#[test]
fn no_commit_is_no_lag() {
    let mut told = Told::new(Ceilings::default());
    let uncommitted = Read {
        log_end: Some(10),
        ..Read::default()
    };
    assert_eq!(told.cycle(BEGIN, &[uncommitted]), None);
}

#[test]
fn hung_broker_ages_and_vanishes_and_invents_nothing() {
    // Partition 1 is not read for half an hour, while 1,000 messages a second arrive and leave.
    let reports = disturbed(|t, partitions| {
        partitions.push(partitions[0]);
        if (3_600.0..5_400.0).contains(&t) {
            partitions[1].log_end = None;
        }
    });
    let lag = |t: usize| {
        (
            reports[t / 10].lag_messages,
            reports[t / 10].partitions_unknown,
        )
    };
    assert_eq!(
        lag(3_610),
        (Some(4_000), 0),
        "the last pair stands for a while"
    );
    assert_eq!(
        lag(3_700),
        (None, 1),
        "then it is not known, nor is the sum"
    );
    assert_eq!(reports[370].production_rate, None);
    assert_eq!(reports[370].lag_growth.severity, None);
    assert_eq!(reports[370].partitions.len(), 1);
    assert_eq!(lag(5_400), (Some(4_000), 0));
    let slope = reports[545].rate_slope.expect("known").slope;
    assert!(slope.abs() < 1e-6, "{slope}");
    check(&reports, nothing());
}

#[test]
fn coordinator_that_does_not_answer_ages_the_group() {
    let mut told = Told::new(Ceilings::default());
    told.cycle(BEGIN, &[read(1_000, 900)]);
    let report = told.report(BEGIN + 30.0, &[read(4_000, 0)], false);
    assert_eq!(report.groups[0].sample_age_seconds, Some(30.0));
    assert_eq!(report.groups[0].topics[0].lag_messages, Some(100));
    let report = told
        .silent(BEGIN + 40.0, &[read(5_000, 0)])
        .expect("still tracked");
    assert_eq!((report.lag_messages, report.partitions_unknown), (None, 1));
}
