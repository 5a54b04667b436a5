//! One scale of time: blocks of 60 s × 2^index, their minima, what was learned at this scale, and whether the level is armed.

mod evidence;

use super::profile::{Profile, Rule};
use super::recovered::{Climb, Recovered};
use super::rise::RiseTest;
use super::window::{Minimum, Window, arrival_rate};
use crate::analysis::evidence::Compared;
use crate::analysis::learned;
use crate::analysis::sample::Time;
use crate::analysis::trend::slope::{TREND_POINTS, Trend};

/// Minima over which the arrival rate of a climb is taken.
const CLIMB_RATE_MINIMA: usize = 4;

/// One sample of a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) t: Time,
    pub(super) lag: f64,
    pub(super) time_lag: Option<f64>,
    pub(super) log_end: f64,
    /// Pauses of commits until now, since the series began.
    pub(super) paused_seconds: f64,
    /// The lag is called growing.
    pub(super) called: bool,
}

/// How well the series is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    pub(super) young: bool,
    pub(super) known: bool,
    /// Messages per second that usually arrive.
    pub(super) usual_rate: f64,
    /// Share of the time in which messages wait and no commit advances, usually.
    pub(super) usual_pauses: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Level {
    block_seconds: f64,
    minima: Minima,
    open: Option<Minimum>,
    block: Option<f64>,
    pub(super) recovered: Recovered,
    climb: Option<Climb>,
    armed: Option<Armed>,
    /// Of the last test: the window that fired, else the longest.
    pub(super) trend: Option<Trend>,
}

/// A rise that passed a test and has not been refuted since.
#[derive(Clone, Debug)]
struct Armed {
    at: Time,
    /// The highest block minimum since, in messages.
    top: f64,
    /// The latest that fired, in messages.
    rise: f64,
    flat_blocks: usize,
    /// What was compared when it fired. Later the same window would be held against other habits.
    fired: Vec<Compared>,
}

/// The last minima, oldest first.
#[derive(Clone, Debug, Default)]
struct Minima {
    kept: [Minimum; TREND_POINTS],
    len: usize,
}

impl Level {
    pub(super) fn new(index: usize, p: &Profile) -> Self {
        Self {
            block_seconds: block_seconds(index, p),
            minima: Minima::default(),
            open: None,
            block: None,
            recovered: Recovered::default(),
            climb: None,
            armed: None,
            trend: None,
        }
    }

    /// Goes on with other thresholds, if its blocks keep their length: minima of shorter ones would be compared with longer ones.
    pub(super) fn retune(&mut self, index: usize, p: &Profile) {
        if self.block_seconds == block_seconds(index, p) {
            self.minima.shorten(p.minima_kept);
        } else {
            *self = Self::new(index, p);
        }
    }

    /// What was learned of its rises; `None` while nothing is.
    pub(super) fn learned(&self) -> Option<learned::Level> {
        self.recovered.learned(self.block_seconds)
    }

    /// Takes over what was learned before a restart, if it is of blocks as long as these.
    pub(super) fn remember(&mut self, learned: &[learned::Level]) {
        let block_seconds = self.block_seconds as f32;
        let same = learned
            .iter()
            .find(|level| level.block_seconds == block_seconds);
        if let Some(level) = same {
            self.recovered = Recovered::remembered(level);
        }
    }

    /// A rise that is under way and goes back later isn't learned, either.
    pub(super) fn forget_learned(&mut self) {
        self.recovered = Recovered::default();
        self.climb = None;
    }

    /// The order matters: old verdicts first, then the block that ended before this sample, then the sample itself.
    pub(super) fn sample(&mut self, point: Point, habits: Habits, p: &Profile) {
        self.disarm_on_lower_low(point.lag, p);
        self.follow_climb(point, p);
        let block = (point.t / self.block_seconds).floor();
        if self.block.is_some_and(|open| block > open) {
            self.complete_block(point, habits, p);
        }
        self.block = Some(block);
        if self.open.is_none_or(|open| point.lag < open.lag) {
            self.open = Some(Minimum {
                t: point.t,
                lag: point.lag,
                time_lag: point.time_lag,
                log_end: 0.0,
                paused_seconds: 0.0,
            });
        }
    }

    pub(super) fn minima(&self) -> &[Minimum] {
        self.minima.all()
    }

    /// So many of the last minima lie each below the one before.
    pub(super) fn falling(&self) -> usize {
        let pairs = self.minima.all().windows(2).rev();
        1 + pairs.take_while(|pair| pair[1].lag < pair[0].lag).count()
    }

    pub(super) fn disarm(&mut self) {
        self.armed = None;
    }

    pub(super) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// Armed for long enough to be believed.
    pub(super) fn is_confirmed(&self, t: Time, p: &Profile) -> bool {
        self.held(t, p).holds()
    }

    pub(super) fn rebase(&mut self, lag_shift: f64, log_end_shift: f64) {
        for minimum in self.minima.all_mut() {
            minimum.lag += lag_shift;
            minimum.log_end += log_end_shift;
        }
        if let Some(open) = &mut self.open {
            open.lag += lag_shift;
        }
        if let Some(armed) = &mut self.armed {
            armed.top += lag_shift;
        }
        if let Some(climb) = &mut self.climb {
            climb.low += lag_shift;
            climb.peak += lag_shift;
        }
    }

