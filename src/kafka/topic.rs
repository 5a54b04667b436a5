//! One topic: as the metadata tells of it, and what this cycle read of its partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::protocol::StrBytes;

use super::client::cluster::BrokerId;
use super::offsets::End;
use super::past::PastState;
use crate::analysis::sample::{PartitionSample, Reading, Retention, Time};

/// A topic that two answers in a row lack is gone. One is not enough: a broker that is starting may not know all topics yet,
/// and with a topic its whole history goes. Meanwhile nothing wrong is told of it: no broker gives an end of a topic that is gone.
const ANSWERS_UNTIL_GONE: u8 = 2;

/// A watched topic.
#[derive(Clone)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    /// The same name as the codec wants it; a clone costs nothing.
    pub(crate) wire_name: StrBytes,
    pub(crate) id: Option<u128>,
    pub(crate) internal: bool,
    /// By partition number.
    pub(crate) leaders: Vec<Option<BrokerId>>,
    /// What this cycle read of them, by partition number.
    pub(crate) ends: Vec<PartitionSample>,
    /// By partition number.
    last_ends: Vec<LastEnd>,
    /// What this cycle was told of the time before: partition numbers and points.
    pub(crate) pasts: Vec<(u32, Vec<Reading>)>,
    pub(crate) retention: Option<Retention>,
    /// Bytes that a message takes on its leader's disk, by partition number; empty until they were asked for.
    pub(crate) message_bytes: Arc<[Option<f32>]>,
    /// When each leader was last asked for them.
    pub(crate) sizes_asked: BTreeMap<BrokerId, Time>,
    /// When its configuration was last asked for; absent = never.
    pub(crate) config_asked: Option<Time>,
    /// Answers in a row that lacked it.
    missed: u8,
}

/// The last log end that was told of a partition; 0 before the first.
#[derive(Clone, Copy, Default)]
struct LastEnd {
    offset: u64,
    /// A lower one was told since, and no metadata was read after it.
    fell: bool,
    past: PastState,
}

impl Topic {
    /// As it was answered, with what is known of it if it is still the same.
    pub(crate) fn new(
        answered: &MetadataResponseTopic,
        wire_name: &StrBytes,
        old: Option<&Self>,
    ) -> Self {
        let id = Some(answered.topic_id.as_u128()).filter(|id| *id != 0);
        let same = old.filter(|old| old.id == id);
        let leaders = leaders(answered);
        let mut ends = same.map_or_else(Vec::new, |old| old.ends.clone());
        ends.resize(leaders.len(), PartitionSample::default());
        let mut last_ends = same.map_or_else(Vec::new, Topic::settled_ends);
        last_ends.resize(leaders.len(), LastEnd::default());
        Self {
            name: old.map_or_else(|| Arc::from(&**wire_name), |old| Arc::clone(&old.name)),
            // Not the answer's own bytes: a name would keep the whole answer in memory.
            wire_name: old.map_or_else(
                || StrBytes::from_string(wire_name.to_string()),
                |old| old.wire_name.clone(),
            ),
            id,
            internal: answered.is_internal,
            leaders,
            ends,
            last_ends,
            pasts: same.map_or_else(Vec::new, |old| old.pasts.clone()),
            retention: same.and_then(|old| old.retention),
            message_bytes: same.map_or_else(Arc::default, |old| Arc::clone(&old.message_bytes)),
            sizes_asked: same.map_or_else(BTreeMap::new, |old| old.sizes_asked.clone()),
            config_asked: same.and_then(|old| old.config_asked),
            missed: 0,
        }
    }

    /// The log end is lower than it was: either the topic was made again, which its id will tell, or the log was truncated.
    /// Which of the two, only metadata that is read afterwards can say: until then every end is called fallen.
    pub(crate) fn fell(&mut self, partition: usize, log_end: u64) -> bool {
        let Some(last) = self.last_ends.get_mut(partition) else {
            return false;
        };
        last.fell |= log_end < last.offset;
        if !last.fell {
            last.offset = log_end;
        }
        last.fell
    }

