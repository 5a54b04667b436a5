//! A cluster's settings as librdkafka's, and what it says while it works.

use std::sync::{Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::kafka::groups::OWN_GROUP;
use crate::kafka::settings::Settings;
use crate::kafka::settings::security::{Login, Sasl, Security, Tls};

/// What doesn't depend on the cluster.
const ALWAYS: &[(&str, &str)] = &[
    ("client.id", "lagslope"),
    // Needed to be given partitions at all. Nothing is committed and nothing joined: no broker ever hears of such a group.
    ("group.id", OWN_GROUP),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("allow.auto.create.topics", "false"),
    // librdkafka looks for the coordinator of its group all the same; twice an hour will do. More than 2,147,483 would overflow, and then
    // it does nothing else (seen with 2.12.1, which takes up to 3,600,000).
    ("coordinator.query.interval.ms", "1800000"),
    // Telemetry would be asked for, and sent.
    ("enable.metrics.push", "false"),
    // A commit of an open transaction does not hold yet.
    ("isolation.level", "read_committed"),
    // A place that is gone is for us to deal with: what was missed is not to be passed over in silence.
    ("auto.offset.reset", "error"),
    // Two questions a second and broker, unless there is more to read than this.
    ("fetch.wait.max.ms", "500"),
    ("fetch.min.bytes", "4194304"),
    ("fetch.max.bytes", "8388608"),
    ("fetch.message.max.bytes", "4194304"),
    // What is fetched ahead is bounded by bytes; the number is what makes it fetch at all.
    ("queued.max.messages.kbytes", "16384"),
    ("queued.min.messages", "10000"),
    ("fetch.queue.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "10000"),
    ("log.connection.close", "false"),
];

/// The configuration of a client that reads the commit stream of this cluster.
///
/// # Errors
///
/// Why there can be none, in words for whoever set it up.
pub(crate) fn configuration(settings: &Settings) -> Result<ClientConfig, String> {
    let mut config = ClientConfig::new();
    config.set_log_level(RDKafkaLogLevel::Notice);
    for (key, value) in ALWAYS {
        config.set(*key, *value);
    }
    config.set("bootstrap.servers", settings.bootstrap_servers.join(","));
    secure(&mut config, &settings.security)?;
    Ok(config)
}

fn secure(config: &mut ClientConfig, security: &Security) -> Result<(), String> {
    let protocol = match (&security.tls, &security.sasl) {
        (None, None) => "PLAINTEXT",
        (Some(_), None) => "SSL",
        (None, Some(_)) => "SASL_PLAINTEXT",
        (Some(_), Some(_)) => "SASL_SSL",
    };
    config.set("security.protocol", protocol);
    if let Some(tls) = &security.tls {
        encrypt(config, tls)?;
    }
    match &security.sasl {
        None => Ok(()),
        Some(Sasl::Plain(login)) => sign_in(config, "PLAIN", login),
        Some(Sasl::ScramSha256(login)) => sign_in(config, "SCRAM-SHA-256", login),
        Some(Sasl::ScramSha512(login)) => sign_in(config, "SCRAM-SHA-512", login),
        Some(Sasl::OAuthBearer(_)) => {
            Err("it can't sign in by OAUTHBEARER in this version".to_owned())
        }
        #[cfg(feature = "gssapi")]
        Some(Sasl::Gssapi(_)) => Err("it can't sign in by GSSAPI in this version".to_owned()),
    }
}

fn encrypt(config: &mut ClientConfig, tls: &Tls) -> Result<(), String> {
    // Where OpenSSL is built in, it doesn't know where the platform keeps its authorities: librdkafka looks for them.
    let ca = tls.ca.as_deref().map(text_of).transpose()?;
    config.set("ssl.ca.location", ca.unwrap_or("probe"));
    if let Some(identity) = &tls.identity {
        config.set("ssl.certificate.location", text_of(&identity.certificate)?);
        config.set("ssl.key.location", text_of(&identity.key)?);
        if let Some(password) = &identity.key_password {
            config.set("ssl.key.password", password.expose());
        }
    }
    let is_verified = if tls.verify_certificate {
        "true"
    } else {
        "false"
    };
    config.set("enable.ssl.certificate.verification", is_verified);
    let names = tls.verify_certificate && tls.verify_host_name;
    config.set(
        "ssl.endpoint.identification.algorithm",
        if names { "https" } else { "none" },
    );
    Ok(())
}

fn text_of(path: &std::path::Path) -> Result<&str, String> {
    path.to_str()
        .ok_or_else(|| format!("librdkafka can't be given the path {}", path.display()))
}

fn sign_in(config: &mut ClientConfig, mechanism: &str, login: &Login) -> Result<(), String> {
    config.set("sasl.mechanism", mechanism);
    config.set("sasl.username", &login.username);
    config.set("sasl.password", login.password.expose());
    Ok(())
}

/// What librdkafka says goes to the log's finest level: whether a cluster is well is told by the query client, once for each cause.
pub(super) struct Voice {
    cluster: String,
    last_error: Mutex<Option<(KafkaError, String)>>,
}

impl Voice {
    pub(super) fn new(cluster: String) -> Self {
        Self {
            cluster,
            last_error: Mutex::new(None),
        }
    }

    /// What it complained of last, with its own words.
    pub(super) fn last_error(&self) -> Option<(KafkaError, String)> {
        let last = self.last_error.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Voice {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "cluster {}: librdkafka: {message}", self.cluster);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("cluster {}: librdkafka: {error}: {reason}", self.cluster);
        let last = self.last_error.lock();
        *last.unwrap_or_else(PoisonError::into_inner) = Some((error, reason.to_owned()));
    }
}

impl ConsumerContext for Voice {}
