//! Tokens for SASL OAUTHBEARER: [`Tokens`] keeps one for all brokers of a cluster, and asks for the next in time.
//! `oidc` and `msk_iam` are where they come from, `http` is how those are asked, `disk` how files are read for them.

mod disk;
mod http;
#[cfg(feature = "msk-iam")]
mod msk_iam;
mod oidc;
#[cfg(test)]
mod stand_in;

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::client::backoff::after_refusals;
use super::client::lookup::Lookups;
use super::error::PAUSES;
use super::secret::Secret;
use super::settings::security::TokenSource;

/// What a token says by itself may be read by nobody but the broker.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Token {
    /// The bearer token.
    pub(crate) value: Secret,
    /// Names and values that go to the broker with it.
    pub(crate) extensions: Vec<(String, String)>,
}

/// Why there is no token, in words for whoever set it up. A secret is in none of them.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum TokenError {
    /// Nobody is there, or the way is closed.
    #[error("{at} cannot be reached: {reason}")]
    Unreachable {
        /// Who was asked: an address without its query.
        at: String,
        /// What the system says.
        reason: String,
    },
    /// It is there, and is not believed to be who it should be.
    #[error("TLS with {at} failed: {reason} (https.ca.location names other authorities to trust)")]
    Tls {
        /// Who was asked.
        at: String,
        /// What rustls says.
        reason: String,
    },
    /// It is there, and too slow.
    #[error("{at} did not answer in time")]
    TimedOut {
        /// Who was asked.
        at: String,
    },
    /// It knows who asks, or doesn't, and says no.
    #[error(
        "{at} gives no token: {reason}; check sasl.oauthbearer.client.id, .client.secret and .scope. {PAUSES}"
    )]
    Refused {
        /// Who was asked.
        at: String,
        /// The status, and the server's own words.
        reason: String,
    },
    /// It answered something else than a token.
    #[error(
        "{at} did not answer with a token: {reason}; check sasl.oauthbearer.token.endpoint.url"
    )]
    Unusable {
        /// Who was asked.
        at: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// Amazon's tools would not know who this machine is.
    #[error(
        "no AWS credentials found ({0}): give the machine a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoCredentials(String),
    /// They know it, and the request can't be signed with it.
    #[cfg_attr(
        not(feature = "msk-iam"),
        expect(dead_code, reason = "nobody signs without the feature")
    )]
    #[error(
        "the AWS credentials of {0} expire too soon to sign in with: check the machine's clock"
    )]
    Expired(String),
}

/// How much of its life a token has left when the next is asked for: enough to fail and ask again several times.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// … but no more than this share of it, or one that lives a minute would be asked for each time.
const RENEW_SHARE: u32 = 5;

/// How long an error stands for the next askers: many brokers connect at once, and one that refuses is not asked for each of them.
/// After a refusal the pauses are those after a refused sign-in: here, too, somebody counts wrong secrets.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// All but RFC 3986's unreserved letters: what Amazon signs, and what most servers that don't decode get right all the same.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The token source of one cluster.
#[derive(Debug)]
pub(crate) struct Tokens {
    source: Source,
    /// Held while a token is asked for: whoever comes then waits for that one.
    kept: Mutex<Kept>,
}

#[derive(Debug)]
enum Source {
    Oidc(oidc::Source),
    #[cfg(feature = "msk-iam")]
    MskIam(msk_iam::Source),
    /// Asked for in a build that can't; the configuration refuses that before.
    #[cfg(not(feature = "msk-iam"))]
    Absent,
}

/// What was answered last.
#[derive(Debug, Default)]
struct Kept {
    token: Option<Fresh>,
    failure: Option<Failure>,
    /// Refusals since there last was a token.
    refusals: u32,
}

/// What stands for the next askers until it is time to ask again.
#[derive(Debug)]
struct Failure {
    until: Instant,
    error: TokenError,
}

/// A token and its life from now on.
#[derive(Clone, Debug)]
struct Fresh {
    token: Token,
    renew_at: Instant,
    expires_at: Instant,
}