    /// Its log ends mean something else from here on.
    pub(crate) fn redefine_ends(&mut self) {
        self.last_ends.fill_with(LastEnd::default);
    }

    /// The metadata was read again, and it is the same topic: a log that fell was truncated, and begins anew.
    fn settled_ends(&self) -> Vec<LastEnd> {
        let settled = |last: &LastEnd| if last.fell { LastEnd::default() } else { *last };
        self.last_ends.iter().map(settled).collect()
    }

    /// The same, one answer later that lacks it; `None` when it is gone.
    pub(crate) fn missed(mut self) -> Option<Self> {
        self.missed += 1;
        (self.missed < ANSWERS_UNTIL_GONE).then_some(self)
    }

    pub(crate) fn seen(mut self) -> Self {
        self.missed = 0;
        self
    }

    /// Must the metadata be read again soon?
    pub(crate) fn is_unsettled(&self) -> bool {
        self.missed > 0 || self.leaders.iter().any(Option::is_none)
    }

    /// A log of it fell, and it may be another topic by now: then that goes for its other partitions, too.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.last_ends.iter().any(|last| last.fell)
    }

    /// Forgets what an earlier cycle read.
    pub(crate) fn begin_cycle(&mut self) {
        self.ends.clear();
        self.ends
            .resize(self.leaders.len(), PartitionSample::default());
        self.pasts.clear();
        for last in &mut self.last_ends {
            last.past.is_new = false;
        }
    }

    /// Its past is asked for as at the first sight.
    pub(crate) fn forget_past(&mut self) {
        for last in &mut self.last_ends {
            last.past = PastState::default();
        }
    }

    pub(crate) fn past_state(&self, partition: usize) -> Option<&PastState> {
        self.last_ends.get(partition).map(|last| &last.past)
    }

    pub(crate) fn past_state_mut(&mut self, partition: usize) -> Option<&mut PastState> {
        self.last_ends.get_mut(partition).map(|last| &mut last.past)
    }

    /// From bytes on a leader's disk to bytes a message, by the ends that this cycle read: both are of the same moment.
    pub(crate) fn take_sizes(&mut self, broker: BrokerId, sizes: &[(StrBytes, i32, u64)]) {
        let mut each = self.message_bytes.to_vec();
        each.resize(self.leaders.len(), None);
        for (_, partition, bytes) in sizes {
            let Ok(index) = usize::try_from(*partition) else {
                continue;
            };
            if self.leaders.get(index).copied().flatten() != Some(broker) {
                continue;
            }
            let messages = self.ends.get(index).and_then(PartitionSample::kept);
            if let Some(kept) = messages.filter(|kept| *kept > 0) {
                each[index] = Some((*bytes as f64 / kept as f64) as f32);
            }
        }
        self.message_bytes = each.into();
    }

    /// Of two answers for a partition the later one counts.
    pub(crate) fn put(&mut self, end: End, partition: usize, reading: Reading) {
        if let Some(place) = self.ends.get_mut(partition) {
            match end {
                End::Latest => {
                    place.log_end = Some(reading);
                    if let Some(last) = self.last_ends.get_mut(partition) {
                        last.past.see(reading.offset);
                    }
                }
                End::Earliest => place.log_start = Some(reading),
            }
        }
    }
}

/// Leaders by partition number. The answer lists every partition, so that a number beyond their count is nonsense.
pub(crate) fn leaders(topic: &MetadataResponseTopic) -> Vec<Option<BrokerId>> {
    let mut leaders = vec![None; topic.partitions.len()];
    for partition in &topic.partitions {
        let index = usize::try_from(partition.partition_index).ok();
        if let Some(place) = index.and_then(|index| leaders.get_mut(index)) {
            *place = Some(partition.leader_id.0).filter(|leader| *leader >= 0);
        }
    }
    leaders
}
