//! What each scenario does, in messages, and a spike against a queue that is worked off second by second.

use lagslope::simulator::World;
use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::group::Group;
use lagslope::simulator::occurrence::Occurrence;
use lagslope::simulator::scenario::{Act, Scenario};
use lagslope::simulator::topic::{Retention, Topic};

const RATE: f64 = 1_000.0;
const PARTITIONS: u32 = 4;
/// When the scenario begins.
const ONSET: f64 = 100_000.0;

fn topic() -> Topic {
    Topic::new("orders", PARTITIONS, Arrivals::steady(0.0, RATE)).keeping(Retention {
        seconds: Some(3_600.0),
        segment_seconds: 60.0,
        checked_every: 10.0,
        ..Retention::default()
    })
}

fn world_of(scenario: Scenario, begins: Occurrence) -> World {
    let mut world = World::new(3, 1);
    let group = Group::new("payments").with_members(2).committing(1.0, 0.0);
    world.act(group, &[Act::steady(topic()).with(scenario, begins)]);
    world
}

/// Of the group, in a topic.
fn lag(world: &World, topic: usize, t: f64) -> f64 {
    (0..world.partitions(topic))
        .map(|partition| lag_of(world, topic, partition, t))
        .sum()
}

fn lag_of(world: &World, topic: usize, partition: u32, t: f64) -> f64 {
    let end = world.log_end(topic, partition, t).expect("it exists");
    let committed = world.committed(0, topic, partition, t);
    (end - committed.expect("it was committed")) as f64
}

/// `scenario`, and the lags that it must have at moments after the onset.
fn check(scenario: Scenario, lags: &[(f64, f64)]) {
    check_repeated(scenario, Occurrence::once(ONSET), lags);
}

fn check_repeated(scenario: Scenario, begins: Occurrence, lags: &[(f64, f64)]) {
    let world = world_of(scenario, begins);
    for &(after, expected) in lags {
        let lag = lag(&world, 0, ONSET + after);
        // Half a second behind, and up to one more since the last commit.
        let slack = 1.6 * RATE;
        assert!(
            (expected..=expected + slack).contains(&lag),
            "{scenario:?}: {lag} after {after} s, not {expected}"
        );
    }
}

#[test]
fn each_scenario_makes_the_lag_it_says() {
    check(Scenario::Steady, &[(-1_000.0, 0.0), (1_000.0, 0.0)]);
    let overload = Scenario::Overload {
        share: 0.05,
        lasts: 3_600.0,
        drains: 600.0,
    };
    check(
        overload,
        &[
            (-1.0, 0.0),
            (1_200.0, 60_000.0),
            (3_600.0, 180_000.0),
            (3_900.0, 90_000.0),
            (4_210.0, 0.0),
        ],
    );
    let stopped = Scenario::Stopped {
        seconds: 300.0,
        drains: 100.0,
        leaves: true,
    };
    check(
        stopped,
        &[
            (-1.0, 0.0),
            (299.0, 299_000.0),
            (350.0, 150_000.0),
            (410.0, 0.0),
        ],
    );
    let drain = Scenario::Drain {
        behind: 600.0,
        drains: 600.0,
    };
    check(
        drain,
        &[
            (-700.0, 0.0),
            (0.0, 600_000.0),
            (300.0, 300_000.0),
            (610.0, 0.0),
        ],
    );
    let sawtooth = Scenario::Sawtooth { every: 600.0 };
    check(
        sawtooth,
        &[
            (-1.0, 0.0),
            (539.0, 539_000.0),
            (602.0, 2_000.0),
            (1_139.0, 539_000.0),
            (6_602.0, 2_000.0),
        ],
    );
    check(
        Scenario::Churn {
            every: 20.0,
            times: 9,
        },
        &[(100.0, 0.0)],
    );
    let storm = Scenario::RetryLoop {
        share: 0.5,
        usual: 0.01,
        seconds: 600.0,
    };
    check(storm, &[(100.0, 0.0)]);
}

#[test]
fn what_is_repeated_comes_again_and_again() {
    let stopped = Scenario::Stopped {
        seconds: 60.0,
        drains: 30.0,
        leaves: false,
    };
    let begins = Occurrence::each(1_000.0, ONSET);
    check_repeated(
        stopped,
        begins,
        &[
            (59.0, 59_000.0),
            (500.0, 0.0),
            (9_059.0, 59_000.0),
            (9_500.0, 0.0),
        ],
    );
}

#[test]
fn one_partition_is_worse_off_and_the_others_are_not() {
    for (scenario, expected) in [
        (
            Scenario::SlowPartition {
                partition: 2,
                share: 0.2,
                lasts: 1_000.0,
                drains: 100.0,
            },
            0.2 * 1_000.0 * RATE / 4.0,
        ),
        (
            Scenario::PoisonMessage {
                partition: 2,
                seconds: 1_000.0,
                drains: 100.0,
            },
            1_000.0 * RATE / 4.0,
        ),
    ] {
        let world = world_of(scenario, Occurrence::once(ONSET));
        for partition in 0..PARTITIONS {
            let lag = lag_of(&world, 0, partition, ONSET + 999.9);
            let expected = if partition == 2 { expected } else { 0.0 };
            assert!(
                (lag - expected).abs() < RATE / 2.0,
                "{scenario:?}: {lag} in {partition}"
            );
        }
    }
}

