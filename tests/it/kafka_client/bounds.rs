//! More groups and partitions than may be watched: what is beyond is refused and counted, what is known stays.

use std::collections::BTreeSet;

use kafka_protocol::messages::ApiKey;
use lagslope::analysis::sample::Sample;
use lagslope::kafka::{Limits, Sampler, Settings};

use super::scripted::Scripted;
use super::{TIMEOUT, settings};

fn sampler(cluster: &Scripted, max_groups: usize, max_partitions: usize) -> Sampler {
    Sampler::new(bounded(cluster, max_groups, max_partitions))
}

fn bounded(cluster: &Scripted, max_groups: usize, max_partitions: usize) -> Settings {
    Settings {
        limits: Limits {
            max_groups,
            max_partitions,
        },
        ..settings(cluster, TIMEOUT)
    }
}

fn groups(sample: &Sample) -> BTreeSet<String> {
    sample
        .groups
        .iter()
        .map(|group| group.name.to_string())
        .collect()
}

fn topics(sample: &Sample) -> Vec<&str> {
    sample.topics.iter().map(|topic| &*topic.name).collect()
}

#[tokio::test]
async fn known_groups_stay_and_new_ones_are_refused() {
    let cluster = Scripted::start(3).await;
    for number in 0..12 {
        cluster.group(
            &format!("g{number:02}"),
            number % 3 + 1,
            &[("orders", 0, 1)],
        );
    }
    let mut sampler = sampler(&cluster, 5, 1000);
    let first = sampler.sample(1000.0).await;
    let kept = groups(&first);
    assert_eq!((kept.len(), first.cycle.refused.groups), (5, 7));
    for number in 0..20 {
        cluster.group(
            &format!("a{number:02}"),
            number % 3 + 1,
            &[("orders", 0, 1)],
        );
    }
    for cycle in 1..4 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert_eq!(groups(&sample), kept, "though others come first by name");
        assert_eq!(sample.cycle.refused.groups, 27);
        assert!(sample.groups.iter().all(|group| group.commits.is_some()));
    }
    // One of them goes: its place is taken by another.
    let gone = kept.first().expect("five").clone();
    cluster.change(|world| world.groups.remove(&gone));
    let mut last = BTreeSet::new();
    for cycle in 4..8 {
        last = groups(&sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await);
    }
    assert_eq!(last.len(), 5);
    assert_eq!(last.intersection(&kept).count(), 4);
}

#[tokio::test]
async fn a_topic_that_does_not_fit_is_refused_whole() {
    let cluster = Scripted::start(1).await;
    let partitions = |count| vec![(1, 7); count];
    cluster.change(|world| {
        world.topics.insert("b", partitions(6));
        world.topics.insert("c", partitions(2));
    });
    cluster.group("pay", 1, &[("b", 0, 1), ("c", 0, 1), ("orders", 0, 1)]);
    // In order of name: b has 6, c 2, and the 3 of orders are too many.
    let mut sampler = sampler(&cluster, 10, 10);
    let sample = sampler.sample(1000.0).await;
    assert_eq!(topics(&sample), ["b", "c"]);
    assert_eq!(sample.cycle.refused.partitions, 3);
    // A new one that would come first displaces nothing; a known one may grow into what is left, and no further.
    cluster.change(|world| {
        world.topics.insert("a", partitions(5));
        world.topics.insert("c", partitions(4));
    });
    let sample = sampler.sample(1070.0).await;
    let sample = if topics(&sample).is_empty() {
        sample
    } else {
        sampler.sample(1080.0).await
    };
    assert_eq!(topics(&sample), ["b", "c"]);
    assert_eq!(sample.topics[1].partitions.len(), 4);
    assert_eq!(sample.cycle.refused.partitions, 8);
    cluster.change(|world| world.requests.clear());
    for cycle in 0..5 {
        sampler.sample(1090.0 + f64::from(cycle)).await;
    }
    let asked = cluster.change(|world| {
        let metadata = world.requests.iter();
        metadata.filter(|(_, api)| *api == ApiKey::Metadata).count()
    });
    assert!(
        asked <= 1,
        "commits to a refused topic ask for the metadata once, not in each cycle: {asked}"
    );
}

