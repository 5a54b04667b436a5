//! The harness itself: clusters start, agree with Kafka's own tools, and leave no process behind.

use super::clients::Protocol;
use super::tools::Position;
use super::{Kafka, Version, shared, unique};
use crate::processes::is_running;

#[test]
fn newest_kafka_agrees_with_every_kind_of_group() {
    let kafka = shared(Version::Kafka4);
    every_kind_of_group(kafka, &[Protocol::Classic, Protocol::Consumer]);
}

#[test]
fn kafka_3_agrees_with_every_kind_of_group() {
    every_kind_of_group(shared(Version::Kafka3), &[Protocol::Classic]);
}

/// What was produced and committed is what `kafka-consumer-groups` prints, for each kind of group.
fn every_kind_of_group(kafka: &Kafka, protocols: &[Protocol]) {
    let topic = unique("kinds");
    kafka.create_topic(&topic, 2, 1);
    kafka.produce(&topic, 0, 10);
    kafka.produce(&topic, 1, 7);
    let members: Vec<_> = protocols
        .iter()
        .map(|protocol| {
            let group = unique(&format!("{protocol:?}"));
            let member = kafka.join(&group, &[&topic], *protocol);
            member.commit(&topic, &[(0, 4), (1, 7)]);
            (group, member)
        })
        .collect();
    let assigning = unique("assigning");
    let member = kafka.assign(&assigning, &topic, &[(0, 4), (1, 7)]);
    let empty = unique("empty");
    kafka.commit(&empty, &topic, &[(0, 4), (1, 7)]);

    let described = kafka.describe_all_groups();
    let states = kafka.describe_states();
    let with_members = members.iter().map(|(group, _)| (group, "Stable", 1));
    let without = [(&assigning, "Empty", 0), (&empty, "Empty", 0)];
    for (group, state, count) in with_members.chain(without) {
        let found: Vec<&Position> = described.iter().filter(|p| p.group == *group).collect();
        let lags: Vec<_> = found
            .iter()
            .map(|p| (p.partition, p.committed, p.log_end, p.lag))
            .collect();
        let expected = [
            (0, Some(4), Some(10), Some(6)),
            (1, Some(7), Some(7), Some(0)),
        ];
        assert_eq!(lags, expected, "{group}");
        assert!(
            found.iter().all(|p| p.member.is_some() == (count > 0)),
            "{group}"
        );
        let found = states
            .iter()
            .find(|s| s.group == *group)
            .expect("it is listed");
        assert_eq!(
            (found.state.as_str(), found.members),
            (state, count),
            "{group}"
        );
    }
    drop(member);
}

#[test]
fn three_nodes_survive_faults_and_leave_nothing_behind() {
    let kafka = Kafka::start(Version::Kafka4, 3, &[]);
    let topic = unique("three");
    kafka.create_topic(&topic, 3, 3);
    kafka.produce(&topic, 0, 5);
    kafka.commit("three", &topic, &[(0, 2)]);

    kafka.stop(2);
    kafka.cont(2);
    kafka.kill(3);
    assert!(!kafka.is_running(3));
    kafka.restart_on_another_port(3);
    kafka.produce(&topic, 2, 3);
    assert_eq!(kafka.log_end(&topic, 2), 3);
    let described = kafka.describe_all_groups();
    assert_eq!(
        (described[0].committed, described[0].lag),
        (Some(2), Some(3))
    );

    let pids: Vec<u32> = (1..=3).map(|id| kafka.pid(id)).collect();
    drop(kafka);
    assert!(!pids.iter().any(|pid| is_running(*pid)));
}
