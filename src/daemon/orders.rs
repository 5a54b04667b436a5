//! What a cluster's watch is told to do: at its start, and anew with each reload that changes something for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::analysis::{Analysis, RetryNameOf, RulesOf};
use crate::config::{Cluster, Settings};

/// The settings of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Orders {
    pub(super) cluster: Cluster,
    /// What holds for every cluster; no clusters are in here, so that it is equal when only another cluster changed.
    pub(super) common: Arc<Settings>,
}

impl Orders {
    /// By cluster.
    pub(super) fn of(mut settings: Settings) -> BTreeMap<String, Arc<Self>> {
        let clusters = std::mem::take(&mut settings.clusters);
        let common = Arc::new(settings);
        let orders = clusters.into_iter().map(|cluster| {
            let common = Arc::clone(&common);
            (cluster.name.clone(), Arc::new(Self { cluster, common }))
        });
        orders.collect()
    }

    /// How long the cluster's word stays up. Readings in it count for `max_age`; the next is due an interval after it at the latest.
    pub(super) fn stays_up(&self) -> Duration {
        self.common.max_age() + self.common.sample_interval
    }

    /// An analysis that knows nothing yet.
    pub(super) fn analysis(&self) -> Analysis {
        Analysis::new(self.rules_of(), self.retry_name_of())
    }

    /// Makes a running analysis go on as these orders say.
    pub(super) fn retune(&self, analysis: &mut Analysis) {
        analysis.retune(self.rules_of(), self.retry_name_of());
    }

    /// Does a log end mean the same by both?
    pub(super) fn means_the_same(&self, other: &Self) -> bool {
        self.cluster.kafka.isolation_level == other.cluster.kafka.isolation_level
    }

    fn rules_of(&self) -> RulesOf {
        let common = Arc::clone(&self.common);
        Box::new(move |group, topic| common.rules_of(group, topic))
    }

    fn retry_name_of(&self) -> RetryNameOf {
        let common = Arc::clone(&self.common);
        Box::new(move |topic| common.retries.name_of(topic))
    }
}
