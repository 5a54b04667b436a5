//! What a simulated cluster was asked: requests by broker and question, connections by broker.

use std::sync::atomic::{AtomicU64, Ordering};

use kafka_protocol::messages::ApiKey;

/// Kafka's numbers for questions are below this.
const KEYS: usize = 128;

/// Counts that only rise.
pub(super) struct Tally {
    brokers: Vec<Counts>,
}

struct Counts {
    requests: Vec<AtomicU64>,
    connections: AtomicU64,
}

impl Tally {
    pub(super) fn new(brokers: u32) -> Self {
        let counts = || Counts {
            requests: (0..KEYS).map(|_| AtomicU64::new(0)).collect(),
            connections: AtomicU64::new(0),
        };
        Self {
            brokers: (0..brokers).map(|_| counts()).collect(),
        }
    }

    pub(super) fn count_request(&self, broker: u32, api: ApiKey) {
        let counts = self.of(broker).and_then(|c| c.requests.get(api as usize));
        if let Some(count) = counts {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_connection(&self, broker: u32) {
        if let Some(counts) = self.of(broker) {
            counts.connections.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn requests(&self, broker: u32, api: ApiKey) -> u64 {
        let count = self.of(broker).and_then(|c| c.requests.get(api as usize));
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// All questions together.
    pub(super) fn all_requests(&self, broker: u32) -> u64 {
        let counts = self.of(broker).into_iter().flat_map(|c| &c.requests);
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn connections(&self, broker: u32) -> u64 {
        let counts = self.of(broker);
        counts.map_or(0, |c| c.connections.load(Ordering::Relaxed))
    }

    /// Brokers are numbered from 1.
    fn of(&self, broker: u32) -> Option<&Counts> {
        self.brokers.get((broker as usize).checked_sub(1)?)
    }
}
