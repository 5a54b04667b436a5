//! The configuration as it is written: every key there is, each optional; `None` is "not written". What is required, and what
//! holds between keys, is judged in `check.rs`.

use serde::Deserialize;

use super::leaf::{Address, Name, Pattern, Span, SpanWithin, Text, Whole};
use super::properties::Kafka;
use super::signals::Signals;
use super::{overrides, retries};
use crate::expose::metrics::Granularity;
use crate::kafka::{IsolationLevel, Offsets};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
pub(super) struct File {
    pub(super) sample_interval: Option<Text<SampleInterval>>,
    pub(super) max_age: Option<Text<Span>>,
    pub(super) clusters: Option<Vec<Cluster>>,
    pub(super) ceilings: Option<Vec<Ceiling>>,
    pub(super) retry_topics: Option<Vec<Text<retries::Pattern>>>,
    pub(super) dead_letter_topics: Option<Vec<Text<retries::Pattern>>>,
    pub(super) signals: Option<Signals>,
    pub(super) overrides: Option<Vec<overrides::Written>>,
    pub(super) metrics: Option<Metrics>,
    pub(super) state: Option<State>,
}

/// Below it a cluster is asked faster than commits usually come; above it a trend takes hours to see.
type SampleInterval = SpanWithin<1, 600>;

/// How much of a cluster is watched. More partitions than Kafka has ever run would be a slip of the keyboard.
pub(super) type Bound = Whole<1, 10_000_000>;

/// An entry of `clusters`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
pub(super) struct Cluster {
    pub(super) name: Option<Text<Name>>,
    pub(super) bootstrap_servers: Option<Vec<Text<Address>>>,
    pub(super) request_timeout: Option<Text<Span>>,
    pub(super) kafka: Option<Kafka>,
    pub(super) offsets: Option<Text<Offsets>>,
    pub(super) isolation_level: Option<Text<IsolationLevel>>,
    pub(super) groups: Option<Names>,
    pub(super) topics: Option<Names>,
    pub(super) max_groups: Option<Text<Bound>>,
    pub(super) max_partitions: Option<Text<Bound>>,
}

/// Which names are watched.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
pub(super) struct Names {
    pub(super) include: Option<Vec<Text<Pattern>>>,
    pub(super) exclude: Option<Vec<Text<Pattern>>>,
}

/// An entry of `ceilings`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
pub(super) struct Ceiling {
    pub(super) group: Option<Text<Pattern>>,
    pub(super) topic: Option<Text<Pattern>>,
    pub(super) lag_messages: Option<Text<Whole<1, { u64::MAX }>>>,
    pub(super) delay: Option<Text<Span>>,
}

/// What is published.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
pub(super) struct Metrics {
    pub(super) granularity: Option<Text<Granularity>>,
    pub(super) max_series: Option<Text<Whole<1, 100_000_000>>>,
    pub(super) delay_histogram: Option<Text<bool>>,
}

/// Where what was learned is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
pub(super) struct State {
    pub(super) file: Option<Text<Name>>,
    /// Below it a disk would be kept busy; above it a restart would lose what it is there to keep.
    pub(super) interval: Option<Text<SpanWithin<1, 86_400>>>,
}