    fn disarm_on_lower_low(&mut self, lag: f64, p: &Profile) {
        let margin = |armed: &Armed| (p.lower_low_share * armed.rise).max(p.rise_messages);
        self.armed.take_if(|armed| lag < armed.top - margin(armed));
    }

    /// Learns a rise when the group has recovered from it, and follows the next one from there.
    fn follow_climb(&mut self, point: Point, p: &Profile) {
        let Point { t, lag, called, .. } = point;
        let climb = self.climb.get_or_insert(Climb::from(t, lag));
        climb.called |= called;
        if climb.has_recovered(lag, p) {
            let rate = self.minima.rate(CLIMB_RATE_MINIMA);
            let is_worth = climb.is_worth_learning(t, self.block_seconds, rate, p);
            if is_worth && climb.called {
                self.recovered.learn_called(climb.rise(), rate, p);
            } else if is_worth {
                self.recovered.learn(climb.rise(), p);
            }
            *climb = Climb::from(t, lag);
        } else if lag <= climb.low {
            // The latest of the lowest: a group that was at zero for hours did not rise for hours.
            climb.since = t;
            climb.low = lag;
            // What was higher before lies behind it: a fall is no rise.
            climb.peak = lag;
            climb.called = called;
        }
    }

    fn complete_block(&mut self, point: Point, habits: Habits, p: &Profile) {
        let t = point.t;
        if let Some(open) = self.open.take() {
            self.minima.push(
                Minimum {
                    log_end: point.log_end,
                    paused_seconds: point.paused_seconds,
                    ..open
                },
                p.minima_kept,
            );
            if let Some(climb) = &mut self.climb {
                climb.peak = climb.peak.max(open.lag);
            }
        }
        let minima = self.minima.all();
        let windows = p.rules.map(|rule| Window::last(minima, rule.minima));
        let Some(longest) = windows.iter().flatten().next() else {
            return;
        };
        let fired = p
            .rules
            .iter()
            .zip(&windows)
            .filter_map(|(rule, window)| Some((rule, window.as_ref()?)))
            .find(|(rule, window)| self.test(rule, window, habits, p).passes())
            .map(|(rule, window)| {
                let compared = self.test(rule, window, habits, p).compared();
                (window.rise, window.last.lag, window.trend, compared)
            });
        let trend = fired.as_ref().map(|(_, _, trend, _)| *trend);
        self.trend = Some(trend.unwrap_or(longest.trend));
        if let Some((rise, lag, _, compared)) = fired {
            self.arm(t, rise, lag, compared);
        }
        self.disarm_on_plateau(p);
    }

    fn test<'a>(
        &'a self,
        rule: &'a Rule,
        window: &'a Window<'a>,
        habits: Habits,
        p: &'a Profile,
    ) -> RiseTest<'a> {
        let climbed = self.climb.map_or(0.0, |climb| window.last.lag - climb.low);
        RiseTest {
            window,
            rule,
            habits,
            block_seconds: self.block_seconds,
            climbed,
            recovered: &self.recovered,
            p,
        }
    }

    fn arm(&mut self, t: Time, rise: f64, lag: f64, fired: Vec<Compared>) {
        let armed = self.armed.get_or_insert(Armed {
            at: t,
            top: lag,
            rise,
            flat_blocks: 0,
            fired: Vec::new(),
        });
        armed.rise = rise;
        armed.flat_blocks = 0;
        armed.fired = fired;
    }

    /// Several successive blocks without a rise; a block may fire and count as the first of them.
    fn disarm_on_plateau(&mut self, p: &Profile) {
        let minima = self.minima.all();
        let (Some(armed), Some(last)) = (&mut self.armed, minima.last()) else {
            return;
        };
        armed.top = armed.top.max(last.lag);
        let flat = Window::last(minima, p.flat_minima.min(minima.len()))
            .is_some_and(|window| window.is_flat(p));
        armed.flat_blocks = if flat { armed.flat_blocks + 1 } else { 0 };
        self.armed
            .take_if(|armed| armed.flat_blocks >= p.flat_blocks);
    }
}

fn block_seconds(index: usize, p: &Profile) -> f64 {
    p.base_block_seconds * f64::from(1u32 << index)
}

impl Minima {
    fn all(&self) -> &[Minimum] {
        &self.kept[..self.len]
    }

    fn all_mut(&mut self) -> &mut [Minimum] {
        &mut self.kept[..self.len]
    }

    fn push(&mut self, minimum: Minimum, most: usize) {
        self.shorten(most.clamp(1, TREND_POINTS) - 1);
        self.kept[self.len] = minimum;
        self.len += 1;
    }

    /// Forgets all but the last `most`.
    fn shorten(&mut self, most: usize) {
        let surplus = self.len.saturating_sub(most);
        self.kept.copy_within(surplus.., 0);
        self.len -= surplus;
    }

    /// Messages per second that arrived over the last `count` minima.
    fn rate(&self, count: usize) -> f64 {
        let last = &self.all()[self.len.saturating_sub(count)..];
        match last {
            [first, .., last] => arrival_rate(*first, *last),
            _ => 0.0,
        }
    }
}
