//! The levels of a series: the finest always, the coarser ones on demand. Most lags stay within a few messages, or a second or two of
//! traffic. In so narrow a band no test passes and nothing is learned, at any level: while it lasts only the finest is kept. A lag that
//! leaves the band wakes the others. They are fed what the finest knows, and for the time before that the lag was as low as then.

use super::level::{Band, Habits, Level, Point, block_seconds};
use super::minima::Unpacked;
use super::profile::Profile;
use super::recovered::Recovered;
use super::window::Minimum;
use crate::analysis::learned;
use crate::analysis::sample::Time;

/// Levels of a series: blocks of 1 to 64 minutes.
const MOST_LEVELS: usize = 7;

/// Levels sleep again when what the finest holds is within this share of the band that wakes them: not to do both in turn.
const ASLEEP_SHARE: f64 = 0.5;

/// Where next to nothing arrives a message is waited for now and then.
const FLICKER_MESSAGES: f64 = 1.0;

/// The levels of a series.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    finest: Level,
    coarser: Coarser,
    /// Since when the lag is followed.
    began: Time,
}

#[derive(Clone, Debug)]
enum Coarser {
    Awake(Vec<Level>),
    Asleep(Asleep),
}

/// What is left of the coarser levels while the lag is quiet.
#[derive(Clone, Debug, Default)]
struct Asleep {
    /// What they had learned, finest first; empty when that is nothing.
    recovered: Box<[Recovered]>,
    /// Between which block minima the lag was since it is quiet, …
    band: Option<Band>,
    /// … for so many blocks of the finest level.
    blocks: u32,
}

impl Levels {
    pub(super) fn new(began: Time, p: &Profile) -> Self {
        Self {
            finest: Level::new(0, p),
            coarser: Coarser::Asleep(Asleep::default()),
            began,
        }
    }

    pub(super) fn finest(&self) -> &Level {
        &self.finest
    }

    /// Those above the finest that are awake, finer ones first.
    pub(super) fn coarser(&self) -> &[Level] {
        match &self.coarser {
            Coarser::Awake(levels) => levels,
            Coarser::Asleep(_) => &[],
        }
    }

    /// All that are awake, finer ones first.
    pub(super) fn awake(&self) -> impl DoubleEndedIterator<Item = &Level> {
        std::iter::once(&self.finest).chain(self.coarser())
    }

    fn awake_mut(&mut self) -> impl Iterator<Item = &mut Level> {
        let coarser: &mut [Level] = match &mut self.coarser {
            Coarser::Awake(levels) => levels,
            Coarser::Asleep(_) => &mut [],
        };
        std::iter::once(&mut self.finest).chain(coarser)
    }

    pub(super) fn sample(&mut self, point: Point, habits: Habits, p: &Profile) {
        if let Coarser::Awake(levels) = &mut self.coarser {
            for level in levels {
                level.sample(point, habits, p);
            }
        }
        let block_ended = self.finest.sample(point, habits, p);
        if !block_ended {
            return;
        }
        let quiet = Quiet::of(&self.finest, habits, p);
        match &mut self.coarser {
            Coarser::Awake(levels) => {
                if !point.called && quiet.has_returned(&self.finest, levels, point.t, p) {
                    let recovered = levels.iter().map(|level| level.recovered).collect();
                    self.coarser = Coarser::Asleep(Asleep::new(recovered));
                }
            }
            Coarser::Asleep(asleep) => {
                asleep.note_block(&self.finest, p);
                if coarser_levels(p) > 0 && quiet.is_over(&self.finest, asleep.band) {
                    let history = History::new(&self.finest, self.began, habits, p);
                    let levels = asleep.wake(&history, point, habits, p);
                    self.coarser = Coarser::Awake(levels);
                }
            }
        }
    }

    pub(super) fn disarm(&mut self) {
        self.awake_mut().for_each(Level::disarm);
    }

    pub(super) fn rebase(&mut self, lag_shift: f64, log_end_shift: f64) {
        for level in self.awake_mut() {
            level.rebase(lag_shift, log_end_shift);
        }
        if let Coarser::Asleep(Asleep {
            band: Some(band), ..
        }) = &mut self.coarser
        {
            band.low += lag_shift;
            band.high += lag_shift;
        }
    }

