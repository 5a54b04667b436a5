//! What we know of one broker: its connection, reopened with backoff when it breaks; the versions it speaks; how long it
//! usually takes; what is left of its budget in this cycle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::{ApiVersionsRequest, SaslAuthenticateRequest};

use super::api::Api;
use super::backoff::Backoff;
use super::budget::Budget;
use super::connection::{Answer, Connection};
use super::greeting::Open;
use super::pace::Pace;
use super::security::Entrance;
use super::tally::Tally;
use crate::kafka::error::{Code, Error};

/// For so many cycles a question rests that took too long.
const RESTS_CYCLES: u32 = 6;

pub(crate) struct Session {
    name: String,
    address: Arc<str>,
    timeout: Duration,
    entrance: Arc<Entrance>,
    tally: Arc<Tally>,
    open: Option<Open>,
    backoff: Backoff,
    pace: Pace,
    budget: Budget,
    /// Questions that took too long, and for how many cycles more they are not asked.
    resting: BTreeMap<&'static str, u32>,
    /// Causes that were told, by question and label, and how often each came. Both are constants of ours.
    complaints: BTreeMap<(&'static str, &'static str), Complaint>,
    /// Somebody else tells of its failures: the list of all bootstrap servers.
    quiet: bool,
}

/// A failure that goes on.
struct Complaint {
    times: u64,
    /// Any answer ends it; else only an answer to the same question does: a refusal that comes every five minutes is one cause,
    /// whatever is answered in between.
    by_any_answer: bool,
}

