//! Where real Kafka comes from: jars by Maven, fetched once into `$LAGSLOPE_KAFKA_DIR` or `target/kafka`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The releases of Kafka that the tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// The newest 4.x.
    Kafka4,
    /// The last line that still runs in many places.
    Kafka3,
}

impl Version {
    pub(crate) fn number(self) -> &'static str {
        match self {
            Self::Kafka4 => "4.4.0",
            Self::Kafka3 => "3.9.2",
        }
    }

    /// The class path of the broker.
    pub(crate) fn broker(self) -> String {
        class_path(self, "broker")
    }

    /// The class path of the command line tools.
    pub(crate) fn tools(self) -> String {
        class_path(self, "tools")
    }
}

fn class_path(version: Version, part: &str) -> String {
    let folder = cache().join(version.number()).join(part);
    if !folder.is_dir() {
        fetch(version);
    }
    format!("{}/*", folder.display())
}

fn cache() -> PathBuf {
    std::env::var_os("LAGSLOPE_KAFKA_DIR")
        .map_or_else(|| root().join("target/kafka"), PathBuf::from)
}

/// The script waits for whoever else is fetching, and leaves a whole folder or none.
fn fetch(version: Version) {
    let status = Command::new(root().join("tests/it/kafka/fetch-jars"))
        .arg(cache())
        .arg(version.number())
        .status()
        .expect("fetch-jars can be run");
    assert!(
        status.success(),
        "Kafka's jars could not be fetched by Maven"
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