#[tokio::test]
async fn groups_whose_commits_are_too_many_are_refused_whole() {
    let cluster = Scripted::start(1).await;
    let three = [("orders", 0, 1), ("orders", 1, 1), ("orders", 2, 1)];
    cluster.group("b", 1, &three);
    cluster.group("c", 1, &three[..1]);
    let mut sampler = sampler(&cluster, 10, 6);
    let sample = sampler.sample(1000.0).await;
    assert_eq!(sample.cycle.refused.partitions, 0);
    cluster.group("a", 1, &three);
    let sample = sampler.sample(1010.0).await;
    let told: Vec<bool> = sample
        .groups
        .iter()
        .map(|group| group.commits.is_some())
        .collect();
    assert_eq!(
        told,
        [false, true, true],
        "4 of 6 are taken: 3 more don't fit"
    );
    assert_eq!(sample.cycle.refused.partitions, 3);
    // Room is made: b commits to one partition only.
    cluster.group("b", 1, &three[..1]);
    let sample = sampler.sample(1020.0).await;
    let sample = if sample.cycle.refused.partitions == 0 {
        sample
    } else {
        sampler.sample(1030.0).await
    };
    assert!(sample.groups.iter().all(|group| group.commits.is_some()));
}

#[tokio::test]
async fn a_lower_bound_lets_the_last_groups_by_name_go_and_a_higher_one_takes_them_back() {
    let cluster = Scripted::start(3).await;
    for number in 0..12 {
        let name = format!("g{number:02}");
        cluster.group(&name, number % 3 + 1, &[("orders", 0, 1)]);
    }
    let mut sampler = sampler(&cluster, 20, 1000);
    assert_eq!(groups(&sampler.sample(1000.0).await).len(), 12);
    sampler.reconfigure(bounded(&cluster, 5, 1000));
    for cycle in 1..3 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        let kept: Vec<String> = groups(&sample).into_iter().collect();
        assert_eq!(kept, ["g00", "g01", "g02", "g03", "g04"]);
        assert_eq!(sample.cycle.refused.groups, 7);
    }
    sampler.reconfigure(bounded(&cluster, 20, 1000));
    let sample = sampler.sample(1030.0).await;
    assert_eq!(
        (groups(&sample).len(), sample.cycle.refused.groups),
        (12, 0)
    );
}

#[tokio::test]
async fn fewer_partitions_let_topics_and_commits_go_in_the_next_cycle() {
    let cluster = Scripted::start(1).await;
    cluster.change(|world| world.topics.insert("later", vec![(1, 7); 6]));
    let three = [("orders", 0, 1), ("orders", 1, 1), ("orders", 2, 1)];
    // A group in orders and later each, in order of name.
    cluster.group("a", 1, &[("later", 0, 1), ("later", 1, 1)]);
    cluster.group("b", 1, &three);
    cluster.group("c", 1, &three);
    let mut sampler = sampler(&cluster, 10, 9);
    let before = sampler.sample(1000.0).await;
    assert_eq!(topics(&before), ["later", "orders"]);
    assert_eq!(before.cycle.refused.partitions, 0);
    sampler.reconfigure(bounded(&cluster, 10, 7));
    let sample = sampler.sample(1010.0).await;
    assert_eq!(topics(&sample), ["later"], "orders doesn't fit any more");
    assert_eq!(sample.cycle.refused.partitions, 3);
    // Eight partitions in commits, of which two are followed now: room is counted by what is watched.
    sampler.reconfigure(bounded(&cluster, 10, 9));
    let sample = sampler.sample(1020.0).await;
    assert_eq!(topics(&sample), ["later", "orders"], "at once again");
    assert_eq!(sample.cycle.refused.partitions, 0);
}

#[tokio::test]
async fn fewer_partitions_let_the_commits_of_the_last_groups_go() {
    let cluster = Scripted::start(1).await;
    let three = [("orders", 0, 1), ("orders", 1, 1), ("orders", 2, 1)];
    for name in ["a", "b", "c"] {
        cluster.group(name, 1, &three);
    }
    let mut sampler = sampler(&cluster, 10, 9);
    assert_eq!(sampler.sample(1000.0).await.cycle.refused.partitions, 0);
    sampler.reconfigure(bounded(&cluster, 10, 6));
    for cycle in 1..3 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        let groups = sample.groups.iter();
        let told: Vec<bool> = groups.map(|group| group.commits.is_some()).collect();
        assert_eq!(told, [true, true, false]);
        assert_eq!(sample.cycle.refused.partitions, 3);
    }
}