impl Session {
    pub(crate) fn new(
        address: Arc<str>,
        timeout: Duration,
        entrance: Arc<Entrance>,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            name: format!("bootstrap server {address}"),
            address,
            timeout,
            entrance,
            tally,
            open: None,
            backoff: Backoff::default(),
            pace: Pace::default(),
            budget: Budget::default(),
            resting: BTreeMap::new(),
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

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Connects and greets, unless that was done.
    pub(crate) async fn reach(&mut self) -> Result<(), Error> {
        self.connect().await
    }

    /// Is the connection of use?
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The version in which it would be asked this; absent when it doesn't know it, or isn't connected.
    pub(crate) fn version_of<R: Api>(&self) -> Option<i16> {
        self.open.as_ref()?.version::<R>().ok()
    }

    pub(crate) fn begin_cycle(&mut self) {
        self.pace.begin_cycle();
        self.budget.begin_cycle();
        self.resting.retain(|_, cycles| {
            *cycles = cycles.saturating_sub(1);
            *cycles > 0
        });
    }

    /// How long the cycle should wait for its next answer: as long as that question says, or as is usual.
    pub(crate) fn patience(&self, own: Option<Duration>) -> Duration {
        own.map_or_else(
            || self.pace.patience(self.timeout),
            |own| own.min(self.timeout),
        )
    }

    /// Room in this cycle's budget for so many more requests, after the regular ones.
    pub(crate) fn has_room_for(&mut self, more: u32) -> bool {
        self.budget.has_room_for(more)
    }

    /// Is there room for log starts, which are the one regular question that can wait?
    pub(crate) fn log_starts_fit(&self) -> bool {
        self.budget.log_starts_fit()
    }

    /// What was asked until now by this question was about something else than usual.
    pub(crate) fn set_apart(&mut self, api: &'static str) {
        self.budget.set_apart(api);
    }

    /// A regular question is asked a second time: that takes the room of others.
    pub(crate) fn take_room(&mut self) {
        self.budget.count(1);
    }

    /// A question that this broker can answer only with the help of others, and that it didn't answer in time, is left alone for a
    /// while: it would cost the broker's other answers in every cycle.
    pub(crate) fn rest<R: Api>(&mut self) {
        self.resting.insert(R::NAME, RESTS_CYCLES);
    }

    pub(crate) fn is_resting<R: Api>(&self) -> bool {
        self.resting.contains_key(R::NAME)
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
        self.connect().await?;
        let open = self.open.as_ref().expect("connected above");
        let version = open.version::<R>()?;
        let requests = make(version);
        self.count::<R>(requests.len());
        let open = self.open.as_mut().expect("connected above");
        let result = open.connection.exchange(&requests, version, timeout).await;
        let answers = self.note(R::NAME, result)?;
        // While an old connection answers, the attempts at a new one keep their pauses.
        if self.open.as_ref().is_some_and(|open| !open.is_due()) {
            self.backoff.reset();
        }
        Ok(answers)
    }

    /// Sees to it that a connection is open. One whose sign-in ends soon gives way to a new one, between questions; when that
    /// fails it goes on as long as it holds.
    async fn connect(&mut self) -> Result<(), Error> {
        let old = match self.open.take() {
            Some(open) if !open.is_due() => {
                self.open = Some(open);
                return Ok(());
            }
            old => old,
        };
        let new = self.enter().await;
        match (new, old.filter(|old| !old.is_over())) {
            (Ok(new), _) => self.open = Some(new),
            (Err(_), Some(old)) => self.open = Some(old),
            (Err(error), None) => return Err(error),
        }
        Ok(())
    }

    /// A new connection: TLS, greeting, sign-in. Fails at once while it is too early for one.
    async fn enter(&mut self) -> Result<Open, Error> {
        let early = self.backoff.too_early();
        if let Some(reason) = early.or_else(|| self.entrance.too_early()) {
            self.tally.error("Connect", reason.label());
            return Err(reason);
        }
        let entrance = Arc::clone(&self.entrance);
        let who = entrance.credentials(self.timeout).await;
        let who = self.note(SaslAuthenticateRequest::NAME, who)?;
        let connection = Connection::open(&self.address, &entrance, self.timeout).await;
        let connection = self.note("Connect", connection)?;
        // The greeting may take the room of a seldom question; a sign-in, which renews itself, must not.
        self.budget.count(1);
        let open = Open::greet(connection, &self.tally, self.timeout).await;
        let mut open = self.note(ApiVersionsRequest::NAME, open)?;
        let entered = entrance
            .sign_in(&mut open, who, &self.address, self.timeout)
            .await;
        self.note(SaslAuthenticateRequest::NAME, entered)?;
        Ok(open)
    }

    fn count<R: Api>(&mut self, requests: usize) {
        self.tally.request(R::NAME, requests);
        if R::REGULAR {
            self.budget.count_regular(R::NAME);
        } else {
            self.budget.count(requests as u32);
        }
    }

    /// Counts a failure; one that breaks the connection also delays the next one, the longer the more of them came in a row.
    /// A connection that opens, or a greeting, ends no row: a port that accepts and then fails would be tried at full pace.
    fn note<T>(&mut self, api: &'static str, result: Result<T, Error>) -> Result<T, Error> {
        let result = result.map_err(|error| self.entrance.explain(error));
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
        took: Option<Duration>,
        result: &Result<T, Error>,
    ) {
        match result {
            Ok(_) => {
                self.pace.spent += took.unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ListGroupsRequest, MetadataRequest};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::super::lookup::Lookups;
    use super::*;
    use crate::kafka::settings::security::Security;

    #[tokio::test]
    async fn a_port_that_accepts_and_then_fails_is_left_alone_longer_each_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let timeout = Duration::from_secs(30);
        let entrance = Arc::new(Entrance::new(&Security::default(), Lookups::default()));
        let mut session = Session::new(address.into(), timeout, entrance, Arc::default());
        for failures in 1..=3 {
            let answer = session.ask(|_| MetadataRequest::default()).await;
            assert_eq!(answer.err(), Some(Error::ClosedUnanswered));
            assert_eq!(session.backoff.failures(), failures);
            session.backoff.end_pause();
        }
    }

    /// Answers one connection, and lets nobody else in: that it speaks ListGroups in version 0, and that there are no groups.
    async fn serve_one(listener: TcpListener) -> Option<()> {
        let (mut stream, _) = listener.accept().await.ok()?;
        drop(listener);
        loop {
            let size = stream.read_u32().await.ok()?;
            let mut request = vec![0; size as usize];
            stream.read_exact(&mut request).await.ok()?;
            let body: &[u8] = match request[1] {
                18 => &[0, 0, 2, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                _ => &[0; 6],
            };
            let id = &request[4..8];
            let size = (id.len() + body.len()) as u32;
            let frame = [&size.to_be_bytes(), id, body].concat();
            stream.write_all(&frame).await.ok()?;
        }
    }

    #[tokio::test]
    async fn a_sign_in_that_cannot_be_renewed_is_used_until_it_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(serve_one(listener));
        let timeout = Duration::from_secs(30);
        let entrance = Arc::new(Entrance::new(&Security::default(), Lookups::default()));
        let mut session = Session::new(address.into(), timeout, entrance, Arc::default());
        let lifetime = Duration::from_secs(10);
        // `(age of the sign-in, is there an answer, failures in a row)`
        for (age_seconds, answered, failures) in [(0, true, 0), (9, true, 1), (11, false, 2)] {
            if let Some(open) = &mut session.open {
                let from = Instant::now() - Duration::from_secs(age_seconds);
                open.hold(from, lifetime);
            }
            let answer = session.ask(|_| ListGroupsRequest::default()).await;
            assert_eq!(answer.err(), (!answered).then_some(Error::Refused));
            assert_eq!(session.backoff.failures(), failures);
            session.backoff.end_pause();
        }
    }

    #[tokio::test]
    async fn a_cause_is_told_once_whatever_is_answered_in_between() {
        let entrance = Arc::new(Entrance::new(&Security::default(), Lookups::default()));
        let mut session = Session::new(
            "b:1".into(),
            Duration::from_secs(1),
            entrance,
            Arc::default(),
        );
        let code = Code::of(31).unwrap();
        let refused = |api| Err::<(), _>(Error::Refusal { api, code });
        let times = |session: &Session| {
            let complaints = session.complaints.values();
            complaints
                .map(|complaint| complaint.times)
                .collect::<Vec<_>>()
        };
        let took = Some(Duration::ZERO);
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
