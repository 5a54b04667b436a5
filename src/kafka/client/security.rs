//! How a cluster's brokers let us in: [`Entrance`] is shared by all connections of a cluster. `security/tls` makes a connection
//! secure, from `security/files`; `security/sasl` signs in, with what `security/dialogue` or `security/kerberos` says;
//! `security/attempts` knows when.

mod attempts;
mod dialogue;
mod files;
#[cfg(feature = "gssapi")]
mod kerberos;
mod sasl;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::AlertDescription;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::connection::Stream;
use super::greeting::Open;
use super::lookup::Lookups;
use crate::kafka::error::{Error, SecurityError};
use crate::kafka::settings::security::{Sasl, Security};
use crate::kafka::token::Tokens;
use attempts::Attempts;
pub(crate) use dialogue::Credentials;
use dialogue::Dialogue;
use sasl::Speaker;

/// The way in to the brokers of one cluster.
pub(crate) struct Entrance {
    security: Security,
    lookups: Lookups,
    tokens: Option<Tokens>,
    #[cfg(feature = "gssapi")]
    steps: kerberos::Steps,
    attempts: Attempts,
}

impl Entrance {
    pub(crate) fn new(security: &Security, lookups: Lookups) -> Self {
        let tokens = match &security.sasl {
            Some(Sasl::OAuthBearer(source)) => Some(Tokens::new(source, &lookups)),
            _ => None,
        };
        Self {
            security: security.clone(),
            lookups,
            tokens,
            #[cfg(feature = "gssapi")]
            steps: kerberos::Steps::default(),
            attempts: Attempts::default(),
        }
    }

    /// Where names are looked up.
    pub(crate) fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// What was refused to all, while it is too early to try again anywhere.
    pub(crate) fn too_early(&self) -> Option<Error> {
        self.attempts.too_early()
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

    /// Who will sign in, if that is asked for. Tokens are asked for here, before a broker is troubled.
    pub(crate) async fn credentials(
        &self,
        patience: Duration,
    ) -> Result<Option<Credentials>, Error> {
        match (&self.security.sasl, &self.tokens) {
            (None, _) => Ok(None),
            (Some(Sasl::Plain(login) | Sasl::ScramSha256(login) | Sasl::ScramSha512(login)), _) => {
                Ok(Some(Credentials::Login(login.clone())))
            }
            (Some(Sasl::OAuthBearer(_)), tokens) => {
                let tokens = tokens.as_ref().expect("made for this mechanism");
                let token = tokens.token(patience).await;
                let token = token.map_err(SecurityError::from)?;
                Ok(Some(Credentials::Token(token)))
            }
            #[cfg(feature = "gssapi")]
            (Some(Sasl::Gssapi(_)), _) => Ok(Some(Credentials::Ticket)),
        }
    }

    /// Signs in at `broker`, when somebody is to.
    pub(crate) async fn sign_in(
        &self,
        open: &mut Open,
        who: Option<Credentials>,
        broker: &Arc<str>,
        patience: Duration,
    ) -> Result<(), Error> {
        let (Some(sasl), Some(who)) = (&self.security.sasl, who) else {
            return Ok(());
        };
        let _turn = self.attempts.turn().await?;
        let (who, began) = (Arc::new(who), Instant::now());
        let speaker = self.speaker(sasl, &who, broker, patience)?;
        let result = sasl::sign_in(open, sasl, Arc::clone(&who), speaker, patience).await;
        self.attempts.remember(broker, &result);
        if let Err(error) = &result {
            self.throw_away(&who, error).await;
        }
        if let Some(lifetime) = result? {
            open.hold(began, lifetime);
        }
        Ok(())
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

    /// A token that a broker refused may be good elsewhere; but the next one certainly isn't the same refused one.
    async fn throw_away(&self, who: &Credentials, error: &Error) {
        if let (Credentials::Token(token), Some(tokens)) = (who, &self.tokens)
            && error.is_refused_sign_in()
        {
            tokens.throw_away(token).await;
        }
    }

    /// As if this had come of signing in at a broker.
    #[cfg(test)]
    pub(crate) fn remember<T>(&self, broker: &Arc<str>, result: &Result<T, Error>) {
        self.attempts.remember(broker, result);
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
