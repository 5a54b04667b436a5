//! Brokers that are back, or have another address by now: all they have is told in the first cycle after Kafka named them again.

use super::{Clock, Listings, Sampler};
use crate::analysis::sample::Time;
use crate::kafka::client::cluster::BrokerId;

/// Where metadata comes too late to be read before the log ends, it cost its broker's ends in that cycle: for so long it is left to the
/// end of the cycle, where it costs nothing.
const PAUSE_SECONDS: f64 = 300.0;

impl Sampler {
    /// While something is amiss the metadata is read before the log ends, not after them, and whoever is new in it lists its groups at
    /// once. Should it hang, that costs this cycle its patience a second time; afterwards it is one hung broker like another.
    /// What a broker listed at a former address doesn't count: nobody says that it is still there.
    pub(super) async fn ask_returned(&mut self, listings: &mut Listings, clock: Clock) {
        let answering: Vec<BrokerId> = listings.iter().map(|(broker, _)| *broker).collect();
        let are_believed = answering.iter().all(|id| self.trust.is_believed(*id));
        let is_amiss = self.metadata_is_stale || !are_believed;
        let is_due = is_amiss && !self.has_looked(clock);
        if !is_due || listings.is_empty() {
            return;
        }
        let before = self.cluster.addresses();
        if !self.look_early(&answering, clock).await {
            return;
        }
        let known = self.cluster.addresses().into_iter();
        let returned = known.filter(|broker| !before.contains(broker));
        let returned: Vec<BrokerId> = returned.map(|(id, _)| id).collect();
        listings.retain(|(broker, _)| !returned.contains(broker));
        listings.extend(self.list_groups_of(returned, clock).await);
    }

    /// Reads the metadata before the log ends, unless that took too long lately.
    pub(super) async fn look_early(&mut self, answering: &[BrokerId], clock: Clock) -> bool {
        let pauses = |failed: Time| clock.now - failed < PAUSE_SECONDS;
        if self.early_look_failed.is_some_and(pauses) {
            return false;
        }
        let looked = self.refresh(answering, clock).await;
        if !looked {
            self.early_look_failed = Some(clock.now);
        }
        looked
    }

    /// The metadata was read in this cycle.
    pub(super) fn has_looked(&self, clock: Clock) -> bool {
        self.metadata_asked == Some(clock.now)
    }
}
