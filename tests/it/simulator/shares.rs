//! What the daemon reads of share groups and streams groups: their offsets beside those of all other groups, within the budget.

use std::collections::BTreeMap;
use std::time::Duration;

use lagslope::analysis::sample::{GroupSample, Sample};
use lagslope::kafka::{Offsets, Sampler, Settings};
use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::delay::Delay;
use lagslope::simulator::fault::{Fault, Move, Moved, Trouble};
use lagslope::simulator::group::{Group, Kind};
use lagslope::simulator::topic::Topic;
use lagslope::simulator::{ApiKey, Running, Simulator, World};

use super::{HeldClock, NOW, at_rest};

const KINDS: [(Kind, &str); 4] = [
    (Kind::Classic, "classic"),
    (Kind::Consumer, "consumer"),
    (Kind::Share, "share"),
    (Kind::Streams, "streams"),
];

/// Requests to a broker in a cycle.
const BUDGET: u64 = 5;

/// A group of each type with two members; each reads one topic of three partitions, and the share group has no start in the last.
fn world(brokers: u32) -> World {
    let mut world = World::new(brokers, 11);
    let topic = world.add_topic(Topic::new("t", 3, Arrivals::steady(NOW - 900.0, 30.0)));
    for (kind, name) in KINDS {
        let group = Group::new(name).of_kind(kind).with_members(2);
        let mut group = group.reading(topic, Delay::steady(40.0));
        if kind == Kind::Share {
            group.reads[0].committed_partitions = Some(2);
        }
        world.add_group(group);
    }
    world
}

fn sampler(running: &Running) -> Sampler {
    let mut settings = Settings::new("test".to_owned(), vec![running.addresses()[0].to_string()]);
    settings.request_timeout = Duration::from_millis(700);
    settings.offsets = Offsets::Query;
    Sampler::new(settings)
}

fn group<'a>(sample: &'a Sample, name: &str) -> &'a GroupSample {
    let mut groups = sample.groups.iter();
    let found = groups.find(|group| *group.name == *name);
    found.unwrap_or_else(|| panic!("{name} is listed: {:?}", sample.groups))
}

/// `(partition, offset)` of a group in its topic; `None` while its offsets are not known.
fn offsets(sample: &Sample, name: &str) -> Option<Vec<(u32, u64)>> {
    let commits = group(sample, name).commits.as_ref()?;
    let topics = commits.topics.iter();
    Some(topics.flat_map(|topic| topic.partitions.clone()).collect())
}

/// The same by the world itself.
fn truth(world: &World, number: usize) -> Vec<(u32, u64)> {
    let partitions = 0..world.partitions(0);
    let offset = |n| Some((n, world.committed(number, 0, n, NOW)?));
    partitions.filter_map(offset).collect()
}

