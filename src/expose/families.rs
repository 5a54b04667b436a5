//! Every metric family that is rendered from reports, in the order of the page. The names are a contract: add, don't rename.

/// How Prometheus should read a family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A count that only rises while the daemon runs.
    Counter,
    /// Quantiles; ours are of a window, without a sum or a count.
    Summary,
    /// Counts up to each bound, with their sum.
    Histogram,
}

impl Kind {
    /// As the text format spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Summary => "summary",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric family's name, type and help.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// With the prefix.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// One line for `# HELP`.
    pub help: &'static str,
}

macro_rules! families {
    ($($family:ident $kind:ident $name:literal $help:literal;)+) => {
        /// A metric family; as a number it is the place on the page.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Family {
            $(#[doc = $help] $family,)+
        }

        /// The families in the order of [`Family`].
        pub const FAMILIES: &[Description] =
            &[$(Description { name: concat!("lagslope_", $name), kind: Kind::$kind, help: $help },)+];
    };
}

families! {
    Up Gauge "up" "1 when at least one broker of the cluster answered in the last cycle.";
    LastSample Gauge "last_sample_timestamp_seconds" "When the last cycle began that the cluster answered in, seconds since the epoch.";
    SampleDuration Gauge "sample_duration_seconds" "How long the last cycle took to read the cluster.";
    SampleErrors Counter "sample_errors_total" "Questions to Kafka that were not answered, or not believably, by API and error; busy: not asked, an earlier one is still open.";
    SamplesSkipped Counter "samples_skipped_total" "Cycles that did not happen, by reason.";
    KafkaRequests Counter "kafka_requests_total" "Requests sent to Kafka, by API.";
    Groups Gauge "groups" "Watched groups, as of the last listing.";
    GroupsRefused Gauge "groups_refused" "Groups that are not watched, because there are more than max_groups.";
    PartitionsRefused Gauge "partitions_refused" "Partitions of topics and of groups' commits that are not watched, because there are more than max_partitions.";
    SeriesDropped Gauge "series_dropped" "Series that are missing on this page, because it would have more than max_series: of partitions, or of whole groups.";
    OffsetsSource Gauge "offsets_source" "Where committed offsets come from: 1 at the source in use.";
    CommitRecordsSkipped Counter "commit_records_skipped_total" "Records of the commit stream that were not understood, by reason.";
    ClockSkew Gauge "clock_skew_seconds" "By how many seconds the freshest commit of the last cycle was ahead of when it was read; a little below zero where clocks agree.";
    GroupState Gauge "group_state" "1 at the state and type that Kafka gives the group.";
    GroupMembers Gauge "group_members" "Members of the group.";
    Rebalances Counter "rebalances_total" "Generations or epochs of the group that were begun since the first that the commit stream told.";
    GroupSampleAge Gauge "group_sample_age_seconds" "Seconds since the group's committed offsets were last read.";
    Lag Gauge "lag_messages" "Messages produced and not committed, sum over the partitions; without those whose commit was left over beyond the log end.";
    TimeLag Gauge "time_lag_seconds" "Age of the oldest uncommitted message, worst partition.";
    DeletedUnread Gauge "deleted_unread_messages" "Messages ahead of the commits that are deleted already, sum over the partitions.";
    ProductionRate Gauge "production_rate" "Messages per second produced, over the rate window.";
    ConsumptionRate Gauge "consumption_rate" "Messages per second committed, over the rate window.";
    LagSlope Gauge "lag_slope" "Messages per second that the lag gains: least squares over the rate window, or Theil-Sen over the troughs (trend).";
    LagSlopeLower Gauge "lag_slope_lower" "Lower confidence bound (10 %) of lagslope_lag_slope.";
    LagSlopeUpper Gauge "lag_slope_upper" "Upper confidence bound (90 %) of lagslope_lag_slope.";
    Drain Gauge "drain_seconds" "Seconds until caught up at the present slope; absent when it is not draining.";
    CeilingUtilization Gauge "ceiling_utilization_ratio" "Depth divided by ceiling.";
    CeilingEta Gauge "ceiling_eta_seconds" "Seconds until the ceiling is reached; only while the lag accumulates or stalls, or retention deletes unread messages already (0).";
    CeilingEtaLower Gauge "ceiling_eta_lower_seconds" "The earliest that the ceiling may be reached, in seconds from now.";
    CeilingEtaUpper Gauge "ceiling_eta_upper_seconds" "The latest that the ceiling may be reached, in seconds from now.";
    CeilingHits Counter "ceiling_hits_total" "Times that a depth came near its ceiling, having been well below it before.";
    CeilingSeconds Counter "ceiling_seconds_total" "Seconds spent at a ceiling.";
    Delay Summary "delay_seconds" "How long the messages of the last minute had waited until they were committed, those that still wait included; no less than what sampling can resolve.";
    MessageDelay Histogram "message_delay_seconds" "How long messages had waited until they were committed, by sampling: what is below the sampling interval and the usual gap between commits cannot be told apart.";
    RetryAmplification Gauge "retry_amplification_ratio" "Messages produced to the retry topics for each message consumed from the main topic, over five minutes.";
    DeadLetterRate Gauge "dead_letter_rate" "Messages per second produced to the dead-letter topics of the topic, over the rate window.";
    RetryReason Gauge "retry_storm_reason" "1 at the reason for which the signal retry_storm is raised: storm, reprocessing, or churn.";
    TailPartition Gauge "tail_partition" "1 for each partition that falls behind while the others do not.";
    Signal Gauge "signal" "0 ok, 1 warning, 2 critical; absent while that is not known: too little history, no cycle that read every partition, or a wait that may be a stall of a group whose habits are not known.";
    SignalMuted Gauge "signal_muted" "1 while the signal is muted by the configuration: judged all the same, but not called.";
    Stalled Gauge "stalled" "1 while messages arrive and nothing is committed, 0 otherwise; absent while that is not known.";
    HabitsKnown Gauge "habits_known" "1 when the verdicts rest on what the group usually does, 0 while the cautious limits apply.";
    PartitionsUnknown Gauge "partitions_unknown" "Partitions with a commit whose lag is not known now: not read for too long, then no sum is published; or with a commit left over beyond the log end, then the sums are without them.";
    ReprocessedMessages Counter "reprocessed_messages_total" "Messages that are read again because a commit moved backwards.";
    LostMessages Counter "lost_messages_total" "Messages deleted before they were committed, while it was watched.";
    Resets Counter "resets_total" "Offsets that moved otherwise than forward, by reason.";
    PartitionLag Gauge "partition_lag_messages" "Messages produced and not committed, one partition.";
    PartitionTimeLag Gauge "partition_time_lag_seconds" "Age of the oldest uncommitted message, one partition.";
    PartitionLagSlope Gauge "partition_lag_slope" "Messages per second that a partition's lag gains: least squares over the rate window.";
}
