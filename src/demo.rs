//! `lagslope demo`: a simulated cluster and the daemon in one process, for whoever wants to see the signals before pointing it at
//! a Kafka of their own.
//!
//! [`cast`] is who acts in it; [`past`] what the daemon would have read of them before the curtain rose; [`told`] what is said on the
//! terminal.

pub mod cast;
pub mod past;
pub mod told;

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream;
use tokio::net::TcpListener;

use crate::analysis::sample::{Moment, Sample};
use crate::cli;
use crate::config::{self, Cluster, Settings, Start};
use crate::daemon::{self, Ear, Reloading, Samples, Source};
use crate::kafka::Sampler;
use crate::simulator::{self, Running, Simulator, World};
use told::Teller;

/// Oftener than a daemon would look, so that the audience need not wait.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// How much of the cluster's past is understood before the curtain rises: enough for every group's habits to be known.
const PAST_SECONDS: f64 = 7_200.0;

/// Lines that wait for a terminal that takes none. More are dropped: the daemon must not wait for it.
const LINES_MAX: usize = 1_000;

/// Series on the page: with `--scale` more than a daemon's default.
const SERIES_MAX: u32 = 5_000_000;

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another port is to be chosen for the page.
    #[error(
        "cannot listen on {address} ({reason}): is another lagslope running? --web.listen-address 127.0.0.1:0 takes any port that is free"
    )]
    Web {
        /// The address that was wanted.
        address: String,
        /// The system's.
        reason: io::Error,
    },
    /// Other ports are to be chosen for the brokers.
    #[error("cannot open the brokers' ports ({0}): leave --kafka.port out, or choose another")]
    Kafka(io::Error),
    /// Nobody reads what is told.
    #[error("cannot write: {0}")]
    Told(io::Error),
}

/// Runs until `shutdown` ends or nobody reads `out` any more, and then ends at once.
///
/// # Errors
/// When a port is taken, or `out` refuses the first words.
pub async fn run(
    flags: &cli::Demo,
    mut out: impl Write + Send + 'static,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let listener = listen(&flags.listen_address).await?;
    let began = daemon::wall_clock();
    let mut world = cast::world(began);
    let stage = Stage {
        actors: world.groups.len(),
        world: Arc::new(world.clone()),
    };
    if let Some(size) = flags.scale {
        world.add_scale(size, began - cast::AGE_SECONDS);
    }
    let limits = limits(&world);
    let cluster = open(world, flags.kafka_port).await?;
    let settings = settings(&cluster, limits);
    write_programme(&mut out, &listener, &cluster).map_err(Error::Told)?;
    let (lines, told) = sync_channel(LINES_MAX);
    let printer = tokio::task::spawn_blocking(move || print(&told, &mut out));
    let running = daemon::run_heard(
        settings.clone(),
        move |cluster: &Cluster| stage.source(cluster),
        ear(began, lines),
        listener,
        unchanging(settings),
        std::future::pending(),
    );
    tokio::select! {
        () = running => {}
        _ = printer => {}
        () = shutdown => {}
    }
    Ok(())
}

async fn listen(address: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|reason| Error::Web {
            address: address.to_owned(),
            reason,
        })
}

async fn open(world: World, first_port: Option<u16>) -> Result<Running, Error> {
    let settings = simulator::Settings {
        first_port,
        ..simulator::Settings::new(Arc::new(daemon::wall_clock))
    };
    Simulator::start(world, settings)
        .await
        .map_err(Error::Kafka)
}

/// Room for the cluster's own topics.
const INTERNAL_PARTITIONS: usize = 100;

/// Groups and partitions that the daemon has to have room for.
fn limits(world: &World) -> (usize, usize) {
    let of_group = |group: usize| {
        world
            .subscribed(group)
            .map(|t| world.partitions(t) as usize)
    };
    let committed: usize = (0..world.groups.len()).flat_map(of_group).sum();
    let all: usize = (0..world.topics.len())
        .map(|t| world.partitions(t) as usize)
        .sum();
    (world.groups.len(), committed.max(all) + INTERNAL_PARTITIONS)
}

