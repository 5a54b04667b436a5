//! Each way that is wrong gives exactly its error, once, in words that say what to do, and never a secret.

use std::collections::BTreeSet;

use lagslope::kafka::security::{Sasl, Security, Tls};

use super::log::Log;
use super::*;
use crate::kafka::Version;
use crate::kafka::secured::{Listener, STRANGER, Secured, secured};
use crate::processes::free_port;

const WRONG: &str = "not-the-password";

/// What is tried, and what must come of it.
struct Refusal {
    listener: Listener,
    security: Security,
    label: &'static str,
    /// Parts of what is logged.
    says: &'static [&'static str],
}

fn refusal(
    listener: Listener,
    security: Security,
    label: &'static str,
    says: &'static [&'static str],
) -> Refusal {
    Refusal {
        listener,
        security,
        label,
        says,
    }
}

fn of_tls(kafka: &Secured) -> Vec<Refusal> {
    use Listener::{Expired, Future, Mutual, Mutual12, Open, SaslPlaintext, Stranger};
    let stranger = Tls {
        ca: Some(kafka.file("other-ca.pem")),
        ..tls(kafka)
    };
    let missing = Tls {
        ca: Some(kafka.file("missing.pem")),
        ..tls(kafka)
    };
    let trusting = || over_tls(tls(kafka));
    vec![
        refusal(
            Open,
            over_tls(stranger),
            "unknown_authority",
            &["ssl.ca.location"],
        ),
        refusal(Open, over_tls(missing), "bad_file", &["missing.pem"]),
        refusal(Expired, trusting(), "certificate_expired", &["9 days ago"]),
        refusal(Future, trusting(), "certificate_not_yet_valid", &["2 days"]),
        refusal(
            Stranger,
            trusting(),
            "wrong_host_name",
            &[
                STRANGER,
                "127.0.0.1",
                "ssl.endpoint.identification.algorithm",
            ],
        ),
        refusal(
            Mutual,
            trusting(),
            "client_certificate_needed",
            &["ssl.certificate.location"],
        ),
        refusal(
            Mutual12,
            trusting(),
            "client_certificate_needed",
            &["ssl.certificate.location"],
        ),
        refusal(
            Mutual,
            shown(kafka, "foreign.pem", "foreign.key"),
            "client_certificate_refused",
            &["ssl.truststore"],
        ),
        refusal(
            Open,
            Security::default(),
            "speaks_tls",
            &["set security.protocol to SSL"],
        ),
        refusal(
            SaslPlaintext,
            trusting(),
            "no_tls",
            &["set security.protocol to PLAINTEXT"],
        ),
    ]
}

fn of_sasl(kafka: &Secured, expired: &str, nowhere: &str) -> Vec<Refusal> {
    use Listener::{Open, SaslPlaintext, SaslSsl};
    let plain = |password| Sasl::Plain(login(password));
    let scram = Sasl::ScramSha256(login(WRONG));
    vec![
        refusal(
            SaslPlaintext,
            over_sasl_plaintext(plain(WRONG)),
            "sign_in_refused",
            &["PLAIN", "nvalid", "sasl.password"],
        ),
        refusal(
            SaslSsl,
            over_sasl_ssl(kafka, scram),
            "sign_in_refused",
            &["SCRAM-SHA-256", "nvalid credentials", "after 10 s"],
        ),
        refusal(
            SaslPlaintext,
            over_sasl_plaintext(Sasl::ScramSha512(right())),
            "mechanism_not_offered",
            &["does not offer SCRAM-SHA-512 but PLAIN"],
        ),
        refusal(
            SaslPlaintext,
            Security::default(),
            "sasl_needed",
            &["set security.protocol to SASL_"],
        ),
        refusal(
            Open,
            over_sasl_ssl(kafka, plain(PASSWORD)),
            "sasl_not_wanted",
            &["without SASL_"],
        ),
        refusal(
            SaslSsl,
            over_sasl_ssl(kafka, by_token(expired.to_owned())),
            "token_refused",
            &["it refused the token"],
        ),
        refusal(
            SaslSsl,
            over_sasl_ssl(kafka, by_token(nowhere.to_owned())),
            "no_token",
            &["no token"],
        ),
    ]
}

/// Labels of errors that say something of the broker: not that it merely took longer than a cycle waits.
fn labels(sample: &Sample) -> BTreeSet<&'static str> {
    let errors = sample.cycle.errors.iter();
    let labels = errors.map(|(_, label, _)| *label);
    labels
        .filter(|label| !["late", "busy"].contains(label))
        .collect()
}

async fn check(kafka: &Secured, refusal: &Refusal) {
    let log = Log::start();
    let mut sampler = sampler(kafka, refusal.listener, refusal.security.clone());
    let began = Instant::now();
    // A second look, so that it would be told twice if it were told each time.
    let mut looks_left = 3;
    while looks_left > 0 {
        let sample = sampler.sample(1000.0 + began.elapsed().as_secs_f64()).await;
        assert!(!sample.cycle.up, "{}", refusal.label);
        let labels = labels(&sample);
        assert!(began.elapsed() < DEADLINE, "never {}", refusal.label);
        if !labels.is_empty() {
            assert_eq!(labels, BTreeSet::from([refusal.label]), "{}", log.text());
            looks_left -= 1;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let text = log.text();
    for part in refusal.says {
        assert!(text.contains(part), "{part} is not said:\n{text}");
    }
    let told = text
        .lines()
        .filter(|line| line.contains("no bootstrap server"));
    let told = told.filter(|line| !line.contains("in time for this cycle"));
    assert_eq!(told.count(), 1, "once per cause:\n{text}");
    for secret in [WRONG, PASSWORD, "the-client-secret", "eyJ"] {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
        assert!(!format!("{:?}", refusal.security).contains(secret));
    }
    println!("{}: {}", refusal.label, text.trim_end());
}

#[tokio::test]
async fn what_is_wrong_with_tls_is_said() {
    let kafka = secured(Version::Kafka4);
    for refusal in of_tls(kafka) {
        check(kafka, &refusal).await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_sign_in_is_said() {
    let kafka = secured(Version::Kafka4);
    let expired = tokens::endpoint(-3600).await;
    let nowhere = format!("http://127.0.0.1:{}/token", free_port());
    for refusal in of_sasl(kafka, &expired, &nowhere) {
        check(kafka, &refusal).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_however_many_servers_there_are() {
    let kafka = secured(Version::Kafka4);
    let address = kafka.address(Listener::SaslPlaintext);
    let servers = vec![
        address.clone(),
        address.replace("127.0.0.1", "localhost"),
        address,
    ];
    let security = over_sasl_plaintext(Sasl::Plain(login(WRONG)));
    let mut sampler = Sampler::new(settings(servers, security));
    let began = Instant::now();
    // Well below the pause of 10 s.
    while began.elapsed() < Duration::from_secs(5) {
        let sample = sampler.sample(1000.0 + began.elapsed().as_secs_f64()).await;
        assert!(!sample.cycle.up);
        let requests = sample.cycle.requests.iter();
        let attempts: u64 = requests
            .filter(|(api, _)| *api == "SaslAuthenticate")
            .map(|(_, count)| *count)
            .sum();
        assert!(
            attempts <= 1,
            "{attempts} attempts after {:?}",
            began.elapsed()
        );
        sleep(Duration::from_millis(200)).await;
    }
}
