//! Scripted clusters: what each does in its cycles, and what was done to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lagslope::analysis::sample::{
    Commits, Cycle, GroupSample, Moment, PartitionSample, Reading, Sample, Time, TopicCommits,
    TopicSample,
};
use lagslope::config::{self, Cluster, Settings, Start};
use lagslope::daemon::Source;
use tokio::time::{Instant, sleep};

use crate::lagslope::config_file;

/// What a cluster does in each of its cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Behaviour {
    #[default]
    Answers,
    /// Each reading takes this long.
    Takes(Duration),
    /// The first readings panic, this many of them.
    Panics(usize),
    /// This reading panics, counted from 0.
    PanicsAt(usize),
    /// Answers this many readings, then none any more.
    Hangs(usize),
    /// Answers with so many groups.
    Crowded(usize),
}

/// What was done to a cluster's sources.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    pub(super) made: u64,
    pub(super) reconfigured: u64,
    pub(super) pasts_forgotten: u64,
    /// When each reading began, in seconds since the test did.
    pub(super) readings: Vec<f64>,
}

/// All clusters of a test. One that isn't named answers.
#[derive(Clone)]
pub(super) struct Scripts {
    behaviours: Arc<BTreeMap<String, Behaviour>>,
    done: Arc<Mutex<BTreeMap<String, Done>>>,
    began: Instant,
}

impl Scripts {
    pub(super) fn new(behaviours: &[(&str, Behaviour)]) -> Self {
        let behaviours = behaviours.iter().map(|(name, b)| ((*name).to_owned(), *b));
        Self {
            behaviours: Arc::new(behaviours.collect()),
            done: Arc::default(),
            began: Instant::now(),
        }
    }

    pub(super) fn source(&self) -> impl Fn(&Cluster) -> Script + Send + Sync + 'static {
        let scripts = self.clone();
        move |cluster| {
            scripts.note(&cluster.name, |done| done.made += 1);
            Script {
                cluster: cluster.name.clone(),
                scripts: scripts.clone(),
                readings: 0,
            }
        }
    }

    pub(super) fn done(&self, cluster: &str) -> Done {
        self.note(cluster, |done| done.clone())
    }

    fn note<T>(&self, cluster: &str, note: impl FnOnce(&mut Done) -> T) -> T {
        let mut done = self.done.lock().expect("nobody panics while noting");
        note(done.entry(cluster.to_owned()).or_default())
    }
}

pub(super) struct Script {
    cluster: String,
    scripts: Scripts,
    readings: u64,
}

impl Source for Script {
    async fn sample(&mut self, now: Moment) -> Sample {
        let at = now.time;
        let began = self.scripts.began.elapsed().as_secs_f64();
        let reading = self.scripts.note(&self.cluster, |done| {
            done.readings.push(began);
            done.readings.len() - 1
        });
        let behaviour = self.scripts.behaviours.get(&self.cluster);
        match behaviour.copied().unwrap_or_default() {
            Behaviour::Takes(time) => sleep(time).await,
            Behaviour::Panics(times) => assert!(reading >= times, "a bug"),
            Behaviour::PanicsAt(which) => assert!(reading != which, "a bug"),
            Behaviour::Hangs(after) if reading >= after => std::future::pending().await,
            Behaviour::Crowded(groups) => return crowd(at, groups),
            Behaviour::Answers | Behaviour::Hangs(_) => {}
        }
        self.readings += 1;
        group_that_lags(at, began, self.readings)
    }

    fn forget_past(&mut self) {
        self.scripts
            .note(&self.cluster, |done| done.pasts_forgotten += 1);
    }

    fn reconfigure(&mut self, _: &Cluster) {
        self.scripts
            .note(&self.cluster, |done| done.reconfigured += 1);
    }
}

/// Group `pay` is 500 messages behind in `orders`, where 100 a second arrive; a tenth of that arrives in `orders.given-up`. `requests` were sent since the source was made.
fn group_that_lags(at: Time, seconds: f64, requests: u64) -> Sample {
    let offset = 10_000 + (100.0 * seconds) as u64;
    let reading = |offset| Some(Reading { offset, at });
    let topic = |name: &str, offset| TopicSample {
        name: name.into(),
        id: Some(1),
        retention: None,
        message_bytes: Default::default(),
        partitions: vec![PartitionSample {
            log_start: reading(0),
            log_end: reading(offset),
        }],
    };
    Sample {
        began: at,
        at,
        topics: vec![
            topic("orders", offset),
            topic("orders.given-up", offset / 10),
        ],
        groups: vec![GroupSample {
            name: "pay".into(),
            state: None,
            kind: None,
            members: None,
            generation: None,
            commits: Some(Commits {
                at,
                topics: vec![TopicCommits {
                    topic: 0,
                    partitions: vec![(0, offset - 500)],
                    edges: None,
                }],
            }),
        }],
        pasts: Vec::new(),
        cycle: Cycle {
            up: true,
            requests: vec![("ListGroups", requests)],
            ..Cycle::default()
        },
    }
}

/// So many groups that have committed nothing.
fn crowd(at: Time, groups: usize) -> Sample {
    let group = |number| GroupSample {
        name: format!("g{number}").into(),
        state: Some("Stable".into()),
        kind: None,
        members: Some(1),
        generation: None,
        commits: None,
    };
    Sample {
        at,
        groups: (0..groups).map(group).collect(),
        cycle: Cycle {
            up: true,
            ..Cycle::default()
        },
        ..Sample::default()
    }
}

/// Settings as a file says them.
pub(super) fn settings(text: &str) -> Settings {
    let file = config_file(text);
    config::load(&Start::File(file.path().to_owned()), &[]).expect("a good configuration")
}
