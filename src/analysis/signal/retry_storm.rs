//! Signal 4, retry storm: messages are produced to a topic's retry topics out of proportion to what is consumed from it.

use std::collections::VecDeque;

use super::tumbling::Tumbling;
use crate::analysis::report::Severity;
use crate::analysis::sample::Time;

const WINDOW_SECONDS: f64 = 60.0;

/// The thresholds of signal 4. Ratios are messages produced to the retry topics ÷ messages consumed from the main topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Windows (minutes) of the ratio that is judged.
    pub windows: usize,
    /// Windows in a row whose own ratio must be high, too.
    pub sustained_windows: usize,
    /// Share of the threshold that each of them must reach.
    pub sustained_share: f64,
    /// No base raises the threshold from below this ratio.
    pub least_ratio: f64,
    /// The threshold is so many times the base …
    pub base_factor: f64,
    /// … or so much above it, whichever is more.
    pub base_margin: f64,
    /// Windows until the base is known.
    pub base_after_windows: u32,
    /// Fewer retries than this in `windows` are no storm, whatever the ratio.
    pub least_retries: f64,
    /// While the main topic idles, its retries are held against this share of its usual rate.
    pub idle_share: f64,
    /// Windows in a row below `clear_share` of the threshold that end a storm.
    pub clear_windows: u32,
    /// See `clear_windows`.
    pub clear_share: f64,
    /// From this ratio on a storm is critical: retries exceed the traffic.
    pub critical_ratio: f64,
    /// So many windows in a row with a growing ratio make it critical, too.
    pub critical_rising_windows: u32,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            windows: 5,
            sustained_windows: 4,
            sustained_share: 0.6,
            least_ratio: 0.10,
            base_factor: 4.0,
            base_margin: 0.05,
            base_after_windows: 10,
            least_retries: 30.0,
            idle_share: 0.25,
            clear_windows: 5,
            clear_share: 0.5,
            critical_ratio: 1.0,
            critical_rising_windows: 10,
        }
    }
}

/// The mean consumption follows quickly at first, and then over six hours.
const MEAN_START_WINDOWS: u32 = 30;
const MEAN_START_WEIGHT: f64 = 0.2;
const MEAN_WEIGHT: f64 = 1.0 / 360.0;

/// The base walks towards the ratio by this share of itself a window, at least by `BASE_LEAST_STEP`; after two hours a sixth of that.
const BASE_STEP_SHARE: f64 = 0.02;
const BASE_LEAST_STEP: f64 = 0.000_5;
const BASE_SLOW_AFTER_WINDOWS: u32 = 121;
const BASE_SLOW_FACTOR: f64 = 1.0 / 6.0;

/// The retries of one group's main topic. Feed it totals in order of time.
#[derive(Clone, Debug)]
pub struct RetryStorm {
    windows: Tumbling<2>,
    judged: u32,
    /// Messages a window.
    mean_consumed: f64,
    /// `(retried, consumed)` of the last windows.
    recent: VecDeque<(f64, f64)>,
    /// The ratios of single windows.
    ratios: VecDeque<f64>,
    /// Over the recent windows together.
    ratio: f64,
    /// Windows in a row in which it grew.
    rising: u32,
    /// What is usual.
    base: Option<f64>,
    /// Calm windows since, while there is a storm.
    storm: Option<u32>,
}

impl RetryStorm {
    /// Begins with the totals so far: messages produced to the retry topics, and consumed from the main topic.
    pub fn new(now: Time, retried: f64, consumed: f64) -> Self {
        Self {
            windows: Tumbling::new(WINDOW_SECONDS, now, [retried, consumed]),
            judged: 0,
            mean_consumed: 0.0,
            recent: VecDeque::new(),
            ratios: VecDeque::new(),
            ratio: 0.0,
            rising: 0,
            base: None,
            storm: None,
        }
    }

    /// Takes the totals as they are now.
    pub fn sample(&mut self, now: Time, retried: f64, consumed: f64, p: &Profile) {
        if let Some([retried, consumed]) = self.windows.close(now, [retried, consumed]) {
            self.judge(retried, consumed, p);
            self.judged = self.judged.saturating_add(1);
        }
    }

    /// Retries for each message consumed, over the last five minutes; absent until a window has closed.
    pub fn amplification(&self) -> Option<f64> {
        (self.judged > 0).then_some(self.ratio)
    }

    /// What must be reached for a storm; absent until it is known what is usual.
    pub fn threshold(&self, p: &Profile) -> Option<f64> {
        self.base.map(|base| threshold(base, p))
    }

    /// Absent until it is known what is usual.
    pub fn severity(&self, p: &Profile) -> Option<Severity> {
        self.base?;
        let rises = self.rising >= p.critical_rising_windows;
        Some(match self.storm {
            None => Severity::Ok,
            Some(_) if self.ratio >= p.critical_ratio || rises => Severity::Critical,
            Some(_) => Severity::Warning,
        })
    }

    fn judge(&mut self, retried: f64, consumed: f64, p: &Profile) {
        let weight = if self.judged < MEAN_START_WINDOWS {
            MEAN_START_WEIGHT
        } else {
            MEAN_WEIGHT
        };
        self.mean_consumed += weight * (consumed - self.mean_consumed);
        push(&mut self.recent, (retried, consumed), p.windows);
        let idle = p.idle_share * self.mean_consumed;
        let retries: f64 = self.recent.iter().map(|(retried, _)| retried).sum();
        let consumptions: f64 = self.recent.iter().map(|(_, consumed)| consumed).sum();
        let one = retried / consumed.max(idle).max(1.0);
        let all = retries / consumptions.max(idle * p.windows as f64).max(1.0);
        self.rising = if all > self.ratio { self.rising + 1 } else { 0 };
        self.ratio = all;
        push(&mut self.ratios, one, p.sustained_windows);
        self.raise_or_clear(one, retries, p);
        if self.storm.is_none() {
            self.learn_base(p);
        }
    }

    fn raise_or_clear(&mut self, one: f64, retries: f64, p: &Profile) {
        let threshold = threshold(self.base.unwrap_or(0.0), p);
        if let Some(calm) = self.storm {
            let calm = if one < p.clear_share * threshold {
                calm + 1
            } else {
                0
            };
            self.storm = (calm < p.clear_windows).then_some(calm);
            return;
        }
        let lasts = self
            .ratios
            .iter()
            .all(|r| *r >= p.sustained_share * threshold);
        let is_storm =
            self.base.is_some() && retries >= p.least_retries && self.ratio >= threshold && lasts;
        self.storm = is_storm.then_some(0);
    }

    /// A running median: the first value after some windows, then small steps towards each one.
    fn learn_base(&mut self, p: &Profile) {
        let Some(base) = self.base else {
            if self.judged + 1 >= p.base_after_windows {
                self.base = Some(self.ratio);
            }
            return;
        };
        let mut step = (BASE_STEP_SHARE * base).max(BASE_LEAST_STEP);
        if self.judged >= BASE_SLOW_AFTER_WINDOWS {
            step *= BASE_SLOW_FACTOR;
        }
        let step = if self.ratio > base { step } else { -step };
        self.base = Some((base + step).max(0.0));
    }
}

fn threshold(base: f64, p: &Profile) -> f64 {
    p.least_ratio
        .max(p.base_factor * base)
        .max(base + p.base_margin)
}

fn push<T>(memory: &mut VecDeque<T>, value: T, most: usize) {
    while memory.len() >= most.max(1) {
        memory.pop_front();
    }
    memory.push_back(value);
}
