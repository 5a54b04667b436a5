//! Signal 2, ceiling: how often and how long a depth was at its ceiling. Entered near it and left well below it, on the highest
//! depth of a minute: noise around the line would otherwise count as new hits.

use std::collections::VecDeque;

use crate::analysis::evidence::{Compared, Evidence, Rule};
use crate::analysis::report::{CeilingKind, Severity};
use crate::analysis::sample::Time;

/// The thresholds of signal 2. Ratios are depth ÷ ceiling.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// At the ceiling from this ratio on.
    pub enter_ratio: f64,
    /// Until the highest ratio of `leave_seconds` is below this.
    pub leave_ratio: f64,
    /// See `leave_ratio`.
    pub leave_seconds: f64,
    /// Seconds that are looked back on.
    pub window_seconds: f64,
    /// So many entries in the window are a warning …
    pub warning_hits: usize,
    /// … and so is this share of it spent at the ceiling.
    pub warning_share: f64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            enter_ratio: 0.95,
            leave_ratio: 0.80,
            leave_seconds: 60.0,
            window_seconds: 3600.0,
            warning_hits: 3,
            warning_share: 0.2,
        }
    }
}

/// The time at the ceiling is kept in so many parts of the window: exact to a minute of an hour.
const PARTS: usize = 60;

/// One ceiling of a group in a topic.
#[derive(Clone, Debug, Default)]
pub struct Ceiling {
    is_at: bool,
    /// The ratios of the last minute that nothing later exceeds, falling: the first is the highest.
    recent: VecDeque<(Time, f64)>,
    /// When the last entries were: no more than are asked for.
    hits: VecDeque<Time>,
    /// `(number of the part, seconds at the ceiling in it)`.
    spent: VecDeque<(i64, f64)>,
    last: Option<Time>,
    /// Entries since the beginning.
    pub hits_total: u64,
    /// Seconds at the ceiling since the beginning.
    pub seconds_total: f64,
}

impl Ceiling {
    /// Takes a depth as a share of the ceiling. `max_age_seconds`: between two depths further apart than that nobody looked, and no
    /// time at the ceiling is counted.
    pub fn sample(&mut self, now: Time, ratio: f64, max_age_seconds: f64, p: &Profile) {
        self.spend(now, max_age_seconds, p);
        self.remember(now, ratio, p);
        let highest = self.recent.front().map_or(ratio, |(_, ratio)| *ratio);
        if !self.is_at && ratio >= p.enter_ratio {
            self.is_at = true;
            self.hits_total += 1;
            self.hits.push_back(now);
        } else if self.is_at && highest < p.leave_ratio {
            self.is_at = false;
        }
        let since = now - p.window_seconds;
        while self.hits.len() > p.warning_hits || self.hits.front().is_some_and(|at| *at <= since) {
            self.hits.pop_front();
        }
    }

    /// Time spent is kept in parts of the window: with one of another length they are other parts.
    pub fn look_back_anew(&mut self) {
        self.spent.clear();
    }

    /// It is at the ceiling now.
    pub fn is_at(&self) -> bool {
        self.is_at
    }

    /// Often or long enough for a warning.
    pub fn is_reached_often(&self, p: &Profile) -> bool {
        self.often(p).holds() || self.long(p).holds()
    }

    /// Each rule with what it compares now. `growing_seconds`: since the lag began to grow; absent while it doesn't.
    pub fn evidence(
        &self,
        kind: CeilingKind,
        growing_seconds: Option<f64>,
        p: &Profile,
    ) -> [Evidence; 3] {
        let grows = Compared::at_least("growing_seconds", growing_seconds, 0.0);
        let entered = self.hits.back().filter(|_| self.is_at).copied();
        [
            Evidence::new(Rule::FullAndGrowing, [self.full(p), grows]).since(entered),
            Evidence::new(Rule::ReachedOften, [self.often(p)]).since(self.hits.front().copied()),
            Evidence::new(Rule::ReachedLong, [self.long(p)]).since(entered),
        ]
        .map(|evidence| evidence.of_ceiling(kind))
    }

    /// What it takes to come there, and once there what it takes to stay.
    fn full(&self, p: &Profile) -> Compared {
        let ratio = |of: Option<&(Time, f64)>| of.map(|(_, ratio)| *ratio);
        if self.is_at {
            let highest = ratio(self.recent.front());
            Compared::at_least("highest_ratio", highest, p.leave_ratio).decided_before()
        } else {
            let now = ratio(self.recent.back());
            Compared::at_least("utilization_ratio", now, p.enter_ratio)
        }
    }

    /// Of the last entries no more are known than are asked for.
    fn often(&self, p: &Profile) -> Compared {
        Compared::at_least("hits", self.hits.len() as f64, p.warning_hits as f64)
    }

    fn long(&self, p: &Profile) -> Compared {
        let spent: f64 = self.spent.iter().map(|(_, seconds)| seconds).sum();
        let least = p.warning_share * p.window_seconds;
        Compared::at_least("at_ceiling_seconds", spent, least)
    }

