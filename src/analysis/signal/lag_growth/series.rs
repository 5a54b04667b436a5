//! One lag over time, of a partition or of a sum of partitions, and the verdict on it.

mod evidence;

use super::level::{Level, Point};
use super::levels::Levels;
use super::profile::Profile;
use super::progress::{Ends, Progress};
use super::window::points;
use crate::analysis::evidence::{Compared, Evidence, Rule};
use crate::analysis::learned;
use crate::analysis::report::{GrowthState, Slope};
use crate::analysis::sample::Time;
use crate::analysis::trend::slope::theil_sen;

/// Minima since the onset from which a slope is taken: at the finest level, and above it.
const SLOPE_MINIMA_FINEST: usize = 4;
const SLOPE_MINIMA: usize = 5;

/// Times of minima are kept to less than a millisecond; samples are further apart.
const SAME_MOMENT_SECONDS: f64 = 0.1;

/// The finest levels, of 1 and 2 minutes, see a fall within 12.
const HEALING_LEVELS: usize = 2;

/// How far off the slope of a stall is taken to be before there are minima to tell.
const STALL_SLOPE_MARGIN: f64 = 0.3;

/// What a series is fed: one partition's offsets, or those of all partitions of a topic added up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// When the log end was read.
    pub at: Time,
    /// Log end offset.
    pub log_end: u64,
    /// Committed offset.
    pub committed: u64,
    /// Seconds since the oldest uncommitted message arrived; absent while that was before anybody looked.
    pub time_lag: Option<f64>,
}

impl Lag {
    fn ends(self) -> Ends {
        Ends {
            t: self.at,
            log_end: self.log_end as f64,
            committed: self.committed as f64,
        }
    }
}

/// Feed it samples in order of time; the rest answers for the moment of the last one. About 0.6 kB while it is quiet, 2.5 kB when not.
#[derive(Clone, Debug)]
pub struct Series {
    progress: Progress,
    levels: Levels,
    last: Ends,
    bucket_began: Time,
    /// These are boxed: they are seldom there, and the series are many.
    raised: Option<Box<Raised>>,
    onset: Option<Box<Onset>>,
    /// By what the last verdict was cleared.
    cleared: Option<Box<Evidence>>,
}

/// When a rise began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Onset {
    /// The latest lowest minimum before the rise; of a stall, its first waiting message.
    pub at: Time,
    /// Messages that waited then.
    pub lag: f64,
}

#[derive(Clone, Copy, Debug)]
struct Raised {
    last_confirmed: Time,
    /// The highest lag while confirmed.
    peak: f64,
}

impl Series {
    /// Begins with a first sample.
    pub fn new(sample: Lag, p: &Profile) -> Self {
        let first = sample.ends();
        let mut series = Self {
            progress: Progress::new(first),
            levels: Levels::new(sample.at, p),
            last: first,
            bucket_began: sample.at,
            raised: None,
            onset: None,
            cleared: None,
        };
        series.sample(sample, p);
        series
    }

    /// Begins with a first sample, and goes on with what was learned before a restart.
    pub fn going_on(sample: Lag, learned: Option<Box<learned::Series>>, p: &Profile) -> Self {
        let mut series = Self::new(sample, p);
        if let Some(learned) = learned {
            series.remember(&learned, p);
        }
        series
    }

    /// Takes the next sample.
    pub fn sample(&mut self, sample: Lag, p: &Profile) {
        let (now, t) = (sample.ends(), sample.at);
        let lag = (now.log_end - now.committed).max(0.0);
        self.progress.sample(self.last, now, p);
        self.turn_buckets(t, p);
        let point = Point {
            t,
            lag,
            time_lag: sample.time_lag,
            log_end: now.log_end,
            paused_seconds: self.progress.usual.paused_seconds,
            called: self.raised.is_some(),
        };
        let habits = self.progress.habits(t, p);
        self.levels.sample(point, habits, p);
        self.progress.judge_stall(self.last, now, p);
        self.raise_or_clear(t, lag, p);
        self.find_onset(now);
        self.last = now;
    }

    /// A level shift is not growth: a rewind, or the offsets of a partition that joins or leaves. In messages.
    pub fn rebase(&mut self, log_end_shift: i64, committed_shift: i64) {
        let (log_end_shift, committed_shift) = (log_end_shift as f64, committed_shift as f64);
        let lag_shift = log_end_shift - committed_shift;
        self.last.log_end += log_end_shift;
        self.last.committed += committed_shift;
        self.progress.log_end_at_progress += log_end_shift;
        self.levels.rebase(lag_shift, log_end_shift);
        if let Some(onset) = &mut self.onset {
            onset.lag += lag_shift;
        }
        if let Some(raised) = &mut self.raised {
            raised.peak += lag_shift;
        }
    }

