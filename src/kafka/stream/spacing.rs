//! Which commits of a partition are told apart: the present as finely as it is sampled, the past the more coarsely the older it is. Pure.

use super::ledger::Millis;

/// Which edges may be left out.
#[derive(Clone, Copy)]
pub(super) struct Spacing {
    /// One that is nearer to the one before it than this gives way to the next …
    pub(super) step_ms: Millis,
    /// … if it is later than this.
    pub(super) after_ms: Millis,
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

impl Spacing {
    pub(super) fn of_the_present(step_ms: Millis) -> Self {
        Self {
            step_ms,
            after_ms: Millis::MIN,
        }
    }

    pub(super) fn is_of_the_past(self) -> bool {
        self.after_ms != Millis::MIN
    }
}

impl PastTold {
    /// Of edges at this time, and never finer than `least_ms`.
    pub(super) fn spacing(self, at_ms: Millis, least_ms: Millis) -> Spacing {
        let (age_ms, interval_ms) = (self.until_ms - at_ms, self.interval_ms.max(1));
        let ended_ms = self.until_ms - age_ms.div_euclid(interval_ms) * interval_ms;
        Spacing {
            step_ms: (age_ms / self.parts.max(1)).max(least_ms),
            after_ms: ended_ms - interval_ms,
        }
    }
}
