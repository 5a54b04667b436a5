//! What was learned before this analysis began, until the groups and topics that it is about show up. What doesn't is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Group, Learned, Topic};
use crate::analysis::sample::Time;

/// What has not shown up within three days isn't waited for any longer: it is gone, or its name is used anew.
const WAIT_SECONDS: f64 = 72.0 * 3600.0;

/// By group. Bounded by what it was given, which only gets less.
#[derive(Default)]
pub(in crate::analysis) struct Remembered {
    groups: BTreeMap<Arc<str>, Waiting>,
    /// When the first sample came after it was given something.
    since: Option<Time>,
}

struct Waiting {
    seen_at: Time,
    rebalances: Vec<f32>,
    topics: BTreeMap<Arc<str>, Topic>,
}

impl Remembered {
    /// Waits for these, too; of a group that is waited for already the newer word counts.
    pub(in crate::analysis) fn add(&mut self, learned: Learned) {
        for group in learned.groups {
            let topics = group.topics.into_iter();
            let waiting = Waiting {
                seen_at: group.seen_at,
                rebalances: group.rebalances,
                topics: topics.map(|topic| (topic.name.clone(), topic)).collect(),
            };
            self.groups.insert(group.name, waiting);
        }
        self.since = None;
    }

    /// A sample has come.
    pub(in crate::analysis) fn expire(&mut self, now: Time) {
        if self.groups.is_empty() {
            return;
        }
        let since = *self.since.get_or_insert(now);
        if now - since > WAIT_SECONDS {
            self.groups.clear();
        }
    }

    /// The group's rebalances, if they are no older than this.
    pub(in crate::analysis) fn take_rebalances(
        &mut self,
        group: &str,
        now: Time,
        oldest_seconds: f64,
    ) -> Option<Vec<f32>> {
        let waiting = self.groups.get_mut(group)?;
        let rebalances = std::mem::take(&mut waiting.rebalances);
        let is_recent = now - waiting.seen_at <= oldest_seconds;
        self.drop_if_empty(group);
        (is_recent && !rebalances.is_empty()).then_some(rebalances)
    }

    /// What was learned of a group in a topic that shows up now, if it is the same topic and no older than this.
    pub(in crate::analysis) fn take_topic(
        &mut self,
        group: &str,
        (topic, id): (&str, Option<u128>),
        now: Time,
        oldest_seconds: f64,
    ) -> Option<Topic> {
        let waiting = self.groups.get_mut(group)?;
        let topic = waiting.topics.remove(topic)?;
        self.drop_if_empty(group);
        let is_same = !matches!((topic.id, id), (Some(then), Some(now)) if then != now);
        (is_same && now - topic.seen_at <= oldest_seconds).then_some(topic)
    }

    /// What is still waited for of a group.
    pub(in crate::analysis) fn topics_of(&self, group: &str) -> impl Iterator<Item = &Topic> {
        let waiting = self.groups.get(group).into_iter();
        waiting.flat_map(|waiting| waiting.topics.values())
    }

    /// All that is still waited for, by group.
    pub(in crate::analysis) fn groups(&self) -> impl Iterator<Item = Group> {
        self.groups.iter().map(|(name, waiting)| Group {
            name: Arc::clone(name),
            seen_at: waiting.seen_at,
            rebalances: waiting.rebalances.clone(),
            topics: waiting.topics.values().cloned().collect(),
        })
    }

    /// Drops a group, in one topic or as a whole; gives how many lags that concerned.
    pub(in crate::analysis) fn forget(
        &mut self,
        group: &str,
        topic: Option<&str>,
    ) -> Option<usize> {
        let Some(topic) = topic else {
            let gone = self.groups.remove(group)?;
            return Some(gone.topics.values().map(Topic::series).sum());
        };
        let gone = self.groups.get_mut(group)?.topics.remove(topic)?;
        self.drop_if_empty(group);
        Some(gone.series())
    }

    fn drop_if_empty(&mut self, group: &str) {
        let is_empty =
            |waiting: &Waiting| waiting.topics.is_empty() && waiting.rebalances.is_empty();
        if self.groups.get(group).is_some_and(is_empty) {
            self.groups.remove(group);
        }
    }
}
