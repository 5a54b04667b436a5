//! The rules by name: those of `docs/signals.md`, which a test compares with these.

use crate::analysis::Signal;
use crate::analysis::report::Severity;

/// A rule: what is so while all that it compares holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rule {
    /// Messages wait, and nothing is committed for longer than is usual.
    Stalled,
    /// The lowest points of the lag rise by more than the group has recovered from.
    RisingTroughs,
    /// What accumulates is full soon.
    CeilingNear,
    /// It accumulated, and too little of that is gone.
    NotRecovered,
    /// A share of the rise is gone, and the lag falls steadily: it was cleared by that.
    Healed,
    /// Half of the rise is gone: it was cleared by that.
    Recovered,
    /// No rise was seen for long enough: it was cleared by that.
    Unconfirmed,
    /// Of this group and topic there is no recent reading of all partitions.
    RecentSamples,
    /// Unread messages are deleted.
    LosesUnread,
    /// At a ceiling, and it grows.
    FullAndGrowing,
    /// It came to a ceiling often.
    ReachedOften,
    /// It was at a ceiling for long.
    ReachedLong,
    /// A partition is further behind the others than any recovers from.
    LeftBehind,
    /// A partition was left behind, and still is far behind.
    StaysBehind,
    /// The slowest messages wait longer than the delay ceiling.
    P99BeyondCeiling,
    /// Watched for long enough to call it ok.
    WatchedLongEnough,
    /// Many retries in each of the last minutes.
    SustainedRetries,
    /// Many retries without a pause.
    UnbrokenRetries,
    /// There was a storm, and it has not been calm for long enough.
    NotCalmed,
    /// In a storm: more is retried than consumed.
    RetriesExceedTraffic,
    /// In a storm: minute by minute more is retried.
    RetriesKeepGrowing,
    /// Commits move backwards again and again.
    RewindsRepeat,
    /// Much of what is consumed was consumed before.
    MuchReread,
    /// Far more rebalances than usual.
    RebalancesRepeat,
}

impl Rule {
    /// Each, by signal.
    pub const ALL: [Self; 24] = [
        Self::Stalled,
        Self::RisingTroughs,
        Self::CeilingNear,
        Self::NotRecovered,
        Self::Healed,
        Self::Recovered,
        Self::Unconfirmed,
        Self::RecentSamples,
        Self::LosesUnread,
        Self::FullAndGrowing,
        Self::ReachedOften,
        Self::ReachedLong,
        Self::LeftBehind,
        Self::StaysBehind,
        Self::P99BeyondCeiling,
        Self::WatchedLongEnough,
        Self::SustainedRetries,
        Self::UnbrokenRetries,
        Self::NotCalmed,
        Self::RetriesExceedTraffic,
        Self::RetriesKeepGrowing,
        Self::RewindsRepeat,
        Self::MuchReread,
        Self::RebalancesRepeat,
    ];

    /// As it is published and documented.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::RisingTroughs => "rising_troughs",
            Self::CeilingNear => "ceiling_near",
            Self::NotRecovered => "not_recovered",
            Self::Healed => "healed",
            Self::Recovered => "recovered",
            Self::Unconfirmed => "unconfirmed",
            Self::RecentSamples => "recent_samples",
            Self::LosesUnread => "loses_unread",
            Self::FullAndGrowing => "full_and_growing",
            Self::ReachedOften => "reached_often",
            Self::ReachedLong => "reached_long",
            Self::LeftBehind => "left_behind",
            Self::StaysBehind => "stays_behind",
            Self::P99BeyondCeiling => "p99_beyond_ceiling",
            Self::WatchedLongEnough => "watched_long_enough",
            Self::SustainedRetries => "sustained_retries",
            Self::UnbrokenRetries => "unbroken_retries",
            Self::NotCalmed => "not_calmed",
            Self::RetriesExceedTraffic => "retries_exceed_traffic",
            Self::RetriesKeepGrowing => "retries_keep_growing",
            Self::RewindsRepeat => "rewinds_repeat",
            Self::MuchReread => "much_reread",
            Self::RebalancesRepeat => "rebalances_repeat",
        }
    }

    /// What it says, as a person would.
    pub fn words(self) -> &'static str {
        match self {
            Self::Stalled => "messages wait, and nothing is committed",
            Self::RisingTroughs => "its troughs rise",
            Self::CeilingNear => "it grows, and is full soon",
            Self::NotRecovered => "it grew, and has not come back",
            Self::Healed => "much of the rise is gone, and the lag falls",
            Self::Recovered => "half of the rise is gone",
            Self::Unconfirmed => "it does not rise any more",
            Self::RecentSamples => "all partitions were read recently",
            Self::LosesUnread => "unread messages are deleted",
            Self::FullAndGrowing => "it is full, and grows",
            Self::ReachedOften => "it was full often",
            Self::ReachedLong => "it was full for long",
            Self::LeftBehind => "left behind by the other partitions",
            Self::StaysBehind => "still far behind the other partitions",
            Self::P99BeyondCeiling => "the slowest messages wait longer than the delay ceiling",
            Self::WatchedLongEnough => "watched for long enough",
            Self::SustainedRetries => "many retries, minute by minute",
            Self::UnbrokenRetries => "many retries without a pause",
            Self::NotCalmed => "there was a storm of retries, and it is not over",
            Self::RetriesExceedTraffic => "more is retried than consumed",
            Self::RetriesKeepGrowing => "the retries grow and grow",
            Self::RewindsRepeat => "commits move backwards again and again",
            Self::MuchReread => "much of what is consumed was consumed before",
            Self::RebalancesRepeat => "far more rebalances than usual",
        }
    }

    /// How bad it is when it holds; ok for those that clear a signal, or say what must be known.
    pub fn severity(self) -> Severity {
        match self {
            Self::Stalled
            | Self::CeilingNear
            | Self::LosesUnread
            | Self::FullAndGrowing
            | Self::P99BeyondCeiling
            | Self::RetriesExceedTraffic
            | Self::RetriesKeepGrowing => Severity::Critical,
            Self::Healed
            | Self::Recovered
            | Self::Unconfirmed
            | Self::RecentSamples
            | Self::WatchedLongEnough => Severity::Ok,
            _ => Severity::Warning,
        }
    }

    /// The signal that it belongs to. Recent samples matter to divergence, too.
    pub fn signal(self) -> Signal {
        match self {
            Self::Stalled
            | Self::RisingTroughs
            | Self::CeilingNear
            | Self::NotRecovered
            | Self::Healed
            | Self::Recovered
            | Self::Unconfirmed
            | Self::RecentSamples => Signal::LagGrowth,
            Self::LosesUnread | Self::FullAndGrowing | Self::ReachedOften | Self::ReachedLong => {
                Signal::Ceiling
            }
            Self::LeftBehind
            | Self::StaysBehind
            | Self::P99BeyondCeiling
            | Self::WatchedLongEnough => Signal::Divergence,
            Self::SustainedRetries
            | Self::UnbrokenRetries
            | Self::NotCalmed
            | Self::RetriesExceedTraffic
            | Self::RetriesKeepGrowing
            | Self::RewindsRepeat
            | Self::MuchReread
            | Self::RebalancesRepeat => Signal::RetryStorm,
        }
    }
}
