//! Where OAUTHBEARER tokens come from: a stand-in, until the real sources are here. It asks an OIDC endpoint over plain HTTP.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::secret::Secret;
use super::security::TokenSource;

/// What a broker is shown.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) value: Secret,
    pub(crate) extensions: Vec<(String, String)>,
}

/// Why there is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TokenError(String);

/// Fetches tokens.
pub(crate) struct Tokens {
    source: TokenSource,
}

impl Tokens {
    pub(crate) fn new(source: &TokenSource) -> Self {
        Self {
            source: source.clone(),
        }
    }

    /// A token, within `patience`.
    pub(crate) async fn token(&self, patience: Duration) -> Result<Token, TokenError> {
        let TokenSource::Oidc(oidc) = &self.source else {
            return Err(TokenError("only OIDC here".to_owned()));
        };
        let fetched = timeout(patience, fetch(&oidc.token_endpoint)).await;
        let answer = fetched
            .ok()
            .flatten()
            .ok_or_else(|| TokenError("the token endpoint does not answer".to_owned()))?;
        let value = answer.split("\"access_token\":\"").nth(1);
        let value = value.and_then(|rest| rest.split('"').next());
        let value = value.ok_or_else(|| TokenError("the endpoint gives no token".to_owned()))?;
        Ok(Token {
            value: Secret::new(value.to_owned()),
            extensions: oidc.extensions.clone(),
        })
    }
}

async fn fetch(url: &str) -> Option<String> {
    let (host, path) = url.strip_prefix("http://")?.split_once('/')?;
    let body = "grant_type=client_credentials";
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
