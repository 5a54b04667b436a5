//! Input hygiene: what one more pair of committed offset and log end means for a group in a partition, told apart from
//! rewinds, resets, losses and readings that crossed.

use super::hole::Hole;
use super::{Arrivals, Restart};

/// Offsets of a partition that belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::analysis) struct Offsets {
    pub(in crate::analysis) log_end: u64,
    pub(in crate::analysis) committed: u64,
}

impl Offsets {
    /// Produced and not committed. A commit beyond the end was read a moment later than it: nothing waits.
    pub(in crate::analysis) fn lag(self) -> u64 {
        self.log_end.saturating_sub(self.committed)
    }
}

/// A group in a partition, from pair to pair.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct Partition {
    last: Option<Offsets>,
    restarts: u32,
    beyond_end: bool,
    hole: Hole,
}

/// What one more pair changed, in messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::analysis) struct Step {
    pub(in crate::analysis) restart: Option<Restart>,
    pub(in crate::analysis) arrived: u64,
    pub(in crate::analysis) advanced: u64,
    pub(in crate::analysis) rewound: u64,
    pub(in crate::analysis) lost: u64,
    /// The commit jumped over messages that had been deleted.
    pub(in crate::analysis) skipped: bool,
    /// The commit turned out to lie beyond the log end.
    pub(in crate::analysis) past_end: bool,
}

impl Partition {
    /// The last pair, if there is a lag to speak of: a commit left over from another log says nothing.
    pub(in crate::analysis) fn known(&self) -> Option<Offsets> {
        self.last.filter(|_| !self.beyond_end)
    }

    /// The last pair is of the present log.
    pub(in crate::analysis) fn is_of(&self, arrivals: &Arrivals) -> bool {
        self.last.is_some() && self.restarts == arrivals.restarts
    }

    /// Messages ahead of the commit that are deleted; `None` while there is no lag to speak of, or no log start that was read
    /// before the commit.
    pub(in crate::analysis) fn deleted_unread(&self) -> Option<u64> {
        self.hole.unread(self.known()?.committed)
    }

    /// Takes a pair that was read in one cycle, and the log start, if that was read then, too.
    pub(in crate::analysis) fn take(
        &mut self,
        now: Offsets,
        log_start: Option<u64>,
        arrivals: &Arrivals,
    ) -> Step {
        let before = self.last;
        let restart = self.notice_restart(arrivals).filter(|_| before.is_some());
        let (was_known, was_beyond) = (self.known(), self.beyond_end);
        self.beyond_end = now.committed > now.log_end && self.is_suspect(before, restart, now);
        self.last = Some(now);
        let mut step = Step {
            restart,
            past_end: self.beyond_end && !was_beyond,
            ..Step::default()
        };
        self.note_deleted(&mut step, before, now, log_start);
        if let Some(before) = before.filter(|_| restart.is_none()) {
            self.note_movement(&mut step, was_known, before, now);
        }
        step
    }

    fn notice_restart(&mut self, arrivals: &Arrivals) -> Option<Restart> {
        if self.restarts == arrivals.restarts {
            return None;
        }
        let is_next = self.restarts.wrapping_add(1) == arrivals.restarts;
        // In the same log what was lost is lost, and counted. Of several restarts only the last one's reason is known.
        if !is_next || arrivals.reason != Some(Restart::Redefined) {
            self.hole = Hole::default();
        }
        self.restarts = arrivals.restarts;
        arrivals.reason
    }

    /// Until it moves, a commit beyond the end may be left over from before a restart. One that gets there while we watch only
    /// means that the two were read at different moments.
    fn is_suspect(&self, before: Option<Offsets>, restart: Option<Restart>, now: Offsets) -> bool {
        let unmoved = before.is_some_and(|before| before.committed == now.committed);
        before.is_none() || restart.is_some() || self.beyond_end && unmoved
    }

    fn note_deleted(
        &mut self,
        step: &mut Step,
        before: Option<Offsets>,
        now: Offsets,
        log_start: Option<u64>,
    ) {
        let before = before.unwrap_or(now);
        let proven = self.hole.take(before.committed, now.committed, log_start);
        step.lost = proven.lost;
        // A commit that lies beyond the end is of another log.
        step.skipped = proven.skipped && !self.beyond_end;
    }

    fn note_movement(
        &self,
        step: &mut Step,
        was_known: Option<Offsets>,
        before: Offsets,
        now: Offsets,
    ) {
        // Both or neither: what arrives where nothing is known to leave would be invented growth.
        if was_known.is_some() && !self.beyond_end {
            step.arrived = now.log_end.saturating_sub(before.log_end);
            step.advanced = now.committed.saturating_sub(before.committed);
            step.rewound = before.committed.saturating_sub(now.committed);
        }
    }
}
