//! What is known of a consumer group, from cycle to cycle: a watch for each topic that it has commits in.

mod ceilings;
mod delays;
mod growth;
mod judged;
mod partition;
mod retention;
mod retries;
mod sum;
mod topic;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::RulesOf;
use super::evidence::Explanation;
use super::history::History;
use super::learned::{self, Remembered};
use super::mute::silenced;
use super::report::GroupReport;
use super::sample::{Commits, GroupSample, Sample, Time, is_share};
use super::signal::churn::{self, Churn};
use topic::TopicWatch;

/// A consumer group.
#[derive(Default)]
pub(super) struct GroupWatch {
    /// Boxed: a node of such a map has room for eleven, and most groups read one topic.
    topics: BTreeMap<Arc<str>, Box<TopicWatch>>,
    answered_at: Option<Time>,
    /// By the type that was last told: a coordinator that is gone tells none.
    is_share: bool,
    rebalances: Rebalances,
    /// It was in the present sample.
    pub(super) seen: bool,
}

/// How often the group rebalanced, by the generations that were told.
#[derive(Default)]
struct Rebalances {
    generation: Option<u64>,
    total: f64,
    churn: Option<Churn>,
    /// Of before a restart, until a generation is told.
    remembered: Option<Vec<f32>>,
}

impl Rebalances {
    fn take(&mut self, generation: Option<u64>, now: Time) {
        let Some(generation) = generation else { return };
        let begun = generation.saturating_sub(self.generation.unwrap_or(generation));
        self.generation = Some(generation);
        self.total += begun as f64;
        let (total, remembered) = (self.total, &mut self.remembered);
        let begin = || {
            let mut churn = Churn::new(now, total);
            if let Some(rebalances) = remembered.take() {
                churn.remember(&rebalances);
            }
            churn
        };
        self.churn.get_or_insert_with(begin).sample(now, total);
    }

    fn count(&self) -> Option<u64> {
        self.generation.map(|_| self.total as u64)
    }

    fn learned(&self) -> Vec<f32> {
        match &self.churn {
            Some(churn) => churn.learned(),
            None => self.remembered.clone().unwrap_or_default(),
        }
    }

    fn forget_learned(&mut self) {
        self.churn = None;
        self.remembered = None;
    }
}

/// What every watch looks at in one cycle.
pub(super) struct Cycle<'a> {
    pub(super) sample: &'a Sample,
    pub(super) history: &'a History,
    pub(super) rules_of: &'a RulesOf,
}

impl GroupWatch {
    /// One that is seen for the first time.
    pub(super) fn new(name: &str, now: Time, remembered: &mut Remembered) -> Self {
        let mut watch = Self::default();
        watch.rebalances.remembered = remembered.take_rebalances(name, now, churn::MEMORY_SECONDS);
        watch
    }

    /// Takes what the group committed, or that its coordinator did not say. `remembered` has what was learned before a restart of
    /// topics that it is not seen in yet.
    pub(super) fn take(&mut self, group: &GroupSample, cycle: &Cycle, remembered: &mut Remembered) {
        self.seen = true;
        if let Some(kind) = &group.kind {
            self.is_share = is_share(kind);
        }
        self.rebalances.take(group.generation, cycle.sample.at);
        match &group.commits {
            Some(commits) => self.take_commits(&group.name, commits, cycle, remembered),
            None => self.take_silence(cycle),
        }
    }

    /// Goes on by other rules.
    pub(super) fn retune(&mut self, group: &str, rules_of: &RulesOf) {
        for (topic, watch) in &mut self.topics {
            watch.retune(rules_of(group, topic));
        }
    }

    /// Time broke off since the last sample.
    pub(super) fn interrupt(&mut self) {
        self.answered_at = None;
        self.topics.values_mut().for_each(|watch| watch.interrupt());
    }

    /// What was taken until now was the past.
    pub(super) fn end_past(&mut self) {
        self.topics.values_mut().for_each(|watch| watch.end_past());
    }

    /// What is now known of it.
    pub(super) fn report(&mut self, group: &GroupSample, cycle: &Cycle) -> GroupReport {
        let (now, churn) = (cycle.sample.at, self.rebalances.churn.as_ref());
        GroupReport {
            name: group.name.clone(),
            state: group.state.clone(),
            kind: group.kind.clone(),
            members: group.members,
            rebalances: self.rebalances.count(),
            sample_age_seconds: self.answered_at.map(|at| (now - at).max(0.0)),
            topics: self
                .topics
                .iter_mut()
                .map(|(name, topic)| silenced(topic.report(name, now, churn, cycle)))
                .collect(),
        }
    }

    /// Why its verdicts in one topic are what they are, as of the last sample.
    pub(super) fn explain(
        &self,
        topic: &str,
        moment: (Time, Time),
        history: &History,
    ) -> Option<Explanation> {
        let churn = self.rebalances.churn.as_ref();
        let watch = self.topics.get(topic)?;
        Some(watch.explain(moment, churn, history.topic(topic)))
    }

    /// What was learned of it as of `now`, with what is still remembered of its topics.
    pub(super) fn learned(&self, name: &Arc<str>, now: Time, history: &History) -> learned::Group {
        let topics = self.topics.iter().filter_map(|(topic, watch)| {
            let history = history.topic(topic)?;
            let mut learned = learned::Topic::new(topic.clone(), history.id(), now);
            watch.learn_into(&mut learned, history.partitions());
            (!learned.is_empty()).then_some(learned)
        });
        learned::Group {
            name: name.clone(),
            seen_at: now,
            rebalances: self.rebalances.learned(),
            topics: topics.collect(),
        }
    }

    /// Forgets what was learned, in one topic or as a whole; gives how many lags that concerned, `None` if it has no such topic.
    pub(super) fn forget_learned(&mut self, topic: Option<&str>) -> Option<usize> {
        let Some(topic) = topic else {
            self.rebalances.forget_learned();
            let topics = self.topics.values_mut();
            return Some(topics.map(|watch| watch.forget_learned()).sum());
        };
        Some(self.topics.get_mut(topic)?.forget_learned())
    }

    fn take_commits(
        &mut self,
        group: &str,
        commits: &Commits,
        cycle: &Cycle,
        remembered: &mut Remembered,
    ) {
        self.answered_at = Some(commits.at);
        for committed in &commits.topics {
            let Some(sample) = cycle.sample.topics.get(committed.topic) else {
                continue;
            };
            let Some(arrivals) = cycle.history.topic(&sample.name) else {
                continue;
            };
            if !self.topics.contains_key(&sample.name) {
                let rules = (cycle.rules_of)(group, &sample.name);
                let oldest = rules.settings.oldest_habit_seconds();
                let mut watch = TopicWatch::new(rules, cycle);
                let topic = (&*sample.name, arrivals.id());
                if let Some(learned) = remembered.take_topic(group, topic, cycle.sample.at, oldest)
                {
                    watch.remember(learned, cycle.sample.at);
                }
                self.topics.insert(sample.name.clone(), Box::new(watch));
            }
            if let Some(watch) = self.topics.get_mut(&sample.name) {
                watch.set_share(self.is_share);
                watch.take(group, committed, sample, arrivals, cycle);
            }
        }
        // A topic that is not in the answer has no commit any more.
        self.topics
            .retain(|_, watch| std::mem::take(&mut watch.seen) && !watch.is_empty());
    }

    fn take_silence(&mut self, cycle: &Cycle) {
        self.topics
            .retain(|name, _| cycle.history.topic(name).is_some());
        for watch in self.topics.values_mut() {
            watch.take_silence();
        }
    }
}
