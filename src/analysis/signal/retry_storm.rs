//! Signal 4, retry storm: messages are produced to a topic's retry topics out of proportion to what is consumed from it.

mod evidence;
mod unbroken;

use std::collections::VecDeque;

use super::tumbling::Tumbling;
use crate::analysis::evidence::{Compared, Evidence};
use crate::analysis::learned;
use crate::analysis::sample::Time;
use unbroken::Unbroken;

/// A minute is judged for what is usual, and for storms that build up slowly or in little traffic.
const WINDOW_SECONDS: f64 = 60.0;

/// Short enough to see a storm last; a minute blurs its beginning and its end.
const STEP_SECONDS: f64 = 20.0;

/// The thresholds of signal 4. Ratios are messages produced to the retry topics ÷ messages consumed from the main topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Windows (minutes) of the ratio that is judged.
    pub windows: usize,
    /// Windows in a row whose own ratio must be high, too.
    pub sustained_windows: usize,
    /// Share of the threshold that each of them must reach.
    pub sustained_share: f64,
    /// A high ratio that lasts for so many seconds without a pause is a storm as well. Consumers that are deployed one by one fail
    /// some of their messages for up to 150 s on the traces that this was measured on, and short outages end within 100 s.
    pub unbroken_seconds: f64,
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
            sustained_windows: 5,
            sustained_share: 0.6,
            unbroken_seconds: 150.0,
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
    steps: Tumbling<2>,
    /// While each step's ratio is high.
    unbroken: Option<Unbroken>,
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
    /// While there is one.
    storm: Option<Box<Storm>>,
}

/// A storm that is not over.
#[derive(Clone, Debug)]
struct Storm {
    /// Windows in a row until now.
    calm: u32,
    /// Of when it was called.
    called_by: Evidence,
}

