//! From what was learned to what is asked next, and at the cycle's end to the sample: pure.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use kafka_protocol::protocol::StrBytes;

use super::client::cluster::BrokerId;
use super::group::Group;
use super::groups::Groups;
use super::offsets::{GroupCommits, Place, TopicOffsets, Wanted};
use super::sampler::{Clock, CommitsByGroup};
use super::topic::Topic;
use super::topics::Topics;
use crate::analysis::sample::{
    Commits, Cycle, GroupSample, PartitionSample, Past, Sample, TopicCommits, TopicSample,
};

/// Partitions by leader.
pub(crate) type ByLeader = BTreeMap<BrokerId, Vec<Wanted>>;

/// Every partition of every watched topic, consumed or not; of Kafka's own topics those that somebody consumes.
pub(crate) fn all_partitions(topics: &Topics, commits: &CommitsByGroup) -> ByLeader {
    let consumed = consumed_names(commits);
    let mut by_leader = ByLeader::new();
    let watched = topics.list().iter().filter(|t| is_watched(t, &consumed));
    for topic in watched {
        want(&mut by_leader, topic, 0..topic.leaders.len());
    }
    by_leader
}

/// Some partitions, at the leaders they have now.
pub(crate) fn these_partitions(topics: &Topics, partitions: &[(StrBytes, i32)]) -> ByLeader {
    let mut by_leader = ByLeader::new();
    for (name, partition) in partitions {
        let topic = topics.index(name).map(|index| &topics.list()[index]);
        if let (Some(topic), Ok(partition)) = (topic, usize::try_from(*partition)) {
            want(&mut by_leader, topic, std::iter::once(partition));
        }
    }
    by_leader
}

fn want(by_leader: &mut ByLeader, topic: &Topic, partitions: impl Iterator<Item = usize>) {
    for partition in partitions {
        let leader = topic.leaders.get(partition).copied().unwrap_or_default();
        let Some(broker) = leader.broker else {
            continue;
        };
        let place = Place::new(partition as i32, leader);
        let wanted = by_leader.entry(broker).or_default();
        match wanted
            .last_mut()
            .filter(|last| last.topic == topic.wire_name)
        {
            Some(last) => last.partitions.push(place),
            None => wanted.push(Wanted {
                topic: topic.wire_name.clone(),
                partitions: vec![place],
            }),
        }
    }
}

fn is_watched(topic: &Topic, consumed: &HashSet<&str>) -> bool {
    !topic.internal || consumed.contains(&*topic.name)
}

fn consumed_names(commits: &CommitsByGroup) -> HashSet<&str> {
    let answered = commits
        .values()
        .filter_map(|group| group.topics.as_ref().ok());
    answered.flatten().map(|(name, _)| &**name).collect()
}

/// The sample of a cycle. The topics give their readings away.
pub(crate) fn gather(
    topics: &mut Topics,
    groups: &Groups,
    commits: &CommitsByGroup,
    clock: Clock,
    cycle: Cycle,
) -> Sample {
    let consumed = consumed_names(commits);
    let mut place = Vec::with_capacity(topics.list().len());
    let mut samples = Vec::with_capacity(topics.list().len());
    let mut pasts = Vec::new();
    for topic in topics.list_mut() {
        let watched = is_watched(topic, &consumed);
        place.push(watched.then_some(samples.len()));
        if watched {
            pasts.extend(pasts_of(topic, samples.len()));
            samples.push(topic_sample(topic));
        }
    }
    let find = |name: &str| {
        let index = topics.index(name)?;
        Some((place[index]?, &topics.list()[index]))
    };
    let groups = groups.iter().map(|(name, group)| {
        let read = commits.get(name.as_bytes());
        let commits = read.and_then(|read| commits_of(read, find, clock));
        group_sample(name, group, commits)
    });
    Sample {
        began: clock.now(),
        at: clock.now(),
        groups: groups.collect(),
        topics: samples,
        pasts,
        cycle,
    }
}

fn topic_sample(topic: &mut Topic) -> TopicSample {
    if topic.is_in_doubt() {
        topic.ends.fill(PartitionSample::default());
    }
    TopicSample {
        name: Arc::clone(&topic.name),
        id: topic.id,
        retention: topic.retention,
        message_bytes: Arc::clone(&topic.message_bytes),
        partitions: std::mem::take(&mut topic.ends),
    }
}

/// Only of a log that is surely still the same.
fn pasts_of(topic: &mut Topic, index: usize) -> impl Iterator<Item = Past> {
    let known = !topic.is_in_doubt();
    let told = std::mem::take(&mut topic.pasts).into_iter();
    told.filter(move |_| known)
        .map(move |(partition, points)| Past {
            topic: index,
            partition,
            points,
        })
}

fn group_sample(name: &Arc<str>, group: &Group, commits: Option<Commits>) -> GroupSample {
    GroupSample {
        name: Arc::clone(name),
        state: group.state.clone(),
        kind: group.kind.clone(),
        members: group.members,
        generation: None,
        commits,
    }
}

/// Of topics and partitions that exist, or may by now: a partition that is not known yet is better told, and so its sum unknown.
fn commits_of<'a>(
    read: &GroupCommits,
    find: impl Fn(&str) -> Option<(usize, &'a Topic)>,
    clock: Clock,
) -> Option<Commits> {
    let known = |(name, partitions): &TopicOffsets| {
        let (topic, known) = find(name)?;
        let count = match known.may_have_grown() {
            true => usize::MAX,
            false => known.leaders.len(),
        };
        let partitions: Vec<(u32, u64)> = partitions
            .iter()
            .copied()
            .filter(|(partition, _)| (*partition as usize) < count)
            .collect();
        (!partitions.is_empty()).then_some(TopicCommits {
            topic,
            partitions,
            edges: None,
        })
    };
    let told = read.topics.as_ref().ok()?;
    let mut topics: Vec<TopicCommits> = told.iter().filter_map(known).collect();
    topics.sort_unstable_by_key(|commits| commits.topic);
    topics.dedup_by_key(|commits| commits.topic);
    Some(Commits {
        at: clock.time(read.at),
        topics,
    })
}
