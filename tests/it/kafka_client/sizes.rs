//! How large messages are: asked where bytes are a limit, of the leaders, within the budget.

use kafka_protocol::messages::ApiKey;

use super::scripted::Scripted;
use super::{TIMEOUT, has_error, sample_until, sampler};

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
