//! Who leads a partition, and since which election: the leader's epoch tells apart what is newer, whoever tells it.

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;

use super::client::cluster::BrokerId;

/// In a request: whoever leads the partition shall answer, since whenever.
const ANY_EPOCH: i32 = -1;

/// As the metadata told it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Leader {
    /// Absent: nobody leads it now.
    pub(crate) broker: Option<BrokerId>,
    epoch: Option<i32>,
}

impl Leader {
    /// For requests: a broker that has another view refuses, instead of answering with what was true before.
    pub(crate) fn epoch(self) -> i32 {
        self.epoch.unwrap_or(ANY_EPOCH)
    }

    /// Was it told by a broker that lags behind? Where epochs are unknown, the last word counts.
    fn is_older_than(self, other: Self) -> bool {
        let both = self.epoch.zip(other.epoch);
        both.is_some_and(|(own, other)| own < other)
    }
}

/// Leaders by partition number. `known` are those of the same topic (by its id: an epoch says nothing of a topic that was made
/// again); what is newer among them stays, as KIP-320 asks of clients. The answer lists every partition, so that a number beyond
/// their count is nonsense.
pub(crate) fn leaders(topic: &MetadataResponseTopic, known: &[Leader]) -> Vec<Leader> {
    let mut leaders = vec![Leader::default(); topic.partitions.len()];
    for partition in &topic.partitions {
        let told = Leader {
            broker: Some(partition.leader_id.0).filter(|leader| *leader >= 0),
            epoch: Some(partition.leader_epoch).filter(|epoch| *epoch >= 0),
        };
        let index = usize::try_from(partition.partition_index).unwrap_or(usize::MAX);
        if let Some(place) = leaders.get_mut(index) {
            let newer = known.get(index).filter(|known| told.is_older_than(**known));
            *place = newer.copied().unwrap_or(told);
        }
    }
    leaders
}

/// The topic's id; absent from brokers that tell none.
pub(crate) fn topic_id(topic: &MetadataResponseTopic) -> Option<u128> {
    Some(topic.topic_id.as_u128()).filter(|id| *id != 0)
}

/// The leaders of `known` if they are of the same topic for sure.
pub(crate) fn comparable(id: Option<u128>, known: Option<(Option<u128>, &[Leader])>) -> &[Leader] {
    let same = known.filter(|(known_id, _)| id.is_some() && *known_id == id);
    same.map_or(&[], |(_, leaders)| leaders)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::metadata_response::MetadataResponsePartition;

    use super::*;

    /// One partition with its leader and epoch.
    fn topic((leader, epoch): (i32, i32)) -> MetadataResponseTopic {
        let partition = MetadataResponsePartition::default()
            .with_leader_id(leader.into())
            .with_leader_epoch(epoch);
        MetadataResponseTopic::default().with_partitions(vec![partition])
    }

    #[test]
    fn the_newer_epoch_of_a_topic_stays() {
        let cases = [
            ((1, 5), (2, 6), (2, 6), "elected since"),
            ((2, 6), (1, 5), (2, 6), "told by a broker that lags"),
            ((-1, 6), (1, 5), (-1, 6), "nobody leads it since"),
            ((1, 5), (-1, 5), (-1, 5), "the same election: the last word"),
            ((1, 5), (2, -1), (2, -1), "a broker that tells no epochs"),
            ((1, -1), (2, 0), (2, 0), "one that does now"),
        ];
        for (before, told, expected, why) in cases {
            let known = leaders(&topic(before), &[]);
            let now = leaders(&topic(told), &known);
            assert_eq!(now, leaders(&topic(expected), &[]), "{why}");
        }
    }

    #[test]
    fn epochs_are_compared_within_one_topic_only() {
        let known = leaders(&topic((1, 5)), &[]);
        let cases = [
            (Some(7), Some(7), 1, "the same topic"),
            (Some(8), Some(7), 0, "made again"),
            (None, None, 0, "who knows"),
        ];
        for (id, known_id, count, why) in cases {
            let found = comparable(id, Some((known_id, &known)));
            assert_eq!(found.len(), count, "{why}");
        }
        assert_eq!(comparable(Some(7), None), []);
    }
}
