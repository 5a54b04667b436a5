//! The daemon against a real Kafka: what it publishes, what it asks, how it starts and ends.

mod agreement;
mod budget;
mod changes;
mod lifecycle;
mod proxy;
mod read_only;
mod remembered;
mod restart;
mod shares;
mod stream;
mod warm_start;

/// The same, and where committed offsets are read.
pub(crate) fn config_with_offsets(bootstrap: &str, offsets: &str) -> String {
    let config = config(bootstrap);
    config.replace(
        "{name: test,",
        &format!("{{name: test, offsets: {offsets},"),
    )
}

/// A configuration for one cluster named `test`, sampled every second.
pub(crate) fn config(bootstrap: &str) -> String {
    let servers: Vec<&str> = bootstrap.split(',').collect();
    format!(
        "sample_interval: 1s\nclusters:\n  - {{name: test, bootstrap_servers: {servers:?}}}\nmetrics: {{granularity: partition}}\n"
    )
}
