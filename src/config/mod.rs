//! File and environment → checked settings, in two steps: what was written, with unknown keys refused, then what it means.
//! Nothing re-reads it later, and nothing else reads the environment.

mod check;
mod duration;
pub mod environment;
mod keys;
mod leaf;
mod librdkafka;
mod overrides;
mod problem;
mod properties;
mod retries;
mod secret_file;
mod security;
mod signals;
mod source;
mod thresholds;
mod tree;
mod written;
mod yaml;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::analysis::{self, Ceilings, Rules};
use crate::expose::metrics::Granularity;
use crate::kafka;

pub use duration::parse as parse_duration;
pub use overrides::Override;
pub use problem::{Problem, Problems};
pub use retries::RetryPatterns;
pub use tree::{Origin, Path};

use tree::{Node, Value};

/// Far more than thousands of clusters and rules need; a bigger file is some other file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The name of the cluster that is given by its addresses alone.
const NAMELESS_CLUSTER: &str = "default";

/// Everything the daemon can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Time from one reading of a cluster to the next.
    pub sample_interval: Duration,
    /// What is watched; at least one, each with a name of its own.
    pub clusters: Vec<Cluster>,
    /// What a full queue is; the first that matches wins.
    pub ceilings: Vec<CeilingRule>,
    /// Tell retry and dead-letter topics by their names.
    pub retries: RetryPatterns,
    /// What holds for some groups and topics in the place of `analysis`; the first that matches wins.
    pub overrides: Vec<Override>,
    /// Thresholds.
    pub analysis: Arc<analysis::Settings>,
    /// What is published.
    pub metrics: Metrics,
}

/// A Kafka cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its name in labels and logs.
    pub name: String,
    /// What to ask of it.
    pub kafka: kafka::Settings,
}

/// The ceilings of the groups and topics whose names it matches.
#[derive(Clone, Debug, PartialEq)]
pub struct CeilingRule {
    /// Passes the groups it is for.
    pub group: kafka::Filter,
    /// Passes the topics it is for.
    pub topic: kafka::Filter,
    /// Messages.
    pub lag_messages: Option<u64>,
    /// Age of the oldest uncommitted message.
    pub delay: Option<Duration>,
}

/// What is published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// How finely lag is published.
    pub granularity: Granularity,
    /// Series on the whole page, the daemon's own families aside.
    pub max_series: usize,
}

/// Where a configuration begins; the environment is applied to it.
#[derive(Clone, Debug)]
pub enum Start {
    /// A file.
    File(PathBuf),
    /// One cluster by its `host:port` addresses, as the named flag gives them.
    BootstrapServers(&'static str, Vec<String>),
}

/// Reads and checks everything.
///
/// # Errors
/// Every unknown key, every value that is not of its kind, and the first contradiction in each section without either.
pub fn load(start: &Start, variables: &[(OsString, OsString)]) -> Result<Settings, Problems> {
    let mut tree = match start {
        Start::File(path) => of_file(path)?,
        Start::BootstrapServers(flag, servers) => of_servers(flag, servers),
    };
    let mut problems = environment::apply(variables, &mut tree);
    let (file, more) = source::read(&tree);
    problems.extend(more);
    match file {
        Some(file) => check::check(&file, &tree, &environment::of_aws(variables), problems),
        None => Err(Problems::sorted(problems)),
    }
}

impl Settings {
    /// The defaults, for what needs no cluster.
    pub fn without_clusters() -> Self {
        Self {
            sample_interval: check::SAMPLE_INTERVAL,
            clusters: Vec::new(),
            ceilings: Vec::new(),
            retries: RetryPatterns::default(),
            overrides: Vec::new(),
            analysis: Arc::new(analysis::Settings::new(
                check::SAMPLE_INTERVAL.as_secs_f64(),
            )),
            metrics: check::metrics(&written::File::default()),
        }
    }

    /// By what a group is judged in a topic.
    pub fn rules_of(&self, group: &str, topic: &str) -> Rules {
        let found = self
            .overrides
            .iter()
            .find(|rule| rule.group.passes(group) && rule.topic.passes(topic));
        Rules {
            ceilings: self.ceilings_of(group, topic),
            settings: Arc::clone(found.map_or(&self.analysis, |rule| &rule.settings)),
            mute: found.and_then(|rule| rule.mute.clone()),
        }
    }

    /// What counts as a full queue for a group and topic.
    pub fn ceilings_of(&self, group: &str, topic: &str) -> Ceilings {
        let rule = self
            .ceilings
            .iter()
            .find(|rule| rule.group.passes(group) && rule.topic.passes(topic));
        rule.map_or_else(Ceilings::default, |rule| Ceilings {
            lag_messages: rule.lag_messages.map(|messages| messages as f64),
            delay_seconds: rule.delay.map(|delay| delay.as_secs_f64()),
        })
    }

    /// How long a reading counts.
    pub fn max_age(&self) -> Duration {
        Duration::from_secs_f64(self.analysis.max_age_seconds)
    }
}

fn of_file(path: &FilePath) -> Result<Node, Problem> {
    let file: Arc<str> = path.display().to_string().into();
    let text = read_bounded(path).map_err(|error| Problem {
        origin: Origin::WholeFile(Arc::clone(&file)),
        path: Path::default(),
        message: format!("cannot be read: {error}"),
    })?;
    yaml::parse(&text, &file)
}

fn read_bounded(path: &FilePath) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!(
            "it is larger than {MAX_FILE_BYTES} bytes"
        )));
    }
    Ok(text)
}

/// What a file with one cluster would say.
fn of_servers(flag: &'static str, servers: &[String]) -> Node {
    let node = |value| Node::new(Origin::Flag(flag), value);
    let map = |entries: Vec<(&str, Node)>| {
        let entries = entries
            .into_iter()
            .map(|(key, node)| (key.to_owned(), node));
        node(Value::Map(BTreeMap::from_iter(entries)))
    };
    let servers = servers
        .iter()
        .map(|server| node(Value::Text(server.trim().to_owned())))
        .collect();
    let cluster = map(vec![
        ("name", node(Value::Text(NAMELESS_CLUSTER.to_owned()))),
        ("bootstrap_servers", node(Value::List(servers))),
    ]);
    map(vec![("clusters", node(Value::List(vec![cluster])))])
}
