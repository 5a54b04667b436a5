//! What was learned of every cluster, kept on disk: read once at the start, handed to each cluster's watch when that has said which
//! cluster it is, and written now and then and at the end. A file that can't be read or written costs what is in it, and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::clock::Clocks;
use super::mind::Mind;
use crate::analysis::learned::Learned;
use crate::analysis::sample::Time;
use crate::config::Settings;
use crate::expose::own_metrics::OwnMetrics;
use crate::state::{Cluster, Fault, Identity, Saved, encode, file};

/// How long the first cycle waits for what was learned before: a disk that hangs must not keep a cluster from being watched.
const LOAD_PATIENCE: Duration = Duration::from_secs(5);

/// How long the last writing may keep the process.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// Clusters that are kept though nobody watches them. Whoever renames more of them than this by reloads gives them new names each time.
const MOST_UNCLAIMED: usize = 1_000;

/// Of all clusters.
pub(super) struct Memory {
    own: OwnMetrics,
    clocks: Clocks,
    keeping: watch::Sender<Keeping>,
    loaded: watch::Sender<bool>,
    entries: Mutex<Entries>,
    /// Held while writing: one at a time.
    writer: Mutex<Writer>,
}

#[derive(Clone, Debug, PartialEq)]
struct Keeping {
    file: Option<PathBuf>,
    interval: Duration,
    /// What was not seen for longer is dropped.
    oldest_seconds: f64,
}

/// Who learns, and what belongs to nobody who does. Bounded by the configuration and by what was read.
#[derive(Default)]
struct Entries {
    minds: BTreeMap<String, Arc<Mind>>,
    /// Of clusters that have not said yet which they are, or are not watched now.
    unclaimed: BTreeMap<String, Cluster>,
}

