//! What a level has learned: the rises that the group recovered from, and the one under way that may become one of them.

use super::profile::Profile;
use crate::analysis::learned;
use crate::analysis::sample::Time;

/// Of traffic: what bursts leave behind. Learned at once though it was called: an overload is called soon afterwards all the same.
const SMALL_RISE_SECONDS: f64 = 30.0;

/// The rises that a level has seen and that the group recovered from, in messages. To one part in sixteen million: there may be
/// millions of these.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recovered {
    count: u32,
    /// The largest that was called, of this bucket of time.
    called: f32,
    mean: f32,
    variance: f32,
    /// The two largest of this bucket of time and of the one before, largest first.
    largest: [f32; 2],
    largest_before: [f32; 2],
}

impl Recovered {
    pub(super) fn learn(&mut self, rise: f64, p: &Profile) {
        self.largest = two_largest([self.largest[0], self.largest[1], rise as f32]);
        let rise = if self.count as usize >= p.few_events {
            rise.min(p.clip_factor * self.usual_limit(self.spread(), p))
        } else {
            rise
        };
        self.count = self.count.saturating_add(1);
        let weight = (1.0 / f64::from(self.count)).max(1.0 / p.memory_events as f64);
        let (mean, variance) = (f64::from(self.mean), f64::from(self.variance));
        let step = rise - mean;
        self.mean = (mean + weight * step) as f32;
        self.variance = ((1.0 - weight) * (variance + weight * step * step)) as f32;
    }

    /// Takes a rise that was called, and that perhaps somebody mended: a small one as it is, and of a larger one what another of this
    /// bucket of time bears out. One such incident is no habit, and must not silence the next. `rate`: messages per second that
    /// arrive. A restart forgets the larger one, which costs no more than another call.
    pub(super) fn learn_called(&mut self, rise: f64, rate: f64, p: &Profile) {
        let before = f64::from(self.called);
        self.called = before.max(rise) as f32;
        self.learn(rise.min(before.max(SMALL_RISE_SECONDS * rate)), p);
    }

    /// A rise must reach this to be more than the group has recovered from.
    pub(super) fn limit(&self, p: &Profile) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        let mut spread = self.spread();
        if (self.count as usize) < p.few_events {
            spread = spread.max(p.least_spread * f64::from(self.mean));
        }
        // The second largest, not the largest: one incident that went away must not silence the next.
        let second_largest = self.largest[1]
            .max(self.largest_before[1])
            .max(self.largest[0].min(self.largest_before[0]));
        self.usual_limit(spread, p)
            .max(p.largest_factor * f64::from(second_largest))
    }

    pub(super) fn is_known(&self) -> bool {
        self.count > 0
    }

    /// `None` while nothing is.
    pub(super) fn learned(&self, block_seconds: f64) -> Option<learned::Level> {
        self.is_known().then_some(learned::Level {
            block_seconds: block_seconds as f32,
            count: self.count,
            mean: self.mean,
            variance: self.variance,
            largest: self.largest,
            largest_before: self.largest_before,
        })
    }

    /// What was learned before a restart, if it is of blocks as long as these; else nothing yet.
    pub(super) fn of_blocks(block_seconds: f64, learned: &[learned::Level]) -> Self {
        let block_seconds = block_seconds as f32;
        let mut same = learned.iter();
        let same = same.find(|level| level.block_seconds == block_seconds);
        same.map(Self::remembered).unwrap_or_default()
    }

    fn remembered(learned: &learned::Level) -> Self {
        Self {
            count: learned.count,
            called: 0.0,
            mean: learned.mean,
            variance: learned.variance,
            largest: learned.largest,
            largest_before: learned.largest_before,
        }
    }

    pub(super) fn turn_bucket(&mut self) {
        self.largest_before = std::mem::take(&mut self.largest);
        self.called = 0.0;
    }

    fn usual_limit(&self, spread: f64, p: &Profile) -> f64 {
        let mean = f64::from(self.mean);
        mean + (p.spread_factor * spread).max(p.mean_margin * mean)
    }

    fn spread(&self) -> f64 {
        f64::from(self.variance).sqrt()
    }
}

fn two_largest(mut of: [f32; 3]) -> [f32; 2] {
    of.sort_unstable_by(|a, b| b.total_cmp(a));
    [of[0], of[1]]
}

/// The rise under way: from the lowest lag since the last one was over to the highest block minimum since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Climb {
    /// When the lag was lowest.
    pub(super) since: Time,
    /// In messages.
    pub(super) low: f64,
    /// In messages.
    pub(super) peak: f64,
    /// A verdict stood meanwhile.
    pub(super) called: bool,
}

impl Climb {
    pub(super) fn from(t: Time, lag: f64) -> Self {
        Self {
            since: t,
            low: lag,
            peak: lag,
            called: false,
        }
    }

    pub(super) fn rise(&self) -> f64 {
        self.peak - self.low
    }

    pub(super) fn has_recovered(&self, lag: f64, p: &Profile) -> bool {
        self.rise() > 0.0 && lag <= self.peak - p.recovered_share * self.rise()
    }

    /// Soon enough to call it ordinary, and large enough to matter.
    pub(super) fn is_worth_learning(
        &self,
        t: Time,
        block_seconds: f64,
        rate: f64,
        p: &Profile,
    ) -> bool {
        self.is_recent(t, block_seconds, p) && self.rise() >= p.learn_from_seconds * rate
    }

    /// Whoever recovers from it now does so soon enough.
    pub(super) fn is_recent(&self, t: Time, block_seconds: f64, p: &Profile) -> bool {
        t - self.since <= p.recovery_seconds.max(2.0 * block_seconds) + block_seconds
    }
}
