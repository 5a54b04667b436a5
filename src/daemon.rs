//! Joins the parts: a task for each cluster, one publisher, one server, and the only clock. Everything from outside comes in as an
//! argument.

mod clock;
mod crowding;
mod publish;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::analysis::Analysis;
use crate::analysis::sample::{Sample, Time};
use crate::cli::{REVISION, VERSION};
use crate::config::{Cluster, Settings};
use crate::expose::board::Board;
use crate::expose::http::{self, Exposed};
use crate::expose::own_metrics::OwnMetrics;
use clock::Clock;
use publish::Publisher;
use watch::Assignment;

/// Where a cluster's samples come from: [`kafka::Sampler`](crate::kafka::Sampler), or a script in a test.
pub trait Source: Send + 'static {
    /// Reads everything once, within its own deadline. What could not be read is absent.
    fn sample(&mut self, now: Time) -> impl Future<Output = Sample> + Send;
}

impl Source for crate::kafka::Sampler {
    async fn sample(&mut self, now: Time) -> Sample {
        crate::kafka::Sampler::sample(self, now).await
    }
}

/// Runs until `shutdown` ends. `source` makes the client of a cluster; it is asked again when a watch has to start over.
pub async fn run<S: Source>(
    settings: Arc<Settings>,
    source: impl Fn(&Cluster) -> S + Clone + Send + Sync + 'static,
    listener: TcpListener,
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
    let watches = Watches::start(&settings, source);
    let own = OwnMetrics::new(VERSION, REVISION);
    http::serve(
        listener,
        Exposed {
            board: Arc::clone(&watches.board),
            own,
        },
        shutdown,
    )
    .await;
    tracing::info!("stopped");
}

/// Every cluster's task and the publisher, without the server. Dropping it ends them all: none holds anything that needs a farewell.
pub struct Watches {
    /// Where they post.
    pub board: Arc<Board>,
    _tasks: JoinSet<()>,
}

impl Watches {
    /// Starts them. Needs a tokio runtime around it.
    pub fn start<S: Source>(
        settings: &Arc<Settings>,
        source: impl Fn(&Cluster) -> S + Clone + Send + Sync + 'static,
    ) -> Self {
        let names = settings.clusters.iter().map(|cluster| cluster.name.clone());
        let board = Arc::new(Board::new(names).bounded(settings.metrics.max_series));
        let (publisher, bell) = Publisher::new(
            Arc::clone(&board),
            settings.clusters.len(),
            stays_up(settings),
        );
        let mut tasks = JoinSet::new();
        tasks.spawn(publisher.run());
        let clock = Clock::start();
        for index in 0..settings.clusters.len() {
            let (of_source, of_analysis, source) =
                (Arc::clone(settings), Arc::clone(settings), source.clone());
            tasks.spawn(watch::watch_for_ever(Assignment {
                index,
                cluster: settings.clusters[index].name.clone(),
                interval: settings.sample_interval,
                granularity: settings.metrics.granularity,
                source: Box::new(move || source(&of_source.clusters[index])),
                analysis: Box::new(move || analysis(&of_analysis)),
                clock,
                board: Arc::clone(&board),
                bell: bell.clone(),
            }));
        }
        Self {
            board,
            _tasks: tasks,
        }
    }
}

/// How long a cluster's last word stays up. Readings in it count for `max_age`; the next is due an interval after it at the latest.
fn stays_up(settings: &Settings) -> Duration {
    settings.max_age() + settings.sample_interval
}

fn analysis(settings: &Arc<Settings>) -> Analysis {
    let rules = Arc::clone(settings);
    Analysis::new(
        settings.analysis.clone(),
        Box::new(move |group, topic| rules.ceilings_of(group, topic)),
    )
}