    fn spend(&mut self, now: Time, max_age_seconds: f64, p: &Profile) {
        let seconds = self.last.replace(now).map_or(0.0, |last| now - last);
        let part = (now / (p.window_seconds / PARTS as f64)).floor() as i64;
        if self.is_at && seconds <= max_age_seconds {
            self.seconds_total += seconds;
            match self.spent.back_mut() {
                Some((last, spent)) if *last == part => *spent += seconds,
                _ => self.spent.push_back((part, seconds)),
            }
        }
        while self
            .spent
            .front()
            .is_some_and(|(first, _)| *first <= part - PARTS as i64)
        {
            self.spent.pop_front();
        }
    }

    fn remember(&mut self, now: Time, ratio: f64, p: &Profile) {
        while self
            .recent
            .back()
            .is_some_and(|(_, earlier)| *earlier <= ratio)
        {
            self.recent.pop_back();
        }
        self.recent.push_back((now, ratio));
        while self
            .recent
            .front()
            .is_some_and(|(at, _)| *at <= now - p.leave_seconds)
        {
            self.recent.pop_front();
        }
    }
}

/// The verdict over all ceilings whose depth is known. `grows`: the lag accumulates or is stalled; `loses`: unread messages are
/// being deleted. Absent while no ceiling applies.
pub fn severity<'a>(
    ceilings: impl Iterator<Item = &'a Ceiling> + Clone,
    grows: bool,
    loses: bool,
    p: &Profile,
) -> Option<Severity> {
    let mut known = ceilings.clone();
    if loses || grows && ceilings.clone().any(Ceiling::is_at) {
        return Some(Severity::Critical);
    }
    if ceilings.clone().any(|ceiling| ceiling.is_reached_often(p)) {
        return Some(Severity::Warning);
    }
    known.next().map(|_| Severity::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ratio every 15 s, by a function of the time.
    fn hits(ratio: impl Fn(f64) -> f64, hours: f64) -> Ceiling {
        let mut ceiling = Ceiling::default();
        let p = Profile::default();
        let samples = (hours * 240.0) as u32;
        for n in 0..samples {
            let t = f64::from(n) * 15.0;
            ceiling.sample(t, ratio(t), 45.0, &p);
        }
        ceiling
    }

    #[test]
    fn noise_around_the_line_is_one_hit() {
        let noisy = |t: f64| 0.95 + 0.05 * (t * 0.7).sin();
        assert_eq!(hits(noisy, 2.0).hits_total, 1);
    }

    #[test]
    fn each_visit_counts_once() {
        let visits = |t: f64| if t % 1200.0 < 300.0 { 1.0 } else { 0.3 };
        let ceiling = hits(visits, 4.0);
        assert_eq!(ceiling.hits_total, 12);
        assert!(ceiling.is_reached_often(&Profile::default()));
        assert!(
            (ceiling.seconds_total - 12.0 * 345.0).abs() < 60.0,
            "{}",
            ceiling.seconds_total
        );
    }

    #[test]
    fn rare_and_short_visits_are_ok() {
        let visits = |t: f64| if t % 3600.0 < 300.0 { 1.0 } else { 0.3 };
        let ceiling = hits(visits, 4.0);
        assert!(!ceiling.is_reached_often(&Profile::default()));
        let p = Profile::default();
        assert_eq!(
            severity([&ceiling].into_iter(), false, false, &p),
            Some(Severity::Ok)
        );
        assert_eq!(
            severity([&ceiling].into_iter(), false, true, &p),
            Some(Severity::Critical)
        );
        assert_eq!(severity([].into_iter(), false, false, &p), None);
    }

    #[test]
    fn each_rule_says_what_it_compared() {
        let p = Profile::default();
        let holding = |ceiling: &Ceiling, growing| {
            let rules = ceiling.evidence(CeilingKind::Lag, growing, &p);
            let holding = rules.into_iter().filter(Evidence::holds);
            holding.map(|evidence| evidence.rule).collect::<Vec<_>>()
        };
        let often = hits(|t| if t % 1200.0 < 60.0 { 1.0 } else { 0.3 }, 4.0);
        assert_eq!(holding(&often, Some(0.0)), [Rule::ReachedOften]);
        let long = hits(|t| if t < 9_000.0 { 0.3 } else { 0.97 }, 3.0);
        assert_eq!(holding(&long, None), [Rule::ReachedLong]);
        let both = [Rule::FullAndGrowing, Rule::ReachedLong];
        assert_eq!(holding(&long, Some(60.0)), both);
        let rarely = hits(|t| if t % 3600.0 < 300.0 { 1.0 } else { 0.3 }, 4.0);
        assert_eq!(holding(&rarely, Some(60.0)), []);
        let [full, ..] = rarely.evidence(CeilingKind::Lag, None, &p);
        assert_eq!((full.missing(), full.ceiling), (2, Some(CeilingKind::Lag)));
    }
}
