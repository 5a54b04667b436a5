//! One node's `server.properties` and the command that runs it: combined broker and controller, KRaft.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::{Port, Preparation};
use crate::processes::free_port;

/// Any id does; all nodes of a cluster are formatted with the same.
const CLUSTER_ID: &str = "bGFnc2xvcGUtdGVzdHMtLQ";

/// A small heap and the cheap compiler and collector: start-up time matters here, throughput doesn't.
pub(super) const JAVA: &str = "java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn";

pub(super) struct Node {
    pub(super) name: String,
    pub(super) port: Port,
    id: usize,
    controller_port: u16,
    /// What is the same on every node: the voters, the replication factors, the caller's options.
    common: String,
    java_arguments: String,
    format_arguments: String,
}

/// The nodes of one cluster, which know each other's controllers.
pub(super) fn quorum(
    count: u16,
    options: &[(&str, &str)],
    folder: &Path,
    preparation: &Preparation,
) -> Vec<Node> {
    let controllers: Vec<u16> = (0..count).map(|_| free_port()).collect();
    let placed = |text: &str| text.replace("{folder}", &folder.display().to_string());
    let common = placed(&common(&controllers, options));
    (1..)
        .zip(controllers)
        .map(|(id, controller_port)| Node {
            name: format!("node{id}"),
            port: Port::new(free_port()),
            id,
            controller_port,
            common: common.clone(),
            java_arguments: placed(&preparation.java_arguments),
            format_arguments: preparation.format_arguments.clone(),
        })
        .collect()
}

fn common(controllers: &[u16], options: &[(&str, &str)]) -> String {
    let voters: Vec<String> = (1..)
        .zip(controllers)
        .map(|(id, port): (usize, _)| format!("{id}@127.0.0.1:{port}"))
        .collect();
    let replicas = controllers.len().min(3);
    let in_sync = replicas.div_ceil(2);
    let mut text = format!(
        "process.roles=broker,controller
controller.quorum.voters={}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
offsets.topic.replication.factor={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
",
        voters.join(",")
    );
    for (key, value) in options {
        // In a properties file the last of several lines with one key holds.
        text.push_str(&format!("{key}={value}\n"));
    }
    text
}

impl Node {
    /// Writes the node's settings into its folder, and returns the script that formats the storage once and runs the node.
    pub(super) fn write(&self, folder: &Path, class_path: &str) -> String {
        let properties = folder.join("server.properties");
        let port = self.port.load(Ordering::Relaxed);
        let text = format!(
            "node.id={}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={}
{}",
            self.id,
            self.controller_port,
            folder.join("data").display(),
            self.common,
        );
        // Listeners among the options are written with the ports that only this node knows.
        let text = text
            .replace("{port}", &port.to_string())
            .replace("{controller}", &self.controller_port.to_string());
        fs::write(&properties, text).expect("a file in our temporary folder");
        let properties = properties.display();
        let java = format!("{JAVA} {} -cp '{class_path}'", self.java_arguments);
        format!(
            "{java} kafka.tools.StorageTool format --ignore-formatted -t {CLUSTER_ID} -c '{properties}' {} || exit 1
exec {java} kafka.Kafka '{properties}'
",
            self.format_arguments
        )
    }
}
