//! How a cluster's brokers are reached: over what, and as whom. Checked values; librdkafka's property names are in `config/`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::kafka::secret::Secret;

/// `security.protocol` and what belongs to it. The default is PLAINTEXT.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Security {
    /// Absent = plaintext.
    pub tls: Option<Tls>,
    /// Absent = nobody signs in (a client certificate may still say who asks).
    pub sasl: Option<Sasl>,
}

/// TLS, with files that are read again at each new connection: certificates are renewed while the daemon runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    /// A PEM file of the authorities that are trusted (`ssl.ca.location`); absent = the platform's.
    pub ca: Option<PathBuf>,
    /// Who we are, when the broker asks for a client certificate.
    pub identity: Option<Identity>,
    /// `enable.ssl.certificate.verification`
    pub verify_certificate: bool,
    /// `ssl.endpoint.identification.algorithm` is `https`, not `none`.
    pub verify_host_name: bool,
}

/// A client certificate (`ssl.certificate.location`, `ssl.key.location`, `ssl.key.password`).
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// PEM: the certificate, then those between it and the authority.
    pub certificate: PathBuf,
    /// PEM: its key.
    pub key: PathBuf,
    /// Of an encrypted key.
    pub key_password: Option<Secret>,
}

/// How to sign in (`sasl.mechanism`).
#[derive(Clone, Debug, PartialEq)]
pub enum Sasl {
    /// PLAIN
    Plain(Login),
    /// SCRAM-SHA-256
    ScramSha256(Login),
    /// SCRAM-SHA-512
    ScramSha512(Login),
    /// OAUTHBEARER
    OAuthBearer(TokenSource),
    /// GSSAPI. Who we are says the environment, to libkrb5 itself: a ticket cache (`KRB5CCNAME`) or a keytab (`KRB5_CLIENT_KTNAME`).
    #[cfg(feature = "gssapi")]
    Gssapi(Kerberos),
}

/// A name and a password.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// `sasl.username`
    pub username: String,
    /// `sasl.password`
    pub password: Secret,
}

/// Whom a ticket is for: `service/host`, with the host of each broker's address.
#[cfg(feature = "gssapi")]
#[derive(Clone, Debug, PartialEq)]
pub struct Kerberos {
    /// `sasl.kerberos.service.name`
    pub service_name: String,
}

/// Where tokens come from (`sasl.oauthbearer.method`).
#[derive(Clone, Debug, PartialEq)]
pub enum TokenSource {
    /// `oidc`: client credentials.
    Oidc(Oidc),
    /// `aws_msk_iam`: a signed request to Amazon's MSK stands for a token.
    MskIam(MskIam),
}

/// The client-credentials grant of OpenID Connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Oidc {
    /// `sasl.oauthbearer.token.endpoint.url`
    pub token_endpoint: String,
    /// `sasl.oauthbearer.client.id`
    pub client_id: String,
    /// `sasl.oauthbearer.client.secret`
    pub client_secret: Secret,
    /// `sasl.oauthbearer.scope`
    pub scope: Option<String>,
    /// `sasl.oauthbearer.extensions`: names and values that go to the broker with the token.
    pub extensions: Vec<(String, String)>,
    /// PEM file of the authorities that are trusted for the endpoint (`https.ca.location`); absent = the platform's.
    pub ca: Option<PathBuf>,
}

impl Oidc {
    /// Whether this can be a token endpoint: HTTP or HTTPS, and no name or password in it, which would get into logs.
    pub fn is_endpoint(address: &str) -> bool {
        let Ok(uri) = address.parse::<hyper::Uri>() else {
            return false;
        };
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        known
            && uri
                .authority()
                .is_some_and(|authority| !authority.as_str().contains('@'))
    }
}

/// Amazon's MSK.
#[derive(Clone, Debug, PartialEq)]
pub struct MskIam {
    /// The cluster's region.
    pub region: String,
    /// Amazon's own variables (`AWS_…`, and `HOME` for its files), by which its tools find out who the machine is.
    pub environment: BTreeMap<String, Secret>,
}
