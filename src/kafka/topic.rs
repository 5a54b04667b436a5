//! One topic: as the metadata tells of it, and what this cycle read of its partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::protocol::StrBytes;

use super::client::cluster::BrokerId;
use super::leader::{Leader, comparable, leaders, topic_id};
use super::offsets::End;
use super::past::PastState;
use crate::analysis::sample::{PartitionSample, Reading, Retention, Time};

/// A topic that two answers in a row lack is gone. One is not enough: a broker that is starting may not know all topics yet,
/// and with a topic its whole history goes. Meanwhile nothing wrong is told of it: no broker gives an end of a topic that is gone.
const ANSWERS_UNTIL_GONE: u8 = 2;

/// Commits in partitions that two looks at the metadata lack are left over. One is not enough: a broker may be behind the one that
/// took the commit.
const LOOKS_UNTIL_LEFTOVER: u8 = 2;

/// A watched topic.
#[derive(Clone)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    /// The same name as the codec wants it; a clone costs nothing.
    pub(crate) wire_name: StrBytes,
    pub(crate) id: Option<u128>,
    pub(crate) internal: bool,
    /// By partition number.
    pub(crate) leaders: Vec<Leader>,
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
    beyond: Beyond,
}

/// Commits in partitions that the metadata does not have: it grew, or they are left over from a topic that was larger.
#[derive(Clone, Copy, Default)]
struct Beyond {
    /// Such a commit was read since the last metadata.
    noticed: bool,
    /// Metadata in a row that was read after such a commit, and had no more partitions.
    looks: u8,
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
        let id = topic_id(answered);
        let same = old.filter(|old| old.id == id);
        let known = old.map(|old| (old.id, &*old.leaders));
        let leaders = leaders(answered, comparable(id, known));
        let count = leaders.len();
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
            beyond: same
                .filter(|old| old.leaders.len() == count)
                .map_or_else(Beyond::default, Topic::looked_beyond),
        }
    }

    /// A commit in a partition that is not known: is it worth a look at the metadata?
    pub(crate) fn notice_beyond(&mut self) -> bool {
        self.beyond.noticed = true;
        self.may_have_grown()
    }

    /// Commits in partitions that are not known are not known to be left over.
    pub(crate) fn may_have_grown(&self) -> bool {
        self.beyond.looks < LOOKS_UNTIL_LEFTOVER
    }

    fn looked_beyond(&self) -> Beyond {
        let looks = self.beyond.looks.saturating_add(self.beyond.noticed.into());
        Beyond {
            noticed: false,
            looks,
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

    /// Its log ends mean something else from here on, and so do the sizes of messages.
    pub(crate) fn redefine_ends(&mut self) {
        self.last_ends.fill_with(LastEnd::default);
        self.message_bytes = Arc::default();
        self.sizes_asked.clear();
        self.config_asked = None;
        if let Some(retention) = &mut self.retention {
            retention.bytes = None;
        }
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
        self.missed > 0 || self.leaders.iter().any(|leader| leader.broker.is_none())
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
            if self.leaders.get(index).and_then(|leader| leader.broker) != Some(broker) {
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
