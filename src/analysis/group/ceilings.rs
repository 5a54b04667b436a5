//! The ceilings of a group and topic: those that are configured and that of the topic's own retention. How deep, how soon, how often.

use super::partition::PartitionWatch;
use super::retention;
use crate::analysis::evidence::{Compared, Evidence, Rule};
use crate::analysis::history::TopicHistory;
use crate::analysis::report::{
    CeilingKind, CeilingReport, CeilingVerdict, Eta, GrowthState, PartitionReport, Severity, Slope,
};
use crate::analysis::sample::Time;
use crate::analysis::signal::ceiling::{self, Ceiling, Profile};
use crate::analysis::trend::forecast;
use crate::analysis::{Ceilings, Settings};

/// What is configured, and what became of each ceiling that applies.
#[derive(Default)]
pub(super) struct TopicCeilings {
    limits: Ceilings,
    /// One or two, and seldom three.
    hits: Vec<(CeilingKind, Ceiling)>,
}

/// What the depths are taken from.
pub(super) struct Depths<'a> {
    pub(super) lag: Option<u64>,
    pub(super) time_lag: Option<f64>,
    pub(super) partitions: &'a [PartitionReport],
    pub(super) watches: &'a [PartitionWatch],
    /// Absent while the topic is not known, or no lag is.
    pub(super) topic: Option<&'a TopicHistory>,
    pub(super) state: GrowthState,
    /// The sum is stalled: not one partition moves.
    pub(super) stalled: bool,
    /// Of the sum, while that is the one that grows.
    pub(super) slope: Option<Slope>,
}

impl TopicCeilings {
    pub(super) fn new(limits: Ceilings) -> Self {
        Self {
            limits: positive(limits),
            hits: Vec::new(),
        }
    }

    /// Goes on with other limits; what was counted at those that change is of another ceiling.
    pub(super) fn retune(&mut self, limits: Ceilings) {
        let (before, now) = (self.limits, positive(limits));
        self.hits.retain(|(kind, _)| match kind {
            CeilingKind::Lag => before.lag_messages == now.lag_messages,
            CeilingKind::Delay => before.delay_seconds == now.delay_seconds,
            CeilingKind::Retention => true,
        });
        self.limits = now;
    }

    /// What was looked back on is of another length from now on.
    pub(super) fn look_back_anew(&mut self) {
        let hits = self.hits.iter_mut();
        hits.for_each(|(_, ceiling)| ceiling.look_back_anew());
    }

    /// What is counted begins anew; what counts for the verdict stays.
    pub(super) fn count_anew(&mut self) {
        for (_, ceiling) in &mut self.hits {
            (ceiling.hits_total, ceiling.seconds_total) = (0, 0.0);
        }
    }

    /// Seconds that the oldest uncommitted message may have waited.
    pub(super) fn delay_seconds(&self) -> Option<f64> {
        self.limits.delay_seconds
    }

    /// Looks at the depths once a cycle: counts, and reports them.
    pub(super) fn follow(
        &mut self,
        now: Time,
        depths: &Depths,
        settings: &Settings,
    ) -> Vec<CeilingReport> {
        let (max_age, p) = (settings.max_age_seconds, &settings.ceiling);
        let mut reports = self.look(depths);
        for report in &mut reports {
            let hits = self.hits_at(report.kind);
            hits.sample(now, report.utilization_ratio, max_age, p);
            report.hits = hits.hits_total;
            report.seconds_at = hits.seconds_total;
        }
        reports
    }

    /// Each rule of signal 2 with what it compares now. `growing_seconds`: since the lag began to grow; absent while it doesn't.
    pub(super) fn evidence(
        &self,
        known: &[CeilingReport],
        growing_seconds: Option<f64>,
        p: &Profile,
    ) -> Vec<Evidence> {
        let known = known.iter().map(|report| report.kind);
        let hits = known.filter_map(|kind| self.hits.iter().find(|(of, _)| *of == kind));
        hits.flat_map(|(kind, ceiling)| ceiling.evidence(*kind, growing_seconds, p))
            .collect()
    }

