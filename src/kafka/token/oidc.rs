//! Tokens by OpenID Connect's client credentials (RFC 6749, section 4.4).

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use serde::Deserialize;
use serde_json::Value;

use super::disk::Disk;
use super::http::{Failure, Http};
use super::{Token, TokenError, encoded};
use crate::kafka::client::lookup::Lookups;
use crate::kafka::secret::Secret;
use crate::kafka::settings::security::Oidc;

/// Of a token whose life is not told (RFC 6749 merely recommends that): short, for nobody knows, and longer than brokers take to
/// connect all at once.
const UNTOLD_LIFE: Duration = Duration::from_secs(30);

/// A day: longer lives are told by servers that don't mean them.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Letters of a server's own words that are passed on.
const MAX_WORDS: usize = 200;

/// A token endpoint, and who asks it.
#[derive(Debug)]
pub(super) struct Source {
    settings: Oidc,
    http: Http,
}

/// What it answers, when it does.
#[derive(Deserialize)]
struct Granted {
    access_token: Option<String>,
    /// A number; some servers write it as text.
    expires_in: Option<Value>,
}

/// What it says when it refuses.
#[derive(Default, Deserialize)]
struct Denied {
    error: Option<String>,
    error_description: Option<String>,
}

impl Source {
    pub(super) fn new(settings: Oidc, lookups: &Lookups) -> Self {
        let http = Http::new(settings.ca.clone(), Disk::default(), lookups.clone());
        Self { settings, http }
    }

    /// The endpoint as it may be shown: a query may hold more than an address.
    pub(super) fn at(&self) -> String {
        let address = &self.settings.token_endpoint;
        address
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// A token and how long it lives.
    pub(super) async fn ask(&self) -> Result<(Token, Duration), TokenError> {
        let request = self.request()?;
        let at = || self.at();
        let answer = self
            .http
            .send(request)
            .await
            .map_err(|failure| match failure {
                Failure::Unreachable(reason) => TokenError::Unreachable { at: at(), reason },
                Failure::Tls(reason) => TokenError::Tls { at: at(), reason },
                Failure::Answer(reason) => TokenError::Unusable { at: at(), reason },
            })?;
        self.read(&answer)
    }

    fn request(&self) -> Result<Request<Bytes>, TokenError> {
        let unusable = |reason: &str| TokenError::Unusable {
            at: self.at(),
            reason: reason.to_owned(),
        };
        let address: Uri = self
            .settings
            .token_endpoint
            .parse()
            .map_err(|_| unusable("it is no address"))?;
        let mut body = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.settings.scope {
            body += "&scope=";
            body.extend(encoded(scope));
        }
        Request::post(address)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, self.basic())
            .body(Bytes::from(body))
            .map_err(|_| unusable("it can't be asked"))
    }

    /// Name and secret are encoded first, as RFC 6749 (2.3.1) wants. librdkafka sends them raw: the same for what is made of letters,
    /// digits and `-._~`, and wrong for a `%` or `+` at a server that reads the standard.
    fn basic(&self) -> HeaderValue {
        let text = format!("Basic {}", self.pair());
        let mut value = HeaderValue::try_from(text).expect("base64 is made of header bytes");
        value.set_sensitive(true);
        value
    }

    /// Name and secret as they are sent.
    fn pair(&self) -> String {
        BASE64_STANDARD.encode(format!(
            "{}:{}",
            encoded(&self.settings.client_id),
            encoded(self.settings.client_secret.expose())
        ))
    }

    fn read(&self, answer: &Response<Bytes>) -> Result<(Token, Duration), TokenError> {
        let status = answer.status();
        if status.is_client_error() {
            return Err(TokenError::Refused {
                at: self.at(),
                reason: self.refusal(status, answer.body()),
            });
        }
        let unusable = |reason: String| TokenError::Unusable {
            at: self.at(),
            reason,
        };
        if !status.is_success() {
            return Err(unusable(format!("it answers {status}")));
        }
        // serde_json's messages quote what they don't like: it may be the token.
        let granted: Granted = serde_json::from_slice(answer.body())
            .map_err(|_| unusable("the answer is no JSON object of RFC 6749".to_owned()))?;
        let token = granted
            .access_token
            .ok_or_else(|| unusable("there is no access_token in the answer".to_owned()))?;
        // Anything else would end the message to the broker, or begin another field of it.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unusable("its access_token is no bearer token".to_owned()));
        }
        let token = Token {
            value: Secret::new(token),
            extensions: self.settings.extensions.clone(),
        };
        Ok((token, life(granted.expires_in.as_ref())))
    }

    /// `401 Unauthorized, invalid_client: Unknown client`
    fn refusal(&self, status: StatusCode, body: &[u8]) -> String {
        let denied: Denied = serde_json::from_slice(body).unwrap_or_default();
        let words = [denied.error, denied.error_description];
        let words: Vec<String> = words
            .into_iter()
            .flatten()
            .map(|w| self.hushed(&w))
            .collect();
        match words.as_slice() {
            [] => status.to_string(),
            words => format!("{status}, {}", words.join(": ")),
        }
    }

    /// A server's words as they may be passed on: short, on one line, and without the secret, which some servers repeat.
    fn hushed(&self, words: &str) -> String {
        let secret = self.settings.client_secret.expose();
        let words = words
            .replace(secret, "[hidden]")
            .replace(&self.pair(), "[hidden]")
            .replace(&encoded(secret).to_string(), "[hidden]");
        let visible = words.chars().map(|c| if c.is_control() { ' ' } else { c });
        visible.take(MAX_WORDS).collect()
    }
}

fn life(told: Option<&Value>) -> Duration {
    let seconds = match told {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let told = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    told.unwrap_or(UNTOLD_LIFE).min(LONGEST_LIFE)
}

#[cfg(test)]
mod tests;
