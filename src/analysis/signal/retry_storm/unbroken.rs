//! Steps in a row whose ratio is high: a storm that lasts without a pause.

use crate::analysis::sample::Time;

/// A step whose ratio falls below this share of what it was ends an unbroken run.
const BREAK_SHARE: f64 = 0.5;

/// Steps in a row whose ratio is high.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unbroken {
    /// The end of the first one: it was high for no less than since then, and in the first step perhaps only at its end.
    pub(super) since: Time,
    /// The end of the last one.
    pub(super) until: Time,
    pub(super) retried: f64,
    pub(super) consumed: f64,
}

impl Unbroken {
    /// The next step doesn't fall below half of what the run was like: a burst that ends within the step does.
    pub(super) fn goes_on(&self, retried: f64, consumed: f64) -> bool {
        retried * self.consumed >= BREAK_SHARE * self.retried * consumed
    }
}
