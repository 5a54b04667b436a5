//! How large messages are: asked where bytes are a limit, of the leaders, within the budget.

use kafka_protocol::messages::ApiKey;
use lagslope::kafka::{IsolationLevel, Sampler};

use super::scripted::{Scripted, World};
use super::{TIMEOUT, has_error, sample_until, sampler, settings};

/// Bytes a message of `orders`, by partition.
fn message_bytes(sample: &lagslope::analysis::sample::Sample) -> Vec<Option<f32>> {
    sample.topics[0].message_bytes.to_vec()
}

#[tokio::test]
async fn the_size_of_a_message_is_the_leaders() {
    let cluster = Scripted::start(3).await;
    cluster.change(|world| world.retention_bytes = Some(1_000_000));
    let mut sampler = sampler(&cluster, TIMEOUT);
    let sample = sample_until(&mut sampler, 1000.0, |sample| {
        let bytes = message_bytes(sample);
        bytes.len() == 3 && bytes.iter().all(Option::is_some)
    })
    .await;
    assert_eq!(message_bytes(&sample), [Some(100.0); 3]);
    assert_eq!(
        sample.topics[0].retention.and_then(|r| r.bytes),
        Some(1_000_000)
    );
    let (mut asked, mut cycles) = (0, 0);
    while cycles < 20 {
        cluster.change(|world| world.requests.clear());
        sampler.sample(1010.0 + 10.0 * f64::from(cycles)).await;
        cycles += 1;
        cluster.change(|world| {
            for broker in 1..=3 {
                let of_it = world.requests.iter().filter(|(id, _)| *id == broker);
                assert!(of_it.count() <= 5, "over the budget");
            }
            let sizes = world.requests.iter();
            asked += sizes
                .filter(|(_, api)| *api == ApiKey::DescribeLogDirs)
                .count();
        });
    }
    assert_eq!(asked, 0, "not again within five minutes");
    sampler.sample(1400.0).await;
    sampler.sample(1410.0).await;
    sampler.sample(1420.0).await;
    let again = cluster.change(|world| {
        let sizes = world.requests.iter();
        sizes
            .filter(|(_, api)| *api == ApiKey::DescribeLogDirs)
            .count()
    });
    assert!(again > 0, "and then again");
}

#[tokio::test]
async fn nobody_is_asked_for_sizes_where_bytes_are_no_limit() {
    let cluster = Scripted::start(2).await;
    cluster.change(|world| world.retention_bytes = Some(-1));
    let mut sampler = sampler(&cluster, TIMEOUT);
    for cycle in 0..10 {
        sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
    }
    let asked = cluster.change(|world| world.requests.clone());
    assert!(asked.iter().any(|(_, api)| *api == ApiKey::DescribeConfigs));
    assert!(asked.iter().all(|(_, api)| *api != ApiKey::DescribeLogDirs));
}

#[tokio::test]
async fn a_refusal_of_sizes_is_counted_and_costs_nothing_else() {
    let cluster = Scripted::start(1).await;
    cluster.change(|world| {
        world.retention_bytes = Some(1_000_000);
        world.sizes_error = 31;
    });
    let mut sampler = sampler(&cluster, TIMEOUT);
    let refused = |sample: &_| has_error(sample, "cluster_authorization_failed");
    sample_until(&mut sampler, 1000.0, refused).await;
    let sample = sampler.sample(1010.0).await;
    assert!(message_bytes(&sample).iter().all(Option::is_none));
    assert!(
        sample.topics[0]
            .partitions
            .iter()
            .all(|p| p.log_end.is_some())
    );
    let counted = ("DescribeLogDirs", "cluster_authorization_failed", 1);
    assert!(
        sample.cycle.errors.contains(&counted),
        "{:?}",
        sample.cycle.errors
    );
}

fn asked_for_sizes(world: &World) -> bool {
    let mut asked = world.requests.iter();
    asked.any(|(_, api)| *api == ApiKey::DescribeLogDirs)
}

/// Two cycles are enough for the configuration and the sizes; these are ten.
async fn ten_cycles(sampler: &mut Sampler, from: f64) -> Vec<lagslope::analysis::sample::Sample> {
    let mut samples = Vec::new();
    for cycle in 0..10 {
        samples.push(sampler.sample(from + 10.0 * f64::from(cycle)).await);
    }
    samples
}

#[tokio::test]
async fn a_tiered_topic_has_its_age_only() {
    let cluster = Scripted::start(2).await;
    cluster.change(|world| {
        world.retention_bytes = Some(1_000_000);
        world.other_configs = vec![("retention.ms", "60000"), ("remote.storage.enable", "true")];
    });
    let mut sampler = sampler(&cluster, TIMEOUT);
    let samples = ten_cycles(&mut sampler, 1000.0).await;
    let retention = samples[9].topics[0].retention.expect("it was told");
    assert_eq!((retention.seconds, retention.bytes), (Some(60.0), None));
    assert!(message_bytes(&samples[9]).iter().all(Option::is_none));
    assert!(!cluster.change(|world| asked_for_sizes(world)));
}

#[tokio::test]
async fn messages_up_to_the_last_stable_offset_have_no_size() {
    let cluster = Scripted::start(1).await;
    cluster.change(|world| world.retention_bytes = Some(1_000_000));
    let mut sampler = sampler(&cluster, TIMEOUT);
    let known = |sample: &_| message_bytes(sample) == [Some(100.0); 3];
    sample_until(&mut sampler, 1000.0, known).await;
    // From here on a transaction may be open between the end that is read and the end of the bytes.
    let mut committed = settings(&cluster, TIMEOUT);
    committed.isolation_level = IsolationLevel::ReadCommitted;
    sampler.reconfigure(committed);
    cluster.change(|world| world.requests.clear());
    for sample in ten_cycles(&mut sampler, 1010.0).await {
        assert_eq!(sample.topics[0].retention.and_then(|r| r.bytes), None);
        assert!(message_bytes(&sample).iter().all(Option::is_none));
    }
    assert!(!cluster.change(|world| asked_for_sizes(world)));
    // And back.
    sampler.reconfigure(settings(&cluster, TIMEOUT));
    sample_until(&mut sampler, 1110.0, known).await;
}