impl RetryStorm {
    /// Begins with the totals so far: messages produced to the retry topics, and consumed from the main topic.
    pub fn new(now: Time, retried: f64, consumed: f64) -> Self {
        Self {
            windows: Tumbling::new(WINDOW_SECONDS, now, [retried, consumed]),
            steps: Tumbling::new(STEP_SECONDS, now, [retried, consumed]),
            unbroken: None,
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
        if let Some([retried, consumed]) = self.steps.close(now, [retried, consumed]) {
            self.follow_step(now, retried, consumed, p);
        }
        if let Some([retried, consumed]) = self.windows.close(now, [retried, consumed]) {
            self.judge(retried, consumed, p);
            self.judged = self.judged.saturating_add(1);
        }
    }

    /// Goes on at these totals: what came between the last sample and now was not seen whole, and is not judged.
    pub fn resume(&mut self, now: Time, retried: f64, consumed: f64) {
        self.windows = Tumbling::new(WINDOW_SECONDS, now, [retried, consumed]);
        self.steps = Tumbling::new(STEP_SECONDS, now, [retried, consumed]);
        self.unbroken = None;
        self.recent.clear();
        self.ratios.clear();
        (self.ratio, self.rising) = (0.0, 0);
    }

    /// Retries for each message consumed, over the last five minutes; absent until a window has closed.
    pub fn amplification(&self) -> Option<f64> {
        (!self.recent.is_empty()).then_some(self.ratio)
    }

    /// What is usual; `None` until that is known.
    pub fn learned(&self) -> Option<learned::Retries> {
        self.base.map(|base| learned::Retries {
            base: base as f32,
            mean_consumed: self.mean_consumed as f32,
            windows: self.judged,
        })
    }

    /// Goes on with what was usual before a restart. The windows of now are judged once there are enough of them.
    pub fn remember(&mut self, learned: &learned::Retries) {
        self.base = Some(learned.base.into());
        self.mean_consumed = learned.mean_consumed.into();
        self.judged = learned.windows;
    }

    /// What must be reached for a storm; absent until it is known what is usual.
    pub fn threshold(&self, p: &Profile) -> Option<f64> {
        self.base.map(|base| threshold(base, p))
    }

    /// Raises a storm as soon as the ratio was high for long enough, all of the time and on the whole.
    fn follow_step(&mut self, now: Time, retried: f64, consumed: f64, p: &Profile) {
        let Some(base) = self.base else { return };
        let threshold = threshold(base, p);
        let idle = p.idle_share * self.mean_consumed * STEP_SECONDS / WINDOW_SECONDS;
        let consumed = consumed.max(idle).max(1.0);
        if retried < p.sustained_share * threshold * consumed {
            self.unbroken = None;
            return;
        }
        let begun = Unbroken {
            since: now,
            until: now,
            retried: 0.0,
            consumed: 0.0,
        };
        let run = self.unbroken.get_or_insert(begun);
        if run.since == now || !run.goes_on(retried, consumed) {
            *run = begun;
            return;
        }
        run.until = now;
        run.retried += retried;
        run.consumed += consumed;
        if self.storm.is_none() && self.unbroken(p).iter().all(Compared::holds) {
            self.call(self.unbroken_evidence(p));
        }
    }

    fn call(&mut self, called_by: Evidence) {
        let calm = 0;
        self.storm = Some(Box::new(Storm { calm, called_by }));
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
        let retries = self.retries();
        let consumptions: f64 = self.recent.iter().map(|(_, consumed)| consumed).sum();
        let one = retried / consumed.max(idle).max(1.0);
        let all = retries / consumptions.max(idle * p.windows as f64).max(1.0);
        self.rising = if all > self.ratio { self.rising + 1 } else { 0 };
        self.ratio = all;
        push(&mut self.ratios, one, p.sustained_windows);
        let is_new = self.base.is_none();
        if is_new {
            self.learn_base(p);
        }
        self.raise_or_clear(one, p);
        if self.storm.is_none() && !is_new {
            self.learn_base(p);
        }
    }

    fn raise_or_clear(&mut self, one: f64, p: &Profile) {
        let calm_below = p.clear_share * threshold(self.base.unwrap_or(0.0), p);
        if let Some(storm) = &mut self.storm {
            storm.calm = if one < calm_below { storm.calm + 1 } else { 0 };
            self.storm.take_if(|storm| !storm.lasts(p).holds());
        } else if self.sustained(p).iter().all(Compared::holds) {
            self.call(self.sustained_evidence(p));
        }
    }

    /// A running median: a first value after some windows, then small steps. The first may be of a storm that was on before anybody
    /// looked: whatever it is, retries that exceed the traffic are beyond the threshold.
    fn learn_base(&mut self, p: &Profile) {
        let Some(base) = self.base else {
            if self.judged + 1 >= p.base_after_windows {
                self.base = Some(self.ratio.min(p.critical_ratio / p.base_factor));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::report::Severity;

    const CONSUMED_A_SECOND: f64 = 50.0;
    const SAMPLE_SECONDS: f64 = 10.0;

    /// Feeds an hour of calm (2 %), then what is told: `(seconds, ratio)`. Gives what it said at each sample since the calm, with its time.
    fn after_calm(story: &[(f64, f64)]) -> Vec<(f64, Option<Severity>)> {
        let profile = Profile::default();
        let mut storm = RetryStorm::new(0.0, 0.0, 0.0);
        let (mut now, mut retried, mut consumed) = (0.0, 0.0, 0.0);
        let mut said = Vec::new();
        for (seconds, ratio) in [(3600.0, 0.02)].iter().chain(story) {
            let until = now + seconds;
            while now < until {
                now += SAMPLE_SECONDS;
                consumed += CONSUMED_A_SECOND * SAMPLE_SECONDS;
                retried += ratio * CONSUMED_A_SECOND * SAMPLE_SECONDS;
                storm.sample(now, retried, consumed, &profile);
                let worst = storm
                    .evidence(&profile)
                    .iter()
                    .map(Evidence::severity)
                    .max();
                let severity = storm.severity(&profile).unwrap_or(Severity::Ok);
                assert_eq!(worst, Some(severity), "at {now}");
                if now > 3600.0 {
                    said.push((now - 3600.0, storm.severity(&profile)));
                }
            }
        }
        said
    }

    fn raised_at(said: &[(f64, Option<Severity>)]) -> Option<f64> {
        let raised = said.iter().find(|(_, s)| *s > Some(Severity::Ok));
        raised.map(|(at, _)| *at)
    }

    #[test]
    fn storm_is_called_within_three_minutes_and_cleared_when_it_is_over() {
        let said = after_calm(&[(1200.0, 0.4), (900.0, 0.02)]);
        let at = raised_at(&said).expect("a storm of twenty minutes");
        assert!((140.0..=180.0).contains(&at), "{at}");
        let cleared = said
            .iter()
            .find(|(at, s)| *at > 1200.0 && *s == Some(Severity::Ok));
        let cleared = cleared.expect("it is over").0;
        assert!((1500.0..=1620.0).contains(&cleared), "{cleared}");
    }

    #[test]
    fn burst_of_a_deployment_is_no_storm() {
        for seconds in [60.0, 100.0, 150.0] {
            let said = after_calm(&[(seconds, 0.3), (1200.0, 0.02)]);
            assert_eq!(raised_at(&said), None, "{seconds}");
        }
    }

    #[test]
    fn bursts_with_pauses_between_are_no_storm() {
        let story = [(60.0, 1.0), (180.0, 0.02)].repeat(5);
        assert_eq!(raised_at(&after_calm(&story)), None);
    }

    #[test]
    fn retries_that_exceed_the_traffic_are_critical() {
        let said = after_calm(&[(900.0, 2.5)]);
        assert_eq!(said.last().expect("samples").1, Some(Severity::Critical));
    }

    #[test]
    fn nothing_is_said_until_it_is_known_what_is_usual() {
        let profile = Profile::default();
        let mut storm = RetryStorm::new(0.0, 0.0, 0.0);
        for n in 1..=59 {
            let now = 10.0 * f64::from(n);
            storm.sample(now, 500.0 * now, 50.0 * now, &profile);
            assert_eq!(storm.severity(&profile), None, "{now}");
        }
    }

    #[test]
    fn few_retries_in_little_traffic_are_no_storm() {
        let profile = Profile::default();
        let mut storm = RetryStorm::new(0.0, 0.0, 0.0);
        for n in 1..=1000 {
            let minute = f64::from(n / 6);
            // Of four messages a minute one is retried from the second hour on: 5 retries in 5 minutes.
            storm.sample(
                10.0 * f64::from(n),
                (minute - 120.0).max(0.0),
                4.0 * minute,
                &profile,
            );
            assert!(storm.severity(&profile) <= Some(Severity::Ok), "{n}");
        }
    }
}
