//! What a storm is called by, what keeps it, and what makes it critical.

use super::{Profile, RetryStorm, Storm, threshold};
use crate::analysis::evidence::{Compared, Evidence, Rule};
use crate::analysis::report::Severity;

impl RetryStorm {
    /// Absent until it is known what is usual.
    pub fn severity(&self, p: &Profile) -> Option<Severity> {
        self.base?;
        self.amplification()?;
        let is_critical = || self.exceeds(p).holds() || self.keeps_growing(p).holds();
        Some(match self.storm {
            None => Severity::Ok,
            Some(_) if is_critical() => Severity::Critical,
            Some(_) => Severity::Warning,
        })
    }

    /// Each rule with what it compares now; of a storm, what called it with the numbers of then.
    pub fn evidence(&self, p: &Profile) -> Vec<Evidence> {
        let Some(storm) = &self.storm else {
            return vec![self.sustained_evidence(p), self.unbroken_evidence(p)];
        };
        let since = storm.called_by.since;
        let of_now = [
            Evidence::new(Rule::NotCalmed, [self.ratio_now(), storm.lasts(p)]),
            Evidence::new(Rule::RetriesExceedTraffic, [self.exceeds(p)]),
            Evidence::new(Rule::RetriesKeepGrowing, [self.keeps_growing(p)]),
        ];
        let of_now = of_now.map(|evidence| evidence.since(since));
        [storm.called_by.clone()]
            .into_iter()
            .chain(of_now)
            .collect()
    }

    /// High on the whole of some minutes, and in each of them.
    pub(super) fn sustained(&self, p: &Profile) -> [Compared; 5] {
        let threshold = threshold(self.base.unwrap_or(0.0), p);
        let least = self.ratios.iter().copied().reduce(f64::min);
        // With a base of before a restart there may be fewer windows than are asked for.
        let windows = p.sustained_windows.max(1) as f64;
        [
            self.known_base(),
            Compared::at_least("retries", self.retries(), p.least_retries),
            Compared::at_least("amplification_ratio", self.amplification(), threshold),
            Compared::at_least("windows", self.ratios.len() as f64, windows),
            Compared::at_least("least_window_ratio", least, p.sustained_share * threshold),
        ]
    }

    /// High without a pause, all of the time and on the whole.
    pub(super) fn unbroken(&self, p: &Profile) -> [Compared; 3] {
        let threshold = threshold(self.base.unwrap_or(0.0), p);
        let run = self.unbroken.as_ref();
        let least = run.map_or(0.0, |run| threshold * run.consumed);
        let (retried, seconds) = (
            run.map(|run| run.retried),
            run.map(|run| run.until - run.since),
        );
        [
            self.known_base(),
            Compared::at_least("unbroken_seconds", seconds, p.unbroken_seconds),
            Compared::at_least("unbroken_retries", retried, least.max(p.least_retries)),
        ]
    }

    pub(super) fn sustained_evidence(&self, p: &Profile) -> Evidence {
        let windows = self.ratios.len();
        let since = (windows > 0).then(|| self.windows.began(windows));
        Evidence::new(Rule::SustainedRetries, self.sustained(p)).since(since)
    }

    pub(super) fn unbroken_evidence(&self, p: &Profile) -> Evidence {
        let since = self.unbroken.as_ref().map(|run| run.since);
        Evidence::new(Rule::UnbrokenRetries, self.unbroken(p)).since(since)
    }

    /// Retries exceed the traffic.
    pub(super) fn exceeds(&self, p: &Profile) -> Compared {
        Compared::at_least("amplification_ratio", self.ratio, p.critical_ratio)
    }

    /// So many windows in a row with a growing ratio.
    pub(super) fn keeps_growing(&self, p: &Profile) -> Compared {
        let least = f64::from(p.critical_rising_windows);
        Compared::at_least("growing_windows", f64::from(self.rising), least)
    }

    /// Messages that were retried in the recent windows.
    pub(super) fn retries(&self) -> f64 {
        self.recent.iter().map(|(retried, _)| retried).sum()
    }

    /// Nothing is called until it is known what is usual.
    fn known_base(&self) -> Compared {
        Compared::at_least("base_ratio", self.base, 0.0)
    }

    fn ratio_now(&self) -> Compared {
        Compared::beside("window_ratio", self.ratios.back().copied())
    }
}

impl Storm {
    /// It isn't over: too few windows in a row were calm.
    pub(super) fn lasts(&self, p: &Profile) -> Compared {
        Compared::below(
            "calm_windows",
            f64::from(self.calm),
            f64::from(p.clear_windows),
        )
    }
}
