//! The signature against that of Amazon's own library, and the chain against a stand-in for the metadata services.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqsign_aws_core::Credential;
use reqsign_core::time::Timestamp;

use super::super::stand_in::{StandIn, answer};
use super::super::{TokenError, Tokens};
use super::{life, signed};
use crate::kafka::client::lookup::Lookups;
use crate::kafka::secret::Secret;
use crate::kafka::settings::security::{MskIam, TokenSource};

const PATIENCE: Duration = Duration::from_secs(20);

fn credential(session_token: Option<&str>) -> Credential {
    Credential {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: session_token.map(str::to_owned),
        expires_in: None,
    }
}

fn tokens(variables: &[(&str, &str)]) -> Tokens {
    let pair =
        |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::new((*value).to_owned()));
    let environment: BTreeMap<_, _> = variables.iter().map(pair).collect();
    let source = TokenSource::MskIam(MskIam {
        region: "eu-west-1".to_owned(),
        environment,
    });
    Tokens::new(&source, &Lookups::default())
}

/// The token as the address that it stands for.
async fn address(variables: &[(&str, &str)]) -> String {
    let token = tokens(variables).token(PATIENCE).await.expect("a token");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.value.expose());
    String::from_utf8(bytes.expect("base64")).expect("an address")
}

/// Made by aws-msk-iam-sasl-signer-python 1.0.2 over botocore 1.44.8, its clock set to 2024-05-06 07:08:09 UTC.
#[test]
fn it_signs_as_amazons_own_library_does() {
    let now = Timestamp::from_second(1_714_979_289).expect("a time");
    for (session_token, signature) in [
        (
            None,
            "750eb488626d3d0ea567ea5f734efd32f30268961f752c51f633acd9b84c2289",
        ),
        (
            Some("FwoGZXIvYXdzEBYaDH+/=example//"),
            "fabde62a2589524f307e1da96e8c9ed62ed117ee108866a0ed1537193af0b303",
        ),
    ] {
        let life = Duration::from_secs(900);
        let address = signed("eu-west-1", &credential(session_token), now, life);
        let token = session_token.map_or(
            "",
            |_| "X-Amz-Security-Token=FwoGZXIvYXdzEBYaDH%2B%2F%3Dexample%2F%2F&",
        );
        let expected = format!(
            "https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect\
             &X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIDEXAMPLE%2F20240506%2Feu-west-1%2Fkafka-cluster%2Faws4_request\
             &X-Amz-Date=20240506T070809Z&X-Amz-Expires=900&{token}X-Amz-SignedHeaders=host\
             &X-Amz-Signature={signature}&User-Agent=lagslope%2F{}",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(address, expected);
    }
}

#[test]
fn a_signature_ends_with_its_credential() {
    let now = Timestamp::from_second(1_000_000).expect("a time");
    for (left, seconds) in [(3600, 900), (300, 300), (0, 0), (-5, 0)] {
        let mut credential = credential(None);
        credential.expires_in = Some(Timestamp::from_second(1_000_000 + left).expect("a time"));
        assert_eq!(life(&credential, now).as_secs(), seconds, "{left}");
    }
}

#[tokio::test]
async fn the_environment_comes_first() {
    let address = address(&[
        ("AWS_ACCESS_KEY_ID", "AKIDENV"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_SESSION_TOKEN", "t"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/"),
    ])
    .await;
    assert!(address.contains("X-Amz-Credential=AKIDENV%2F"), "{address}");
    assert!(address.contains("&X-Amz-Security-Token=t&"), "{address}");
}

#[tokio::test]
async fn a_profile_is_found_at_home_or_where_it_is_said_to_be() {
    let home = tempfile::tempdir().expect("a folder");
    fs::create_dir(home.path().join(".aws")).expect("a folder");
    let file = home.path().join(".aws/credentials");
    let text = "[default]\naws_access_key_id=AKIDHOME\naws_secret_access_key=s\n\
                [other]\naws_access_key_id=AKIDOTHER\naws_secret_access_key=s\n";
    fs::write(&file, text).expect("written");
    let home = home.path().to_str().expect("text");
    let first = address(&[("HOME", home)]).await;
    assert!(first.contains("=AKIDHOME%2F"), "{first}");
    let file = file.to_str().expect("text");
    let second = address(&[
        ("AWS_SHARED_CREDENTIALS_FILE", file),
        ("AWS_PROFILE", "other"),
    ])
    .await;
    assert!(second.contains("=AKIDOTHER%2F"), "{second}");
}

const ISSUED: &str = r#"{"Code":"Success","AccessKeyId":"AKIDROLE","SecretAccessKey":"s","Token":"session","Expiration":"2999-01-01T00:00:00Z"}"#;

#[tokio::test]
async fn a_container_asks_its_agent() {
    let agent = StandIn::answering(vec![answer("200 OK", ISSUED)]).await;
    let uri = format!("http://{}/v1/credentials", agent.address);
    let address = address(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let-me-in"),
    ])
    .await;
    assert!(address.contains("=AKIDROLE%2F") && address.contains("X-Amz-Expires=900"));
    let asked = agent.asked().concat();
    assert!(
        asked.starts_with("GET /v1/credentials HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains("authorization: let-me-in\r\n"), "{asked}");
}

#[tokio::test]
async fn a_machine_asks_its_metadata_service() {
    let answers = ["metadata-token", "the-role", ISSUED].map(|body| answer("200 OK", body));
    let metadata = StandIn::answering(answers.to_vec()).await;
    let endpoint = format!("http://{}", metadata.address);
    let address = address(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]).await;
    assert!(address.contains("=AKIDROLE%2F"), "{address}");
    let asked = metadata.asked();
    assert!(asked[0].starts_with("PUT /latest/api/token "), "{asked:?}");
    assert!(
        asked[2].starts_with("GET /latest/meta-data/iam/security-credentials/the-role "),
        "{asked:?}"
    );
}

#[tokio::test]
async fn without_credentials_each_place_is_named_and_no_secret() {
    let error = tokens(&[
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"),
    ])
    .token(PATIENCE)
    .await
    .unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    let refused = "Connection refused (os error 111)";
    let TokenError::NoCredentials(tried) = error else {
        panic!("{error:?}")
    };
    let expected = format!(
        "environment: not set; web identity: failed to read web identity token file: No such file or directory (os error 2); \
         profile: not set; container: failed to fetch ECS credentials: {refused}; \
         instance metadata: failed to connect to IMDS: {refused}"
    );
    assert_eq!(tried, expected);
}

#[tokio::test]
async fn credentials_that_are_over_are_told() {
    let old = ISSUED.replace("2999", "1999");
    let agent = StandIn::answering(vec![answer("200 OK", &old)]).await;
    let uri = format!("http://{}/", agent.address);
    let error = tokens(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)])
        .token(PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error, TokenError::Expired("container".to_owned()));
}
