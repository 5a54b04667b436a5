//! Each broker answers for what it leads and coordinates, also while that moves; what each question costs is counted.

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{
    ApiKey, DescribeGroupsRequest, FindCoordinatorRequest, ListGroupsRequest, ListOffsetsRequest,
    MetadataRequest,
};
use lagslope::kafka::{Offsets, Sampler, Settings};
use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::delay::Delay;
use lagslope::simulator::fault::{Fault, Move, Moved, Trouble};
use lagslope::simulator::group::Group;
use lagslope::simulator::scale::Size;
use lagslope::simulator::topic::Topic;
use lagslope::simulator::{Running, Simulator, World};

use super::wire::{Wire, text};
use super::{HeldClock, NOW, at_rest};

fn world() -> World {
    let mut world = World::new(3, 2);
    let topic = world.add_topic(Topic::new("t", 3, Arrivals::steady(NOW - 900.0, 30.0)));
    for number in 0..9 {
        let group = Group::new(format!("g{number}"));
        world.add_group(group.reading(topic, Delay::steady(10.0)));
    }
    world
}

fn wires(running: &Running) -> Vec<Wire> {
    let addresses = running.addresses().iter();
    addresses
        .map(|address| Wire::to(&address.to_string()))
        .collect()
}

/// The error of each partition of `t`, as one broker tells them, asked with this epoch.
fn errors(wire: &mut Wire, epoch: i32) -> Vec<i16> {
    let partition = |number| {
        ListOffsetsPartition::default()
            .with_partition_index(number)
            .with_current_leader_epoch(epoch)
            .with_timestamp(-1)
    };
    let topic = ListOffsetsTopic::default()
        .with_name(text("t").into())
        .with_partitions((0..3).map(partition).collect());
    let question = ListOffsetsRequest::default().with_topics(vec![topic]);
    let answer = wire.ask(&question, 7);
    let partitions = answer.topics[0].partitions.iter();
    partitions.map(|partition| partition.error_code).collect()
}

