//! Every cluster's task and the publisher: a set that changes while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::clock::Clocks;
use super::memory::{Memory, keep_for_ever};
use super::orders::Orders;
use super::publish::{Bell, publish, publish_for_ever};
use super::watch::{Assignment, watch_for_ever};
use super::{Ear, Source, nobody};
use crate::cli::{REVISION, VERSION};
use crate::config::{Cluster, Settings};
use crate::expose::board::Board;
use crate::expose::own_metrics::OwnMetrics;

/// Makes the client of a cluster. It is asked again when a watch has to start over.
pub(super) type MakeSource<S> = Arc<dyn Fn(&Cluster) -> S + Send + Sync>;

/// What the watches are handed of the world around them.
pub(super) struct Outside<S> {
    pub(super) source: MakeSource<S>,
    pub(super) clocks: Clocks,
    pub(super) ear: Ear,
}

impl<S> Clone for Outside<S> {
    fn clone(&self) -> Self {
        Self {
            source: Arc::clone(&self.source),
            clocks: self.clocks.clone(),
            ear: Arc::clone(&self.ear),
        }
    }
}

/// The running watches, without the server. Dropping it ends them all; what was learned since it was last saved is lost then, unless
/// it is [saved](Self::save) before.
pub struct Watches<S> {
    /// Where they post.
    pub board: Arc<Board>,
    own: OwnMetrics,
    outside: Outside<S>,
    bell: Bell,
    pub(super) memory: Arc<Memory>,
    running: BTreeMap<String, Running>,
    _publisher_and_keeper: JoinSet<()>,
}

/// One cluster's task; dropped, it ends.
struct Running {
    orders: watch::Sender<Arc<Orders>>,
    _task: JoinSet<()>,
}

/// The clusters that new settings made a difference to.
#[derive(Debug, Default)]
pub struct Changes {
    /// Watched from now on.
    pub added: Vec<String>,
    /// Not watched any more.
    pub removed: Vec<String>,
    /// Watched otherwise than before, from their next tick on.
    pub changed: Vec<String>,
}

impl<S: Source> Watches<S> {
    /// Starts them. Needs a tokio runtime around it.
    pub fn start(
        settings: Settings,
        source: impl Fn(&Cluster) -> S + Send + Sync + 'static,
    ) -> Self {
        Self::start_by(Clocks::of_machine(), settings, source)
    }

    /// The same by other clocks than this machine's.
    pub fn start_by(
        clocks: Clocks,
        settings: Settings,
        source: impl Fn(&Cluster) -> S + Send + Sync + 'static,
    ) -> Self {
        let own = OwnMetrics::new(VERSION, REVISION);
        let outside = Outside {
            source: Arc::new(source),
            clocks,
            ear: nobody(),
        };
        Self::start_telling(own, outside, settings)
    }

    /// The same, with what the daemon tells about itself.
    pub(super) fn start_telling(own: OwnMetrics, outside: Outside<S>, settings: Settings) -> Self {
        let clocks = outside.clocks.clone();
        let memory = Memory::new(own.clone(), clocks.clone(), &settings);
        let names = settings.clusters.iter().map(|cluster| cluster.name.clone());
        let (board, bell) = (Arc::new(Board::new(names)), Bell::default());
        board.bound(settings.metrics.max_series);
        let mut tasks = JoinSet::new();
        tasks.spawn(keep_for_ever(Arc::clone(&memory)));
        tasks.spawn(publish_for_ever(Arc::clone(&board), bell.clone(), clocks));
        let mut watches = Self {
            board,
            own,
            outside,
            bell,
            memory,
            running: BTreeMap::new(),
            _publisher_and_keeper: tasks,
        };
        for (cluster, orders) in Orders::of(settings) {
            watches.begin(cluster, orders);
        }
        watches
    }

    /// Goes on by other settings. A cluster for which nothing changes doesn't notice; one that is gone is off the page when this
    /// returns.
    pub async fn change(&mut self, settings: Settings) -> Changes {
        self.board.bound(settings.metrics.max_series);
        self.memory.configure(&settings);
        let wanted = Orders::of(settings);
        let mut changes = Changes {
            removed: self.end_all_but(&wanted),
            ..Changes::default()
        };
        self.memory.retire(changes.removed.clone()).await;
        for (cluster, orders) in wanted {
            match self.running.get(&cluster) {
                Some(running) if running.take(&orders) => changes.changed.push(cluster),
                Some(_) => {}
                None => {
                    self.begin(cluster.clone(), orders);
                    changes.added.push(cluster);
                }
            }
        }
        if !changes.removed.is_empty() {
            // What has no room is told of after the next cycle.
            let _crowded = publish(&self.board).await;
        }
        changes
    }

    /// Writes what was learned so far to the state file, if there is to be one. Faults are logged and counted.
    pub async fn save(&self) {
        self.memory.save().await;
    }

    fn begin(&mut self, cluster: String, orders: Arc<Orders>) {
        let (sender, receiver) = watch::channel(orders);
        let mut task = JoinSet::new();
        task.spawn(watch_for_ever(Assignment {
            place: self.board.place(&cluster),
            board: Arc::clone(&self.board),
            mind: self.memory.mind(&cluster),
            memory: Arc::clone(&self.memory),
            cluster: cluster.clone(),
            orders: receiver,
            outside: self.outside.clone(),
            bell: self.bell.clone(),
        }));
        let running = Running {
            orders: sender,
            _task: task,
        };
        self.own.watches(&cluster);
        self.running.insert(cluster, running);
    }

    fn end_all_but(&mut self, wanted: &BTreeMap<String, Arc<Orders>>) -> Vec<String> {
        let running = self.running.keys();
        let gone: Vec<_> = running
            .filter(|cluster| !wanted.contains_key(*cluster))
            .cloned()
            .collect();
        for cluster in &gone {
            self.running.remove(cluster);
            self.board.remove(cluster);
            self.own.leaves(cluster);
        }
        gone
    }
}

impl Running {
    /// Hands the watch its orders, if they are others than it has; says whether they are.
    fn take(&self, orders: &Arc<Orders>) -> bool {
        self.orders.send_if_modified(|present| {
            let differs = present != orders;
            if differs {
                *present = Arc::clone(orders);
            }
            differs
        })
    }
}
