//! What the records of the commit stream came to: of each followed group the commits that hold, and those that were made since they
//! were last taken, each with its time. Pure: records in, commits out; no client, no clock.
//!
//! A group's commits are all in one partition of the topic: a shard. What a shard tells is worth something while nothing is missing
//! between its first record that was read and its log end ([`Ledger::has_reached`]), and of a group only once its commits were asked
//! for after it had begun to be followed: most of them are older than what is read of the stream.

use std::collections::HashMap;
use std::collections::btree_map::BTreeMap;

use kafka_protocol::protocol::StrBytes;

use super::records::{self, Commit, Place, Said, Skipped};
use super::tail::{Spacing, TopicTail, TopicTold};

/// Milliseconds since 1970, by the clock of whoever says so.
pub(crate) type Millis = i64;

/// A commit that is so far in the future was stamped by a clock that is ahead of ours; less is an error of ours in reading it.
const AHEAD_MS: Millis = 1_000;

/// Where the freshest commit of a cycle is older than this when it is read, its times are not believed: a clock is behind, what is read
/// lags, or transactions held it back. Records come half a second after they were written.
const LATE_MS: Millis = 2_000;

/// Edges of a topic that are kept until they are told, for each partition; of one a second that is four minutes.
const EDGES_MAX: usize = 256;

/// Everything that was read.
pub(crate) struct Ledger {
    shards: Vec<ShardLog>,
    groups: HashMap<Box<str>, Followed>,
    /// Records that were not understood, by reason.
    skipped: BTreeMap<&'static str, u64>,
    /// Commits that were stamped in the future.
    ahead: u64,
    /// Commits of a partition that are nearer in time than this make one edge.
    step_ms: Millis,
    /// What is read is the past: its commits are told with their times.
    past: Option<PastTold>,
    /// A group committed in another shard than its name says: this broker spreads groups in a way of its own.
    is_strange: bool,
}

/// How the past is told: the older, the coarser; but what held at the end of each cycle, exactly.
#[derive(Clone, Copy)]
pub(crate) struct PastTold {
    /// When the last cycle ended.
    pub(crate) until_ms: Millis,
    /// How long one took.
    pub(crate) interval_ms: Millis,
    /// Edges are told apart from such a part of their age on.
    pub(crate) parts: i64,
}

impl PastTold {
    fn spacing(self, at_ms: Millis, least_ms: Millis) -> Spacing {
        let (age_ms, interval_ms) = (self.until_ms - at_ms, self.interval_ms.max(1));
        let ended_ms = self.until_ms - age_ms.div_euclid(interval_ms) * interval_ms;
        Spacing {
            step_ms: (age_ms / self.parts.max(1)).max(least_ms),
            after_ms: ended_ms - interval_ms,
        }
    }
}

/// One partition of `__consumer_offsets`.
#[derive(Default)]
struct ShardLog {
    /// Everything before it that matters was read; absent until reading has begun.
    position: Option<u64>,
    /// What lies at or beyond it waits until what lies before it has been taken.
    barrier: Option<u64>,
    waiting: Vec<Waiting>,
    /// When it was last known to be complete: what is read after that was committed after that. Absent while it reads the past.
    complete_ms: Option<Millis>,
    /// Records were missing before the next one.
    has_hole: bool,
    /// Since the commit of then none is known to be missing; absent when none is at all.
    whole_since_ms: Option<Millis>,
    /// Of the commits of this cycle, by how much the one that is farthest ahead is ahead of when it was read.
    freshest: Option<Millis>,
    /// The times of its commits in this cycle are not believed.
    is_late: bool,
}

/// A record beyond the barrier.
struct Waiting {
    key: Box<[u8]>,
    value: Option<Box<[u8]>>,
    read_ms: Millis,
}

/// A group.
struct Followed {
    shard: usize,
    topics: Vec<TopicTail>,
    base: Base,
    generation: Option<u32>,
    /// It rebalanced since that was last asked for.
    rebalanced: bool,
    /// Its edges are all since it was last told.
    is_timed: bool,
    /// Some of its commits are gone.
    has_gone: bool,
}

/// Whether a group's commits of before the stream are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Base {
    /// It is followed only since this cycle: what is asked for now may miss what the stream told before.
    #[default]
    Early,
    /// What is asked for now, and what the stream tells, are all there is.
    Wanted,
    Known,
}

