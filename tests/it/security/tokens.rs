//! A token endpoint on loopback, which gives unsecured JSON web tokens: Kafka's own test validator accepts them.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::post;
use tokio::net::TcpListener;

/// Starts an endpoint whose tokens are valid from now for `seconds`, which may be negative; gives its address.
pub(super) async fn endpoint(seconds: i64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    let answer = move || async move {
        let token = unsecured(seconds);
        let body =
            format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#);
        ([("content-type", "application/json")], body)
    };
    let router = Router::new().route("/token", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/token")
}

fn unsecured(seconds: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let (from, to) = (now as i64 - 7200, now as i64 + seconds);
    let head = base64url(br#"{"alg":"none"}"#);
    let claims = format!(r#"{{"sub":"monitor","iat":{from},"exp":{to}}}"#);
    format!("{head}.{}.", base64url(claims.as_bytes()))
}

/// RFC 4648, without padding.
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        let digit = move |place: usize| DIGITS[(bits >> (18 - 6 * place)) as usize & 63] as char;
        (0..=chunk.len()).map(digit)
    });
    digits.collect()
}
