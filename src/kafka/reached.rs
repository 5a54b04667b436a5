//! The good case in the log: a cluster is reached, and with what there is to watch; again when it was down in between. And the
//! one that only looks good: nobody lists a group.

use super::groups::Listing;
use crate::analysis::sample::Sample;

/// What was heard and told so far.
#[derive(Default)]
pub(crate) struct Reached {
    /// A broker has listed its groups since the start.
    listed: bool,
    /// It has been up since this was told.
    told: bool,
    /// All brokers have listed their groups: whether there are any is told.
    looked: bool,
}

impl Reached {
    /// The rights may be others from now on, and the filters.
    pub(crate) fn look_again(&mut self) {
        self.looked = false;
    }

    pub(crate) fn has_listed(&self) -> bool {
        self.listed
    }

    /// Takes what the brokers listed; `everyone`: all of them did.
    pub(crate) fn hear<'a>(
        &mut self,
        cluster: &str,
        listings: impl Iterator<Item = &'a Listing> + Clone,
        everyone: bool,
    ) {
        self.listed |= listings.clone().next().is_some();
        if !everyone || self.looked {
            return;
        }
        self.looked = true;
        let mut groups = listings.map(|listing| listing.groups.len() + listing.refused);
        if groups.all(|count| count == 0) {
            tracing::warn!(
                "cluster {cluster}: no broker lists a group that is watched: there is none, groups.include and groups.exclude leave \
                 them out, or their rights are missing. `lagslope doctor` tells"
            );
        }
    }

    /// Looks at what a cycle read from so many brokers.
    pub(crate) fn tell(&mut self, cluster: &str, brokers: usize, sample: &Sample) {
        if !sample.cycle.up {
            self.told = false;
        } else if self.listed && !self.told {
            self.told = true;
            tracing::info!(
                brokers,
                topics = sample.topics.len(),
                groups = sample.groups.len(),
                "cluster {cluster} is reached and watched"
            );
        }
    }
}
