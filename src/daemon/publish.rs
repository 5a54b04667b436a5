//! The publisher: makes the page anew whenever a cluster posted, and takes down what a cluster said too long ago.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::clock::Clocks;
use super::crowding::Crowding;
use crate::expose::board::Board;
use crate::expose::room::Dropped;

/// How often the age of what is posted is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a cluster's task says that it has posted. It never waits, and it can't be full: once is enough, for the publish that is due
/// then shows whatever was posted until it begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Bell(Arc<Notify>);

impl Bell {
    pub(super) fn ring(&self) {
        self.0.notify_one();
    }
}

/// Publishes until it is dropped.
pub(super) async fn publish_for_ever(board: Arc<Board>, bell: Bell, clocks: Clocks) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut crowding = Crowding::default();
    loop {
        let changed = tokio::select! {
            () = bell.0.notified() => true,
            _ = look.tick() => take_down_old(&board, clocks.uncounted()),
        };
        if changed && let Some(crowded) = publish(&board).await {
            crowding.tell(&crowded);
        }
    }
}

/// Off the async workers: at a million partitions it is tens of milliseconds of copying and compressing. Gives the clusters of which
/// something had no room.
pub(super) async fn publish(board: &Arc<Board>) -> Option<Vec<(String, Dropped)>> {
    let board = Arc::clone(board);
    let published = tokio::task::spawn_blocking(move || board.publish()).await;
    published
        .inspect_err(|error| tracing::error!(%error, "publishing failed; the page before stays up"))
        .ok()
}

/// A cluster whose task is wedged says nothing rather than the same for ever. So does one whose machine slept, until its next cycle.
fn take_down_old(board: &Board, uncounted_seconds: f64) -> bool {
    let old = board.take_down_old(uncounted_seconds);
    for cluster in &old {
        tracing::error!(
            cluster,
            "no cycle has ended for too long, by this machine's clock: what this cluster said is taken down"
        );
    }
    !old.is_empty()
}
