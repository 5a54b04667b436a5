//! One suite, two clusters: what is asserted here holds on the simulated cluster and on a real Kafka, for every question that the
//! daemon asks, each version of it, and each field that is read.

mod cluster;
mod groups;
mod logs;
mod shares;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::VersionRange;
use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::delay::Delay;
use lagslope::simulator::group::{Group, Kind};
use lagslope::simulator::topic::{Retention, Topic};
use lagslope::simulator::{Time, World};

use super::wire::Wire;
use super::{NOW, at_rest};
use crate::evidence::Evidence;
use crate::kafka::clients::Protocol;
use crate::kafka::{Kafka, Version, unique};
use crate::processes::wait_until;

/// What is there, however it came there. Everything of it has been at rest for a while.
pub(super) struct There {
    /// A topic with three partitions.
    orders: TopicThere,
    /// Records of its partition 0 whose times are known: `(offset, milliseconds)`.
    dated: TopicThere,
    stamps: Vec<(i64, i64)>,
    /// With members of the classic protocol, and with members of KIP-848; both read `orders`.
    classic: GroupThere,
    consumer: GroupThere,
    /// Commits to one partition of `orders`, and never had a member.
    assigns: GroupThere,
    share: SharesThere,
}

pub(super) struct TopicThere {
    name: String,
    /// Log start and log end of each partition.
    ends: Vec<(i64, i64)>,
    retention_ms: String,
}

pub(super) struct GroupThere {
    name: String,
    members: usize,
    /// `(partition, offset)`, in order.
    commits: Vec<(i32, i64)>,
}

/// A share group with a member, which reads `dated`.
pub(super) struct SharesThere {
    name: String,
    members: usize,
    /// In its only partition.
    lag: i64,
}

/// A JVM starts, joins and reads some messages.
const JAVA_READS_WITHIN: Duration = Duration::from_secs(90);

/// A name that nothing has.
const NOTHING: &str = "there-is-no-such-thing";

/// Asserts all of it. `address` is that of the cluster's only broker.
fn check(address: &str, there: &There) {
    cluster::versions_are_told(address);
    cluster::metadata_tells_topics_and_leaders(address, there);
    cluster::metadata_finds_topics_by_name_and_by_id(address, there);
    cluster::the_cluster_describes_itself(address);
    cluster::coordinators_are_found(address, there);
    groups::groups_are_listed_with_state_and_type(address, there);
    groups::classic_groups_describe_their_members(address, there);
    groups::consumer_groups_describe_their_members(address, there);
    groups::commits_are_told(address, there);
    shares::share_groups_describe_their_members(address, there);
    shares::start_offsets_are_told(address, there);
    logs::log_ends_and_starts_are_told(address, there);
    logs::records_are_found_by_time(address, there);
    logs::what_is_not_there_is_an_error(address, there);
    logs::topics_tell_what_they_are_set_to(address, there);
    logs::disks_tell_what_partitions_take(address, there);
    logs::commits_are_records(address, there);
}

/// What the suite asks.
const QUESTIONS: [ApiKey; 14] = [
    ApiKey::ApiVersions,
    ApiKey::Metadata,
    ApiKey::DescribeCluster,
    ApiKey::FindCoordinator,
    ApiKey::ListGroups,
    ApiKey::DescribeGroups,
    ApiKey::ConsumerGroupDescribe,
    ApiKey::ShareGroupDescribe,
    ApiKey::OffsetFetch,
    ApiKey::DescribeShareGroupOffsets,
    ApiKey::ListOffsets,
    ApiKey::DescribeConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::Fetch,
];

/// In which versions it asked that.
fn asked(address: &str) -> String {
    let offered = Wire::to(address).offered();
    let questions = offered.iter().filter(|(api, ..)| QUESTIONS.contains(api));
    let known = questions.map(|(api, lowest, highest)| {
        let known = known_versions(*api);
        let (lowest, highest) = ((*lowest).max(known.min), (*highest).min(known.max));
        format!("{api:?} {lowest} to {highest}")
    });
    known.collect::<Vec<_>>().join("\n")
}

