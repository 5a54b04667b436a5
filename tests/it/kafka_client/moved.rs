//! Groups that move to another coordinator while they are listed: told in the same cycle by the one that has them now.

use kafka_protocol::messages::ApiKey;

use super::scripted::{Mood, Scripted};
use super::{TIMEOUT, group, has_error, sample_until, sampler};
use lagslope::analysis::sample::Sample;
use lagslope::kafka::Sampler;

/// Three brokers; group `pay` is on broker 1, as all groups are: there is one partition of offsets. Two cycles have passed.
async fn settled() -> (Scripted, Sampler) {
    let cluster = Scripted::start(3).await;
    cluster.group("pay", 1, &[("orders", 0, 7)]);
    led_by(&cluster, 1);
    let mut sampler = sampler(&cluster, TIMEOUT);
    for cycle in 0..3 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert_eq!(committed(&sample), Some(7));
    }
    cluster.change(|world| world.requests.clear());
    (cluster, sampler)
}

/// The metadata names another leader of the offsets.
fn led_by(cluster: &Scripted, broker: i32) {
    cluster.change(|world| {
        world
            .topics
            .insert("__consumer_offsets", vec![(broker, 0); 1]);
    });
}

/// Listed by these; broker 2 answers for it, with another commit.
fn moves_to_2(cluster: &Scripted, listed_by: &[i32]) {
    led_by(cluster, 2);
    cluster.change(|world| {
        world.listed_by.insert("pay".to_owned(), listed_by.to_vec());
        let pay = world.groups.get_mut("pay").expect("it is there");
        pay.coordinator = 2;
        pay.commits = vec![("orders", 0, 9)];
    });
}

fn committed(sample: &Sample) -> Option<u64> {
    let commits = group(sample, "pay").commits.as_ref()?;
    Some(commits.topics[0].partitions[0].1)
}

/// Requests of one kind to each broker since it settled.
fn asked(cluster: &Scripted, api: ApiKey) -> [usize; 3] {
    cluster.change(|world| {
        [1, 2, 3].map(|broker| {
            let requests = world.requests.iter();
            requests
                .filter(|request| **request == (broker, api))
                .count()
        })
    })
}

#[tokio::test]
async fn a_group_that_moved_after_it_was_listed_is_told_in_the_same_cycle() {
    let (cluster, mut sampler) = settled().await;
    moves_to_2(&cluster, &[1]);
    let sample = sampler.sample(1030.0).await;
    assert_eq!(committed(&sample), Some(9));
    assert!(has_error(&sample, "not_coordinator"));
    // The cost: one request for metadata, and one for commits to the broker that has it now.
    assert_eq!(asked(&cluster, ApiKey::OffsetFetch), [1, 1, 0]);
    assert_eq!(asked(&cluster, ApiKey::Metadata).iter().sum::<usize>(), 1);
    let most = [1, 2, 3].map(|broker| {
        cluster.change(|world| {
            world
                .requests
                .iter()
                .filter(|(id, _)| *id == broker)
                .count()
        })
    });
    assert!(most.iter().all(|count| *count <= 5), "{most:?}");
}

#[tokio::test]
async fn a_group_that_two_brokers_list_is_told_by_the_one_that_has_it() {
    let (cluster, mut sampler) = settled().await;
    moves_to_2(&cluster, &[1, 2]);
    let sample = sampler.sample(1030.0).await;
    assert_eq!(committed(&sample), Some(9));
    assert_eq!(
        asked(&cluster, ApiKey::Metadata),
        [0; 3],
        "one of them told"
    );
}

#[tokio::test]
async fn of_two_brokers_that_tell_a_groups_commits_the_metadata_of_a_third_decides() {
    let (cluster, mut sampler) = settled().await;
    moves_to_2(&cluster, &[1, 2]);
    cluster.change(|world| world.unaware = vec![1]);
    for cycle in 3..6 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert_eq!(committed(&sample), Some(9));
    }
    assert_eq!(asked(&cluster, ApiKey::Metadata), [0, 0, 3]);
}

#[tokio::test]
async fn a_group_whose_commits_are_being_loaded_is_left_to_the_next_listing() {
    let (cluster, mut sampler) = settled().await;
    moves_to_2(&cluster, &[1, 2]);
    cluster.change(|world| world.commits_errors.insert("pay".to_owned(), 14));
    let sample = sampler.sample(1030.0).await;
    assert_eq!(committed(&sample), None);
    assert_eq!(asked(&cluster, ApiKey::OffsetFetch), [1, 1, 0]);
    cluster.change(|world| world.commits_errors.clear());
    assert_eq!(committed(&sampler.sample(1040.0).await), Some(9));
}

#[tokio::test]
async fn what_nobody_tells_is_asked_twice_in_one_cycle_only() {
    let (cluster, mut sampler) = settled().await;
    cluster.change(|world| world.commits_errors.insert("pay".to_owned(), 15));
    for (cycle, fetches) in [(3, 2), (4, 3), (5, 4)] {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert_eq!(committed(&sample), None);
        assert_eq!(asked(&cluster, ApiKey::OffsetFetch), [fetches, 0, 0]);
    }
    cluster.change(|world| world.commits_errors.clear());
    assert_eq!(committed(&sampler.sample(1060.0).await), Some(7));
    moves_to_2(&cluster, &[1]);
    assert_eq!(committed(&sampler.sample(1070.0).await), Some(9));
}

/// Its former coordinator lists without it all the while; its history is to be there when the new one speaks.
#[tokio::test]
async fn a_group_that_moved_to_a_broker_that_hangs_is_not_gone() {
    let (cluster, mut sampler) = settled().await;
    moves_to_2(&cluster, &[2]);
    cluster.mood(2, Mood::Hangs);
    for cycle in 3..9 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert_eq!(committed(&sample), None, "cycle {cycle}");
    }
    cluster.mood(2, Mood::Answers);
    let told = |sample: &Sample| committed(sample) == Some(9);
    sample_until(&mut sampler, 1090.0, told).await;
}
