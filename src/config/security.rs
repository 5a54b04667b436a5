//! The `kafka` block → how brokers are reached and who signs in. What contradicts, or would do nothing, is named: a key that is
//! ignored in silence is how a password gets sent in the clear.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::leaf::Text;
use super::properties::{File, Hidden, Identification, Kafka, Mechanism, Method, Protocol};
use super::secret_file;
use crate::kafka::Secret;
#[cfg(feature = "gssapi")]
use crate::kafka::security::Kerberos;
use crate::kafka::security::{Identity, Login, MskIam, Oidc, Sasl, Security, Tls, TokenSource};

/// A key of the block, and what is wrong with it.
type Wrong = (&'static str, String);

/// Checks the whole block, and reads the files of its secrets.
pub(super) fn check(
    written: Option<&Kafka>,
    brokers: &[String],
    aws: &BTreeMap<String, Secret>,
) -> Result<Security, Wrong> {
    let none = Kafka::default();
    let written = written.unwrap_or(&none);
    let protocol = value(&written.protocol).copied().unwrap_or_default();
    Ok(Security {
        tls: tls(written, protocol)?,
        sasl: sasl(written, protocol, brokers, aws)?,
    })
}

fn tls(written: &Kafka, protocol: Protocol) -> Result<Option<Tls>, Wrong> {
    if !protocol.has_tls() {
        let name = protocol.name();
        return refuse(
            tls_keys(written),
            &format!(
                "there is no TLS with security.protocol {name}: set SSL or SASL_SSL, or remove this"
            ),
        )
        .map(|()| None);
    }
    let tls = Tls {
        ca: file("ssl.ca.location", &written.ca)?,
        identity: identity(written)?,
        verify_certificate: value(&written.verification).copied().unwrap_or(true),
        verify_host_name: value(&written.identification) != Some(&Identification::None),
    };
    if !tls.verify_certificate && value(&written.identification) == Some(&Identification::Https) {
        return Err((
            "ssl.endpoint.identification.algorithm",
            "nobody looks at the name in a certificate that is not verified: enable.ssl.certificate.verification is false"
                .to_owned(),
        ));
    }
    secret_file::prove(&tls)?;
    Ok(Some(tls))
}

fn identity(written: &Kafka) -> Result<Option<Identity>, Wrong> {
    let certificate = file("ssl.certificate.location", &written.certificate)?;
    let key = file("ssl.key.location", &written.key)?;
    let key_password = secret(
        ("ssl.key.password", &written.key_password),
        ("ssl.key.password_file", &written.key_password_file),
    )?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(Identity {
            certificate,
            key,
            key_password,
        })),
        (Some(_), None) => missing("ssl.key.location", "ssl.certificate.location is there"),
        (None, Some(_)) => missing("ssl.certificate.location", "ssl.key.location is there"),
        (None, None) if key_password.is_some() => {
            missing("ssl.key.location", "the password of a key is there")
        }
        (None, None) => Ok(None),
    }
}

fn sasl(
    written: &Kafka,
    protocol: Protocol,
    brokers: &[String],
    aws: &BTreeMap<String, Secret>,
) -> Result<Option<Sasl>, Wrong> {
    if !protocol.has_sasl() {
        let message = format!(
            "nobody signs in with security.protocol {}: set SASL_SSL or SASL_PLAINTEXT, or remove this",
            protocol.name()
        );
        return refuse(sasl_keys(written), &message).map(|()| None);
    }
    let mechanism = mechanism(written)?;
    if mechanism != Mechanism::Gssapi {
        refuse(
            kerberos_keys(written),
            "this is for sasl.mechanism GSSAPI: remove it",
        )?;
    }
    let sasl = match mechanism {
        Mechanism::Plain => Sasl::Plain(login(written)?),
        Mechanism::ScramSha256 => Sasl::ScramSha256(login(written)?),
        Mechanism::ScramSha512 => Sasl::ScramSha512(login(written)?),
        Mechanism::OAuthBearer => Sasl::OAuthBearer(token_source(written, protocol, brokers, aws)?),
        Mechanism::Gssapi => kerberos(written)?,
    };
    Ok(Some(sasl))
}

fn mechanism(written: &Kafka) -> Result<Mechanism, Wrong> {
    match (value(&written.mechanism), value(&written.mechanisms)) {
        (Some(_), Some(_)) => Err((
            "sasl.mechanisms",
            "sasl.mechanism is there too, and means the same: keep one".to_owned(),
        )),
        (Some(mechanism), None) | (None, Some(mechanism)) => Ok(*mechanism),
        (None, None) => missing(
            "sasl.mechanism",
            "set PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER (librdkafka's default, GSSAPI, is not assumed)",
        ),
    }
}

