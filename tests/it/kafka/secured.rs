//! A secured Kafka: one node with a listener for each way in, and for each way in which a broker's certificate can be wrong.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use time::{Duration, OffsetDateTime};

use super::{Kafka, Preparation, Version};
use crate::processes::free_port;

/// Who may sign in. SCRAM users are written when the storage is formatted.
pub(crate) const USER: &str = "monitor";
pub(crate) const PASSWORD: &str = "correct-horse-battery";
/// Of the encrypted client key.
pub(crate) const KEY_PASSWORD: &str = "staple-of-the-key";

/// What there is to see: a group that is so many messages behind.
pub(crate) const TOPIC: &str = "orders";
pub(crate) const GROUP: &str = "behind-by-six";
pub(crate) const LAG: u64 = 6;

/// How long a sign-in holds at [`Listener::Short`].
pub(crate) const SESSION: std::time::Duration = std::time::Duration::from_secs(4);

/// The ports of the node, besides the plain one of every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// TLS, and every mechanism.
    SaslSsl,
    /// PLAIN only.
    SaslPlaintext,
    /// SCRAM-SHA-256 whose sessions end after [`SESSION`].
    Short,
    /// TLS that asks for nothing.
    Open,
    /// TLS with a client certificate.
    Mutual,
    /// The same, in TLS 1.2.
    Mutual12,
    /// Its certificate expired.
    Expired,
    /// Its certificate begins tomorrow.
    Future,
    /// Its certificate is for another host.
    Stranger,
}

/// `(listener, its name, protocol)`
const LISTENERS: &[(Listener, &str, &str)] = &[
    (Listener::SaslSsl, "SASL_SSL", "SASL_SSL"),
    (Listener::SaslPlaintext, "SASL_PLAINTEXT", "SASL_PLAINTEXT"),
    (Listener::Short, "SHORT", "SASL_PLAINTEXT"),
    (Listener::Open, "OPEN", "SSL"),
    (Listener::Mutual, "MUTUAL", "SSL"),
    (Listener::Mutual12, "MUTUAL12", "SSL"),
    (Listener::Expired, "EXPIRED", "SSL"),
    (Listener::Future, "FUTURE", "SSL"),
    (Listener::Stranger, "STRANGER", "SSL"),
];

/// The host that the certificate of [`Listener::Stranger`] is for.
pub(crate) const STRANGER: &str = "kafka.elsewhere.example";

pub(crate) struct Secured {
    pub(crate) kafka: Kafka,
    ports: Vec<u16>,
}

/// The node that all tests of this process share; it ends with the process.
pub(crate) fn secured(version: Version) -> &'static Secured {
    static KAFKA4: OnceLock<Secured> = OnceLock::new();
    static KAFKA3: OnceLock<Secured> = OnceLock::new();
    let cell = match version {
        Version::Kafka4 => &KAFKA4,
        Version::Kafka3 => &KAFKA3,
    };
    cell.get_or_init(|| Secured::start(version))
}

impl Secured {
    fn start(version: Version) -> Self {
        let ports: Vec<u16> = LISTENERS.iter().map(|_| free_port()).collect();
        let options = options(&ports);
        let options: Vec<(&str, &str)> = options
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let scram = |mechanism| format!("'{mechanism}=[name={USER},password={PASSWORD}]'");
        let preparation = Preparation {
            files: certificates(),
            java_arguments: String::new(),
            format_arguments: format!(
                "--add-scram {} --add-scram {}",
                scram("SCRAM-SHA-256"),
                scram("SCRAM-SHA-512")
            ),
        };
        let kafka = Kafka::start_prepared(version, 1, &options, &preparation);
        let secured = Self { kafka, ports };
        secured.convert_keys();
        secured.kafka.create_topic(TOPIC, 1, 1);
        secured.kafka.produce(TOPIC, 0, 4 + LAG as usize);
        secured.kafka.commit(GROUP, TOPIC, &[(0, 4)]);
        secured
    }

    pub(crate) fn address(&self, listener: Listener) -> String {
        let index = LISTENERS.iter().position(|(l, ..)| *l == listener);
        format!(
            "127.0.0.1:{}",
            self.ports[index.expect("it is in the list")]
        )
    }

    /// A file that was made for the test: `ca.pem`, `other-ca.pem`, `client.pem`, `client.key` (PKCS#8), `client-sec1.key`,
    /// `client-encrypted.key`, `rsa.pem`, `rsa.key`, `rsa-pkcs1.key`, `foreign.pem`, `foreign.key`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.kafka.folder().join(name)
    }

    /// The same keys in the other forms, by OpenSSL: what a person would have.
    fn convert_keys(&self) {
        let folder = self.kafka.folder();
        openssl(folder, "ec -in client.key -out client-sec1.key");
        let pass = format!("-v2 aes-256-cbc -passout pass:{KEY_PASSWORD}");
        openssl(
            folder,
            &format!("pkcs8 -topk8 {pass} -in client.key -out client-encrypted.key"),
        );
        openssl(folder, "rsa -traditional -in rsa.key -out rsa-pkcs1.key");
    }
}

