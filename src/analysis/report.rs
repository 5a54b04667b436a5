//! One cycle's immutable result: what is published, with nothing left to compute. `None` is "not known", and is not published.

use std::sync::Arc;

use super::evidence::Evidence;
use super::mute::{Signal, Signals};
use super::sample::{Cycle, Time};
pub use super::signal::divergence::Quantiles;
pub use super::trend::histogram::DelayHistogram;

/// What is known of a cluster after one more sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// When the cycle ended.
    pub at: Time,
    /// Sorted by name.
    pub groups: Vec<GroupReport>,
    /// How the reading went, as the sample said.
    pub cycle: Cycle,
}

/// What is known of a consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupReport {
    /// The group's id.
    pub name: Arc<str>,
    /// In Kafka's words.
    pub state: Option<Arc<str>>,
    /// In Kafka's words.
    pub kind: Option<Arc<str>>,
    /// How many members it has.
    pub members: Option<u32>,
    /// Generations or epochs begun since the first that was told; absent while none was.
    pub rebalances: Option<u64>,
    /// Seconds since its committed offsets were last read.
    pub sample_age_seconds: Option<f64>,
    /// One for each topic that it has commits in, sorted by name.
    pub topics: Vec<TopicReport>,
}

/// What is known of a group in one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicReport {
    /// The topic's name.
    pub topic: Arc<str>,
    /// Produced and not committed, summed over the partitions without those whose commit was left over beyond the log
    /// end; absent while one of the others is unknown.
    pub lag_messages: Option<u64>,
    /// Age of the oldest uncommitted message, worst partition, in seconds.
    pub time_lag_seconds: Option<f64>,
    /// Not committed and deleted, summed over the partitions that have a lag; absent with the lag, and until a log start was read
    /// before a commit in each of them.
    pub deleted_unread_messages: Option<u64>,
    /// Messages per second that arrived, over the rate window.
    pub production_rate: Option<f64>,
    /// Messages per second that the commits advanced by, over the rate window.
    pub consumption_rate: Option<f64>,
    /// How fast the lag grows, by least squares over the rate window: quick, and as noisy as the lag is.
    pub rate_slope: Option<Slope>,
    /// How fast the lag grows, by Theil–Sen over the troughs: slower, and blind to oscillation.
    pub trend_slope: Option<Slope>,
    /// Seconds until caught up at the present slope; absent when it is not draining.
    pub drain_seconds: Option<f64>,
    /// The ceilings that apply and whose depth is known.
    pub ceilings: Vec<CeilingReport>,
    /// The verdict on lag growth.
    pub lag_growth: LagGrowth,
    /// How long the messages of the last window had waited.
    pub delays: Option<Quantiles>,
    /// The delays of all messages that were committed since the daemon first saw the group and topic; only where the settings ask for
    /// it.
    pub delay_histogram: Option<Box<DelayHistogram>>,
    /// The verdict on p99 away from p50.
    pub divergence: DivergenceReport,
    /// The verdict on ceilings.
    pub ceiling: CeilingVerdict,
    /// The verdict on retries.
    pub retry_storm: RetryReport,
    /// The signals that are not called now, because somebody wanted it so; their severities are absent.
    pub muted: Signals,
    /// Whether the verdict rests on what the group usually does (else the cautious limits apply).
    pub habits_known: bool,
    /// Partitions with a commit whose lag is not known now.
    pub partitions_unknown: u32,
    /// What moved otherwise than forward, since the daemon first saw it.
    pub counts: Counts,
    /// In order of partition; only those with a known lag.
    pub partitions: Vec<PartitionReport>,
    /// What the signals that are raised rest on, in their order, the worst first; also of a lag that rises and is not called yet, and
    /// by what the last sample cleared it. Empty where all is quiet.
    pub evidence: Vec<Evidence>,
}

impl TopicReport {
    /// How bad a signal is; absent while that is unknown, or the signal muted.
    pub fn severity(&self, signal: Signal) -> Option<Severity> {
        match signal {
            Signal::LagGrowth => self.lag_growth.severity,
            Signal::Ceiling => self.ceiling.severity,
            Signal::Divergence => self.divergence.severity,
            Signal::RetryStorm => self.retry_storm.severity,
        }
    }
}

/// A slope with its confidence bounds (10 % and 90 %), in messages per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// The slope itself.
    pub slope: f64,
    /// Its lower bound.
    pub lower: f64,
    /// Its upper bound.
    pub upper: f64,
}

/// How near a full queue is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CeilingReport {
    /// Which one.
    pub kind: CeilingKind,
    /// Depth divided by ceiling.
    pub utilization_ratio: f64,
    /// When it will be reached; only while accumulating or stalled. What retention deletes unread already is told in any state.
    pub eta: Option<Eta>,
    /// How many times it was reached since the daemon first saw it.
    pub hits: u64,
    /// Seconds spent there.
    pub seconds_at: f64,
}

impl CeilingReport {
    /// A depth that was looked at for the first time.
    pub fn new(kind: CeilingKind, utilization_ratio: f64, eta: Option<Eta>) -> Self {
        Self {
            kind,
            utilization_ratio,
            eta,
            hits: 0,
            seconds_at: 0.0,
        }
    }
}

