//! TLS over a connection, by rustls with its own provider: nothing is set for the whole process.
//!
//! The configuration is made anew for each connection, from the files as they are then.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{files, host};
use crate::kafka::client::connection::Stream;
use crate::kafka::error::{BadFile, Error, SecurityError};
use crate::kafka::settings::security::{Identity, Tls};

/// What a TLS handshake is called when it isn't answered in time.
const HANDSHAKE: &str = "the TLS handshake";

impl Tls {
    /// Reads all files as a connection would: they exist, are PEM, and the key belongs to the certificate.
    pub fn check(&self) -> Result<(), BadFile> {
        match client_config(self) {
            Err(SecurityError::BadFile(bad)) => Err(bad),
            // What isn't about a file is said when a broker is asked.
            Err(_) | Ok(_) => Ok(()),
        }
    }
}

/// Makes a connection to `host:port` secure.
pub(super) async fn secured(
    tls: &Tls,
    stream: TcpStream,
    address: &str,
    patience: Duration,
) -> Result<Box<dyn Stream>, Error> {
    let name = server_name(address)?;
    let empty_handed = tls.identity.is_none().then(Arc::<EmptyHanded>::default);
    let tls = tls.clone();
    // Files are read, and an encrypted key takes a good part of a second on purpose.
    let mut config = spawn_blocking(move || client_config(&tls))
        .await
        .map_err(|error| SecurityError::TlsFailed(error.to_string()))??;
    if let Some(resolver) = &empty_handed {
        config.client_auth_cert_resolver = Arc::clone(resolver) as Arc<dyn ResolvesClientCert>;
    }
    let connector = TlsConnector::from(Arc::new(config));
    let late = |_| Error::Timeout {
        api: HANDSHAKE,
        timeout: patience,
    };
    let stream = timeout(patience, connector.connect(name, stream))
        .await
        .map_err(late)?
        .map_err(|error| match handshake_error(&error) {
            SecurityError::Alert(AlertDescription::HandshakeFailure)
                if empty_handed.is_some_and(|resolver| resolver.was_asked()) =>
            {
                SecurityError::ClientCertificateNeeded
            }
            other => other,
        })?;
    Ok(Box::new(stream))
}

/// Shows no certificate, and remembers whether one was asked for: in TLS 1.2 newer Javas end with the same `HandshakeFailure` as
/// where no cipher is common to both.
#[derive(Debug, Default)]
struct EmptyHanded {
    asked: AtomicBool,
}

impl EmptyHanded {
    fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for EmptyHanded {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

fn server_name(address: &str) -> Result<ServerName<'static>, SecurityError> {
    let host = host(address);
    ServerName::try_from(host.to_owned())
        .map_err(|_| SecurityError::TlsFailed(format!("{host} can't be in a certificate")))
}

fn client_config(tls: &Tls) -> Result<ClientConfig, SecurityError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for TLS 1.2 and 1.3");
    let builder = if tls.verify_certificate && tls.verify_host_name {
        builder.with_root_certificates(roots(tls)?)
    } else {
        let verifier = Arc::new(Lenient::new(tls, &provider)?);
        builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
    };
    let Some(identity) = &tls.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let Identity {
        certificate,
        key,
        key_password,
    } = identity;
    let chain = files::certificates(certificate)?;
    let secret = files::key(key, key_password.as_ref())?;
    builder
        .with_client_auth_cert(chain, secret)
        .map_err(|error| {
            let shown = certificate.display();
            files::bad(key, &format!("it is not the key of {shown}: {error}")).into()
        })
}

/// The authorities that are trusted.
fn roots(tls: &Tls) -> Result<RootCertStore, SecurityError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &tls.ca {
        for certificate in files::certificates(path)? {
            roots
                .add(certificate)
                .map_err(|error| files::bad(path, &error.to_string()))?;
        }
        return Ok(roots);
    }
    // Some of a platform's certificates are always too old or too odd: the others count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(SecurityError::NoAuthorities);
    }
    Ok(roots)
}

