//! The `kafka` block as it is written, in librdkafka's property names. Which of them is a secret is said by its type: a
//! [`Hidden`] is quoted in no message. What holds between them is judged in `security.rs`.

use std::path::PathBuf;

use serde::Deserialize;

use super::leaf::{FromText, Text, expected, one_of};
use crate::kafka::Secret;
use crate::kafka::security::Oidc;

/// The block whose keys are librdkafka's property names.
pub(super) const BLOCK: &str = "kafka";

/// What the keys that hold a secret begin with or are, for messages about what may have been meant as one of them.
const SECRETS: &[&str] = &[
    "sasl.password",
    "ssl.key.password",
    "sasl.oauthbearer.client.secret",
];

/// The properties there are.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
pub(super) struct Kafka {
    #[serde(rename = "security.protocol")]
    pub(super) protocol: Option<Text<Protocol>>,

    #[serde(rename = "ssl.ca.location")]
    pub(super) ca: Option<Text<File>>,
    #[serde(rename = "ssl.certificate.location")]
    pub(super) certificate: Option<Text<File>>,
    #[serde(rename = "ssl.key.location")]
    pub(super) key: Option<Text<File>>,
    #[serde(rename = "ssl.key.password")]
    pub(super) key_password: Option<Text<Hidden>>,
    #[serde(rename = "ssl.key.password_file")]
    pub(super) key_password_file: Option<Text<File>>,
    #[serde(rename = "ssl.endpoint.identification.algorithm")]
    pub(super) identification: Option<Text<Identification>>,
    #[serde(rename = "enable.ssl.certificate.verification")]
    pub(super) verification: Option<Text<bool>>,

    #[serde(rename = "sasl.mechanism")]
    pub(super) mechanism: Option<Text<Mechanism>>,
    #[serde(rename = "sasl.mechanisms")]
    pub(super) mechanisms: Option<Text<Mechanism>>,
    #[serde(rename = "sasl.username")]
    pub(super) username: Option<Text<Given>>,
    #[serde(rename = "sasl.password")]
    pub(super) password: Option<Text<Hidden>>,
    #[serde(rename = "sasl.password_file")]
    pub(super) password_file: Option<Text<File>>,

    #[serde(rename = "sasl.kerberos.service.name")]
    pub(super) service_name: Option<Text<Service>>,

    #[serde(rename = "sasl.oauthbearer.method")]
    pub(super) method: Option<Text<Method>>,
    #[serde(rename = "sasl.oauthbearer.token.endpoint.url")]
    pub(super) token_endpoint: Option<Text<Endpoint>>,
    #[serde(rename = "sasl.oauthbearer.client.id")]
    pub(super) client_id: Option<Text<Given>>,
    #[serde(rename = "sasl.oauthbearer.client.secret")]
    pub(super) client_secret: Option<Text<Hidden>>,
    #[serde(rename = "sasl.oauthbearer.client.secret_file")]
    pub(super) client_secret_file: Option<Text<File>>,
    #[serde(rename = "sasl.oauthbearer.scope")]
    pub(super) scope: Option<Text<Given>>,
    #[serde(rename = "sasl.oauthbearer.extensions")]
    pub(super) extensions: Option<Text<Extensions>>,
    #[serde(rename = "https.ca.location")]
    pub(super) https_ca: Option<Text<File>>,
    /// Ours: librdkafka leaves Amazon's tokens to the application.
    #[serde(rename = "sasl.oauthbearer.aws.region")]
    pub(super) aws_region: Option<Text<Region>>,
}

/// `security.protocol`
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Protocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

/// `sasl.mechanism`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
    OAuthBearer,
    Gssapi,
}

/// `sasl.oauthbearer.method`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    Oidc,
    AwsMskIam,
}

/// `ssl.endpoint.identification.algorithm`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Identification {
    Https,
    None,
}

/// A secret.
#[derive(Clone, Debug)]
pub(super) struct Hidden(pub(super) Secret);

/// The path of a file.
#[derive(Clone, Debug)]
pub(super) struct File(pub(super) PathBuf);

/// Text that isn't empty.
#[derive(Clone, Debug)]
pub(super) struct Given(pub(super) String);

/// An address of HTTP or HTTPS.
#[derive(Clone, Debug)]
pub(super) struct Endpoint(pub(super) String);

/// `name=value` pairs.
#[derive(Clone, Debug)]
pub(super) struct Extensions(pub(super) Vec<(String, String)>);

/// The first part of a Kerberos service's name.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "gssapi"),
    expect(dead_code, reason = "checked, and refused, in every build")
)]
pub(super) struct Service(pub(super) String);

/// A region of Amazon's.
#[derive(Clone, Debug)]
pub(super) struct Region(pub(super) String);

impl Protocol {
    pub(super) fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    pub(super) fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }
}

