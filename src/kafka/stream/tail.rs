//! What a group committed in one topic: what holds in each partition, and the commits since they were last told. Pure.

use kafka_protocol::protocol::StrBytes;

use super::ledger::Millis;
use super::spacing::Spacing;

/// Commits in the place of time of one that was asked for: nobody said when it was made.
const TIMELESS: Millis = Millis::MIN;

/// The commit is gone: kept until a cycle has passed, or what was asked for just before would bring it back.
const GONE: u64 = u64::MAX;

/// No edge.
const NONE: u32 = u32::MAX;

/// A group in a topic.
pub(super) struct TopicTail {
    pub(super) name: StrBytes,
    /// As the last commit told it.
    pub(super) id: Option<u128>,
    /// In order of partition.
    keys: Vec<Key>,
    /// Commits since they were last taken, linked by partition.
    edges: Vec<Edge>,
    /// The time of the first of them.
    since_ms: Millis,
}

/// The commit that holds in a partition.
struct Key {
    offset: u64,
    at_ms: Millis,
    partition: u32,
    /// The newest of its edges.
    newest: u32,
}

#[derive(Clone, Copy)]
struct Edge {
    offset: u64,
    after_ms: u32,
    /// The one before it in the same partition.
    before: u32,
}

/// A commit, and when it was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Timed {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) at_ms: Millis,
}

/// The commits of a group in a topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TopicTold {
    pub(crate) name: StrBytes,
    pub(crate) id: Option<u128>,
    /// `(partition, offset)`, in order of partition.
    pub(crate) partitions: Vec<(u32, u64)>,
    /// Those since the last time, in order of partition and time; absent when somebody else told the group then.
    pub(crate) edges: Option<Vec<Timed>>,
}

