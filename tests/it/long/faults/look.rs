//! Scrapes every 5 s for as long as the demonstration runs, each timed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::lagslope::Scrape;

pub(super) const SCRAPE_EVERY: Duration = Duration::from_secs(5);

/// A scrape that takes as long as this has failed.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

/// One scrape. Times are seconds since the epoch, as the daemon's are.
pub(super) struct Look {
    pub(super) began: f64,
    pub(super) took: Duration,
    /// Absent when the scrape failed.
    pub(super) page: Option<Scrape>,
}

/// The scraper; ends when dropped.
pub(super) struct Looks {
    seen: Arc<Mutex<Vec<Look>>>,
    task: JoinHandle<()>,
}

/// Seconds since the epoch.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs_f64()
}

impl Looks {
    pub(super) fn start(address: SocketAddr) -> Self {
        let seen: Arc<Mutex<Vec<Look>>> = Arc::default();
        let into = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let client = reqwest::Client::builder().timeout(SCRAPE_TIMEOUT);
            let client = client.build().expect("a client");
            let mut tick = interval(SCRAPE_EVERY);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                let look = look(&client, address).await;
                into.lock().expect("not poisoned").push(look);
            }
        });
        Self { seen, task }
    }

    /// What is made of the scrapes from `begin` on.
    pub(super) fn since<T>(&self, begin: f64, mut make: impl FnMut(&Look) -> T) -> Vec<T> {
        let seen = self.seen.lock().expect("not poisoned");
        let of = seen.iter().filter(|look| look.began >= begin);
        of.map(&mut make).collect()
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(client: &reqwest::Client, address: SocketAddr) -> Look {
    let (began, clock) = (now(), Instant::now());
    let get = async {
        let answer = client.get(format!("http://{address}/metrics")).send();
        let answer = answer.await?.error_for_status()?;
        answer.text().await
    };
    let text = get.await;
    let took = clock.elapsed();
    let page = text.ok().map(|text| Scrape::parse(&text));
    Look { began, took, page }
}