/// A key of the block as a message may show it. Who forgets the space in `sasl.password: …` has written the password into the key.
pub(super) fn shown(key: &str) -> String {
    let foreign = |c: char| !(c.is_ascii_alphanumeric() || ".-_".contains(c));
    let property = key.split(foreign).next().unwrap_or_default();
    let secret = SECRETS.iter().find(|secret| {
        let rest = property.strip_prefix(**secret);
        rest.is_some_and(|rest| !rest.is_empty() && rest != "_file")
    });
    match secret {
        Some(secret) => format!("{secret}…"),
        None if property.len() < key.len() => format!("{property}…"),
        None => key.to_owned(),
    }
}

impl FromText for Protocol {
    const EXAMPLE: &'static str = "PLAINTEXT";

    /// In any case, as librdkafka takes it.
    fn from_text(text: &str) -> Result<Self, String> {
        let all = [
            Self::Plaintext,
            Self::Ssl,
            Self::SaslPlaintext,
            Self::SaslSsl,
        ];
        let found = all
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| expected("PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", text))
    }
}

impl FromText for Mechanism {
    const EXAMPLE: &'static str = "SCRAM-SHA-512";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "PLAIN" => Ok(Self::Plain),
            "SCRAM-SHA-256" => Ok(Self::ScramSha256),
            "SCRAM-SHA-512" => Ok(Self::ScramSha512),
            "OAUTHBEARER" => Ok(Self::OAuthBearer),
            "GSSAPI" => Ok(Self::Gssapi),
            "AWS_MSK_IAM" => Err("AWS_MSK_IAM is Amazon's mechanism for Java: set OAUTHBEARER here, and sasl.oauthbearer.method to aws_msk_iam".to_owned()),
            _ => Err(expected("PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER", text)),
        }
    }
}

impl FromText for Method {
    const EXAMPLE: &'static str = "oidc";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "default" => Err("`default` leaves the token to the application, and lagslope takes none by hand: set oidc or aws_msk_iam".to_owned()),
            "oidc" => Ok(Self::Oidc),
            "aws_msk_iam" => Ok(Self::AwsMskIam),
            _ => Err(expected("oidc or aws_msk_iam", text)),
        }
    }
}

impl FromText for Identification {
    const EXAMPLE: &'static str = "https";

    fn from_text(text: &str) -> Result<Self, String> {
        one_of(text, &[("https", Self::Https), ("none", Self::None)])
    }
}

impl FromText for Hidden {
    const EXAMPLE: &'static str = "secret";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("expected a secret, got an empty text".to_owned()),
            _ => Ok(Self(Secret::new(text.to_owned()))),
        }
    }
}

impl FromText for File {
    const EXAMPLE: &'static str = "/etc/lagslope/file";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err(expected("the path of a file", text)),
            _ => Ok(Self(PathBuf::from(text))),
        }
    }
}

impl FromText for Given {
    const EXAMPLE: &'static str = "lagslope";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err(expected("some text", text)),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl FromText for Endpoint {
    const EXAMPLE: &'static str = "https://id.example.com/token";

    /// Not quoted when it is refused: it may hold a password.
    fn from_text(text: &str) -> Result<Self, String> {
        if Oidc::is_endpoint(text) {
            return Ok(Self(text.to_owned()));
        }
        Err("expected an http or https address without a name or password in it, such as https://id.example.com/token".to_owned())
    }
}

impl FromText for Extensions {
    const EXAMPLE: &'static str = "logicalCluster=lkc-1,identityPoolId=pool-1";

    fn from_text(text: &str) -> Result<Self, String> {
        let pair = |pair: &str| {
            let (name, value) = pair.trim().split_once('=')?;
            let good = name.bytes().all(|byte| byte.is_ascii_alphabetic()) && !name.is_empty();
            // `auth` is the token's own place in the message (RFC 7628).
            let good = good && name != "auth" && value.bytes().all(is_extension_byte);
            good.then(|| (name.to_owned(), value.to_owned()))
        };
        let pairs: Option<Vec<_>> = text.split(',').map(pair).collect();
        pairs
            .map(Self)
            .ok_or_else(|| expected("name=value pairs joined by commas, names of letters", text))
    }
}

/// What a value may consist of by RFC 7628; anything else would end it.
fn is_extension_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t')
}

impl FromText for Service {
    const EXAMPLE: &'static str = "kafka";

    /// Host and realm are not said here: the broker's address and the system's Kerberos know them.
    fn from_text(text: &str) -> Result<Self, String> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || !text.bytes().all(good) {
            return Err(expected(
                "a service's name such as kafka, without host and realm",
                text,
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromText for Region {
    const EXAMPLE: &'static str = "eu-west-1";

    /// It becomes part of a host's name.
    fn from_text(text: &str) -> Result<Self, String> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || !text.bytes().all(good) {
            return Err(expected("a region such as eu-west-1", text));
        }
        Ok(Self(text.to_owned()))
    }
}