impl TopicTail {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: StrBytes::from_string(name.to_owned()),
            id: None,
            keys: Vec::new(),
            edges: Vec::new(),
            since_ms: 0,
        }
    }

    fn index(&self, partition: u32) -> Result<usize, usize> {
        self.keys
            .binary_search_by_key(&partition, |key| key.partition)
    }

    /// For each partition, on average.
    pub(super) fn has_more_edges_than(&self, count: usize) -> bool {
        self.edges.len() > count * self.keys.len()
    }

    pub(super) fn put_gone(&mut self, partition: u32) {
        let index = self.index(partition).unwrap_or_else(|index| {
            self.put_base(partition, GONE);
            index
        });
        // Not one that was asked for.
        let key = &mut self.keys[index];
        (key.offset, key.at_ms) = (GONE, TIMELESS + 1);
    }

    /// The highest partition with a commit.
    pub(super) fn last_partition(&self) -> Option<u32> {
        self.keys.last().map(|key| key.partition)
    }

    /// It is another topic of the same name: what was committed in the former says nothing of it.
    pub(super) fn begin_anew(&mut self) {
        self.keys.clear();
        self.drop_edges();
    }

    /// What was asked for before is asked for anew.
    pub(super) fn forget_base(&mut self) {
        self.keys.retain(|key| key.at_ms != TIMELESS);
    }

    /// Takes what was asked for, where the stream hasn't told anything.
    pub(super) fn take_base(&mut self, partitions: &[(u32, u64)]) {
        let more = partitions.len().saturating_sub(self.keys.len());
        self.keys.reserve_exact(more);
        for (partition, offset) in partitions {
            self.put_base(*partition, *offset);
        }
    }

    /// Forgets what was gone a cycle ago; says whether anything is left.
    pub(super) fn forget_gone(&mut self) -> bool {
        self.keys.retain(|key| key.offset != GONE);
        !self.keys.is_empty()
    }

    fn put_base(&mut self, partition: u32, offset: u64) {
        if let Err(index) = self.index(partition) {
            let key = Key {
                offset,
                at_ms: TIMELESS,
                partition,
                newest: NONE,
            };
            self.keys.insert(index, key);
        }
    }

    pub(super) fn put(&mut self, partition: u32, offset: u64, at_ms: Millis, spacing: Spacing) {
        let index = self.index(partition).unwrap_or_else(|index| {
            let key = Key {
                offset,
                at_ms,
                partition,
                newest: NONE,
            };
            if self.keys.len() == self.keys.capacity() {
                self.keys.reserve_exact(1 + self.keys.len() / 4);
            }
            self.keys.insert(index, key);
            index
        });
        if self.edges.is_empty() {
            self.since_ms = at_ms;
        }
        // Records are in order of their offsets, not quite of their times.
        let after = (at_ms - self.since_ms).max(0);
        let after_ms = u32::try_from(after).unwrap_or(u32::MAX);
        let newest = self.keys[index].newest;
        let replaced = newest != NONE && self.is_crowded(newest, spacing);
        let key = &mut self.keys[index];
        (key.offset, key.at_ms) = (offset, at_ms);
        if replaced {
            let edge = &mut self.edges[newest as usize];
            (edge.offset, edge.after_ms) = (offset, after_ms.max(edge.after_ms));
            return;
        }
        key.newest = u32::try_from(self.edges.len()).unwrap_or(NONE);
        self.edges.push(Edge {
            offset,
            after_ms,
            before: newest,
        });
    }

    /// Is an edge too near to the one before it to be kept when the next comes?
    fn is_crowded(&self, newest: u32, spacing: Spacing) -> bool {
        let edge = self.edges[newest as usize];
        let before = self.edges.get(edge.before as usize);
        let since = before.map(|before| edge.after_ms - before.after_ms.min(edge.after_ms));
        since.is_some_and(|since| Millis::from(since) < spacing.step_ms)
            && self.since_ms + Millis::from(edge.after_ms) > spacing.after_ms
    }

    pub(super) fn tell(
        &mut self,
        is_timed: bool,
        whole_since: Option<Millis>,
    ) -> Option<TopicTold> {
        let mut edges = is_timed.then(|| self.edges_by_partition(whole_since));
        if let (Some(edges), Some(since)) = (&mut edges, whole_since) {
            forget_before(edges, since);
        }
        self.drop_edges();
        let keys = self.keys.iter().filter(|key| key.offset != GONE);
        keys.clone().next()?;
        Some(TopicTold {
            name: self.name.clone(),
            id: self.id,
            partitions: keys.map(|key| (key.partition, key.offset)).collect(),
            edges,
        })
    }

    /// Where nothing is known of before some time, a commit of before is told as of then.
    fn edges_by_partition(&self, whole_since: Option<Millis>) -> Vec<Timed> {
        let mut edges = Vec::with_capacity(self.edges.len());
        for key in self.keys.iter().filter(|key| key.offset != GONE) {
            let first = edges.len();
            if let (TIMELESS, Some(at_ms)) = (key.at_ms, whole_since) {
                edges.push(Timed {
                    partition: key.partition,
                    offset: key.offset,
                    at_ms,
                });
                continue;
            }
            let mut at = key.newest;
            while let Some(edge) = self.edges.get(at as usize) {
                edges.push(Timed {
                    partition: key.partition,
                    offset: edge.offset,
                    at_ms: self.since_ms + Millis::from(edge.after_ms),
                });
                at = edge.before;
            }
            edges[first..].reverse();
        }
        edges
    }

    /// The room for them stays, as they come again: what they needed now, or four a partition after more than that, and a little more.
    pub(super) fn drop_edges(&mut self) {
        let usual = self.edges.len().min(4 * self.keys.len());
        let room = usual + usual / 8;
        self.edges.clear();
        if self.edges.capacity() > room + room / 4 {
            self.edges.shrink_to(room);
        }
        for key in &mut self.keys {
            key.newest = NONE;
        }
    }
}

/// Edges before a hole in the log; the last one of each partition is known to be that.
fn forget_before(edges: &mut Vec<Timed>, since: Millis) {
    let mut next = edges.iter().skip(1).map(|edge| edge.partition);
    let last: Vec<bool> = edges
        .iter()
        .map(|edge| next.next() != Some(edge.partition))
        .collect();
    let mut is_last = last.into_iter();
    edges.retain(|edge| is_last.next() == Some(true) || edge.at_ms >= since);
}
