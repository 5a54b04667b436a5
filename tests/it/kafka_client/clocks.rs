//! Whether those who stamp records go by our clock: seen before the past is believed, whatever is off, and whoever can be asked.

use lagslope::analysis::sample::{Moment, Sample};
use lagslope::kafka::Sampler;

use super::past::{NOW, past_of, steady};
use super::scripted::{Lookup, Scripted};
use super::{TIMEOUT, has_error, log_ends, sampler};

/// A group that lags by ten minutes, in logs whose newest records are of `NOW`, give or take ten seconds.
async fn lagging() -> Scripted {
    let cluster = Scripted::start(2).await;
    cluster.group("pay", 1, &[("orders", 0, 40), ("orders", 1, 40)]);
    cluster.change(|world| world.lookup = Lookup::Stamped(steady));
    cluster
}

/// When the message that the group waits at was made, as it was told.
fn waits_since(sample: &Sample) -> Option<f64> {
    let points = &past_of(sample, 0)?.points;
    let commit = points.iter().rfind(|point| point.offset == 40);
    commit.map(|point| point.at)
}

async fn told(sampler: &mut Sampler, now: f64) -> Option<f64> {
    let sample = sampler.sample(now).await;
    assert_eq!(log_ends(&sample), [Some(100), Some(101), Some(102)]);
    waits_since(&sample)
}

#[tokio::test]
async fn the_past_is_told_only_while_records_are_stamped_by_our_time() {
    // Kafka 3.0 tells newest records in version 7; before that they are looked up by time.
    for list_offsets_max in [8, 6] {
        for (ours_ahead, is_told, label) in [
            (0.0, true, None),
            (4.0, true, None),
            (60.0, false, Some("clock_unverified")),
            (3600.0, false, Some("clock_unverified")),
            (-60.0, false, Some("timestamp_in_future")),
            (-3600.0, false, Some("timestamp_in_future")),
        ] {
            let cluster = lagging().await;
            cluster.change(|world| world.list_offsets_max = list_offsets_max);
            let sample = sampler(&cluster, TIMEOUT).sample(NOW + ours_ahead).await;
            let what = format!("{ours_ahead} s ahead, version {list_offsets_max}");
            let expected = is_told.then_some(NOW - 600.0);
            assert_eq!(waits_since(&sample), expected, "{what}");
            assert_eq!(sample.pasts.is_empty(), !is_told, "{what}");
            for doubt in ["clock_unverified", "timestamp_in_future"] {
                let is_counted = has_error(&sample, doubt);
                assert_eq!(is_counted, label == Some(doubt), "{what}: {doubt}");
            }
        }
    }
}

#[tokio::test]
async fn an_idle_cluster_has_its_past_once_somebody_writes_or_commits() {
    for topic in ["orders", "__consumer_offsets"] {
        let cluster = lagging().await;
        cluster.change(|world| world.topics.insert("__consumer_offsets", vec![(2, 5)]));
        let mut sampler = sampler(&cluster, TIMEOUT);
        let at = |cycle: u32| NOW + 3600.0 + 10.0 * f64::from(cycle);
        assert_eq!(told(&mut sampler, at(0)).await, None);
        let lookups = cluster.change(|world| std::mem::take(&mut world.lookups).len());
        assert_eq!(lookups, 0, "what could not be believed is not asked for");
        for cycle in 1..=6 {
            let now = at(cycle);
            cluster.change(|world| world.newest.insert(topic, (now * 1000.0) as i64));
            let since = (cycle == 6).then_some(NOW - 600.0);
            assert_eq!(told(&mut sampler, now).await, since, "{topic}: {cycle}");
        }
    }
}

#[tokio::test]
async fn times_are_told_in_ours_however_far_the_wall_clock_is_ahead_of_it() {
    for wall_ahead_seconds in [3600.0, -3600.0] {
        let cluster = lagging().await;
        let time = NOW - wall_ahead_seconds;
        let now = Moment {
            time,
            wall_ahead_seconds,
        };
        let sample = sampler(&cluster, TIMEOUT).sample(now).await;
        assert_eq!(waits_since(&sample), Some(time - 600.0));
        let points = &past_of(&sample, 0).expect("told").points;
        let window = points.iter().find(|point| point.at == time - 120.0);
        assert_eq!(window.map(|point| point.offset), Some(88), "{points:?}");
        let end = sample.topics[0].partitions[0].log_end.expect("read");
        assert!((0.0..30.0).contains(&(end.at - time)), "{end:?}");
    }
}

#[tokio::test]
async fn what_was_verified_holds_for_a_minute() {
    let cluster = lagging().await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    // `(seconds, requests to the two brokers)`: a partition that nobody consumed before makes the past wanted each time.
    for (seconds, asked, topic) in [(0.0, 2, "a"), (50.0, 0, "b"), (70.0, 2, "c")] {
        let now = NOW + seconds;
        cluster.change(|world| {
            world.newest.insert("orders", (now * 1000.0) as i64);
            world.topics.insert(topic, vec![(1, 100)]);
        });
        cluster.group(topic, 2, &[(topic, 0, 40)]);
        // The first cycle may only notice the topic, and read it in the next.
        sampler.sample(now).await;
        let sample = sampler.sample(now + 1.0).await;
        assert!(sample.topics.iter().any(|read| &*read.name == topic));
        let seen = cluster.change(|world| std::mem::take(&mut world.newest_asked));
        assert_eq!(seen.len(), asked, "after {seconds} s: {seen:?}");
    }
}

#[tokio::test]
async fn a_past_that_is_forgotten_is_told_again_and_verified_anew() {
    let cluster = lagging().await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    assert_eq!(told(&mut sampler, NOW).await, Some(NOW - 600.0));
    assert_eq!(told(&mut sampler, NOW + 1.0).await, None, "told once");
    sampler.forget_past();
    assert_eq!(told(&mut sampler, NOW + 2.0).await, Some(NOW - 600.0));
    let asked = cluster.change(|world| world.newest_asked.len());
    assert_eq!(asked, 4, "both brokers, twice");
}
