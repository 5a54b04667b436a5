//! Messages that are deleted unread: each is counted once, and only when a commit that was read after the log start proves it.

use super::{BEGIN, INTERVAL, Read, Told, read};
use lagslope::analysis::Ceilings;
use lagslope::analysis::report::TopicReport;

/// Cycles of a log of 10,000 messages: a log start each (absent = not read), and a commit that was read before it.
type Cycles = [(Option<u64>, u64)];

/// Each cycle's report.
fn tell(cycles: &Cycles) -> Vec<TopicReport> {
    let mut told = Told::new(Ceilings::default());
    let reports = cycles
        .iter()
        .zip(0u32..)
        .map(|(&(start, committed), cycle)| {
            let read = Read {
                log_start: start.unwrap_or(0),
                start_unread: start.is_none(),
                ..read(10_000, committed)
            };
            let at = BEGIN + INTERVAL * f64::from(cycle);
            told.cycle(at, &[read]).expect("it has a commit")
        });
    reports.collect()
}

/// A story, how many messages are lost in it, and how often the group skips some.
type Story = (&'static str, &'static Cycles, u64, u64);

const STORIES: &[Story] = &[
    (
        "a stalled group is overtaken twice",
        &[
            (Some(0), 500),
            (Some(600), 500),
            (Some(800), 500),
            (Some(800), 500),
        ],
        300,
        0,
    ),
    (
        "a slow group is overtaken: what it has committed by the next look it may have read in time",
        &[
            (Some(0), 500),
            (Some(600), 520),
            (Some(900), 560),
            (Some(1_000), 600),
            (Some(1_000), 600),
        ],
        440,
        0,
    ),
    (
        "the commit jumps over the hole to the log start, as auto.offset.reset=earliest does",
        &[
            (Some(0), 500),
            (Some(900), 500),
            (Some(900), 500),
            (Some(900), 950),
        ],
        400,
        1,
    ),
    (
        "it jumps in the very cycle in which the hole comes: nobody can tell whether it had read them",
        &[(Some(0), 500), (Some(900), 950), (Some(900), 950)],
        0,
        0,
    ),
    (
        "it was below the start in one look, and that was before the start: nobody can tell, either",
        &[(Some(0), 500), (Some(900), 500), (Some(900), 950)],
        0,
        0,
    ),
    (
        "Kafka Streams commits, and deletes what it has read, between our two looks, over and over",
        &[
            (Some(0), 50),
            (Some(100), 50),
            (Some(150), 100),
            (Some(200), 150),
            (Some(200), 200),
        ],
        0,
        0,
    ),
    (
        "kafka-delete-records up to 2,000 while the group is at 500",
        &[
            (Some(0), 500),
            (Some(2_000), 500),
            (Some(2_000), 500),
            (Some(2_000), 2_000),
        ],
        1_500,
        1,
    ),
    (
        "it never commits again, and the log start goes on",
        &[
            (Some(0), 0),
            (Some(1_000), 0),
            (Some(5_000), 0),
            (Some(10_000), 0),
            (None, 0),
        ],
        10_000,
        0,
    ),
    (
        "100 are gone before the first look, and 50 go later",
        &[
            (Some(600), 500),
            (Some(600), 500),
            (Some(650), 500),
            (Some(650), 500),
        ],
        50,
        0,
    ),
    (
        "the first cycles have no room for log starts: the old hole is not new",
        &[
            (None, 500),
            (None, 500),
            (Some(600), 500),
            (Some(600), 500),
            (None, 500),
        ],
        0,
        0,
    ),
    (
        "a log start that is not read is where it was",
        &[
            (Some(0), 500),
            (Some(600), 500),
            (None, 500),
            (None, 500),
            (Some(600), 500),
        ],
        100,
        0,
    ),
    (
        "a new leader lags behind with its log start for a cycle",
        &[
            (Some(0), 500),
            (Some(600), 500),
            (Some(300), 500),
            (Some(600), 500),
            (Some(600), 500),
        ],
        100,
        0,
    ),
    (
        "somebody sets it back below the log start: it had read that",
        &[(Some(600), 700), (Some(600), 500), (Some(600), 500)],
        0,
        0,
    ),
];

#[test]
fn each_lost_message_is_counted_once() {
    for (why, cycles, lost, skipped) in STORIES {
        let reports = tell(cycles);
        let counts = reports.last().expect("there are some").counts;
        assert_eq!(
            (counts.lost_messages, counts.skipped),
            (*lost, *skipped),
            "{why}"
        );
    }
}