/// Looks away where the settings say so: at the host name, or at the certificate altogether.
#[derive(Debug)]
struct Lenient {
    /// Absent = every certificate is taken.
    chain: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Lenient {
    fn new(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Self, SecurityError> {
        let algorithms = provider.signature_verification_algorithms;
        if !tls.verify_certificate {
            return Ok(Self {
                chain: None,
                algorithms,
            });
        }
        let roots = Arc::new(roots(tls)?);
        let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
            .build()
            .map_err(|error| SecurityError::TlsFailed(error.to_string()))?;
        Ok(Self {
            chain: Some(chain),
            algorithms,
        })
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        // The name is looked at last: all else is well when only it is wrong.
        match chain.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                NotValidForName | NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn handshake_error(error: &io::Error) -> SecurityError {
    match cause(error) {
        Some(cause) => tls_error(cause),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            SecurityError::NoTls("it closed the connection in the TLS handshake")
        }
        None if error.kind() == io::ErrorKind::ConnectionReset => {
            SecurityError::NoTls("it reset the connection in the TLS handshake")
        }
        None => SecurityError::TlsFailed(error.to_string()),
    }
}

/// What rustls found, when it was not merely the network.
pub(super) fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

pub(super) fn tls_error(error: &rustls::Error) -> SecurityError {
    match error {
        rustls::Error::InvalidCertificate(error) => certificate_error(error),
        rustls::Error::AlertReceived(alert) => SecurityError::Alert(*alert),
        rustls::Error::InvalidMessage(_) => SecurityError::NoTls("it does not answer in TLS"),
        other => SecurityError::TlsFailed(other.to_string()),
    }
}

fn certificate_error(error: &CertificateError) -> SecurityError {
    match error {
        CertificateError::UnknownIssuer => SecurityError::UnknownAuthority,
        CertificateError::ExpiredContext { time, not_after } => {
            SecurityError::Expired(distance(*not_after, *time))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            SecurityError::NotYetValid(distance(*time, *not_before))
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => SecurityError::WrongHostName {
            wanted: expected.to_str().into_owned(),
            named: names(presented),
        },
        other => SecurityError::BadCertificate(other.to_string()),
    }
}

/// Names shown of a certificate; a shared one can have hundreds.
const NAMES_SHOWN: usize = 10;

fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no name at all (it has no subjectAltName)".to_owned();
    }
    let mut shown: Vec<String> = presented
        .iter()
        .take(NAMES_SHOWN)
        .map(|n| plain(n))
        .collect();
    if presented.len() > NAMES_SHOWN {
        shown.push(format!("{} more", presented.len() - NAMES_SHOWN));
    }
    shown.join(", ")
}

/// webpki writes `DnsName("a.example")` and `IpAddress(10.0.0.1)`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').map_or(name, |(_, rest)| rest);
    inner.trim_end_matches(')').trim_matches('"').to_owned()
}

/// How far two moments are apart, as a person says it.
fn distance(earlier: UnixTime, later: UnixTime) -> String {
    let seconds = later.as_secs().saturating_sub(earlier.as_secs());
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    let unit = units.iter().find(|(size, _)| seconds >= 2 * size);
    unit.map_or(format!("{seconds} seconds"), |(size, name)| {
        format!("{} {name}", seconds / size)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_said_in_the_largest_unit_that_fits_twice() {
        let of = |seconds| {
            distance(
                UnixTime::since_unix_epoch(Duration::ZERO),
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            )
        };
        assert_eq!(of(7), "7 seconds");
        assert_eq!(of(3 * 3600 + 5), "3 hours");
        assert_eq!(of(9 * 86_400), "9 days");
    }

    #[test]
    fn a_server_name_is_the_host_of_an_address() {
        for (address, host) in [
            ("kafka-1:9092", "kafka-1"),
            ("10.0.0.1:9092", "10.0.0.1"),
            ("[::1]:9092", "::1"),
        ] {
            assert_eq!(server_name(address).unwrap().to_str(), host);
        }
        assert!(server_name("a b:9092").is_err());
    }
}
