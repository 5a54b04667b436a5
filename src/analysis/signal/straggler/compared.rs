//! What is compared of a partition that may be left behind, as of the window that was judged last.

use super::{FALLING_SHARE, Ordinary, Straggler};
use crate::analysis::evidence::Compared;
use crate::analysis::sample::Time;
use crate::analysis::signal::divergence::Profile;

impl Straggler {
    /// What it takes to be left behind, as of the window that was judged last.
    pub fn left(&self, end: Time, siblings: &Ordinary) -> [Compared; 5] {
        let [rise, behind, left] = self.far(siblings);
        [
            self.behind(siblings),
            rise,
            behind,
            left,
            self.lasts(end, siblings),
        ]
    }

    /// What it takes to stay so, likewise.
    pub fn stays(&self, siblings: &Ordinary, p: &Profile) -> [Compared; 3] {
        let (least, peak) = (
            p.clear_limit_share * siblings.limit_seconds,
            f64::from(self.rise),
        );
        // Below zero where a trouble of all set a new base: then it has come back.
        let rise = f64::from(self.trough - self.base);
        [
            self.behind(siblings),
            Compared::at_least("behind_median_seconds", self.behind_median(siblings), least),
            Compared::at_least("rise_seconds", rise, p.clear_peak_share * peak),
        ]
    }

    /// Since when it is behind.
    pub fn since(&self) -> Option<Time> {
        self.since
    }

    /// Behind at all: beyond what its siblings are, and what can be told apart.
    fn behind(&self, siblings: &Ordinary) -> Compared {
        Compared::above(
            "trough_seconds",
            f64::from(self.trough),
            siblings.behind_seconds,
        )
    }

    /// Further than anybody here recovers from, and not on the way back.
    pub(super) fn far(&self, siblings: &Ordinary) -> [Compared; 3] {
        let (limit, peak) = (siblings.limit_seconds, f64::from(self.rise));
        [
            Compared::at_least("rise_seconds", self.risen(), limit),
            Compared::at_least("behind_median_seconds", self.behind_median(siblings), limit),
            Compared::at_least("rise_left_seconds", self.risen(), FALLING_SHARE * peak),
        ]
    }

    pub(super) fn lasts(&self, end: Time, siblings: &Ordinary) -> Compared {
        let beyond = self.beyond.map(|beyond| end - beyond);
        Compared::at_least("beyond_seconds", beyond, siblings.hold_seconds)
    }

    fn risen(&self) -> f64 {
        f64::from((self.trough - self.base).max(0.0))
    }

    fn behind_median(&self, siblings: &Ordinary) -> f64 {
        f64::from(self.trough) - siblings.median_seconds
    }
}
