//! What a start recalls, held against what had been in the cluster: whatever is told of a moment is what was true then.

use lagslope::analysis::sample::Sample;
use lagslope::kafka::{Sampler, Settings};
use lagslope::simulator::World;
use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::delay::Delay;
use lagslope::simulator::group::Group;
use lagslope::simulator::topic::Topic;

use super::{NOW, at_rest, pairs};

const INTERVAL: f64 = 10.0;
/// Messages a second in each partition.
const RATE: f64 = 300.0;
const PARTITIONS: u32 = 3;
/// How much the short topic keeps, in seconds.
const KEPT: f64 = 1_200.0;
/// What is older is deleted within so many seconds: a segment holds a minute, and a broker looks every five.
const DELETED_WITHIN: f64 = 360.0;

/// A topic that keeps everything and one that keeps less than is recalled; a group that keeps up and one that falls behind in each.
fn world() -> World {
    let mut world = World::new(3, 5);
    let arrivals = || Arrivals::steady(NOW - 7_200.0, RATE * f64::from(PARTITIONS));
    let long = world.add_topic(Topic::new("long", PARTITIONS, arrivals()));
    let mut short = Topic::new("short", PARTITIONS, arrivals());
    short.retention.seconds = Some(KEPT);
    short.retention.segment_seconds = 60.0;
    let short = world.add_topic(short);
    for (name, topic) in [("long", long), ("short", short)] {
        let keeps_up = Delay::steady(1.0);
        let falls = Delay::until(NOW - 1_800.0, 1.0).then_for_ever(0.1);
        let groups = [("keeps up", keeps_up), ("falls behind", falls)];
        for (does, delay) in groups {
            let group = Group::new(format!("{does} in {name}")).committing(2.0, 0.0);
            world.add_group(group.reading(topic, delay));
        }
    }
    world
}

async fn recalled(world: &World) -> Vec<Sample> {
    let running = at_rest(world.clone()).await;
    let servers = vec![running.addresses()[0].to_string()];
    let mut sampler = Sampler::new(Settings::new("test".to_owned(), servers));
    sampler.recall(NOW.into(), INTERVAL).await.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_recalled_of_a_moment_was_true_then() {
    let world = world();
    let samples = recalled(&world).await;
    let ages: Vec<f64> = samples.iter().map(|sample| NOW - sample.at).collect();
    assert!(ages[0] > 3_500.0 && ages.len() >= 360, "{ages:?}");
    for (number, name) in [
        (0, "keeps up in long"),
        (1, "falls behind in long"),
        (2, "keeps up in short"),
        (3, "falls behind in short"),
    ] {
        let topic = number / 2;
        let told = samples.iter().flat_map(|sample| {
            let of_it = pairs(sample).filter(|pair| pair.group == name);
            of_it.map(|pair| (sample.at, pair))
        });
        let told: Vec<_> = told.collect();
        let oldest = told.iter().map(|(at, _)| NOW - at).fold(0.0, f64::max);
        let (least, most) = if topic == 0 {
            (3_000.0, 3_600.0)
        } else {
            (KEPT / 2.0, KEPT + DELETED_WITHIN)
        };
        assert!((least..=most).contains(&oldest), "{name}: {oldest} s");
        // The cluster's clock stands still at the end: what lies between the last instant before and now is on no straight line.
        for (at, pair) in told.into_iter().filter(|(at, _)| *at <= NOW - 30.0) {
            let (partition, end, committed) = (pair.partition, pair.log_end, pair.committed);
            let about = |told: u64, then: Option<u64>| {
                let then = then.unwrap_or_else(|| panic!("{name} had something at {at}"));
                told.abs_diff(then) <= (RATE * 0.2) as u64
            };
            assert!(
                about(end, world.log_end(topic, partition, at)),
                "{name}, {:.1} s ago: log end {end}, {:?}",
                NOW - at,
                world.log_end(topic, partition, at)
            );
            let then = world.committed(number, topic, partition, at);
            let just_before = world.committed(number, topic, partition, at - 0.01);
            assert!(
                [then, just_before].contains(&Some(committed)),
                "{name}, {:.1} s ago: committed {committed}, {then:?}",
                NOW - at
            );
        }
    }
}
