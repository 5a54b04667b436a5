//! Short memories of cumulative counts, from which the rates and the quick slopes over a window are taken.

use std::collections::VecDeque;

use super::slope::least_squares;
use crate::analysis::report::Slope;
use crate::analysis::sample::Time;

/// Points that [`Rates`] keeps: all of 120 s at 5 s sampling. At finer sampling the newest is replaced until it is far enough.
const RATE_POINTS: usize = 26;

/// Steps that [`RecentLags`] keeps: all of 120 s at 10 s sampling, and 8 bytes each, since every partition has one.
const LAG_STEPS: usize = 15;

/// Parts of the window whose rates are compared: few enough for commits minutes apart to fall into each.
const SPREAD_PARTS: usize = 8;

/// The 95 % quantile of Student's t for one to seven degrees of freedom: parts less one.
const STUDENT_T_95: [f64; SPREAD_PARTS - 1] = [6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895];

/// How much more the mean of a short time ahead may vary than that of the window.
const MOST_AHEAD_VARIANCE: f64 = 3.0;

/// How far back rates and quick slopes look. The point just before the window's beginning belongs to them, or the window would be
/// covered only in part; but it must be just before. After a gap it would be as old as the gap is long, and a least-squares line
/// would hang on it for a whole window more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// How long it is.
    pub seconds: f64,
    /// How much before its beginning a point may lie: as long as a pair may stand for the present.
    pub slack_seconds: f64,
}

impl Window {
    /// Seconds from the oldest point that may be kept to the newest.
    fn reach_seconds(self) -> f64 {
        self.seconds + self.slack_seconds
    }
}

/// What arrived and what left, cumulated, over the last seconds.
#[derive(Clone, Debug)]
pub struct Rates {
    window: Window,
    points: VecDeque<Totals>,
    /// So many of the oldest are from before anything was watched: nobody knows what had left by then.
    arrivals_only: usize,
}

/// Messages since some beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Totals {
    at: Time,
    arrived: f64,
    departed: f64,
}