/// What it prints.
fn openssl(folder: &Path, arguments: &str) -> String {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("openssl is installed");
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

fn options(ports: &[u16]) -> Vec<(String, String)> {
    let each = |of: &dyn Fn(&str, &str, u16) -> String| {
        let parts = LISTENERS.iter().zip(ports);
        let parts: Vec<String> = parts
            .map(|((_, name, protocol), port)| of(name, protocol, *port))
            .collect();
        parts.join(",")
    };
    let listen = each(&|name, _, port| format!("{name}://127.0.0.1:{port}"));
    let protocols = each(&|name, protocol, _| format!("{name}:{protocol}"));
    let plain = "PLAINTEXT://127.0.0.1:{port}";
    let mut options = vec![
        (
            "listeners",
            format!("{plain},CONTROLLER://127.0.0.1:{{controller}},{listen}"),
        ),
        ("advertised.listeners", format!("{plain},{listen}")),
        (
            "listener.security.protocol.map",
            format!("CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,{protocols}"),
        ),
        (
            "sasl.enabled.mechanisms",
            "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER".to_owned(),
        ),
    ];
    let session_ms = SESSION.as_millis().to_string();
    let fixed = [
        ("ssl.keystore.type", "PEM"),
        ("ssl.keystore.location", "{folder}/server.pem"),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", "{folder}/ca.pem"),
        ("listener.name.mutual.ssl.client.auth", "required"),
        ("listener.name.mutual12.ssl.client.auth", "required"),
        ("listener.name.mutual12.ssl.enabled.protocols", "TLSv1.2"),
        (
            "listener.name.sasl_plaintext.sasl.enabled.mechanisms",
            "PLAIN",
        ),
        (
            "listener.name.short.sasl.enabled.mechanisms",
            "SCRAM-SHA-256",
        ),
        ("listener.name.short.connections.max.reauth.ms", &session_ms),
    ];
    options.extend(fixed.map(|(key, value)| (key, value.to_owned())));
    let mut options: Vec<(String, String)> = options
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    for name in ["expired", "future", "stranger"] {
        options.push((
            format!("listener.name.{name}.ssl.keystore.location"),
            format!("{{folder}}/{name}.pem"),
        ));
    }
    options.extend(logins());
    options
}

/// What each listener needs to know for each of its mechanisms.
fn logins() -> Vec<(String, String)> {
    const MODULES: &str = "org.apache.kafka.common.security";
    let plain = format!("{MODULES}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";");
    let scram = format!("{MODULES}.scram.ScramLoginModule required;");
    let token = format!(
        "{MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";"
    );
    let of = |listener: &str, mechanism: &str, module: &str| {
        (
            format!("listener.name.{listener}.{mechanism}.sasl.jaas.config"),
            module.to_owned(),
        )
    };
    vec![
        of("sasl_ssl", "plain", &plain),
        of("sasl_ssl", "scram-sha-256", &scram),
        of("sasl_ssl", "scram-sha-512", &scram),
        of("sasl_ssl", "oauthbearer", &token),
        of("sasl_plaintext", "plain", &plain),
        of("short", "scram-sha-256", &scram),
    ]
}

/// `(file, its content)`: two authorities, and what the first signs; keys are EC, in PKCS#8.
fn certificates() -> Vec<(String, String)> {
    let (ca, other) = (authority("lagslope tests"), authority("somebody else"));
    let now = OffsetDateTime::now_utc();
    let (day, local) = (Duration::days(1), ["localhost", "127.0.0.1"]);
    let mut files = vec![
        ("ca.pem".to_owned(), ca.pem()),
        ("other-ca.pem".to_owned(), other.pem()),
    ];
    let servers = [
        ("server", now - day, now + day, &local[..]),
        ("expired", now - 30 * day, now - 9 * day, &local[..]),
        ("future", now + day * 3, now + day * 30, &local[..]),
        ("stranger", now - day, now + day, &[STRANGER][..]),
    ];
    for (name, from, to, hosts) in servers {
        let (certificate, key) = signed(&ca, hosts, from, to);
        files.push((format!("{name}.pem"), key + &certificate));
    }
    for (name, issuer) in [("client", &ca), ("foreign", &other)] {
        let (certificate, key) = signed(issuer, &["monitor.example"], now - day, now + day);
        files.push((format!("{name}.pem"), certificate));
        files.push((format!("{name}.key"), key));
    }
    // ring makes no RSA keys.
    let rsa = openssl(
        Path::new("/"),
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    );
    let key = KeyPair::from_pem(&rsa).expect("a key in PKCS#8");
    let (certificate, key) = signed_with(&ca, key, &["monitor.example"], now - day, now + day);
    files.push(("rsa.pem".to_owned(), certificate));
    files.push(("rsa.key".to_owned(), key));
    files
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("ring makes keys");
    CertifiedIssuer::self_signed(params, key).expect("a valid request")
}

/// A certificate and its key, for server and client.
fn signed(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    hosts: &[&str],
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> (String, String) {
    let key = KeyPair::generate().expect("ring makes keys");
    signed_with(issuer, key, hosts, from, to)
}

fn signed_with(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
    hosts: &[&str],
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> (String, String) {
    let names: Vec<String> = hosts.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("valid names");
    params.not_before = from;
    params.not_after = to;
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let certificate = params.signed_by(&key, issuer).expect("a valid request");
    (certificate.pem(), key.serialize_pem())
}
