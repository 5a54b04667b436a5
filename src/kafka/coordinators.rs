//! Who coordinates which group, by the metadata: the leader of the partition of `__consumer_offsets` that the group's commits
//! are in. The listings say the same; this is for groups that moved while they were listed.

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;

use super::client::cluster::BrokerId;
use super::leader::{Leader, comparable, leaders, topic_id};

/// The leader of one of its partitions is the coordinator of the groups whose commits are in there.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// As the last metadata told it.
#[derive(Default)]
pub(crate) struct Coordinators {
    /// By partition; empty when there is no such topic, it may not be seen, or nothing could be told of it.
    leaders: Vec<Leader>,
    /// The topic's.
    id: Option<u128>,
    are_missing: bool,
}

impl Coordinators {
    /// Watched or not: that decides about commits, not about groups.
    pub(crate) fn of(topics: &[MetadataResponseTopic], known: &Self) -> Self {
        let offsets = topics.iter().find(|topic| {
            let name = topic.name.as_ref();
            name.is_some_and(|name| **name == *OFFSETS_TOPIC)
        });
        let Some(offsets) = offsets else {
            return Self::default();
        };
        let id = topic_id(offsets);
        let leaders = if offsets.error_code == 0 {
            leaders(offsets, comparable(id, Some((known.id, &known.leaders))))
        } else {
            Vec::new()
        };
        let is_missing = |leader: &Leader| leader.broker.is_none();
        Self {
            are_missing: offsets.error_code != 0 || leaders.iter().any(is_missing),
            leaders,
            id,
        }
    }

    /// Does the metadata tell who coordinates which group?
    pub(crate) fn are_known(&self) -> bool {
        !self.leaders.is_empty()
    }

    /// Are there partitions of Kafka's offsets without a leader, so that some groups have no coordinator? (An offsets topic with
    /// one replica, and its broker down: the broker is not in the metadata either.)
    pub(crate) fn are_missing(&self) -> bool {
        self.are_missing
    }

    /// Of the partitions of Kafka's offsets, by number.
    pub(crate) fn leaders(&self) -> impl Iterator<Item = Leader> + '_ {
        self.leaders.iter().copied()
    }

    /// The broker that should have this group's commits. Only a guess with brokers that are not Apache Kafka and spread groups
    /// in another way: one that is asked in error says so.
    pub(crate) fn coordinator(&self, group: &str) -> Option<BrokerId> {
        self.leaders[self.partition(group)?].broker
    }

    /// The partition that should hold this group's commits; as much of a guess.
    pub(crate) fn partition(&self, group: &str) -> Option<usize> {
        let hash = java_hash(group).checked_abs().unwrap_or(0);
        usize::try_from(hash).ok()?.checked_rem(self.leaders.len())
    }

    /// How many partitions Kafka's offsets have (0 while none are known), and the topic's id.
    pub(crate) fn topic(&self) -> (usize, Option<u128>) {
        (self.leaders.len(), self.id)
    }
}

/// Java's `String.hashCode`: over UTF-16, wrapping.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::TopicName;
    use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    fn offsets_topic(leaders: &[i32]) -> MetadataResponseTopic {
        let partition = |(index, leader): (usize, &i32)| {
            MetadataResponsePartition::default()
                .with_partition_index(index as i32)
                .with_leader_id((*leader).into())
        };
        MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str(OFFSETS_TOPIC))))
            .with_partitions(leaders.iter().enumerate().map(partition).collect())
    }

    #[test]
    fn names_are_hashed_as_java_does() {
        let known = [
            ("", 0),
            ("hello", 99_162_322),
            ("polygenelubricants", i32::MIN),
            ("é𝄞", 233 * 961 + 0xD834 * 31 + 0xDD1E),
        ];
        for (text, hash) in known {
            assert_eq!(java_hash(text), hash, "{text}");
        }
    }

    #[test]
    fn the_leader_of_a_groups_partition_coordinates_it() {
        let coordinators =
            Coordinators::of(&[offsets_topic(&[10, 11, -1])], &Coordinators::default());
        let cases = [
            ("hello", Some(11), "99162322 % 3 = 1"),
            (
                "polygenelubricants",
                Some(10),
                "the number without a positive counts as 0",
            ),
            ("b", None, "98 % 3 = 2, and nobody leads it"),
        ];
        for (group, broker, why) in cases {
            assert_eq!(coordinators.coordinator(group), broker, "{why}");
        }
        assert!(coordinators.are_missing());
    }

    #[test]
    fn without_the_offsets_topic_nothing_is_known_and_nothing_is_missing() {
        let coordinators = Coordinators::of(&[], &Coordinators::default());
        assert_eq!(coordinators.coordinator("hello"), None);
        assert!(!coordinators.are_missing());
    }
}
