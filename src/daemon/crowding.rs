//! Says once that a cluster's series have no room on the page, and when they have again; `lagslope_series_dropped` has the count.

use std::collections::BTreeMap;

use crate::expose::room::Dropped;

/// Publishes in a row with room for all, after which that is believed: a page that is just full would be told of in turn.
const BELIEVED_AFTER: u32 = 6;

/// The clusters that were told of, and for how many publishes they have had room since. Bounded by the clusters there are.
#[derive(Debug, Default)]
pub(super) struct Crowding(BTreeMap<String, u32>);

impl Crowding {
    /// Takes the clusters of which the page lacks something.
    pub(super) fn tell(&mut self, crowded: &[(String, Dropped)]) {
        for roomy in self.0.values_mut() {
            *roomy += 1;
        }
        for (cluster, dropped) in crowded {
            if self.0.insert(cluster.clone(), 0).is_none() {
                tracing::warn!(
                    cluster,
                    group_series = dropped.groups,
                    partition_series = dropped.partitions,
                    "the page has no room for all series: those of the least interesting groups are dropped, and only counted \
                     from here on; raise metrics.max_series or watch less"
                );
            }
        }
        self.0.retain(|cluster, roomy| {
            let stays = *roomy < BELIEVED_AFTER;
            if !stays {
                tracing::info!(cluster, "all series have room on the page again");
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowded_cluster_is_told_of_once_until_it_had_room_for_a_while() {
        let crowded = [("a".to_owned(), Dropped::default())];
        let mut crowding = Crowding::default();
        let mut known = |crowded: &[_], times: u32| {
            for _ in 0..times {
                crowding.tell(crowded);
            }
            crowding.0.contains_key("a")
        };
        assert!(known(&crowded, 3), "told");
        assert!(
            known(&[], BELIEVED_AFTER - 1),
            "not news yet when it comes back"
        );
        assert!(known(&crowded, 1), "it comes back");
        assert!(!known(&[], BELIEVED_AFTER), "the next time is news");
    }
}
