//! Joins the parts: a task for each cluster, one publisher, one server, and the only clock. Everything from outside comes in as an
//! argument. While it runs, the set of clusters and all their settings may change.

mod clock;
mod crowding;
mod forgetting;
mod memory;
mod mind;
mod orders;
mod publish;
mod relapse;
mod reload;
mod watch;
mod watches;

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::analysis::report::Report;
use crate::analysis::sample::{Moment, Sample, Time};
use crate::cli::{REVISION, VERSION};
use crate::config::{Cluster, Settings};
use crate::expose::forget::ForgetDoor;
use crate::expose::http::{self, Exposed};
use crate::expose::own_metrics::OwnMetrics;
use crate::expose::reload::ReloadDoor;
pub use clock::Clocks;
use forgetting::forget_for_ever;
pub use reload::{Load, Reloading};
use watches::Outside;
pub use watches::{Changes, Watches};

/// What the wall clock says, for those who compare others' clocks with it.
pub fn wall_clock() -> Time {
    clock::wall()
}

/// Samples one after another, each made when it is asked for: together they may be large.
pub type Samples = Box<dyn Iterator<Item = Sample> + Send>;

/// Where a cluster's samples come from: [`kafka::Sampler`](crate::kafka::Sampler), or a script in a test.
pub trait Source: Send + 'static {
    /// Reads everything once, within its own deadline. What could not be read is absent.
    fn sample(&mut self, now: Moment) -> impl Future<Output = Sample> + Send;

    /// What would have been read every so many seconds until `now`, had somebody watched, as far as anybody can tell; in order of time.
    fn past(
        &mut self,
        _now: Moment,
        _interval_seconds: f64,
    ) -> impl Future<Output = Samples> + Send {
        std::future::ready(Box::new(std::iter::empty()) as Samples)
    }

    /// What it told last of the time before it was watched is of no use any more: where it can be told, it is to be told again.
    fn forget_past(&mut self) {}

    /// Goes on by other settings of the same cluster: what it knows and has counted stays.
    fn reconfigure(&mut self, cluster: &Cluster);
}

impl Source for crate::kafka::Sampler {
    async fn sample(&mut self, now: Moment) -> Sample {
        crate::kafka::Sampler::sample(self, now).await
    }

    async fn past(&mut self, now: Moment, interval_seconds: f64) -> Samples {
        let recalled = crate::kafka::Sampler::recall(self, now, interval_seconds);
        Box::new(recalled.await)
    }

    fn forget_past(&mut self) {
        crate::kafka::Sampler::forget_past(self);
    }

    fn reconfigure(&mut self, cluster: &Cluster) {
        crate::kafka::Sampler::reconfigure(self, cluster.kafka.clone());
    }
}

/// Who hears each report as soon as it is there, with the name of its cluster. The watch waits until this returns.
pub type Ear = Arc<dyn Fn(&str, &Report) + Send + Sync>;

/// Nobody who hears.
pub fn nobody() -> Ear {
    Arc::new(|_, _| ())
}

/// Runs until `shutdown` ends. `source` makes the client of a cluster; it is asked again when a watch has to start over.
pub async fn run<S: Source>(
    settings: Settings,
    source: impl Fn(&Cluster) -> S + Send + Sync + 'static,
    listener: TcpListener,
    reloading: Reloading,
    shutdown: impl Future<Output = ()>,
) {
    run_heard(settings, source, nobody(), listener, reloading, shutdown).await;
}

/// The same, with somebody who hears the reports.
pub async fn run_heard<S: Source>(
    settings: Settings,
    source: impl Fn(&Cluster) -> S + Send + Sync + 'static,
    ear: Ear,
    listener: TcpListener,
    reloading: Reloading,
    shutdown: impl Future<Output = ()>,
) {
    match listener.local_addr() {
        Ok(address) => {
            tracing::info!(%address, version = VERSION, revision = REVISION, "listening")
        }
        Err(error) => {
            tracing::warn!(%error, "listening, but on which address the system doesn't say")
        }
    }
    let own = OwnMetrics::new(VERSION, REVISION);
    own.configured(clock::wall());
    let outside = Outside {
        source: Arc::new(source),
        clocks: Clocks::of_machine(),
        ear,
    };
    let watches = Watches::start_telling(own.clone(), outside, settings);
    let memory = Arc::clone(&watches.memory);
    let (door, askers) = ReloadDoor::new();
    let (forget, wishes) = ForgetDoor::new();
    let exposed = Exposed {
        board: Arc::clone(&watches.board),
        own: own.clone(),
        reload: reloading.by_request.then_some(door),
        forget: reloading.by_request.then_some(forget),
    };
    let reloader = reload::Reloader {
        watches,
        own,
        reloading,
    };
    tokio::select! {
        () = http::serve(listener, exposed, shutdown) => {}
        () = reloader.run(askers) => {}
        () = forget_for_ever(Arc::clone(&memory), wishes) => {}
    }
    memory.save_last().await;
    tracing::info!("stopped");
}
