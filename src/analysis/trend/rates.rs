//! Short memories of cumulative counts, from which the rates and the quick slopes over a window are taken.

use std::collections::VecDeque;

use super::slope::least_squares;
use crate::analysis::report::Slope;
use crate::analysis::sample::Time;

/// Points that [`Rates`] keeps: all of 120 s at 5 s sampling. At finer sampling the newest is replaced until it is far enough.
const RATE_POINTS: usize = 26;

/// Steps that [`RecentLags`] keeps: all of 120 s at 10 s sampling, and 8 bytes each, since every partition has one.
const LAG_STEPS: usize = 15;

/// What arrived and what left, cumulated, over the last seconds.
#[derive(Clone, Debug)]
pub struct Rates {
    window_seconds: f64,
    points: VecDeque<Totals>,
}

/// Messages since some beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Totals {
    at: Time,
    arrived: f64,
    departed: f64,
}

impl Rates {
    /// Over a window of so many seconds.
    pub fn new(window_seconds: f64) -> Self {
        Self {
            window_seconds,
            points: VecDeque::with_capacity(RATE_POINTS),
        }
    }

    /// Adds totals, in messages. The oldest point kept is the last one at or before the window's beginning.
    pub fn push(&mut self, at: Time, arrived: f64, departed: f64) {
        let least_step = self.window_seconds / (RATE_POINTS - 1) as f64;
        let crowded =
            self.points.len() >= 2 && at - self.points[self.points.len() - 2].at < least_step;
        if crowded {
            self.points.pop_back();
        }
        self.points.push_back(Totals {
            at,
            arrived,
            departed,
        });
        while self.points.len() > 2 && self.points[1].at <= at - self.window_seconds
            || self.points.len() > RATE_POINTS
        {
            self.points.pop_front();
        }
    }

    /// Messages per second that arrived.
    pub fn production(&self) -> Option<f64> {
        self.rate(|totals| totals.arrived)
    }

    /// Messages per second that left.
    pub fn consumption(&self) -> Option<f64> {
        self.rate(|totals| totals.departed)
    }

    /// Messages per second that left, by least squares, for its bounds.
    pub fn consumption_fit(&self) -> Option<Slope> {
        least_squares(self.points.iter().map(|p| (p.at, p.departed)))
    }

    /// How fast the difference grows. Level shifts (rewinds, partitions that join) are in neither total, so not in here.
    pub fn lag_slope(&self) -> Option<Slope> {
        least_squares(self.points.iter().map(|p| (p.at, p.arrived - p.departed)))
    }

    /// A rewind: what had left before had in effect left later by so many messages.
    pub fn rewind(&mut self, messages: f64) {
        for point in &mut self.points {
            point.departed -= messages;
        }
    }

    fn rate(&self, of: impl Fn(&Totals) -> f64) -> Option<f64> {
        let (first, last) = (self.points.front()?, self.points.back()?);
        let seconds = last.at - first.at;
        (seconds > 0.0).then(|| (of(last) - of(first)) / seconds)
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
    /// Adds a lag in messages; forgets what is more than `window_seconds` old.
    pub fn push(&mut self, at: Time, lag: f64, window_seconds: f64) {
        if let Some((before, lag_before)) = self.newest {
            let step = Step {
                seconds: (at - before) as f32,
                messages: (lag - lag_before) as f32,
            };
            self.push_step(step, window_seconds);
        }
        self.newest = Some((at, lag));
        while self.len > 1 && self.span(1) >= window_seconds {
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
        let (at, lag) = self.newest?;
        let back = self.steps[..usize::from(self.len)].iter().rev();
        let older = back.scan((at, lag), |(at, lag), step| {
            *at -= f64::from(step.seconds);
            *lag -= f64::from(step.messages);
            Some((*at, *lag))
        });
        least_squares(std::iter::once((at, lag)).chain(older))
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

    /// Seconds that the steps from `first` on cover.
    fn span(&self, first: usize) -> f64 {
        let steps = &self.steps[first..usize::from(self.len)];
        steps.iter().map(|step| f64::from(step.seconds)).sum()
    }

    fn drop_oldest(&mut self) {
        self.steps.copy_within(1.., 0);
        self.len -= 1;
    }
}
