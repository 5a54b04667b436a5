//! Names to addresses. The system's resolver blocks its thread, for minutes when its servers are silent, and can't be
//! interrupted. On tokio's pool of blocking threads, which every cluster's analysis needs, the look-ups of one large cluster
//! could take all places; so they have threads of their own, a few for each cluster.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread;

use tokio::sync::{Semaphore, oneshot};

use crate::kafka::error::Error;

/// Look-ups of one cluster at once. One takes milliseconds, so hundreds of brokers are found within a cycle; of a resolver that
/// hangs this many threads hang, and whoever comes next waits until its own deadline.
const LOOKUPS_MAX: usize = 8;

/// Longer than the tests, short enough that threads left over don't keep their process.
#[cfg(test)]
const HANG: std::time::Duration = std::time::Duration::from_secs(2);

type Resolve = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// Where all sessions of a cluster look names up.
#[derive(Clone, Debug)]
pub(crate) struct Lookups {
    places: Arc<Semaphore>,
    resolve: Resolve,
}

impl Default for Lookups {
    fn default() -> Self {
        Self::with(|address| address.to_socket_addrs().map(Iterator::collect))
    }
}

impl Lookups {
    /// Those of a cluster whose resolver is silent, longer than a test takes.
    #[cfg(test)]
    pub(crate) fn hanging() -> Self {
        Self::with(|_| {
            thread::sleep(HANG);
            Ok(Vec::new())
        })
    }

    fn with(resolve: Resolve) -> Self {
        Self {
            places: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            resolve,
        }
    }

    /// The addresses of `host:port`. It may never end: the caller has a deadline, and the place is free when the resolver gives up.
    pub(crate) async fn addresses(&self, address: &str) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(spelled_out) = address.parse() {
            return Ok(vec![spelled_out]);
        }
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.expect("nobody closes it");
        let (tell, told) = oneshot::channel();
        let (resolve, name) = (self.resolve, address.to_owned());
        let look_up = move || {
            let _nobody_may_wait_any_more = tell.send(resolve(&name));
            drop(place);
        };
        let thread = thread::Builder::new().name("lookup".to_owned());
        thread.spawn(look_up).map_err(|e| not_resolved(&e))?;
        match told.await {
            Ok(found) => found.map_err(|e| not_resolved(&e)),
            Err(_) => Err(Error::NotResolved("the look-up broke off".to_owned())),
        }
    }
}

fn not_resolved(error: &io::Error) -> Error {
    Error::NotResolved(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::task::spawn_blocking;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn names_and_addresses_are_found_and_an_unknown_name_is_an_error() {
        let lookups = Lookups::default();
        for known in ["127.0.0.1:9092", "[::1]:9092", "localhost:9092"] {
            let found = lookups.addresses(known).await.unwrap();
            assert!(found.iter().all(|a| a.port() == 9092), "{found:?}");
            assert!(!found.is_empty(), "{known}");
        }
        let unknown = lookups.addresses("not..a..name:9092").await;
        assert!(matches!(unknown, Err(Error::NotResolved(_))), "{unknown:?}");
    }

    #[test]
    fn a_resolver_that_hangs_takes_neither_blocking_threads_nor_another_clusters_places() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        // One, so that a single look-up on it would be seen.
        let runtime = runtime
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (hanging, other) = (Lookups::hanging(), Lookups::default());
            let patience = Duration::from_millis(50);
            let many = (0..3 * LOOKUPS_MAX).map(|_| timeout(patience, hanging.addresses("a:1")));
            assert!(join_all(many).await.iter().all(Result::is_err));
            assert_eq!(hanging.places.available_permits(), 0, "they still hang");
            let quickly = HANG / 2;
            let analysis = timeout(quickly, spawn_blocking(|| 7)).await;
            assert_eq!(analysis.expect("a place at once").unwrap(), 7);
            let found = timeout(quickly, other.addresses("localhost:1")).await;
            assert!(found.expect("at once").is_ok());
        });
    }
}
