//! What all brokers of a simulated cluster share: its world, names found by hash, addresses, faults, counts.

use std::collections::HashMap;
use std::net::SocketAddr;

use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::StrBytes;

use super::commit_log::{CommitLog, partition_of};
use super::fault::Switches;
use super::server::Settings;
use super::tally::Tally;
use super::{Time, World, hash};

/// Kafka's topic of commits.
pub(super) const OFFSETS_TOPIC: &str = "__consumer_offsets";

pub(super) struct Cluster {
    pub(super) world: World,
    pub(super) settings: Settings,
    /// Of the brokers, in order of their numbers, from 1.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) commits: CommitLog,
    pub(super) switches: Switches,
    pub(super) tally: Tally,
    /// As answers have them: a copy costs no memory.
    pub(super) topic_names: Vec<StrBytes>,
    pub(super) group_names: Vec<StrBytes>,
    /// Partitions of the offsets topic, by group.
    pub(super) group_partitions: Vec<u32>,
    topics: HashMap<StrBytes, usize>,
    topic_ids: HashMap<u128, usize>,
    groups: HashMap<StrBytes, usize>,
}

impl Cluster {
    pub(super) fn new(world: World, settings: Settings, addresses: Vec<SocketAddr>) -> Self {
        let topic_names = world.topics.iter().map(|topic| text(&topic.name));
        let topic_names: Vec<StrBytes> = topic_names.collect();
        let group_names = world.groups.iter().map(|group| text(&group.name));
        let group_names: Vec<StrBytes> = group_names.collect();
        let ids = world.topics.iter().enumerate().flat_map(|(index, topic)| {
            let lives = topic.lives.iter();
            lives.filter_map({
                let world = &world;
                move |life| Some((world.topic_id(index, life.from)?, index))
            })
        });
        let now = (settings.clock)();
        Self {
            topic_ids: ids.collect(),
            topics: by_name(&topic_names),
            groups: by_name(&group_names),
            group_partitions: group_names.iter().map(|name| partition_of(name)).collect(),
            commits: CommitLog::new(&world, now - settings.commits_kept_seconds),
            switches: Switches::new(),
            tally: Tally::new(world.brokers),
            topic_names,
            group_names,
            world,
            settings,
            addresses,
        }
    }

    pub(super) fn now(&self) -> Time {
        (self.settings.clock)()
    }

    /// Which group has this name.
    pub(super) fn group(&self, name: &StrBytes) -> Option<usize> {
        self.groups.get(name).copied()
    }

    /// Which of the world's topics has this name, whether it exists now or not.
    pub(super) fn topic(&self, name: &StrBytes) -> Option<usize> {
        self.topics.get(name).copied()
    }

    pub(super) fn topic_with_id(&self, id: u128) -> Option<usize> {
        self.topic_ids.get(&id).copied()
    }

    /// Of the offsets topic, which has only one life.
    pub(super) fn offsets_topic_id(&self) -> u128 {
        let name = hash::of_name(OFFSETS_TOPIC);
        let half = |n| u128::from(hash::mixed(self.world.seed, name, n));
        half(0) << 64 | half(1)
    }

    /// The highest version of a question that is answered: as implemented, or as an older broker would.
    pub(super) fn version_cap(&self, api: ApiKey) -> i16 {
        let caps = self.settings.version_caps.iter();
        let cap = caps.filter(|(key, _)| *key == api).map(|(_, cap)| *cap);
        cap.min().unwrap_or(i16::MAX)
    }
}

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn by_name(names: &[StrBytes]) -> HashMap<StrBytes, usize> {
    let names = names.iter().enumerate();
    names.map(|(index, name)| (name.clone(), index)).collect()
}
