//! What changes in a cluster while it is watched: leaders, topics, groups, brokers. What is told of it is right, or absent.

use kafka_protocol::messages::ApiKey;
use lagslope::kafka::Filter;

use super::scripted::{Mood, Scripted, World};
use super::{TIMEOUT, group, has_error, log_ends, sampler, settings};
use crate::processes::free_port;

#[tokio::test]
async fn a_leader_that_moved_is_found_in_the_same_cycle() {
    let cluster = Scripted::start(3).await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    cluster.change(|world| world.topics.get_mut("orders").unwrap()[0].0 = 3);
    let sample = sampler.sample(1010.0).await;
    assert_eq!(log_ends(&sample), [Some(100), Some(101), Some(102)]);
    assert!(has_error(&sample, "not_leader_or_follower"));
}

#[tokio::test]
async fn ends_of_a_topic_made_again_never_go_with_the_id_of_the_old_one() {
    let cluster = Scripted::start(3).await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    let before = sampler.sample(1000.0).await;
    cluster.change(|world| {
        world.topic_ids.insert("orders", 2);
        world.topics.insert("orders", vec![(1, 3), (2, 4), (3, 5)]);
    });
    let after = sampler.sample(1010.0).await;
    assert_eq!(
        (before.topics[0].id, after.topics[0].id),
        (Some(1), Some(2))
    );
    assert_eq!(log_ends(&after), [Some(3), Some(4), Some(5)]);
}

#[tokio::test]
async fn a_log_that_was_truncated_is_read_with_the_id_it_has() {
    let cluster = Scripted::start(1).await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    cluster.change(|world| world.topics.get_mut("orders").unwrap()[0].1 = 60);
    let sample = sampler.sample(1010.0).await;
    assert_eq!(
        (sample.topics[0].id, log_ends(&sample)[0]),
        (Some(1), Some(60))
    );
}

#[tokio::test]
async fn a_topic_that_is_gone_disappears() {
    let cluster = Scripted::start(1).await;
    cluster.group("pay", 1, &[("orders", 0, 1)]);
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    cluster.change(|world| world.topics.clear());
    let sample = sampler.sample(1010.0).await;
    assert_eq!(log_ends(&sample), [None; 3], "kept, and silent");
    let sample = sampler.sample(1020.0).await;
    assert_eq!(sample.topics, [], "the next cycle asked again");
    assert_eq!(group(&sample, "pay").commits.as_ref().unwrap().topics, []);
}

#[tokio::test]
async fn one_empty_answer_or_an_error_for_a_topic_takes_no_history_away() {
    for change in [
        (|world| world.metadata_error = 5) as fn(&mut World),
        |world| world.metadata_is_empty = true,
    ] {
        let cluster = Scripted::start(2).await;
        let mut sampler = sampler(&cluster, TIMEOUT);
        sampler.sample(1000.0).await;
        cluster.change(change);
        for cycle in 7..10 {
            let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
            assert_eq!(sample.topics[0].id, Some(1));
            assert_eq!(log_ends(&sample), [Some(100), Some(101), Some(102)]);
        }
        let asked = cluster.change(|world| {
            let asked = world.requests.iter();
            asked.filter(|(_, api)| *api == ApiKey::Metadata).count()
        });
        assert!(asked > 1, "it was asked, and not believed");
    }
}

#[tokio::test]
async fn a_group_is_gone_after_two_listings() {
    let cluster = Scripted::start(2).await;
    cluster.group("pay", 2, &[]);
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    cluster.change(|world| world.groups.clear());
    let left = [1, 0];
    for (cycle, left) in left.into_iter().enumerate() {
        let sample = sampler.sample(1010.0 + 10.0 * cycle as f64).await;
        assert_eq!(sample.groups.len(), left, "cycle {cycle}");
    }
}

#[tokio::test]
async fn state_and_members_are_absent_while_their_coordinator_is_silent() {
    let cluster = Scripted::start(2).await;
    cluster.group("pay", 2, &[("orders", 0, 1)]);
    cluster.group("ship", 1, &[("orders", 0, 1)]);
    let mut sampler = sampler(&cluster, TIMEOUT);
    for cycle in 0..3 {
        sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
    }
    cluster.mood(2, Mood::Hangs);
    for cycle in 3..6 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        let pay = group(&sample, "pay");
        let known = (pay.state.is_some(), pay.kind.is_some(), pay.members);
        let expected = if cycle < 5 {
            (true, true, Some(2))
        } else {
            (false, false, None)
        };
        assert_eq!(known, expected, "cycle {cycle}");
        assert_eq!(group(&sample, "ship").members, Some(2));
    }
}