#[cfg(feature = "gssapi")]
fn kerberos(written: &Kafka) -> Result<Sasl, Wrong> {
    /// librdkafka's default, and what Kafka's documents call the service.
    const SERVICE: &str = "kafka";
    refuse(
        login_keys(written).into_iter().chain(token_keys(written)),
        "GSSAPI signs in with a Kerberos ticket (KRB5CCNAME, KRB5_CLIENT_KTNAME): remove this",
    )?;
    let named = value(&written.service_name).map(|service| service.0.clone());
    Ok(Sasl::Gssapi(Kerberos {
        service_name: named.unwrap_or_else(|| SERVICE.to_owned()),
    }))
}

#[cfg(not(feature = "gssapi"))]
fn kerberos(written: &Kafka) -> Result<Sasl, Wrong> {
    let message = "GSSAPI (Kerberos) is not in this build: it needs the cargo feature `gssapi`";
    let key = match written.mechanism {
        Some(_) => "sasl.mechanism",
        None => "sasl.mechanisms",
    };
    Err((key, message.to_owned()))
}

fn login(written: &Kafka) -> Result<Login, Wrong> {
    refuse(
        token_keys(written),
        "this is for sasl.mechanism OAUTHBEARER: remove it",
    )?;
    let password = secret(
        ("sasl.password", &written.password),
        ("sasl.password_file", &written.password_file),
    )?;
    let Some(username) = value(&written.username) else {
        return missing("sasl.username", "the mechanism wants a name and a password");
    };
    let Some(password) = password else {
        return missing("sasl.password", "set it, or sasl.password_file");
    };
    Ok(Login {
        username: username.0.clone(),
        password,
    })
}

fn token_source(
    written: &Kafka,
    protocol: Protocol,
    brokers: &[String],
    aws: &BTreeMap<String, Secret>,
) -> Result<TokenSource, Wrong> {
    refuse(
        login_keys(written),
        "OAUTHBEARER signs in with a token, not with a name and a password: remove this",
    )?;
    match value(&written.method) {
        Some(Method::Oidc) => oidc(written).map(TokenSource::Oidc),
        Some(Method::AwsMskIam) => {
            msk_iam(written, protocol, brokers, aws).map(TokenSource::MskIam)
        }
        None => missing(
            "sasl.oauthbearer.method",
            "where do tokens come from? Set oidc or aws_msk_iam",
        ),
    }
}

fn oidc(written: &Kafka) -> Result<Oidc, Wrong> {
    let region = [("sasl.oauthbearer.aws.region", written.aws_region.is_some())];
    refuse(region, "this is for aws_msk_iam: remove it")?;
    let Some(endpoint) = value(&written.token_endpoint) else {
        return missing(
            "sasl.oauthbearer.token.endpoint.url",
            "where are tokens asked for?",
        );
    };
    let Some(id) = value(&written.client_id) else {
        return missing("sasl.oauthbearer.client.id", "who asks for a token?");
    };
    let secret = secret(
        ("sasl.oauthbearer.client.secret", &written.client_secret),
        (
            "sasl.oauthbearer.client.secret_file",
            &written.client_secret_file,
        ),
    )?;
    let Some(client_secret) = secret else {
        return missing(
            "sasl.oauthbearer.client.secret",
            "set it, or sasl.oauthbearer.client.secret_file",
        );
    };
    let ca = file("https.ca.location", &written.https_ca)?;
    if let Some(ca) = &ca {
        secret_file::prove_authorities(ca).map_err(|message| ("https.ca.location", message))?;
    }
    Ok(Oidc {
        token_endpoint: endpoint.0.clone(),
        client_id: id.0.clone(),
        client_secret,
        scope: value(&written.scope).map(|scope| scope.0.clone()),
        extensions: value(&written.extensions)
            .map(|extensions| extensions.0.clone())
            .unwrap_or_default(),
        ca,
    })
}

fn msk_iam(
    written: &Kafka,
    protocol: Protocol,
    brokers: &[String],
    aws: &BTreeMap<String, Secret>,
) -> Result<MskIam, Wrong> {
    if cfg!(not(feature = "msk-iam")) {
        return Err((
            "sasl.oauthbearer.method",
            "aws_msk_iam is not in this build: it needs the cargo feature `msk-iam`".to_owned(),
        ));
    }
    refuse(
        oidc_keys(written),
        "this is for sasl.oauthbearer.method oidc: remove it",
    )?;
    if protocol != Protocol::SaslSsl {
        return Err((
            "security.protocol",
            "Amazon's MSK takes IAM over TLS only: set SASL_SSL".to_owned(),
        ));
    }
    let named = value(&written.aws_region).map(|region| region.0.clone());
    let region = named
        .or_else(|| brokers.iter().find_map(|broker| region_of(broker)))
        .or_else(|| {
            aws.get("AWS_REGION")
                .map(|region| region.expose().to_owned())
        });
    let Some(region) = region else {
        return missing(
            "sasl.oauthbearer.aws.region",
            "no broker's address says it, nor does AWS_REGION",
        );
    };
    Ok(MskIam {
        region,
        environment: aws.clone(),
    })
}