impl Tokens {
    /// Asks nothing yet. Names are looked up where the cluster's are.
    pub(crate) fn new(source: &TokenSource, lookups: &Lookups) -> Self {
        let source = match source {
            TokenSource::Oidc(settings) => {
                Source::Oidc(oidc::Source::new(settings.clone(), lookups))
            }
            #[cfg(feature = "msk-iam")]
            TokenSource::MskIam(settings) => {
                Source::MskIam(msk_iam::Source::new(settings, lookups))
            }
            #[cfg(not(feature = "msk-iam"))]
            TokenSource::MskIam(_) => Source::Absent,
        };
        Self {
            source,
            kept: Mutex::default(),
        }
    }

    /// A token that is still good, asked for within `patience` if there is none.
    ///
    /// # Errors
    /// Why there is none. The same error is given again without asking again: for a second, or after a refusal for 10 s and more.
    pub(crate) async fn token(&self, patience: Duration) -> Result<Token, TokenError> {
        let deadline = Instant::now() + patience;
        let late = || TokenError::TimedOut {
            at: self.source.at(),
        };
        let mut kept = timeout_at(deadline, self.kept.lock())
            .await
            .map_err(|_| late())?;
        if let Some(answer) = kept.answer(Instant::now()) {
            return answer;
        }
        let asked = Instant::now();
        let answer = timeout_at(deadline, self.source.ask())
            .await
            .unwrap_or_else(|_| Err(late()));
        kept.take(asked, answer)
    }

    /// A broker refused this one: it is not kept until its renewal.
    pub(crate) async fn throw_away(&self, refused: &Token) {
        let mut kept = self.kept.lock().await;
        if kept
            .token
            .as_ref()
            .is_some_and(|fresh| fresh.token == *refused)
        {
            kept.token = None;
        }
    }
}

impl Source {
    /// A token, and how long it lives from the moment it was asked for.
    async fn ask(&self) -> Result<(Token, Duration), TokenError> {
        match self {
            Self::Oidc(source) => source.ask().await,
            #[cfg(feature = "msk-iam")]
            Self::MskIam(source) => source.ask().await,
            #[cfg(not(feature = "msk-iam"))]
            Self::Absent => Err(TokenError::NoCredentials(
                "this build has no msk-iam".to_owned(),
            )),
        }
    }

    fn at(&self) -> String {
        match self {
            Self::Oidc(source) => source.at(),
            #[cfg(feature = "msk-iam")]
            Self::MskIam(_) => "AWS".to_owned(),
            #[cfg(not(feature = "msk-iam"))]
            Self::Absent => "AWS".to_owned(),
        }
    }
}

impl Kept {
    /// What can be said without asking.
    fn answer(&self, now: Instant) -> Option<Result<Token, TokenError>> {
        if let Some(fresh) = &self.token
            && now < fresh.renew_at
        {
            return Some(Ok(fresh.token.clone()));
        }
        match &self.failure {
            Some(Failure { until, error }) if now < *until => {
                Some(self.still_good(now).ok_or_else(|| error.clone()))
            }
            _ => None,
        }
    }

    /// Keeps an answer. A token that is due for renewal but good is better than an error.
    fn take(
        &mut self,
        asked: Instant,
        answer: Result<(Token, Duration), TokenError>,
    ) -> Result<Token, TokenError> {
        match answer {
            Ok((token, life)) => {
                let expires_at = asked + life;
                self.token = Some(Fresh {
                    token: token.clone(),
                    renew_at: expires_at - RENEW_BEFORE.min(life / RENEW_SHARE),
                    expires_at,
                });
                (self.failure, self.refusals) = (None, 0);
                Ok(token)
            }
            Err(error) => {
                let now = Instant::now();
                let pause = match &error {
                    TokenError::Refused { .. } => {
                        self.refusals = self.refusals.saturating_add(1);
                        after_refusals(self.refusals)
                    }
                    _ => PAUSE_AFTER_FAILURE,
                };
                self.failure = Some(Failure {
                    until: now + pause,
                    error: error.clone(),
                });
                self.still_good(now).ok_or(error)
            }
        }
    }

    fn still_good(&self, now: Instant) -> Option<Token> {
        let fresh = self.token.as_ref()?;
        (now < fresh.expires_at).then(|| fresh.token.clone())
    }
}

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}
