//! What had arrived before the first cycle: asked once, in that cycle, and believed only where it can be.

use std::time::Duration;

use lagslope::analysis::sample::{Past, Sample};
use tokio::time::Instant;

use super::scripted::{Lookup, Scripted};
use super::{TIMEOUT, has_error, log_ends, sampler};

/// A plausible moment, in seconds since the epoch.
pub(super) const NOW: f64 = 1_800_000_000.0;

/// Offset 100 would come now; one record every 10 s until then.
pub(super) fn steady(offset: i64) -> i64 {
    1_800_000_000_000 - 10_000 * (100 - offset)
}

fn no_time(_: i64) -> i64 {
    0
}

/// As `steady`, but for one record that says it is from next year.
fn one_from_the_future(offset: i64) -> i64 {
    steady(offset) + if offset == 60 { 31_536_000_000 } else { 0 }
}

/// Three partitions of which `pay` has read 40 records each, and what is told of the first.
async fn lagging(brokers: i32, lookup: Lookup) -> Scripted {
    let cluster = Scripted::start(brokers).await;
    let commits = [0, 1, 2].map(|partition| ("orders", partition, 40));
    cluster.group("pay", 1, &commits);
    cluster.change(|world| world.lookup = lookup);
    written(&cluster, NOW);
    cluster
}

/// Somebody wrote just now.
fn written(cluster: &Scripted, now: f64) {
    let millis = (now * 1000.0) as i64;
    cluster.change(|world| world.newest.insert("orders", millis));
}

pub(super) fn past_of(sample: &Sample, partition: u32) -> Option<&Past> {
    let mut pasts = sample.pasts.iter();
    pasts.find(|past| past.partition == partition)
}

fn lookups(cluster: &Scripted) -> usize {
    cluster.change(|world| std::mem::take(&mut world.lookups).len())
}

#[tokio::test]
async fn the_first_sample_has_the_past_and_no_later_one_asks_for_it() {
    let cluster = lagging(3, Lookup::Stamped(steady)).await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    let sample = sampler.sample(NOW).await;
    assert_eq!(log_ends(&sample), [Some(100), Some(101), Some(102)]);
    for partition in 0..3 {
        let points = &past_of(&sample, partition)
            .expect("it was asked for")
            .points;
        let commit = points.iter().rfind(|point| point.offset == 40).unwrap();
        assert_eq!(commit.at, NOW - 600.0, "{points:?}");
        let window = points.iter().find(|point| point.at == NOW - 120.0);
        assert_eq!(window.map(|point| point.offset), Some(88), "{points:?}");
    }
    let asked = lookups(&cluster);
    assert!((3 * 12..=3 * 24).contains(&asked), "{asked}");
    for cycle in 1..20 {
        let sample = sampler.sample(NOW + 10.0 * f64::from(cycle)).await;
        assert_eq!(
            (lookups(&cluster), &*sample.pasts),
            (0, &[][..]),
            "cycle {cycle}"
        );
    }
}

#[tokio::test]
async fn without_lag_only_the_window_is_asked_for_and_without_a_commit_nothing() {
    let cluster = Scripted::start(1).await;
    cluster.group("pay", 1, &[("orders", 1, 101)]);
    cluster.change(|world| world.lookup = Lookup::Stamped(steady));
    let sample = sampler(&cluster, TIMEOUT).sample(NOW).await;
    let asked = cluster.change(|world| world.lookups.clone());
    assert_eq!(
        asked,
        [(1, 1, 1_799_999_880_000), (1, 1, 0)],
        "the window, and the log's beginning"
    );
    assert_eq!(sample.pasts.len(), 1);
    let points = &past_of(&sample, 1).unwrap().points;
    assert!(points.iter().all(|point| point.offset == 88), "{points:?}");
}

#[tokio::test]
async fn what_cannot_be_believed_is_no_past_and_is_not_asked_again() {
    for (lookup, label) in [
        (Lookup::Stamped(no_time), Some("timestamp_not_set")),
        (
            Lookup::Stamped(one_from_the_future),
            Some("timestamp_in_future"),
        ),
        (Lookup::Says(50, i64::MAX), Some("timestamp_in_future")),
        (Lookup::Nothing, None),
        (Lookup::Error(43), Some("other")),
        (Lookup::Error(35), Some("unsupported_version")),
    ] {
        let cluster = lagging(1, lookup).await;
        let mut sampler = sampler(&cluster, TIMEOUT);
        let sample = sampler.sample(NOW).await;
        assert_eq!(sample.pasts, [], "{lookup:?}");
        assert_eq!(log_ends(&sample), [Some(100), Some(101), Some(102)]);
        if let Some(label) = label {
            assert!(
                has_error(&sample, label),
                "{lookup:?}: {:?}",
                sample.cycle.errors
            );
        }
        lookups(&cluster);
        for cycle in 1..15 {
            sampler.sample(NOW + 10.0 * f64::from(cycle)).await;
        }
        assert_eq!(lookups(&cluster), 0, "{lookup:?}");
    }
}

#[tokio::test]
async fn nonsense_makes_a_curve_that_only_rises_up_to_the_log_end() {
    let mut told = 0;
    for (offset, at) in [
        (i64::MAX, 5),
        (0, -7),
        (99, 1_800_000_000_000),
        (100, 0),
        (-5, 17),
    ] {
        let cluster = lagging(1, Lookup::Says(offset, at)).await;
        let sample = sampler(&cluster, TIMEOUT).sample(NOW).await;
        told += sample.pasts.len();
        for past in &sample.pasts {
            let rises = past
                .points
                .is_sorted_by(|a, b| a.at <= b.at && a.offset <= b.offset);
            let end = sample.topics[0].partitions[past.partition as usize]
                .log_end
                .unwrap();
            let last = past.points.last();
            let within = last.is_none_or(|last| last.at <= end.at && last.offset <= end.offset);
            assert!(rises && within, "{offset} {at}: {past:?}");
        }
    }
    assert!(told > 0, "nothing was looked at");
}