impl Rates {
    /// Over a window.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            points: VecDeque::with_capacity(RATE_POINTS),
            arrivals_only: 0,
        }
    }

    /// Nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Adds what had arrived before the first point, oldest first, while there is none. (Less than the first point's total, so perhaps
    /// below zero.)
    pub fn precede(&mut self, at: Time, arrived: f64) {
        if self.arrivals_only == self.points.len() {
            self.arrivals_only += 1;
            self.points.push_back(Totals {
                at,
                arrived,
                departed: 0.0,
            });
        }
    }

    /// Goes on with another window: the points that it doesn't reach are dropped with the next push.
    pub fn set_window(&mut self, window: Window) {
        self.window = window;
    }

    /// Adds totals, in messages. The oldest point kept is the last one at or before the window's beginning, if it is just before.
    pub fn push(&mut self, at: Time, arrived: f64, departed: f64) {
        let crowded = self.points.len() >= self.arrivals_only + 2
            && at - self.points[self.points.len() - 2].at < self.least_step();
        if crowded {
            self.points.pop_back();
        }
        self.points.push_back(Totals {
            at,
            arrived,
            departed,
        });
        while self.points[0].at < at - self.window.reach_seconds()
            || self.points.len() > 2 && self.points[1].at <= at - self.window.seconds
            || self.points.len() > RATE_POINTS
        {
            self.points.pop_front();
            self.arrivals_only = self.arrivals_only.saturating_sub(1);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.points.clear();
        self.arrivals_only = 0;
    }

    /// Messages per second that arrived.
    pub fn production(&self) -> Option<f64> {
        self.rate(0, |totals| totals.arrived)
    }

    /// Messages per second that left.
    pub fn consumption(&self) -> Option<f64> {
        self.rate(self.arrivals_only, |totals| totals.departed)
    }

    /// By how much the pace of the next seconds may differ from the consumption, either way, in messages per second: 9 times in 10.
    ///
    /// The window in parts, each with its own rate: their spread says how well their mean is known. (The residuals of a line would not:
    /// cumulated noise wanders along with it.) To that comes what the same noise does to the mean of the time ahead. `None` with fewer
    /// than two parts.
    pub fn consumption_margin(&self, ahead_seconds: f64) -> Option<f64> {
        let points: Vec<_> = self.watched().collect();
        let step = points.len().saturating_sub(1).div_ceil(SPREAD_PARTS).max(1);
        let ends = points.iter().rev().step_by(step);
        let pairs = ends.clone().skip(1).zip(ends);
        let rates: Vec<f64> = pairs
            .map(|(a, b)| (b.departed - a.departed) / (b.at - a.at).max(1.0))
            .collect();
        let n = rates.len() as f64;
        let t = *STUDENT_T_95.get(rates.len().checked_sub(2)?)?;
        let mean = rates.iter().sum::<f64>() / n;
        let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let behind_seconds = points.last()?.at - points.first()?.at;
        // No more than four times: what is so near is certain enough by the messages that it still takes.
        let ahead = (behind_seconds / ahead_seconds.max(1.0)).min(MOST_AHEAD_VARIANCE);
        Some(t * (variance / n * (1.0 + ahead)).sqrt())
    }

    /// How fast the difference grows. Level shifts (rewinds, partitions that join) are in neither total, so not in here.
    pub fn lag_slope(&self) -> Option<Slope> {
        least_squares(self.watched().map(|p| (p.at, p.arrived - p.departed)))
    }

    /// A rewind: what had left before had in effect left later by so many messages.
    pub fn rewind(&mut self, messages: f64) {
        for point in &mut self.points {
            point.departed -= messages;
        }
    }

    fn watched(&self) -> impl Iterator<Item = &Totals> + Clone {
        self.points.iter().skip(self.arrivals_only)
    }

    fn rate(&self, from: usize, of: impl Fn(&Totals) -> f64) -> Option<f64> {
        let (first, last) = (self.points.get(from)?, self.points.back()?);
        let seconds = last.at - first.at;
        (seconds >= self.least_step()).then(|| (of(last) - of(first)) / seconds)
    }

    /// Closer points are not kept apart, and make no rate: partitions are read at different moments of a cycle, and over a step that
    /// is hardly longer than the reading those differences would be the rate.
    fn least_step(&self) -> f64 {
        self.window.seconds / (RATE_POINTS - 1) as f64
    }
}

/// The lag of one partition over the last seconds, as steps back from the newest.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecentLags {
    newest: Option<(Time, f64)>,
    steps: [Step; LAG_STEPS],
    len: u8,
}

/// f32 keeps a step's milliseconds, and its messages to one part in ten million, up to any size.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    seconds: f32,
    messages: f32,
}

impl RecentLags {
    /// Adds a lag in messages; forgets what is older than the window, but for the last point just before it.
    pub fn push(&mut self, at: Time, lag: f64, window: Window) {
        let at = self.newest.map_or(at, |(before, _)| at.max(before));
        if let Some((before, lag_before)) = self.newest {
            let step = Step {
                seconds: (at - before) as f32,
                messages: (lag - lag_before) as f32,
            };
            self.push_step(step, window.seconds);
        }
        self.newest = Some((at, lag));
        let mut span = self.span();
        while span > window.reach_seconds()
            || self.len > 1 && span - f64::from(self.steps[0].seconds) >= window.seconds
        {
            span -= f64::from(self.steps[0].seconds);
            self.drop_oldest();
        }
    }

    /// A level shift is not growth: the stored lags move along by so many messages.
    pub fn shift(&mut self, messages: f64) {
        if let Some((_, lag)) = &mut self.newest {
            *lag += messages;
        }
    }

    /// How fast the lag grew, by least squares.
    pub fn slope(&self) -> Option<Slope> {
        let mut points = [self.newest?; LAG_STEPS + 1];
        let steps = self.steps[..usize::from(self.len)].iter().rev();
        for (index, step) in steps.enumerate() {
            let (at, lag) = points[index];
            points[index + 1] = (at - f64::from(step.seconds), lag - f64::from(step.messages));
        }
        least_squares(points[..=usize::from(self.len)].iter().copied())
    }

