//! What a cycle would have read of a simulated cluster at a moment, without asking it: so hours of its past pass in a second.

use std::borrow::Borrow;
use std::ops::Range;

use crate::analysis::sample::{
    Commits, Cycle, GroupSample, PartitionSample, Reading, Retention, Sample, TopicCommits,
    TopicSample,
};
use crate::simulator::World;
use crate::simulator::group::{Kind, State};
use crate::simulator::topic::Topic;

/// What was read of these groups, and of the topics that they read, every `interval_seconds` in `span`; the last just before its end.
pub fn samples(
    world: impl Borrow<World>,
    groups: Range<usize>,
    span: Range<f64>,
    interval_seconds: f64,
) -> impl Iterator<Item = Sample> {
    let cycles = ((span.end - span.start) / interval_seconds) as u32;
    (1..=cycles)
        .rev()
        .map(move |n| span.end - f64::from(n) * interval_seconds)
        .map(move |t| sample(world.borrow(), groups.clone(), t))
}

/// What is read at `t` of these groups, and of the topics that they read.
pub fn sample(world: &World, groups: Range<usize>, t: f64) -> Sample {
    let mut topics: Vec<usize> = groups.clone().flat_map(|g| world.subscribed(g)).collect();
    topics.sort_unstable();
    topics.dedup();
    topics.retain(|topic| world.topic_id(*topic, t).is_some());
    Sample {
        began: t,
        at: t,
        topics: topics.iter().map(|n| topic(world, *n, t)).collect(),
        groups: groups.map(|n| group(world, n, &topics, t)).collect(),
        pasts: Vec::new(),
        cycle: Cycle {
            up: true,
            cluster_id: Some(world.cluster_id.as_str().into()),
            ..Cycle::default()
        },
    }
}

fn topic(world: &World, number: usize, t: f64) -> TopicSample {
    let topic = &world.topics[number];
    let reading = |offset: Option<u64>| offset.map(|offset| Reading { offset, at: t });
    let partitions = (0..topic.partitions).map(|partition| PartitionSample {
        log_start: reading(world.log_start(number, partition, t)),
        log_end: reading(world.log_end(number, partition, t)),
    });
    TopicSample {
        name: topic.name.as_str().into(),
        id: world.topic_id(number, t),
        retention: Some(retention(topic)),
        message_bytes: message_bytes(topic).into(),
        partitions: partitions.collect(),
    }
}

fn retention(topic: &Topic) -> Retention {
    let kept = &topic.retention;
    let deletes = !kept.compacted;
    Retention {
        seconds: kept.seconds.filter(|_| deletes),
        bytes: kept
            .messages
            .filter(|_| deletes)
            .map(|n| n * kept.message_bytes),
        compacted: kept.compacted,
    }
}

/// Read only where bytes are a limit.
fn message_bytes(topic: &Topic) -> Vec<Option<f32>> {
    match retention(topic).bytes {
        Some(_) => vec![Some(topic.retention.message_bytes as f32); topic.partitions as usize],
        None => Vec::new(),
    }
}

fn group(world: &World, number: usize, topics: &[usize], t: f64) -> GroupSample {
    let group = &world.groups[number];
    let read = topics.iter().enumerate();
    let read = read.filter(|(_, topic)| group.subscription(**topic).is_some());
    let commits = read.map(|(place, topic)| {
        let all = 0..world.partitions(*topic);
        let committed = all.filter_map(|p| Some((p, world.committed(number, *topic, p, t)?)));
        TopicCommits {
            topic: place,
            partitions: committed.collect(),
            edges: None,
        }
    });
    let commits = commits.filter(|of| !of.partitions.is_empty());
    GroupSample {
        name: group.name.as_str().into(),
        state: Some(state(group.kind, group.state(t)).into()),
        kind: Some(kind(group.kind).into()),
        members: Some(group.members_at(t)),
        // Queries don't tell it.
        generation: None,
        commits: Some(Commits {
            at: t,
            topics: commits.collect(),
        }),
    }
}

/// In Kafka's words.
fn state(kind: Kind, state: State) -> &'static str {
    match (state, kind) {
        (State::Empty, _) => "Empty",
        (State::Stable, _) => "Stable",
        (State::Rebalancing, Kind::Classic) => "PreparingRebalance",
        (State::Rebalancing, _) => "Reconciling",
    }
}

/// In Kafka's words.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Classic => "classic",
        Kind::Consumer => "consumer",
        Kind::Share => "share",
        Kind::Streams => "streams",
    }
}
