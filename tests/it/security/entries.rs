//! Each way in reads the same lag.

use std::fs;

use lagslope::analysis::sample::Source;
use lagslope::kafka::security::{Sasl, Security, Tls};

use super::*;
use crate::kafka::Version;
use crate::kafka::secured::{Listener, Secured, secured};
use tempfile::NamedTempFile;

/// `(what, listener, security)`
fn entries(kafka: &Secured, endpoint: &str) -> Vec<(&'static str, Listener, Security)> {
    use Listener::{Mutual, Mutual12, Open, SaslPlaintext, SaslSsl, Stranger};
    let by_name = tls(kafka);
    let any_name = Tls {
        verify_host_name: false,
        ..by_name.clone()
    };
    let anything = Tls {
        ca: None,
        verify_certificate: false,
        ..by_name.clone()
    };
    vec![
        ("TLS, an authority of one's own", Open, over_tls(by_name)),
        ("TLS, any host name", Stranger, over_tls(any_name)),
        (
            "TLS, any certificate",
            Listener::Expired,
            over_tls(anything),
        ),
        (
            "a key in PKCS#8",
            Mutual,
            shown(kafka, "client.pem", "client.key"),
        ),
        (
            "a key in SEC1",
            Mutual,
            shown(kafka, "client.pem", "client-sec1.key"),
        ),
        (
            "an encrypted key",
            Mutual,
            shown(kafka, "client.pem", "client-encrypted.key"),
        ),
        (
            "a key in PKCS#1",
            Mutual,
            shown(kafka, "rsa.pem", "rsa-pkcs1.key"),
        ),
        (
            "a client certificate in TLS 1.2",
            Mutual12,
            shown(kafka, "client.pem", "client.key"),
        ),
        ("PLAIN", SaslSsl, over_sasl_ssl(kafka, Sasl::Plain(right()))),
        (
            "PLAIN without TLS",
            SaslPlaintext,
            over_sasl_plaintext(Sasl::Plain(right())),
        ),
        (
            "SCRAM-SHA-256",
            SaslSsl,
            over_sasl_ssl(kafka, Sasl::ScramSha256(right())),
        ),
        (
            "SCRAM-SHA-512",
            SaslSsl,
            over_sasl_ssl(kafka, Sasl::ScramSha512(right())),
        ),
        (
            "OAUTHBEARER",
            SaslSsl,
            over_sasl_ssl(kafka, by_token(endpoint.to_owned())),
        ),
    ]
}

async fn each_way_in_reads_the_lag(version: Version) {
    let kafka = secured(version);
    let endpoint = tokens::endpoint(3600).await;
    for (what, listener, security) in entries(kafka, &endpoint) {
        if let Some(tls) = &security.tls {
            assert_eq!(tls.check(), Ok(()), "{what}");
        }
        sees_the_lag(&mut sampler(kafka, listener, security), what).await;
    }
}

#[tokio::test]
async fn each_way_in_reads_the_lag_on_kafka_4() {
    each_way_in_reads_the_lag(Version::Kafka4).await;
}

#[tokio::test]
async fn each_way_in_reads_the_lag_on_kafka_3() {
    each_way_in_reads_the_lag(Version::Kafka3).await;
}

#[tokio::test]
async fn files_are_read_again_at_each_new_connection() {
    let kafka = secured(Version::Kafka4);
    let ca = NamedTempFile::new().unwrap();
    fs::copy(kafka.file("other-ca.pem"), ca.path()).unwrap();
    let tls = Tls {
        ca: Some(ca.path().to_owned()),
        ..tls(kafka)
    };
    let mut sampler = sampler(kafka, Listener::Open, over_tls(tls));
    assert!(!sampler.sample(1000.0).await.cycle.up);
    fs::copy(kafka.file("ca.pem"), ca.path()).unwrap();
    sees_the_lag(&mut sampler, "the authority's file was replaced").await;
}

#[test]
fn bad_files_are_named_before_anything_is_asked() {
    let kafka = secured(Version::Kafka4);
    let cases = [
        (
            "client.pem",
            "missing.key",
            None,
            "missing.key: it cannot be read",
        ),
        (
            "client.key",
            "client.key",
            None,
            "client.key: it has no certificate",
        ),
        (
            "client.pem",
            "client.pem",
            None,
            "client.pem: it has no private key",
        ),
        (
            "client.pem",
            "client-encrypted.key",
            None,
            "set ssl.key.password",
        ),
        (
            "client.pem",
            "client-encrypted.key",
            Some("wrong-one"),
            "check ssl.key.password",
        ),
        (
            "client.pem",
            "rsa.key",
            None,
            "rsa.key: it is not the key of",
        ),
    ];
    for (certificate, key, password, expected) in cases {
        let identity = Identity {
            key_password: password.map(|password| Secret::new(password.to_owned())),
            ..identity(kafka, certificate, key)
        };
        let tls = Tls {
            identity: Some(identity),
            ..tls(kafka)
        };
        let told = tls.check().expect_err(expected).to_string();
        assert!(told.contains(expected), "{told}");
        assert!(!told.contains("wrong-one"), "{told}");
    }
}

/// librdkafka, which reads the stream, knows no more of the settings than it is told.
#[tokio::test]
async fn the_stream_is_read_by_each_way_in_but_tokens() {
    let kafka = secured(Version::Kafka4);
    let ways = entries(kafka, "http://127.0.0.1:1/token").into_iter();
    for (what, listener, security) in ways.filter(|(what, ..)| *what != "OAUTHBEARER") {
        let settings = Settings {
            offsets: Offsets::Stream,
            ..settings(vec![kafka.address(listener)], security)
        };
        let mut sampler = Sampler::new(settings);
        let began = Instant::now();
        loop {
            let sample = sampler.sample(1000.0 + began.elapsed().as_secs_f64()).await;
            if sample.cycle.offsets.source == Source::Stream && lag(&sample) == Some(LAG) {
                break;
            }
            let errors = &sample.cycle.errors;
            assert!(began.elapsed() < DEADLINE, "{what}: never: {errors:?}");
            sleep(Duration::from_millis(200)).await;
        }
    }
}
