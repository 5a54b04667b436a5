//! What counts as reached, and what the log says of it: the good case, and the one that only looks good.

use lagslope::analysis::sample::Sample;

use super::scripted::{Mood, Scripted};
use super::{TIMEOUT, group, has_error, sample_until, sampler, settings};
use crate::security::log::Log;

/// COORDINATOR_LOAD_IN_PROGRESS.
const LOADING: i16 = 14;

/// Two brokers with a group each.
async fn two_brokers() -> Scripted {
    let cluster = Scripted::start(2).await;
    cluster.group("pay", 1, &[("orders", 0, 1)]);
    cluster.group("bill", 2, &[("orders", 1, 1)]);
    cluster
}

fn refuse_to_list(cluster: &Scripted, error: i16) {
    cluster.change(|world| world.list_errors = [(1, error), (2, error)].into());
}

fn has_all_commits(sample: &Sample) -> bool {
    sample.groups.iter().all(|group| group.commits.is_some())
}

fn count(log: &Log, text: &str) -> usize {
    log.text().matches(text).count()
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_forgets_no_group() {
    let cluster = two_brokers().await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    let ready = |sample: &Sample| sample.groups.len() == 2 && has_all_commits(sample);
    sample_until(&mut sampler, 1000.0, ready).await;
    refuse_to_list(&cluster, LOADING);
    // One more than the two listings, and the three of a coordinator, after which a group is gone.
    for cycle in 1..=4 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert!(sample.cycle.up, "cycle {cycle}");
        assert!(has_error(&sample, "coordinator_load_in_progress"));
        assert_eq!(sample.cycle.groups, Some(2), "cycle {cycle}");
        for name in ["pay", "bill"] {
            let told = &group(&sample, name).commits;
            assert!(told.is_none(), "nobody told {name}'s commits: {told:?}");
        }
    }
    cluster.change(|world| world.list_errors.clear());
    sample_until(&mut sampler, 1060.0, ready).await;
}

#[tokio::test]
async fn how_many_groups_there_are_is_unknown_until_somebody_lists_them() {
    let cluster = two_brokers().await;
    refuse_to_list(&cluster, LOADING);
    let mut sampler = sampler(&cluster, TIMEOUT);
    let sample = sampler.sample(1000.0).await;
    assert!(sample.cycle.up);
    assert_eq!(sample.cycle.groups, None);
    cluster.change(|world| world.list_errors.clear());
    sample_until(&mut sampler, 1010.0, |sample| {
        sample.cycle.groups == Some(2)
    })
    .await;
}

#[tokio::test]
async fn a_cluster_that_is_silent_is_not_up() {
    let cluster = two_brokers().await;
    let mut sampler = sampler(&cluster, TIMEOUT / 10);
    sample_until(&mut sampler, 1000.0, |sample| {
        sample.cycle.groups == Some(2)
    })
    .await;
    for broker in [1, 2] {
        cluster.mood(broker, Mood::Hangs);
    }
    let sample = sample_until(&mut sampler, 1010.0, |sample| !sample.cycle.up).await;
    assert_eq!(sample.cycle.groups, Some(2), "as of the last listing");
}

#[tokio::test]
async fn it_is_told_once_that_a_cluster_is_reached_and_again_when_it_was_down() {
    const REACHED: &str = "cluster test is reached and watched";
    let log = Log::start();
    let cluster = two_brokers().await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    for cycle in 0..3 {
        sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
    }
    assert_eq!(count(&log, REACHED), 1, "{}", log.text());
    let numbers = "brokers=2 topics=1 groups=2";
    assert_eq!(count(&log, numbers), 1, "{}", log.text());
    for broker in [1, 2] {
        cluster.mood(broker, Mood::Hangs);
    }
    sample_until(&mut sampler, 1030.0, |sample| !sample.cycle.up).await;
    for broker in [1, 2] {
        cluster.mood(broker, Mood::Answers);
    }
    sample_until(&mut sampler, 1040.0, has_all_commits_and_is_up).await;
    assert!(count(&log, REACHED) >= 2, "{}", log.text());
    assert_eq!(count(&log, "no broker lists a group"), 0);
}

fn has_all_commits_and_is_up(sample: &Sample) -> bool {
    sample.cycle.up && has_all_commits(sample)
}

#[tokio::test]
async fn it_is_told_once_that_nobody_lists_a_group() {
    const NOBODY: &str = "no broker lists a group that is watched";
    let log = Log::start();
    // Without the right to see any group Kafka answers with an empty list, not with an error.
    let cluster = Scripted::start(2).await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    for cycle in 0..3 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert_eq!(sample.cycle.groups, Some(0));
    }
    assert_eq!(count(&log, NOBODY), 1, "{}", log.text());
    assert_eq!(count(&log, "lagslope doctor"), 1, "{}", log.text());
    // Credentials may have changed: once more.
    sampler.reconfigure(settings(&cluster, TIMEOUT));
    sample_until(&mut sampler, 1030.0, |sample| sample.cycle.up).await;
    sampler.sample(1040.0).await;
    assert_eq!(count(&log, NOBODY), 2, "{}", log.text());
}
