//! A broker that was gone and is back: what it leads and coordinates is told in the first cycle in which Kafka names it again.

use std::net::SocketAddr;

use kafka_protocol::messages::ApiKey;
use lagslope::analysis::sample::{Reading, Sample};

use super::scripted::{Mood, Scripted};
use super::{TIMEOUT, group, sampler};

const ALL: [Option<u64>; 3] = [Some(100), Some(101), Some(102)];

/// The topics that broker 2 has something of, and the partition of it.
const LED_BY_2: [(&str, usize); 2] = [("orders", 1), ("__consumer_offsets", 1)];

async fn start() -> Scripted {
    let cluster = Scripted::start(3).await;
    let offsets = vec![(1, 0), (2, 0), (3, 0)];
    cluster.change(|world| world.topics.insert("__consumer_offsets", offsets));
    cluster
}

fn ends(sample: &Sample) -> Vec<Option<Reading>> {
    let mut topics = sample.topics.iter();
    let orders = topics.find(|topic| &*topic.name == "orders");
    let partitions = &orders.expect("it is never away").partitions;
    partitions.iter().map(|p| p.log_end).collect()
}

fn offsets(sample: &Sample) -> Vec<Option<u64>> {
    let ends = ends(sample).into_iter();
    ends.map(|end| Some(end?.offset)).collect()
}

/// Kafka has fenced broker 2: nobody leads its partitions, and the metadata doesn't name it.
fn fence(cluster: &Scripted) -> SocketAddr {
    cluster.mood(2, Mood::Hangs);
    cluster.change(|world| {
        for (topic, partition) in LED_BY_2 {
            world.topics.get_mut(topic).expect("it was made")[partition].0 = -1;
        }
        world.brokers.remove(&2).expect("it was there")
    })
}

fn unfence(cluster: &Scripted, address: SocketAddr) {
    cluster.mood(2, Mood::Answers);
    cluster.change(|world| {
        for (topic, partition) in LED_BY_2 {
            world.topics.get_mut(topic).expect("it was made")[partition].0 = 2;
        }
        world.brokers.insert(2, address);
    });
}

#[tokio::test]
async fn what_a_broker_has_is_told_in_the_first_cycle_after_its_return() {
    let cluster = start().await;
    // Its commits are in partition 1 of the offsets.
    cluster.group("ship", 2, &[("orders", 0, 1), ("orders", 1, 1)]);
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    let address = fence(&cluster);
    for cycle in 1..4 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert_eq!(offsets(&sample), [Some(100), None, Some(102)]);
        assert!(group(&sample, "ship").commits.is_none());
    }
    unfence(&cluster, address);
    let sample = sampler.sample(1040.0).await;
    assert_eq!(offsets(&sample), ALL);
    let commits = group(&sample, "ship").commits.as_ref();
    let commits = commits.expect("listed in the same cycle");
    assert_eq!(commits.topics[0].partitions, [(0, 1), (1, 1)]);
    for end in ends(&sample).into_iter().flatten() {
        assert!(commits.at <= end.at, "commits before log ends");
    }
}

#[tokio::test]
async fn while_a_broker_is_away_the_others_are_asked_no_more_than_five_times_a_cycle() {
    let cluster = start().await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    fence(&cluster);
    for cycle in 1..6 {
        cluster.change(|world| world.requests.clear());
        sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        let asked = cluster.change(|world| world.requests.clone());
        for broker in [1, 3] {
            let count = asked.iter().filter(|(id, _)| *id == broker).count();
            assert!(
                count <= 5,
                "{count} to {broker} in cycle {cycle}: {asked:?}"
            );
        }
        let looks = asked.iter().filter(|(_, api)| *api == ApiKey::Metadata);
        assert_eq!(looks.count(), 1, "cycle {cycle}");
    }
}

/// Broker 3 hangs, and in each cycle broker 1 has another address, where it lists once more: two brokers of three, not three.
#[tokio::test]
async fn a_broker_that_lists_at_two_addresses_stands_for_no_other() {
    let cluster = start().await;
    cluster.group("ours", 1, &[("orders", 0, 1)]);
    cluster.group("pay", 3, &[("orders", 0, 1)]);
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    cluster.mood(3, Mood::Hangs);
    for cycle in 1..4 {
        cluster.start_broker(1).await;
        cluster.change(|world| world.requests.clear());
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert!(group(&sample, "ours").commits.is_some(), "cycle {cycle}");
        assert!(group(&sample, "pay").commits.is_none(), "cycle {cycle}");
        let asked = cluster.change(|world| world.requests.clone());
        let fetches = asked.iter().filter(|(_, api)| *api == ApiKey::OffsetFetch);
        assert_eq!(fetches.count(), 2, "no dispute with itself: {asked:?}");
    }
}
