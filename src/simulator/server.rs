//! Brokers that listen: starts them, opens and closes their ports, ends them all at once.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cluster::Cluster;
use super::connection;
use super::fault::{Fault, Move, Switch};
use super::{Time, World};

/// Connections of one broker; more are closed at once. A client has a few.
const CONNECTIONS_MAX: usize = 1_000;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// How often a broker that will refuse connections, or does, looks whether it is time.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The time, in seconds since the Unix epoch: of the machine, or as a test says.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// How a cluster is served.
#[derive(Clone)]
pub struct Settings {
    /// The cluster's time.
    pub clock: Clock,
    /// Where the brokers listen; any address of loopback will do.
    pub address: Ipv4Addr,
    /// The first broker's port, the others have the following ones; absent = any that are free.
    pub first_port: Option<u16>,
    /// The version in which commits are written to `__consumer_offsets`.
    pub commit_records: CommitRecords,
    /// How far `__consumer_offsets` goes back when the cluster starts.
    pub commits_kept_seconds: f64,
    /// Questions that are answered up to this version only, as an older broker does.
    pub version_caps: Vec<(ApiKey, i16)>,
}

/// Versions of the value of a commit's record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CommitRecords {
    /// As Kafka 3 writes them.
    V3,
    /// As Kafka 4 does: compact, with the topic's id.
    V4,
}

impl Settings {
    /// On free ports of 127.0.0.1, as Kafka 4, with two hours of commits.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            address: Ipv4Addr::LOCALHOST,
            first_port: None,
            commit_records: CommitRecords::V4,
            commits_kept_seconds: 7_200.0,
            version_caps: Vec::new(),
        }
    }
}

/// A cluster that can be started.
pub struct Simulator;

/// A cluster that runs, until it is dropped.
pub struct Running {
    cluster: Arc<Cluster>,
    /// Dropped, they are aborted, and with them everything that they have open.
    brokers: JoinSet<()>,
}

impl Simulator {
    /// Opens the ports of all brokers on loopback, and serves them on the runtime that this is called in.
    ///
    /// # Errors
    /// When a port can't be opened.
    pub async fn start(world: World, settings: Settings) -> io::Result<Running> {
        let ports = (0..world.brokers).map(|number| match settings.first_port {
            None => Some(0),
            Some(first) => u16::try_from(u32::from(first) + number).ok(),
        });
        let mut listeners = Vec::new();
        for port in ports {
            let port = port.ok_or(io::ErrorKind::AddrNotAvailable)?;
            listeners.push(listen((settings.address, port).into())?);
        }
        let addresses: io::Result<_> = listeners.iter().map(TcpListener::local_addr).collect();
        let cluster = Arc::new(Cluster::new(world, settings, addresses?));
        let mut brokers = JoinSet::new();
        for (number, listener) in (1..).zip(listeners) {
            let broker = Broker {
                cluster: Arc::clone(&cluster),
                number,
                changed: cluster.switches.watch(),
            };
            brokers.spawn(broker.run(listener));
        }
        Ok(Running { cluster, brokers })
    }
}

impl Running {
    /// Of the brokers, in order of their numbers, from 1.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.cluster.addresses
    }

    /// All addresses, as clients take them.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        addresses.join(",")
    }

    /// What is served.
    pub fn world(&self) -> &World {
        &self.cluster.world
    }

    /// The cluster's time.
    pub fn now(&self) -> Time {
        self.cluster.now()
    }

    /// Lets something go wrong from now on.
    pub fn fault(&self, fault: Fault) -> Switch {
        self.cluster.switches.switch_on(fault)
    }

    /// Lets something move.
    pub fn shift(&self, moved: Move) -> Switch {
        self.cluster.switches.shift(moved)
    }

    /// Ends a fault, or takes a move back.
    pub fn heal(&self, switch: Switch) {
        self.cluster.switches.switch_off(switch, self.now());
    }

    /// Ends all faults and takes all moves back.
    pub fn heal_all(&self) {
        self.cluster.switches.switch_all_off(self.now());
    }

    /// How often this was asked, of all brokers together.
    pub fn requests(&self, api: ApiKey) -> u64 {
        self.numbers().map(|n| self.requests_to(n, api)).sum()
    }

    /// How often this was asked of one broker.
    pub fn requests_to(&self, broker: u32, api: ApiKey) -> u64 {
        self.cluster.tally.requests(broker, api)
    }

    /// How often anything was asked of one broker.
    pub fn all_requests_to(&self, broker: u32) -> u64 {
        self.cluster.tally.all_requests(broker)
    }

    /// How many connections one broker has accepted.
    pub fn connections_to(&self, broker: u32) -> u64 {
        self.cluster.tally.connections(broker)
    }

    /// Ends it, and returns when everything is closed. Dropping it does the same, soon.
    pub async fn stop(mut self) {
        self.brokers.shutdown().await;
    }

    fn numbers(&self) -> impl Iterator<Item = u32> {
        1..=self.cluster.world.brokers
    }
}

struct Broker {
    cluster: Arc<Cluster>,
    number: u32,
    changed: watch::Receiver<()>,
}

impl Broker {
    async fn run(mut self, listener: TcpListener) {
        let address = self.cluster.addresses[self.number as usize - 1];
        let mut listener = Some(listener);
        let mut connections = JoinSet::new();
        loop {
            self.changed.mark_unchanged();
            let faults = self.cluster.switches.now();
            if faults.refuses(self.number, self.cluster.now()) {
                listener = None;
                connections.shutdown().await;
            } else if listener.is_none() {
                // Somebody else may have the port for a moment: it is tried again.
                listener = listen(address).ok();
            }
            let may_refuse = faults.may_refuse(self.number);
            tokio::select! {
                stream = accept(listener.as_ref()) => self.take(stream, &mut connections),
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                Ok(()) = self.changed.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY), if may_refuse || listener.is_none() => {}
            }
        }
    }

    fn take(&self, stream: Option<TcpStream>, connections: &mut JoinSet<()>) {
        let Some(stream) = stream.filter(|_| connections.len() < CONNECTIONS_MAX) else {
            return;
        };
        self.cluster.tally.count_connection(self.number);
        connections.spawn(connection::serve(
            stream,
            Arc::clone(&self.cluster),
            self.number,
        ));
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // A port that was just closed is in use for a minute otherwise.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.ok().map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}
