//! A group whose commits are followed: what it committed where, and whether that is all.

use crate::kafka::stream::records::{Commit, Place};
use crate::kafka::stream::spacing::Spacing;
use crate::kafka::stream::tail::{TopicTail, TopicTold};

use super::Millis;

/// Edges of a topic that are kept until they are told, for each partition: of one a second more than the longest interval has.
const EDGES_MAX: usize = 768;

/// A group.
pub(super) struct Followed {
    pub(super) shard: usize,
    pub(super) topics: Vec<TopicTail>,
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
#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    /// It is followed only since this cycle: what is asked for now may miss what the stream told before.
    Early,
    /// What is asked for now, and what the stream tells, are all there is.
    Wanted,
    Known,
}

impl Followed {
    /// From now on. `is_timed`: nothing was told of it that this would not tell.
    pub(super) fn new(shard: usize, is_timed: bool) -> Self {
        Self {
            shard,
            topics: Vec::new(),
            base: Base::Early,
            generation: None,
            rebalanced: false,
            is_timed,
            has_gone: false,
        }
    }

    /// What is asked for in this cycle counts, if it was followed already.
    pub(super) fn begin_cycle(&mut self) {
        if self.base == Base::Early {
            self.base = Base::Wanted;
        }
        if std::mem::take(&mut self.has_gone) {
            self.topics.retain_mut(TopicTail::forget_gone);
        }
    }

    /// Takes what it had committed, by topic. What the stream told is newer, or will be.
    pub(super) fn take_base<'a>(
        &mut self,
        topics: impl Iterator<Item = (&'a str, &'a [(u32, u64)])>,
    ) {
        if self.base == Base::Early {
            return;
        }
        self.topics.iter_mut().for_each(TopicTail::forget_base);
        for (name, partitions) in topics {
            self.topic(name).take_base(partitions);
        }
        self.base = Base::Known;
    }

    /// Are all its commits known?
    pub(super) fn is_known(&self) -> bool {
        self.base == Base::Known
    }

    /// It has to be asked for all of it, and what was read before is no news.
    pub(super) fn doubt(&mut self) {
        self.topics.clear();
        self.base = Base::Early;
        self.is_timed = false;
    }

    /// What holds, with what was committed since this was last asked. `are_times_good`: the times of that are to be told.
    pub(super) fn tell(
        &mut self,
        are_times_good: bool,
        whole_since: Option<Millis>,
    ) -> Vec<TopicTold> {
        let is_timed = std::mem::replace(&mut self.is_timed, true) && are_times_good;
        let topics = self.topics.iter_mut();
        topics
            .filter_map(|tail| tail.tell(is_timed, whole_since))
            .collect()
    }

    /// Times until now are of no use.
    pub(super) fn drop_edges(&mut self) {
        self.is_timed = false;
        self.topics.iter_mut().for_each(TopicTail::drop_edges);
    }

    pub(super) fn begin_generation(&mut self, number: Option<u32>) {
        self.rebalanced |= self.generation != number;
        self.generation = number;
    }

    /// It may come again under its name, and then counts from the beginning.
    pub(super) fn end(&mut self) {
        self.generation = None;
    }

    /// Its generation, or epoch, and whether that was told anew since this was last asked.
    pub(super) fn take_generation(&mut self) -> (Option<u32>, bool) {
        (self.generation, std::mem::take(&mut self.rebalanced))
    }

    pub(super) fn put(
        &mut self,
        place: Place<'_>,
        commit: Commit,
        at_ms: Millis,
        spacing: Spacing,
    ) {
        let tail = self.topic(place.topic);
        if matches!((tail.id, commit.topic_id), (Some(before), Some(now)) if before != now) {
            // What was committed in a topic of the same name before says nothing of this one.
            tail.begin_anew();
        }
        tail.id = commit.topic_id.or(tail.id);
        tail.put(place.partition, commit.offset, at_ms, spacing);
        // Nobody was told for long. (The past is bounded by how much of it is read.)
        if !spacing.is_of_the_past() && tail.has_more_edges_than(EDGES_MAX) {
            self.drop_edges();
        }
    }

    pub(super) fn remove(&mut self, place: Place<'_>) {
        self.has_gone = true;
        self.topic(place.topic).put_gone(place.partition);
    }

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
}
