//! Logs and commits of random worlds: what must hold of any Kafka.

use lagslope::simulator::World;
use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::delay::Delay;
use lagslope::simulator::group::{Group, State};
use lagslope::simulator::scale::Size;
use lagslope::simulator::topic::Topic;
use proptest::prelude::*;

use super::drawn::{BEGIN, SPAN, moment, world};

/// Every hundred seconds.
fn moments() -> impl Iterator<Item = f64> {
    (0..(SPAN / 100.0) as u32).map(|n| BEGIN + f64::from(n) * 100.0)
}

proptest! {
    // Each looks through two hours of commits: fewer, so that it takes a second or two. Thousands were looked through once.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn logs_only_grow_while_their_topic_lives(world in world(true), partition in 0u32..4) {
        let mut before = None;
        for t in moments() {
            let Some(id) = world.topic_id(0, t) else {
                prop_assert_eq!(world.log_end(0, partition, t), None);
                continue;
            };
            let (start, end) = (world.log_start(0, partition, t), world.log_end(0, partition, t));
            let stable = world.last_stable(0, partition, t);
            prop_assert_eq!(end.is_some(), partition < world.partitions(0));
            prop_assert!(start <= end && stable <= end);
            if let Some((same, start_before, end_before)) = before && same == id {
                prop_assert!(start_before <= start && end_before <= end);
            }
            before = Some((id, start, end));
        }
    }

    #[test]
    fn a_group_commits_no_more_than_there_is_and_goes_back_only_where_it_rewinds(world in world(false)) {
        for partition in 0..world.partitions(0) {
            let mut before = None;
            for t in moments() {
                let committed = world.committed(0, 0, partition, t);
                let id = world.topic_id(0, t);
                prop_assert!(committed <= world.log_end(0, partition, t));
                if let Some((same, earlier)) = before && same == id && committed.is_some() {
                    prop_assert!(earlier <= committed, "{earlier:?} then {committed:?}");
                }
                before = Some((id, committed));
            }
        }
    }

    #[test]
    fn the_committed_offset_is_the_one_that_was_committed_last(world in world(true), t in moment()) {
        let mut last = vec![None; world.partitions(0) as usize];
        let mut at = 0.0;
        for commit in world.commits_between(0, BEGIN - 1.0, t) {
            prop_assert!(commit.at >= at, "out of order");
            at = commit.at;
            last[commit.partition as usize] = Some(commit);
        }
        let life = world.topics[0].life(t).map(|(_, life)| life);
        for (partition, commit) in last.into_iter().enumerate() {
            // A deleted topic takes its commits with it.
            let expected = commit
                .filter(|commit| life.is_some_and(|life| commit.at > life.from))
                .map(|commit| commit.offset);
            prop_assert_eq!(world.committed(0, 0, partition as u32, t), expected);
        }
    }

    #[test]
    fn commits_come_once_however_they_are_asked_for(world in world(true), a in moment(), b in moment()) {
        let (a, b) = (a.min(b), a.max(b));
        let whole: Vec<_> = world.commits_between(0, BEGIN, b).collect();
        let parts: Vec<_> = world
            .commits_between(0, BEGIN, a)
            .chain(world.commits_between(0, a, b))
            .collect();
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn a_message_was_written_when_the_log_reached_it(world in world(true), t in moment(), part in 0.0..1.0) {
        let Some(end) = world.log_end(0, 0, t) else { return Ok(()); };
        prop_assert_eq!(world.timestamp_of(0, 0, end, t), None);
        prop_assume!(end > 0);
        let offset = (end as f64 * part) as u64;
        let at = world.timestamp_of(0, 0, offset, t).expect("it is written");
        prop_assert!(at <= t);
        prop_assert!(world.log_end(0, 0, (at + 1e-3).min(t)).expect("it exists") > offset);
        let (_, life) = world.topics[0].life(t).expect("it exists");
        if at - 1e-3 > life.from {
            prop_assert!(world.log_end(0, 0, at - 1e-3).expect("it existed") <= offset);
        }
        if let Some((newest, newest_at)) = world.newest(0, 0, t) {
            prop_assert_eq!(newest, end - 1);
            prop_assert!(newest_at <= t && newest_at >= at);
        }
    }

    #[test]
    fn the_first_message_of_a_moment_is_the_first(world in world(true), asked in moment(), t in moment()) {
        let Some(end) = world.log_end(0, 0, t) else { return Ok(()); };
        let start = world.log_start(0, 0, t).expect("it exists");
        let written = |offset| world.timestamp_of(0, 0, offset, t);
        match world.first_at_or_after(0, 0, asked, t) {
            Some((offset, at)) => {
                prop_assert!((start..end).contains(&offset));
                prop_assert_eq!(written(offset), Some(at));
                prop_assert!(at >= asked);
                let before = offset.checked_sub(1).filter(|before| *before >= start);
                prop_assert!(before.and_then(written).is_none_or(|at| at < asked));
            }
            None => {
                let newest = end.checked_sub(1).filter(|newest| *newest >= start);
                prop_assert!(newest.and_then(written).is_none_or(|at| at < asked));
            }
        }
    }

    #[test]
    fn generations_are_numbered_one_by_one(world in world(false), a in moment(), b in moment()) {
        let (a, b) = (a.min(b), a.max(b));
        let group = &world.groups[0];
        let begun = world.generations_between(0, a, b);
        if let Some(last) = begun.last() {
            prop_assert_eq!(last.number, group.generation(b));
        }
        if group.members > 0 {
            prop_assert_eq!(begun.len() as u64, group.generation(b) - group.generation(a));
        }
        let empty = group.state(b) == State::Empty;
        prop_assert_eq!(empty, world.members(0, b).is_empty());
    }

    #[test]
    fn each_partition_has_one_member(world in world(false), t in moment()) {
        let members = world.members(0, t);
        prop_assume!(!members.is_empty() && world.topic_id(0, t).is_some());
        let mut assigned: Vec<u32> = members
            .iter()
            .flat_map(|member| member.assignment.iter().flat_map(|(_, own)| own.clone()))
            .collect();
        assigned.sort_unstable();
        let all: Vec<u32> = (0..world.partitions(0)).collect();
        prop_assert_eq!(assigned, all);
    }
}

