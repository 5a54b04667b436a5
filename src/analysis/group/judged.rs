//! The verdict on one lag, of a partition or of their sum, and what was learned of it before a restart.

use crate::analysis::learned;
use crate::analysis::signal::lag_growth::{Lag, Profile, Series};

/// A lag that comes and goes; what a restart left of it waits until it is there.
#[derive(Default)]
pub(super) struct Judged {
    series: Option<Box<Series>>,
    /// Of before a restart, until there is a series that goes on with it.
    remembered: Option<Box<learned::Series>>,
}

impl Judged {
    pub(super) fn series(&self) -> Option<&Series> {
        self.series.as_deref()
    }

    /// Goes on with other thresholds.
    pub(super) fn retune(&mut self, p: &Profile) {
        if let Some(series) = &mut self.series {
            series.retune(p);
        }
    }

    /// Goes on with what was learned before a restart, once there is a lag.
    pub(super) fn remember(&mut self, learned: learned::Series) {
        self.remembered = Some(Box::new(learned));
    }

    /// What was learned before a restart was of something else.
    pub(super) fn forget_remembered(&mut self) {
        self.remembered = None;
    }

    pub(super) fn learned(&self, p: &Profile) -> Option<learned::Series> {
        match &self.series {
            Some(series) => series.learned(p),
            None => self.remembered.as_deref().cloned(),
        }
    }

    /// Only these rises were learned; habits are no sums, and may be learned twice.
    pub(super) fn put_back(&mut self, learned: &[learned::Level], p: &Profile) {
        if let Some(series) = &mut self.series {
            series.put_back(learned, p);
        }
    }

    pub(super) fn forget_learned(&mut self) {
        self.remembered = None;
        if let Some(series) = &mut self.series {
            series.forget_learned();
        }
    }

    /// There is no lag any more; the next one begins anew.
    pub(super) fn end(&mut self) {
        self.series = None;
    }

    /// Takes the next sample. `shift`: by how many messages log end and commit have jumped since the last one, which is no movement.
    pub(super) fn sample(&mut self, lag: Lag, (log_end, committed): (i64, i64), p: &Profile) {
        match &mut self.series {
            Some(series) => {
                if (log_end, committed) != (0, 0) {
                    series.rebase(log_end, committed);
                }
                series.sample(lag, p);
            }
            none => *none = Some(Box::new(Series::going_on(lag, self.remembered.take(), p))),
        }
    }
}

/// Offsets reach to 2⁶³, and garbled ones beyond; they must not end the watch of a whole cluster.
pub(super) fn signed(messages: u64) -> i64 {
    i64::try_from(messages).unwrap_or(i64::MAX)
}
