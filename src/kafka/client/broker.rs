//! A broker is a bulkhead: each question runs in its own task, and the cycle waits for it with limited patience only.
//! A late answer is dropped; until it has come, or its deadline has passed, the broker is not asked again.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::security::Entrance;
use super::session::Session;
use super::tally::Tally;
use crate::kafka::error::Error;

/// Something to ask of a broker: one or more requests on its connection.
pub(crate) trait Question: Send + 'static {
    /// What it is counted as when it isn't answered in time.
    const NAME: &'static str;
    /// What comes of it.
    type Answer: Send + 'static;

    /// [`Self::NAME`], unless it is one of several.
    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// How long the cycle waits for it, when that is not as long as is usual for the broker. Such a question says nothing of
    /// what is usual either.
    fn own_patience(&self) -> Option<Duration> {
        None
    }

    /// Asks, on the broker's own task.
    fn put(self, session: &mut Session)
    -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// A handle. Whoever holds the session's lock is asking: there is no queue that could grow.
#[derive(Clone)]
pub(crate) struct Broker {
    address: Arc<str>,
    session: Arc<Mutex<Session>>,
    tally: Arc<Tally>,
}

impl Broker {
    /// Opens nothing yet.
    pub(crate) fn new(
        address: &str,
        request_timeout: Duration,
        entrance: &Arc<Entrance>,
        tally: &Arc<Tally>,
    ) -> Self {
        let address: Arc<str> = address.into();
        let session = Session::new(
            Arc::clone(&address),
            request_timeout,
            Arc::clone(entrance),
            Arc::clone(tally),
        );
        Self {
            address,
            session: Arc::new(Mutex::new(session)),
            tally: Arc::clone(tally),
        }
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Does something with the session unless it is busy.
    pub(crate) fn when_idle(&self, act: impl FnOnce(&mut Session)) {
        if let Ok(mut session) = self.session.try_lock() {
            act(&mut session);
        }
    }

    /// Asks, and waits as long as is usual for this broker.
    pub(crate) async fn ask<Q: Question>(&self, question: Q) -> Result<Q::Answer, Error> {
        let api = question.name();
        let Ok(mut session) = Arc::clone(&self.session).try_lock_owned() else {
            return self.missed(api, Error::Busy);
        };
        let own = question.own_patience();
        let patience = session.patience(own);
        let task = tokio::spawn(async move {
            let began = Instant::now();
            let result = question.put(&mut session).await;
            // What takes long by its nature says nothing of the broker's usual pace.
            let took = own.is_none().then(|| began.elapsed());
            session.settle(api, took, &result);
            result
        });
        match timeout(patience, task).await {
            Ok(Ok(result)) => result,
            // A panic while reading an answer is ours; it must cost no more than this answer.
            Ok(Err(panic)) => {
                let what = panic.to_string();
                self.missed(api, Error::Garbled { api, what })
            }
            Err(_) => self.missed(api, Error::Late { api }),
        }
    }

    fn missed<T>(&self, api: &'static str, error: Error) -> Result<T, Error> {
        self.tally.error(api, error.label());
        Err(error)
    }
}