#[test]
fn the_count_comes_a_cycle_after_the_log_start() {
    let reports = tell(&[
        (Some(0), 500),
        (Some(600), 500),
        (Some(800), 500),
        (Some(800), 500),
    ]);
    let lost: Vec<_> = reports.iter().map(|r| r.counts.lost_messages).collect();
    assert_eq!(lost, [0, 0, 100, 300]);
}

#[test]
fn a_hole_is_shown_from_the_first_commit_that_was_read_after_its_log_start() {
    let stories: &[(&str, &Cycles, &[Option<u64>])] = &[
        (
            "it was there before us",
            &[
                (None, 500),
                (Some(600), 500),
                (Some(600), 500),
                (Some(600), 650),
            ],
            &[None, None, Some(100), Some(0)],
        ),
        (
            "Kafka Streams purges what it has read",
            &[
                (Some(0), 50),
                (Some(100), 50),
                (Some(150), 100),
                (Some(150), 150),
            ],
            &[None, Some(0), Some(0), Some(0)],
        ),
    ];
    for (why, cycles, expected) in stories {
        let holes = tell(cycles).into_iter().map(|r| r.deleted_unread_messages);
        assert_eq!(holes.collect::<Vec<_>>(), *expected, "{why}");
    }
}

#[test]
fn a_partition_that_is_read_later_hides_the_hole_and_loses_nothing() {
    // Partition 1 is not read in the first cycle, and its hole is an old one.
    let mut told = Told::new(Ceilings::default());
    let hole = |log_start| Read {
        log_start,
        ..read(10_000, 500)
    };
    let unread = Read {
        log_end: None,
        ..hole(600)
    };
    let cycles = [
        [hole(550), unread],
        [hole(550), hole(600)],
        [hole(550), hole(600)],
    ];
    let told = cycles.iter().zip(0u32..).map(|(read, cycle)| {
        let at = BEGIN + INTERVAL * f64::from(cycle);
        let report = told.cycle(at, read).expect("it has a commit");
        (report.counts.lost_messages, report.deleted_unread_messages)
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [(0, None), (0, None), (0, Some(150))]
    );
}

#[test]
fn topic_made_again_has_lost_nothing() {
    // The log of the new topic begins at 0, then deletes up to 100 where nobody has committed.
    let mut told = Told::new(Ceilings::default());
    told.cycle(BEGIN, &[read(9_000, 8_000)]);
    told.topic_id = Some(2);
    let again = Read {
        log_start: 100,
        ..read(200, 8_000)
    };
    told.cycle(BEGIN + 10.0, &[again]);
    for (t, committed) in [(20.0, 50), (30.0, 50), (40.0, 150)] {
        let again = Read {
            committed: Some(committed),
            ..again
        };
        let counts = told.cycle(BEGIN + t, &[again]).expect("known").counts;
        assert_eq!(
            (counts.lost_messages, counts.recreated),
            (0, 1),
            "after {t} s"
        );
    }
}

#[test]
fn a_log_of_before_that_was_made_again_unseen_while_ends_changed_their_meaning_has_lost_nothing() {
    let mut told = Told::new(Ceilings::default());
    let old = Read {
        log_start: 5_000,
        ..read(9_000, 6_000)
    };
    told.cycle(BEGIN, &[old]);
    // Made again while the group's coordinator is silent, and then the isolation level changes.
    told.topic_id = Some(2);
    told.silent(BEGIN + 10.0, &[read(200, 0)]);
    told.begin_new_curves();
    for t in [20.0, 30.0, 40.0] {
        let report = told.cycle(BEGIN + t, &[read(200, 10)]).expect("known");
        assert_eq!(report.counts.lost_messages, 0, "after {t} s");
    }
}

#[test]
fn group_without_a_commit_has_no_count() {
    let mut told = Told::new(Ceilings::default());
    let uncommitted = Read {
        log_start: 50,
        log_end: Some(90),
        ..Read::default()
    };
    assert_eq!(told.cycle(BEGIN, &[uncommitted]), None);
}

#[test]
fn loss_that_nobody_sees_any_more_is_not_told_as_present() {
    let mut told = Told::new(Ceilings::default());
    let loses = (0..12u32).map(|cycle| {
        let mut lost = Read {
            log_start: 600,
            ..read(10_000, 500)
        };
        // Its leader falls silent; the other partition's goes on.
        lost.log_end = lost.log_end.filter(|_| cycle < 5);
        let at = BEGIN + INTERVAL * f64::from(cycle);
        let report = told.cycle(at, &[lost, read(10_000, 10_000)]);
        report.expect("it has commits").ceiling.loses
    });
    let loses: Vec<bool> = loses.collect();
    assert!(loses[4] && loses[7], "three intervals old: {loses:?}");
    assert!(loses[8..].iter().all(|loses| !loses), "{loses:?}");
}
