//! What the records of the commit stream came to: of each followed group the commits that hold, and those that were made since they
//! were last taken, each with its time. Pure: records in, commits out; no client, no clock.
//!
//! A group's commits are all in one partition of the topic: a shard. What a shard tells is worth something while nothing is missing
//! between its first record that was read and its log end ([`Ledger::has_reached`]), and of a group only once its commits were asked
//! for after it had begun to be followed: most of them are older than what is read of the stream.

mod followed;
mod log;

use std::collections::HashMap;
use std::collections::btree_map::BTreeMap;

use kafka_protocol::protocol::StrBytes;

use followed::Followed;
use log::Log;

use super::records::{self, Commit, Place, Said, Skipped};
use super::spacing::{PastTold, Spacing};
use super::tail::TopicTold;

/// Milliseconds since 1970, by the clock of whoever says so.
pub(crate) type Millis = i64;

/// A commit that is so far in the future was stamped by a clock that is ahead of ours; less is an error of ours in reading it.
const AHEAD_MS: Millis = 1_000;

/// Everything that was read.
pub(crate) struct Ledger {
    shards: Vec<Log>,
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

impl Ledger {
    /// Of so many shards, with nothing read. Edges are told apart from `step_ms` on.
    pub(crate) fn new(shards: usize, step_ms: Millis) -> Self {
        Self {
            shards: (0..shards).map(|_| Log::default()).collect(),
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
        let present = Spacing::of_the_present(self.step_ms);
        self.past
            .map_or(present, |past| past.spacing(at_ms, self.step_ms))
    }

    /// Everything of a shard before `offset` that matters was read: it begins here, or there was nothing to tell in between. (Ends of
    /// transactions are records, too.)
    pub(crate) fn advance(&mut self, shard: usize, offset: u64) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.advance(offset);
        }
    }

    /// How far a shard was read; absent when it isn't.
    pub(crate) fn position(&self, shard: usize) -> Option<u64> {
        self.shards.get(shard)?.position
    }

    /// The past of a shard begins later than was asked for: of what was committed before its first record, nothing is known.
    pub(crate) fn clip(&mut self, shard: usize) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.clip();
        }
    }

    /// What was told last was heard by nobody, or nobody knows how much time has passed since: no time of a commit until now is of use.
    pub(crate) fn forget_times(&mut self) {
        self.groups.values_mut().for_each(Followed::drop_edges);
        self.shards.iter_mut().for_each(Log::forget_times);
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
        let waits = own.pass(offset, self.past.is_some());
        match key.filter(|_| waits) {
            Some(key) => own.keep(key, value, read_ms),
            None => self.understand(shard, (key, value), read_ms),
        }
    }

    /// What is read from now on at or beyond these offsets, by shard, waits for [`Self::open`].
    pub(crate) fn close(&mut self, ends: &[(usize, u64)]) {
        for (shard, end) in ends {
            if let Some(shard) = self.shards.get_mut(*shard) {
                shard.close(*end);
            }
        }
    }

    /// What waited is taken.
    pub(crate) fn open(&mut self) {
        for shard in 0..self.shards.len() {
            for record in self.shards[shard].open() {
                let bytes = (Some(&*record.key), record.value.as_deref());
                self.understand(shard, bytes, record.read_ms);
            }
        }
    }

    /// Was a shard read up to this end of its log?
    pub(crate) fn has_reached(&self, shard: usize, end: u64) -> bool {
        let log = self.shards.get(shard);
        log.is_some_and(|log| log.has_reached(end))
    }

    /// Were all these shards read up to their ends?
    pub(crate) fn has_reached_all(&self, ends: &[(usize, u64)]) -> bool {
        let mut ends = ends.iter();
        ends.all(|(shard, end)| self.has_reached(*shard, *end))
    }

    /// At this moment a shard's log ended where it was read to by now.
    pub(crate) fn note_complete(&mut self, shard: usize, at_ms: Millis) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.note_complete(at_ms);
        }
    }

    /// Follows a group from now on, if it isn't followed yet.
    pub(crate) fn follow(&mut self, shard: usize, group: &str) {
        if !self.groups.contains_key(group) {
            let followed = Followed::new(shard, self.past.is_some());
            self.groups.insert(group.into(), followed);
        }
    }

    /// A cycle begins: of groups that are followed already, the commits that are asked for in it count.
    pub(crate) fn begin_cycle(&mut self) {
        self.groups.values_mut().for_each(Followed::begin_cycle);
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
        if let Some(followed) = self.groups.get_mut(group) {
            followed.take_base(topics.map(|(name, partitions)| (&**name, partitions)));
        }
    }

    /// Are all commits of this group known, as far as its shard is read? Gives the shard.
    pub(crate) fn knows(&self, group: &str) -> Option<usize> {
        let followed = self.groups.get(group);
        let known = followed.filter(|followed| followed.is_known());
        known.map(|followed| followed.shard)
    }

    /// The commits of a group that hold, with those that were made since this was last asked.
    pub(crate) fn tell(&mut self, group: &str) -> Option<Vec<TopicTold>> {
        let followed = self.groups.get_mut(group)?;
        let shard = self.shards.get(followed.shard)?;
        let whole_since = shard.whole_since_ms.filter(|_| self.past.is_some());
        Some(followed.tell(!shard.is_late, whole_since))
    }

    /// Forgets what is known of a group: it has to be asked for anew. Says whether all was known.
    pub(crate) fn doubt(&mut self, group: &str) -> bool {
        let Some(followed) = self.groups.get_mut(group) else {
            return false;
        };
        let was_known = followed.is_known();
        followed.doubt();
        was_known
    }

    /// Somebody else told a group: the times of its commits until now are of no use.
    pub(crate) fn drop_edges(&mut self, group: &str) {
        if let Some(followed) = self.groups.get_mut(group) {
            followed.drop_edges();
        }
    }

    /// The generation of a group, or its epoch, and whether that was told anew since it was last asked for.
    pub(crate) fn generation(&mut self, group: &str) -> (Option<u32>, bool) {
        let followed = self.groups.get_mut(group);
        followed.map_or((None, false), Followed::take_generation)
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
        let freshest = self.shards.iter_mut().map(Log::take_freshest);
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
                    followed.begin_generation(u32::try_from(number).ok());
                }
            }
            Said::Ended(group) => {
                if let Some(followed) = self.groups.get_mut(group) {
                    followed.end();
                }
            }
            Said::Other => {}
        }
    }

    fn note_commit(&mut self, shard: usize, place: Place<'_>, commit: Commit, read_ms: Millis) {
        let own = &mut self.shards[shard];
        let ahead = own.ahead_ms(commit.at_ms, read_ms);
        self.ahead += u64::from(ahead.is_some_and(|ahead| ahead > AHEAD_MS));
        let at_ms = own.time_of(commit.at_ms, read_ms);
        let spacing = self.spacing(at_ms);
        if let Some(followed) = self.groups.get_mut(place.group) {
            self.is_strange |= followed.shard != shard;
            followed.put(place, commit, at_ms, spacing);
        }
    }
}

#[cfg(test)]
mod tests;
