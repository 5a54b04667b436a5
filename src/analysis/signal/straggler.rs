//! A partition against its siblings. One slow partition of fifty has forty-nine controls: how far the median partition is behind
//! says what is ordinary now, and what any of them recovered from says what this group gets over by itself.

mod compared;

use std::collections::VecDeque;

use super::divergence::Profile;
use crate::analysis::evidence::Compared;
use crate::analysis::sample::Time;

/// Windows over which the siblings' ordinary peak is averaged.
const PEAK_WINDOWS: usize = 15;

/// A level this far below its highest is falling: it recovers.
const FALLING_SHARE: f64 = 0.9;

/// What is recovered from weighs half as much after a day.
const RECOVERED_HALF_LIFE_SECONDS: f64 = 86_400.0;

/// Longer excursions are troubles that somebody ended, not what a group gets over by itself: nothing to learn.
const RECOVERY_SECONDS: f64 = 3600.0;

/// Pauses of one member, as of garbage collection (ten minutes on the traces that this was measured on). Learned at once though they were called: what stands still for good is called in
/// about twice that time all the same.
const SHORT_SECONDS: f64 = 600.0;

/// How far one partition is behind, from window to window: ages of its oldest uncommitted message, in seconds.
#[derive(Clone, Debug)]
pub struct Straggler {
    /// The least age in the last window that had a commit; what is in between is only the time until the next one.
    trough: f32,
    /// In the open window: the least age, the least just after a commit, the largest.
    least: f32,
    least_committed: f32,
    peak: f32,
    /// Since when it is behind.
    since: Option<Time>,
    /// Since when it is further behind than the group recovers from.
    beyond: Option<Time>,
    /// The trough when the whole group was last behind, and the largest rise above it since.
    base: f32,
    rise: f32,
    /// It was called while it was behind, or what it does was to be forgotten.
    called: bool,
}

/// That a partition was behind and came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Excursion {
    /// How far it was behind, in seconds.
    pub seconds: f32,
    /// It was called, so that perhaps somebody mended it.
    pub called: bool,
}

impl Default for Straggler {
    fn default() -> Self {
        Self {
            trough: 0.0,
            least: f32::INFINITY,
            least_committed: f32::INFINITY,
            peak: 0.0,
            since: None,
            beyond: None,
            base: 0.0,
            rise: 0.0,
            called: false,
        }
    }
}

impl Straggler {
    /// Takes the age of the oldest uncommitted message at a sample; `committed`: the commit advanced or nothing waits.
    pub fn sample(&mut self, age_seconds: f64, committed: bool) {
        let age = age_seconds as f32;
        self.least = self.least.min(age);
        self.peak = self.peak.max(age);
        if committed {
            self.least_committed = self.least_committed.min(age);
        }
    }

    /// Ends a window. `is_overdue`: the last commit is so long ago that its absence says something. Gives the trough and the peak;
    /// nothing when its age was not known in the window.
    pub fn close(&mut self, is_overdue: bool) -> Option<(f32, f32)> {
        let peak = std::mem::take(&mut self.peak);
        let least = std::mem::replace(&mut self.least, f32::INFINITY);
        let committed = std::mem::replace(&mut self.least_committed, f32::INFINITY);
        if committed.is_finite() {
            self.trough = committed;
        } else if is_overdue && least.is_finite() {
            self.trough = least;
        }
        least.is_finite().then_some((self.trough, peak))
    }

    /// It was called, or what it does now is not to be learned from: it teaches nothing by itself when it comes back.
    pub fn note_called(&mut self) {
        self.called = true;
    }

    /// Judges the window that ended; gives what it recovered from, if it did.
    pub fn judge(&mut self, end: Time, siblings: &Ordinary) -> Option<Excursion> {
        let trough = f64::from(self.trough);
        if trough <= siblings.behind_seconds {
            let was_short = self
                .since
                .is_some_and(|since| end - since <= RECOVERY_SECONDS);
            let recovered = was_short.then_some(Excursion {
                seconds: self.rise,
                called: self.called,
            });
            (self.since, self.beyond) = (None, None);
            (self.base, self.rise, self.called) = (0.0, 0.0, false);
            return recovered;
        }
        if siblings.all_behind {
            // A group-wide trouble is not of a few. What it left behind counts from here.
            (self.since, self.beyond) = (Some(end), None);
            (self.base, self.rise) = (self.trough, 0.0);
        }
        self.since.get_or_insert(end);
        let rise = (self.trough - self.base).max(0.0);
        self.rise = self.rise.max(rise);
        let is_beyond = self.far(siblings).iter().all(Compared::holds);
        self.beyond = is_beyond.then(|| self.beyond.unwrap_or(end));
        None
    }

    /// It is further behind than its siblings recover from, for long enough and not coming back.
    pub fn is_left_behind(&self, end: Time, siblings: &Ordinary) -> bool {
        self.lasts(end, siblings).holds()
    }

