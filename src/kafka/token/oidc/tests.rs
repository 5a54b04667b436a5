//! Against real sockets: what is asked, how often, and what is made of each kind of answer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::stand_in::{StandIn, answer, read};
use super::super::{TokenError, Tokens};
use crate::kafka::client::lookup::Lookups;
use crate::kafka::error::PAUSES;
use crate::kafka::secret::Secret;
use crate::kafka::settings::security::{Oidc, TokenSource};

const PATIENCE: Duration = Duration::from_secs(20);

/// Needs encoding, so that raw and encoded differ.
const SECRET: &str = "hunter2+%/ü";

fn settings(endpoint: String) -> Oidc {
    Oidc {
        token_endpoint: endpoint,
        client_id: "lag:slope".to_owned(),
        client_secret: Secret::new(SECRET.to_owned()),
        scope: Some("read write".to_owned()),
        extensions: vec![("logicalCluster".to_owned(), "lkc-1".to_owned())],
        ca: None,
    }
}

fn at(stand_in: &StandIn) -> String {
    format!("http://{}/token", stand_in.address)
}

fn of(settings: Oidc) -> Tokens {
    Tokens::new(&TokenSource::Oidc(settings), &Lookups::default())
}

fn tokens(stand_in: &StandIn) -> Tokens {
    of(settings(at(stand_in)))
}

fn granted(token: &str, life: &str) -> Vec<u8> {
    answer(
        "200 OK",
        &format!(
            "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":{life}}}"
        ),
    )
}

async fn error(answers: Vec<u8>) -> String {
    let stand_in = StandIn::answering(vec![answers]).await;
    let error = tokens(&stand_in).token(PATIENCE).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2"), "{text}");
    error.to_string().replace(&at(&stand_in), "URL")
}

#[tokio::test]
async fn it_asks_as_the_standard_says_and_keeps_the_token() {
    let stand_in = StandIn::answering(vec![granted("tok-1", "3600")]).await;
    let tokens = tokens(&stand_in);
    for _ in 0..3 {
        let token = tokens.token(PATIENCE).await.unwrap();
        assert_eq!(token.value.expose(), "tok-1");
        assert_eq!(
            token.extensions,
            [("logicalCluster".to_owned(), "lkc-1".to_owned())]
        );
    }
    let asked = stand_in.asked();
    assert_eq!(asked.len(), 1);
    let request = &asked[0];
    assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
    assert!(
        request.ends_with("\r\n\r\ngrant_type=client_credentials&scope=read%20write"),
        "{request}"
    );
    // base64 of `lag%3Aslope:hunter2%2B%25%2F%C3%BC`
    let basic = "authorization: Basic bGFnJTNBc2xvcGU6aHVudGVyMiUyQiUyNSUyRiVDMyVCQw==\r\n";
    assert!(request.contains(basic), "{request}");
    assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"));
}