#[test]
fn a_spike_is_worked_off_as_a_reader_of_that_capacity_would() {
    let (times, seconds, capacity) = (4.0, 120.0, 1.5);
    let world = world_of(
        Scenario::Spike {
            times,
            seconds,
            capacity,
        },
        Occurrence::once(ONSET),
    );
    let step = 0.1;
    let (mut waiting, mut t) = (0.0f64, 0.0);
    while t < 1_200.0 {
        let arriving = if t < seconds { times } else { 1.0 };
        waiting = (waiting + (arriving - capacity) * RATE * step).max(0.0);
        t += step;
        let usual = 0.5 * RATE * if t < seconds { times } else { 1.0 };
        let off = lag(&world, 0, ONSET + t) - waiting;
        assert!(off > -0.01 * waiting - 10.0, "{off} too few after {t} s");
        assert!(
            off < usual + times * RATE + 10.0,
            "{off} too many after {t} s"
        );
    }
    assert_eq!(waiting, 0.0);
}

#[test]
fn retries_are_a_share_of_what_is_read() {
    let scenario = Scenario::RetryLoop {
        share: 0.4,
        usual: 0.02,
        seconds: 600.0,
    };
    for begins in [Occurrence::once(ONSET), Occurrence::each(10_000.0, ONSET)] {
        let world = world_of(scenario, begins);
        assert_eq!(world.topics[1].name, "orders-retry");
        let end = |t: f64| -> f64 {
            let ends = (0..PARTITIONS).map(|p| world.log_end(1, p, ONSET + t).expect("it exists"));
            ends.sum::<u64>() as f64
        };
        let written = |from: f64, to: f64| (end(to) - end(from)) / ((to - from) * RATE);
        assert!((written(-600.0, -60.0) - 0.02).abs() < 0.001);
        assert!((written(60.0, 540.0) - 0.4).abs() < 0.001);
        assert!((written(660.0, 1_200.0) - 0.02).abs() < 0.001);
    }
}

#[test]
fn a_group_is_set_back_as_often_as_it_says() {
    let scenario = Scenario::Rewinds {
        back: 20.0,
        every: 120.0,
        times: 3,
    };
    let world = world_of(scenario, Occurrence::once(ONSET));
    let commits: Vec<_> = world
        .commits_between(0, ONSET - 600.0, ONSET + 600.0)
        .filter(|commit| commit.partition == 1)
        .collect();
    let back: Vec<_> = commits
        .windows(2)
        .filter(|pair| pair[1].offset < pair[0].offset)
        .map(|pair| pair[0].offset - pair[1].offset)
        .collect();
    assert_eq!(back.len(), 3);
    for messages in back {
        // 20 s of a quarter of the messages, less what a second of reading makes up.
        assert!((4_000..=5_000).contains(&messages), "{messages}");
    }
}

#[test]
fn retention_eats_what_waits_and_the_reader_goes_on_behind() {
    let scenario = Scenario::RetentionEatsTail {
        share: 0.5,
        loses: 600.0,
        drains: 600.0,
    };
    let world = world_of(scenario, Occurrence::once(ONSET));
    let above = |t: f64| {
        let start = world.log_start(0, 0, ONSET + t).expect("it exists");
        start as i64 - world.committed(0, 0, 0, ONSET + t).expect("committed") as i64
    };
    assert!(above(7_000.0) < 0, "3,500 s behind: nothing lost yet");
    // Half an hour of messages was never read: the reader jumped to what is left.
    let from = world.committed(0, 0, 0, ONSET + 7_200.0);
    let to = world.committed(0, 0, 0, ONSET + 7_800.0);
    let passed = (to.expect("committed") - from.expect("committed")) as f64;
    let arrived = 600.0 * RATE / 4.0;
    assert!(
        passed > 0.7 * arrived,
        "{passed} of {arrived}, though it reads only half"
    );
    assert!(above(9_000.0) < 0);
}

#[test]
fn rebalances_are_counted() {
    let world = world_of(
        Scenario::Churn {
            every: 20.0,
            times: 9,
        },
        Occurrence::each(1_000.0, ONSET),
    );
    let begun = |from: f64, to: f64| world.generations_between(0, ONSET + from, ONSET + to).len();
    assert_eq!(
        (
            begun(-500.0, -1.0),
            begun(-1.0, 500.0),
            begun(-1.0, 1_500.0)
        ),
        (0, 9, 18)
    );
}

#[test]
fn a_topic_that_is_idle_or_made_again() {
    let idle = world_of(Scenario::Idle, Occurrence::once(ONSET));
    assert_eq!(
        idle.log_end(0, 0, ONSET),
        idle.log_end(0, 0, ONSET + 9_000.0)
    );
    assert_eq!(
        idle.log_end(0, 0, ONSET + 9_000.0),
        idle.committed(0, 0, 0, ONSET + 9_000.0)
    );
    let again = world_of(Scenario::Recreated { gone: 10.0 }, Occurrence::once(ONSET));
    assert_eq!(again.log_end(0, 0, ONSET + 5.0), None);
    assert_eq!(again.committed(0, 0, 0, ONSET + 5.0), None);
    let end = again
        .log_end(0, 0, ONSET + 20.0)
        .expect("it is there again");
    assert!((2_499..=2_501).contains(&end), "{end}");
}

#[test]
fn arrivals_follow_the_time_of_day() {
    let scenario = Scenario::Diurnal {
        share: 0.5,
        period: 86_400.0,
    };
    let world = world_of(scenario, Occurrence::once(ONSET));
    let rate = |t: f64| {
        let end = |t: f64| world.log_end(0, 0, ONSET + t).expect("it exists") as f64;
        (end(t + 10.0) - end(t)) / 10.0 * 4.0
    };
    assert!((rate(21_600.0) - 1.5 * RATE).abs() < 2.0);
    assert!((rate(64_800.0) - 0.5 * RATE).abs() < 2.0);
}
