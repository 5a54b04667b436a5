//! What we know of one broker: its connection, reopened with backoff when it breaks; the versions it speaks; how long it
//! usually takes; what is left of its budget in this cycle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

use super::api::Api;
use super::backoff::Backoff;
use super::connection::{Answer, CLIENT_ID, Connection};
use super::pace::Pace;
use super::tally::Tally;
use crate::kafka::error::{Code, Error};

/// Requests to a broker in a cycle: groups, commits, log ends, log starts, and one more.
pub(crate) const BUDGET: u32 = 5;
/// The regular ones; batches beyond the first (more than 500 groups, more than 20,000 partitions) count as one.
const REGULAR: u32 = 4;

pub(crate) struct Session {
    name: String,
    address: Arc<str>,
    timeout: Duration,
    tally: Arc<Tally>,
    open: Option<Open>,
    backoff: Backoff,
    pace: Pace,
    /// Requests of this cycle besides the regular four.
    extra: u32,
    /// Causes that were told, by question and label, and how often each came. Both are constants of ours.
    complaints: BTreeMap<(&'static str, &'static str), Complaint>,
    /// Somebody else tells of its failures: the list of all bootstrap servers.
    quiet: bool,
}

struct Open {
    connection: Connection,
    /// `(api key, lowest, highest version)`.
    versions: Vec<(i16, i16, i16)>,
}

/// A failure that goes on.
struct Complaint {
    times: u64,
    /// Any answer ends it; else only an answer to the same question does: a refusal that comes every five minutes is one cause,
    /// whatever is answered in between.
    by_any_answer: bool,
}

impl Session {
    pub(crate) fn new(address: Arc<str>, timeout: Duration, tally: Arc<Tally>) -> Self {
        Self {
            name: format!("bootstrap server {address}"),
            address,
            timeout,
            tally,
            open: None,
            backoff: Backoff::default(),
            pace: Pace::default(),
            extra: 0,
            complaints: BTreeMap::new(),
            quiet: true,
        }
    }

