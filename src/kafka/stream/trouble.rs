//! Why the commit stream isn't read: said once for each cause, counted each time, and when it is tried again.

use super::reader::Ended;
use crate::kafka::client::tally::Tally;
use crate::kafka::settings::{Offsets, Settings};

/// Cycles after which it is tried again when it was refused: rights are given while we run.
const REFUSED_PAUSE: u32 = 30;

/// … and when it failed otherwise.
const FAILED_PAUSE: u32 = 3;

/// … and when it can't be done: the brokers may be others by then.
const UNSUPPORTED_PAUSE: u32 = 360;

/// The name under which its errors are counted.
pub(super) const API: &str = "CommitStream";

/// Of one cluster.
#[derive(Default)]
pub(super) struct Trouble {
    /// What was told, until it is over or another comes; without numbers, which may be others each time.
    told: Option<String>,
    /// Failures that were not counted yet.
    failures: Vec<&'static str>,
    /// Cycles until it may be tried again.
    pause: u32,
}

impl Trouble {
    pub(super) fn begin_cycle(&mut self) {
        self.pause = self.pause.saturating_sub(1);
    }

    /// May it be tried now, by these settings?
    pub(super) fn may_try(&self, settings: &Settings) -> bool {
        settings.offsets != Offsets::Query && self.pause == 0
    }

    /// Counts what came up since the last time.
    pub(super) fn count(&mut self, tally: &Tally) {
        for failure in self.failures.drain(..) {
            tally.error(API, failure);
        }
    }

    /// It is over; should it come again it is told again.
    pub(super) fn forget(&mut self) {
        self.told = None;
    }

    /// Nobody reads it any more.
    pub(super) fn take(&mut self, settings: &Settings, why: &Ended) {
        self.pause = match why {
            Ended::Unsupported(_) => UNSUPPORTED_PAUSE,
            Ended::Refused(_) => REFUSED_PAUSE,
            Ended::Failed(_) => FAILED_PAUSE,
            Ended::Torn(_) => 0,
        };
        self.failures.push(why.label());
        let cause = format!("{} {}", why.label(), why.reason());
        let cause = cause.replace(|letter: char| letter.is_ascii_digit(), "");
        if self.told.replace(cause.clone()) == Some(cause) {
            return;
        }
        let (cluster, reason) = (&settings.name, why.reason());
        match settings.offsets {
            Offsets::Stream => tracing::error!(
                "cluster {cluster}: the commit stream can't be read, and offsets is stream: no committed offsets, no lag. {reason}"
            ),
            _ => tracing::warn!(
                "cluster {cluster}: the commit stream can't be read: committed offsets are asked for instead. {reason}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_again_after_a_pause_that_depends_on_the_cause() {
        let mut settings = Settings::new("test".to_owned(), Vec::new());
        for (why, cycles) in [
            (Ended::Torn(String::new()), 0),
            (Ended::Failed(String::new()), 3),
            (Ended::Refused(String::new()), 30),
            (Ended::Unsupported(String::new()), 360),
        ] {
            let mut trouble = Trouble::default();
            trouble.take(&settings, &why);
            let waited = (0..).take_while(|_| {
                let waits = !trouble.may_try(&settings);
                trouble.begin_cycle();
                waits
            });
            assert_eq!(waited.count(), cycles, "{why:?}");
        }
        settings.offsets = Offsets::Query;
        assert!(!Trouble::default().may_try(&settings), "nobody wants it");
    }
}
