//! The verdict on the delays of a group in a topic, and what is compared for it.

use super::{Divergence, Profile};
use crate::analysis::evidence::{Compared, Evidence, Rule};
use crate::analysis::report::Severity;

impl Divergence {
    /// Absent until it was watched for long enough.
    pub fn severity(&self, delay_ceiling_seconds: Option<f64>, p: &Profile) -> Option<Severity> {
        if self.is_raised {
            let passes = delay_ceiling_seconds.map(|ceiling| self.p99(ceiling));
            return Some(if passes.is_some_and(|passes| passes.holds()) {
                Severity::Critical
            } else {
                Severity::Warning
            });
        }
        self.watched(p).holds().then_some(Severity::Ok)
    }

    /// What is asked of a tail: it carries little of the traffic. With more it is lag growth.
    pub fn share(&self, p: &Profile) -> Compared {
        Compared::below("tail_traffic_share", self.tail_share, p.tail_traffic_share)
    }

    /// What there is to say of the group and topic as a whole: while it is raised whether p99 passes the delay ceiling, else whether it
    /// was watched for long enough.
    pub fn evidence(&self, delay_ceiling_seconds: Option<f64>, p: &Profile) -> Option<Evidence> {
        if !self.is_raised {
            return Some(Evidence::new(Rule::WatchedLongEnough, [self.watched(p)]));
        }
        let passes = self.p99(delay_ceiling_seconds?);
        Some(Evidence::new(Rule::P99BeyondCeiling, [passes]))
    }

    pub(super) fn watched(&self, p: &Profile) -> Compared {
        let watched = self.judged.map(|(first, last)| last - first);
        Compared::at_least("watched_seconds", watched, p.least_watched_seconds)
    }

    pub(super) fn p99(&self, ceiling_seconds: f64) -> Compared {
        let p99 = self.quantiles.map(|quantiles| quantiles.p99);
        Compared::above("p99_seconds", p99, ceiling_seconds)
    }
}
