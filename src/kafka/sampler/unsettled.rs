//! Groups that moved to another coordinator while they were listed: asked once more in the same cycle, where they are now.
//!
//! It costs one Metadata request, and one OffsetFetch to each broker that has such a group now; log starts give way if a broker
//! has no room for both. FindCoordinator would cost the same, but brokers create `__consumer_offsets` when it is asked for; and
//! a coordinator that moved is a leader that moved, so that the log ends, asked for next, need the metadata too.

use std::collections::{BTreeMap, HashMap};

use kafka_protocol::protocol::StrBytes;

use super::{Clock, CommitsByGroup, Listings, Sampler};
use crate::kafka::client::broker::Question;
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::client::session::Session;
use crate::kafka::error::Error;
use crate::kafka::offsets::GroupCommits;
use crate::kafka::shares;

/// Groups whose commits are not known after the listings, though somebody should be able to tell them.
#[derive(Default)]
pub(super) struct Unsettled {
    groups: Vec<StrBytes>,
    /// Brokers that told commits of a group of which another told some too: one of the two hasn't noticed yet that it lost it,
    /// and may not have noticed other changes either.
    disputing: Vec<BrokerId>,
}

/// What was heard of one group's commits.
#[derive(Default)]
struct Heard {
    told_by: Vec<BrokerId>,
    moved: bool,
    /// Its new coordinator has it, but not read yet. That takes seconds: no use in asking again at once.
    loading: bool,
}

impl Unsettled {
    pub(super) fn of(listings: &Listings) -> Self {
        let mut heard: HashMap<&StrBytes, Heard> = HashMap::new();
        for (broker, listing) in listings {
            for group in &listing.commits {
                let heard = heard.entry(&group.name).or_default();
                match &group.topics {
                    Ok(_) => heard.told_by.push(*broker),
                    Err(code) => {
                        heard.moved |= code.is_moved_coordinator();
                        heard.loading |= code.is_loading_coordinator();
                    }
                }
            }
        }
        let mut unsettled = Self::default();
        for (group, heard) in heard {
            let refused = heard.told_by.is_empty() && heard.moved && !heard.loading;
            if refused || heard.told_by.len() > 1 {
                unsettled.groups.push(group.clone());
            }
            if heard.told_by.len() > 1 {
                unsettled.disputing.extend(heard.told_by);
            }
        }
        unsettled.groups.sort_unstable();
        unsettled
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(super) fn has(&self, group: &StrBytes) -> bool {
        self.groups.binary_search(group).is_ok()
    }
}

impl Sampler {
    /// Puts what is told now with the commits. What is still not told waits for the next listing; while that lasts, the seldom
    /// questions have the room again.
    pub(super) async fn ask_unsettled(
        &mut self,
        unsettled: &Unsettled,
        answering: &[BrokerId],
        commits: &mut CommitsByGroup,
        clock: Clock,
    ) {
        if unsettled.is_empty() {
            self.second_listing_was_fruitless = false;
            return;
        }
        self.metadata_is_stale = true;
        let neutral = answering.iter().copied();
        let neutral: Vec<BrokerId> = neutral
            .filter(|broker| self.trust.is_current(*broker))
            .filter(|broker| !unsettled.disputing.contains(broker))
            .collect();
        if self.second_listing_was_fruitless {
            return;
        }
        // What was read after the listings will do, unless one of those that dispute it may have told it.
        let has_looked = self.has_looked(clock) && unsettled.disputing.is_empty();
        if !has_looked && !self.refresh(&neutral, clock).await {
            return;
        }
        let told = self.ask_coordinators(unsettled).await;
        self.second_listing_was_fruitless = told.is_empty();
        self.metadata_is_stale |= told.len() < unsettled.groups.len();
        for (broker, group) in told {
            if let Some(known) = self.groups.get_mut(&group.name) {
                known.coordinator = broker;
                commits.insert(group.name.clone(), group);
            }
        }
    }

    async fn ask_coordinators(&mut self, unsettled: &Unsettled) -> Vec<(BrokerId, GroupCommits)> {
        let mut by_broker: BTreeMap<BrokerId, shares::Asked> = BTreeMap::new();
        for group in &unsettled.groups {
            let kind = self.groups.get_mut(group).and_then(|g| g.kind.clone());
            if let Some(broker) = self.topics.coordinators().coordinator(group) {
                let asked = by_broker.entry(broker).or_default();
                asked.add(group.clone(), kind.as_deref().unwrap_or_default());
            }
        }
        let ask = |(broker, groups)| (broker, AskAgain(groups));
        let questions = by_broker.into_iter().map(ask).collect();
        let mut told = Vec::new();
        for (broker, answer) in self.cluster.ask_each(questions).await {
            match answer {
                Ok(groups) => {
                    let good = groups.into_iter().filter(|group| group.topics.is_ok());
                    told.extend(good.map(|group| (broker, group)));
                }
                Err(error) => self.suspect(broker, &error),
            }
        }
        told
    }
}

/// The commits of groups that another broker had before.
struct AskAgain(shares::Asked);

impl Question for AskAgain {
    const NAME: &'static str = "OffsetFetch";
    type Answer = Vec<GroupCommits>;

    async fn put(self, session: &mut Session) -> Result<Self::Answer, Error> {
        session.take_room();
        self.0.offsets(session).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::kafka::error::Code;
    use crate::kafka::groups::Listing;

    const TOLD: i16 = 0;
    const LOADING: i16 = 14;
    const NOT_AVAILABLE: i16 = 15;
    const MOVED: i16 = 16;
    const FORBIDDEN: i16 = 30;

    /// What each broker, from 1, answered for the group when it listed it.
    fn listings(answers: &[i16]) -> Listings {
        let listing = |code: &i16| Listing {
            groups: Vec::new(),
            shard_ends: Vec::new(),
            shards_told_at: Instant::now(),
            refused: 0,
            whole: true,
            commits: vec![GroupCommits {
                name: StrBytes::from_static_str("pay"),
                at: Instant::now(),
                topics: Code::of(*code).map_or(Ok(Vec::new()), Err),
                lags: Vec::new(),
            }],
        };
        (1..).zip(answers.iter().map(listing)).collect()
    }

    #[test]
    fn only_what_somebody_can_tell_by_now_is_asked_again() {
        let cases: &[(&[i16], bool, &str)] = &[
            (&[TOLD], false, "the usual"),
            (&[MOVED], true, "another has it now"),
            (&[NOT_AVAILABLE], true, "perhaps another has it now"),
            (&[TOLD, MOVED], false, "listed twice, and told by one"),
            (&[MOVED, MOVED], true, "listed twice, and moved on"),
            (&[LOADING], false, "loading takes seconds"),
            (&[MOVED, LOADING], false, "the new one was asked already"),
            (&[TOLD, TOLD], true, "one of the two is wrong"),
            (&[FORBIDDEN], false, "forbidden, here and there"),
        ];
        for (answers, asked, why) in cases {
            assert_eq!(
                !Unsettled::of(&listings(answers)).is_empty(),
                *asked,
                "{why}"
            );
        }
    }
}
