//! What can go wrong between opening a connection and being let in: TLS, then signing in.
//!
//! Nothing secret is ever in here: neither passwords and tokens, nor what a library says of them.

use std::path::PathBuf;

use rustls::AlertDescription;

use crate::kafka::token::TokenError;

/// A file of certificates or keys that is of no use.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct BadFile {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub what: String,
}

/// Why a broker did not let us in. The text continues "broker 3 at kafka-3:9092: …".
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum SecurityError {
    #[error(transparent)]
    BadFile(#[from] BadFile),
    #[error("no certificate of an authority is found on this machine: set ssl.ca.location")]
    NoAuthorities,
    #[error(
        "its certificate comes from an authority that is not trusted here: give that authority's certificate by ssl.ca.location"
    )]
    UnknownAuthority,
    #[error("its certificate expired {0} ago: renew it on the broker")]
    Expired(String),
    #[error(
        "its certificate is not valid yet, only in {0}: check the clocks of this machine and of the one that made it"
    )]
    NotYetValid(String),
    #[error(
        "its certificate is not for {wanted} but for {named}: use such a name in bootstrap_servers and advertised.listeners, or set ssl.endpoint.identification.algorithm to none"
    )]
    WrongHostName { wanted: String, named: String },
    #[error("its certificate is not acceptable: {0}")]
    BadCertificate(String),
    #[error("it wants a client certificate: set ssl.certificate.location and ssl.key.location")]
    ClientCertificateNeeded,
    #[error(
        "it refuses our client certificate ({0:?}): check ssl.certificate.location, and which authorities the broker trusts (its ssl.truststore)"
    )]
    ClientCertificateRefused(AlertDescription),
    #[error("it ended TLS with the alert {0:?}")]
    Alert(AlertDescription),
    #[error(
        "{0}: probably a port without TLS; set security.protocol to PLAINTEXT or SASL_PLAINTEXT, or use its TLS port"
    )]
    NoTls(&'static str),
    #[error("TLS failed: {0}")]
    TlsFailed(String),
    #[error(
        "it greets and then closes the connection: it probably wants a sign-in; set security.protocol to SASL_SSL or SASL_PLAINTEXT, and sasl.mechanism"
    )]
    SaslNeeded,
    #[error(
        "nobody signs in at this port: set security.protocol to the same without SASL_, or use its SASL port"
    )]
    SaslNotWanted,
    #[error(
        "it does not offer {mechanism} but {offered}: set sasl.mechanism, or the broker's sasl.enabled.mechanisms"
    )]
    MechanismNotOffered {
        mechanism: &'static str,
        offered: String,
    },
    #[error(
        "it refused the sign-in by {mechanism} ({reason}): check sasl.username and sasl.password. {PAUSES}"
    )]
    SignInRefused {
        mechanism: &'static str,
        reason: String,
    },
    #[error(
        "it refused the token ({reason}): check its audience, scope and lifetime, and the clocks. {PAUSES}"
    )]
    TokenRefused { reason: String },
    #[error("there is no token to sign in with: {0}")]
    NoToken(#[from] TokenError),
    #[cfg(feature = "gssapi")]
    #[error(transparent)]
    Kerberos(#[from] super::KerberosError),
    #[error("the sign-in by {mechanism} failed: {what}")]
    SignInFailed {
        mechanism: &'static str,
        what: &'static str,
    },
}

/// What `backoff.rs` does after a refusal.
pub(crate) const PAUSES: &str =
    "The next attempt is made after 10 s, then ever more seldom, up to every 5 min";

impl SecurityError {
    /// The `error` label of `lagslope_sample_errors_total`.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::BadFile(_) => "bad_file",
            Self::NoAuthorities => "no_authorities",
            Self::UnknownAuthority => "unknown_authority",
            Self::Expired(_) => "certificate_expired",
            Self::NotYetValid(_) => "certificate_not_yet_valid",
            Self::WrongHostName { .. } => "wrong_host_name",
            Self::BadCertificate(_) => "bad_certificate",
            Self::ClientCertificateNeeded => "client_certificate_needed",
            Self::ClientCertificateRefused(_) => "client_certificate_refused",
            Self::Alert(_) => "tls_alert",
            Self::NoTls(_) => "no_tls",
            Self::TlsFailed(_) => "tls_failed",
            Self::SaslNeeded => "sasl_needed",
            Self::SaslNotWanted => "sasl_not_wanted",
            Self::MechanismNotOffered { .. } => "mechanism_not_offered",
            Self::SignInRefused { .. } => "sign_in_refused",
            Self::TokenRefused { .. } => "token_refused",
            Self::NoToken(_) => "no_token",
            #[cfg(feature = "gssapi")]
            Self::Kerberos(error) => error.label(),
            Self::SignInFailed { .. } => "sign_in_failed",
        }
    }

    /// Somebody counts such attempts, and locks accounts.
    pub(crate) fn is_refused_sign_in(&self) -> bool {
        match self {
            Self::SignInRefused { .. } | Self::TokenRefused { .. } => true,
            #[cfg(feature = "gssapi")]
            Self::Kerberos(error) => error.is_refused_sign_in(),
            _ => false,
        }
    }
}
