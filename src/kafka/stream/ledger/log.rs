//! How far a partition of `__consumer_offsets` was read, what of it waits, and what its commits' times are worth.

use super::Millis;

/// Where the freshest commit of a cycle is older than this when it is read, its times are not believed: a clock is behind, what is read
/// lags, or transactions held it back. Records come half a second after they were written.
const LATE_MS: Millis = 2_000;

/// One partition of it: a shard.
#[derive(Default)]
pub(super) struct Log {
    /// Everything before it that matters was read; absent until reading has begun.
    pub(super) position: Option<u64>,
    /// What lies at or beyond it waits until what lies before it has been taken.
    barrier: Option<u64>,
    waiting: Vec<Waiting>,
    /// When it was last known to be complete: what is read after that was committed after that. Absent while it reads the past.
    complete_ms: Option<Millis>,
    /// Records were missing before the next one.
    has_hole: bool,
    /// Since the commit of then none is known to be missing; absent when none is at all.
    pub(super) whole_since_ms: Option<Millis>,
    /// Of the commits of this cycle, by how much the one that is farthest ahead is ahead of when it was read.
    freshest: Option<Millis>,
    /// The times of its commits in this cycle are not believed.
    pub(super) is_late: bool,
}

/// A record beyond the barrier.
pub(super) struct Waiting {
    pub(super) key: Box<[u8]>,
    pub(super) value: Option<Box<[u8]>>,
    pub(super) read_ms: Millis,
}

impl Log {
    pub(super) fn advance(&mut self, offset: u64) {
        self.position = self.position.max(Some(offset));
    }

    /// Its past begins later than was asked for: of what was committed before its first record, nothing is known.
    pub(super) fn clip(&mut self) {
        self.has_hole = true;
        self.whole_since_ms = Some(Millis::MAX);
    }

    /// The record at this offset is read. Does it wait?
    pub(super) fn pass(&mut self, offset: u64, is_past: bool) -> bool {
        // Compaction took what was overwritten since: a commit before this and one after it have an unknown time in between. (Or it was
        // the end of a transaction, which looks the same. In the present there is no compaction yet.)
        self.has_hole |= is_past && self.position.is_some_and(|position| offset > position);
        self.position = Some(offset + 1);
        self.barrier.is_some_and(|barrier| offset >= barrier)
    }

    pub(super) fn keep(&mut self, key: &[u8], value: Option<&[u8]>, read_ms: Millis) {
        self.waiting.push(Waiting {
            key: key.into(),
            value: value.map(Into::into),
            read_ms,
        });
    }

    /// What is read from now on at or beyond this offset waits.
    pub(super) fn close(&mut self, end: u64) {
        self.barrier = Some(end);
    }

    /// Nothing waits any more: gives what has.
    pub(super) fn open(&mut self) -> Vec<Waiting> {
        self.barrier = None;
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn has_reached(&self, end: u64) -> bool {
        self.position.is_some_and(|position| position >= end)
    }

    /// At this moment it ended where it was read to by now.
    pub(super) fn note_complete(&mut self, at_ms: Millis) {
        self.complete_ms = Some(at_ms);
    }

    /// Nobody knows how much time has passed.
    pub(super) fn forget_times(&mut self) {
        self.complete_ms = None;
        self.freshest = None;
    }

    /// By how much a commit that was read in the present is ahead of that.
    pub(super) fn ahead_ms(&mut self, stamped_ms: Millis, read_ms: Millis) -> Option<Millis> {
        self.complete_ms?;
        let ahead = stamped_ms.saturating_sub(read_ms);
        self.freshest = self.freshest.max(Some(ahead));
        Some(ahead)
    }

    /// When a commit was made, whatever a clock elsewhere says: after the last look, before it was read, and after 1970.
    pub(super) fn time_of(&mut self, stamped_ms: Millis, read_ms: Millis) -> Millis {
        let earliest = self.complete_ms.unwrap_or(0).min(read_ms);
        let at_ms = stamped_ms.clamp(earliest, read_ms);
        if std::mem::take(&mut self.has_hole) {
            self.whole_since_ms = Some(at_ms);
        }
        at_ms
    }

    /// Ends what is read in a cycle: says by how much its freshest commit was ahead of when it was read.
    pub(super) fn take_freshest(&mut self) -> Option<Millis> {
        let freshest = self.freshest.take();
        self.is_late = freshest.is_some_and(|ahead| ahead < -LATE_MS);
        freshest
    }
}
