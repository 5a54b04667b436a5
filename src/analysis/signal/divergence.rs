//! Signal 3, divergence: the 99th percentile of the delays climbs away from a stable median, because a few partitions fall behind
//! and the others do not. Those few are the tail: they are the diagnosis.

mod verdict;

use std::collections::VecDeque;

use super::straggler::{Ordinary, Siblings};
use super::tumbling::Tumbling;
use crate::analysis::evidence::Evidence;
use crate::analysis::sample::Time;
use crate::analysis::trend::delay::{CommitGaps, Evenness, OpenWindow};
use crate::analysis::trend::histogram::{DelayHistogram, Histogram};

/// A window of delays.
pub const WINDOW_SECONDS: f64 = 60.0;

/// Consumers commit every 5 s unless told otherwise, and samples further apart than that cannot see it.
const ASSUMED_COMMIT_GAP_SECONDS: f64 = 5.0;
/// While so many samples with something to commit show an advance, the assumed gap is right.
const ADVANCING_SHARE: f64 = 0.6;

/// A commit is not overdue before so many usual gaps. Much more, and a stop would leave too few points for a slope.
const PATIENT_GAPS: f64 = 1.25;

/// Sample times of which the median interval is taken.
const INTERVALS: usize = 30;

/// The thresholds of signal 3.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Windows (minutes) over which commit gaps are remembered.
    pub commit_gap_windows: usize,
    /// Seconds that must have been watched before it is called ok.
    pub least_watched_seconds: f64,
    /// A partition is behind when its delay exceeds that of the median partition by so many seconds (and by what can be resolved).
    pub behind_seconds: f64,
    /// It is left behind when that reaches this many seconds …
    pub least_limit_seconds: f64,
    /// … and this many times what can be resolved …
    pub least_limit_resolutions: f64,
    /// … and this many times the median partition's peak, the mean of 15 minutes …
    pub peak_factor: f64,
    /// … and this many times the largest excursion that a partition of the topic recovered from.
    pub recovered_factor: f64,
    /// Seconds for which it must stay so, without coming back.
    pub hold_seconds: f64,
    /// The same where the partitions are calm: neither their peaks nor what they recovered from say more than the fixed limits.
    pub calm_hold_seconds: f64,
    /// Until the topic was watched for so many seconds, what was learned is multiplied by `young_factor`.
    pub young_seconds: f64,
    /// See `young_seconds`.
    pub young_factor: f64,
    /// Messages that must have arrived in a partition in the windows remembered: no traffic raises nothing.
    pub least_messages: f64,
    /// The tail carries less than this share of the traffic; with more it is lag growth.
    pub tail_traffic_share: f64,
    /// It is over when each of the tail is nearer to the median than this share of the limit …
    pub clear_limit_share: f64,
    /// … or has come back to this share of its largest rise.
    pub clear_peak_share: f64,
    /// A window with fewer messages has no quantiles.
    pub quantile_messages: f64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            commit_gap_windows: 10,
            least_watched_seconds: 300.0,
            behind_seconds: 45.0,
            least_limit_seconds: 60.0,
            least_limit_resolutions: 3.0,
            peak_factor: 9.0,
            recovered_factor: 1.25,
            hold_seconds: 240.0,
            calm_hold_seconds: 120.0,
            young_seconds: 3600.0,
            young_factor: 2.0,
            least_messages: 5.0,
            tail_traffic_share: 0.5,
            clear_limit_share: 0.5,
            clear_peak_share: 0.5,
            quantile_messages: 50.0,
        }
    }
}

/// The partitions that fall behind, as the rule sees them when a window closes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tail {
    /// Their numbers, rising.
    pub partitions: Vec<u32>,
    /// One that was called still is far behind.
    pub stays: bool,
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

/// The delays of one group in one topic, and the verdict on them. Partitions feed `window`; `close` is called when it ends.
#[derive(Clone, Debug)]
pub struct Divergence {
    windows: Tumbling<0>,
    /// The delays of the open window, and how often commits advance in it.
    pub window: Histogram,
    gaps: CommitGaps,
    evenness: Evenness,
    times: VecDeque<Time>,
    /// The median of the last intervals between samples.
    interval_seconds: f64,
    commit_gap_seconds: f64,
    /// When the commits of the last window that had any were made is known.
    is_exact: bool,
    /// What part of an interval arrivals may be off by, as of the last window.
    uncertain_share: f64,
    /// `(samples with something to commit, those that showed an advance, gaps)` of the last windows.
    gap_windows: VecDeque<CommitGaps>,
    quantiles: Option<Quantiles>,
    /// All that was committed since the beginning, where that is wanted.
    cumulative: Option<Box<DelayHistogram>>,
    /// What its partitions are like together.
    pub siblings: Siblings,
    /// The end of the first window, and of the last.
    judged: Option<(Time, Time)>,
    is_raised: bool,
    tail: Vec<u32>,
    /// What was ordinary in the last window, and the share of the traffic that those left behind carried.
    ordinary: Ordinary,
    tail_share: f64,
    /// Of the partitions that made the last verdict, while it is raised: they may be gone before the next window ends.
    pub decided: Vec<Evidence>,
}

