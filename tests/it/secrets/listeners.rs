//! Brokers and token endpoints on loopback that let nobody in, and repeat what they were sent.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, StrBytes, decode_request_header_from_buffer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::kafka_client::scripted::frame;

const SASL_AUTHENTICATION_FAILED: i16 = 58;

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    (listener, address)
}

/// A broker that greets, offers every mechanism, and refuses each sign-in in the words of whoever signs in.
pub(super) async fn broker() -> String {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn serve(mut stream: TcpStream) -> Option<()> {
    loop {
        let size = stream.read_u32().await.ok()?;
        let mut request = vec![0; size as usize];
        stream.read_exact(&mut request).await.ok()?;
        let answer = answer(request.into());
        stream.write_all(&answer).await.ok()?;
    }
}

fn answer(mut request: Bytes) -> Bytes {
    let header = decode_request_header_from_buffer(&mut request).expect("a request of ours");
    let version = header.request_api_version;
    match ApiKey::try_from(header.request_api_key).expect("a request of ours") {
        ApiKey::ApiVersions => frame::<ApiVersionsRequest>(&header, &versions(), version.min(3)),
        ApiKey::SaslHandshake => {
            let answer = SaslHandshakeResponse::default();
            frame::<SaslHandshakeRequest>(&header, &answer, version)
        }
        ApiKey::SaslAuthenticate => {
            let asked =
                SaslAuthenticateRequest::decode(&mut request, version).expect("a request of ours");
            let said = String::from_utf8_lossy(&asked.auth_bytes).into_owned();
            frame::<SaslAuthenticateRequest>(&header, &authenticate(&said), version)
        }
        other => panic!("nobody was let in to ask {other:?}"),
    }
}

fn versions() -> ApiVersionsResponse {
    let offered = [
        (ApiKey::ApiVersions, 3),
        (ApiKey::SaslHandshake, 1),
        (ApiKey::SaslAuthenticate, 2),
    ];
    let keys = offered.map(|(key, max)| {
        ApiVersion::default()
            .with_api_key(key as i16)
            .with_max_version(max)
    });
    ApiVersionsResponse::default().with_api_keys(keys.to_vec())
}

/// SCRAM is refused at its second message, like a wrong password.
fn authenticate(said: &str) -> SaslAuthenticateResponse {
    let nonce = said.strip_prefix("n,,n=").and_then(|s| s.split_once(",r="));
    if let Some((_, nonce)) = nonce {
        let first = format!("r={nonce}more,s=QSXCR+Q6sek8bf92,i=4096");
        return SaslAuthenticateResponse::default().with_auth_bytes(first.into());
    }
    // As it is, and with letters in between that nobody sees.
    let hidden: String = said.chars().flat_map(|c| [c, '\u{7}']).collect();
    let words = format!("no such user: {said} {hidden}");
    SaslAuthenticateResponse::default()
        .with_error_code(SASL_AUTHENTICATION_FAILED)
        .with_error_message(Some(StrBytes::from_string(words)))
}

/// A token endpoint that repeats the secret, as it is and as it was sent.
pub(super) async fn endpoint_that_refuses(secret: &'static str) -> String {
    endpoint(move |authorization| {
        let words = format!("not {secret}, sent as {authorization}");
        let body = format!(r#"{{"error":"invalid_client","error_description":"{words}"}}"#);
        (StatusCode::UNAUTHORIZED, body)
    })
    .await
}

/// A token endpoint that gives this token.
pub(super) async fn endpoint_that_gives(token: &'static str) -> String {
    endpoint(move |_| {
        let body = format!(r#"{{"access_token":"{token}","expires_in":3600}}"#);
        (StatusCode::OK, body)
    })
    .await
}

async fn endpoint(
    answer: impl Fn(String) -> (StatusCode, String) + Clone + Send + Sync + 'static,
) -> String {
    let (listener, address) = listener().await;
    let answer = move |headers: HeaderMap| async move {
        let authorization = headers.get("authorization").expect("always sent");
        answer(authorization.to_str().expect("text").to_owned())
    };
    let router = Router::new().route("/token", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/token")
}
