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
use super::tail::{TopicTail, TopicTold};

/// Milliseconds since 1970, by the clock of whoever says so.
pub(crate) type Millis = i64;

/// A commit that is so far in the future was stamped by a clock that is ahead of ours; less is an error of ours in reading it.
const AHEAD_MS: Millis = 1_000;

/// Everything that was read.
pub(crate) struct Ledger {
    shards: Vec<Shard>,
    groups: HashMap<Box<str>, Followed>,
    /// Records that were not understood, by reason.
    skipped: BTreeMap<&'static str, u64>,
    /// Commits that were stamped in the future.
    ahead: u64,
    /// Of the commits since this was last asked for, by how much the one that is farthest ahead is ahead of when it was read.
    freshest: Option<Millis>,
    /// Commits of a partition that are nearer in time than this make one edge.
    step_ms: Millis,
    /// What is read is the past: its commits are told with their times.
    past: Option<PastTold>,
    /// A group committed in another shard than its name says: this broker spreads groups in a way of its own.
    is_strange: bool,
}

/// How the past is told: the older, the coarser.
#[derive(Clone, Copy)]
pub(crate) struct PastTold {
    /// Where it ends.
    pub(crate) until_ms: Millis,
    /// Edges are told apart from such a part of their age on.
    pub(crate) parts: i64,
}

/// One partition of `__consumer_offsets`.
#[derive(Default)]
struct Shard {
    /// Everything before it that matters was read; absent until reading has begun.
    position: Option<u64>,
    /// What lies at or beyond it waits until what lies before it has been taken.
    barrier: Option<u64>,
    waiting: Vec<Waiting>,
    /// When it was last known to be complete: what is read after that was committed after that. Absent while it reads the past.
    complete_ms: Option<Millis>,
    /// Records were missing before the next one.
    is_torn: bool,
    /// Since the commit of then none is known to be missing; absent when none is at all.
    whole_since_ms: Option<Millis>,
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
            shards: (0..shards).map(|_| Shard::default()).collect(),
            groups: HashMap::new(),
            skipped: BTreeMap::new(),
            ahead: 0,
            freshest: None,
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
    fn step_ms(&self, at_ms: Millis) -> Millis {
        let of_age = |past: PastTold| (past.until_ms - at_ms) / past.parts.max(1);
        self.past
            .map_or(self.step_ms, |past| of_age(past).max(self.step_ms))
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
            shard.is_torn = true;
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
        }
        self.freshest = None;
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
        own.is_torn |=
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
        let is_timed = std::mem::replace(&mut followed.is_timed, true);
        let whole_since = self.shards.get(followed.shard)?.whole_since_ms;
        let whole_since = whole_since.filter(|_| self.past.is_some());
        let topics = followed.topics.iter_mut();
        let told = topics.filter_map(|tail| tail.tell(is_timed, whole_since));
        Some(told.collect())
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