/// What makes a queue full.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum CeilingKind {
    /// A configured number of messages.
    Lag,
    /// A configured age of the oldest uncommitted message.
    Delay,
    /// What the topic's own retention deletes unread, by age or by size: the nearer one.
    Retention,
}

impl CeilingKind {
    /// As it is published.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lag => "lag",
            Self::Delay => "delay",
            Self::Retention => "retention",
        }
    }
}

/// Seconds until something happens, as a range. A bound is absent when at that end it never happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eta {
    /// At the earliest.
    pub lower_seconds: Option<f64>,
    /// The best estimate.
    pub seconds: f64,
    /// At the latest.
    pub upper_seconds: Option<f64>,
}

impl Eta {
    /// It happens already.
    pub const NOW: Self = Self {
        lower_seconds: Some(0.0),
        seconds: 0.0,
        upper_seconds: Some(0.0),
    };
}

/// The verdict of signal 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LagGrowth {
    /// What the lag does.
    pub state: GrowthState,
    /// The partition that it is about; absent when it is the sum.
    pub partition: Option<u32>,
    /// How bad that is; absent while what it does is unknown.
    pub severity: Option<Severity>,
    /// Since when it grows: the latest lowest trough before the rise, or the first message of a stall.
    pub onset: Option<Time>,
    /// The lag at the onset, in messages; absent when partitions left that make it unknowable.
    pub onset_lag_messages: Option<f64>,
}

/// The verdict of signal 2.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CeilingVerdict {
    /// How bad it is; absent while no ceiling applies whose depth is known.
    pub severity: Option<Severity>,
    /// Unread messages are being deleted.
    pub loses: bool,
}

/// The verdict of signal 4.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RetryReport {
    /// How bad it is; absent while that is unknown.
    pub severity: Option<Severity>,
    /// Why it is raised; absent while it isn't.
    pub reason: Option<RetryReason>,
    /// Messages produced to the retry topics for each that was consumed, over five minutes; absent where there are none.
    pub amplification_ratio: Option<f64>,
    /// Messages per second produced to the dead-letter topics, over the rate window; absent where there are none.
    pub dead_letter_rate: Option<f64>,
}

/// Why signal 4 is raised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RetryReason {
    /// Messages are retried out of proportion.
    Storm,
    /// Commits move backwards again and again.
    Reprocessing,
    /// The group rebalances far more often than it is used to.
    Churn,
}

/// The verdict of signal 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DivergenceReport {
    /// How bad it is; absent while that is unknown.
    pub severity: Option<Severity>,
    /// The partitions that fall behind.
    pub tail: Vec<u32>,
}

/// What a lag does, the worst last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum GrowthState {
    /// Too little history to say, or no whole cycle for too long; also while messages wait and nothing is committed for as long as
    /// makes a stall, and what the group usually does is not known.
    Unknown,
    /// Within what it does.
    Stable,
    /// A rise that has yet to last.
    Rising,
    /// It grows and does not come back.
    Accumulating,
    /// Messages arrive and nothing is committed.
    Stalled,
}

/// How bad a signal is, the worst last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Nothing to do.
    Ok,
    /// It needs somebody today.
    Warning,
    /// It needs somebody now.
    Critical,
}

/// Commits that moved backwards.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rewinds {
    /// How often, each partition by itself.
    pub times: u64,
    /// Messages that will be read again because of that.
    pub reprocessed_messages: u64,
}

/// Events counted since the daemon first saw the group and topic.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Commits that moved backwards; absent for share groups, which read nothing in order.
    pub rewinds: Option<Rewinds>,
    /// Messages deleted before they were committed, while we watched.
    pub lost_messages: u64,
    /// Commits that jumped forward over messages that had been deleted.
    pub skipped: u64,
    /// Partitions whose topic was deleted and made again.
    pub recreated: u64,
    /// Partitions whose log end fell though the topic is the same.
    pub truncated: u64,
    /// Commits found beyond the log end.
    pub past_end: u64,
}

impl Counts {
    /// What was counted after `past` was.
    pub(super) fn since(self, past: Self) -> Self {
        let rewinds = self.rewinds.map(|now| {
            let past = past.rewinds.unwrap_or_default();
            Rewinds {
                times: now.times.saturating_sub(past.times),
                reprocessed_messages: (now.reprocessed_messages)
                    .saturating_sub(past.reprocessed_messages),
            }
        });
        Self {
            rewinds,
            lost_messages: self.lost_messages.saturating_sub(past.lost_messages),
            skipped: self.skipped.saturating_sub(past.skipped),
            recreated: self.recreated.saturating_sub(past.recreated),
            truncated: self.truncated.saturating_sub(past.truncated),
            past_end: self.past_end.saturating_sub(past.past_end),
        }
    }
}

/// What is known of a group in one partition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartitionReport {
    /// Its number.
    pub partition: u32,
    /// Produced and not committed.
    pub lag_messages: u64,
    /// Age of its oldest uncommitted message, in seconds; absent while that is older than what was watched.
    pub time_lag_seconds: Option<f64>,
    /// How fast its lag grows, by least squares over the rate window.
    pub rate_slope: Option<Slope>,
}
