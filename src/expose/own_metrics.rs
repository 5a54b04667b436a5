//! The daemon about itself: a `prometheus::Registry`, encoded live at each scrape.

use crate::analysis::sample::Time;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Encoder, Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The daemon's own families.
#[derive(Clone, Debug)]
pub struct OwnMetrics {
    registry: Registry,
    /// Requests answered, by route and status.
    pub(super) requests: IntCounterVec,
    /// Requests and connections refused, by reason.
    pub(super) refused: IntCounterVec,
    /// Series on the page.
    pub(super) series: IntGauge,
    configured: IntGaugeVec,
    reload_successful: IntGauge,
    reload_success_at: Gauge,
    state: StateMetrics,
}

/// Of the state file.
#[derive(Clone, Debug)]
struct StateMetrics {
    errors: IntCounterVec,
    /// Without labels: what was never written has no series.
    written_at: GaugeVec,
    restored: IntGauge,
}

impl OwnMetrics {
    /// Registers everything, `lagslope_build_info` with this version and revision.
    pub fn new(version: &str, revision: &str) -> Self {
        let registry = Registry::new();
        let requests = counters(
            "lagslope_http_requests_total",
            "Requests answered, by route and status.",
            &["path", "code"],
        );
        let refused = counters(
            "lagslope_http_refused_total",
            "Connections and requests refused, by reason.",
            &["reason"],
        );
        let series = IntGauge::new(
            "lagslope_series",
            "Series on the page that is rendered from reports.",
        )
        .expect("a valid name");
        let configured = IntGaugeVec::new(
            Opts::new(
                "lagslope_cluster_configured",
                "1 for each cluster that is to be watched, whether or not anything is known of it.",
            ),
            &["kafka_cluster"],
        )
        .expect("a valid name and label");
        let reload_successful = IntGauge::new(
            "lagslope_config_last_reload_successful",
            "1 when the configuration that was read last is in force, 0 when it was refused.",
        )
        .expect("a valid name");
        let reload_success_at = Gauge::new(
            "lagslope_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was read, seconds since the epoch.",
        )
        .expect("a valid name");
        let state = StateMetrics::registered(&registry);
        register(&registry, configured.clone());
        register(&registry, reload_successful.clone());
        register(&registry, reload_success_at.clone());
        register(&registry, requests.clone());
        register(&registry, refused.clone());
        register(&registry, series.clone());
        register(&registry, build_info(version, revision));
        register(&registry, ProcessCollector::for_self());
        Self {
            registry,
            requests,
            refused,
            series,
            configured,
            reload_successful,
            reload_success_at,
            state,
        }
    }

    /// A cluster is to be watched. What is known of one that hangs is taken down; that it should be there is not.
    pub fn watches(&self, cluster: &str) {
        self.configured.with_label_values(&[cluster]).set(1);
    }

    /// It is to be watched no longer.
    pub fn leaves(&self, cluster: &str) {
        // An error says that it was not watched: that is what is wanted.
        let _unwatched = self.configured.remove_label_values(&[cluster]);
    }

    /// The state file was written; `at` is in seconds since the epoch.
    pub fn state_written(&self, at: Time) {
        let labels: [&str; 0] = [];
        self.state.written_at.with_label_values(&labels).set(at);
    }

    /// The state file was not read or not written, for that reason.
    pub fn state_fault(&self, reason: &str) {
        self.state.errors.with_label_values(&[reason]).inc();
    }

    /// So many lags more go on with what was learned of them before.
    pub fn state_restored(&self, series: usize) {
        let series = i64::try_from(series).unwrap_or(i64::MAX);
        self.state.restored.add(series);
    }

    /// The configuration was read and is in force; `at` is in seconds since the epoch.
    pub fn configured(&self, at: Time) {
        self.reload_successful.set(1);
        self.reload_success_at.set(at);
    }

    /// The configuration was refused: the former stays in force.
    pub fn not_configured(&self) {
        self.reload_successful.set(0);
    }

    /// The text format 0.0.4.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("writing to memory cannot fail");
        text
    }
}

impl StateMetrics {
    fn registered(registry: &Registry) -> Self {
        let errors = counters(
            "lagslope_state_file_errors_total",
            "State files that were not read or not written, by reason.",
            &["reason"],
        );
        let written_at = GaugeVec::new(
            Opts::new(
                "lagslope_state_last_write_timestamp_seconds",
                "When the state file was last written, seconds since the epoch.",
            ),
            &[],
        )
        .expect("a valid name");
        let restored = IntGauge::new(
            "lagslope_state_restored_series",
            "Lags that something learned before was taken over for.",
        )
        .expect("a valid name");
        register(registry, errors.clone());
        register(registry, written_at.clone());
        register(registry, restored.clone());
        Self {
            errors,
            written_at,
            restored,
        }
    }
}

fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    IntCounterVec::new(Opts::new(name, help), labels).expect("a valid name and labels")
}

fn build_info(version: &str, revision: &str) -> Gauge {
    let opts = Opts::new(
        "lagslope_build_info",
        "1 at the version and revision that is running.",
    )
    .const_label("version", version)
    .const_label("revision", revision);
    let gauge = Gauge::with_opts(opts).expect("a valid name and labels");
    gauge.set(1.0);
    gauge
}

fn register(registry: &Registry, collector: impl prometheus::core::Collector + 'static) {
    registry
        .register(Box::new(collector))
        .expect("each family is registered once");
}
