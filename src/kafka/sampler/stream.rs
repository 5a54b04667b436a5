//! The commit stream's steps of a cycle: `kafka::stream` says what each is for.

use std::collections::BTreeSet;

use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::{Clock, CommitsByGroup, Sampler};
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::coordinators::Coordinators;
use crate::kafka::groups::Groups;
use crate::kafka::offsets::Place;
use crate::kafka::stream::{AskStreamed, WallClock};
use crate::kafka::topic::Topic;

impl Sampler {
    pub(super) fn begin_stream_cycle(&mut self, clock: Clock) {
        let topic = self.topics.coordinators().topic();
        let wall = wall_clock(clock);
        self.streamed.begin_cycle(&self.settings, topic, wall);
    }

    /// What a broker is to tell of the stream, or need not tell because of it.
    pub(super) fn ask_streamed(&self, broker: BrokerId) -> AskStreamed {
        let leaders = self.topics.coordinators().leaders().enumerate();
        let led = leaders.filter(|(_, leader)| leader.broker == Some(broker));
        let shards = led.map(|(shard, leader)| Place::new(shard as i32, leader));
        self.streamed.ask(&self.settings, shards.collect())
    }

    /// Kafka's own topics that somebody was heard to consume.
    pub(super) fn internal_topics(&self) -> BTreeSet<StrBytes> {
        let is_internal = |name: &str| {
            let topic = self
                .topics
                .index(name)
                .map(|index| &self.topics.list()[index]);
            topic.is_some_and(|topic: &Topic| topic.internal)
        };
        self.streamed.topic_names(is_internal)
    }

    /// Puts what the stream tells with the commits that were asked for, in whose place it is where both tell.
    pub(super) async fn read_stream(&mut self, commits: &mut CommitsByGroup, clock: Clock) {
        self.streamed.catch_up().await;
        let tally = self.cluster.tally();
        let wall_ms = |at| clock.wall_ms(at);
        self.streamed.note_complete(&self.settings, wall_ms, tally);
        let (mut dropped, mut are_groups) = (Vec::new(), false);
        for (name, group) in self.groups.iter_mut() {
            if group.is_disputed() && self.streamed.doubt(name) {
                // Each of the brokers is asked what it knows of the group, as from the next cycle on.
                self.metadata_is_stale = true;
            }
            let listed = group.is_listed() && !group.is_share();
            are_groups |= listed;
            let told = listed.then(|| self.streamed.tell(name)).flatten();
            group.tell_generation(told.as_ref().map(|(_, generation)| *generation));
            match told {
                Some((told, _)) => {
                    commits.insert(told.name.clone(), told);
                }
                None if commits.contains_key(name.as_bytes()) => dropped.push(name.clone()),
                None => {}
            }
        }
        self.streamed.drop_edges(&dropped);
        self.metadata_is_stale |= self.streamed.misses_topic(&self.settings, are_groups);
        let groups = committing(&self.groups, self.topics.coordinators());
        let now = wall_clock(clock);
        self.streamed.end_cycle(&self.settings, groups, now);
    }
}

/// The groups whose commits are in the stream and have room, each with its shard.
pub(super) fn committing<'a>(
    groups: &'a Groups,
    coordinators: &'a Coordinators,
) -> impl Iterator<Item = (&'a str, usize)> + Clone {
    let groups = groups.iter();
    let groups = groups.filter(|(_, group)| !group.is_share() && !group.is_refused);
    groups.filter_map(|(name, _)| Some((&**name, coordinators.partition(name)?)))
}

pub(super) fn wall_clock(clock: Clock) -> WallClock {
    let at = Instant::now();
    WallClock {
        ms: clock.wall_ms(at),
        at,
    }
}