#[tokio::test]
async fn many_brokers_at_once_ask_once() {
    let pause = Duration::from_millis(100);
    let stand_in = StandIn::slow(vec![granted("tok", "\"3600\"")], pause).await;
    let tokens = tokens(&stand_in);
    let all = join_all((0..50).map(|_| tokens.token(PATIENCE))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(stand_in.asked().len(), 1);
}

#[tokio::test]
async fn many_brokers_at_once_are_refused_once() {
    let stand_in = StandIn::answering(vec![answer("401 Unauthorized", "")]).await;
    let tokens = tokens(&stand_in);
    let all = join_all((0..50).map(|_| tokens.token(PATIENCE))).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(stand_in.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_tried_again_after_ten_seconds_and_then_ever_more_seldom() {
    let refusal = answer("401 Unauthorized", "{\"error\":\"invalid_client\"}");
    let mut answers = vec![refusal; 6];
    answers.push(granted("tok", "3600"));
    let stand_in = StandIn::answering(answers).await;
    let tokens = tokens(&stand_in);
    for (asked, pause_seconds) in [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 300)] {
        assert!(tokens.token(PATIENCE).await.is_err());
        tokio::time::advance(Duration::from_secs(pause_seconds - 1)).await;
        assert!(tokens.token(PATIENCE).await.is_err());
        assert_eq!(
            stand_in.asked().len(),
            asked,
            "not before {pause_seconds} s"
        );
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(tokens.token(PATIENCE).await.is_ok());
}

#[tokio::test]
async fn a_token_that_a_broker_refused_is_not_given_again() {
    let answers = vec![granted("bad", "3600"), granted("good", "3600")];
    let stand_in = StandIn::answering(answers).await;
    let tokens = tokens(&stand_in);
    let bad = tokens.token(PATIENCE).await.unwrap();
    tokens.throw_away(&bad).await;
    assert_eq!(tokens.token(PATIENCE).await.unwrap().value.expose(), "good");
    // Another broker refuses the first one a moment later: that says nothing of the second.
    tokens.throw_away(&bad).await;
    assert_eq!(tokens.token(PATIENCE).await.unwrap().value.expose(), "good");
    assert_eq!(stand_in.asked().len(), 2);
}

/// A file that hangs: nobody writes into it until the test ends.
fn hanging(folder: &Path) -> PathBuf {
    let pipe = folder.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("it runs");
    assert!(made.success());
    pipe
}

#[tokio::test]
async fn an_authoritys_file_that_hangs_stops_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings("https://127.0.0.1:1/token".to_owned());
    settings.ca = Some(hanging(folder.path()));
    let pipe = settings.ca.clone().unwrap();
    let tokens = of(settings);
    // On the test's only worker: it would never come to the second half.
    let (told, ()) = tokio::join!(tokens.token(Duration::from_millis(200)), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
    });
    assert!(matches!(told, Err(TokenError::TimedOut { .. })), "{told:?}");
    drop(fs::OpenOptions::new().write(true).open(pipe));
}

#[tokio::test]
async fn the_endpoints_name_is_looked_up_where_the_clusters_names_are() {
    let stand_in = StandIn::answering(vec![granted("tok", "3600")]).await;
    let port = stand_in.address.port();
    let endpoint = format!("http://localhost:{port}/token");
    assert!(of(settings(endpoint)).token(PATIENCE).await.is_ok());
    // A cluster whose look-ups all hang.
    let source = TokenSource::Oidc(settings(format!("http://localhost:{port}/token")));
    let told = Tokens::new(&source, &Lookups::hanging());
    let told = told.token(Duration::from_millis(200)).await;
    assert!(matches!(told, Err(TokenError::TimedOut { .. })), "{told:?}");
    let unknown = of(settings("http://not..a..name/token".to_owned()));
    let told = unknown.token(PATIENCE).await;
    assert!(
        matches!(told, Err(TokenError::Unreachable { .. })),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_token_at_its_end_is_replaced() {
    // It has no life left when it comes.
    let answers = vec![granted("old", "0"), granted("new", "3600")];
    let stand_in = StandIn::answering(answers).await;
    let tokens = tokens(&stand_in);
    assert_eq!(tokens.token(PATIENCE).await.unwrap().value.expose(), "old");
    assert_eq!(tokens.token(PATIENCE).await.unwrap().value.expose(), "new");
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words_without_the_secret() {
    // As it is, and as it was sent.
    for secret in [SECRET, "bGFnJTNBc2xvcGU6aHVudGVyMiUyQiUyNSUyRiVDMyVCQw=="] {
        let body = format!(
            "{{\"error\":\"invalid_client\",\"error_description\":\"no {secret}\\nhere\"}}"
        );
        let expected = format!(
            "URL gives no token: 401 Unauthorized, invalid_client: no [hidden] here; check sasl.oauthbearer.client.id, .client.secret and .scope. {PAUSES}"
        );
        assert_eq!(error(answer("401 Unauthorized", &body)).await, expected);
    }
    let endless = format!("{{\"error\":\"{}\"}}", "x".repeat(100_000));
    assert!(error(answer("400 Bad Request", &endless)).await.len() < 500);
}

#[tokio::test]
async fn what_is_no_token_is_told_apart() {
    let unusable = |reason: &str| {
        format!(
            "URL did not answer with a token: {reason}; check sasl.oauthbearer.token.endpoint.url"
        )
    };
    for (sent, reason) in [
        (
            answer("200 OK", "{}"),
            "there is no access_token in the answer",
        ),
        (
            answer("200 OK", "<html>"),
            "the answer is no JSON object of RFC 6749",
        ),
        (
            answer("200 OK", ""),
            "the answer is no JSON object of RFC 6749",
        ),
        (granted("a b", "1"), "its access_token is no bearer token"),
        (granted("", "1"), "its access_token is no bearer token"),
        (answer("302 Found", ""), "it answers 302 Found"),
        (
            answer("503 Service Unavailable", ""),
            "it answers 503 Service Unavailable",
        ),
        (
            answer("200 OK", &"x".repeat(300_000)),
            "it is longer than 262144 bytes",
        ),
    ] {
        assert_eq!(error(sent).await, unusable(reason));
    }
    let garbage = error(b"SSH-2.0-OpenSSH_9\r\n".to_vec()).await;
    assert!(
        garbage.starts_with("URL did not answer with a token: "),
        "{garbage}"
    );
}

#[tokio::test]
async fn who_does_not_answer_in_time_is_left() {
    let stand_in = StandIn::slow(vec![granted("tok", "1")], Duration::from_secs(3600)).await;
    let error = tokens(&stand_in).token(Duration::from_millis(50)).await;
    assert_eq!(error, Err(TokenError::TimedOut { at: at(&stand_in) }));
}

#[tokio::test]
async fn who_is_not_there_is_told_by_its_reason() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let endpoint = format!("http://{closed}/token?key=value");
    let tokens = of(settings(endpoint));
    let error = tokens.token(PATIENCE).await.unwrap_err().to_string();
    let expected =
        format!("http://{closed}/token cannot be reached: Connection refused (os error 111)");
    assert_eq!(error, expected);
}

async fn refused_with(settings: Oidc) -> TokenError {
    let tokens = of(settings);
    tokens.token(PATIENCE).await.expect_err("it is wrong")
}

#[tokio::test]
async fn plain_text_on_a_tls_address_is_a_matter_of_tls() {
    let stand_in = StandIn::answering(vec![granted("tok", "1")]).await;
    let settings = settings(format!("https://{}/token", stand_in.address));
    let told = refused_with(settings).await;
    assert!(matches!(told, TokenError::Tls { .. }), "{told:?}");
}

/// An endpoint with a certificate of its own for 127.0.0.1, and the PEM file of that.
async fn over_tls() -> (String, NamedTempFile) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("made");
    let file = NamedTempFile::new().expect("a file");
    fs::write(file.path(), made.cert.pem()).expect("written");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // Who doesn't trust it hangs up.
            let Ok(mut stream) = acceptor.accept(socket).await else {
                continue;
            };
            read(&mut stream).await;
            let _ = stream.write_all(&granted("tok-tls", "60")).await;
            let _ = stream.shutdown().await;
        }
    });
    (format!("https://{address}/token"), file)
}

#[tokio::test]
async fn over_tls_the_authorities_of_the_file_count() {
    let (endpoint, file) = over_tls().await;
    let mut trusting = settings(endpoint.clone());
    trusting.ca = Some(file.path().to_owned());
    let tokens = of(trusting.clone());
    let token = tokens.token(PATIENCE).await.expect("it is trusted");
    assert_eq!(token.value.expose(), "tok-tls");

    let (_, other) = over_tls().await;
    trusting.ca = Some(other.path().to_owned());
    let told = refused_with(trusting.clone()).await.to_string();
    let expected = format!("TLS with {endpoint} failed: invalid peer certificate: ");
    assert!(told.starts_with(&expected), "{told}");

    trusting.ca = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into());
    let told = refused_with(trusting).await.to_string();
    assert!(told.contains("no authority to trust: /"), "{told}");
}
