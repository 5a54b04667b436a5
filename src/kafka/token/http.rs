//! One HTTP request and its answer, bounded, over hyper and rustls. Redirects are not followed: they would carry secrets elsewhere.
//! Nothing is pooled: a token is asked for every few minutes, and so renewed authorities are read each time.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use super::disk::Disk;
use crate::kafka::client::lookup::Lookups;
use crate::kafka::error::Error as KafkaError;

/// Many times the largest token that a broker would take.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// For a host that is there, on any continent, and short enough to find out in time that Amazon's metadata address isn't.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends requests; believes the system's authorities, or those of a file.
#[derive(Clone, Debug)]
pub(super) struct Http {
    ca: Option<PathBuf>,
    disk: Disk,
    lookups: Lookups,
}

/// Looks names up on the cluster's own threads: the system's resolver can hang for minutes.
#[derive(Clone, Debug)]
struct Resolver(Lookups);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookups = self.0.clone();
        async move {
            // The connector puts its own port where there is none.
            let found = lookups.addresses(&format!("{name}:0")).await;
            let found = found.map_err(|error| match error {
                KafkaError::NotResolved(reason) => io::Error::other(reason),
                other => io::Error::other(other),
            })?;
            Ok(found.into_iter())
        }
        .boxed()
    }
}

/// Why there is no answer.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// With what the system says.
    Unreachable(String),
    /// With what rustls says.
    Tls(String),
    /// What came is no answer, or too long.
    Answer(String),
}

impl Http {
    /// Believes the authorities in a PEM file instead of the system's.
    pub(super) fn new(ca: Option<PathBuf>, disk: Disk, lookups: Lookups) -> Self {
        Self { ca, disk, lookups }
    }

    /// One answer, read whole.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let connector = self.connector(request.uri()).await?;
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
        let answer = client
            .request(request.map(Full::new))
            .await
            .map_err(|error| Failure::of(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| match error.is::<LengthLimitError>() {
                true => Failure::Answer(format!("it is longer than {MAX_ANSWER_BYTES} bytes")),
                false => Failure::Answer(deepest(&*error).to_string()),
            })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    async fn connector(
        &self,
        to: &Uri,
    ) -> Result<HttpsConnector<HttpConnector<Resolver>>, Failure> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(self.lookups.clone()));
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // Without TLS nobody's authorities are needed, and some containers have none.
        let roots = match to.scheme_str() {
            Some("https") => self.roots().await?,
            _ => RootCertStore::empty(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has a suite for each version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp))
    }

    async fn roots(&self) -> Result<RootCertStore, Failure> {
        let ca = self.ca.clone();
        let read = self.disk.read(move || roots(ca.as_deref())).await;
        read.unwrap_or_else(|reason| {
            let ca = self.ca.as_ref();
            let whose = ca.map_or_else(
                || "the system's authorities".into(),
                |f| f.to_string_lossy(),
            );
            Err(Failure::Tls(format!("{whose}: {reason}")))
        })
    }
}

/// The authorities of a file, or the system's.
fn roots(ca: Option<&Path>) -> Result<RootCertStore, Failure> {
    let certificates = match ca {
        Some(file) => {
            of_file(file).map_err(|reason| Failure::Tls(format!("{}: {reason}", file.display())))?
        }
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        let whose = ca.map_or_else(
            || "the system has none".to_owned(),
            |file| format!("{} has none", file.display()),
        );
        return Err(Failure::Tls(format!("no authority to trust: {whose}")));
    }
    Ok(roots)
}

fn of_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = fs::read(file).map_err(|error| error.to_string())?;
    CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("no PEM file of certificates: {error}"))
}

impl Failure {
    fn of(error: &(dyn Error + 'static)) -> Self {
        if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
            return Self::Tls(tls.to_string());
        }
        let reason = deepest(error).to_string();
        match causes(error).any(|cause| cause.is::<io::Error>()) {
            true => Self::Unreachable(reason),
            false => Self::Answer(reason),
        }
    }
}

/// What an `io::Error` wraps is not its `source`, but hides behind it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

/// What hyper wraps says more than its own "client error (Connect)".
fn deepest<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}
