//! The retry and dead-letter topics of a recording. Often another group reads them than their main topic, or none; whose retries
//! they are is told by name all the same. So what was read of them is kept for each cluster, and every group is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::directive::Directives;
use super::recording::{Recording, Row};
use crate::analysis::sample::{PartitionSample, Reading, TopicSample};
use crate::config::Settings;

/// What was read of them last, by cluster and topic. Bounded by the names in the recording.
#[derive(Default)]
pub(super) struct RetryTopics {
    topics: BTreeMap<(u32, u32), Vec<PartitionSample>>,
    /// By topic: is it one? Absent = not asked yet.
    known: Vec<Option<bool>>,
}

impl RetryTopics {
    /// Names may mean something else from now on.
    pub(super) fn ask_again(&mut self) {
        self.known.clear();
        self.topics.clear();
    }

    /// Takes the rows of an instant that are about such a topic.
    pub(super) fn note(
        &mut self,
        rows: &[Row],
        names: &Recording,
        (settings, directives): (&Settings, &Directives),
    ) {
        for row in rows {
            let topic = row.topic as usize;
            if self.known.len() <= topic {
                self.known.resize(topic + 1, None);
            }
            let is_one = *self.known[topic].get_or_insert_with(|| {
                let name = names.name(row.topic);
                let said = directives.retry_name_of(name);
                said.or_else(|| settings.retries.name_of(name)).is_some()
            });
            if is_one {
                self.take(row);
            }
        }
    }

    fn take(&mut self, row: &Row) {
        let partitions = self.topics.entry((row.cluster, row.topic)).or_default();
        let partition = row.partition as usize;
        if partitions.len() <= partition {
            partitions.resize(partition + 1, PartitionSample::default());
        }
        let reading = |offset| Some(Reading { offset, at: row.t });
        partitions[partition].log_start = reading(row.log_start);
        partitions[partition].log_end = reading(row.log_end);
    }

    /// Those of a cluster that a group has no rows of itself.
    pub(super) fn of_others<'a>(
        &'a self,
        cluster: u32,
        names: &'a Recording,
        is_own: impl Fn(u32) -> bool + 'a,
    ) -> impl Iterator<Item = TopicSample> + 'a {
        let of_cluster = self.topics.range((cluster, 0)..=(cluster, u32::MAX));
        of_cluster
            .filter(move |((_, topic), _)| !is_own(*topic))
            .map(|((_, topic), partitions)| TopicSample {
                name: Arc::clone(names.name(*topic)),
                id: None,
                retention: None,
                message_bytes: Arc::default(),
                partitions: partitions.clone(),
            })
    }
}