#[tokio::test]
async fn groups_without_a_coordinator_are_kept_and_groups_that_are_gone_are_not() {
    let cluster = Scripted::start(2).await;
    cluster.group("pay", 2, &[]);
    cluster.group("ship", 1, &[]);
    cluster.change(|world| {
        let offsets = vec![(1, 0), (2, 0)];
        world.topics.insert("__consumer_offsets", offsets);
    });
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    // Broker 2 goes, and with it the only replica of its partition of the offsets.
    let gone = cluster.change(|world| world.brokers.remove(&2)).unwrap();
    cluster.mood(2, Mood::Hangs);
    cluster.change(|world| world.topics.get_mut("__consumer_offsets").unwrap()[1].0 = -1);
    for cycle in 7..12 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert_eq!(sample.groups.len(), 2, "cycle {cycle}");
    }
    // It is known again, but silent; the other one's group is deleted.
    cluster.change(|world| {
        world.brokers.insert(2, gone);
        world.topics.get_mut("__consumer_offsets").unwrap()[1].0 = 2;
        world.groups.remove("ship");
    });
    for cycle in 12..18 {
        sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
    }
    let sample = sampler.sample(1180.0).await;
    let names: Vec<&str> = sample.groups.iter().map(|group| &*group.name).collect();
    assert_eq!(names, ["pay"]);
}

#[tokio::test]
async fn a_broker_that_leaves_in_mid_cycle_takes_no_other_answer_with_it() {
    let cluster = Scripted::start(3).await;
    for broker in 1..=3 {
        cluster.group(&format!("g{broker}"), broker, &[]);
    }
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    // A leader that moved makes the cycle read the metadata, and broker 1 is not in it.
    cluster.change(|world| {
        world.brokers.remove(&1);
        world.topics.get_mut("orders").unwrap()[0].0 = 3;
    });
    let mut asked = [0, 0];
    for (cycle, asked) in asked.iter_mut().enumerate() {
        cluster.change(|world| world.requests.clear());
        sampler.sample(1070.0 + 10.0 * cycle as f64).await;
        *asked = cluster.change(|world| {
            let requests = world.requests.iter();
            requests
                .filter(|request| **request == (2, ApiKey::DescribeGroups))
                .count()
        });
    }
    assert_eq!(
        asked,
        [1, 0],
        "the answer of broker 2 was taken for its own"
    );
}

#[tokio::test]
async fn ends_that_fell_are_silent_until_the_metadata_could_be_read() {
    let cluster = Scripted::start(1).await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    cluster.change(|world| {
        world.topic_ids.insert("orders", 2);
        world
            .topics
            .insert("orders", vec![(1, 3), (1, 4), (1, 105)]);
        world.metadata_is_empty = true;
    });
    for cycle in 1..4 {
        let sample = sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
        assert_eq!(sample.topics[0].id, Some(1));
        assert_eq!(log_ends(&sample), [None; 3], "cycle {cycle}");
    }
    cluster.change(|world| world.metadata_is_empty = false);
    let sample = sampler.sample(1040.0).await;
    assert_eq!(sample.topics[0].id, Some(2));
    assert_eq!(log_ends(&sample), [Some(3), Some(4), None]);
    let sample = sampler.sample(1050.0).await;
    assert_eq!(log_ends(&sample), [Some(3), Some(4), Some(105)]);
}

#[tokio::test]
async fn a_sample_tells_ages_from_when_its_cycle_ended() {
    let cluster = Scripted::start(2).await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    // The cycle waits for a broker, as it would while the machine sleeps: what was read before is older by that.
    cluster.mood(2, Mood::Hangs);
    let sample = sampler.sample(1010.0).await;
    let took = sample.cycle.duration_seconds;
    assert!(took > 0.5, "{took}");
    assert!(sample.at >= 1010.0 + took, "{} after {took}", sample.at);
    let read = sample.topics[0].partitions[0].log_end.expect("of broker 1");
    assert!(sample.at >= read.at);
}

#[tokio::test]
async fn a_second_look_costs_one_metadata_and_one_request_for_ends() {
    let cluster = Scripted::start(1).await;
    let mut sampler = sampler(&cluster, TIMEOUT);
    for cycle in 0..3 {
        sampler.sample(1000.0 + 10.0 * f64::from(cycle)).await;
    }
    cluster.change(|world| {
        world.topics.get_mut("orders").unwrap()[0].1 = 60;
        world.requests.clear();
    });
    let sample = sampler.sample(1030.0).await;
    assert_eq!(log_ends(&sample)[0], Some(60));
    assert!(sample.topics[0].partitions[0].log_start.is_some());
    let asked = cluster.change(|world| world.requests.clone());
    let expected = [
        ApiKey::ListGroups,
        ApiKey::ListOffsets,
        ApiKey::ListOffsets,
        ApiKey::Metadata,
        ApiKey::ListOffsets,
    ];
    assert_eq!(asked, expected.map(|api| (1, api)));
}