    /// Goes on with other thresholds. A level whose blocks have another length now begins anew.
    pub(super) fn retune(&mut self, t: Time, p: &Profile) {
        let same_blocks = self.finest.has_blocks_of(block_seconds(0, p));
        if !same_blocks {
            self.began = t;
        }
        self.finest.retune(0, p);
        match &mut self.coarser {
            Coarser::Awake(levels) => {
                levels.truncate(coarser_levels(p));
                for (index, level) in (1..).zip(levels.iter_mut()) {
                    level.retune(index, p);
                }
                let more = levels.len()..coarser_levels(p);
                levels.extend(more.map(|index| Level::new(index + 1, p)));
            }
            Coarser::Asleep(_) if same_blocks => {}
            Coarser::Asleep(asleep) => *asleep = Asleep::default(),
        }
    }

    /// What was learned; only of levels that have learned something.
    pub(super) fn learned(&self, p: &Profile) -> Vec<learned::Level> {
        let asleep: &[Recovered] = match &self.coarser {
            Coarser::Awake(_) => &[],
            Coarser::Asleep(asleep) => &asleep.recovered,
        };
        let asleep = (1..=coarser_levels(p)).zip(asleep);
        let asleep = asleep.filter_map(|(index, level)| level.learned(block_seconds(index, p)));
        self.awake()
            .filter_map(Level::learned)
            .chain(asleep)
            .collect()
    }

    /// Takes over what was learned before a restart, as far as it is of blocks as long as these. For levels that are new.
    pub(super) fn remember(&mut self, learned: &[learned::Level], p: &Profile) {
        self.coarser = Coarser::Asleep(Asleep::default());
        self.put_back(learned, p);
    }

    /// Has learned these rises, and no others. What is under way goes on.
    pub(super) fn put_back(&mut self, learned: &[learned::Level], p: &Profile) {
        let levels = 0..=coarser_levels(p);
        let mut recovered =
            levels.map(|index| Recovered::of_blocks(block_seconds(index, p), learned));
        for level in self.awake_mut() {
            level.recovered = recovered.next().unwrap_or_default();
        }
        if let Coarser::Asleep(asleep) = &mut self.coarser {
            asleep.recovered = Asleep::new(recovered.collect()).recovered;
        }
    }

    pub(super) fn forget_learned(&mut self) {
        self.awake_mut().for_each(Level::forget_learned);
        if let Coarser::Asleep(asleep) = &mut self.coarser {
            asleep.recovered = Box::default();
        }
    }

    pub(super) fn turn_bucket(&mut self) {
        for level in self.awake_mut() {
            level.recovered.turn_bucket();
        }
        if let Coarser::Asleep(asleep) = &mut self.coarser {
            asleep.recovered.iter_mut().for_each(Recovered::turn_bucket);
        }
    }
}

impl Asleep {
    fn new(recovered: Box<[Recovered]>) -> Self {
        let is_known = recovered.iter().any(Recovered::is_known);
        Self {
            recovered: if is_known { recovered } else { Box::default() },
            ..Self::default()
        }
    }

    /// Takes note of the block that ended. What the coarsest level would have dropped does not count any more.
    fn note_block(&mut self, finest: &Level, p: &Profile) {
        let most = p.minima_kept << coarser_levels(p);
        let minima = finest.minima();
        let (band, new) = match self.band {
            Some(band) if (self.blocks as usize) < most => (Some(band), minima.len() - 1),
            _ => (None, 0),
        };
        self.blocks = if band.is_some() { self.blocks + 1 } else { 0 };
        self.band = band_of(band, minima[new..].iter().map(|minimum| minimum.lag));
    }

    fn wake(&mut self, history: &History, point: Point, habits: Habits, p: &Profile) -> Vec<Level> {
        let recovered = std::mem::take(&mut self.recovered);
        let indices = 1..=coarser_levels(p);
        indices
            .map(|index| {
                let mut level = Level::new(index, p);
                level.recovered = recovered.get(index - 1).copied().unwrap_or_default();
                for past in history.points(block_seconds(index, p)) {
                    level.sample(past, habits, p);
                }
                level.sample(point, habits, p);
                level
            })
            .collect()
    }
}

