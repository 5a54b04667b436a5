//! The test of a few troughs: is this a rise that the group does not recover from? Each question is a comparison, and all must hold.

use super::level::Habits;
use super::profile::{Profile, Rule};
use super::recovered::Recovered;
use super::window::{Minimum, Window, time_lag_step};
use crate::analysis::evidence::Compared;

/// A window, and what it is held against.
pub(super) struct RiseTest<'a> {
    pub(super) window: &'a Window<'a>,
    pub(super) rule: &'a Rule,
    pub(super) habits: Habits,
    pub(super) block_seconds: f64,
    /// How far the lag stands above the low of the present climb, in messages.
    pub(super) climbed: f64,
    pub(super) recovered: &'a Recovered,
    pub(super) p: &'a Profile,
}

impl RiseTest<'_> {
    /// What most windows fail first comes first: a test ends at the first comparison that does not hold.
    const ASKED: [fn(&Self) -> Compared; 12] = [
        Self::kendall,
        Self::span,
        Self::arrivals,
        Self::pauses,
        Self::step,
        Self::half,
        Self::top,
        Self::slope,
        Self::rise,
        Self::time_lag,
        Self::time_lag_of_second_half,
        Self::climb,
    ];

    pub(super) fn passes(&self) -> bool {
        Self::ASKED.iter().all(|ask| ask(self).holds())
    }

    /// How many troughs were looked at, and all that was asked of them.
    pub(super) fn compared(&self) -> Vec<Compared> {
        let troughs = Compared::beside("troughs", self.rule.minima as f64);
        let asked = Self::ASKED.iter().map(|ask| ask(self));
        [troughs].into_iter().chain(asked).collect()
    }

    fn kendall(&self) -> Compared {
        let (found, least) = (self.window.kendall, self.rule.kendall);
        Compared::at_least("kendall_s", f64::from(found), f64::from(least))
    }

    /// Who is not known well has to rise for longer.
    fn span(&self) -> Compared {
        let (habits, p) = (self.habits, self.p);
        let cold = if habits.known {
            0.0
        } else {
            p.cold_span_seconds
        };
        let young = if habits.young {
            p.young_span_seconds
        } else {
            0.0
        };
        Compared::at_least("window_seconds", self.span_seconds(), cold.max(young))
    }

    /// What more arrives than usual may end as it came.
    fn arrivals(&self) -> Compared {
        let most = self.p.surge_factor * self.habits.usual_rate;
        self.unless_long("arrival_rate", self.window.rate, most)
    }

    /// So may pauses of commits, as in a rolling restart.
    fn pauses(&self) -> Compared {
        let most = self.p.pause_share + self.habits.usual_pauses;
        self.unless_long("pause_share", self.window.pauses, most)
    }

    fn step(&self) -> Compared {
        let steps = self.window.minima.windows(2);
        let steps = steps.map(|pair| pair[1].lag - pair[0].lag);
        let least = steps.fold(f64::INFINITY, f64::min);
        if self.rule.even_steps {
            let asked = self.p.even_step_share * self.whole();
            Compared::at_least("least_step_messages", least, asked)
        } else {
            Compared::beside("least_step_messages", least)
        }
    }

    /// A ramp, not a step.
    fn half(&self) -> Compared {
        let first = self.window.middle.lag - self.window.first.lag;
        let lesser = first.min(self.whole() - first);
        Compared::at_least(
            "lesser_half_messages",
            lesser,
            self.p.half_share * self.whole(),
        )
    }

    /// A rise that has begun to go away again is none.
    fn top(&self) -> Compared {
        let top = self.window.minima.iter().map(|m| m.lag).fold(0.0, f64::max);
        let least = top - self.p.top_share * self.window.rise();
        Compared::at_least("last_trough_messages", self.window.last.lag, least)
    }

    fn slope(&self) -> Compared {
        let least = self.p.slope_share * self.window.rate;
        Compared::at_least("slope", self.window.slope().slope, least)
    }

    fn rise(&self) -> Compared {
        let factor = if self.habits.young {
            self.p.young_factor
        } else {
            1.0
        };
        let least = factor * self.rule.rise_seconds * self.window.rate;
        let least = least.max(self.p.rise_messages);
        Compared::at_least("rise_messages", self.window.rise(), least)
    }

    fn time_lag(&self) -> Compared {
        let what = "time_lag_rise_seconds";
        self.time_lag_rises(what, self.window.first, self.window.rise())
    }

    fn time_lag_of_second_half(&self) -> Compared {
        let (middle, last) = (self.window.middle, self.window.last);
        let what = "time_lag_rise_second_half_seconds";
        self.time_lag_rises(what, middle, last.lag - middle.lag)
    }

    /// More than this group has recovered from.
    fn climb(&self) -> Compared {
        Compared::at_least(
            "climbed_messages",
            self.climbed,
            self.recovered.limit(self.p),
        )
    }

    /// By as much as messages amount to, and by more than it may be wrong; of an unknown time lag nothing is asked.
    fn time_lag_rises(&self, what: &'static str, from: Minimum, messages: f64) -> Compared {
        let least = self.p.time_lag_share * self.window.seconds_of_traffic(messages);
        let error =
            self.p.time_lag_error_share * f64::from(self.window.last.time_lag.unwrap_or(0.0));
        match time_lag_step(from, self.window.last) {
            Some(step) => Compared::at_least(what, step, least.max(error)),
            None => Compared::beside(what, None),
        }
    }

    fn unless_long(&self, what: &'static str, value: f64, most: f64) -> Compared {
        if self.span_seconds() >= self.p.unusual_span_seconds {
            Compared::beside(what, value)
        } else {
            Compared::at_most(what, value, most)
        }
    }

    /// From the first trough to the last, in messages.
    fn whole(&self) -> f64 {
        self.window.last.lag - self.window.first.lag
    }

    fn span_seconds(&self) -> f64 {
        self.rule.minima as f64 * self.block_seconds
    }
}