    /// Goes on with other thresholds. A level whose blocks have another length now begins anew; the arrival curve, the group's
    /// habits and the other levels stay.
    pub fn retune(&mut self, p: &Profile) {
        self.levels.retune(self.last.t, p);
    }

    /// What was learned so far; `None` while the group's habits are not known and it has recovered from nothing.
    pub fn learned(&self, p: &Profile) -> Option<learned::Series> {
        let levels = self.levels.learned(p);
        (self.habits_known(p) || !levels.is_empty()).then(|| learned::Series {
            bucket_began: self.bucket_began,
            levels,
            ..self.progress.learned(self.last.t)
        })
    }

    /// For a series that has had its first sample only. Buckets that have ended meanwhile are turned.
    fn remember(&mut self, learned: &learned::Series, p: &Profile) {
        let t = self.last.t;
        self.progress.remember(learned);
        self.levels.remember(&learned.levels, p);
        // A clock that was set back meanwhile must not keep the bucket open for longer than a bucket.
        self.bucket_began = learned.bucket_began.min(t);
        let ended = (t - self.bucket_began) / p.bucket_seconds;
        if ended >= 2.0 {
            self.turn_bucket(t);
        }
        if ended >= 1.0 {
            self.turn_bucket(t);
        }
    }

    /// Has learned these rises, and no others.
    pub fn put_back(&mut self, learned: &[learned::Level], p: &Profile) {
        self.levels.put_back(learned, p);
    }

    /// Forgets what was learned, and the habits with it, as if it were seen for the first time. Its verdict and its curve stay.
    pub fn forget_learned(&mut self) {
        self.progress.forget_learned(self.last.t);
        self.levels.forget_learned();
        self.bucket_began = self.last.t;
    }

    /// What the lag does.
    pub fn state(&self) -> GrowthState {
        if self.raised.is_some() {
            return if self.progress.stalled {
                GrowthState::Stalled
            } else {
                GrowthState::Accumulating
            };
        }
        // A verdict that could not have been called yet is none: "ok" would be a guess.
        if self.progress.undecided {
            return GrowthState::Unknown;
        }
        if self.levels.awake().any(Level::is_armed) {
            return GrowthState::Rising;
        }
        if self.levels.finest().is_tested() {
            GrowthState::Stable
        } else {
            GrowthState::Unknown
        }
    }

    /// Since when it rises, if it does.
    pub fn onset(&self) -> Option<Onset> {
        self.onset.as_deref().copied()
    }

    fn raised(&self) -> Option<Raised> {
        self.raised.as_deref().copied()
    }

    /// Whether what the group usually does is known.
    pub fn habits_known(&self, p: &Profile) -> bool {
        self.progress.habits(self.last.t, p).known
    }

    /// How fast the troughs rise. Since the onset, if there is one and minima enough; else by the last test.
    pub fn slope(&self, p: &Profile) -> Option<Slope> {
        self.slope_since_onset()
            .or_else(|| self.slope_of_stall())
            .or_else(|| self.slope_of_last_test(p))
    }

    fn turn_buckets(&mut self, t: Time, p: &Profile) {
        if t - self.bucket_began >= p.bucket_seconds {
            self.turn_bucket(t);
        }
    }

    fn turn_bucket(&mut self, t: Time) {
        self.bucket_began = t;
        self.progress.turn_bucket();
        self.levels.turn_bucket();
    }

    fn raise_or_clear(&mut self, t: Time, lag: f64, p: &Profile) {
        let open = self.raised().filter(|_| !self.progress.stalled);
        let healing = open.map(|raised| self.healing(raised, lag, p));
        if let Some(healing) = healing.filter(|asked| asked.iter().all(Compared::holds)) {
            self.clear(t, Rule::Healed, &healing);
            self.levels.disarm();
            return;
        }
        let confirmed = self.levels.awake().any(|level| level.is_confirmed(t, p));
        if self.progress.stalled || confirmed {
            self.cleared = None;
            let first = || {
                Box::new(Raised {
                    last_confirmed: t,
                    peak: lag,
                })
            };
            let raised = self.raised.get_or_insert_with(first);
            raised.last_confirmed = t;
            raised.peak = raised.peak.max(lag);
            return;
        }
        let Some(raised) = self.raised() else {
            return;
        };
        let [high, recent] = self.not_recovered(raised, t, lag, p);
        if !high.holds() {
            let low = Compared::at_most(
                "lag_messages",
                lag,
                self.lag_without(p.clear_share, raised, p),
            );
            self.clear(t, Rule::Recovered, &[low]);
        } else if !recent.holds() {
            let since = Compared::at_least("unconfirmed_seconds", recent.value, p.clear_seconds);
            self.clear(t, Rule::Unconfirmed, &[since]);
        }
    }