    /// Once called: it is still far behind, and has not come back halfway.
    pub fn stays_behind(&self, siblings: &Ordinary, p: &Profile) -> bool {
        self.stays(siblings, p).iter().all(Compared::holds)
    }
}

/// What is ordinary in a window, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ordinary {
    /// The median partition's trough.
    pub median_seconds: f64,
    /// From here on a partition is behind.
    pub behind_seconds: f64,
    /// What nobody here recovers from.
    pub limit_seconds: f64,
    /// For how long a partition must stay beyond the limit.
    pub hold_seconds: f64,
    /// Half of the partitions are behind: that is no tail.
    pub all_behind: bool,
}

/// What the partitions of a topic are like together.
#[derive(Clone, Debug)]
pub struct Siblings {
    born: Time,
    /// The median partition's peak in each of the last windows.
    peaks: VecDeque<f32>,
    /// The largest rise that one recovered from, fading; and when it was last touched.
    recovered: f64,
    /// The largest that was called, fading likewise: one more bears it out.
    called: f64,
    faded_at: Time,
}

impl Siblings {
    /// Knows nothing yet.
    pub fn new(now: Time) -> Self {
        Self {
            born: now,
            peaks: VecDeque::new(),
            recovered: 0.0,
            called: 0.0,
            faded_at: now,
        }
    }

    /// What is ordinary in the window that ended; `windows` are the troughs and peaks of the partitions, in any order.
    /// `resolution_seconds` is what cannot be told apart.
    pub fn ordinary(
        &mut self,
        end: Time,
        windows: &mut [(f32, f32)],
        resolution_seconds: f64,
        p: &Profile,
    ) -> Ordinary {
        self.fade(end);
        let peak = median_by(windows, |(_, peak)| *peak);
        let median = f64::from(median_by(windows, |(trough, _)| *trough));
        if self.peaks.len() == PEAK_WINDOWS {
            self.peaks.pop_front();
        }
        self.peaks.push_back(peak);
        let floor = p
            .least_limit_seconds
            .max(p.least_limit_resolutions * resolution_seconds);
        let learned = self.learned(end, p);
        // Where nothing but resolution limits what can be said, the siblings are calm, and less patience is needed.
        let hold_seconds = if learned > floor {
            p.hold_seconds
        } else {
            p.calm_hold_seconds
        };
        Ordinary {
            median_seconds: median,
            behind_seconds: median + p.behind_seconds.max(resolution_seconds),
            limit_seconds: learned.max(floor),
            hold_seconds,
            all_behind: median > floor,
        }
    }

    /// A partition was behind and came back. What was called was perhaps mended: one such incident must not silence the next. A
    /// short one counts as it is, a longer one as far as another one bears it out.
    pub fn learn(&mut self, excursion: Excursion) {
        let seconds = f64::from(excursion.seconds);
        let ordinary = if excursion.called {
            let before = self.called;
            self.called = before.max(seconds);
            seconds.min(before.max(SHORT_SECONDS))
        } else {
            seconds
        };
        self.recovered = self.recovered.max(ordinary);
    }

    fn learned(&self, end: Time, p: &Profile) -> f64 {
        let peaks: f64 = self.peaks.iter().map(|peak| f64::from(*peak)).sum();
        let mean = peaks / self.peaks.len().max(1) as f64;
        let limit = (p.peak_factor * mean).max(p.recovered_factor * self.recovered);
        let is_young = end - self.born < p.young_seconds;
        limit * if is_young { p.young_factor } else { 1.0 }
    }

    fn fade(&mut self, end: Time) {
        let age = (end - self.faded_at).max(0.0);
        let share = 0.5f64.powf(age / RECOVERED_HALF_LIFE_SECONDS);
        self.recovered *= share;
        self.called *= share;
        self.faded_at = end;
    }
}

