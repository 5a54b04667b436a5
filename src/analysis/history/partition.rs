//! Input hygiene: what one more pair of committed offset and log end means for a group in a partition, told apart from
//! rewinds, resets, losses and readings that crossed.

use super::{Arrivals, Restart};

/// Offsets of a partition that belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::analysis) struct Offsets {
    pub(in crate::analysis) log_start: u64,
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
    /// Messages below this offset are already counted as lost.
    lost_through: u64,
}

/// What one more pair changed, in messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::analysis) struct Step {
    pub(in crate::analysis) restart: Option<Restart>,
    pub(in crate::analysis) arrived: u64,
    pub(in crate::analysis) advanced: u64,
    pub(in crate::analysis) rewound: u64,
    pub(in crate::analysis) lost: u64,
    /// The commit jumped over messages that retention had deleted.
    pub(in crate::analysis) skipped: bool,
    /// The commit turned out to lie beyond the log end.
    pub(in crate::analysis) past_end: bool,
}

impl Partition {
    /// The last pair, if there is a lag to speak of: a commit left over from another log says nothing.
    pub(in crate::analysis) fn known(&self) -> Option<Offsets> {
        self.last.filter(|_| !self.beyond_end)
    }

    /// Where the log began when it was last seen, if it is still the same log.
    pub(in crate::analysis) fn log_start_in(&self, arrivals: &Arrivals) -> Option<u64> {
        self.last
            .filter(|_| self.restarts == arrivals.restarts)
            .map(|last| last.log_start)
    }

    /// Takes a pair that was read in one cycle.
    pub(in crate::analysis) fn take(&mut self, now: Offsets, arrivals: &Arrivals) -> Step {
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
        match (before, restart) {
            (Some(before), None) => self.note_movement(&mut step, was_known, before, now),
            (Some(_), Some(_)) => self.lost_through = now.log_start,
            // What was lost before our first look is what the count begins with: no rise of it, and so nobody's alert today.
            (None, _) if !self.beyond_end => step.lost = self.count_lost(now, now),
            (None, _) => {}
        }
        step
    }

    fn notice_restart(&mut self, arrivals: &Arrivals) -> Option<Restart> {
        if self.restarts == arrivals.restarts {
            return None;
        }
        self.restarts = arrivals.restarts;
        // In the same log what was lost is lost, and counted.
        if arrivals.reason != Some(Restart::Redefined) {
            self.lost_through = 0;
        }
        arrivals.reason
    }

    /// Until it moves, a commit beyond the end may be left over from before a restart. One that gets there while we watch only
    /// means that the two were read at different moments.
    fn is_suspect(&self, before: Option<Offsets>, restart: Option<Restart>, now: Offsets) -> bool {
        let unmoved = before.is_some_and(|before| before.committed == now.committed);
        before.is_none() || restart.is_some() || self.beyond_end && unmoved
    }

    fn note_movement(
        &mut self,
        step: &mut Step,
        was_known: Option<Offsets>,
        before: Offsets,
        now: Offsets,
    ) {
        if self.beyond_end {
            return;
        }
        // Both or neither: what arrives where nothing is known to leave would be invented growth.
        if was_known.is_some() {
            step.arrived = now.log_end.saturating_sub(before.log_end);
            step.advanced = now.committed.saturating_sub(before.committed);
            step.rewound = before.committed.saturating_sub(now.committed);
        }
        step.skipped = before.committed < before.log_start && now.committed >= before.log_start;
        step.lost = self.count_lost(before, now);
    }

    /// What lies between the commit and a log start above it; once the commit has jumped over that, up to where it jumped.
    fn count_lost(&mut self, before: Offsets, now: Offsets) -> u64 {
        let was_whole = before.log_start <= before.committed;
        if now.log_start <= now.committed && was_whole {
            return 0;
        }
        // What it committed until now it had read in time.
        let from = if now.committed < now.log_start {
            now.committed
        } else {
            before.committed
        };
        let already = self.lost_through.max(from);
        self.lost_through = already.max(now.log_start);
        self.lost_through - already
    }
}
