//! Report → text, a pure function: one [`Fragment`] per cluster and cycle, the lines of each family apart, so that a page can
//! put the clusters' lines of one family together.

use crate::analysis::report::{
    CeilingKind, Counts, GroupReport, GrowthState, PartitionReport, Report, Severity, Slope,
    TopicReport,
};
use crate::analysis::sample::Time;

use super::families::{FAMILIES, Family};
use super::text::{Labels, push_sample};

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

/// One cluster's sample lines, by family.
#[derive(Clone, Debug)]
pub struct Fragment {
    lines: Vec<String>,
    series: usize,
}

impl Fragment {
    /// The lines of one family, in the order of [`FAMILIES`].
    pub(super) fn lines(&self, family: usize) -> &str {
        &self.lines[family]
    }

    /// How many series it holds.
    pub fn series(&self) -> usize {
        self.series
    }
}

/// Renders one cluster's report.
pub fn render(cluster: &str, report: &Report, facts: &Facts, granularity: Granularity) -> Fragment {
    let mut page = Renderer::new();
    let labels = Labels::default().with("kafka_cluster", cluster);
    page.cycle(&labels, report, facts);
    for group in &report.groups {
        page.group(&labels, group, granularity);
    }
    Fragment {
        lines: page.lines,
        series: page.series,
    }
}

struct Renderer {
    lines: Vec<String>,
    series: usize,
}

impl Renderer {
    fn new() -> Self {
        Self {
            lines: vec![String::new(); FAMILIES.len()],
            series: 0,
        }
    }

    fn add(
        &mut self,
        family: Family,
        labels: &Labels,
        extra: &[(&str, &str)],
        value: impl Into<Option<f64>>,
    ) {
        let Some(value) = value.into() else { return };
        let place = family as usize;
        push_sample(
            &mut self.lines[place],
            FAMILIES[place].name,
            labels,
            extra,
            value,
        );
        self.series += 1;
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
        self.add(Family::OffsetsSource, labels, &[("source", "query")], 1.0);
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
    }

    fn group(&mut self, cluster: &Labels, group: &GroupReport, granularity: Granularity) {
        let labels = cluster.with("group", &group.name);
        let (state, kind) = (group.state.as_deref(), group.kind.as_deref());
        if state.is_some() || kind.is_some() {
            let extra = [
                ("state", state.unwrap_or_default()),
                ("type", kind.unwrap_or_default()),
            ];
            self.add(Family::GroupState, &labels, &extra, 1.0);
        }
        self.add(
            Family::GroupMembers,
            &labels,
            &[],
            group.members.map(f64::from),
        );
        self.add(
            Family::GroupSampleAge,
            &labels,
            &[],
            group.sample_age_seconds,
        );
        for topic in &group.topics {
            self.topic(&labels, topic);
            if granularity == Granularity::Partition {
                self.partitions(&labels.with("topic", &topic.topic), &topic.partitions);
            }
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
        let severity = topic.lag_growth.severity.map(severity_value);
        self.add(
            Family::Signal,
            &labels,
            &[("signal", "lag_growth")],
            severity,
        );
        let stalled = topic.lag_growth.state == GrowthState::Stalled;
        self.add(
            Family::Stalled,
            &labels,
            &[],
            severity.map(|_| f64::from(u8::from(stalled))),
        );
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
            let extra = [("ceiling", ceiling_name(ceiling.kind))];
            self.add(
                Family::CeilingUtilization,
                labels,
                &extra,
                ceiling.utilization_ratio,
            );
            let Some(eta) = ceiling.eta else { continue };
            self.add(Family::CeilingEta, labels, &extra, eta.seconds);
            self.add(Family::CeilingEtaLower, labels, &extra, eta.lower_seconds);
            self.add(Family::CeilingEtaUpper, labels, &extra, eta.upper_seconds);
        }
    }

    /// All reasons from the start, at zero: a rate needs the zero before the first event.
    fn counts(&mut self, labels: &Labels, counts: &Counts) {
        self.add(
            Family::ReprocessedMessages,
            labels,
            &[],
            counts.reprocessed_messages as f64,
        );
        self.add(
            Family::LostMessages,
            labels,
            &[],
            counts.lost_messages as f64,
        );
        let reasons = [
            ("past_end", counts.past_end),
            ("recreated", counts.recreated),
            ("rewound", counts.rewound),
            ("skipped", counts.skipped),
            ("truncated", counts.truncated),
        ];
        for (reason, count) in reasons {
            self.add(Family::Resets, labels, &[("reason", reason)], count as f64);
        }
    }

    fn partitions(&mut self, topic: &Labels, partitions: &[PartitionReport]) {
        for partition in partitions {
            let labels = topic.with("partition", &partition.partition.to_string());
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

fn ceiling_name(kind: CeilingKind) -> &'static str {
    match kind {
        CeilingKind::Lag => "lag",
        CeilingKind::Delay => "delay",
        CeilingKind::Retention => "retention",
    }
}