impl Divergence {
    /// Its first window begins now.
    pub fn new(now: Time) -> Self {
        Self {
            windows: Tumbling::new(WINDOW_SECONDS, now, []),
            window: Histogram::default(),
            gaps: CommitGaps::default(),
            evenness: Evenness::default(),
            times: VecDeque::from([now]),
            interval_seconds: 0.0,
            commit_gap_seconds: ASSUMED_COMMIT_GAP_SECONDS,
            is_exact: false,
            uncertain_share: 1.0,
            gap_windows: VecDeque::new(),
            quantiles: None,
            cumulative: None,
            siblings: Siblings::new(now),
            judged: None,
            is_raised: false,
            tail: Vec::new(),
            ordinary: Ordinary::default(),
            tail_share: 0.0,
            decided: Vec::new(),
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

    /// Begins or ends the cumulative histogram.
    pub fn keep_histogram(&mut self, wanted: bool) {
        if !wanted {
            self.cumulative = None;
        } else if self.cumulative.is_none() {
            self.cumulative = Some(Box::default());
        }
    }

    /// Adds what was committed in the open window to the cumulative histogram; to be called before what waits is added to it.
    pub fn accumulate(&mut self) {
        if let Some(cumulative) = &mut self.cumulative {
            cumulative.add(&self.window);
        }
    }

    /// The delays of all that was committed since the beginning, to the end of the last window; absent unless that is wanted.
    pub fn histogram(&self) -> Option<&DelayHistogram> {
        self.cumulative.as_deref()
    }

    /// Time broke off: the open window begins anew.
    pub fn interrupt(&mut self) {
        self.accumulate();
        self.window.clear();
        self.gaps.clear();
        self.evenness = Evenness::default();
        self.times.clear();
    }

    /// Seconds between two commits, where that is not what is assumed anyway, nor known again within a minute.
    pub fn learned_commit_gap(&self) -> Option<f32> {
        (self.commit_gap_seconds != ASSUMED_COMMIT_GAP_SECONDS && !self.is_exact)
            .then_some(self.commit_gap_seconds as f32)
    }

    /// Goes on with the usual gap of before a restart.
    pub fn remember_commit_gap(&mut self, seconds: f32) {
        self.commit_gap_seconds = seconds.into();
    }

    /// Assumes what is assumed of everybody: of the commit gap, and of what the partitions get over.
    pub fn forget_learned(&mut self) {
        self.commit_gap_seconds = ASSUMED_COMMIT_GAP_SECONDS;
        self.gap_windows.clear();
        self.siblings = Siblings::new(self.windows.end() - WINDOW_SECONDS);
    }

    /// What the partitions' pairs are counted into.
    pub fn open_window(&mut self) -> OpenWindow<'_> {
        OpenWindow {
            delays: &mut self.window,
            gaps: &mut self.gaps,
            evenness: &mut self.evenness,
        }
    }

    /// Takes the window that ended, once all partitions have fed it.
    pub fn close(&mut self, p: &Profile) {
        self.learn_commit_gap(p.commit_gap_windows);
        self.uncertain_share = std::mem::take(&mut self.evenness).uncertain_share();
        let enough = self.window.total() >= p.quantile_messages;
        let quantile = |q| self.window.quantile(q).unwrap_or(0.0);
        self.quantiles = enough.then(|| Quantiles {
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
        });
        self.window.clear();
    }

    /// What is ordinary in the window that ended; `windows` are the troughs and peaks of the partitions, in any order.
    pub fn ordinary(&mut self, end: Time, windows: &mut [(f32, f32)], p: &Profile) -> Ordinary {
        let resolution = self.resolution();
        self.ordinary = self.siblings.ordinary(end, windows, resolution, p);
        self.ordinary
    }

    /// What was ordinary in the last window, with its end; `None` until one was judged.
    pub fn last_ordinary(&self) -> Option<(Time, &Ordinary)> {
        let (_, end) = self.judged?;
        Some((end, &self.ordinary))
    }

    /// Judges what is left behind at the window's end.
    pub fn judge(&mut self, end: Time, tail: Tail, p: &Profile) {
        let first = self.judged.map_or(end, |(first, _)| first);
        self.judged = Some((first, end));
        self.tail_share = tail.share();
        let few = self.share(p).holds();
        let is_left = !tail.partitions.is_empty() || self.is_raised && tail.stays;
        self.is_raised = few && is_left;
        if !tail.partitions.is_empty() || !self.is_raised {
            self.tail = tail.partitions;
        }
    }

    /// How much earlier than its sample a commit is taken to have been made, in seconds.
    pub fn edge_shift(&self) -> f64 {
        self.interval_seconds.min(self.commit_gap_seconds) / 2.0
    }

    /// What is below it cannot be told apart, in seconds: a message arrived between two samples, and left between two commits,
    /// unless it is known when.
    pub fn resolution(&self) -> f64 {
        if self.is_exact {
            self.interval_seconds
        } else {
            self.interval_seconds + self.commit_gap_seconds
        }
    }

    /// Quantiles are no smaller than this. Between samples messages are taken to arrive evenly, and where they do from one interval to
    /// the next most of them are placed much better than to the interval.
    fn floor(&self) -> f64 {
        if self.is_exact {
            self.interval_seconds * self.uncertain_share
        } else {
            self.resolution()
        }
    }

    /// Those of the last window, no smaller than what can be resolved; absent when it had too few messages.
    pub fn quantiles(&self) -> Option<Quantiles> {
        let floor = self.floor();
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

    /// The gap between commits that is usual here, in seconds.
    pub fn commit_gap(&self) -> f64 {
        self.commit_gap_seconds
    }

    /// For so many seconds after a commit nothing is said by there being no other. Absent where it is not known when commits are made,
    /// or they are so rare that a window of that length would not hold enough of them for a slope.
    pub fn commit_patience(&self, window_seconds: f64) -> Option<f64> {
        let tells = self.is_exact && 2.0 * self.commit_gap_seconds <= window_seconds;
        tells.then_some(PATIENT_GAPS * self.commit_gap_seconds)
    }

    /// It was called and is not over.
    pub fn is_raised(&self) -> bool {
        self.is_raised
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

    /// The assumed one while most samples show an advance and none says when it was, else the median gap.
    fn learn_commit_gap(&mut self, windows: usize) {
        if self.gaps.edge_samples > 0 {
            self.is_exact = self.gaps.inexact_samples == 0;
        }
        let mut room = CommitGaps::default();
        while self.gap_windows.len() >= windows.max(1) {
            room = self.gap_windows.pop_front().unwrap_or_default();
        }
        room.clear();
        self.gap_windows
            .push_back(std::mem::replace(&mut self.gaps, room));
        let waiting: u32 = self.gap_windows.iter().map(|w| w.waiting_samples).sum();
        let advancing: u32 = self.gap_windows.iter().map(|w| w.edge_samples).sum();
        if !self.is_exact && f64::from(advancing) >= ADVANCING_SHARE * f64::from(waiting) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::evidence::Rule;
    use crate::analysis::report::Severity;

    fn tail(partitions: &[u32], stays: bool, arrived: f64) -> Tail {
        Tail {
            partitions: partitions.to_vec(),
            stays,
            arrived,
            arrived_in_all: 1000.0,
        }
    }

    /// Judges a tail a minute; gives the severity and the tail after the last one.
    fn judged(tails: &[Tail], delay_ceiling: Option<f64>) -> (Option<Severity>, Vec<u32>) {
        let profile = Profile::default();
        let mut divergence = Divergence::new(0.0);
        for (index, tail) in tails.iter().enumerate() {
            let end = WINDOW_SECONDS * (index + 1) as f64;
            divergence.window.add(20.0, 900.0);
            divergence.window.add(400.0, 100.0);
            divergence.close(&profile);
            divergence.judge(end, tail.clone(), &profile);
        }
        let severity = divergence.severity(delay_ceiling, &profile);
        let evidence = divergence.evidence(delay_ceiling, &profile);
        let passes = evidence.filter(|e| e.rule == Rule::P99BeyondCeiling && e.holds());
        assert_eq!(passes.is_some(), severity == Some(Severity::Critical));
        (severity, divergence.tail().to_vec())
    }

    #[test]
    fn nothing_is_said_until_five_minutes_were_seen() {
        let none = tail(&[], false, 0.0);
        assert_eq!(judged(&vec![none.clone(); 5], None).0, None);
        assert_eq!(judged(&vec![none; 6], None).0, Some(Severity::Ok));
    }

    #[test]
    fn few_left_behind_raise_it_and_are_named_until_they_come_back() {
        let called = tail(&[3, 8], true, 40.0);
        let expected = (Some(Severity::Warning), vec![3, 8]);
        assert_eq!(judged(std::slice::from_ref(&called), None), expected);
        // Not called any more, but still far behind: it stays raised, with the same names.
        let recovering = tail(&[], true, 0.0);
        assert_eq!(judged(&[called.clone(), recovering], None), expected);
        let back = tail(&[], false, 0.0);
        let (severity, names) = judged(&[called, back], None);
        assert_eq!((severity, names), (None, vec![]));
    }

    #[test]
    fn tail_with_half_of_the_traffic_is_lag_growth() {
        let (severity, _) = judged(&vec![tail(&[3], true, 500.0); 6], None);
        assert_eq!(severity, Some(Severity::Ok));
    }

    #[test]
    fn p99_beyond_a_delay_ceiling_is_critical() {
        let called = [tail(&[3], true, 40.0)];
        assert_eq!(judged(&called, Some(300.0)).0, Some(Severity::Critical));
        assert_eq!(judged(&called, Some(900.0)).0, Some(Severity::Warning));
    }
}
