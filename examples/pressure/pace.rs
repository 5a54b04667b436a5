//! Rates that change while they are kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What a side that was held up may catch up on: more would turn an outage into a burst.
const MAX_DEBT_SECONDS: f64 = 5.0;

/// A number that orders change: messages per second, or a share of them. Never negative.
#[derive(Default)]
pub(crate) struct Dial(AtomicU64);

impl Dial {
    pub(crate) fn set(&self, value: f64) {
        self.0.store(value.max(0.0).to_bits(), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Owes messages by the time that has passed, so that the rate is kept however long a sleep was.
pub(crate) struct Pacer<'a> {
    rate: &'a Dial,
    since: Instant,
    owed: f64,
}

impl<'a> Pacer<'a> {
    pub(crate) fn new(rate: &'a Dial) -> Self {
        Self {
            rate,
            since: Instant::now(),
            owed: 0.0,
        }
    }

    /// Whole messages due now; [`Pacer::paid`] takes them off.
    pub(crate) fn due(&mut self) -> u32 {
        let rate = self.rate.get();
        let passed = self.since.elapsed();
        self.since += passed;
        self.owed = (self.owed + rate * passed.as_secs_f64()).min(rate * MAX_DEBT_SECONDS);
        self.owed as u32
    }

    pub(crate) fn paid(&mut self, messages: u32) {
        self.owed -= f64::from(messages);
    }

    /// A consumer that found nothing to do keeps no credit: its rate is a capacity.
    pub(crate) fn forgive(&mut self) {
        self.owed = 0.0;
    }
}