/// As if somebody had written a configuration.
fn settings(cluster: &Running, (groups, partitions): (usize, usize)) -> Settings {
    let written = [
        ("SAMPLE_INTERVAL", format!("{}s", SAMPLE_INTERVAL.as_secs())),
        ("CLUSTERS__0__NAME", "demo".to_owned()),
        ("CLUSTERS__0__MAX_GROUPS", groups.to_string()),
        ("CLUSTERS__0__MAX_PARTITIONS", partitions.to_string()),
        ("METRICS__MAX_SERIES", SERIES_MAX.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value));
    let ceilings = cast::CEILINGS
        .iter()
        .enumerate()
        .flat_map(|(n, (group, messages))| {
            [
                (format!("CEILINGS__{n}__GROUP"), (*group).to_owned()),
                (format!("CEILINGS__{n}__TOPIC"), ".*".to_owned()),
                (format!("CEILINGS__{n}__LAG_MESSAGES"), messages.to_string()),
            ]
        });
    let variables = written.into_iter().chain(ceilings);
    let variables: Vec<(OsString, OsString)> = variables
        .map(|(key, value)| (format!("LAGSLOPE__{key}").into(), value.into()))
        .collect();
    let servers = cluster.addresses().iter().map(ToString::to_string);
    let start = Start::BootstrapServers("the simulated cluster", servers.collect());
    config::load(&start, &variables).expect("it is tested that what the demo writes is right")
}

/// Nothing asks for a reload, and it would change nothing.
fn unchanging(settings: Settings) -> Reloading {
    Reloading {
        load: Arc::new(move || Ok(settings.clone())),
        hangups: Box::pin(stream::pending()),
        by_request: false,
    }
}

/// What the audience is told first.
fn write_programme(
    out: &mut impl Write,
    listener: &TcpListener,
    cluster: &Running,
) -> io::Result<()> {
    let web = listener.local_addr()?;
    let groups = cluster.world().groups.len();
    let kafka = cluster.addresses()[0];
    writeln!(
        out,
        "lagslope watches a simulated Kafka cluster of {groups} consumer groups. Nothing leaves this machine.\n\n\
         open     http://{web}/\n\
         scrape   http://{web}/metrics\n\
         look at  kcat -L -b {kafka}\n\n\
         Two hours of its past are understood first; from then on it is real time. Ctrl-C ends it.\n"
    )?;
    out.flush()
}

/// Hears the reports, and hands on what is to be told.
fn ear(began: f64, lines: SyncSender<String>) -> Ear {
    let teller = Mutex::new(Teller::new(began));
    Arc::new(move |_, report| {
        // A panic while telling leaves nothing half done that matters.
        let mut teller = teller.lock().unwrap_or_else(PoisonError::into_inner);
        for line in teller.hear(report) {
            let _ = lines.try_send(line);
        }
    })
}

/// Until everybody who could tell something is gone, or nobody listens any more.
fn print(told: &Receiver<String>, out: &mut impl Write) {
    while let Ok(line) = told.recv() {
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

/// Where the samples come from: before the curtain from the world itself, then from its brokers.
struct Stage {
    world: Arc<World>,
    /// The first so many groups have a past; that of `--scale`'s many would take minutes.
    actors: usize,
}

impl Stage {
    fn source(&self, cluster: &Cluster) -> Actors {
        Actors {
            world: Arc::clone(&self.world),
            actors: self.actors,
            sampler: Sampler::new(cluster.kafka.clone()),
        }
    }
}

struct Actors {
    world: Arc<World>,
    actors: usize,
    sampler: Sampler,
}

impl Source for Actors {
    async fn sample(&mut self, now: Moment) -> Sample {
        self.sampler.sample(now).await
    }

    async fn past(&mut self, now: Moment, _: f64) -> Samples {
        let span = now.time - PAST_SECONDS..now.time;
        let world = Arc::clone(&self.world);
        let interval = SAMPLE_INTERVAL.as_secs_f64();
        Box::new(past::samples(world, 0..self.actors, span, interval))
    }

    fn forget_past(&mut self) {
        self.sampler.forget_past();
    }

    fn reconfigure(&mut self, cluster: &Cluster) {
        self.sampler.reconfigure(cluster.kafka.clone());
    }
}
