//! The daemon against a real Kafka: what it publishes, what it asks, how it starts and ends.

mod agreement;
mod budget;
mod changes;
mod lifecycle;
mod proxy;
mod read_only;
mod remembered;
mod shares;
mod warm_start;

/// A configuration for one cluster named `test`, sampled every second.
pub(crate) fn config(bootstrap: &str) -> String {
    let servers: Vec<&str> = bootstrap.split(',').collect();
    format!(
        "sample_interval: 1s\nclusters:\n  - {{name: test, bootstrap_servers: {servers:?}}}\nmetrics: {{granularity: partition}}\n"
    )
}
