//! One cycle: groups and their commits, then log ends and starts, then the past of what is new, then one seldom question per broker.
//! Commits come before log ends, so that lag can't come out negative. `listings`, `ends`, `stream`, `look_back` and `turns` are its steps; `returned` asks brokers that are back in between, `unsettled`
//! asks again for groups that just moved, `doubted` takes away what brokers that were silent may not know to be old, and `grown`
//! looks for topics and partitions that commits tell of.

mod doubted;
mod ends;
mod grown;
mod listings;
mod look_back;
mod recall;
mod returned;
mod stream;
mod turns;
mod unsettled;

use std::collections::HashMap;
use std::sync::Arc;

use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::client::cluster::{BrokerId, Cluster};
use super::error::Error;
use super::groups::{Groups, Listing};
use super::harvest;
use super::offsets::GroupCommits;
use super::reached::Reached;
use super::refusals::Refusals;
use super::settings::Settings;
use super::shares;
use super::stream::{Millis, Streamed};
use super::topic::Topic;
use super::topics::{AskMetadata, Metadata, Topics};
use super::trust::Trust;
use crate::analysis::sample::{Cycle, Moment, Refused, Sample, Time};
use look_back::ClockTrust;
use unsettled::Unsettled;

/// One cluster, asked over and over.
pub struct Sampler {
    settings: Arc<Settings>,
    cluster: Cluster,
    topics: Topics,
    groups: Groups,
    refusals: Refusals,
    reached: Reached,
    cluster_id: Option<Arc<str>>,
    /// Beyond the bounds in this cycle.
    refused: Refused,
    trust: Trust,
    metadata_asked: Option<Time>,
    /// Something pointed at a change since the metadata was read.
    metadata_is_stale: bool,
    /// Partitions were not where the metadata said, not even after it was read anew.
    retry_was_fruitless: bool,
    /// Groups that had moved were not told by those that have them now, either.
    second_listing_was_fruitless: bool,
    /// When metadata that was asked for before the log ends last didn't come in time.
    early_look_failed: Option<Time>,
    /// Do those who stamp records go by our clock?
    clock_trust: ClockTrust,
    streamed: Streamed,
    cycles: usize,
}

/// Turns the moments at which answers arrived into the time that was handed in.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    now: Time,
    began: Instant,
    /// By how much this machine's clock, with which others compare theirs, is ahead of that time.
    wall_ahead_seconds: f64,
}

impl Clock {
    /// It is `now` at this moment.
    pub(crate) fn start(now: impl Into<Moment>) -> Self {
        let now = now.into();
        Self {
            now: now.time,
            began: Instant::now(),
            wall_ahead_seconds: now.wall_ahead_seconds,
        }
    }

    pub(crate) fn now(self) -> Time {
        self.now
    }

    pub(crate) fn time(self, at: Instant) -> Time {
        self.now + at.duration_since(self.began).as_secs_f64()
    }

    /// What others' clocks say, if they agree with this machine's, as a time of ours.
    pub(crate) fn of_wall(self, wall: Time) -> Time {
        wall - self.wall_ahead_seconds
    }

    /// What this machine's clock says at a moment, in milliseconds.
    pub(crate) fn wall_ms(self, at: Instant) -> Millis {
        ((self.time(at) + self.wall_ahead_seconds) * 1000.0) as Millis
    }
}

/// What each broker listed; only those that answered, each once.
type Listings = Vec<(BrokerId, Listing)>;
/// Commits by group, from the broker that coordinates it.
pub(crate) type CommitsByGroup = HashMap<StrBytes, GroupCommits>;

impl Sampler {
    /// Opens nothing yet: connections are made when the first question is asked.
    pub fn new(settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let limits = settings.limits;
        Self {
            cluster: Cluster::new(Arc::clone(&settings)),
            settings,
            topics: Topics::new(limits.max_partitions),
            groups: Groups::new(limits.max_groups),
            refused: Refused::default(),
            refusals: Refusals::default(),
            reached: Reached::default(),
            cluster_id: None,
            trust: Trust::default(),
            metadata_asked: None,
            metadata_is_stale: false,
            retry_was_fruitless: false,
            second_listing_was_fruitless: false,
            early_look_failed: None,
            clock_trust: ClockTrust::default(),
            streamed: Streamed::default(),
            cycles: 0,
        }
    }