impl Ledger {
    /// Of so many shards, with nothing read. Edges are told apart from `step_ms` on.
    pub(crate) fn new(shards: usize, step_ms: Millis) -> Self {
        Self {
            shards: (0..shards).map(|_| ShardLog::default()).collect(),
            groups: HashMap::new(),
            skipped: BTreeMap::new(),
            ahead: 0,
            step_ms,
            past: None,
            is_strange: false,
        }
    }

    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// What is read from now on, until [`Self::end_past`], is the past. Groups that begin to be followed in it are told with all their
    /// commits.
    pub(crate) fn begin_past(&mut self, past: PastTold) {
        self.past = Some(past);
    }

    /// The past was told.
    pub(crate) fn end_past(&mut self) {
        self.past = None;
    }

    /// From how far apart on edges of this time are told apart.
    fn spacing(&self, at_ms: Millis) -> Spacing {
        let present = Spacing {
            step_ms: self.step_ms,
            after_ms: Millis::MIN,
        };
        self.past
            .map_or(present, |past| past.spacing(at_ms, self.step_ms))
    }

    /// Everything of a shard before `offset` that matters was read: it begins here, or there was nothing to tell in between. (Ends of
    /// transactions are records, too.)
    pub(crate) fn advance(&mut self, shard: usize, offset: u64) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.position = shard.position.max(Some(offset));
        }
    }

    /// How far a shard was read; absent when it isn't.
    pub(crate) fn position(&self, shard: usize) -> Option<u64> {
        self.shards.get(shard)?.position
    }

    /// The past of a shard begins later than was asked for: of what was committed before its first record, nothing is known.
    pub(crate) fn clip(&mut self, shard: usize) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.has_hole = true;
            shard.whole_since_ms = Some(Millis::MAX);
        }
    }

    /// What was told last was heard by nobody, or nobody knows how much time has passed since: no time of a commit until now is of use.
    pub(crate) fn forget_times(&mut self) {
        for followed in self.groups.values_mut() {
            followed.is_timed = false;
            followed.topics.iter_mut().for_each(TopicTail::drop_edges);
        }
        for shard in &mut self.shards {
            shard.complete_ms = None;
            shard.freshest = None;
        }
    }

    /// Takes the next record of a shard, read at `read_ms`.
    pub(crate) fn take(
        &mut self,
        (shard, offset): (usize, u64),
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        read_ms: Millis,
    ) {
        let Some(own) = self.shards.get_mut(shard) else {
            return;
        };
        // Compaction took what was overwritten since: a commit before this and one after it have an unknown time in between. (Or it was
        // the end of a transaction, which looks the same. In the present there is no compaction yet.)
        own.has_hole |=
            self.past.is_some() && own.position.is_some_and(|position| offset > position);
        own.position = Some(offset + 1);
        let waits = own.barrier.is_some_and(|barrier| offset >= barrier);
        match key.filter(|_| waits) {
            Some(key) => own.waiting.push(Waiting {
                key: key.into(),
                value: value.map(Into::into),
                read_ms,
            }),
            None => self.understand(shard, (key, value), read_ms),
        }
    }

    /// What is read from now on at or beyond these offsets, by shard, waits for [`Self::open`].
    pub(crate) fn close(&mut self, ends: &[(usize, u64)]) {
        for (shard, end) in ends {
            if let Some(shard) = self.shards.get_mut(*shard) {
                shard.barrier = Some(*end);
            }
        }
    }

    /// What waited is taken.
    pub(crate) fn open(&mut self) {
        for shard in 0..self.shards.len() {
            let own = &mut self.shards[shard];
            own.barrier = None;
            for record in std::mem::take(&mut own.waiting) {
                let bytes = (Some(&*record.key), record.value.as_deref());
                self.understand(shard, bytes, record.read_ms);
            }
        }
    }

    /// Was a shard read up to this end of its log?
    pub(crate) fn has_reached(&self, shard: usize, end: u64) -> bool {
        let position = self.shards.get(shard).and_then(|shard| shard.position);
        position.is_some_and(|position| position >= end)
    }

    /// Were all these shards read up to their ends?
    pub(crate) fn has_reached_all(&self, ends: &[(usize, u64)]) -> bool {
        let mut ends = ends.iter();
        ends.all(|(shard, end)| self.has_reached(*shard, *end))
    }

    /// At this moment a shard's log ended where it was read to by now.
    pub(crate) fn note_complete(&mut self, shard: usize, at_ms: Millis) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.complete_ms = Some(at_ms);
        }
    }

    /// Follows a group from now on, if it isn't followed yet.
    pub(crate) fn follow(&mut self, shard: usize, group: &str) {
        if !self.groups.contains_key(group) {
            let followed = Followed {
                shard,
                topics: Vec::new(),
                base: Base::Early,
                generation: None,
                rebalanced: false,
                is_timed: self.past.is_some(),
                has_gone: false,
            };
            self.groups.insert(group.into(), followed);
        }
    }

    /// A cycle begins: of groups that are followed already, the commits that are asked for in it count.
    pub(crate) fn begin_cycle(&mut self) {
        for followed in self.groups.values_mut() {
            if followed.base == Base::Early {
                followed.base = Base::Wanted;
            }
            if std::mem::take(&mut followed.has_gone) {
                followed.forget_gone();
            }
        }
    }

    /// Forgets the groups that are not to be followed any more.
    pub(crate) fn forget_all_but(&mut self, is_known: impl Fn(&str) -> bool) {
        self.groups.retain(|group, _| is_known(group));
    }

    /// Takes what a group had committed, as its coordinator told it when it was asked. What the stream told is newer, or will be.
    pub(crate) fn take_base<'a>(
        &mut self,
        group: &str,
        topics: impl Iterator<Item = (&'a StrBytes, &'a [(u32, u64)])>,
    ) {
        let Some(followed) = self.groups.get_mut(group) else {
            return;
        };
        if followed.base == Base::Early {
            return;
        }
        followed.topics.iter_mut().for_each(TopicTail::forget_base);
        for (name, partitions) in topics {
            followed.topic(name).take_base(partitions);
        }
        followed.base = Base::Known;
    }

    /// Are all commits of this group known, as far as its shard is read? Gives the shard.
    pub(crate) fn knows(&self, group: &str) -> Option<usize> {
        let followed = self.groups.get(group);
        let known = followed.filter(|followed| followed.base == Base::Known);
        known.map(|followed| followed.shard)
    }

    /// The commits of a group that hold, with those that were made since this was last asked.
    pub(crate) fn tell(&mut self, group: &str) -> Option<Vec<TopicTold>> {
        let followed = self.groups.get_mut(group)?;
        let shard = self.shards.get(followed.shard)?;
        let is_timed = std::mem::replace(&mut followed.is_timed, true) && !shard.is_late;
        let whole_since = shard.whole_since_ms;
        let whole_since = whole_since.filter(|_| self.past.is_some());
        let topics = followed.topics.iter_mut();
        let told = topics.filter_map(|tail| tail.tell(is_timed, whole_since));
        Some(told.collect())
    }

    /// Forgets what is known of a group: it has to be asked for anew. Says whether all was known.
    pub(crate) fn doubt(&mut self, group: &str) -> bool {
        let Some(followed) = self.groups.get_mut(group) else {
            return false;
        };
        let was_known = followed.base == Base::Known;
        followed.doubt();
        was_known
    }

    /// Somebody else told a group: the times of its commits until now are of no use.
    pub(crate) fn drop_edges(&mut self, group: &str) {
        if let Some(followed) = self.groups.get_mut(group) {
            followed.is_timed = false;
            followed.topics.iter_mut().for_each(TopicTail::drop_edges);
        }
    }

    /// The generation of a group, or its epoch, and whether that was told anew since it was last asked for.
    pub(crate) fn generation(&mut self, group: &str) -> (Option<u32>, bool) {
        let followed = self.groups.get_mut(group);
        followed.map_or((None, false), |followed| {
            let rebalanced = std::mem::take(&mut followed.rebalanced);
            (followed.generation, rebalanced)
        })
    }

    /// The topics in which groups have commits, each with the highest such partition; many of them more than once.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&StrBytes, u32)> {
        let topics = self.groups.values().flat_map(|followed| &followed.topics);
        topics.filter_map(|tail| Some((&tail.name, tail.last_partition()?)))
    }

    /// Records that were not understood since the beginning, by reason.
    pub(crate) fn skipped(&self) -> Vec<(&'static str, u64)> {
        let counts = self.skipped.iter();
        counts.map(|(reason, count)| (*reason, *count)).collect()
    }

    /// Commits that were stamped in the future, since the beginning.
    pub(crate) fn stamped_ahead(&self) -> u64 {
        self.ahead
    }

    /// Ends what is read in a cycle: by how many milliseconds its freshest commit was ahead of when it was read. Where clocks agree that
    /// is what it takes to be read, and so below zero.
    pub(crate) fn take_freshest(&mut self) -> Option<Millis> {
        let freshest = self.shards.iter_mut().map(|shard| {
            let freshest = shard.freshest.take();
            shard.is_late = freshest.is_some_and(|ahead| ahead < -LATE_MS);
            freshest
        });
        freshest.max().flatten()
    }

    /// This broker spreads groups over the shards in another way than Kafka does.
    pub(crate) fn is_strange(&self) -> bool {
        self.is_strange
    }

    fn understand(
        &mut self,
        shard: usize,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        read_ms: Millis,
    ) {
        match records::read(key, value) {
            Ok(said) => self.note(shard, said, read_ms),
            Err(skipped) => {
                self.skip(skipped);
                let group = key.and_then(records::committing_group);
                if let Some(group) = group {
                    self.doubt(group);
                }
            }
        }
    }

    fn skip(&mut self, skipped: Skipped) {
        *self.skipped.entry(skipped.reason()).or_default() += 1;
    }

    fn note(&mut self, shard: usize, said: Said<'_>, read_ms: Millis) {
        match said {
            Said::Committed(place, commit) => self.note_commit(shard, place, commit, read_ms),
            Said::Uncommitted(place) => {
                if let Some(followed) = self.groups.get_mut(place.group) {
                    followed.remove(place);
                }
            }
            Said::Generation { group, number } => {
                if let Some(followed) = self.groups.get_mut(group) {
                    let number = u32::try_from(number).ok();
                    followed.rebalanced |= followed.generation != number;
                    followed.generation = number;
                }
            }
            // It may come again under its name, and then counts from the beginning.
            Said::Ended(group) => {
                if let Some(followed) = self.groups.get_mut(group) {
                    followed.generation = None;
                }
            }
            Said::Other => {}
        }
    }

    fn note_commit(&mut self, shard: usize, place: Place<'_>, commit: Commit, read_ms: Millis) {
        let own = &mut self.shards[shard];
        if own.complete_ms.is_some() {
            let ahead = commit.at_ms.saturating_sub(read_ms);
            own.freshest = own.freshest.max(Some(ahead));
            self.ahead += u64::from(ahead > AHEAD_MS);
        }
        // It was made known after the last look and before it was read, whatever a clock elsewhere says; and after 1970.
        let earliest = own.complete_ms.unwrap_or(0).min(read_ms);
        let at_ms = commit.at_ms.clamp(earliest, read_ms);
        if std::mem::take(&mut own.has_hole) {
            own.whole_since_ms = Some(at_ms);
        }
        let spacing = self.spacing(at_ms);
        if let Some(followed) = self.groups.get_mut(place.group) {
            self.is_strange |= followed.shard != shard;
            followed.put(place, commit, at_ms, spacing);
        }
    }
}

