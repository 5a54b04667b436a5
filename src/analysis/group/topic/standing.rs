//! What the partitions of a topic amount to at one moment, and what their lag does.

use super::TopicWatch;
use crate::analysis::evidence::{Compared, Evidence, Rule};
use crate::analysis::group::ceilings::Depths;
use crate::analysis::group::growth::Growth;
use crate::analysis::group::partition::PartitionWatch;
use crate::analysis::history::TopicHistory;
use crate::analysis::report::{GrowthState, PartitionReport, Slope};
use crate::analysis::sample::Time;
use crate::analysis::trend::delay;

/// What is known before the ceilings are looked at; `None` is "not known".
pub(super) struct Standing {
    pub(super) now: Time,
    pub(super) present: Present,
    /// There is a present sum, and it was fed recently. Where the lag goes is told only then.
    pub(super) followed: bool,
    pub(super) growth: Growth,
    /// What the sum's lag does.
    sum: GrowthState,
    pub(super) trend_slope: Option<Slope>,
}

/// The lags and ages that are known.
pub(super) struct Present {
    pub(super) partitions: Vec<PartitionReport>,
    pub(super) partitions_unknown: u32,
    pub(super) lag: Option<u64>,
    pub(super) time_lag: Option<f64>,
    pub(super) deleted_unread: Option<u64>,
}

impl Standing {
    /// What ceilings are held against. `topic`: its arrivals.
    pub(super) fn depths<'a>(
        &'a self,
        watches: &'a [PartitionWatch],
        topic: Option<&'a TopicHistory>,
    ) -> Depths<'a> {
        let sum_grows = self.sum >= GrowthState::Accumulating;
        Depths {
            lag: self.present.lag,
            time_lag: self.present.time_lag,
            partitions: &self.present.partitions,
            watches,
            topic: self.present.lag.and(topic),
            state: self.growth.state,
            stalled: self.sum == GrowthState::Stalled,
            slope: self.trend_slope.filter(|_| sum_grows),
        }
    }

    /// Since when it grows, in seconds; absent while it doesn't.
    pub(super) fn growing_seconds(&self) -> Option<f64> {
        let grows = self.growth.state >= GrowthState::Accumulating;
        let since = self.growth.onset.map_or(self.now, |onset| onset.at);
        grows.then(|| (self.now - since).max(0.0))
    }
}

impl TopicWatch {
    pub(super) fn standing(&self, now: Time) -> Standing {
        let settings = &*self.settings;
        let present = self.present(now, settings.max_age_seconds);
        let followed = present.lag.is_some() && self.sum.is_current(now, settings.max_age_seconds);
        let series = self.sum.series();
        let judged = series.filter(|_| followed);
        Standing {
            now,
            present,
            followed,
            growth: if followed {
                Growth::worst(series, &self.partitions)
            } else {
                Growth::UNKNOWN
            },
            sum: judged.map_or(GrowthState::Unknown, |series| series.state()),
            trend_slope: judged.and_then(|series| series.slope(&settings.lag_growth)),
        }
    }

    /// What it takes to say where the lag goes: a recent reading of all partitions.
    pub(super) fn recent_samples(&self, now: Time) -> Evidence {
        let max_age = self.settings.max_age_seconds;
        let old = self
            .partitions
            .iter()
            .filter(|partition| !partition.is_current(now, max_age));
        let known = self
            .partitions
            .iter()
            .filter(|partition| partition.known().is_some());
        let asked = [
            Compared::at_least("partitions_with_lag", known.count() as f64, 1.0),
            Compared::at_most("partitions_not_current", old.count() as f64, 0.0),
            Compared::at_most("sum_age_seconds", self.sum.age(now), max_age),
        ];
        Evidence::new(Rule::RecentSamples, asked)
    }

    /// A sum is known only while each partition with a commit has a recent pair. One whose commit lies beyond the log end has
    /// such a pair, but no lag: it is counted as unknown, and the others are summed without it, else one left-over commit in
    /// an idle partition would hide a whole topic for good.
    fn present(&self, now: Time, max_age_seconds: f64) -> Present {
        let reports = self.partitions.iter();
        let partitions: Vec<_> = reports
            .filter_map(|partition| partition.report(now, max_age_seconds))
            .collect();
        let all_current = self
            .partitions
            .iter()
            .all(|partition| partition.is_current(now, max_age_seconds));
        let is_known = all_current && !partitions.is_empty();
        let unknown = self.partitions.len() - partitions.len();
        let lags = || partitions.iter().map(|p| p.lag_messages);
        let lag = || lags().fold(0, u64::saturating_add);
        let time_lag = || delay::worst(partitions.iter().map(|p| p.time_lag_seconds));
        Present {
            partitions_unknown: u32::try_from(unknown).unwrap_or(u32::MAX),
            lag: is_known.then(lag),
            time_lag: is_known.then(time_lag).flatten(),
            deleted_unread: is_known.then(|| self.deleted_unread()).flatten(),
            partitions,
        }
    }

    /// Of the partitions that have a lag, if of each is known where its log begins.
    fn deleted_unread(&self) -> Option<u64> {
        let known = self.partitions.iter().filter(|p| p.known().is_some());
        let mut unread = known.map(PartitionWatch::deleted_unread);
        unread.try_fold(0, |sum: u64, unread| Some(sum.saturating_add(unread?)))
    }
}