#[test]
fn a_delay_is_the_lag_divided_by_the_rate() {
    let mut world = World::new(1, 1);
    let topic = world.add_topic(Topic::new("orders", 2, Arrivals::steady(0.0, 200.0)));
    let group = Group::new("payments").reading(topic, Delay::steady(30.0));
    let group = world.add_group(group.committing(1.0, 0.0));
    for partition in 0..2 {
        let t = 10_000.0;
        let lag = world.log_end(topic, partition, t).expect("it exists")
            - world
                .committed(group, topic, partition, t)
                .expect("committed");
        // 30 s, and up to one more since the last commit.
        assert!((3_000..=3_101).contains(&lag), "{lag}");
    }
}

#[test]
fn topics_are_told_apart_by_seed_name_and_life() {
    let world = |seed| {
        let mut world = World::new(1, seed);
        for name in ["a", "b"] {
            let topic = Topic::new(name, 1, Arrivals::steady(0.0, 1.0));
            world.add_topic(topic.recreated(100.0, 110.0));
        }
        world
    };
    assert_eq!(world(7), world(7));
    let ids = [
        world(7).topic_id(0, 50.0),
        world(7).topic_id(0, 110.0),
        world(7).topic_id(1, 50.0),
        world(8).topic_id(0, 50.0),
    ];
    for (n, id) in ids.iter().enumerate() {
        assert!(id.is_some() && !ids[..n].contains(id), "{ids:x?}");
    }
    assert_eq!(world(7).topic_id(0, 105.0), None, "it is deleted then");
}

#[test]
fn a_million_partitions_take_some_megabytes() {
    let mut world = World::new(3, 1);
    let size = Size {
        groups: 10_000,
        group_partitions: 1_000_000,
        readers: 2,
    };
    world.add_scale(size, BEGIN);
    let partitions: u32 = (0..world.topics.len()).map(|n| world.partitions(n)).sum();
    assert_eq!(partitions, 500_000);
    assert_eq!(world.groups.len(), 10_000);
    let lines = world.groups.iter().flat_map(|group| &group.reads);
    let points: usize = lines.map(|reads| reads.delay.points.len()).sum();
    assert_eq!(points, 10_000, "nothing is kept by partition");
    let last = world.committed(9_999, 4_999, 99, BEGIN + 60.0);
    assert!(last.is_some_and(|offset| offset > 0), "{last:?}");
}
