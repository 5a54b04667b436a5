//! The first step of a cycle: which groups there are, and what they committed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Clock, CommitsByGroup, Listings, Sampler, Unsettled};
use crate::analysis::sample::Time;
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::group::Reach;
use crate::kafka::groups::AskGroups;

impl Sampler {
    /// Asks all known brokers. When none answers, the bootstrap servers may know others.
    pub(super) async fn find_groups(&mut self, clock: Clock) -> Listings {
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

    pub(super) async fn list_groups_of(
        &mut self,
        brokers: Vec<BrokerId>,
        clock: Clock,
    ) -> Listings {
        let ask = |broker| {
            let settings = Arc::clone(&self.settings);
            let admission = self.groups.admission();
            let streamed = self.ask_streamed(broker);
            let ask = AskGroups {
                settings,
                admission,
                streamed,
            };
            (broker, ask)
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

    pub(super) fn take_listings(
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
            if self.trust.leads(broker) {
                let (shards, _) = self.topics.coordinators().topic();
                self.streamed.hear(&listing, shards);
            }
            for group in listing.commits {
                let known = self.groups.get_mut(&group.name);
                let answered = known.is_some_and(|known| known.coordinator == broker);
                if answered && !unsettled.has(&group.name) {
                    // How far share groups are is in no record.
                    if group.lags.is_empty() {
                        self.streamed.take_base(&group);
                    }
                    commits.insert(group.name.clone(), group);
                }
            }
        }
        commits
    }

    pub(super) fn refuse_commits(&mut self, commits: &mut CommitsByGroup) {
        let (most, topics) = (self.settings.limits.max_partitions, &self.topics);
        let counts = |name: &str| topics.index(name).is_some();
        let refused = self.groups.refuse_commits(commits, most, counts);
        self.refused.partitions = (refused + topics.refused()) as u64;
    }
}
