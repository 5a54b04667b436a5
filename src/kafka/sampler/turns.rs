//! The last step of a cycle: one seldom question to each broker that has room for it.

use std::collections::BTreeMap;

use kafka_protocol::protocol::StrBytes;

use super::{Clock, Sampler};
use crate::analysis::sample::{Retention, Time};
use crate::kafka::IsolationLevel;
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::error::Error;
use crate::kafka::seldom::{Asked, Seldom, Turns};

impl Sampler {
    pub(super) async fn ask_seldom(&mut self, answering: &[BrokerId], clock: Clock) {
        let current = answering.iter().copied();
        let current: Vec<BrokerId> = current.filter(|id| self.trust.is_current(*id)).collect();
        let brokers = self.rotated(&current);
        let is_stale = self.metadata_is_stale && !self.has_looked(clock);
        let turns = Turns::new(clock.now, self.metadata_asked, is_stale);
        let questions = turns.take(&brokers, &self.groups, &self.topics);
        // By broker: one that the metadata dropped in this cycle is not asked, and answers nothing.
        let asked = questions.iter().map(|(broker, ask)| (*broker, ask.asked()));
        let asked: BTreeMap<BrokerId, Asked> = asked.collect();
        for (broker, answer) in self.cluster.ask_each(questions).await {
            let had_its_turn = !matches!(
                answer,
                Ok(Seldom::NoRoom) | Err(Error::Late { .. } | Error::Busy)
            );
            if answer.as_ref().is_err_and(Error::is_silence) {
                self.trust.miss(broker);
            }
            match answer {
                Ok(Seldom::Metadata(metadata)) => self.take_metadata(metadata, clock),
                Ok(Seldom::Members(members)) => self.take_members(members, clock.now),
                Ok(Seldom::Retention(read)) => self.take_retention(read),
                Ok(Seldom::Sizes(sizes)) => self.topics.take_sizes(broker, &sizes),
                Ok(Seldom::NoRoom) | Err(_) => {}
            }
            if let Some(asked) = asked.get(&broker).filter(|_| had_its_turn) {
                self.mark_asked(broker, asked, clock.now);
            }
        }
    }

    fn take_members(&mut self, members: Vec<(StrBytes, u32)>, now: Time) {
        for (name, count) in members {
            if let Some(group) = self.groups.get_mut(&name) {
                group.tell_members(count, now);
            }
        }
    }

    fn take_retention(&mut self, read: Vec<(StrBytes, Retention)>) {
        // The last stable offset is not where the bytes on the disk end.
        let is_measured = self.settings.isolation_level == IsolationLevel::ReadUncommitted;
        for (name, mut retention) in read {
            retention.bytes = retention.bytes.filter(|_| is_measured);
            if let Some(topic) = self.topics.get_mut(&name) {
                topic.retention = Some(retention);
            }
        }
    }

    /// Answered or refused: their turn comes again when the others had theirs.
    fn mark_asked(&mut self, broker: BrokerId, asked: &Asked, now: Time) {
        for name in &asked.groups {
            if let Some(group) = self.groups.get_mut(name) {
                group.members_asked = Some(now);
            }
        }
        for name in &asked.topics {
            if let Some(topic) = self.topics.get_mut(name) {
                topic.config_asked = Some(now);
            }
        }
        for name in &asked.sized {
            if let Some(topic) = self.topics.get_mut(name) {
                topic.sizes_asked.insert(broker, now);
            }
        }
    }
}