/// The region in the address of a broker of MSK's: `b-1.name.id.c2.kafka.eu-west-1.amazonaws.com:9098`.
fn region_of(broker: &str) -> Option<String> {
    let (host, _port) = broker.rsplit_once(':')?;
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let (rest, region) = host.strip_suffix(".amazonaws.com")?.rsplit_once('.')?;
    let service = rest.rsplit('.').next()?;
    matches!(service, "kafka" | "kafka-serverless").then(|| region.to_owned())
}

fn value<T>(written: &Option<Text<T>>) -> Option<&T> {
    written.as_ref().map(|Text(value)| value)
}

fn missing<T>(key: &'static str, why: &str) -> Result<T, Wrong> {
    Err((key, format!("missing: {why}")))
}

/// A file that must be there already.
fn file(key: &'static str, written: &Option<Text<File>>) -> Result<Option<PathBuf>, Wrong> {
    let Some(File(path)) = value(written) else {
        return Ok(None);
    };
    secret_file::look(path).map_err(|message| (key, message))?;
    Ok(Some(path.clone()))
}

/// A secret, given itself or as a file that holds it.
fn secret(
    (key, itself): (&str, &Option<Text<Hidden>>),
    (file_key, file): (&'static str, &Option<Text<File>>),
) -> Result<Option<Secret>, Wrong> {
    match (value(itself), value(file)) {
        (Some(_), Some(_)) => Err((file_key, format!("{key} is there too: keep one"))),
        (Some(Hidden(secret)), None) => Ok(Some(secret.clone())),
        (None, Some(File(path))) => secret_file::read(path)
            .map(Some)
            .map_err(|message| (file_key, message)),
        (None, None) => Ok(None),
    }
}

/// Refuses the first of these keys that was written.
fn refuse(
    keys: impl IntoIterator<Item = (&'static str, bool)>,
    message: &str,
) -> Result<(), Wrong> {
    match keys.into_iter().find(|(_, written)| *written) {
        Some((key, _)) => Err((key, message.to_owned())),
        None => Ok(()),
    }
}

fn tls_keys(written: &Kafka) -> [(&'static str, bool); 7] {
    [
        ("ssl.ca.location", written.ca.is_some()),
        ("ssl.certificate.location", written.certificate.is_some()),
        ("ssl.key.location", written.key.is_some()),
        ("ssl.key.password", written.key_password.is_some()),
        ("ssl.key.password_file", written.key_password_file.is_some()),
        (
            "ssl.endpoint.identification.algorithm",
            written.identification.is_some(),
        ),
        (
            "enable.ssl.certificate.verification",
            written.verification.is_some(),
        ),
    ]
}

fn sasl_keys(written: &Kafka) -> impl Iterator<Item = (&'static str, bool)> {
    let mechanism = [
        ("sasl.mechanism", written.mechanism.is_some()),
        ("sasl.mechanisms", written.mechanisms.is_some()),
    ];
    let rest = login_keys(written).into_iter().chain(token_keys(written));
    let rest = rest.chain(kerberos_keys(written));
    mechanism.into_iter().chain(rest)
}

fn kerberos_keys(written: &Kafka) -> [(&'static str, bool); 1] {
    [("sasl.kerberos.service.name", written.service_name.is_some())]
}

fn login_keys(written: &Kafka) -> [(&'static str, bool); 3] {
    [
        ("sasl.username", written.username.is_some()),
        ("sasl.password", written.password.is_some()),
        ("sasl.password_file", written.password_file.is_some()),
    ]
}

fn token_keys(written: &Kafka) -> impl Iterator<Item = (&'static str, bool)> + use<> {
    let ours = [
        ("sasl.oauthbearer.method", written.method.is_some()),
        ("sasl.oauthbearer.aws.region", written.aws_region.is_some()),
    ];
    ours.into_iter().chain(oidc_keys(written))
}

fn oidc_keys(written: &Kafka) -> [(&'static str, bool); 7] {
    [
        (
            "sasl.oauthbearer.token.endpoint.url",
            written.token_endpoint.is_some(),
        ),
        ("sasl.oauthbearer.client.id", written.client_id.is_some()),
        (
            "sasl.oauthbearer.client.secret",
            written.client_secret.is_some(),
        ),
        (
            "sasl.oauthbearer.client.secret_file",
            written.client_secret_file.is_some(),
        ),
        ("sasl.oauthbearer.scope", written.scope.is_some()),
        ("sasl.oauthbearer.extensions", written.extensions.is_some()),
        ("https.ca.location", written.https_ca.is_some()),
    ]
}
