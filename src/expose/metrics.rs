//! Report → text, a pure function: one [`Fragment`] per cluster and cycle.

use crate::analysis::Signal;
use crate::analysis::report::{
    Counts, GroupReport, GrowthState, PartitionReport, Report, RetryReason, RetryReport, Severity,
    Slope, TopicReport,
};
use crate::analysis::sample::{Offsets, Time};

use super::draft::Draft;
use super::families::Family;
pub use super::fragment::Fragment;
use super::fragment::Unit;
use super::histogram;
use super::interest;
use super::room::Room;
use super::text::Labels;

/// How finely lag is published.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Granularity {
    /// One series per group and topic.
    #[default]
    Topic,
    /// Beside them one per partition.
    Partition,
}

/// What the daemon knows of a cluster's cycles beyond the report.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// When the last cycle began that the cluster answered in.
    pub last_sample_at: Option<Time>,
    /// Cycles that did not happen since the daemon started, by reason.
    pub samples_skipped: Vec<(&'static str, u64)>,
}

/// Renders one cluster's report, all of it.
pub fn render(cluster: &str, report: &Report, facts: &Facts, granularity: Granularity) -> Fragment {
    render_within(Room::ENDLESS, cluster, report, facts, granularity)
}

/// Renders one cluster's report. When that would be more than it has room for in any case, the most interesting groups come first
/// (`interest.rs`), and after all groups their partitions, so that the page can be cut off anywhere between two of them; what is
/// beyond the most it can ever have room for is only counted.
pub fn render_within(
    room: Room,
    cluster: &str,
    report: &Report,
    facts: &Facts,
    granularity: Granularity,
) -> Fragment {
    let labels = Labels::default().with("kafka_cluster", cluster);
    let mut page = Renderer::new(room.guaranteed);
    page.cycle(&labels, report, facts);
    page.everything(&labels, &report.groups, granularity);
    if page.draft.is_cut() {
        page = Renderer::new(room.most);
        page.cycle(&labels, report, facts);
        page.by_interest(&labels, &report.groups, granularity);
    }
    page.draft.finish(labels)
}

struct Renderer {
    draft: Draft,
}

impl Renderer {
    fn new(most: usize) -> Self {
        Self {
            draft: Draft::new(most),
        }
    }

    fn add(
        &mut self,
        family: Family,
        labels: &Labels,
        extra: &[(&str, &str)],
        value: impl Into<Option<f64>>,
    ) {
        if let Some(value) = value.into() {
            self.draft.add(family, labels, extra, value);
        }
    }

    /// As it fits, by name; once something doesn't, it is of no use.
    fn everything(&mut self, cluster: &Labels, groups: &[GroupReport], granularity: Granularity) {
        for group in groups {
            let labels = cluster.with("group", &group.name);
            self.group(&labels, group);
            if granularity == Granularity::Partition {
                for topic in &group.topics {
                    self.partitions(&labels.with("topic", &topic.topic), &topic.partitions);
                }
            }
            self.draft.end(Unit::Group);
            if self.draft.is_cut() {
                return;
            }
        }
    }

    fn by_interest(&mut self, cluster: &Labels, groups: &[GroupReport], granularity: Granularity) {
        let groups = interest::groups(groups);
        for group in &groups {
            self.group(&cluster.with("group", &group.name), group);
            self.draft.end(Unit::Group);
        }
        if granularity == Granularity::Topic {
            return;
        }
        for group in &groups {
            let labels = cluster.with("group", &group.name);
            for topic in interest::topics(&group.topics) {
                self.partitions(&labels.with("topic", &topic.topic), &topic.partitions);
                self.draft.end(Unit::Partitions);
            }
        }
    }