    /// Goes on with other settings: connections are made anew where they lead elsewhere, what was learned of the cluster and the
    /// counts stay. Groups and topics that the filters now leave out, or that lower bounds have no room for, are forgotten; those
    /// they let in come with the next cycle.
    pub fn reconfigure(&mut self, settings: Settings) {
        let settings = Arc::new(settings);
        self.cluster.reconfigure(Arc::clone(&settings));
        self.topics.forget_all_but(&settings.topics);
        self.topics.bound(settings.limits.max_partitions);
        self.groups.forget_all_but(&settings.groups);
        self.groups.bound(settings.limits);
        if settings.isolation_level != self.settings.isolation_level {
            self.topics.redefine_ends();
        }
        self.streamed.reconfigure(&self.settings, &settings);
        self.settings = settings;
        // Connections that are made anew say nothing of silence.
        self.trust = Trust::default();
        self.clock_trust = ClockTrust::default();
        self.retry_was_fruitless = false;
        // The metadata has topics that the filter or the bound left out.
        self.metadata_is_stale = true;
        self.early_look_failed = None;
        self.reached.look_again();
    }

    /// Reads everything once. It never fails: what could not be read is absent from the sample, and counted.
    pub async fn sample(&mut self, now: impl Into<Moment>) -> Sample {
        let clock = Clock::start(now);
        let (now, began) = (clock.now, clock.began);
        self.cycles += 1;
        self.cluster.begin_cycle();
        self.topics.begin_cycle();
        self.trust.begin_cycle();
        self.begin_stream_cycle(clock);

        let mut listings = self.find_groups(clock).await;
        self.ask_returned(&mut listings, clock).await;
        let answering: Vec<BrokerId> = listings.iter().map(|(broker, _)| *broker).collect();
        self.weigh(&mut listings);
        let unsettled = Unsettled::of(&listings);
        let mut commits = self.take_listings(listings, &unsettled, now);
        self.ask_unsettled(&unsettled, &answering, &mut commits, clock)
            .await;
        self.streamed.close();
        self.find_grown(&commits, &answering, clock).await;
        self.read_ends(&commits, &answering, clock).await;
        self.read_stream(&mut commits, clock).await;
        shares::reckon(&mut commits, &self.topics);
        self.refuse_commits(&mut commits);
        self.look_back(&commits, clock).await;
        self.ask_seldom(&answering, clock).await;
        self.groups.drop_old_members(now);
        self.trust.end_cycle();

        let cycle = Cycle {
            up: self.cluster.was_heard(),
            groups: self
                .reached
                .has_listed()
                .then(|| self.groups.count() as u64),
            duration_seconds: began.elapsed().as_secs_f64(),
            requests: self.cluster.tally().requests(),
            errors: self.cluster.tally().errors(),
            refused: self.refused,
            cluster_id: self.cluster_id.clone(),
            offsets: self.streamed.facts(),
            ..Cycle::default()
        };
        self.refusals.tell(&self.settings, &cycle);
        let mut sample = harvest::gather(&mut self.topics, &self.groups, &commits, clock, cycle);
        // A cycle may have taken long: the machine slept, or had no time for us. What is old by now is judged by now.
        sample.at = clock.time(Instant::now());
        let brokers = self.cluster.broker_ids().len();
        self.reached.tell(&self.settings.name, brokers, &sample);
        sample
    }

    /// A broker that is silent or can't be reached may have another address by now, or another may have its partitions.
    fn suspect(&mut self, broker: BrokerId, error: &Error) {
        if error.is_silence() || error.breaks_connection() {
            self.metadata_is_stale = true;
            self.trust.miss(broker);
        }
    }

    /// Reads the metadata at once, from a broker that is known to answer; best from one whose word counts.
    async fn refresh(&mut self, answering: &[BrokerId], clock: Clock) -> bool {
        let believed = answering.iter().copied();
        let believed: Vec<BrokerId> = believed.filter(|id| self.trust.is_believed(*id)).collect();
        let from = if believed.is_empty() {
            answering
        } else {
            &believed
        };
        let Some(broker) = self.rotated(from).first().copied() else {
            return false;
        };
        for (_, answer) in self.cluster.ask_each(vec![(broker, AskMetadata)]).await {
            if let Ok(metadata) = answer {
                self.trust.read_metadata_of(broker);
                self.take_metadata(metadata, clock);
                return true;
            }
        }
        false
    }

    fn take_metadata(&mut self, metadata: Metadata, clock: Clock) {
        self.trust.count(metadata.brokers.len());
        self.cluster.adopt(&metadata.brokers);
        self.cluster_id = metadata.cluster_id.clone().or(self.cluster_id.take());
        self.topics.update(metadata, &self.settings.topics);
        self.metadata_asked = Some(clock.now);
        self.metadata_is_stale = self.topics.list().iter().any(Topic::is_unsettled)
            || self.topics.coordinators().are_missing();
    }

    /// Another broker each time takes the questions that any of them can answer.
    fn rotated(&self, brokers: &[BrokerId]) -> Vec<BrokerId> {
        let mut rotated = brokers.to_vec();
        if !rotated.is_empty() {
            rotated.rotate_left(self.cycles % brokers.len());
        }
        rotated
    }
}
