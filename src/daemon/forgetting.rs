//! Forgetting what was learned, on request: one at a time, between two cycles of the cluster that it is about.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::memory::Memory;
use crate::expose::forget::Wish;

/// Serves whoever wishes, in turn; never returns.
pub(super) async fn forget_for_ever(memory: Arc<Memory>, mut wishes: mpsc::Receiver<Wish>) {
    while let Some(Wish { of, answer }) = wishes.recv().await {
        let (cluster, group, topic) = (of.cluster.clone(), of.group.clone(), of.topic.clone());
        let memory = Arc::clone(&memory);
        let forgetting = tokio::task::spawn_blocking(move || {
            memory.forget(&of.cluster, &of.group, of.topic.as_deref())
        });
        match forgetting.await {
            Ok(forgotten) => {
                if let Some(lags) = forgotten {
                    tracing::info!(cluster, group, topic, lags, "what was learned is forgotten");
                }
                let _has_gone_away = answer.send(forgotten);
            }
            Err(error) => tracing::error!(%error, "a bug while something was forgotten"),
        }
    }
    // Nobody may wish.
    std::future::pending().await
}