impl Followed {
    fn topic(&mut self, name: &str) -> &mut TopicTail {
        let found = self.topics.binary_search_by(|tail| (*tail.name).cmp(name));
        let index = found.unwrap_or_else(|index| {
            // Most groups read one topic: a doubled room would hold four.
            self.topics.reserve_exact(1);
            self.topics.insert(index, TopicTail::new(name));
            index
        });
        &mut self.topics[index]
    }

    fn put(&mut self, place: Place<'_>, commit: Commit, at_ms: Millis, spacing: Spacing) {
        let tail = self.topic(place.topic);
        if matches!((tail.id, commit.topic_id), (Some(before), Some(now)) if before != now) {
            // What was committed in a topic of the same name before says nothing of this one.
            tail.begin_anew();
        }
        tail.id = commit.topic_id.or(tail.id);
        tail.put(place.partition, commit.offset, at_ms, spacing);
        // Nobody was told for long. (The past is bounded by how much of it is read.)
        if !spacing.is_of_the_past() && tail.has_more_edges_than(EDGES_MAX) {
            tail.drop_edges();
            self.is_timed = false;
        }
    }

    fn remove(&mut self, place: Place<'_>) {
        self.has_gone = true;
        self.topic(place.topic).put_gone(place.partition);
    }

    fn forget_gone(&mut self) {
        self.topics.retain_mut(TopicTail::forget_gone);
    }

    /// It has to be asked for all of it, and what was read before is no news.
    fn doubt(&mut self) {
        self.topics.clear();
        self.base = Base::Early;
        self.is_timed = false;
    }
}

#[cfg(test)]
mod tests;
