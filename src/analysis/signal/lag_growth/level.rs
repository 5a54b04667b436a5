//! One scale of time: blocks of 60 s × 2^index, their minima, what was learned at this scale, and whether the level is armed.

mod evidence;

use super::minima::{Minima, Unpacked};
use super::profile::{Profile, Rule};
use super::recovered::{Climb, Recovered};
use super::rise::RiseTest;
use super::window::{Minimum, Window, points};
use crate::analysis::evidence::Compared;
use crate::analysis::learned;
use crate::analysis::report::Slope;
use crate::analysis::sample::Time;
use crate::analysis::trend::slope::theil_sen;

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
    /// The lowest of the open block so far.
    open: Option<Open>,
    pub(super) recovered: Recovered,
    climb: Option<Climb>,
    /// Seldom there.
    armed: Option<Box<Armed>>,
    /// Minima of the window that the last test fired on, else of the longest; 0 while there were too few for any.
    tested: u8,
}

/// The lowest sample of a block that goes on.
#[derive(Clone, Copy, Debug)]
struct Open {
    t: Time,
    lag: f64,
    time_lag: Option<f32>,
}

/// Between which lags a level was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Band {
    pub(super) low: f64,
    pub(super) high: f64,
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

impl Level {
    pub(super) fn new(index: usize, p: &Profile) -> Self {
        Self {
            block_seconds: block_seconds(index, p),
            minima: Minima::default(),
            open: None,
            recovered: Recovered::default(),
            climb: None,
            armed: None,
            tested: 0,
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

    /// A rise that is under way and goes back later isn't learned, either.
    pub(super) fn forget_learned(&mut self) {
        self.recovered = Recovered::default();
        self.climb = None;
    }

    /// Takes the next sample; gives whether that ended a block. The order matters: old verdicts first, then the block that ended
    /// before this sample, then the sample itself.
    pub(super) fn sample(&mut self, point: Point, habits: Habits, p: &Profile) -> bool {
        self.disarm_on_lower_low(point.lag, p);
        self.follow_climb(point, p);
        let block = |t: Time| (t / self.block_seconds) as i64;
        let ended = self.open.take_if(|open| block(point.t) > block(open.t));
        if let Some(open) = ended {
            self.complete_block(open, point, habits, p);
        }
        if self.open.is_none_or(|open| point.lag < open.lag) {
            self.open = Some(Open {
                t: point.t,
                lag: point.lag,
                time_lag: point.time_lag.map(|seconds| seconds as f32),
            });
        }
        ended.is_some()
    }

    /// Oldest first.
    pub(super) fn minima(&self) -> Unpacked {
        self.minima.unpack()
    }

    /// So many of the last minima lie each below the one before.
    pub(super) fn falling(&self) -> usize {
        self.minima.falling()
    }

    /// It has minima enough for a test.
    pub(super) fn is_tested(&self) -> bool {
        self.tested > 0
    }

    /// How fast the minima rise, of the window that fired last, else of the longest.
    pub(super) fn slope(&self) -> Option<Slope> {
        let minima = self.minima.unpack();
        let from = minima.len().saturating_sub(self.tested.into());
        theil_sen(points(&minima[from..])).filter(|_| self.is_tested())
    }

    /// Messages per second that arrived over the last `count` minima; 0 while they are fewer than two.
    pub(super) fn rate(&self, count: usize) -> f64 {
        self.minima.rate(count)
    }

    /// Of the minima that it holds, of the open block, and of a climb that may be learned from yet.
    pub(super) fn lags(&self, t: Time, p: &Profile) -> impl Iterator<Item = f64> {
        let climb = self
            .climb
            .filter(|climb| climb.is_recent(t, self.block_seconds, p));
        let climb = climb.into_iter().flat_map(|climb| [climb.low, climb.peak]);
        let open = self.open.map(|open| open.lag);
        let minima = self.minima.unpack();
        let minima = (0..minima.len()).map(move |index| minima[index].lag);
        minima.chain(open).chain(climb)
    }

    pub(super) fn has_blocks_of(&self, seconds: f64) -> bool {
        self.block_seconds == seconds
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
        self.minima.rebase(lag_shift, log_end_shift);
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

    fn complete_block(&mut self, open: Open, point: Point, habits: Habits, p: &Profile) {
        let minimum = Minimum {
            t: open.t,
            lag: open.lag,
            time_lag: open.time_lag,
            log_end: point.log_end,
            paused_seconds: point.paused_seconds,
        };
        self.minima.push(minimum, p);
        if let Some(climb) = &mut self.climb {
            climb.peak = climb.peak.max(open.lag);
        }
        let minima = self.minima.unpack();
        if let Some(longest) = p.rules.iter().find(|rule| rule.minima <= minima.len()) {
            self.tested = longest.minima as u8;
            self.arm_if_it_rises(&minima, point.t, habits, p);
            self.disarm_on_plateau(&minima, p);
        }
    }

    /// The first rule that passes gives the rise.
    fn arm_if_it_rises(&mut self, minima: &[Minimum], t: Time, habits: Habits, p: &Profile) {
        let rules = p.rules.iter();
        let mut windows = rules.filter_map(|rule| Some((rule, Window::last(minima, rule.minima)?)));
        let fired = windows.find(|(rule, window)| self.test(rule, window, habits, p).passes());
        if let Some((rule, window)) = fired {
            let compared = self.test(rule, &window, habits, p).compared();
            self.tested = rule.minima as u8;
            self.arm(t, window.rise(), window.last.lag, compared);
        }
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
        let armed = self.armed.get_or_insert_with(|| {
            Box::new(Armed {
                at: t,
                top: lag,
                rise,
                flat_blocks: 0,
                fired: Vec::new(),
            })
        });
        armed.rise = rise;
        armed.flat_blocks = 0;
        armed.fired = fired;
    }

    /// Several successive blocks without a rise; a block may fire and count as the first of them.
    fn disarm_on_plateau(&mut self, minima: &[Minimum], p: &Profile) {
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

/// Seconds of a block.
pub(super) fn block_seconds(index: usize, p: &Profile) -> f64 {
    p.base_block_seconds * f64::from(1u32 << index)
}

impl Band {
    pub(super) fn height(self) -> f64 {
        self.high - self.low
    }

    pub(super) fn of(lag: f64) -> Self {
        Self {
            low: lag,
            high: lag,
        }
    }

    /// The band that has this lag in it, too.
    pub(super) fn with(self, lag: f64) -> Self {
        Self {
            low: self.low.min(lag),
            high: self.high.max(lag),
        }
    }
}
