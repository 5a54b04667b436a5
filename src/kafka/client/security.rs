//! How a cluster's brokers let us in: [`Entrance`] is shared by all connections of a cluster. `security/tls` makes a connection
//! secure, from `security/files`; `security/sasl` signs in, with what `security/dialogue` or `security/kerberos` says.

mod dialogue;
mod files;
#[cfg(feature = "gssapi")]
mod kerberos;
mod sasl;
mod tls;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::AlertDescription;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::connection::Stream;
use super::greeting::Open;
use super::lookup::Lookups;
use crate::kafka::error::{Error, SecurityError};
use crate::kafka::settings::security::{Sasl, Security};
use crate::kafka::token::Tokens;
use dialogue::{Credentials, Dialogue};
use sasl::Speaker;

/// The way in to the brokers of one cluster.
pub(crate) struct Entrance {
    security: Security,
    lookups: Lookups,
    tokens: Option<Tokens>,
    #[cfg(feature = "gssapi")]
    steps: kerberos::Steps,
    attempts: Mutex<Attempts>,
}

/// What came of signing in, at whichever broker.
#[derive(Default)]
struct Attempts {
    /// A broker that refuses after others accepted is that broker's affair, and its own backoff's.
    accepted: bool,
    backoff: Backoff,
}

impl Entrance {
    pub(crate) fn new(security: &Security, lookups: Lookups) -> Self {
        let tokens = match &security.sasl {
            Some(Sasl::OAuthBearer(source)) => Some(Tokens::new(source)),
            _ => None,
        };
        Self {
            security: security.clone(),
            lookups,
            tokens,
            #[cfg(feature = "gssapi")]
            steps: kerberos::Steps::default(),
            attempts: Mutex::default(),
        }
    }

    /// Where names are looked up.
    pub(crate) fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// While nobody ever let us in, what one broker refused is not tried at the next: the account would be locked by the cluster.
    pub(crate) fn too_early(&self) -> Option<Error> {
        self.attempts().backoff.too_early()
    }

    /// What bytes travel on from here.
    pub(crate) async fn secured(
        &self,
        stream: TcpStream,
        address: &str,
        patience: Duration,
    ) -> Result<Box<dyn Stream>, Error> {
        match &self.security.tls {
            None => Ok(Box::new(stream)),
            Some(tls) => tls::secured(tls, stream, address, patience).await,
        }
    }

    /// Signs in to the broker at `address`, if that is asked for.
    pub(crate) async fn sign_in(
        &self,
        open: &mut Open,
        address: &str,
        patience: Duration,
    ) -> Result<(), Error> {
        let Some(sasl) = &self.security.sasl else {
            return Ok(());
        };
        let who = Arc::new(self.credentials(sasl, patience).await?);
        let began = Instant::now();
        let speaker = self.speaker(sasl, &who, address, patience)?;
        let result = sasl::sign_in(open, sasl, who, speaker, patience).await;
        self.remember(&result);
        if let Some(lifetime) = result? {
            open.hold(began, lifetime);
        }
        Ok(())
    }

    async fn credentials(&self, sasl: &Sasl, patience: Duration) -> Result<Credentials, Error> {
        match (sasl, &self.tokens) {
            (Sasl::Plain(login) | Sasl::ScramSha256(login) | Sasl::ScramSha512(login), _) => {
                Ok(Credentials::Login(login.clone()))
            }
            (Sasl::OAuthBearer(_), tokens) => {
                let tokens = tokens.as_ref().expect("made for this mechanism");
                let token = tokens.token(patience).await;
                Ok(Credentials::Token(token.map_err(SecurityError::from)?))
            }
            #[cfg(feature = "gssapi")]
            (Sasl::Gssapi(_), _) => Ok(Credentials::Ticket),
        }
    }

    #[cfg_attr(
        not(feature = "gssapi"),
        expect(
            unused_variables,
            reason = "only a ticket is for one host, and can take time"
        )
    )]
    fn speaker(
        &self,
        sasl: &Sasl,
        who: &Arc<Credentials>,
        address: &str,
        patience: Duration,
    ) -> Result<Speaker, Error> {
        #[cfg(feature = "gssapi")]
        if let Sasl::Gssapi(settings) = sasl {
            let steps = self.steps.clone();
            let dialogue = kerberos::Dialogue::new(settings, host(address), steps, patience);
            return Ok(Speaker::Kerberos(dialogue));
        }
        let dialogue = Dialogue::new(sasl, Arc::clone(who))?;
        Ok(Speaker::Rsasl(dialogue))
    }

    fn remember<T>(&self, result: &Result<T, Error>) {
        let mut attempts = self.attempts();
        match result {
            Ok(_) => {
                attempts.accepted = true;
                attempts.backoff.reset();
            }
            Err(error) if error.is_refused_sign_in() && !attempts.accepted => {
                attempts.backoff.failed(error.clone());
            }
            Err(_) => {}
        }
    }

    /// Says what an error means with these settings.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let Security { tls, sasl } = &self.security;
        match (error, tls) {
            (Error::Security(SecurityError::Alert(alert)), Some(tls)) if is_about_us(alert) => {
                match &tls.identity {
                    None => SecurityError::ClientCertificateNeeded.into(),
                    Some(_) => SecurityError::ClientCertificateRefused(alert).into(),
                }
            }
            (Error::ClosedUnanswered, Some(_)) => {
                let what = "it closed the connection right after the handshake";
                SecurityError::TlsFailed(what.to_owned()).into()
            }
            (Error::Security(SecurityError::SaslNeeded), _) if sasl.is_some() => Error::Closed,
            (error, _) => error,
        }
    }

    /// A panic elsewhere leaves it right.
    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Alerts about the certificate that a client shows, or doesn't show. Java says `BadCertificate` to a missing one, OpenSSL
/// `CertificateRequired`; in TLS 1.3 both come after the handshake.
fn is_about_us(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

/// The host of `host:port`; an IPv6 address is in brackets there.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Why a stream ended: what TLS says of it, or merely that it ended.
pub(crate) fn ending(error: &io::Error) -> Error {
    tls::cause(error).map_or(Error::Closed, |cause| tls::tls_error(cause).into())
}
