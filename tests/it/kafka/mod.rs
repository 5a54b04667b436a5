//! A real Kafka for tests, from jars, without containers: one node or three, started in a temporary folder on free loopback ports.
//!
//! [`Kafka`] is the cluster, with its nodes' faults; `tools` runs Kafka's own command line tools against it; `clients` produces and commits
//! through rdkafka. A JVM takes seconds and 350 MiB to start: tests that break nothing use [`shared`] with topics and groups of their own.
#![allow(
    dead_code,
    reason = "offered to every test; not all of it is used at any time"
)]

pub(crate) mod clients;
pub(crate) mod jars;
mod node;
pub(crate) mod secured;
mod selftest;
pub(crate) mod tools;

pub(crate) use jars::Version;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use crate::processes::{Processes, free_port, is_running};
use node::Node;

/// Three JVMs on two busy cores have been seen to take 30 s.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// A running cluster; dropped, it is killed and its folder removed.
pub(crate) struct Kafka {
    version: Version,
    nodes: Vec<Node>,
    pids: Vec<AtomicU32>,
    processes: Processes,
}

/// What must be there before a node starts.
#[derive(Default)]
pub(crate) struct Preparation {
    /// Written into the cluster's folder, which is `{folder}` in options.
    pub(crate) files: Vec<(String, String)>,
    /// Further arguments of Java; `{folder}` is the cluster's folder there too.
    pub(crate) java_arguments: String,
    /// Further arguments of the command that formats the storage, for a shell.
    pub(crate) format_arguments: String,
}

/// The one-node cluster of a version that all tests of this process share; it ends with the process.
pub(crate) fn shared(version: Version) -> &'static Kafka {
    static KAFKA4: OnceLock<Kafka> = OnceLock::new();
    static KAFKA3: OnceLock<Kafka> = OnceLock::new();
    let cell = match version {
        Version::Kafka4 => &KAFKA4,
        Version::Kafka3 => &KAFKA3,
    };
    cell.get_or_init(|| Kafka::start(version, 1, &[]))
}

/// A name that no other test of this process has, for a topic or a group.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Kafka {
    /// Starts `nodes` combined brokers and controllers with ids from 1, and waits until all of them answer.
    /// `options` are lines of `server.properties`, and win over the harness's own; `{port}` and `{controller}` in them stand for
    /// the node's ports.
    pub(crate) fn start(version: Version, nodes: u16, options: &[(&str, &str)]) -> Self {
        Self::start_prepared(version, nodes, options, &Preparation::default())
    }

    /// The same with files and users.
    pub(crate) fn start_prepared(
        version: Version,
        nodes: u16,
        options: &[(&str, &str)],
        preparation: &Preparation,
    ) -> Self {
        let processes = Processes::new("kafka");
        let folder = processes.folder();
        for (name, content) in &preparation.files {
            fs::write(folder.join(name), content).expect("a file in our temporary folder");
        }
        let nodes = node::quorum(nodes, options, folder, preparation);
        let kafka = Self {
            version,
            pids: nodes.iter().map(|_| AtomicU32::new(0)).collect(),
            nodes,
            processes,
        };
        for index in 0..kafka.nodes.len() {
            kafka.launch(index);
        }
        for index in 0..kafka.nodes.len() {
            kafka.wait_for_broker(index);
        }
        kafka
    }

    /// The temporary folder of the cluster.
    pub(crate) fn folder(&self) -> &Path {
        self.processes.folder()
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The addresses of all nodes, as clients take them.
    pub(crate) fn bootstrap(&self) -> String {
        let addresses: Vec<String> = (1..=self.nodes.len()).map(|id| self.address(id)).collect();
        addresses.join(",")
    }

    /// The present address of one node; ids start at 1.
    pub(crate) fn address(&self, id: usize) -> String {
        format!("127.0.0.1:{}", self.node(id).port.load(Ordering::Relaxed))
    }

    /// The node's process id.
    pub(crate) fn pid(&self, id: usize) -> u32 {
        self.pids[id - 1].load(Ordering::Relaxed)
    }

    /// SIGSTOP: connections stay open, nothing answers.
    pub(crate) fn stop(&self, id: usize) {
        assert!(self.processes.signal(&self.node(id).name, "STOP"));
    }

    /// SIGCONT.
    pub(crate) fn cont(&self, id: usize) {
        assert!(self.processes.signal(&self.node(id).name, "CONT"));
    }

    /// SIGKILL: connections are reset, the port refuses.
    pub(crate) fn kill(&self, id: usize) {
        self.processes.kill(&self.node(id).name);
    }

    /// SIGTERM: a node of a rolling restart hands its leaderships over before it ends. Returns when it has ended.
    pub(crate) fn shut_down(&self, id: usize) {
        let name = &self.node(id).name;
        assert!(self.processes.signal(name, "TERM"));
        self.processes.exit_code(name);
    }

    /// Starts a killed node again with its data, on the same port, and waits until it answers.
    pub(crate) fn restart(&self, id: usize) {
        self.launch(id - 1);
        self.wait_for_broker(id - 1);
    }

    /// As [`Kafka::restart`], but clients find it on another port.
    pub(crate) fn restart_on_another_port(&self, id: usize) {
        self.node(id).port.store(free_port(), Ordering::Relaxed);
        self.restart(id);
    }

    /// Whether the node's process exists (stopped ones do).
    pub(crate) fn is_running(&self, id: usize) -> bool {
        is_running(self.pid(id))
    }

    /// The last lines of the node's log.
    pub(crate) fn log_tail(&self, id: usize) -> String {
        self.processes.log_tail(&self.node(id).name)
    }

    fn node(&self, id: usize) -> &Node {
        &self.nodes[id - 1]
    }

    fn launch(&self, index: usize) {
        let node = &self.nodes[index];
        let folder = self.processes.folder_of(&node.name);
        let script = node.write(&folder, &self.version.broker());
        let pid = self.processes.start(&node.name, &script);
        self.pids[index].store(pid, Ordering::Relaxed);
    }

    /// Answering means: it lists every node as a broker.
    fn wait_for_broker(&self, index: usize) {
        let (id, name) = (index + 1, &self.nodes[index].name);
        let address = self.address(id);
        self.processes
            .wait_ready(name, self.pid(id), START_DEADLINE, || {
                clients::brokers_seen_by(&address).filter(|ids| ids.len() == self.nodes.len())
            });
    }
}

/// A port that can change while the cluster is shared between threads.
pub(crate) type Port = AtomicU16;