/// Leader and epoch of each partition of `t`.
fn leaders(wire: &mut Wire) -> Vec<(i32, i32)> {
    let answer = wire.ask(&MetadataRequest::default().with_topics(None), 9);
    let mut topics = answer.topics.iter();
    let topic = topics.find(|topic| topic.name.as_ref().is_some_and(|name| **name == *"t"));
    let partitions = topic.expect("it is there").partitions.iter();
    partitions
        .map(|p| (p.leader_id.0, p.leader_epoch))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_is_answered_for_by_its_leader_only_and_moves_raise_its_epoch() {
    let running = at_rest(world()).await;
    let mut wires = wires(&running);
    assert_eq!(leaders(&mut wires[0]), [(1, 0), (2, 0), (3, 0)]);
    assert_eq!(errors(&mut wires[0], 0), [0, 6, 6]);
    assert_eq!(errors(&mut wires[1], 0), [6, 0, 6]);
    let of = Moved::Leader {
        topic: "t".to_owned(),
        partition: Some(1),
    };
    let moved = running.shift(Move::new(of, Some(1)).between(NOW - 1.0, f64::INFINITY));
    assert_eq!(leaders(&mut wires[2]), [(1, 0), (1, 1), (3, 0)]);
    assert_eq!(errors(&mut wires[0], -1), [0, 0, 6]);
    assert_eq!(errors(&mut wires[0], 0), [0, 74, 6], "fenced");
    assert_eq!(errors(&mut wires[0], 1), [75, 0, 6], "not known yet");
    assert_eq!(errors(&mut wires[1], -1), [6, 6, 6]);
    running.heal(moved);
    assert_eq!(leaders(&mut wires[0]), [(1, 0), (2, 2), (3, 0)]);
}

/// Groups that a broker lists.
fn listed(wire: &mut Wire) -> Vec<String> {
    let answer = wire.ask(&ListGroupsRequest::default(), 4);
    let groups = answer.groups.iter();
    groups.map(|group| group.group_id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_listed_and_described_where_its_commits_are() {
    let running = at_rest(world()).await;
    let mut wires = wires(&running);
    let before: Vec<Vec<String>> = wires.iter_mut().map(listed).collect();
    assert_eq!(before.iter().map(Vec::len).sum::<usize>(), 9);
    let (from, group) = before
        .iter()
        .enumerate()
        .find_map(|(from, groups)| Some((from, groups.first()?.clone())))
        .expect("some broker coordinates one");
    let to = (from + 1) % 3;
    let of = Moved::Coordinator {
        group: group.clone(),
    };
    running.shift(Move::new(of, Some(to as u32 + 1)));
    assert!(!listed(&mut wires[from]).contains(&group));
    assert!(listed(&mut wires[to]).contains(&group));
    for (place, wire) in wires.iter_mut().enumerate() {
        let named = DescribeGroupsRequest::default().with_groups(vec![text(&group).into()]);
        let error = wire.ask(&named, 5).groups[0].error_code;
        assert_eq!(error, if place == to { 0 } else { 16 }, "not coordinator");
        let question = FindCoordinatorRequest::default().with_key(text(&group));
        assert_eq!(wire.ask(&question, 3).node_id.0, to as i32 + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_come_and_go_by_the_clusters_clock() {
    let clock = HeldClock::at(NOW);
    let running = Simulator::start(world(), clock.settings()).await;
    let running = running.expect("free ports");
    let error = Fault::new(Trouble::Error { code: 6 }).with(ApiKey::ListOffsets);
    running.fault(error.at(1).between(NOW + 10.0, NOW + 20.0));
    let mut wires = wires(&running);
    for (seconds, code) in [(0.0, 0), (10.0, 6), (19.9, 6), (20.0, 0)] {
        clock.set(NOW + seconds);
        assert_eq!(errors(&mut wires[0], -1)[0], code, "after {seconds} s");
    }
    // A broker that is cut off goes on telling what was.
    let end = |wire: &mut Wire| wire.log_end("t", 0);
    clock.set(NOW + 30.0);
    let then = end(&mut wires[0]);
    running.fault(
        Fault::new(Trouble::StandsStill)
            .at(1)
            .between(NOW + 30.0, NOW + 50.0),
    );
    clock.set(NOW + 40.0);
    assert_eq!(end(&mut wires[0]), then);
    clock.set(NOW + 50.0);
    assert!(end(&mut wires[0]) > then + 190, "10 a second");
}

/// 20,000 group-partitions: what a cycle costs a broker doesn't depend on how many there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cycle_of_twenty_thousand_partitions_is_a_handful_of_requests() {
    let mut world = World::new(3, 4);
    let size = Size {
        groups: 1_000,
        group_partitions: 20_000,
        readers: 2,
    };
    world.add_scale(size, NOW - 3_600.0);
    let running = at_rest(world).await;
    let mut settings = Settings::new("test".to_owned(), vec![running.addresses()[0].to_string()]);
    settings.offsets = Offsets::Query;
    let mut sampler = Sampler::new(settings);
    for cycle in 0..3_u64 {
        let sample = sampler.sample(NOW + 10.0 * cycle as f64).await;
        for broker in 1..=3 {
            for api in [ApiKey::ListGroups, ApiKey::OffsetFetch] {
                let asked = running.requests_to(broker, api);
                assert_eq!(asked, cycle + 1, "{api:?} to broker {broker}");
            }
            assert_eq!(running.connections_to(broker), 1);
        }
        if cycle > 0 {
            let commits = sample.groups.iter().filter_map(|g| g.commits.as_ref());
            let partitions = commits.flat_map(|c| &c.topics).map(|t| t.partitions.len());
            assert_eq!(partitions.sum::<usize>(), 20_000);
        }
    }
}
