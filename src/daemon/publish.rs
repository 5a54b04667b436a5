//! The publisher: makes the page anew whenever a cluster posted, and takes down what a cluster said too long ago.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::crowding::Crowding;
use crate::expose::board::Board;

/// How often the age of what is posted is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Posts waiting to be published, for each cluster. One would do: when it is full a publish is due anyway, and will see the post.
const QUEUED_POSTS: usize = 4;

/// How a cluster's task says that it has posted.
#[derive(Clone, Debug)]
pub(super) struct Bell(mpsc::Sender<usize>);

impl Bell {
    /// Never waits. A full queue means that a publish is due already; the slot on the board holds what it will show.
    pub(super) fn ring(&self, cluster: usize) {
        let _already_due = self.0.try_send(cluster);
    }
}

/// Publishes until it is dropped. `max_age` is how long a cluster's fragment may stay up without a newer one.
pub(super) struct Publisher {
    board: Arc<Board>,
    posts: mpsc::Receiver<usize>,
    posted: Vec<Option<Instant>>,
    max_age: Duration,
    crowding: Crowding,
}

impl Publisher {
    pub(super) fn new(board: Arc<Board>, clusters: usize, max_age: Duration) -> (Self, Bell) {
        let (bell, posts) = mpsc::channel(QUEUED_POSTS * clusters.max(1));
        (
            Self {
                board,
                posts,
                posted: vec![None; clusters],
                max_age,
                crowding: Crowding::default(),
            },
            Bell(bell),
        )
    }

    pub(super) async fn run(mut self) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let changed = tokio::select! {
                post = self.posts.recv() => {
                    let Some(cluster) = post else { return };
                    self.note(cluster);
                    true
                }
                _ = look.tick() => self.take_down_old(),
            };
            if changed {
                self.publish().await;
            }
        }
    }

    /// Notes this post and those that wait behind it: one publish shows them all.
    fn note(&mut self, first: usize) {
        self.posted[first] = Some(Instant::now());
        while let Ok(cluster) = self.posts.try_recv() {
            self.posted[cluster] = Some(Instant::now());
        }
    }

    /// A cluster whose task is wedged says nothing rather than the same for ever.
    fn take_down_old(&mut self) -> bool {
        let mut changed = false;
        for (cluster, posted) in self.posted.iter_mut().enumerate() {
            if posted.is_some_and(|at| at.elapsed() > self.max_age) {
                tracing::error!(cluster, max_age = ?self.max_age, "no cycle has ended for too long: what this cluster said is taken down");
                self.board.take_down(cluster);
                *posted = None;
                changed = true;
            }
        }
        changed
    }

    /// Off the async workers: at a million partitions it is tens of milliseconds of copying and compressing.
    async fn publish(&mut self) {
        let board = Arc::clone(&self.board);
        match tokio::task::spawn_blocking(move || board.publish()).await {
            Ok(crowded) => self.crowding.tell(&crowded),
            Err(error) => tracing::error!(%error, "publishing failed; the page before stays up"),
        }
    }
}
