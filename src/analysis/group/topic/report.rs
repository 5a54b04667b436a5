//! What is published of a group in a topic.

use std::sync::Arc;

use super::TopicWatch;
use super::standing::Standing;
use crate::analysis::group::Cycle;
use crate::analysis::group::ceilings::growth_severity;
use crate::analysis::group::partition::PartitionWatch;
use crate::analysis::report::{
    CeilingReport, CeilingVerdict, DivergenceReport, GrowthState, LagGrowth, RetryReport, Severity,
    TopicReport,
};
use crate::analysis::sample::Time;
use crate::analysis::signal::churn::Churn;
use crate::analysis::trend::forecast;
use crate::analysis::{Signal, Signals};

/// What is said of the four signals, muted or not.
pub(super) struct Verdicts {
    pub(super) lag_growth: LagGrowth,
    pub(super) ceiling: CeilingVerdict,
    pub(super) divergence: DivergenceReport,
    pub(super) retry_storm: RetryReport,
}

impl Verdicts {
    pub(super) fn severity(&self, signal: Signal) -> Option<Severity> {
        match signal {
            Signal::LagGrowth => self.lag_growth.severity,
            Signal::Ceiling => self.ceiling.severity,
            Signal::Divergence => self.divergence.severity,
            Signal::RetryStorm => self.retry_storm.severity,
        }
    }
}

impl TopicWatch {
    /// What is now known.
    pub(in crate::analysis::group) fn report(
        &mut self,
        name: &Arc<str>,
        now: Time,
        churn: Option<&Churn>,
        cycle: &Cycle,
    ) -> TopicReport {
        let standing = self.standing(now);
        let depths = standing.depths(&self.partitions, cycle.history.topic(name));
        let ceilings = self.ceilings.follow(now, &depths, &self.settings);
        let verdicts = self.verdicts(&standing, &ceilings, churn);
        let evidence = self.decisive(&standing, &ceilings, &verdicts, churn);
        let Standing {
            present,
            followed,
            trend_slope,
            ..
        } = standing;
        let rate_slope = self.sum.rate_slope().filter(|_| followed);
        let lag_and_slope = present.lag.zip(rate_slope);
        TopicReport {
            topic: name.clone(),
            lag_messages: present.lag,
            time_lag_seconds: present.time_lag,
            deleted_unread_messages: present.deleted_unread,
            production_rate: self.sum.production_rate().filter(|_| followed),
            consumption_rate: self.sum.consumption_rate().filter(|_| followed),
            rate_slope,
            trend_slope,
            drain_seconds: lag_and_slope
                .and_then(|(lag, slope)| forecast::drain_seconds(lag as f64, slope)),
            lag_growth: verdicts.lag_growth,
            divergence: verdicts.divergence,
            ceiling: verdicts.ceiling,
            retry_storm: verdicts.retry_storm,
            delays: self.divergence.quantiles().filter(|_| followed),
            delay_histogram: self.divergence.histogram().cloned().map(Box::new),
            ceilings,
            habits_known: self.habits_known(),
            partitions_unknown: present.partitions_unknown,
            counts: self.counts.since(self.counted_before),
            partitions: present.partitions,
            muted: self.muted(now + cycle.sample.cycle.wall_ahead_seconds),
            evidence,
        }
    }

    pub(super) fn verdicts(
        &self,
        standing: &Standing,
        ceilings: &[CeilingReport],
        churn: Option<&Churn>,
    ) -> Verdicts {
        let (settings, state) = (&*self.settings, standing.growth.state);
        let divergence = &self.divergence;
        let diverges = divergence.severity(self.ceilings.delay_seconds(), &settings.divergence);
        let loses = self.loses(standing.now);
        let retries = self.retries.report(standing.now, churn, settings);
        Verdicts {
            lag_growth: lag_growth(standing, ceilings, settings.critical_eta_seconds),
            ceiling: self
                .ceilings
                .verdict(ceilings, state, loses, &settings.ceiling),
            divergence: DivergenceReport {
                severity: diverges.filter(|_| standing.followed),
                tail: divergence.tail().to_vec(),
            },
            retry_storm: if standing.followed {
                retries
            } else {
                RetryReport {
                    dead_letter_rate: retries.dead_letter_rate,
                    ..RetryReport::default()
                }
            },
        }
    }

    /// What is not to be called now, by the wall clock.
    pub(super) fn muted(&self, wall: Time) -> Signals {
        let muted = self.mute.as_ref().map(|mute| mute.at(wall));
        muted.unwrap_or_default()
    }

    fn habits_known(&self) -> bool {
        let series = self.sum.series();
        series.is_some_and(|series| series.habits_known(&self.settings.lag_growth))
    }

    /// Unread messages are deleted, as far as is known now.
    fn loses(&self, now: Time) -> bool {
        let mut unread = self.current(now).map(PartitionWatch::deleted_unread);
        unread.any(|messages| messages > Some(0))
    }

    /// The partitions whose last pair stands for the present.
    pub(super) fn current(&self, now: Time) -> impl Iterator<Item = &PartitionWatch> {
        let max_age = self.settings.max_age_seconds;
        let partitions = self.partitions.iter();
        partitions.filter(move |partition| partition.is_current(now, max_age))
    }
}

fn lag_growth(standing: &Standing, ceilings: &[CeilingReport], critical_eta: f64) -> LagGrowth {
    let (growth, now) = (&standing.growth, standing.now);
    let state: GrowthState = growth.state;
    LagGrowth {
        state,
        partition: growth.partition,
        severity: growth_severity(state, ceilings, critical_eta),
        onset: growth.onset.map(|onset| onset.at.min(now)),
        // A partition that left took its last lag along, which may be more than was there at the onset: then nobody knows.
        onset_lag_messages: growth
            .onset
            .map(|onset| onset.lag)
            .filter(|lag| *lag >= 0.0),
    }
}