/// The lower median; 0 of none.
fn median_by(windows: &mut [(f32, f32)], of: impl Fn(&(f32, f32)) -> f32) -> f32 {
    let Some(last) = windows.len().checked_sub(1) else {
        return 0.0;
    };
    let by = |a: &(f32, f32), b: &(f32, f32)| of(a).total_cmp(&of(b));
    let (_, middle, _) = windows.select_nth_unstable_by(last / 2, by);
    of(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_SECONDS: f64 = 60.0;
    const RESOLUTION_SECONDS: f64 = 20.0;

    /// Feeds windows of ten partitions, one age for each; gives in which windows which partitions were left behind.
    fn left_behind(windows: &[[f64; 10]]) -> Vec<(usize, Vec<usize>)> {
        let profile = Profile {
            young_seconds: 0.0,
            ..Profile::default()
        };
        let mut siblings = Siblings::new(0.0);
        let mut partitions: [Straggler; 10] = std::array::from_fn(|_| Straggler::default());
        let mut found = Vec::new();
        for (index, ages) in windows.iter().enumerate() {
            let end = WINDOW_SECONDS * (index + 1) as f64;
            let mut ended = Vec::new();
            for (partition, age) in partitions.iter_mut().zip(ages) {
                partition.sample(*age, true);
                ended.extend(partition.close(false));
            }
            let ordinary = siblings.ordinary(end, &mut ended, RESOLUTION_SECONDS, &profile);
            for partition in &mut partitions {
                if let Some(excursion) = partition.judge(end, &ordinary) {
                    siblings.learn(excursion);
                }
            }
            let tail: Vec<usize> = (0..10)
                .filter(|n| {
                    let partition = &partitions[*n];
                    let all_hold = partition.left(end, &ordinary).iter().all(Compared::holds);
                    assert_eq!(partition.is_left_behind(end, &ordinary), all_hold);
                    all_hold
                })
                .collect();
            if !tail.is_empty() {
                found.push((index, tail));
            }
        }
        found
    }

    /// All at `all` seconds but for partition 7.
    fn one(all: f64, seventh: f64) -> [f64; 10] {
        std::array::from_fn(|n| if n == 7 { seventh } else { all })
    }

    #[test]
    fn partition_that_climbs_away_from_calm_siblings_is_called_within_minutes() {
        let climb: Vec<_> = (0..10)
            .map(|n| one(3.0, 3.0 + 20.0 * f64::from(n)))
            .collect();
        let found = left_behind(&climb);
        // Above 60 s from the fourth window on, and so for two minutes more.
        assert_eq!(found.first(), Some(&(5, vec![7])));
        assert_eq!(found.last(), Some(&(9, vec![7])));
    }

    #[test]
    fn pause_that_is_caught_up_with_is_silent() {
        let ages = [3.0, 40.0, 90.0, 130.0, 110.0, 80.0, 50.0, 3.0];
        let story: Vec<_> = ages.into_iter().map(|age| one(3.0, age)).collect();
        assert_eq!(left_behind(&story), []);
    }

    #[test]
    fn what_slows_all_down_is_not_a_tail() {
        let story: Vec<_> = (0..20)
            .map(|n| one(20.0 * f64::from(n), 30.0 * f64::from(n)))
            .collect();
        assert_eq!(left_behind(&story), []);
    }

    #[test]
    fn what_the_group_recovered_from_is_ordinary_and_what_exceeds_it_is_not() {
        let up = (0..=5).map(|n| 60.0 * f64::from(n));
        let excursion: Vec<_> = up
            .clone()
            .chain(up.rev())
            .map(|age| one(3.0, age))
            .collect();
        let mut story = excursion.clone();
        assert!(!left_behind(&story).is_empty(), "nothing is known at first");
        // Partition 2 does the same, and then goes on.
        let (begin, top) = (story.len(), 13);
        story.extend(
            (0..=top)
                .map(|n| std::array::from_fn(|p| if p == 2 { 60.0 * f64::from(n) } else { 3.0 })),
        );
        let later: Vec<_> = left_behind(&story)
            .into_iter()
            .filter(|(window, _)| *window >= begin)
            .collect();
        // 1.25 times 300 s is passed in the seventh window; then four minutes.
        assert_eq!(later.first(), Some(&(begin + 11, vec![2])));
    }

    #[test]
    fn burst_that_pushes_everyones_peaks_raises_the_limit() {
        let mut siblings = Siblings::new(-7200.0);
        let calm = siblings.ordinary(
            60.0,
            &mut [(1.0, 5.0); 9],
            RESOLUTION_SECONDS,
            &Profile::default(),
        );
        assert_eq!((calm.limit_seconds, calm.hold_seconds), (60.0, 120.0));
        for n in 2..40 {
            let end = 60.0 * f64::from(n);
            siblings.ordinary(
                end,
                &mut [(1.0, 40.0); 9],
                RESOLUTION_SECONDS,
                &Profile::default(),
            );
        }
        let busy = siblings.ordinary(
            2400.0,
            &mut [(1.0, 40.0); 9],
            RESOLUTION_SECONDS,
            &Profile::default(),
        );
        assert_eq!((busy.limit_seconds, busy.hold_seconds), (360.0, 240.0));
    }

    #[test]
    fn between_two_commits_the_age_says_nothing_until_the_next_is_overdue() {
        let mut partition = Straggler::default();
        partition.sample(4.0, true);
        assert_eq!(partition.close(false), Some((4.0, 4.0)));
        partition.sample(250.0, false);
        assert_eq!(partition.close(false), Some((4.0, 250.0)));
        partition.sample(700.0, false);
        assert_eq!(partition.close(true), Some((700.0, 700.0)));
        assert_eq!(partition.close(true), None, "no age was known");
    }
}