    /// The verdict over those whose depth is known. `loses`: unread messages are being deleted.
    pub(super) fn verdict(
        &self,
        known: &[CeilingReport],
        state: GrowthState,
        loses: bool,
        p: &Profile,
    ) -> CeilingVerdict {
        let known = known.iter().map(|report| report.kind);
        let hits = known.filter_map(|kind| self.hits.iter().find(|(of, _)| *of == kind));
        let hits: Vec<&Ceiling> = hits.map(|(_, hits)| hits).collect();
        let grows = state >= GrowthState::Accumulating;
        CeilingVerdict {
            severity: ceiling::severity(hits.iter().copied(), grows, loses, p),
            loses,
        }
    }

    fn hits_at(&mut self, kind: CeilingKind) -> &mut Ceiling {
        let place = self.hits.iter().position(|(of, _)| *of == kind);
        let place = place.unwrap_or_else(|| {
            self.hits.push((kind, Ceiling::default()));
            self.hits.len() - 1
        });
        &mut self.hits[place].1
    }

    /// How deep and how soon, without counting.
    pub(super) fn look(&self, depths: &Depths) -> Vec<CeilingReport> {
        let nears = depths.state >= GrowthState::Accumulating;
        let lag = self.limits.lag_messages.zip(depths.lag);
        let lag = lag.map(|(ceiling, lag)| {
            let slope = depths.slope.filter(|_| nears);
            let eta = slope.and_then(|slope| forecast::lag_eta(ceiling, lag as f64, slope));
            CeilingReport::new(CeilingKind::Lag, lag as f64 / ceiling, eta)
        });
        let delay = self.limits.delay_seconds.zip(depths.time_lag);
        let delay = delay.map(|(ceiling, time_lag)| {
            let eta = nears.then(|| delay_eta(ceiling, depths)).flatten();
            CeilingReport::new(CeilingKind::Delay, time_lag / ceiling, eta)
        });
        let retention = depths.topic.and_then(|topic| {
            let (partitions, time_lag) = (depths.partitions, depths.time_lag);
            let nears = nears.then_some(depths.stalled);
            retention::report(topic, depths.watches, partitions, time_lag, nears)
        });
        lag.into_iter().chain(delay).chain(retention).collect()
    }
}

/// Worst first: nothing leaves at all; a ceiling is near; it grows. A rise that has yet to last is ok.
pub(super) fn growth_severity(
    state: GrowthState,
    ceilings: &[CeilingReport],
    critical_eta: f64,
) -> Option<Severity> {
    let is_near = |ceiling| near(ceiling, critical_eta).holds();
    match state {
        GrowthState::Stalled => Some(Severity::Critical),
        GrowthState::Accumulating if ceilings.iter().any(is_near) => Some(Severity::Critical),
        GrowthState::Accumulating => Some(Severity::Warning),
        GrowthState::Rising | GrowthState::Stable => Some(Severity::Ok),
        GrowthState::Unknown => None,
    }
}

/// What makes a growing lag critical, for each ceiling that is known.
pub(super) fn growth_evidence(ceilings: &[CeilingReport], critical_eta: f64) -> Vec<Evidence> {
    let asked = |ceiling: &CeilingReport| {
        Evidence::new(Rule::CeilingNear, [near(ceiling, critical_eta)]).of_ceiling(ceiling.kind)
    };
    ceilings.iter().map(asked).collect()
}

fn near(ceiling: &CeilingReport, critical_eta: f64) -> Compared {
    let eta = ceiling.eta.map(|eta| eta.seconds);
    Compared::below("eta_seconds", eta, critical_eta)
}

/// Of the partition that gets there first.
fn delay_eta(ceiling_seconds: f64, depths: &Depths) -> Option<Eta> {
    let topic = depths.topic?;
    let etas = depths.watches.iter().filter_map(|partition| {
        let arrivals = topic.partition(partition.number)?;
        partition.delay_eta(ceiling_seconds, arrivals, depths.stalled)
    });
    etas.min_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

/// A ceiling of nothing is none.
fn positive(ceilings: Ceilings) -> Ceilings {
    Ceilings {
        lag_messages: ceilings.lag_messages.filter(|ceiling| *ceiling > 0.0),
        delay_seconds: ceilings.delay_seconds.filter(|ceiling| *ceiling > 0.0),
    }
}
