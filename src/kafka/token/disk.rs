//! Files, and what is made of them, read where a thread may wait: a disk over the network can hang, and no worker of the daemon
//! hangs with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Far longer than a disk takes that answers at all, and shorter than most requests may.
const PATIENCE: Duration = Duration::from_secs(5);

/// One cluster's. It reads one thing at a time: a disk that hangs keeps one thread, whoever else comes waits and gives up.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Semaphore>);

impl Default for Disk {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Disk {
    /// What `work` gives.
    ///
    /// # Errors
    /// It takes too long, in words that follow a file's name.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let read = async {
            let place = Arc::clone(&self.0).acquire_owned().await;
            let place = place.expect("nobody closes it");
            // The place is free when the disk answers, not when nobody waits any more.
            let work = move || {
                let result = work();
                drop(place);
                result
            };
            spawn_blocking(work).await.map_err(|e| e.to_string())
        };
        timeout(PATIENCE, read)
            .await
            .unwrap_or_else(|_| Err(format!("it cannot be read within {PATIENCE:?}")))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_hangs_keeps_one_thread_and_is_of_use_again_when_it_answers() {
        let (disk, begun) = (Disk::default(), Arc::new(AtomicUsize::new(0)));
        let (answer, hangs) = channel::<()>();
        let counted = Arc::clone(&begun);
        let hang = disk.read(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            hangs.recv()
        });
        let patience = Duration::from_millis(200);
        assert!(timeout(patience, hang).await.is_err());
        for _ in 0..3 {
            let counted = Arc::clone(&begun);
            let next = disk.read(move || counted.fetch_add(1, Ordering::Relaxed));
            assert!(timeout(Duration::from_millis(20), next).await.is_err());
        }
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        answer.send(()).expect("it waits for that");
        assert_eq!(disk.read(|| 7).await, Ok(7));
    }
}