fn write_down(topic: &'static str, title: &'static str, address: &str) {
    Evidence::new(topic, title).entry(
        "The same assertions hold, in each version that it and the codec both know, but for OffsetFetch 10",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it simulator::alike",
        &asked(address),
    );
}

fn known_versions(api: ApiKey) -> VersionRange {
    let known = api.valid_versions();
    match api {
        // 10 asks by topic id: the codec knows the answer, and not the question.
        ApiKey::OffsetFetch => VersionRange { max: 9, ..known },
        // Our own codec: 0 lacks the lag.
        ApiKey::DescribeShareGroupOffsets => VersionRange { min: 1, max: 1 },
        _ => known,
    }
}

/// Asserts something in every version of a question that this cluster and the codec both know.
fn in_each_version(address: &str, api: ApiKey, check: impl Fn(&mut Wire, i16)) {
    let mut wire = Wire::to(address);
    let offered = wire.offered();
    let told = offered.iter().find(|(key, ..)| *key == api);
    let (_, lowest, highest) = *told.unwrap_or_else(|| panic!("{api:?} is not offered"));
    let known = known_versions(api);
    for version in lowest.max(known.min)..=highest.min(known.max) {
        check(&mut wire, version);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulated_cluster_is_as_described() {
    let world = world();
    let there = described(&world);
    let running = at_rest(world).await;
    let address = running.addresses()[0].to_string();
    check(&address, &there);
    let title = "The suite of all questions, on the simulated cluster";
    write_down("alike-simulated", title, &address);
}

#[test]
fn a_real_kafka_is_as_described() {
    let kafka = Kafka::start(Version::Kafka4, 1, &[]);
    let (orders, dated) = (unique("orders"), unique("dated"));
    kafka.create_topic_with(&orders, 3, &[("retention.ms", "604800000")]);
    kafka.create_topic_with(&dated, 1, &[("retention.ms", "86400000")]);
    for (partition, messages) in [(0, 100), (1, 110), (2, 120)] {
        kafka.produce(&orders, partition, messages);
    }
    kafka.delete_records(&orders, 1, 40);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("after 1970").as_millis() as i64;
    let stamps: Vec<i64> = (0..10).map(|n| now - 100_000 + 1_500 * n).collect();
    kafka.produce_at(&dated, 0, &stamps);
    let commits = [(0, 17), (1, 110), (2, 43)];
    let names = ["classic", "consumer", "assigns", "share"].map(unique);
    let mut members = Vec::new();
    for (name, protocol) in [
        (&names[0], Protocol::Classic),
        (&names[1], Protocol::Consumer),
    ] {
        members.push(kafka.join(name, &[&orders], protocol));
        members[members.len() - 1].commit(&orders, &commits);
    }
    kafka.commit(&names[2], &orders, &[(1, 50)]);
    let share = share_group(&kafka, &names[3], &dated);
    let group = |name: &str, members, commits: &[(i32, i64)]| GroupThere {
        name: name.to_owned(),
        members,
        commits: commits.to_vec(),
    };
    let there = There {
        orders: TopicThere {
            name: orders,
            ends: vec![(0, 100), (40, 110), (0, 120)],
            retention_ms: "604800000".to_owned(),
        },
        dated: TopicThere {
            name: dated,
            ends: vec![(0, 10)],
            retention_ms: "86400000".to_owned(),
        },
        stamps: (0..).zip(stamps).collect(),
        classic: group(&names[0], 1, &commits),
        consumer: group(&names[1], 1, &commits),
        assigns: group(&names[2], 0, &[(1, 50)]),
        share,
    };
    check(&kafka.address(1), &there);
    let title = "The suite of all questions, on Kafka 4.4.0";
    write_down("alike-kafka", title, &kafka.address(1));
}

/// One whose only member stays and has read all.
fn share_group(kafka: &Kafka, group: &str, topic: &str) -> SharesThere {
    kafka.share_group(group, topic);
    kafka.share_member(group, topic, None);
    let caught_up = || {
        let positions = kafka.describe_share_offsets();
        let read_all = positions.iter().all(|position| position.lag == Some(0));
        read_all.then_some(())
    };
    wait_until(JAVA_READS_WITHIN, caught_up).expect("it reads all");
    SharesThere {
        name: group.to_owned(),
        members: 1,
        lag: 0,
    }
}

/// Everything came within ten minutes, half an hour ago; the groups have read half of it and gone on committing that.
fn world() -> World {
    let began = NOW - 1_800.0;
    let mut world = World::new(1, 3);
    let some = |rate| Arrivals::steady(began, rate).then(began + 600.0, 0.0);
    let few = Retention {
        messages: Some(50),
        segment_seconds: 1.0,
        ..Retention::default()
    };
    let orders = world.add_topic(Topic::new("orders", 3, some(0.5)).keeping(few));
    let day = Retention {
        seconds: Some(86_400.0),
        ..Retention::default()
    };
    let dated = world.add_topic(Topic::new("dated", 1, some(0.02)).keeping(day));
    // A reader that stays where the records of the first five minutes end.
    let half = || {
        let ends = began + 300.0;
        Delay::until(ends, 0.0).fall_behind(0.999, NOW - ends + 3_600.0)
    };
    let group = |name: &str, members| Group::new(name).with_members(members);
    let classic = group("classic", 1).reading(orders, half());
    let consumer = group("consumer", 2).of_kind(Kind::Consumer);
    let mut share = group("share", 1).of_kind(Kind::Share);
    share = share.reading(dated, half());
    let mut assigns = group("assigns", 0).reading(orders, half());
    assigns.reads[0].committed_partitions = Some(1);
    for group in [classic, consumer.reading(orders, half()), assigns, share] {
        world.add_group(group);
    }
    world
}

fn described(world: &World) -> There {
    let offset = |offset: Option<u64>| offset.expect("it exists") as i64;
    let topic = |index: usize, retention_ms: &str| TopicThere {
        name: world.topics[index].name.clone(),
        ends: (0..world.partitions(index))
            .map(|n| {
                let (start, end) = (world.log_start(index, n, NOW), world.log_end(index, n, NOW));
                (offset(start), offset(end))
            })
            .collect(),
        retention_ms: retention_ms.to_owned(),
    };
    let group = |index: usize| GroupThere {
        name: world.groups[index].name.clone(),
        members: world.members(index, NOW).len(),
        commits: (0..world.partitions(0))
            .filter_map(|n| Some((n as i32, world.committed(index, 0, n, NOW)? as i64)))
            .collect(),
    };
    let dated = topic(1, "86400000");
    let stamp = |n: i64| {
        let at: Option<Time> = world.timestamp_of(1, 0, n as u64, NOW);
        (n, (at.expect("it was written") * 1000.0).floor() as i64)
    };
    let stamps: Vec<_> = (0..dated.ends[0].1).map(stamp).collect();
    let there = There {
        orders: topic(0, "604800000"),
        dated,
        stamps,
        classic: group(0),
        consumer: group(1),
        assigns: group(2),
        share: SharesThere {
            name: world.groups[3].name.clone(),
            members: 1,
            lag: offset(world.log_end(1, 0, NOW)) - offset(world.committed(3, 1, 0, NOW)),
        },
    };
    // What the assertions take for given.
    assert!(there.orders.ends.iter().all(|(start, end)| start < end));
    assert!(there.orders.ends.iter().any(|(start, _)| *start > 0));
    assert!(there.stamps.len() > 5);
    assert_eq!(there.classic.commits.len(), 3);
    assert_eq!(there.assigns.commits.len(), 1);
    assert!(there.share.lag > 0);
    there
}