    /// By how many milliseconds the freshest commit since this was last asked is ahead of when it was read. Where clocks agree that is
    /// what it takes to be read, and so below zero.
    pub(crate) fn take_freshest(&mut self) -> Option<Millis> {
        self.freshest.take()
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
                if let Some(followed) = group.and_then(|group| self.groups.get_mut(group)) {
                    followed.doubt();
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
            self.freshest = self.freshest.max(Some(ahead));
            self.ahead += u64::from(ahead > AHEAD_MS);
        }
        // It was made known after the last look and before it was read, whatever a clock elsewhere says; and after 1970.
        let earliest = own.complete_ms.unwrap_or(0).min(read_ms);
        let at_ms = commit.at_ms.clamp(earliest, read_ms);
        if std::mem::take(&mut own.is_torn) {
            own.whole_since_ms = Some(at_ms);
        }
        let step_ms = self.step_ms(at_ms);
        if let Some(followed) = self.groups.get_mut(place.group) {
            self.is_strange |= followed.shard != shard;
            followed.put(place, commit, at_ms, step_ms);
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

    fn put(&mut self, place: Place<'_>, commit: Commit, at_ms: Millis, step_ms: Millis) {
        let tail = self.topic(place.topic);
        if matches!((tail.id, commit.topic_id), (Some(before), Some(now)) if before != now) {
            // What was committed in a topic of the same name before says nothing of this one.
            tail.begin_anew();
        }
        tail.id = commit.topic_id.or(tail.id);
        tail.put(place.partition, commit.offset, at_ms, step_ms);
    }

    fn remove(&mut self, place: Place<'_>) {
        self.has_gone = true;
        self.topic(place.topic).put_gone(place.partition);
    }

    fn forget_gone(&mut self) {
        self.topics.retain_mut(TopicTail::forget_gone);
    }

    /// It committed something that can't be read: it has to be asked for all of it, and what was read before is no news.
    fn doubt(&mut self) {
        self.topics.clear();
        self.base = Base::Early;
        self.is_timed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys and values as Kafka 3.9 writes them.
    fn record(
        group: &str,
        partition: u32,
        commit: Option<(u64, Millis)>,
    ) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut key = vec![0, 1];
        for text in [group, "orders"] {
            key.extend((text.len() as i16).to_be_bytes());
            key.extend(text.as_bytes());
        }
        key.extend(partition.to_be_bytes());
        let value = commit.map(|(offset, at_ms)| {
            let mut value = vec![0, 3];
            value.extend(offset.to_be_bytes());
            value.extend([0; 4]);
            value.extend([0; 2]);
            value.extend(at_ms.to_be_bytes());
            value
        });
        (key, value)
    }

    const SHARD: usize = 1;
    const GROUP: &str = "pay";

    /// A ledger of two shards that follows one group, with records one after another.
    struct Story {
        ledger: Ledger,
        offset: u64,
    }

    impl Story {
        fn begin() -> Self {
            let mut ledger = Ledger::new(2, 3_000);
            ledger.advance(SHARD, 100);
            ledger.follow(SHARD, GROUP);
            ledger.begin_cycle();
            Self {
                ledger,
                offset: 100,
            }
        }

        fn told(base: &[(u32, u64)]) -> Self {
            let mut story = Self::begin();
            story.base(base);
            story.ledger.tell(GROUP);
            story
        }

        fn base(&mut self, base: &[(u32, u64)]) {
            let topic = StrBytes::from_static_str("orders");
            let topics = (!base.is_empty()).then_some((&topic, base));
            self.ledger.take_base(GROUP, topics.into_iter());
        }

        fn read(
            &mut self,
            of: &str,
            partition: u32,
            commit: Option<(u64, Millis)>,
            read_ms: Millis,
        ) {
            let (key, value) = record(of, partition, commit);
            let place = (SHARD, self.offset);
            self.ledger
                .take(place, (Some(&key), value.as_deref()), read_ms);
            self.offset += 1;
        }

        /// Commits of partition 0, as `(offset, time)`; read at once.
        fn commits(&mut self, commits: &[(u64, Millis)]) {
            for (offset, at_ms) in commits {
                self.read(GROUP, 0, Some((*offset, *at_ms)), *at_ms);
            }
        }

        fn partitions(&mut self) -> Vec<(u32, u64)> {
            let told = self.ledger.tell(GROUP).expect("it is followed");
            told.into_iter()
                .flat_map(|topic| topic.partitions)
                .collect()
        }

        fn edges(&mut self) -> Option<Vec<(u32, u64, Millis)>> {
            let told = self.ledger.tell(GROUP).expect("it is followed").pop()?;
            let edges = told.edges?.into_iter();
            Some(
                edges
                    .map(|edge| (edge.partition, edge.offset, edge.at_ms))
                    .collect(),
            )
        }
    }

    #[test]
    fn what_was_asked_for_holds_until_the_stream_tells_otherwise() {
        let mut story = Story::begin();
        story.read(GROUP, 1, Some((50, 1_000)), 1_000);
        story.base(&[(0, 7), (1, 40), (2, 9)]);
        assert_eq!(story.partitions(), [(0, 7), (1, 50), (2, 9)]);
        story.read(GROUP, 0, Some((8, 2_000)), 2_000);
        story.read(GROUP, 2, None, 2_000);
        assert_eq!(story.partitions(), [(0, 8), (1, 50)]);
        story.base(&[(0, 7), (3, 1)]);
        assert_eq!(
            story.partitions(),
            [(0, 8), (1, 50), (3, 1)],
            "and may be asked for again"
        );
    }

    #[test]
    fn what_was_asked_for_before_it_was_followed_does_not_count() {
        let mut ledger = Ledger::new(2, 3_000);
        ledger.follow(SHARD, GROUP);
        let nothing = || std::iter::empty::<(&StrBytes, &[(u32, u64)])>();
        ledger.take_base(GROUP, nothing());
        assert_eq!(ledger.knows(GROUP), None);
        ledger.begin_cycle();
        ledger.take_base(GROUP, nothing());
        assert_eq!(ledger.knows(GROUP), Some(SHARD));
        ledger.forget_all_but(|_| false);
        assert_eq!(ledger.knows(GROUP), None);
    }

    #[test]
    fn a_shard_is_reached_when_all_before_its_end_was_read() {
        let mut story = Story::told(&[]);
        assert!(story.ledger.has_reached(SHARD, 100));
        assert!(!story.ledger.has_reached(SHARD, 101));
        assert!(!story.ledger.has_reached(0, 0), "nothing was read of it");
        story.commits(&[(1, 1_000)]);
        assert!(story.ledger.has_reached(SHARD, 101));
        story.ledger.advance(SHARD, 103);
        assert!(
            story.ledger.has_reached(SHARD, 103),
            "two ends of transactions"
        );
        story.ledger.advance(SHARD, 90);
        assert!(story.ledger.has_reached(SHARD, 103));
    }

    #[test]
    fn what_lies_beyond_the_end_waits_for_the_next_cycle() {
        let mut story = Story::told(&[(0, 5)]);
        story.ledger.close(&[(SHARD, 101)]);
        story.commits(&[(6, 1_000), (7, 2_000)]);
        assert!(
            story.ledger.has_reached(SHARD, 102),
            "it was read all the same"
        );
        assert_eq!(story.edges(), Some(vec![(0, 6, 1_000)]));
        story.ledger.open();
        assert_eq!(story.edges(), Some(vec![(0, 7, 2_000)]));
    }

    #[test]
    fn edges_are_those_since_the_last_time_if_that_was_told_from_here_too() {
        let mut story = Story::begin();
        story.base(&[(0, 5)]);
        story.commits(&[(6, 1_000)]);
        assert_eq!(story.edges(), None, "nobody knows what was told before");
        story.commits(&[(7, 2_000)]);
        story.read(GROUP, 3, Some((1, 2_500)), 2_500);
        let edges = vec![(0, 7, 2_000), (3, 1, 2_500)];
        assert_eq!(story.edges(), Some(edges));
        assert_eq!(story.edges(), Some(vec![]));
        story.commits(&[(8, 3_000)]);
        story.ledger.drop_edges(GROUP);
        story.commits(&[(9, 4_000)]);
        assert_eq!(story.edges(), None);
    }

    #[test]
    fn edges_that_crowd_are_one_and_the_last_is_always_kept() {
        let mut story = Story::told(&[(0, 0)]);
        let each_second: Vec<_> = (1..=10).map(|n| (n * 10, 1_000 * n as Millis)).collect();
        story.commits(&each_second);
        let edges: Vec<Millis> = story.edges().expect("told").iter().map(|e| e.2).collect();
        assert_eq!(edges, [1_000, 4_000, 7_000, 10_000]);
    }

    #[test]
    fn a_commits_time_lies_between_the_last_look_and_when_it_was_read() {
        let mut story = Story::told(&[(0, 0)]);
        story.ledger.note_complete(SHARD, 10_000);
        for (at_ms, read_ms) in [(60_000, 12_000), (3_000, 13_000), (14_000, 14_200)] {
            story.read(GROUP, 0, Some((1, at_ms)), read_ms);
        }
        let edges: Vec<Millis> = story.edges().expect("told").iter().map(|e| e.2).collect();
        assert_eq!(
            edges,
            [12_000, 14_000],
            "the second one is no later than the first, and crowds"
        );
        assert_eq!(story.ledger.stamped_ahead(), 1);
        assert_eq!(story.ledger.take_freshest(), Some(48_000));
        assert_eq!(story.ledger.take_freshest(), None);
    }

    #[test]
    fn before_a_hole_only_the_last_commits_are_known() {
        let mut ledger = Ledger::new(2, 0);
        ledger.begin_past(PastTold {
            until_ms: 9_000,
            parts: 30,
        });
        ledger.advance(SHARD, 100);
        ledger.follow(SHARD, GROUP);
        let mut story = Story {
            ledger,
            offset: 100,
        };
        story.read(GROUP, 1, Some((4, 1_000)), 9_000);
        story.commits(&[(1, 2_000), (2, 3_000)]);
        story.offset += 5;
        story.commits(&[(7, 4_000), (8, 5_000)]);
        let edges = vec![(0, 7, 4_000), (0, 8, 5_000), (1, 4, 1_000)];
        assert_eq!(story.edges(), Some(edges), "told with their times at once");
    }

    #[test]
    fn no_time_is_too_strange() {
        for complete_ms in [None, Some(10_000)] {
            let mut story = Story::told(&[(0, 0)]);
            if let Some(complete_ms) = complete_ms {
                story.ledger.note_complete(SHARD, complete_ms);
            }
            let times = [Millis::MIN, -1, 0, Millis::MAX, 5_000];
            for (offset, at_ms) in (1..).zip(times) {
                story.read(GROUP, 0, Some((offset, at_ms)), 20_000);
            }
            let edges = story.edges().expect("told");
            let earliest = complete_ms.unwrap_or(0);
            assert!(
                edges
                    .iter()
                    .all(|edge| (earliest..=20_000).contains(&edge.2))
            );
            assert_eq!(edges.last().map(|edge| edge.1), Some(5), "{edges:?}");
        }
    }

    #[test]
    fn a_topic_made_again_has_no_commits_of_the_former() {
        let mut story = Story::told(&[]);
        let place = |partition| Place {
            group: GROUP,
            topic: "orders",
            partition,
        };
        let commit = |topic_id| Commit {
            offset: 9,
            at_ms: 1_000,
            topic_id: Some(topic_id),
        };
        for (partition, id) in [(0, 1), (1, 1), (2, 2)] {
            let said = Said::Committed(place(partition), commit(id));
            story.ledger.note(SHARD, said, 1_000);
        }
        let told = story
            .ledger
            .tell(GROUP)
            .expect("told")
            .pop()
            .expect("a topic");
        assert_eq!((told.id, told.partitions), (Some(2), vec![(2, 9)]));
    }

    #[test]
    fn a_group_whose_commit_cannot_be_read_is_asked_for_again() {
        let mut story = Story::told(&[(0, 5), (1, 6)]);
        story.commits(&[(7, 1_000)]);
        let (key, _) = record(GROUP, 0, None);
        let of_the_future = b"\0\x63\0\0";
        let place = (SHARD, story.offset);
        let bytes = (Some(&*key), Some(&of_the_future[..]));
        story.ledger.take(place, bytes, 2_000);
        assert_eq!(story.ledger.knows(GROUP), None, "what was read is old");
        story.base(&[(0, 9)]);
        assert_eq!(story.ledger.knows(GROUP), None, "asked for before, perhaps");
        story.ledger.begin_cycle();
        story.base(&[(0, 9), (1, 6)]);
        assert_eq!(story.ledger.knows(GROUP), Some(SHARD));
        assert_eq!(story.partitions(), [(0, 9), (1, 6)]);
    }

    #[test]
    fn what_was_deleted_after_it_was_asked_for_does_not_come_back() {
        let mut story = Story::begin();
        story.read(GROUP, 0, None, 1_000);
        story.base(&[(0, 5), (1, 6)]);
        assert_eq!(story.partitions(), [(1, 6)]);
        story.ledger.begin_cycle();
        assert_eq!(story.partitions(), [(1, 6)]);
        story.base(&[(0, 8), (1, 6)]);
        assert_eq!(story.partitions(), [(0, 8), (1, 6)], "committed anew");
    }

    #[test]
    fn times_that_nobody_heard_are_not_told() {
        let mut story = Story::told(&[(0, 5)]);
        story.ledger.note_complete(SHARD, 500);
        story.commits(&[(6, 1_000)]);
        story.ledger.forget_times();
        story.commits(&[(7, 2_000)]);
        assert_eq!(story.edges(), None);
        assert_eq!(
            story.ledger.take_freshest(),
            None,
            "it may be as old as it likes"
        );
        story.commits(&[(8, 3_000)]);
        assert_eq!(story.edges(), Some(vec![(0, 8, 3_000)]));
    }

    #[test]
    fn of_a_past_that_was_clipped_older_commits_are_known_from_its_beginning_on() {
        let mut ledger = Ledger::new(2, 0);
        ledger.begin_past(PastTold {
            until_ms: 9_000,
            parts: 30,
        });
        ledger.advance(SHARD, 100);
        ledger.clip(SHARD);
        ledger.follow(SHARD, GROUP);
        ledger.begin_cycle();
        let mut story = Story {
            ledger,
            offset: 100,
        };
        story.base(&[(0, 5), (1, 6)]);
        story.commits(&[(7, 4_000)]);
        assert_eq!(story.edges(), Some(vec![(0, 7, 4_000), (1, 6, 4_000)]));
    }

    #[test]
    fn generations_are_told_once_anew() {
        let mut story = Story::told(&[]);
        let mut generation = |number| {
            let said = Said::Generation {
                group: GROUP,
                number,
            };
            story.ledger.note(SHARD, said, 0);
            story.ledger.generation(GROUP)
        };
        assert_eq!(generation(3), (Some(3), true));
        assert_eq!(
            generation(3),
            (Some(3), false),
            "written again, as Kafka does"
        );
        assert_eq!(generation(4), (Some(4), true));
    }

    #[test]
    fn a_group_that_commits_in_another_shard_makes_the_whole_strange() {
        let mut story = Story::told(&[]);
        story.read("somebody else", 0, Some((1, 0)), 0);
        assert!(!story.ledger.is_strange());
        let (key, value) = record(GROUP, 0, Some((1, 0)));
        story.ledger.take((0, 5), (Some(&key), value.as_deref()), 0);
        assert!(story.ledger.is_strange());
    }

    #[test]
    fn what_is_not_understood_is_counted() {
        let mut story = Story::told(&[]);
        story.ledger.take((SHARD, 100), (Some(b"\0\x63"), None), 0);
        story.ledger.take((SHARD, 101), (None, None), 0);
        let skipped = [("no_key", 1), ("unknown_key_version", 1)];
        assert_eq!(story.ledger.skipped(), skipped);
        assert!(story.ledger.has_reached(SHARD, 102));
    }
}
