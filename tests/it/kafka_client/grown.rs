//! A topic that gets more partitions while a group commits in them: they are told in the same cycle, or said to be unknown.

use kafka_protocol::messages::ApiKey;
use lagslope::analysis::report::TopicReport;
use lagslope::analysis::sample::Sample;
use lagslope::analysis::{Analysis, Ceilings, Rules, Settings};

use super::scripted::Scripted;
use super::{TIMEOUT, group, log_ends, sampler};

/// `orders` has three partitions more, and `pay` has committed in one of them.
fn grow(cluster: &Scripted) {
    cluster.change(|world| {
        let orders = world
            .topics
            .get_mut("orders")
            .expect("there from the beginning");
        orders.extend([(1, 103), (1, 104), (1, 105)]);
    });
    commit_beyond(cluster);
}

fn commit_beyond(cluster: &Scripted) {
    cluster.group("pay", 1, &[("orders", 0, 40), ("orders", 4, 4)]);
}

fn commits(sample: &Sample) -> &[(u32, u64)] {
    let commits = group(sample, "pay").commits.as_ref().expect("told");
    &commits.topics[0].partitions
}

fn report(analysis: &mut Analysis, sample: Sample) -> TopicReport {
    let report = analysis.observe(sample);
    let group = report.groups.into_iter().next().expect("it was read");
    group.topics.into_iter().next().expect("it has commits")
}

fn analysis() -> Analysis {
    let rules = Rules::new(Settings::new(10.0), Ceilings::default());
    Analysis::new(rules.for_all(), Box::new(|_| None))
}

#[tokio::test]
async fn a_topic_that_grew_is_whole_in_the_same_cycle() {
    for brokers in [1, 3] {
        let cluster = Scripted::start(brokers).await;
        cluster.group("pay", 1, &[("orders", 0, 40)]);
        let (mut sampler, mut analysis) = (sampler(&cluster, TIMEOUT), analysis());
        let before = report(&mut analysis, sampler.sample(1000.0).await);
        assert_eq!(before.lag_messages, Some(60));
        grow(&cluster);
        let sample = sampler.sample(1010.0).await;
        assert_eq!(log_ends(&sample).len(), 6, "with {brokers} brokers");
        assert_eq!(commits(&sample), [(0, 40), (4, 4)]);
        let report = report(&mut analysis, sample);
        assert_eq!(
            (report.lag_messages, report.partitions_unknown),
            (Some(60 + 100), 0)
        );
    }
}

#[tokio::test]
async fn the_sum_is_silent_while_the_metadata_cannot_be_read() {
    let cluster = Scripted::start(1).await;
    cluster.group("pay", 1, &[("orders", 0, 40)]);
    let (mut sampler, mut analysis) = (sampler(&cluster, TIMEOUT), analysis());
    report(&mut analysis, sampler.sample(1000.0).await);
    grow(&cluster);
    cluster.change(|world| world.metadata_error = 5);
    for cycle in 1..6 {
        let at = 1000.0 + 10.0 * f64::from(cycle);
        let report = report(&mut analysis, sampler.sample(at).await);
        assert_eq!(
            (report.lag_messages, report.partitions_unknown),
            (None, 1),
            "at {at}"
        );
    }
    cluster.change(|world| world.metadata_error = 0);
    let report = report(&mut analysis, sampler.sample(1060.0).await);
    assert_eq!(
        (report.lag_messages, report.partitions_unknown),
        (Some(60 + 100), 0)
    );
}

#[tokio::test]
async fn a_commit_left_over_beyond_the_partitions_is_unknown_for_two_looks_and_then_nothing() {
    let cluster = Scripted::start(1).await;
    cluster.group("pay", 1, &[("orders", 0, 40)]);
    let (mut sampler, mut analysis) = (sampler(&cluster, TIMEOUT), analysis());
    report(&mut analysis, sampler.sample(1000.0).await);
    commit_beyond(&cluster);
    let expected = [(None, 1), (Some(60), 0), (Some(60), 0)];
    for (expected, cycle) in expected.into_iter().zip(1..) {
        let at = 1000.0 + 10.0 * f64::from(cycle);
        let report = report(&mut analysis, sampler.sample(at).await);
        assert_eq!(
            (report.lag_messages, report.partitions_unknown),
            expected,
            "at {at}"
        );
    }
    cluster.change(|world| world.requests.clear());
    for cycle in 4..6 {
        sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
    }
    let asked = cluster.change(|world| world.requests.clone());
    assert!(
        asked.iter().all(|(_, api)| *api != ApiKey::Metadata),
        "{asked:?}"
    );
}