/// Samples so often, ten seconds apart; the world's own time stands still. Gives the last.
async fn sample(sampler: &mut Sampler, begin: f64, cycles: u32) -> Sample {
    let mut last = sampler.sample(begin).await;
    for cycle in 1..cycles {
        last = sampler.sample(begin + 10.0 * f64::from(cycle)).await;
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_of_group_has_its_offsets() {
    let world = world(1);
    let running = at_rest(world.clone()).await;
    let read = sampler(&running).sample(NOW).await;
    for (number, (_, name)) in KINDS.into_iter().enumerate() {
        let expected = truth(&world, number);
        assert_eq!(expected.len(), if name == "share" { 2 } else { 3 });
        assert_eq!(offsets(&read, name), Some(expected), "{name}");
        assert_eq!(group(&read, name).kind.as_deref(), Some(name));
    }
    assert_eq!(read.cycle.errors, []);
    assert_eq!(running.requests(ApiKey::DescribeShareGroupOffsets), 1);
}

/// On a broker that has both kinds, log starts and seldom questions take turns: neither starves, and it stays within the budget. What
/// leads nothing is asked for no ends, and has its turns as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_log_starts_have_their_turns_within_the_budget() {
    for brokers in [1, 3, 5] {
        let running = at_rest(world(brokers)).await;
        let mut sampler = sampler(&running);
        sampler.sample(NOW).await;
        let (mut asked, mut starts) = (requests(&running), 0);
        let mut last = Sample::default();
        for cycle in 1..24 {
            last = sampler.sample(NOW + 10.0 * f64::from(cycle)).await;
            let now = requests(&running);
            for (broker, count) in &now {
                let more = count - asked[broker];
                assert!(more <= BUDGET, "{brokers} brokers, {broker}: {more}");
            }
            asked = now;
            starts += u32::from(last.topics[0].partitions[0].log_start.is_some());
        }
        assert!(
            starts >= 8,
            "{brokers} brokers: log starts in {starts} of 23"
        );
        for (_, name) in KINDS {
            let known = (name != "streams").then_some(2);
            assert_eq!(group(&last, name).members, known, "{brokers}: {name}");
        }
        assert_eq!(last.cycle.errors, [], "{brokers} brokers");
    }
}

/// Requests to each broker, whatever they ask.
fn requests(running: &Running) -> BTreeMap<u32, u64> {
    let brokers = 1..=running.addresses().len() as u32;
    let asked = brokers.map(|broker| (broker, running.all_requests_to(broker)));
    asked.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_does_not_know_the_question_is_not_asked_and_nothing_is_counted() {
    let mut settings = HeldClock::at(NOW).settings();
    settings.version_caps = vec![
        (ApiKey::DescribeShareGroupOffsets, -1),
        (ApiKey::ShareGroupDescribe, 0),
    ];
    let running = Simulator::start(world(1), settings).await;
    let running = running.expect("free ports on loopback");
    let last = sample(&mut sampler(&running), NOW, 12).await;
    assert_eq!(offsets(&last, "share"), None);
    assert_eq!(offsets(&last, "consumer").map(|told| told.len()), Some(3));
    assert_eq!(group(&last, "share").members, None);
    assert_eq!(last.cycle.errors, []);
    let asked = last.cycle.requests.iter();
    assert!(
        !asked.clone().any(|(api, _)| api.contains("Share")),
        "{asked:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_one_of_share_groups_alone() {
    let running = at_rest(world(1)).await;
    let refused = Fault::new(Trouble::Denies).with(ApiKey::DescribeShareGroupOffsets);
    running.fault(refused);
    let read = sampler(&running).sample(NOW).await;
    assert_eq!(offsets(&read, "share"), None);
    assert_eq!(offsets(&read, "streams").map(|told| told.len()), Some(3));
    let counted = ("DescribeShareGroupOffsets", "group_authorization_failed", 1);
    assert_eq!(read.cycle.errors, [counted]);
}

/// The coordinator asks others for the state of a share group, and may wait for one that hangs. That costs its other groups a cycle
/// or two, and then the question rests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_hangs_rests_for_the_sake_of_the_other_groups() {
    let running = at_rest(world(1)).await;
    let mut sampler = sampler(&running);
    sampler.sample(NOW).await;
    let hangs = Fault::new(Trouble::Hangs).with(ApiKey::DescribeShareGroupOffsets);
    running.fault(hangs);
    let mut blind = 0;
    for cycle in 1..12 {
        let read = sampler.sample(NOW + 10.0 * f64::from(cycle)).await;
        blind += u32::from(offsets(&read, "classic").is_none());
        assert_eq!(offsets(&read, "share"), None, "cycle {cycle}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(blind <= 4, "{blind} of 11 cycles");
}

/// A share group that moves to another coordinator is asked about there in the same cycle, by its own question: OffsetFetch would
/// say that it has no offsets at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_group_that_moved_keeps_its_offsets() {
    let world = world(3);
    let running = at_rest(world.clone()).await;
    let mut sampler = sampler(&running);
    let first = sample(&mut sampler, NOW, 3).await;
    let share = Some(truth(&world, 2));
    assert_eq!(offsets(&first, "share"), share);
    let of = Moved::Coordinator {
        group: "share".to_owned(),
    };
    let from = world.coordinator(2);
    running.shift(Move::new(of, Some(1 + from % 3)).between(NOW, f64::INFINITY));
    for cycle in 3..9 {
        let read = sampler.sample(NOW + 10.0 * f64::from(cycle)).await;
        assert_eq!(offsets(&read, "share"), share, "cycle {cycle}");
    }
}
