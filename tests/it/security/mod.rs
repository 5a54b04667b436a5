//! The query client against a secured Kafka: each way in, each way that is wrong, and a sign-in that ends.

mod entries;
#[cfg(feature = "gssapi")]
mod kdc;
#[cfg(feature = "gssapi")]
mod kerberos;
pub(crate) mod log;
mod refusals;
mod renewal;
mod tokens;

use std::path::PathBuf;
use std::time::Duration;

use lagslope::analysis::sample::Sample;
use lagslope::kafka::security::{Identity, Login, Oidc, Sasl, Security, Tls, TokenSource};
use lagslope::kafka::{Offsets, Sampler, Secret, Settings};
use tokio::time::{Instant, sleep};

use crate::kafka::secured::{GROUP, KEY_PASSWORD, LAG, Listener, PASSWORD, Secured, TOPIC, USER};

/// Generous: Kafka may be loading, and the machine busy.
const DEADLINE: Duration = Duration::from_secs(60);

fn settings(addresses: Vec<String>, security: Security) -> Settings {
    Settings {
        request_timeout: Duration::from_secs(10),
        security,
        // The stream's client signs in by itself.
        offsets: Offsets::Query,
        ..Settings::new("test".to_owned(), addresses)
    }
}

fn sampler(secured: &Secured, listener: Listener, security: Security) -> Sampler {
    Sampler::new(settings(vec![secured.address(listener)], security))
}

/// TLS that trusts the brokers' authority.
fn tls(secured: &Secured) -> Tls {
    Tls {
        ca: Some(secured.file("ca.pem")),
        identity: None,
        verify_certificate: true,
        verify_host_name: true,
    }
}

fn over_tls(tls: Tls) -> Security {
    Security {
        tls: Some(tls),
        sasl: None,
    }
}

fn identity(secured: &Secured, certificate: &str, key: &str) -> Identity {
    Identity {
        certificate: secured.file(certificate),
        key: secured.file(key),
        key_password: key
            .contains("encrypted")
            .then(|| Secret::new(KEY_PASSWORD.to_owned())),
    }
}

fn shown(secured: &Secured, certificate: &str, key: &str) -> Security {
    over_tls(Tls {
        identity: Some(identity(secured, certificate, key)),
        ..tls(secured)
    })
}

fn login(password: &str) -> Login {
    Login {
        username: USER.to_owned(),
        password: Secret::new(password.to_owned()),
    }
}

fn right() -> Login {
    login(PASSWORD)
}

fn over_sasl_ssl(secured: &Secured, sasl: Sasl) -> Security {
    Security {
        tls: Some(tls(secured)),
        sasl: Some(sasl),
    }
}

fn over_sasl_plaintext(sasl: Sasl) -> Security {
    Security {
        tls: None,
        sasl: Some(sasl),
    }
}

fn by_token(endpoint: String) -> Sasl {
    Sasl::OAuthBearer(TokenSource::Oidc(Oidc {
        token_endpoint: endpoint,
        client_id: "lagslope".to_owned(),
        client_secret: Secret::new("the-client-secret".to_owned()),
        scope: None,
        extensions: Vec::new(),
        ca: None::<PathBuf>,
    }))
}

/// What the group lags in a sample, if the sample has it.
fn lag(sample: &Sample) -> Option<u64> {
    let group = sample.groups.iter().find(|group| &*group.name == GROUP)?;
    let commits = group.commits.as_ref()?;
    let (_, committed) = commits.topics.first()?.partitions.first()?;
    let topic = sample.topics.iter().find(|topic| &*topic.name == TOPIC)?;
    let end = topic.partitions.first()?.log_end?;
    end.offset.checked_sub(*committed)
}

/// Samples until the lag is there: Kafka's coordinator may still be loading.
async fn sees_the_lag(sampler: &mut Sampler, what: &str) {
    let began = Instant::now();
    loop {
        let sample = sampler.sample(1000.0 + began.elapsed().as_secs_f64()).await;
        if let Some(lag) = lag(&sample) {
            assert_eq!(lag, LAG, "{what}");
            return;
        }
        let errors = &sample.cycle.errors;
        assert!(began.elapsed() < DEADLINE, "{what}: never: {errors:?}");
        sleep(Duration::from_millis(200)).await;
    }
}