fn coarser_levels(p: &Profile) -> usize {
    p.levels.clamp(1, MOST_LEVELS) - 1
}

/// What a lag may do without anything to be called or learned.
struct Quiet {
    /// By how much its minima may differ, in messages: over those that the finest level keeps …
    messages: f64,
    /// … or, where so little arrives that a slow rise needs longer to show, since the levels sleep.
    is_sparse: bool,
}

impl Quiet {
    /// Of the rate that is the lower, the usual one or that of the last minutes: when traffic has ebbed away a rise is smaller, too.
    fn of(finest: &Level, habits: Habits, p: &Profile) -> Self {
        let rate = finest.rate(p.minima_kept).min(habits.usual_rate);
        // A rise that just passes for one would show this much over the minima that are kept.
        let slowest = p.slope_share * p.base_block_seconds * p.minima_kept as f64;
        let smallest = p.rules.iter().map(|rule| rule.rise_seconds);
        let seconds = smallest.fold(p.learn_from_seconds.min(slowest), f64::min);
        Self {
            messages: p.quiet_share * f64::max(seconds * rate, FLICKER_MESSAGES),
            is_sparse: seconds * rate <= p.rise_messages,
        }
    }

    fn is_over(&self, finest: &Level, since_asleep: Option<Band>) -> bool {
        let band = if self.is_sparse {
            since_asleep
        } else {
            band_of(None, finest.minima().iter().map(|minimum| minimum.lag))
        };
        band.is_some_and(|band| band.height() > self.messages)
    }

    /// Nothing that any level holds is worth to be kept.
    fn has_returned(&self, finest: &Level, coarser: &[Level], t: Time, p: &Profile) -> bool {
        let is_within = |level: &Level, messages: f64| {
            let band = band_of(None, level.lags(t, p));
            !level.is_armed() && band.is_none_or(|band| band.height() <= messages)
        };
        is_within(finest, ASLEEP_SHARE * self.messages)
            && coarser.iter().all(|level| is_within(level, self.messages))
    }
}

fn band_of(band: Option<Band>, mut lags: impl Iterator<Item = f64>) -> Option<Band> {
    let first = band.or_else(|| lags.next().map(Band::of))?;
    Some(lags.fold(first, Band::with))
}

/// What the coarser levels would have been fed, as far as it is known.
struct History {
    /// Of the finest level.
    minima: Unpacked,
    /// Since when the lag is followed.
    began: Time,
    habits: Habits,
    /// Seconds of a block of the finest level, and how many blocks a level looks back.
    block_seconds: f64,
    blocks: usize,
}

impl History {
    fn new(finest: &Level, began: Time, habits: Habits, p: &Profile) -> Self {
        Self {
            minima: finest.minima(),
            began,
            habits,
            block_seconds: block_seconds(0, p),
            blocks: p.minima_kept,
        }
    }