    fn push_step(&mut self, step: Step, window_seconds: f64) {
        let least_step = (window_seconds / LAG_STEPS as f64) as f32;
        let len = usize::from(self.len);
        match self.steps[..len].last_mut() {
            Some(last) if last.seconds < least_step => {
                last.seconds += step.seconds;
                last.messages += step.messages;
            }
            _ => {
                if len == LAG_STEPS {
                    self.drop_oldest();
                }
                self.steps[usize::from(self.len)] = step;
                self.len += 1;
            }
        }
    }

    /// Seconds that the steps cover.
    fn span(&self) -> f64 {
        let steps = &self.steps[..usize::from(self.len)];
        steps.iter().map(|step| f64::from(step.seconds)).sum()
    }

    fn drop_oldest(&mut self) {
        self.steps.copy_within(1.., 0);
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window {
        seconds: 120.0,
        slack_seconds: 30.0,
    };

    /// Both memories, fed 100 messages a second until `before`, silent until `after`, and then with 300 a second.
    fn across_a_gap(before: u32, after: u32, until: u32) -> (Rates, RecentLags) {
        let (mut rates, mut recent) = (Rates::new(WINDOW), RecentLags::default());
        let times = (0..=before).chain(after..=until).filter(|t| t % 10 == 0);
        for t in times.map(f64::from) {
            let arrived = 100.0 * t + 200.0 * (t - f64::from(after)).max(0.0);
            rates.push(t, arrived, 0.0);
            recent.push(t, arrived, WINDOW);
        }
        (rates, recent)
    }

    #[test]
    fn window_is_covered_by_the_point_just_before_it() {
        // At 50 s sampling the window begins between two points: the older one is kept, no older one is.
        let (mut rates, mut recent) = (Rates::new(WINDOW), RecentLags::default());
        for t in (0..=1_000u32).step_by(50).map(f64::from) {
            rates.push(t, t * t, 0.0);
            recent.push(t, t * t, WINDOW);
        }
        assert_eq!(rates.production(), Some((1e6 - 850.0 * 850.0) / 150.0));
        let slopes = [rates.lag_slope(), recent.slope()].map(|slope| slope.expect("known").slope);
        assert!(
            slopes.iter().all(|slope| (slope - 1_850.0).abs() < 1e-6),
            "{slopes:?}"
        );
    }

    #[test]
    fn hour_without_samples_is_in_no_window() {
        let (rates, recent) = across_a_gap(600, 4_200, 4_200);
        assert_eq!(
            (rates.production(), rates.lag_slope(), recent.slope()),
            (None, None, None)
        );
        let (rates, recent) = across_a_gap(600, 4_200, 4_210);
        assert_eq!(rates.production(), Some(300.0));
        assert_eq!((rates.lag_slope(), recent.slope()), (None, None));
        let (rates, recent) = across_a_gap(600, 4_200, 4_220);
        for slope in [rates.lag_slope(), recent.slope()] {
            assert!(
                (slope.expect("known").slope - 300.0).abs() < 1e-6,
                "{slope:?}"
            );
        }
    }

    #[test]
    fn a_few_missed_samples_lose_nothing() {
        let (rates, recent) = across_a_gap(600, 660, 660);
        assert_eq!(rates.production(), Some(100.0));
        for slope in [rates.lag_slope(), recent.slope()] {
            assert!(
                (slope.expect("known").slope - 100.0).abs() < 1e-6,
                "{slope:?}"
            );
        }
    }

    #[test]
    fn moments_that_nearly_coincide_make_no_rate() {
        let mut rates = Rates::new(WINDOW);
        rates.push(9.9, 0.0, 0.0);
        rates.push(10.1, 2_000.0, 0.0);
        assert_eq!(rates.production(), None);
        rates.push(20.0, 2_000.0, 0.0);
        assert!(rates.production().is_some());
    }
}