#[derive(Default)]
struct Writer {
    /// A file that is not ours to replace, and why.
    untouchable: Option<(PathBuf, &'static str)>,
    /// The last fault, until a write succeeds.
    told: Option<&'static str>,
}

/// Reads the file and then writes it now and then, until it is dropped.
pub(super) async fn keep_for_ever(memory: Arc<Memory>) {
    memory.in_background(Memory::load).await;
    memory.loaded.send_replace(true);
    let mut keeping = memory.keeping.subscribe();
    loop {
        let interval = keeping.borrow_and_update().interval;
        let other_settings = timeout(interval, keeping.changed()).await.is_ok();
        if !other_settings {
            memory.save().await;
        }
    }
}

impl Memory {
    pub(super) fn new(own: OwnMetrics, clocks: Clocks, settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            own,
            clocks,
            keeping: watch::Sender::new(Keeping::of(settings)),
            loaded: watch::Sender::new(false),
            entries: Mutex::default(),
            writer: Mutex::default(),
        })
    }

    /// Goes on by other settings. Another file is written, not read.
    pub(super) fn configure(&self, settings: &Settings) {
        let wanted = Keeping::of(settings);
        self.keeping.send_if_modified(|present| {
            let differs = *present != wanted;
            *present = wanted;
            differs
        });
    }

    /// Room for what a cluster's watch learns.
    pub(super) fn mind(&self, cluster: &str) -> Arc<Mind> {
        let mind = Arc::new(Mind::default());
        self.entries()
            .minds
            .insert(cluster.to_owned(), Arc::clone(&mind));
        mind
    }

    /// Clusters are not watched any more; what was learned of them is kept, should they come back.
    pub(super) async fn retire(self: &Arc<Self>, clusters: Vec<String>) {
        self.in_background(move |memory| {
            for cluster in clusters {
                memory.retire_one(cluster);
            }
        })
        .await;
    }

    fn retire_one(&self, cluster: String) {
        let mind = self.entries().minds.remove(&cluster);
        let learned = mind.and_then(|mind| mind.learned());
        let oldest_seconds = self.keeping.borrow().oldest_seconds;
        let now = self.clocks.wall_now();
        let mut entries = self.entries();
        drop_old(&mut entries.unclaimed, oldest_seconds, now);
        if let Some((identity, learned)) = learned
            && entries.unclaimed.len() < MOST_UNCLAIMED
        {
            let entry = Cluster::new(&cluster, identity, learned);
            entries.unclaimed.insert(cluster, entry);
        }
    }

    /// Waits until the file is read, but not for ever.
    pub(super) async fn loaded(&self) {
        let mut loaded = self.loaded.subscribe();
        if timeout(LOAD_PATIENCE, loaded.wait_for(|loaded| *loaded))
            .await
            .is_err()
        {
            tracing::warn!("the state file is still being read: its habits are not waited for");
        }
    }

    /// What was learned before of a cluster that has said which it is.
    pub(super) fn claim(&self, cluster: &str, identity: &Identity) -> Option<Learned> {
        let known = self.entries().unclaimed.remove(cluster)?;
        if known.identity != *identity {
            tracing::warn!(
                cluster,
                known = known.identity.cluster_id.as_deref(),
                now = identity.cluster_id.as_deref(),
                "what was learned under this name is of another cluster, or of another isolation level: it is not used"
            );
            return None;
        }
        self.own.state_restored(known.learned.series());
        Some(known.learned)
    }

    /// Forgets what was learned of a group, in one topic or as a whole. Gives how many lags that concerned; `None` when there is no
    /// such cluster, group or topic. May wait for an analysis: not for an async worker.
    pub(super) fn forget(&self, cluster: &str, group: &str, topic: Option<&str>) -> Option<usize> {
        let (mind, unclaimed) = {
            let mut entries = self.entries();
            let mind = entries.minds.get(cluster).cloned();
            let unclaimed = entries.unclaimed.get_mut(cluster);
            let forget = |entry: &mut Cluster| entry.learned.forget(group, topic);
            (mind, unclaimed.and_then(forget))
        };
        let learned = mind.and_then(|mind| mind.forget(group, topic));
        match (learned, unclaimed) {
            (None, None) => None,
            (learned, unclaimed) => Some(learned.unwrap_or(0) + unclaimed.unwrap_or(0)),
        }
    }

    /// Writes what was learned so far. Not before the file is read: what it has would be lost.
    pub(super) async fn save(self: &Arc<Self>) {
        if *self.loaded.borrow() {
            self.in_background(Self::write).await;
        }
    }

    /// The same, for the last time.
    pub(super) async fn save_last(self: &Arc<Self>) {
        if timeout(LAST_WRITE, self.save()).await.is_err() {
            tracing::warn!("the state file takes too long to write: what was written before stays");
        }
    }

    fn load(&self) {
        let keeping = self.keeping.borrow().clone();
        let Some(path) = keeping.file else { return };
        match file::read(&path) {
            Ok(None) => {
                tracing::info!(file = %path.display(), "no state file yet: habits are learned anew")
            }
            Ok(Some(saved)) => {
                let clusters = saved.clusters.into_iter();
                let mut known = clusters.map(|known| (known.name.clone(), known)).collect();
                drop_old(&mut known, keeping.oldest_seconds, self.clocks.wall_now());
                self.entries().unclaimed.extend(known);
            }
            Err(fault) => self.refuse(path, &fault),
        }
    }

    /// A damaged file is put aside. Any other is not ours to replace: of a later version, somebody else's, or whole after all.
    fn refuse(&self, path: PathBuf, fault: &Fault) {
        self.own.state_fault(fault.label());
        if matches!(fault, Fault::Damaged(_)) {
            match file::set_aside(&path) {
                Ok(aside) => {
                    let (file, aside) = (path.display(), aside.display());
                    tracing::error!(%file, %fault, %aside, "the state file is put aside, and habits are learned anew");
                    return;
                }
                Err(error) => {
                    tracing::error!(file = %path.display(), %error, "cannot be put aside")
                }
            }
        }
        tracing::error!(
            file = %path.display(),
            %fault,
            "the state file is left as it is: habits are learned anew, and not saved until it is out of the way and lagslope starts again"
        );
        self.writer().untouchable = Some((path, fault.label()));
    }

    fn write(&self) {
        let keeping = self.keeping.borrow().clone();
        let Some(path) = keeping.file else { return };
        let mut writer = self.writer();
        if let Some(label) = writer.why_not(&path) {
            self.own.state_fault(label);
            return;
        }
        let saved = self.gather(keeping.oldest_seconds);
        let written = encode(&saved).and_then(|bytes| file::write(&path, &bytes));
        match &written {
            Ok(()) => self.own.state_written(self.clocks.wall_now()),
            Err(fault) => self.own.state_fault(fault.label()),
        }
        writer.tell(&path, written);
    }

    /// What is unclaimed is looked at first: what is claimed in between is then there twice, and not nowhere.
    fn gather(&self, oldest_seconds: f64) -> Saved {
        let (minds, unclaimed) = {
            let entries = self.entries();
            (entries.minds.clone(), entries.unclaimed.clone())
        };
        let mut clusters = unclaimed;
        for (name, mind) in minds {
            if let Some((identity, learned)) = mind.learned() {
                clusters.insert(name.clone(), Cluster::new(&name, identity, learned));
            }
        }
        drop_old(&mut clusters, oldest_seconds, self.clocks.wall_now());
        Saved {
            clusters: clusters.into_values().collect(),
        }
    }

    /// Off the async workers: a disk may hang, and so may an analysis for a moment.
    async fn in_background(self: &Arc<Self>, work: impl FnOnce(&Self) + Send + 'static) {
        let memory = Arc::clone(self);
        if let Err(error) = tokio::task::spawn_blocking(move || work(&memory)).await {
            tracing::error!(%error, "a bug while what was learned was kept");
        }
    }

    /// After a bug elsewhere they are whole: each change is one step.
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeping {
    fn of(settings: &Settings) -> Self {
        Self {
            file: settings.state.file.clone(),
            interval: settings.state.interval,
            oldest_seconds: settings.analysis.oldest_habit_seconds(),
        }
    }
}

impl Writer {
    fn why_not(&self, path: &Path) -> Option<&'static str> {
        let (untouchable, label) = self.untouchable.as_ref()?;
        (untouchable == path).then_some(*label)
    }

    /// Each cause once; `lagslope_state_file_errors_total` has the count.
    fn tell(&mut self, path: &Path, written: Result<(), Fault>) {
        let file = path.display();
        match written {
            Ok(()) => {
                if self.told.take().is_some() {
                    tracing::info!(%file, "the state file is written again");
                }
            }
            Err(fault) if self.told.replace(fault.label()) == Some(fault.label()) => {}
            Err(fault) => tracing::error!(
                %file,
                %fault,
                "what was learned is not saved; it is tried again, and from here on only counted"
            ),
        }
    }
}

fn drop_old(clusters: &mut BTreeMap<String, Cluster>, oldest_seconds: f64, now: Time) {
    clusters.retain(|_, cluster| {
        cluster.learned.drop_older_than(oldest_seconds, now);
        !cluster.learned.groups.is_empty()
    });
}
