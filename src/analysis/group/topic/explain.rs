//! Why the verdicts on a group in a topic are what they are.

use super::TopicWatch;
use super::report::Verdicts;
use super::standing::Standing;
use crate::analysis::Signal;
use crate::analysis::evidence::{Compared, Evidence, Explained, Explanation, Rule};
use crate::analysis::group::ceilings::growth_evidence;
use crate::analysis::group::delays;
use crate::analysis::group::partition::PartitionWatch;
use crate::analysis::history::TopicHistory;
use crate::analysis::report::{CeilingReport, GrowthState, Severity};
use crate::analysis::sample::Time;
use crate::analysis::signal::churn::Churn;
use crate::analysis::signal::lag_growth::{Profile, Series};

impl TopicWatch {
    /// All rules of all signals with what they compare, as of the last sample. `wall`: when that was by the wall clock.
    pub(in crate::analysis::group) fn explain(
        &self,
        (now, wall): (Time, Time),
        churn: Option<&Churn>,
        arrivals: Option<&TopicHistory>,
    ) -> Explanation {
        let standing = self.standing(now);
        let ceilings = self
            .ceilings
            .look(&standing.depths(&self.partitions, arrivals));
        let verdicts = self.verdicts(&standing, &ceilings, churn);
        let muted = self.muted(wall);
        let rules = |signal| match signal {
            Signal::LagGrowth if !standing.followed => vec![self.recent_samples(now)],
            Signal::LagGrowth => self.growth_rules(&standing, &ceilings),
            Signal::Divergence | Signal::RetryStorm if !standing.followed => {
                vec![self.recent_samples(now)]
            }
            other => self.rules(other, &standing, &ceilings, churn),
        };
        Explanation {
            at: now,
            signals: Signal::ALL.map(|s| Explained::new(s, verdicts.severity(s), muted, rules(s))),
        }
    }

    /// Only what the verdicts rest on, of the signals that are raised or about to be; nothing is allocated for others.
    pub(super) fn decisive(
        &self,
        standing: &Standing,
        ceilings: &[CeilingReport],
        verdicts: &Verdicts,
        churn: Option<&Churn>,
    ) -> Vec<Evidence> {
        let mut evidence = self.decisive_growth(standing, ceilings);
        for signal in [Signal::Ceiling, Signal::Divergence, Signal::RetryStorm] {
            if verdicts.severity(signal) > Some(Severity::Ok) {
                let mut rules = self.rules(signal, standing, ceilings, churn);
                rules.retain(|rule| rule.severity() > Severity::Ok);
                rules.sort_by_key(|rule| std::cmp::Reverse(rule.severity()));
                evidence.extend(rules);
            }
        }
        evidence
    }

    fn decisive_growth(&self, standing: &Standing, ceilings: &[CeilingReport]) -> Vec<Evidence> {
        if !standing.followed {
            return Vec::new();
        }
        let partition = standing.growth.partition;
        let mut rules = self.near(standing, ceilings);
        rules.retain(Evidence::holds);
        if let Some((series, p)) = self.series_of(partition) {
            let own = series.decisive(p).into_iter();
            rules.extend(own.map(|evidence| evidence.of_partition(partition)));
        }
        rules
    }

    /// Those of the series that is judged, and of the partition that comes next.
    fn growth_rules(&self, standing: &Standing, ceilings: &[CeilingReport]) -> Vec<Evidence> {
        let judged = standing.growth.partition;
        let mut rules = self.near(standing, ceilings);
        for partition in [judged, None]
            .into_iter()
            .take(1 + usize::from(judged.is_some()))
        {
            if let Some((series, p)) = self.series_of(partition) {
                let own = series.evidence(p).into_iter();
                rules.extend(own.map(|evidence| evidence.of_partition(partition)));
            }
        }
        rules.extend(self.nearest_partition().filter(|_| judged.is_none()));
        rules
    }

    fn near(&self, standing: &Standing, ceilings: &[CeilingReport]) -> Vec<Evidence> {
        if standing.growth.state != GrowthState::Accumulating {
            return Vec::new();
        }
        let onset = standing.growth.onset.map(|onset| onset.at);
        let near = growth_evidence(ceilings, self.settings.critical_eta_seconds);
        near.into_iter()
            .map(|evidence| evidence.since(onset))
            .collect()
    }

    /// That of a partition, or of the sum; with what it is judged by.
    fn series_of(&self, partition: Option<u32>) -> Option<(&Series, &Profile)> {
        let settings = &*self.settings;
        let Some(number) = partition else {
            return Some((self.sum.series()?, &settings.lag_growth));
        };
        let place = self
            .partitions
            .binary_search_by_key(&number, |p| p.number)
            .ok()?;
        let series = self.partitions[place].series()?;
        Some((series, settings.profile_of_a_partition(self.width)))
    }

    /// Of the partition that is nearest to be called.
    fn nearest_partition(&self) -> Option<Evidence> {
        let p = self.settings.profile_of_a_partition(self.width);
        let rules = self.partitions.iter().flat_map(|partition| {
            let rules = partition.series().map(|series| series.evidence(p));
            let rules = rules.into_iter().flatten();
            rules.map(|evidence| evidence.of_partition(partition.number))
        });
        let counts = rules.filter(|evidence| evidence.rule.severity() > Severity::Ok);
        counts.min_by_key(Evidence::missing)
    }

    fn rules(
        &self,
        signal: Signal,
        standing: &Standing,
        ceilings: &[CeilingReport],
        churn: Option<&Churn>,
    ) -> Vec<Evidence> {
        let settings = &*self.settings;
        match signal {
            Signal::LagGrowth => self.growth_rules(standing, ceilings),
            Signal::Ceiling => {
                let growing = standing.growing_seconds();
                let rules = self.ceilings.evidence(ceilings, growing, &settings.ceiling);
                [self.losses(standing.now)]
                    .into_iter()
                    .chain(rules)
                    .collect()
            }
            Signal::Divergence => {
                let (ceiling, p) = (self.ceilings.delay_seconds(), &settings.divergence);
                delays::evidence(&self.divergence, &self.partitions, ceiling, p)
            }
            Signal::RetryStorm => self.retries.evidence(standing.now, churn, settings),
        }
    }

    /// Messages that are deleted before they were read, in all partitions; names the first of these.
    fn losses(&self, now: Time) -> Evidence {
        let all = self
            .current(now)
            .filter_map(PartitionWatch::deleted_unread)
            .reduce(u64::saturating_add)
            .map(|messages| messages as f64);
        let loses = |partition: &&PartitionWatch| partition.deleted_unread() > Some(0);
        let first = self.current(now).find(loses);
        Evidence::new(
            Rule::LosesUnread,
            [Compared::at_least("deleted_unread_messages", all, 1.0)],
        )
        .of_partition(first.map(|partition| partition.number))
    }
}
