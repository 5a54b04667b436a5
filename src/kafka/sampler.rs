//! One cycle: groups and their commits, then log ends and starts, then the past of what is new, then one seldom question per broker.
//! Commits come before log ends, so that lag can't come out negative. `returned` asks brokers that are back in between, `unsettled`
//! asks again for groups that just moved, `doubted` takes away what brokers that were silent may not know to be old, and `grown`
//! looks for topics and partitions that commits tell of.

mod doubted;
mod grown;
mod look_back;
mod returned;
mod unsettled;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::client::cluster::{BrokerId, Cluster};
use super::client::tally::Tally;
use super::error::Error;
use super::group::Reach;
use super::groups::{AskGroups, Groups, Listing};
use super::harvest;
use super::offsets::{AskEnds, End, Ends, GroupCommits, Wanted, end_of};
use super::reached::Reached;
use super::refusals::Refusals;
use super::seldom::{Asked, Seldom, Turns};
use super::settings::{IsolationLevel, Settings};
use super::topic::Topic;
use super::topics::{AskMetadata, Metadata, Topics};
use super::trust::Trust;
use crate::analysis::sample::{Cycle, Moment, Reading, Refused, Retention, Sample, Time};
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
}

/// What each broker listed; only those that answered, each once.
type Listings = Vec<(BrokerId, Listing)>;
/// Commits by group, from the broker that coordinates it.
pub(crate) type CommitsByGroup = HashMap<StrBytes, GroupCommits>;
/// A partition that its supposed leader doesn't lead, or that seems to belong to another topic of the same name by now.
type Misplaced = (StrBytes, i32);

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
            trust: Trust::default(),
            metadata_asked: None,
            metadata_is_stale: false,
            retry_was_fruitless: false,
            second_listing_was_fruitless: false,
            early_look_failed: None,
            clock_trust: ClockTrust::default(),
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

        let mut listings = self.find_groups(clock).await;
        self.ask_returned(&mut listings, clock).await;
        let answering: Vec<BrokerId> = listings.iter().map(|(broker, _)| *broker).collect();
        self.weigh(&mut listings);
        let unsettled = Unsettled::of(&listings);
        let mut commits = self.take_listings(listings, &unsettled, now);
        self.ask_unsettled(&unsettled, &answering, &mut commits, clock)
            .await;
        self.find_grown(&commits, &answering, clock).await;
        self.refuse_commits(&mut commits);
        self.read_ends(&commits, &answering, clock).await;
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
        };
        self.refusals.tell(&self.settings, &cycle);
        let mut sample = harvest::gather(&mut self.topics, &self.groups, &commits, clock, cycle);
        // A cycle may have taken long: the machine slept, or had no time for us. What is old by now is judged by now.
        sample.at = clock.time(Instant::now());
        let brokers = self.cluster.broker_ids().len();
        self.reached.tell(&self.settings.name, brokers, &sample);
        sample
    }

    /// Asks all known brokers. When none answers, the bootstrap servers may know others.
    async fn find_groups(&mut self, clock: Clock) -> Listings {
        if !self.cluster.is_unknown() {
            let listings = self.list_groups(clock).await;
            if !listings.is_empty() {
                return listings;
            }
        }
        match self.cluster.bootstrap().await {
            Some(metadata) => {
                self.take_metadata(metadata, clock);
                self.list_groups(clock).await
            }
            None => Vec::new(),
        }
    }

    async fn list_groups(&mut self, clock: Clock) -> Listings {
        self.list_groups_of(self.cluster.broker_ids(), clock).await
    }

    async fn list_groups_of(&mut self, brokers: Vec<BrokerId>, clock: Clock) -> Listings {
        let ask = |broker| {
            let settings = Arc::clone(&self.settings);
            let admission = self.groups.admission();
            (
                broker,
                AskGroups {
                    settings,
                    admission,
                },
            )
        };
        let questions = brokers.into_iter().map(ask).collect();
        let mut listings = Vec::new();
        for (broker, answer) in self.cluster.ask_each(questions).await {
            // One that refuses has been heard, too.
            self.trust.hear(broker, clock.now);
            match answer {
                Ok(listing) => listings.push((broker, listing)),
                Err(error) => self.suspect(broker, &error),
            }
        }
        listings
    }

    /// A broker that is silent or can't be reached may have another address by now, or another may have its partitions.
    fn suspect(&mut self, broker: BrokerId, error: &Error) {
        if error.is_silence() || error.breaks_connection() {
            self.metadata_is_stale = true;
            self.trust.miss(broker);
        }
    }

    fn take_listings(
        &mut self,
        listings: Listings,
        unsettled: &Unsettled,
        now: Time,
    ) -> CommitsByGroup {
        let whole = listings.iter().filter(|(_, listing)| listing.whole);
        let heard: BTreeSet<BrokerId> = whole.map(|(broker, _)| *broker).collect();
        let brokers = self.cluster.broker_ids();
        let everyone = !brokers.is_empty() && brokers.iter().all(|id| heard.contains(id));
        let told = listings.iter().map(|(_, listing)| listing);
        self.reached.hear(&self.settings.name, told, everyone);
        let reach = match everyone {
            _ if self.topics.coordinators().are_missing() => Reach::Leaderless,
            true => Reach::Complete,
            false => Reach::Partial,
        };
        let listed = listings.iter().map(|(broker, listing)| (*broker, listing));
        let coordinators = self.topics.coordinators();
        self.groups.update(listed, coordinators, reach, now);
        let beyond = listings.iter().map(|(_, listing)| listing.refused as u64);
        self.refused.groups = beyond.sum();
        let mut commits = CommitsByGroup::new();
        for (broker, listing) in listings {
            for group in listing.commits {
                let known = self.groups.get_mut(&group.name);
                let answered = known.is_some_and(|known| known.coordinator == broker);
                if answered && !unsettled.has(&group.name) {
                    commits.insert(group.name.clone(), group);
                }
            }
        }
        commits
    }

    fn refuse_commits(&mut self, commits: &mut CommitsByGroup) {
        let (most, topics) = (self.settings.limits.max_partitions, &self.topics);
        let counts = |name: &str| topics.index(name).is_some();
        let refused = self.groups.refuse_commits(commits, most, counts);
        self.refused.partitions = (refused + topics.refused()) as u64;
    }

    /// When partitions are not where they were, the metadata is read again and their ends asked for once more, instead of
    /// a seldom question. The broker that gives the metadata, when it leads such a partition too, so gets one request more than
    /// the budget of five: to have it back, beginnings would have to wait for the ends, a third barrier in every cycle.
    async fn read_ends(&mut self, commits: &CommitsByGroup, answering: &[BrokerId], clock: Clock) {
        let wanted = harvest::all_partitions(&self.topics, commits);
        let misplaced = self.ask_ends(wanted, true, clock).await;
        if misplaced.is_empty() {
            self.retry_was_fruitless = false;
            return;
        }
        self.metadata_is_stale = true;
        // What a fresh look didn't help with is left to the next cycle: it may last.
        if !self.has_looked(clock)
            && !self.retry_was_fruitless
            && self.refresh(answering, clock).await
        {
            let wanted = harvest::these_partitions(&self.topics, &misplaced);
            let still = self.ask_ends(wanted, false, clock).await;
            self.retry_was_fruitless = !still.is_empty();
            self.metadata_is_stale |= self.retry_was_fruitless;
        }
    }

    async fn ask_ends(
        &mut self,
        wanted: BTreeMap<BrokerId, Vec<Wanted>>,
        with_starts: bool,
        clock: Clock,
    ) -> Vec<Misplaced> {
        let isolation = self.settings.isolation_level;
        let ask = |(broker, wanted)| {
            let ask = AskEnds {
                isolation,
                with_starts,
                wanted,
            };
            (broker, ask)
        };
        // Who may not have noticed that another leads them by now would answer with an old end.
        let wanted = wanted.into_iter();
        let wanted = wanted.filter(|(broker, _)| self.trust.leads(*broker));
        let questions = wanted.map(ask).collect();
        let mut misplaced = Vec::new();
        for (broker, answer) in self.cluster.ask_each(questions).await {
            match answer {
                Ok(ends) => place(
                    &mut self.topics,
                    &ends,
                    clock,
                    self.cluster.tally(),
                    &mut misplaced,
                ),
                Err(error) => self.suspect(broker, &error),
            }
        }
        misplaced
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
        self.topics.update(metadata, &self.settings.topics);
        self.metadata_asked = Some(clock.now);
        self.metadata_is_stale = self.topics.list().iter().any(Topic::is_unsettled)
            || self.topics.coordinators().are_missing();
    }

    async fn ask_seldom(&mut self, answering: &[BrokerId], clock: Clock) {
        let current = answering.iter().copied();
        let current: Vec<BrokerId> = current.filter(|id| self.trust.is_current(*id)).collect();
        let brokers = self.rotated(&current);
        let is_stale = self.metadata_is_stale && !self.has_looked(clock);
        let turns = Turns::new(clock.now, self.metadata_asked, is_stale);
        let questions = turns.take(&brokers, &self.groups, &self.topics);
        // By broker: one that the metadata dropped in this cycle is not asked, and answers nothing.
        let asked = questions.iter().map(|(broker, ask)| (*broker, ask.asked()));
        let asked: BTreeMap<BrokerId, Asked> = asked.collect();
        for (broker, answer) in self.cluster.ask_each(questions).await {
            let had_its_turn = !matches!(
                answer,
                Ok(Seldom::NoRoom) | Err(Error::Late { .. } | Error::Busy)
            );
            if answer.as_ref().is_err_and(Error::is_silence) {
                self.trust.miss(broker);
            }
            match answer {
                Ok(Seldom::Metadata(metadata)) => self.take_metadata(metadata, clock),
                Ok(Seldom::Members(members)) => self.take_members(members, clock.now),
                Ok(Seldom::Retention(read)) => self.take_retention(read),
                Ok(Seldom::Sizes(sizes)) => self.topics.take_sizes(broker, &sizes),
                Ok(Seldom::NoRoom) | Err(_) => {}
            }
            if let Some(asked) = asked.get(&broker).filter(|_| had_its_turn) {
                self.mark_asked(broker, asked, clock.now);
            }
        }
    }

    fn take_members(&mut self, members: Vec<(StrBytes, u32)>, now: Time) {
        for (name, count) in members {
            if let Some(group) = self.groups.get_mut(&name) {
                group.tell_members(count, now);
            }
        }
    }

    fn take_retention(&mut self, read: Vec<(StrBytes, Retention)>) {
        // The last stable offset is not where the bytes on the disk end.
        let is_measured = self.settings.isolation_level == IsolationLevel::ReadUncommitted;
        for (name, mut retention) in read {
            retention.bytes = retention.bytes.filter(|_| is_measured);
            if let Some(topic) = self.topics.get_mut(&name) {
                topic.retention = Some(retention);
            }
        }
    }

    /// Answered or refused: their turn comes again when the others had theirs.
    fn mark_asked(&mut self, broker: BrokerId, asked: &Asked, now: Time) {
        for name in &asked.groups {
            if let Some(group) = self.groups.get_mut(name) {
                group.members_asked = Some(now);
            }
        }
        for name in &asked.topics {
            if let Some(topic) = self.topics.get_mut(name) {
                topic.config_asked = Some(now);
            }
        }
        for name in &asked.sized {
            if let Some(topic) = self.topics.get_mut(name) {
                topic.sizes_asked.insert(broker, now);
            }
        }
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

/// Puts what a leader said where it belongs; gives the partitions for which the metadata seems to be old.
fn place(
    topics: &mut Topics,
    ends: &Ends,
    clock: Clock,
    tally: &Tally,
    misplaced: &mut Vec<Misplaced>,
) {
    for (end, answer) in &ends.answers {
        let at = clock.time(answer.at);
        for answered in &answer.body.topics {
            let Some(topic) = topics.get_mut(&answered.name) else {
                continue;
            };
            for partition in &answered.partitions {
                match end_of(partition) {
                    // Whose log it is must be known first: the metadata is read again, and the end asked for once more.
                    Ok(Some((index, offset)))
                        if *end == End::Latest && topic.fell(index, offset) =>
                    {
                        misplaced.push((topic.wire_name.clone(), partition.partition_index));
                    }
                    Ok(Some((index, offset))) => topic.put(*end, index, Reading { offset, at }),
                    Ok(None) => {}
                    Err(code) => {
                        tally.error("ListOffsets", code.label());
                        if *end == End::Latest && code.is_stale_metadata() {
                            misplaced.push((topic.wire_name.clone(), partition.partition_index));
                        }
                    }
                }
            }
        }
    }
}
