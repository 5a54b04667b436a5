//! The second step of a cycle: where the logs end and begin.

use std::collections::BTreeMap;

use kafka_protocol::protocol::StrBytes;

use super::{Clock, CommitsByGroup, Sampler};
use crate::analysis::sample::Reading;
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::client::tally::Tally;
use crate::kafka::harvest;
use crate::kafka::offsets::{AskEnds, End, Ends, Wanted, end_of};
use crate::kafka::topics::Topics;

/// A partition that its supposed leader doesn't lead, or that seems to belong to another topic of the same name by now.
type Misplaced = (StrBytes, i32);

impl Sampler {
    /// When partitions are not where they were, the metadata is read again and their ends asked for once more, instead of
    /// a seldom question. The broker that gives the metadata, when it leads such a partition too, so gets one request more than
    /// the budget of five: to have it back, beginnings would have to wait for the ends, a third barrier in every cycle.
    pub(super) async fn read_ends(
        &mut self,
        commits: &CommitsByGroup,
        answering: &[BrokerId],
        clock: Clock,
    ) {
        let also = self.internal_topics();
        let wanted = harvest::all_partitions(&self.topics, commits, &also);
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

    pub(super) async fn ask_ends(
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