    fn cycle(&mut self, labels: &Labels, report: &Report, facts: &Facts) {
        self.add(
            Family::Up,
            labels,
            &[],
            f64::from(u8::from(report.cycle.up)),
        );
        self.add(Family::LastSample, labels, &[], facts.last_sample_at);
        self.add(
            Family::SampleDuration,
            labels,
            &[],
            report.cycle.duration_seconds,
        );
        let groups = report.cycle.groups.map(|groups| groups as f64);
        self.add(Family::Groups, labels, &[], groups);
        let refused = report.cycle.refused;
        self.add(Family::GroupsRefused, labels, &[], refused.groups as f64);
        let partitions = refused.partitions as f64;
        self.add(Family::PartitionsRefused, labels, &[], partitions);
        self.offsets(labels, &report.cycle.offsets);
        for (api, error, count) in &report.cycle.errors {
            self.add(
                Family::SampleErrors,
                labels,
                &[("api", api), ("error", error)],
                *count as f64,
            );
        }
        for (api, count) in &report.cycle.requests {
            self.add(
                Family::KafkaRequests,
                labels,
                &[("api", api)],
                *count as f64,
            );
        }
        for (reason, count) in &facts.samples_skipped {
            self.add(
                Family::SamplesSkipped,
                labels,
                &[("reason", reason)],
                *count as f64,
            );
        }
        self.draft.end(Unit::Cluster);
    }

    fn offsets(&mut self, labels: &Labels, offsets: &Offsets) {
        let source = [("source", offsets.source.label())];
        self.add(Family::OffsetsSource, labels, &source, 1.0);
        for (reason, count) in &offsets.skipped {
            let extra = [("reason", *reason)];
            self.add(Family::CommitRecordsSkipped, labels, &extra, *count as f64);
        }
        self.add(Family::ClockSkew, labels, &[], offsets.skew_seconds);
    }

    /// A group and its topics, partitions aside.
    fn group(&mut self, labels: &Labels, group: &GroupReport) {
        let (state, kind) = (group.state.as_deref(), group.kind.as_deref());
        if state.is_some() || kind.is_some() {
            let extra = [
                ("state", state.unwrap_or_default()),
                ("type", kind.unwrap_or_default()),
            ];
            self.add(Family::GroupState, labels, &extra, 1.0);
        }
        self.add(
            Family::GroupMembers,
            labels,
            &[],
            group.members.map(f64::from),
        );
        let rebalances = group.rebalances.map(|rebalances| rebalances as f64);
        self.add(Family::Rebalances, labels, &[], rebalances);
        self.add(
            Family::GroupSampleAge,
            labels,
            &[],
            group.sample_age_seconds,
        );
        for topic in &group.topics {
            self.topic(labels, topic);
        }
    }

    fn topic(&mut self, group: &Labels, topic: &TopicReport) {
        let labels = group.with("topic", &topic.topic);
        self.add(
            Family::Lag,
            &labels,
            &[],
            topic.lag_messages.map(|lag| lag as f64),
        );
        self.add(Family::TimeLag, &labels, &[], topic.time_lag_seconds);
        let deleted = topic.deleted_unread_messages.map(|unread| unread as f64);
        self.add(Family::DeletedUnread, &labels, &[], deleted);
        self.add(Family::ProductionRate, &labels, &[], topic.production_rate);
        self.add(
            Family::ConsumptionRate,
            &labels,
            &[],
            topic.consumption_rate,
        );
        self.slope(&labels, "rate", topic.rate_slope);
        self.slope(&labels, "trend", topic.trend_slope);
        self.add(Family::Drain, &labels, &[], topic.drain_seconds);
        self.ceilings(&labels, topic);
        self.delays(&labels, topic);
        self.retries(&labels, topic.retry_storm);
        self.signals(&labels, topic);
        self.add(
            Family::HabitsKnown,
            &labels,
            &[],
            f64::from(u8::from(topic.habits_known)),
        );
        self.add(
            Family::PartitionsUnknown,
            &labels,
            &[],
            f64::from(topic.partitions_unknown),
        );
        self.counts(&labels, &topic.counts);
    }

    fn signals(&mut self, labels: &Labels, topic: &TopicReport) {
        for signal in Signal::ALL {
            let severity = topic.severity(signal);
            let extra = [("signal", signal.name())];
            self.add(Family::Signal, labels, &extra, severity.map(severity_value));
            let muted = topic.muted.has(signal).then_some(1.0);
            self.add(Family::SignalMuted, labels, &extra, muted);
        }
        let stalled = topic.lag_growth.state == GrowthState::Stalled;
        self.add(
            Family::Stalled,
            labels,
            &[],
            topic
                .severity(Signal::LagGrowth)
                .map(|_| f64::from(u8::from(stalled))),
        );
    }

    fn slope(&mut self, labels: &Labels, window: &str, slope: Option<Slope>) {
        let Some(Slope {
            slope,
            lower,
            upper,
        }) = slope
        else {
            return;
        };
        let extra = [("window", window)];
        self.add(Family::LagSlope, labels, &extra, slope);
        self.add(Family::LagSlopeLower, labels, &extra, lower);
        self.add(Family::LagSlopeUpper, labels, &extra, upper);
    }

