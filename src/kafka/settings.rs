//! What to ask of which cluster: checked values, built by `config/`.

pub mod security;

use std::time::Duration;

use super::bounds::Limits;
use super::filter::Filter;
use super::stream;
use security::Security;

/// What rates are taken over unless the configuration says otherwise.
const RATE_WINDOW: Duration = Duration::from_secs(120);

/// Long for an answer that takes milliseconds, and short enough to end within an interval.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// One cluster, and what is watched of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The cluster's name in logs.
    pub name: String,
    /// Where to begin, as `host:port` (an IPv6 address in brackets). Tried in turn; the cluster names its other brokers itself.
    pub bootstrap_servers: Vec<String>,
    /// How long a broker may take for one answer. After it the connection is closed: later answers couldn't be told apart.
    pub request_timeout: Duration,
    /// How its brokers are reached.
    pub security: Security,
    /// Over how long the analysis takes its rates: what arrived by the beginning of that, before the first cycle, is read exactly.
    pub rate_window: Duration,
    /// Where committed offsets are read.
    pub offsets: Offsets,
    /// Which log end is meant.
    pub isolation_level: IsolationLevel,
    /// The groups that are watched.
    pub groups: Filter,
    /// The topics that are watched.
    pub topics: Filter,
    /// How much of it is watched at most.
    pub limits: Limits,
}

impl Settings {
    /// A cluster by its name and its `host:port` addresses; everything else by its default.
    pub fn new(name: String, bootstrap_servers: Vec<String>) -> Self {
        Self {
            name,
            bootstrap_servers,
            request_timeout: REQUEST_TIMEOUT,
            security: Security::default(),
            rate_window: RATE_WINDOW,
            offsets: Offsets::default(),
            isolation_level: IsolationLevel::default(),
            groups: Filter::all(),
            topics: Filter::all(),
            limits: Limits::default(),
        }
    }

    /// Why `offsets` can never be what it says, in words for whoever wrote it.
    pub fn contradiction(&self) -> Option<String> {
        let only = self.offsets == Offsets::Stream;
        let why = only.then(|| stream::configuration(self).err()).flatten()?;
        Some(format!("stream: the commit stream can't be read: {why}"))
    }
}

/// Where committed offsets are read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Offsets {
    /// In the commit stream where that can be read, from the brokers where it can't.
    #[default]
    Auto,
    /// In the commit stream (`__consumer_offsets`) only.
    Stream,
    /// From the brokers, in each cycle.
    Query,
}

/// Which messages count as readable, as for Kafka's consumers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum IsolationLevel {
    /// Everything that was produced: the log end is the high watermark.
    #[default]
    ReadUncommitted,
    /// Only what no open transaction holds back: the log end is the last stable offset.
    ReadCommitted,
}