    fn clear(&mut self, t: Time, by: Rule, compared: &[Compared]) {
        let evidence = Evidence::new(by, compared.iter().copied()).since(t);
        self.raised = None;
        self.cleared = Some(Box::new(evidence));
    }

    /// A part of the rise is gone and the lag falls steadily: coarse levels would need as long again to see it.
    fn healing(&self, raised: Raised, lag: f64, p: &Profile) -> [Compared; 2] {
        let finest = self.levels.awake().take(HEALING_LEVELS);
        let falling = finest.map(Level::falling).max().unwrap_or(0);
        let left = self.lag_without(p.falling_share, raised, p);
        [
            Compared::at_most("lag_messages", lag, left),
            Compared::at_least("falling_troughs", falling as f64, p.flat_minima as f64),
        ]
    }

    /// What keeps a verdict that nothing confirms now.
    fn not_recovered(&self, raised: Raised, t: Time, lag: f64, p: &Profile) -> [Compared; 2] {
        let left = self.lag_without(p.clear_share, raised, p);
        let unconfirmed = t - raised.last_confirmed;
        let what = "unconfirmed_seconds";
        [
            Compared::above("lag_messages", lag, left),
            if self.levels.awake().any(Level::is_armed) {
                Compared::beside(what, unconfirmed)
            } else {
                Compared::below(what, unconfirmed, p.clear_seconds)
            },
        ]
    }

    /// The lag once such a share of the rise since the onset is gone, in messages.
    fn lag_without(&self, share: f64, raised: Raised, p: &Profile) -> f64 {
        let base = self.onset().map_or(0.0, |onset| onset.lag);
        raised.peak - share * (raised.peak - base).max(p.rise_messages)
    }

    /// The lowest minimum of the finest armed level; of a stall, its first waiting message, if that was earlier.
    fn find_onset(&mut self, now: Ends) {
        let armed = self.levels.awake().find(|level| level.is_armed());
        if armed.is_none() && !self.progress.stalled && self.raised.is_none() {
            self.onset = None;
        } else if self.onset.is_none() {
            let stalled_since = self
                .progress
                .waiting_since
                .filter(|_| self.progress.stalled);
            let mut onset = Onset {
                at: stalled_since.unwrap_or(now.t),
                lag: (self.progress.log_end_at_progress - now.committed).max(0.0),
            };
            let lowest = armed.and_then(|level| {
                let minima = level.minima();
                let latest_first = minima.iter().rev();
                latest_first.min_by(|a, b| a.lag.total_cmp(&b.lag)).copied()
            });
            if let Some(lowest) = lowest {
                onset = Onset {
                    at: onset.at.min(lowest.t),
                    lag: lowest.lag,
                };
            }
            self.onset = Some(Box::new(onset));
        }
    }

    /// By the coarsest level that has seen enough of it.
    fn slope_since_onset(&self) -> Option<Slope> {
        let onset = self.onset()?;
        let slope = |level: &Level, enough: usize| {
            let minima = level.minima();
            let began = onset.at - SAME_MOMENT_SECONDS;
            let since = &minima[minima.partition_point(|m| m.t < began)..];
            (since.len() >= enough).then(|| theil_sen(points(since)))?
        };
        let mut coarsest_first = self.levels.coarser().iter().rev();
        coarsest_first
            .find_map(|level| slope(level, SLOPE_MINIMA))
            .or_else(|| slope(self.levels.finest(), SLOPE_MINIMA_FINEST))
    }

    /// Nothing leaves, so the lag grows by what arrives.
    fn slope_of_stall(&self) -> Option<Slope> {
        self.onset()?;
        let since = self
            .progress
            .waiting_since
            .filter(|_| self.progress.stalled)?;
        let arrived = self.last.log_end - self.progress.log_end_at_progress;
        let slope = arrived / (self.last.t - since).max(1.0);
        // Sums of offsets beyond 2^53 are not exact.
        (slope > 0.0).then_some(Slope {
            slope,
            lower: (1.0 - STALL_SLOPE_MARGIN) * slope,
            upper: (1.0 + STALL_SLOPE_MARGIN) * slope,
        })
    }

    fn slope_of_last_test(&self, p: &Profile) -> Option<Slope> {
        let confirmed = |level: &&Level| level.is_confirmed(self.last.t, p);
        let confirmed = self.levels.awake().rev().find(confirmed);
        confirmed.unwrap_or(self.levels.finest()).slope()
    }
}
