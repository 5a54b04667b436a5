//! Reading the configuration again, on SIGHUP or on request: one at a time, and all or nothing.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::watches::{Changes, Watches};
use super::{Source, clock};
use crate::config::{Problems, Settings};
use crate::expose::own_metrics::OwnMetrics;
use crate::expose::reload::{Asker, Outcome};

/// Reads and checks the configuration.
pub type Load = Arc<dyn Fn() -> Result<Settings, Problems> + Send + Sync>;

/// Where a reload comes from, and what it reads.
pub struct Reloading {
    /// Reads and checks the configuration as it is now.
    pub load: Load,
    /// An item for each SIGHUP; those that come while one is being served may be one.
    pub hangups: Pin<Box<dyn Stream<Item = ()> + Send>>,
    /// Requests may ask for it, too.
    pub by_request: bool,
}

/// Keeps the watches as the configuration says.
pub(super) struct Reloader<S> {
    pub(super) watches: Watches<S>,
    pub(super) own: OwnMetrics,
    pub(super) reloading: Reloading,
}

impl<S: Source> Reloader<S> {
    /// Serves whoever asks, in turn; never returns.
    pub(super) async fn run(mut self, mut askers: mpsc::Receiver<Asker>) {
        loop {
            let asker = tokio::select! {
                Some(()) = self.reloading.hangups.next() => None,
                Some(asker) = askers.recv() => Some(asker),
                else => std::future::pending().await,
            };
            let outcome = self.reload().await;
            if let Some(asker) = asker {
                let _has_gone_away = asker.send(outcome);
            }
        }
    }

    async fn reload(&mut self) -> Outcome {
        match read(Arc::clone(&self.reloading.load)).await {
            Ok(settings) => {
                let Changes {
                    added,
                    removed,
                    changed,
                } = self.watches.change(settings).await;
                self.own.configured(clock::wall());
                tracing::info!(
                    added = added.join(","),
                    removed = removed.join(","),
                    changed = changed.join(","),
                    "the configuration was read again and is in force"
                );
                Ok(())
            }
            Err(faults) => {
                self.own.not_configured();
                for fault in faults.lines() {
                    tracing::error!(
                        "the configuration is refused, the former stays in force: {fault}"
                    );
                }
                Err(faults)
            }
        }
    }
}

/// Off the async workers: the file may be on a disk that hangs.
async fn read(load: Load) -> Result<Settings, String> {
    match tokio::task::spawn_blocking(move || load()).await {
        Ok(read) => read.map_err(|problems| problems.to_string()),
        Err(error) => Err(format!("a bug: {error}")),
    }
}
