//! Brokers that were silent in an earlier cycle and answer now: of what they list, only what they still coordinate is taken.
//!
//! Commits carry no epoch by which a broker could be told that it lost them. Who coordinates a group is asked of others: the
//! metadata names the leader of its commits. Where that may not be seen, every broker's list is needed: one that took the group
//! over would list it, or refuse to list at all while it reads the commits.

use std::collections::{HashMap, HashSet};

use kafka_protocol::protocol::StrBytes;

use super::{Listings, Sampler};
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::groups::Listing;

/// The `error` label of a list of which something was not believed.
const UNCONFIRMED: &str = "unconfirmed";

/// What speaks for a group being where it is listed.
struct Witnesses {
    /// How often each group was listed, if every broker listed and the metadata doesn't tell coordinators.
    listed: Option<HashMap<StrBytes, usize>>,
    known: HashSet<BrokerId>,
}

impl Sampler {
    /// Takes away what might be old. A broker of which something was taken away says nothing about the groups it doesn't list.
    pub(super) fn weigh(&mut self, listings: &mut Listings) {
        let is_doubted = |broker: BrokerId| !self.trust.is_believed(broker);
        if !listings.iter().any(|(broker, _)| is_doubted(*broker)) {
            return;
        }
        let witnesses = self.witnesses(listings);
        for (broker, listing) in listings {
            if self.trust.is_believed(*broker) {
                continue;
            }
            let vouched = self.trust.is_vouched();
            let is_here =
                |group: &StrBytes| vouched && self.coordinates(*broker, group, &witnesses);
            listing.keep(is_here);
            listing.whole &= vouched;
            if !listing.whole {
                self.trust.contradict(*broker);
                self.cluster.tally().error("ListGroups", UNCONFIRMED);
            }
        }
    }

    fn witnesses(&self, listings: &Listings) -> Witnesses {
        let known: HashSet<BrokerId> = self.cluster.broker_ids().into_iter().collect();
        let listing: HashSet<BrokerId> = listings.iter().map(|(broker, _)| *broker).collect();
        let are_needed = !self.topics.coordinators().are_known() && known.is_subset(&listing);
        let listed = are_needed.then(|| {
            let mut counts = HashMap::new();
            let groups = listings.iter().flat_map(|(_, listing)| &listing.groups);
            for group in groups {
                *counts.entry(group.group_id.0.clone()).or_default() += 1;
            }
            counts
        });
        Witnesses { listed, known }
    }

    fn coordinates(&self, broker: BrokerId, group: &StrBytes, witnesses: &Witnesses) -> bool {
        let coordinators = self.topics.coordinators();
        if coordinators.are_known() {
            return coordinators.coordinator(group) == Some(broker);
        }
        let listed = witnesses.listed.as_ref();
        let once = listed.is_some_and(|listed| listed.get(group) == Some(&1));
        once && witnesses.known.contains(&broker)
    }
}

impl Listing {
    fn keep(&mut self, is_here: impl Fn(&StrBytes) -> bool) {
        let all = self.groups.len();
        self.groups.retain(|group| is_here(&group.group_id));
        self.commits.retain(|group| is_here(&group.name));
        self.whole &= self.groups.len() == all;
    }
}
