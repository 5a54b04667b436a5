//! A connection that has been greeted: the versions that the broker speaks, and how long it keeps who signed in.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::api::Api;
use super::connection::{CLIENT_ID, Connection};
use super::tally::Tally;
use crate::kafka::error::{Code, Error};

const UNSUPPORTED_VERSION: i16 = 35;

/// Part of a session's lifetime after which the next connection is made: the rest is for attempts that fail.
const RENEWED_AFTER: f64 = 0.85;

pub(crate) struct Open {
    pub(crate) connection: Connection,
    tally: Arc<Tally>,
    /// `(api key, lowest, highest version)`.
    versions: Vec<(i16, i16, i16)>,
    lease: Option<Lease>,
}

/// How long a sign-in holds.
struct Lease {
    renew_at: Instant,
    ends_at: Instant,
}

impl Open {
    /// Asks which versions the broker speaks, which every broker answers to everybody.
    pub(crate) async fn greet(
        connection: Connection,
        tally: &Arc<Tally>,
        patience: Duration,
    ) -> Result<Self, Error> {
        let mut open = Self {
            connection,
            tally: Arc::clone(tally),
            versions: Vec::new(),
            lease: None,
        };
        let (lowest, highest) = ApiVersionsRequest::VERSIONS_USED;
        let mut answer = open.api_versions(highest, patience).await?;
        if answer.error_code == UNSUPPORTED_VERSION {
            answer = open.api_versions(lowest, patience).await?;
        }
        Code::check(answer.error_code, ApiVersionsRequest::NAME)?;
        let keys = answer.api_keys.iter();
        open.versions = keys
            .map(|key| (key.api_key, key.min_version, key.max_version))
            .collect();
        Ok(open)
    }

    async fn api_versions(
        &mut self,
        version: i16,
        patience: Duration,
    ) -> Result<ApiVersionsResponse, Error> {
        let mut request = ApiVersionsRequest::default();
        if version >= 3 {
            request = request
                .with_client_software_name(StrBytes::from_static_str(CLIENT_ID))
                .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        }
        self.send(request, version, patience).await
    }

    /// The highest version of this request that both sides know.
    pub(crate) fn version<R: Api>(&self) -> Result<i16, Error> {
        let (ours_min, ours_max) = R::VERSIONS_USED;
        self.versions
            .iter()
            .find(|(key, ..)| *key == R::KEY)
            .map(|(_, min, max)| (ours_min.max(*min), ours_max.min(*max)))
            .filter(|(min, max)| min <= max)
            .map(|(_, highest)| highest)
            .ok_or(Error::Unsupported { api: R::NAME })
    }

    /// One request of the opening. It is counted, but takes no room in the budget of a cycle: it is no question.
    pub(crate) async fn ask<R: Api>(
        &mut self,
        request: R,
        patience: Duration,
    ) -> Result<R::Response, Error> {
        let version = self.version::<R>()?;
        self.send(request, version, patience).await
    }

    async fn send<R: Api>(
        &mut self,
        request: R,
        version: i16,
        patience: Duration,
    ) -> Result<R::Response, Error> {
        self.tally.request(R::NAME, 1);
        let mut answers = self
            .connection
            .exchange(&[request], version, patience)
            .await?;
        Ok(answers.pop().expect("one request, one answer").body)
    }

    /// The sign-in of `from` holds for `lifetime`.
    pub(crate) fn hold(&mut self, from: Instant, lifetime: Duration) {
        self.lease = Some(Lease {
            renew_at: from + lifetime.mul_f64(RENEWED_AFTER),
            ends_at: from + lifetime,
        });
    }

    /// Time for another connection.
    pub(crate) fn is_due(&self) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| lease.renew_at <= Instant::now())
    }

    /// The broker closes it at the next question.
    pub(crate) fn is_over(&self) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| lease.ends_at <= Instant::now())
    }
}