    /// For a level of such blocks: one for each block before the minima that are known, then these.
    fn points(&self, block_seconds: f64) -> impl Iterator<Item = Point> {
        let first = self.minima.first().copied().unwrap_or_default();
        let lowest = self.minima.iter().min_by(|a, b| a.lag.total_cmp(&b.lag));
        let lowest = lowest.copied().unwrap_or_default();
        // A minimum says what had arrived when its block ended; a sample, what had when it was taken.
        let known_since = (first.t / self.block_seconds).floor() * self.block_seconds;
        let before = move |t: Time| Minimum {
            t,
            log_end: first.log_end
                - self.habits.usual_rate * (known_since + self.block_seconds - t),
            paused_seconds: first.paused_seconds
                - self.habits.usual_pauses * (known_since + self.block_seconds - t),
            ..lowest
        };
        let last_block = (known_since / block_seconds).floor();
        let blocks = (0..=self.blocks)
            .rev()
            .map(move |back| last_block - back as f64);
        let (began, first_block) = (self.began, (self.began / block_seconds).floor());
        // Where a block begins, so that the one before ends there.
        let earlier = blocks
            .filter(move |block| *block >= first_block)
            .map(move |block| began.max(block * block_seconds))
            .filter(move |t| *t < known_since)
            .map(before);
        let ends = std::iter::once(before(known_since)).chain(self.minima.iter().copied());
        let known = self
            .minima
            .iter()
            .zip(ends)
            .map(|(minimum, before)| Minimum {
                log_end: before.log_end,
                paused_seconds: before.paused_seconds,
                ..*minimum
            });
        earlier.chain(known).map(|minimum| Point {
            t: minimum.t,
            lag: minimum.lag,
            time_lag: minimum.time_lag.map(f64::from),
            log_end: minimum.log_end,
            paused_seconds: minimum.paused_seconds,
            called: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages a second, and seconds between samples.
    const RATE: f64 = 100.0;
    const STEP: f64 = 15.0;

    const KNOWN: Habits = Habits {
        young: false,
        known: true,
        usual_rate: RATE,
        usual_pauses: 0.0,
    };

    /// Feeds it a lag that rises evenly, from a time for some hours.
    fn feed(levels: &mut Levels, from: f64, hours: f64, lag: (f64, f64), p: &Profile) -> f64 {
        let steps = (hours * 3600.0 / STEP) as u32;
        for n in 0..steps {
            let t = from + STEP * f64::from(n);
            let lag = lag.0 + lag.1 * STEP * f64::from(n);
            let point = Point {
                t,
                lag,
                time_lag: Some(lag / RATE),
                log_end: RATE * t,
                paused_seconds: 0.0,
                called: false,
            };
            levels.sample(point, KNOWN, p);
        }
        from + STEP * f64::from(steps)
    }

    fn is_awake(levels: &Levels) -> bool {
        levels.awake().count() == MOST_LEVELS
    }

    #[test]
    fn a_lag_that_rises_wakes_levels_that_know_what_was_before_and_they_sleep_again_when_all_is_forgotten()
     {
        let p = Profile::default();
        let mut levels = Levels::new(600.0, &p);
        let mut t = feed(&mut levels, 600.0, 30.0, (50.0, 0.0), &p);
        assert!(!is_awake(&levels));
        t = feed(&mut levels, t, 0.25, (50.0, 1.0), &p);
        assert!(
            is_awake(&levels),
            "900 messages are nine seconds of traffic"
        );
        for (index, level) in (1..).zip(levels.coarser()) {
            let minima = level.minima();
            assert_eq!(minima.len(), p.minima_kept, "level {index}");
            let apart = minima.windows(2).map(|pair| pair[1].t - pair[0].t);
            assert!(apart.clone().all(|seconds| seconds > 0.0), "level {index}");
            let rates = minima
                .windows(2)
                .map(|pair| (pair[1].log_end - pair[0].log_end) / block_seconds(index, &p));
            assert!(
                rates.clone().all(|rate| (rate / RATE - 1.0).abs() < 0.1),
                "level {index}: {:?}",
                rates.collect::<Vec<_>>()
            );
            assert_eq!(minima[0].lag, 50.0);
        }
        t = feed(&mut levels, t, 0.25, (50.0, 0.0), &p);
        assert!(is_awake(&levels), "some level still holds it");
        feed(&mut levels, t, 3.0, (50.0, 0.0), &p);
        assert!(!is_awake(&levels));
    }

    #[test]
    fn what_was_learned_and_level_shifts_outlast_sleep() {
        let p = Profile::default();
        let mut levels = Levels::new(600.0, &p);
        let mut t = feed(&mut levels, 600.0, 2.0, (50.0, 0.0), &p);
        t = feed(&mut levels, t, 0.5, (50.0, 2.0), &p);
        t = feed(&mut levels, t, 11.0, (50.0, 0.0), &p);
        assert!(!is_awake(&levels));
        let learned = levels.learned(&p);
        assert!(learned.len() > 3, "{learned:?}");
        levels.rebase(1_000.0, 0.0);
        t = feed(&mut levels, t, 1.0, (1_050.0, 0.0), &p);
        assert!(!is_awake(&levels), "a shift of level is no movement");
        assert_eq!(levels.learned(&p), learned);
        feed(&mut levels, t, 0.25, (1_050.0, 2.0), &p);
        assert!(is_awake(&levels));
        assert_eq!(levels.learned(&p), learned);
        levels.forget_learned();
        assert_eq!(levels.learned(&p), []);
    }
}