    fn ceilings(&mut self, labels: &Labels, topic: &TopicReport) {
        for ceiling in &topic.ceilings {
            let extra = [("ceiling", ceiling.kind.name())];
            self.add(
                Family::CeilingUtilization,
                labels,
                &extra,
                ceiling.utilization_ratio,
            );
            self.add(Family::CeilingHits, labels, &extra, ceiling.hits as f64);
            self.add(Family::CeilingSeconds, labels, &extra, ceiling.seconds_at);
            let Some(eta) = ceiling.eta else { continue };
            self.add(Family::CeilingEta, labels, &extra, eta.seconds);
            self.add(Family::CeilingEtaLower, labels, &extra, eta.lower_seconds);
            self.add(Family::CeilingEtaUpper, labels, &extra, eta.upper_seconds);
        }
    }

    fn delays(&mut self, labels: &Labels, topic: &TopicReport) {
        if let Some(delays) = topic.delays {
            for (quantile, seconds) in [
                ("0.5", delays.p50),
                ("0.9", delays.p90),
                ("0.99", delays.p99),
            ] {
                self.add(Family::Delay, labels, &[("quantile", quantile)], seconds);
            }
        }
        if let Some(delays) = &topic.delay_histogram {
            histogram::add(&mut self.draft, labels, delays);
        }
        if topic
            .divergence
            .severity
            .is_some_and(|severity| severity > Severity::Ok)
        {
            for partition in &topic.divergence.tail {
                let partition = partition.to_string();
                self.add(
                    Family::TailPartition,
                    labels,
                    &[("partition", &partition)],
                    1.0,
                );
            }
        }
    }

    fn retries(&mut self, labels: &Labels, retries: RetryReport) {
        let ratio = retries.amplification_ratio;
        self.add(Family::RetryAmplification, labels, &[], ratio);
        let dead_letters = retries.dead_letter_rate;
        self.add(Family::DeadLetterRate, labels, &[], dead_letters);
        let is_raised = retries.severity > Some(Severity::Ok);
        if let Some(reason) = retries.reason.filter(|_| is_raised) {
            let extra = [("reason", reason_name(reason))];
            self.add(Family::RetryReason, labels, &extra, 1.0);
        }
    }

    /// All reasons from the start, at zero: a rate needs the zero before the first event.
    fn counts(&mut self, labels: &Labels, counts: &Counts) {
        let reprocessed = counts.rewinds.map(|rewinds| rewinds.reprocessed_messages);
        self.add(
            Family::ReprocessedMessages,
            labels,
            &[],
            reprocessed.map(|messages| messages as f64),
        );
        self.add(
            Family::LostMessages,
            labels,
            &[],
            counts.lost_messages as f64,
        );
        let reasons = [
            ("past_end", Some(counts.past_end)),
            ("recreated", Some(counts.recreated)),
            ("rewound", counts.rewinds.map(|rewinds| rewinds.times)),
            ("skipped", Some(counts.skipped)),
            ("truncated", Some(counts.truncated)),
        ];
        for (reason, count) in reasons {
            let count = count.map(|count| count as f64);
            self.add(Family::Resets, labels, &[("reason", reason)], count);
        }
    }

    fn partitions(&mut self, topic: &Labels, partitions: &[PartitionReport]) {
        let mut labels = topic.clone();
        for partition in partitions {
            labels.become_numbered(topic, "partition", partition.partition);
            self.add(
                Family::PartitionLag,
                &labels,
                &[],
                partition.lag_messages as f64,
            );
            self.add(
                Family::PartitionTimeLag,
                &labels,
                &[],
                partition.time_lag_seconds,
            );
            self.add(
                Family::PartitionLagSlope,
                &labels,
                &[],
                partition.rate_slope.map(|slope| slope.slope),
            );
        }
    }
}

fn severity_value(severity: Severity) -> f64 {
    match severity {
        Severity::Ok => 0.0,
        Severity::Warning => 1.0,
        Severity::Critical => 2.0,
    }
}

fn reason_name(reason: RetryReason) -> &'static str {
    match reason {
        RetryReason::Storm => "storm",
        RetryReason::Reprocessing => "reprocessing",
        RetryReason::Churn => "churn",
    }
}
