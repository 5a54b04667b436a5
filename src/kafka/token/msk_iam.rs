//! Tokens for Amazon's MSK: a request that would open a connection there (`kafka-cluster:Connect`), signed but not sent, stands for a
//! token. Who the machine is comes from reqsign's credential chain; environment, files and HTTP are handed to it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use hyper::{Request, Response};
use reqsign_aws_core::{
    AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider,
    EnvCredentialProvider, IMDSv2CredentialProvider, ProfileCredentialProvider,
};
use reqsign_core::hash::{hex_hmac_sha256, hex_sha256, hmac_sha256};
use reqsign_core::time::Timestamp;
use reqsign_core::{Context, Env, Error, FileRead, HttpSend, ProvideCredentialDyn};

use super::disk::Disk;
use super::http::{Failure, Http};
use super::{Token, TokenError, encoded};
use crate::kafka::client::lookup::Lookups;
use crate::kafka::secret::Secret;
use crate::kafka::settings::security::MskIam;

/// What Amazon's own signers ask for.
const LIFE: Duration = Duration::from_secs(900);

/// A signature that ends sooner than this is not worth a connection.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// Far more than profiles and tokens need.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Letters of an error's words that are passed on: some hold a whole answer.
const MAX_WORDS: usize = 200;

/// Who signs in the cluster's logs; not part of what is signed.
const USER_AGENT: &str = concat!("lagslope/", env!("CARGO_PKG_VERSION"));

type Provider = Box<dyn ProvideCredentialDyn<Credential = Credential>>;

/// A region, and how to find out who this machine is.
pub(super) struct Source {
    region: String,
    context: Context,
    /// By what a person calls them, in the order in which Amazon's tools ask.
    chain: Vec<(&'static str, Provider)>,
}

impl Source {
    pub(super) fn new(settings: &MskIam, lookups: &Lookups) -> Self {
        let disk = Disk::default();
        let http = Http::new(None, disk.clone(), lookups.clone());
        let web_identity = AssumeRoleWithWebIdentityCredentialProvider::new()
            .with_region(settings.region.clone())
            .with_regional_sts_endpoint()
            .with_role_session_name("lagslope".to_owned());
        Self {
            region: settings.region.clone(),
            context: Context::new()
                .with_env(Environment(settings.environment.clone()))
                .with_file_read(Files(disk))
                .with_http_send(Sender(http)),
            chain: vec![
                ("environment", Box::new(EnvCredentialProvider::new())),
                ("web identity", Box::new(web_identity)),
                ("profile", Box::new(ProfileCredentialProvider::new())),
                ("container", Box::new(ECSCredentialProvider::new())),
                (
                    "instance metadata",
                    Box::new(IMDSv2CredentialProvider::new()),
                ),
            ],
        }
    }

    /// A token and how long it lives.
    pub(super) async fn ask(&self) -> Result<(Token, Duration), TokenError> {
        let (from, credential) = self.credential().await?;
        // The wall clock, for Amazon compares it with its own; it is this library's, whose type the signature is made of.
        let now = Timestamp::now();
        let life = life(&credential, now);
        if life < SHORTEST_LIFE {
            return Err(TokenError::Expired(from.to_owned()));
        }
        let token = Token {
            value: Secret::new(BASE64_URL_SAFE_NO_PAD.encode(signed(
                &self.region,
                &credential,
                now,
                life,
            ))),
            extensions: Vec::new(),
        };
        Ok((token, life))
    }

    /// The first in the chain that has one. An error is no end: a profile may be broken on a machine that has a role.
    async fn credential(&self) -> Result<(&'static str, Credential), TokenError> {
        let mut tried = Vec::new();
        for (name, provider) in &self.chain {
            match provider.provide_credential_dyn(&self.context).await {
                Ok(Some(credential)) => return Ok((name, credential)),
                Ok(None) => tried.push(format!("{name}: not set")),
                Err(error) => tried.push(format!("{name}: {}", words(&error))),
            }
        }
        Err(TokenError::NoCredentials(tried.join("; ")))
    }
}

/// No longer than the credential itself: near its end Amazon's machines hand out the old one for some minutes more.
fn life(credential: &Credential, now: Timestamp) -> Duration {
    let Some(end) = credential.expires_in else {
        return LIFE;
    };
    let left = end.as_second().saturating_sub(now.as_second());
    LIFE.min(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

/// The signed address: AWS Signature Version 4 in the query, as Amazon's `aws-msk-iam-sasl-signer` libraries make it. reqsign's own
/// presigner signs `UNSIGNED-PAYLOAD`, as S3 wants; MSK wants the hash of nothing.
fn signed(region: &str, credential: &Credential, now: Timestamp, life: Duration) -> String {
    let host = format!("kafka.{region}.amazonaws.com");
    let date = now.format_date();
    let scope = format!("{date}/{region}/kafka-cluster/aws4_request");
    let query = query(credential, &scope, now, life);
    let request = format!("GET\n/\n{query}\nhost:{host}\n\nhost\n{}", hex_sha256(b""));
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        now.format_iso8601(),
        hex_sha256(request.as_bytes())
    );
    let secret = format!("AWS4{}", credential.secret_access_key);
    let key = [date.as_str(), region, "kafka-cluster", "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| {
            hmac_sha256(&key, part.as_bytes())
        });
    let signature = hex_hmac_sha256(&key, to_sign.as_bytes());
    let agent = encoded(USER_AGENT);
    format!("https://{host}/?{query}&X-Amz-Signature={signature}&User-Agent={agent}")
}

/// In the order of their names, which the signature wants.
fn query(credential: &Credential, scope: &str, now: Timestamp, life: Duration) -> String {
    let identity = format!("{}/{scope}", credential.access_key_id);
    let (date, life) = (now.format_iso8601(), life.as_secs().to_string());
    let mut pairs = vec![
        ("Action", "kafka-cluster:Connect"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &identity),
        ("X-Amz-Date", &date),
        ("X-Amz-Expires", &life),
    ];
    if let Some(token) = &credential.session_token {
        pairs.push(("X-Amz-Security-Token", token));
    }
    pairs.push(("X-Amz-SignedHeaders", "host"));
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    pairs.join("&")
}

/// An error and what is behind it, on one line.
fn words(error: &Error) -> String {
    let mut words = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        words += &format!(": {cause}");
    }
    let visible = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(MAX_WORDS).collect()
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// The variables that the configuration has read.
#[derive(Debug)]
struct Environment(BTreeMap<String, Secret>);

impl Env for Environment {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| value.expose().to_owned())
    }

    fn vars(&self) -> HashMap<String, String> {
        let pair = |(name, value): (&String, &Secret)| (name.clone(), value.expose().to_owned());
        self.0.iter().map(pair).collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        self.var("HOME").map(PathBuf::from)
    }
}

/// Profiles, and tokens of a web identity.
#[derive(Debug)]
struct Files(Disk);

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> Result<Vec<u8>, Error> {
        let path = path.to_owned();
        let read = self.0.read(move || start_of(&path)).await;
        read.and_then(|bytes| bytes.map_err(|error| error.to_string()))
            .map_err(Error::config_invalid)
    }
}

fn start_of(path: &str) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[derive(Debug)]
struct Sender(Http);

impl HttpSend for Sender {
    async fn http_send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        self.0.send(request).await.map_err(|failure| {
            let (Failure::Unreachable(reason) | Failure::Tls(reason) | Failure::Answer(reason)) =
                failure;
            Error::unexpected(reason)
        })
    }
}

#[cfg(test)]
mod tests;
