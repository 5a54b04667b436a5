//! Topics and partitions that the metadata lacks and commits tell of: they are new, or gone.

use kafka_protocol::protocol::StrBytes;

use super::{Clock, CommitsByGroup, Sampler};
use crate::kafka::client::cluster::BrokerId;

impl Sampler {
    /// A topic that grew is looked at before its ends are read: in this cycle already its new partitions count. Where the metadata
    /// can't be read their commits are told without an end, and the sum is unknown.
    pub(super) async fn find_grown(
        &mut self,
        commits: &CommitsByGroup,
        answering: &[BrokerId],
        clock: Clock,
    ) {
        let grew = self.notice_new_topics(commits);
        if grew && !self.has_looked(clock) {
            self.look_early(answering, clock).await;
        }
    }

    /// Has a known topic more partitions than were known?
    fn notice_new_topics(&mut self, commits: &CommitsByGroup) -> bool {
        let topics = commits
            .values()
            .filter_map(|group| group.topics.as_ref().ok());
        let mut grew = false;
        for topic in topics.flatten() {
            if let Some((last, _)) = topic.partitions.last() {
                grew |= self.notice_new_topic(&topic.name, *last);
            }
        }
        for (name, last) in self.streamed.topics() {
            grew |= self.notice_new_topic(&name, last);
        }
        self.metadata_is_stale |= grew;
        grew
    }

    /// Something is committed in this partition: is it beyond those that are known? A topic that isn't known may be new.
    fn notice_new_topic(&mut self, name: &StrBytes, partition: u32) -> bool {
        match self.topics.get_mut(name) {
            Some(known) if partition as usize >= known.leaders.len() => known.notice_beyond(),
            Some(_) => false,
            None => {
                let passes = self.settings.topics.passes(name);
                self.metadata_is_stale |= passes && self.topics.is_new(name);
                false
            }
        }
    }
}