    /// It is broker `id` of cluster `cluster`, and tells of its own failures from now on.
    pub(crate) fn introduce(&mut self, cluster: &str, id: i32) {
        if !self.quiet {
            return;
        }
        self.name = format!("cluster {cluster}: broker {id} at {}", self.address);
        self.quiet = false;
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn begin_cycle(&mut self) {
        self.pace.begin_cycle();
        self.extra = 0;
    }

    /// How long the cycle should wait for its next answer.
    pub(crate) fn patience(&self) -> Duration {
        self.pace.patience(self.timeout)
    }

    /// Room in this cycle's budget for so many more requests besides the regular ones that are still due.
    pub(crate) fn has_room_for(&self, more: u32) -> bool {
        REGULAR + self.extra + more <= BUDGET
    }

    /// Without log starts, which are the one regular question that can wait, is there still too much?
    pub(crate) fn log_starts_fit(&self) -> bool {
        REGULAR + self.extra <= BUDGET
    }

    /// A regular question is asked a second time: that takes the room of others.
    pub(crate) fn take_room(&mut self) {
        self.extra += 1;
    }

    /// Counts what a broker answered instead of an answer.
    pub(crate) fn check(&self, code: i16, api: &'static str) -> Result<(), Error> {
        Code::check(code, api).inspect_err(|error| self.tally.error(api, error.label()))
    }

    pub(crate) fn close(&mut self) {
        self.open = None;
    }

    /// Sends one request, made for the version that both know.
    pub(crate) async fn ask<R: Api>(
        &mut self,
        make: impl Fn(i16) -> R + Send + Sync,
    ) -> Result<Answer<R::Response>, Error>
    where
        R::Response: Send,
    {
        let mut answers = self.ask_all(|version| vec![make(version)]).await?;
        Ok(answers.pop().expect("one request, one answer"))
    }

    /// Sends requests ahead of their answers. All are answered, or none is.
    pub(crate) async fn ask_all<R: Api>(
        &mut self,
        make: impl Fn(i16) -> Vec<R> + Send + Sync,
    ) -> Result<Vec<Answer<R::Response>>, Error>
    where
        R::Response: Send,
    {
        let reused = self.open.is_some();
        let result = self.try_all(&make).await;
        // A connection from an earlier cycle may have ended since (a restart, an idle limit): that says nothing of the
        // broker now. Asking twice is harmless, for no request writes.
        if reused && result.as_ref().is_err_and(|error| *error == Error::Closed) {
            return self.try_all(&make).await;
        }
        result
    }

    async fn try_all<R: Api>(
        &mut self,
        make: impl Fn(i16) -> Vec<R> + Send + Sync,
    ) -> Result<Vec<Answer<R::Response>>, Error>
    where
        R::Response: Send,
    {
        let timeout = self.timeout;
        let open = self.connected().await?;
        let version = open.version::<R>()?;
        let requests = make(version);
        self.count::<R>(requests.len());
        let open = self.open.as_mut().expect("connected above");
        let result = open.connection.exchange(&requests, version, timeout).await;
        let answers = self.note(R::NAME, result)?;
        self.backoff.reset();
        Ok(answers)
    }

    /// The open connection, or a new one; fails at once while it is too early for a new one.
    async fn connected(&mut self) -> Result<&mut Open, Error> {
        if self.open.is_none() {
            if let Some(reason) = self.backoff.too_early() {
                self.tally.error("Connect", reason.label());
                return Err(reason);
            }
            let connection = Connection::open(&self.address, self.timeout).await;
            let connection = self.note("Connect", connection)?;
            let open = self.greet(connection).await;
            self.open = Some(self.note(ApiVersionsRequest::NAME, open)?);
        }
        Ok(self.open.as_mut().expect("just opened"))
    }

    async fn greet(&mut self, mut connection: Connection) -> Result<Open, Error> {
        let (lowest, highest) = ApiVersionsRequest::VERSIONS_USED;
        let mut answer = self.api_versions(&mut connection, highest).await?;
        if answer.error_code == UNSUPPORTED_VERSION {
            answer = self.api_versions(&mut connection, lowest).await?;
        }
        Code::check(answer.error_code, ApiVersionsRequest::NAME)?;
        let keys = answer.api_keys.iter();
        Ok(Open {
            connection,
            versions: keys
                .map(|key| (key.api_key, key.min_version, key.max_version))
                .collect(),
        })
    }

    async fn api_versions(
        &mut self,
        connection: &mut Connection,
        version: i16,
    ) -> Result<ApiVersionsResponse, Error> {
        let mut request = ApiVersionsRequest::default();
        if version >= 3 {
            request = request
                .with_client_software_name(StrBytes::from_static_str(CLIENT_ID))
                .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        }
        self.count::<ApiVersionsRequest>(1);
        let mut answers = connection
            .exchange(&[request], version, self.timeout)
            .await?;
        Ok(answers.pop().expect("one request, one answer").body)
    }

    fn count<R: Api>(&mut self, requests: usize) {
        self.tally.request(R::NAME, requests);
        if !R::REGULAR {
            self.extra += requests as u32;
        }
    }

    /// Counts a failure; one that breaks the connection also delays the next one, the longer the more of them came in a row.
    /// A connection that opens, or a greeting, ends no row: a port that accepts and then fails would be tried at full pace.
    fn note<T>(&mut self, api: &'static str, result: Result<T, Error>) -> Result<T, Error> {
        let Err(error) = &result else {
            return result;
        };
        self.tally.error(api, error.label());
        if error.breaks_connection() {
            let served = self
                .open
                .take()
                .is_some_and(|open| open.connection.serves());
            // A connection that served and merely ended is reopened at once.
            if !(served && *error == Error::Closed) {
                self.backoff.failed(error.clone());
            }
        }
        result
    }

    /// Takes note of a whole question's outcome: its time, and whether there is something to tell.
    pub(crate) fn settle<T>(
        &mut self,
        api: &'static str,
        took: Duration,
        result: &Result<T, Error>,
    ) {
        match result {
            Ok(_) => {
                self.pace.spent += took;
                self.make_up(api);
            }
            Err(error) => self.complain(api, error),
        }
    }

    /// Once per cause, then a count.
    fn complain(&mut self, api: &'static str, error: &Error) {
        let by_any_answer = error.breaks_connection();
        // A broken connection is one cause, whatever was asked on it.
        let question = if by_any_answer { "" } else { api };
        let key = (question, error.label());
        if let Some(known) = self.complaints.get_mut(&key) {
            known.times += 1;
            return;
        }
        let complaint = Complaint {
            times: 1,
            by_any_answer,
        };
        self.complaints.insert(key, complaint);
        if !self.quiet {
            tracing::warn!("{}: {error}", self.name);
        }
    }

    /// It answered this question.
    fn make_up(&mut self, api: &'static str) {
        let mut failures = 0;
        self.complaints.retain(|(question, _), complaint| {
            let over = complaint.by_any_answer || *question == api;
            failures += if over { complaint.times } else { 0 };
            !over
        });
        if failures > 0 {
            tracing::info!(failures, "{} answers again", self.name);
        }
    }
}

const UNSUPPORTED_VERSION: i16 = 35;

impl Open {
    /// The highest version of this request that both sides know.
    fn version<R: Api>(&self) -> Result<i16, Error> {
        let (ours_min, ours_max) = R::VERSIONS_USED;
        self.versions
            .iter()
            .find(|(key, ..)| *key == R::KEY)
            .map(|(_, min, max)| (ours_min.max(*min), ours_max.min(*max)))
            .filter(|(min, max)| min <= max)
            .map(|(_, highest)| highest)
            .ok_or(Error::Unsupported { api: R::NAME })
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::MetadataRequest;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_port_that_accepts_and_then_fails_is_left_alone_longer_each_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let timeout = Duration::from_secs(30);
        let mut session = Session::new(address.into(), timeout, Arc::default());
        for failures in 1..=3 {
            let answer = session.ask(|_| MetadataRequest::default()).await;
            assert_eq!(answer.err(), Some(Error::ClosedUnanswered));
            assert_eq!(session.backoff.failures(), failures);
            session.backoff.end_pause();
        }
    }

    #[tokio::test]
    async fn a_cause_is_told_once_whatever_is_answered_in_between() {
        let mut session = Session::new("b:1".into(), Duration::from_secs(1), Arc::default());
        let code = Code::of(31).unwrap();
        let refused = |api| Err::<(), _>(Error::Refusal { api, code });
        let times = |session: &Session| {
            let complaints = session.complaints.values();
            complaints
                .map(|complaint| complaint.times)
                .collect::<Vec<_>>()
        };
        let took = Duration::ZERO;
        for round in 1..=3 {
            session.settle("DescribeLogDirs", took, &refused("DescribeLogDirs"));
            session.settle("ListGroups", took, &Ok(()));
            assert_eq!(times(&session), [round], "the same cause goes on");
        }
        session.settle("ListGroups", took, &Err::<(), _>(Error::Closed));
        session.settle("Metadata", took, &Err::<(), _>(Error::Closed));
        assert_eq!(times(&session), [2, 3], "one cause on one connection");
        session.settle("Metadata", took, &Ok(()));
        assert_eq!(times(&session), [3], "any answer ends a broken connection");
        session.settle("DescribeLogDirs", took, &Ok(()));
        assert!(session.complaints.is_empty());
    }
}
