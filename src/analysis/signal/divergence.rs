//! Signal 3, divergence: the 99th percentile of the delays climbs away from a stable median, because a few partitions fall behind
//! and the others do not. Those few are the tail: they are the diagnosis.

use std::collections::VecDeque;

use super::tumbling::Tumbling;
use crate::analysis::report::Severity;
use crate::analysis::sample::Time;
use crate::analysis::trend::delay::CommitGaps;
use crate::analysis::trend::histogram::Histogram;
use crate::analysis::trend::slope::line;

/// A window of delays.
pub const WINDOW_SECONDS: f64 = 60.0;

/// Consumers commit every 5 s unless told otherwise, and samples further apart than that cannot see it.
const ASSUMED_COMMIT_GAP_SECONDS: f64 = 5.0;
/// While so many samples with something to commit show an advance, the assumed gap is right.
const ADVANCING_SHARE: f64 = 0.6;

/// Sample times of which the median interval is taken.
const INTERVALS: usize = 30;

/// The thresholds of signal 3.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Windows (minutes) over which the slopes of p50 and p99 are taken.
    pub slope_windows: usize,
    /// Seconds that they must span.
    pub slope_least_seconds: f64,
    /// Seconds for which the rule must hold.
    pub hold_seconds: f64,
    /// The tail carries less than this share of the traffic; with more it is lag growth.
    pub tail_traffic_share: f64,
    /// p99 must reach this many seconds …
    pub least_p99_seconds: f64,
    /// … and this many times what can be resolved.
    pub least_p99_resolutions: f64,
    /// p99 ÷ p50 must reach this, both lifted by what can be resolved.
    pub raise_ratio: f64,
    /// Below this ratio it is over.
    pub clear_ratio: f64,
    /// p50 must not rise faster than this share of p99's slope.
    pub p50_slope_share: f64,
    /// It is over when p99 is below this share of its peak.
    pub clear_peak_share: f64,
    /// A window with fewer messages has no quantiles.
    pub least_messages: f64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            slope_windows: 10,
            slope_least_seconds: 300.0,
            hold_seconds: 300.0,
            tail_traffic_share: 0.5,
            least_p99_seconds: 60.0,
            least_p99_resolutions: 3.0,
            raise_ratio: 2.0,
            clear_ratio: 1.5,
            p50_slope_share: 0.25,
            clear_peak_share: 0.5,
            least_messages: 50.0,
        }
    }
}

/// The partitions that fall behind, as the rule sees them when a window closes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tail {
    /// Their numbers, rising.
    pub partitions: Vec<u32>,
    /// Messages that arrived there in the windows remembered.
    pub arrived: f64,
    /// Messages that arrived in all partitions in the same time.
    pub arrived_in_all: f64,
}

impl Tail {
    fn share(&self) -> f64 {
        self.arrived / self.arrived_in_all.max(1.0)
    }
}

/// Quantiles of the delays of a window, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// Half of the messages waited no longer.
    pub p50: f64,
    /// Nine of ten did.
    pub p90: f64,
    /// All but one in a hundred did.
    pub p99: f64,
}

/// The delays of one group in one topic, and the verdict on them. Partitions feed `window`, and `close` is called with what falls
/// behind when a window ends.
#[derive(Clone, Debug)]
pub struct Divergence {
    windows: Tumbling<0>,
    /// The delays of the open window.
    pub window: Histogram,
    times: VecDeque<Time>,
    /// The median of the last intervals between samples.
    interval_seconds: f64,
    commit_gap_seconds: f64,
    /// `(samples with something to commit, those that showed an advance, gaps)` of the last windows.
    gap_windows: VecDeque<CommitGaps>,
    quantiles: Option<Quantiles>,
    /// `(window's end, p50, p99)`.
    history: VecDeque<(Time, f64, f64)>,
    since: Option<Time>,
    /// While raised: the highest p99 since.
    peak: Option<f64>,
    tail: Vec<u32>,
}

impl Divergence {
    /// Its first window begins now.
    pub fn new(now: Time) -> Self {
        Self {
            windows: Tumbling::new(WINDOW_SECONDS, now, []),
            window: Histogram::default(),
            times: VecDeque::from([now]),
            interval_seconds: 0.0,
            commit_gap_seconds: ASSUMED_COMMIT_GAP_SECONDS,
            gap_windows: VecDeque::new(),
            quantiles: None,
            history: VecDeque::new(),
            since: None,
            peak: None,
            tail: Vec::new(),
        }
    }

    /// Takes note of a sample's time; gives the end of the window that it closes, if it does.
    pub fn tick(&mut self, now: Time) -> Option<Time> {
        if self.times.len() > INTERVALS {
            self.times.pop_front();
        }
        self.times.push_back(now);
        if self.times.len() <= INTERVALS || now >= self.windows.end() {
            self.interval_seconds = self.median_interval();
        }
        self.windows.close(now, [])?;
        Some(self.windows.end() - WINDOW_SECONDS)
    }

    /// Time broke off: the open window begins anew.
    pub fn interrupt(&mut self) {
        self.window.clear();
        self.times.clear();
    }