#[tokio::test]
async fn no_answer_delays_the_sample_by_two_seconds_at_most_and_is_asked_for_again_later() {
    for lookup in [Lookup::Hangs, Lookup::Empty, Lookup::Error(6)] {
        let cluster = lagging(1, lookup).await;
        let mut sampler = sampler(&cluster, TIMEOUT);
        let began = Instant::now();
        let sample = sampler.sample(NOW).await;
        // Two seconds for the past, and what a busy machine takes for the rest.
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(log_ends(&sample), [Some(100), Some(101), Some(102)]);
        assert_eq!(sample.pasts, []);
        cluster.change(|world| world.lookup = Lookup::Stamped(steady));
        let mut told_in = None;
        for cycle in 1..60 {
            let now = NOW + 10.0 * f64::from(cycle);
            written(&cluster, now);
            let sample = sampler.sample(now).await;
            if !sample.pasts.is_empty() {
                told_in = Some(cycle);
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(
            told_in.is_some_and(|cycle| cycle >= 6),
            "{lookup:?}: {told_in:?}"
        );
    }
}

#[tokio::test]
async fn a_commit_older_than_what_is_known_asks_again_but_not_at_once() {
    let cluster = lagging(1, Lookup::Stamped(steady)).await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(NOW).await;
    lookups(&cluster);
    for (group, commit, cycles) in [("old", 5, 6), ("pay", 2, 12)] {
        cluster.group(group, 1, &[("orders", 0, commit)]);
        for cycle in cycles - 5..=cycles {
            let now = NOW + 10.0 * f64::from(cycle);
            written(&cluster, now);
            let sample = sampler.sample(now).await;
            let asked = lookups(&cluster) > 0;
            assert_eq!(asked, cycle == cycles, "{group} in cycle {cycle}");
            if asked {
                let points = &past_of(&sample, 0).unwrap().points;
                let found = points.iter().any(|point| point.offset == commit as u64);
                assert!(found && sample.pasts.len() == 1, "{points:?}");
            }
        }
    }
}

#[tokio::test]
async fn another_log_has_another_past() {
    for topic_id in [1, 2] {
        let cluster = lagging(1, Lookup::Stamped(steady)).await;
        let mut sampler = sampler(&cluster, TIMEOUT);
        sampler.sample(NOW).await;
        lookups(&cluster);
        // Truncated, or made again: in both cases the log end fell.
        cluster.change(|world| {
            world.topic_ids.insert("orders", topic_id);
            world.topics.get_mut("orders").unwrap()[0].1 = 60;
        });
        let sample = sampler.sample(NOW + 10.0).await;
        assert_eq!(log_ends(&sample)[0], Some(60));
        let commit = past_of(&sample, 0)
            .unwrap()
            .points
            .iter()
            .rfind(|point| point.offset == 40);
        assert_eq!(commit.unwrap().at, NOW - 600.0, "{:?}", sample.pasts);
    }
}

#[tokio::test]
async fn a_group_and_a_leader_that_were_silent_at_first_get_theirs_later() {
    let cluster = Scripted::start(2).await;
    cluster.change(|world| world.lookup = Lookup::Stamped(steady));
    let mut sampler = sampler(&cluster, TIMEOUT);
    assert_eq!(sampler.sample(NOW).await.pasts, [], "nobody consumes");
    cluster.group("late", 1, &[("orders", 0, 40), ("orders", 1, 41)]);
    let sample = sampler.sample(NOW + 10.0).await;
    let partitions: Vec<u32> = sample.pasts.iter().map(|past| past.partition).collect();
    assert_eq!(partitions, [0, 1]);
}

#[tokio::test]
async fn what_a_slow_broker_has_no_time_for_comes_in_later_cycles_the_largest_lag_first() {
    const PARTITIONS: i32 = 170;
    let cluster = Scripted::start(1).await;
    // The higher its number, the larger the lag of a partition.
    let commits: Vec<_> = (0..PARTITIONS)
        .map(|partition| ("orders", partition, i64::from(PARTITIONS - partition)))
        .collect();
    cluster.group("pay", 1, &commits);
    cluster.change(|world| {
        let partitions = vec![(1, 300); PARTITIONS as usize];
        world.topics.insert("orders", partitions);
        world.lookup = Lookup::Stamped(steady);
        world.lookup_takes = Duration::from_millis(20);
    });
    let mut sampler = sampler(&cluster, TIMEOUT);
    let mut next = PARTITIONS as u32;
    let mut cycles = 0;
    while next > 0 {
        let began = Instant::now();
        let now = NOW + 2_000.0 + 10.0 * f64::from(cycles);
        written(&cluster, now);
        let sample = sampler.sample(now).await;
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(log_ends(&sample).len(), PARTITIONS as usize);
        let told = sample.pasts.len() as u32;
        let of_largest = sample
            .pasts
            .iter()
            .all(|past| past.partition >= next - told);
        assert!(of_largest, "{next} {told}");
        next -= told;
        cycles += 1;
        assert!(cycles < 40, "{next} are left");
    }
    assert!(cycles > 1, "there was time for all at once");
}