#[tokio::test]
async fn a_second_look_takes_the_room_of_a_seldom_question() {
    let cluster = Scripted::start(2).await;
    for broker in 1..=2 {
        cluster.group(&format!("g{broker}"), broker, &[("orders", 0, 1)]);
    }
    let mut sampler = sampler(&cluster, TIMEOUT);
    for cycle in 0..6 {
        sampler.sample(1000.0 + f64::from(cycle)).await;
    }
    // Members and metadata are due again, and a log of each broker fell.
    cluster.change(|world| {
        let orders = world.topics.get_mut("orders").unwrap();
        orders.iter_mut().for_each(|(_, end)| *end = 60);
        world.requests.clear();
    });
    let sample = sampler.sample(1070.0).await;
    assert_eq!(log_ends(&sample), [Some(60); 3]);
    let asked = cluster.change(|world| world.requests.clone());
    let mut counts = [1, 2].map(|broker| asked.iter().filter(|(id, _)| *id == broker).count());
    counts.sort_unstable();
    assert_eq!(counts, [5, 6], "{asked:?}");
}

#[tokio::test]
async fn other_settings_keep_what_was_learned_and_the_counts_though_nobody_answers_at_the_new_address()
 {
    let cluster = Scripted::start(1).await;
    cluster.group("pay", 1, &[("orders", 0, 40)]);
    cluster.group("ship", 1, &[("orders", 0, 30)]);
    let mut sampler = sampler(&cluster, TIMEOUT);
    let before = sampler.sample(1000.0).await;

    let mut elsewhere = settings(&cluster, TIMEOUT);
    elsewhere.bootstrap_servers = vec![format!("127.0.0.1:{}", free_port())];
    elsewhere.groups = Filter::new(&["p.*".to_owned()], &[]).unwrap();
    sampler.reconfigure(elsewhere.clone());
    let away = sampler.sample(1010.0).await;
    assert!(!away.cycle.up);
    let names: Vec<_> = away.groups.iter().map(|group| &*group.name).collect();
    assert_eq!(names, ["pay"], "the filter leaves the other out");
    assert_eq!(group(&away, "pay").commits, None, "known, and silent");
    assert_eq!(log_ends(&away), [None; 3], "its history goes on");
    for (api, count) in &before.cycle.requests {
        let now = away.cycle.requests.iter().find(|(name, _)| name == api);
        assert!(now.is_some_and(|(_, now)| now >= count), "{api} went back");
    }

    elsewhere.bootstrap_servers = vec![cluster.address(1)];
    elsewhere.groups = Filter::all();
    elsewhere.topics = Filter::new(&[], &[]).unwrap();
    sampler.reconfigure(elsewhere);
    let back = sampler.sample(1020.0).await;
    assert!(back.cycle.up);
    assert_eq!((back.groups.len(), back.topics.len()), (2, 0));
}

#[tokio::test]
async fn connections_are_kept_when_other_settings_lead_the_same_way() {
    let cluster = Scripted::start(2).await;
    cluster.group("pay", 1, &[("orders", 0, 40)]);
    cluster.change(|world| world.topics.insert("odd", vec![(1, 7)]));
    let mut narrow = settings(&cluster, TIMEOUT);
    narrow.topics = Filter::new(&["odd".to_owned()], &[]).unwrap();
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.reconfigure(narrow.clone());
    assert_eq!(sampler.sample(1000.0).await.topics.len(), 1);
    let before = cluster.change(|world| world.connections);
    let mut wide = narrow;
    wide.topics = Filter::all();
    sampler.reconfigure(wide.clone());
    let sample = sampler.sample(1010.0).await;
    assert_eq!(
        sample.topics.len(),
        2,
        "what is let in comes with the next cycle"
    );
    assert!(
        sample
            .topics
            .iter()
            .all(|t| t.partitions[0].log_end.is_some())
    );
    assert_eq!(cluster.change(|world| world.connections), before);
    // Another time-out is another connection.
    wide.request_timeout += TIMEOUT;
    sampler.reconfigure(wide);
    sampler.sample(1020.0).await;
    assert!(cluster.change(|world| world.connections) > before);
}