    /// Judges the window that ended, once all partitions have fed it.
    pub fn close(&mut self, end: Time, tail: Tail, gaps: CommitGaps, p: &Profile) {
        self.learn_commit_gap(gaps, p.slope_windows);
        let enough = self.window.total() >= p.least_messages;
        let quantile = |q| self.window.quantile(q).unwrap_or(0.0);
        self.quantiles = enough.then(|| Quantiles {
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
        });
        self.window.clear();
        self.judge(end, tail, p);
    }

    /// How much earlier than its sample a commit is taken to have been made, in seconds.
    pub fn edge_shift(&self) -> f64 {
        self.interval_seconds.min(self.commit_gap_seconds) / 2.0
    }

    /// What is below it cannot be told apart, in seconds.
    pub fn resolution(&self) -> f64 {
        self.interval_seconds + self.commit_gap_seconds
    }

    /// Those of the last window, no smaller than what can be resolved; absent when it had too few messages.
    pub fn quantiles(&self) -> Option<Quantiles> {
        let floor = self.resolution();
        self.quantiles.map(|quantiles| Quantiles {
            p50: quantiles.p50.max(floor),
            p90: quantiles.p90.max(floor),
            p99: quantiles.p99.max(floor),
        })
    }

    /// The partitions that fell behind when the last window closed.
    pub fn tail(&self) -> &[u32] {
        &self.tail
    }

    /// Absent until there are windows enough for a slope.
    pub fn severity(&self, delay_ceiling_seconds: Option<f64>, p: &Profile) -> Option<Severity> {
        if self.peak.is_some() {
            let p99 = self.quantiles.map(|quantiles| quantiles.p99);
            let passes = p99
                .zip(delay_ceiling_seconds)
                .is_some_and(|(p99, ceiling)| p99 > ceiling);
            return Some(if passes {
                Severity::Critical
            } else {
                Severity::Warning
            });
        }
        let (first, last) = (self.history.front()?, self.history.back()?);
        (last.0 - first.0 >= p.slope_least_seconds).then_some(Severity::Ok)
    }

    fn judge(&mut self, end: Time, tail: Tail, p: &Profile) {
        let (p50, p99) = self.quantiles.map_or((0.0, 0.0), |q| (q.p50, q.p99));
        while self.history.len() >= p.slope_windows.max(1) {
            self.history.pop_front();
        }
        self.history.push_back((end, p50, p99));
        let (slope_p50, slope_p99) = (
            self.slope(p, |(_, p50, _)| *p50),
            self.slope(p, |(_, _, p99)| *p99),
        );
        let floor = self.resolution();
        let ratio = (p99 + floor) / (p50 + floor);
        let climbs = slope_p99.filter(|slope| *slope > 0.0);
        let away = climbs
            .zip(slope_p50)
            .is_some_and(|(p99, p50)| p50 <= p.p50_slope_share * p99);
        let is_long = p99 >= p.least_p99_seconds.max(p.least_p99_resolutions * floor);
        let few = !tail.partitions.is_empty() && tail.share() < p.tail_traffic_share;
        let diverges = few && is_long && ratio >= p.raise_ratio && away;
        self.since = diverges.then(|| self.since.unwrap_or(end));
        let is_over = |peak: f64| {
            let tail_gone = tail.partitions.is_empty() && slope_p99.is_some_and(|s| s <= 0.0);
            p99 < p.clear_peak_share * peak || ratio < p.clear_ratio || tail_gone
        };
        self.peak = match self.peak {
            Some(peak) => Some(peak.max(p99)).filter(|peak| !is_over(*peak)),
            None => self
                .since
                .filter(|since| end - since >= p.hold_seconds)
                .map(|_| p99),
        };
        self.tail = tail.partitions;
    }

    fn slope(&self, p: &Profile, of: impl Fn(&(Time, f64, f64)) -> f64) -> Option<f64> {
        let (first, last) = (self.history.front()?, self.history.back()?);
        if last.0 - first.0 < p.slope_least_seconds {
            return None;
        }
        line(self.history.iter().map(|window| (window.0, of(window))))
    }

    fn median_interval(&self) -> f64 {
        let times = self.times.iter();
        let mut intervals: Vec<f64> = times
            .clone()
            .skip(1)
            .zip(times)
            .map(|(b, a)| b - a)
            .collect();
        median(&mut intervals).unwrap_or(0.0)
    }

    /// The assumed one while most samples show an advance, else the median gap.
    fn learn_commit_gap(&mut self, gaps: CommitGaps, windows: usize) {
        while self.gap_windows.len() >= windows.max(1) {
            self.gap_windows.pop_front();
        }
        self.gap_windows.push_back(gaps);
        let waiting: u32 = self.gap_windows.iter().map(|w| w.waiting_samples).sum();
        let advancing: u32 = self.gap_windows.iter().map(|w| w.edge_samples).sum();
        if f64::from(advancing) >= ADVANCING_SHARE * f64::from(waiting) {
            self.commit_gap_seconds = ASSUMED_COMMIT_GAP_SECONDS;
            return;
        }
        let gaps = self.gap_windows.iter().flat_map(|w| &w.seconds);
        let mut gaps: Vec<f64> = gaps.map(|seconds| f64::from(*seconds)).collect();
        self.commit_gap_seconds = median(&mut gaps).unwrap_or(self.commit_gap_seconds);
    }
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(f64::midpoint(values[last / 2], values[values.len() / 2]))
}
