//! Whose word counts. A broker that was silent (hung, cut off, away) may have lost what it led and coordinated without noticing:
//! for a moment after its return it answers with what was true before.
//!
//! Its word counts again when a broker that was not silent vouches for it, by metadata read in the same cycle; when it has
//! answered for a while; or when it is the only one, for then nobody can have taken over. When all were silent, some may have
//! been back earlier than others, and nobody can vouch: they are held for that while.

use std::collections::{BTreeMap, BTreeSet};

use super::client::cluster::BrokerId;
use crate::analysis::sample::Time;

/// A broker that has answered for so long knows what it lost: it hears from its controller with its next heartbeat
/// (`broker.heartbeat.interval.ms`, 2 s), and in a second attempt if the first finds a dead connection.
const SETTLED_SECONDS: f64 = 5.0;

/// What is known of the brokers' honesty. Kept for those that answer only.
#[derive(Default)]
pub(crate) struct Trust {
    /// Absent before anybody was heard: no silence can have been seen, and somebody must be believed.
    believed: Option<BTreeSet<BrokerId>>,
    /// The others that answer, and since when.
    back: BTreeMap<BrokerId, Time>,
    /// In this cycle.
    heard: BTreeSet<BrokerId>,
    /// Metadata was read in this cycle from a broker that is believed.
    vouched: bool,
    /// What they told in this cycle is not what the metadata says.
    contradicted: BTreeSet<BrokerId>,
    /// The cluster has one broker.
    alone: bool,
}

impl Trust {
    pub(crate) fn begin_cycle(&mut self) {
        self.heard.clear();
        self.contradicted.clear();
        self.vouched = false;
    }

    /// The cluster has so many brokers.
    pub(crate) fn count(&mut self, brokers: usize) {
        self.alone = brokers == 1;
    }

    /// It answered.
    pub(crate) fn hear(&mut self, broker: BrokerId, now: Time) {
        self.heard.insert(broker);
        if self.is_believed(broker) {
            return;
        }
        let since = *self.back.entry(broker).or_insert(now);
        if now - since >= SETTLED_SECONDS {
            self.believe(broker);
        }
    }

    /// It did not answer, whatever else it did in this cycle.
    pub(crate) fn miss(&mut self, broker: BrokerId) {
        self.heard.remove(&broker);
        self.back.remove(&broker);
        if let Some(believed) = &mut self.believed {
            believed.remove(&broker);
        }
    }

    /// The metadata was read from this broker, in this cycle.
    pub(crate) fn read_metadata_of(&mut self, broker: BrokerId) {
        self.vouched |= self.is_believed(broker);
    }

    pub(crate) fn contradict(&mut self, broker: BrokerId) {
        self.contradicted.insert(broker);
    }

    /// Whatever others say.
    pub(crate) fn is_believed(&self, broker: BrokerId) -> bool {
        let believed = self.believed.as_ref();
        self.alone || believed.is_none_or(|believed| believed.contains(&broker))
    }

    /// Is the metadata of this cycle the word of somebody who is believed?
    pub(crate) fn is_vouched(&self) -> bool {
        self.vouched
    }

    /// Does it lead what the metadata says it leads?
    pub(crate) fn leads(&self, broker: BrokerId) -> bool {
        self.vouched || self.is_believed(broker)
    }

    /// Can it be asked what any broker should know?
    pub(crate) fn is_current(&self, broker: BrokerId) -> bool {
        self.leads(broker) && !self.contradicted.contains(&broker)
    }

    pub(crate) fn end_cycle(&mut self) {
        let heard = std::mem::take(&mut self.heard);
        let confirmed = heard.iter().filter(|broker| self.is_current(**broker));
        let confirmed: BTreeSet<BrokerId> = confirmed.copied().collect();
        self.back
            .retain(|broker, _| heard.contains(broker) && !confirmed.contains(broker));
        if !heard.is_empty() || self.believed.is_some() {
            self.believed = Some(confirmed);
        }
    }

    fn believe(&mut self, broker: BrokerId) {
        self.back.remove(&broker);
        if let Some(believed) = &mut self.believed {
            believed.insert(broker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a cycle tells: who answered, and whose metadata was read.
    struct Told(&'static [BrokerId], Option<BrokerId>);

    /// After these cycles, 2 s apart, in a cluster of three brokers: who of the three is believed in the cycle after them?
    fn believed_after(cycles: &[Told]) -> Vec<BrokerId> {
        let mut trust = Trust::default();
        trust.count(3);
        for (number, Told(answering, metadata)) in cycles.iter().enumerate() {
            trust.begin_cycle();
            for broker in 1..=3 {
                if answering.contains(&broker) {
                    trust.hear(broker, 2.0 * number as f64);
                } else {
                    trust.miss(broker);
                }
            }
            if let Some(broker) = metadata {
                trust.read_metadata_of(*broker);
            }
            trust.end_cycle();
        }
        (1..=3).filter(|id| trust.is_believed(*id)).collect()
    }

    #[test]
    fn a_broker_that_was_silent_is_believed_when_another_vouches_for_it_or_after_a_while() {
        const ALL: &[BrokerId] = &[1, 2, 3];
        let all = || Told(ALL, None);
        let none = || Told(&[], None);
        let without_2 = || Told(&[1, 3], None);
        let vouch = |broker| Told(ALL, Some(broker));
        let cases: &[(Vec<Told>, &[BrokerId], &str)] = &[
            (vec![], ALL, "nobody was heard yet"),
            (vec![none()], ALL, "not even now"),
            (vec![all()], ALL, "the first word is believed"),
            (vec![all(), without_2()], &[1, 3], "silent"),
            (vec![all(), without_2(), all()], &[1, 3], "back"),
            (vec![all(), without_2(), vouch(1)], ALL, "1 vouches for it"),
            (
                vec![all(), without_2(), vouch(2)],
                &[1, 3],
                "not for itself",
            ),
            (
                vec![all(), without_2(), all(), all(), all()],
                &[1, 3],
                "back for 4 s",
            ),
            (
                vec![all(), without_2(), all(), all(), all(), all()],
                ALL,
                "back for 6 s",
            ),
            (
                vec![all(), without_2(), all(), all(), without_2(), all()],
                &[1, 3],
                "silent again",
            ),
            (vec![all(), none(), vouch(1)], &[], "all were silent"),
            (
                vec![all(), none(), vouch(1), all(), all(), all()],
                ALL,
                "all are back for 6 s",
            ),
        ];
        for (cycles, expected, why) in cases {
            assert_eq!(believed_after(cycles), *expected, "{why}");
        }
    }

    #[test]
    fn the_only_broker_is_always_believed() {
        let mut trust = Trust::default();
        trust.count(1);
        for answers in [true, false, true] {
            trust.begin_cycle();
            if answers {
                trust.hear(1, 0.0);
            } else {
                trust.miss(1);
            }
            assert!(trust.leads(1));
            trust.end_cycle();
        }
    }

    #[test]
    fn one_that_is_contradicted_is_not_believed_though_others_vouch() {
        let mut trust = Trust::default();
        for answering in [&[1, 2][..], &[1], &[1, 2]] {
            trust.begin_cycle();
            for broker in 1..=2 {
                if answering.contains(&broker) {
                    trust.hear(broker, 0.0);
                } else {
                    trust.miss(broker);
                }
            }
            trust.read_metadata_of(1);
            trust.contradict(2);
            assert!(trust.leads(2), "what the metadata says");
            assert!(!trust.is_current(2));
            trust.end_cycle();
        }
        assert!(!trust.is_believed(2));
    }
}
