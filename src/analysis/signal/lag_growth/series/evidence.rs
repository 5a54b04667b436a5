//! What the verdict on one lag rests on.

use super::Series;
use crate::analysis::evidence::{Compared, Evidence, Rule};
use crate::analysis::signal::lag_growth::level::Level;
use crate::analysis::signal::lag_growth::profile::Profile;

impl Series {
    /// Each rule with what it compares now: a stall; a rise, at the level that called it or is nearest to; what keeps a verdict that
    /// nothing confirms any more; by what the last one was cleared.
    pub fn evidence(&self, p: &Profile) -> Vec<Evidence> {
        let rules = [
            Some(self.stall(p)),
            self.rise(p),
            self.latch(p),
            self.cleared.as_deref().cloned(),
        ];
        rules.into_iter().flatten().collect()
    }

    /// Only what the present verdict rests on, if it is more than stable, and by what it was cleared with the last sample: nothing is
    /// looked for that isn't there.
    pub fn decisive(&self, p: &Profile) -> Vec<Evidence> {
        let cleared = self.cleared.as_deref();
        let rules = [
            self.progress.stalled.then(|| self.stall(p)),
            self.called_rise(p),
            self.latch(p),
            cleared.filter(|c| c.since == Some(self.last.t)).cloned(),
        ];
        rules.into_iter().flatten().collect()
    }

    fn stall(&self, p: &Profile) -> Evidence {
        Evidence::new(Rule::Stalled, self.progress.stall(self.last, p))
            .since(self.progress.waiting_since)
    }

    /// At the level that called it, or at the one that is nearest to.
    fn rise(&self, p: &Profile) -> Option<Evidence> {
        let nearest = || {
            let all = self.levels.awake().map(|level| self.rise_at(level, p));
            all.min_by_key(Evidence::missing)
        };
        self.called_rise(p).or_else(nearest)
    }

    fn called_rise(&self, p: &Profile) -> Option<Evidence> {
        let confirmed = |level: &&Level| level.is_confirmed(self.last.t, p);
        let called = self.levels.awake().find(confirmed);
        let armed = || self.levels.awake().find(|level| level.is_armed());
        let level = called.or_else(armed)?;
        let mut rise = self.rise_at(level, p);
        if let Some(onset) = self.onset() {
            rise.since = Some(onset.at);
            rise.compared.push(self.onset_lag());
        }
        Some(rise)
    }

    fn rise_at(&self, level: &Level, p: &Profile) -> Evidence {
        let t = self.last.t;
        level.evidence(t, self.progress.habits(t, p), p)
    }

    fn latch(&self, p: &Profile) -> Option<Evidence> {
        let (t, lag) = (self.last.t, self.last.log_end - self.last.committed);
        let confirmed = self.levels.awake().any(|level| level.is_confirmed(t, p));
        let raised = self
            .raised()
            .filter(|_| !confirmed && !self.progress.stalled)?;
        let asked = self.not_recovered(raised, t, lag.max(0.0), p);
        let all = asked.into_iter().chain([self.onset_lag()]);
        Some(Evidence::new(Rule::NotRecovered, all).since(self.onset().map(|onset| onset.at)))
    }

    /// Absent where partitions left that make it unknowable.
    fn onset_lag(&self) -> Compared {
        let lag = self.onset().map(|onset| onset.lag);
        Compared::beside("onset_lag_messages", lag.filter(|lag| *lag >= 0.0))
    }
}
