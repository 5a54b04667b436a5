//! A missing right as the command that gives it: for whom, what, on what.

use std::fmt;

use crate::kafka::settings::Settings;
use crate::kafka::settings::security::{Sasl, Security};

/// What is to be allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Describe,
    DescribeConfigs,
    Read,
}

/// On what it is to be allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Resource {
    Cluster,
    AnyGroup,
    AnyTopic,
    Topic(&'static str),
}

/// A right that is missing. Its text is the `kafka-acls` command that adds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acl {
    server: String,
    /// The administrator signs in too, with rights of their own.
    is_plaintext: bool,
    principal: String,
    operation: Operation,
    resource: Resource,
}

impl Acl {
    pub(super) fn new(
        settings: &Settings,
        server: &str,
        operation: Operation,
        resource: Resource,
    ) -> Self {
        let security = &settings.security;
        Self {
            server: server.to_owned(),
            is_plaintext: security.tls.is_none() && security.sasl.is_none(),
            principal: principal(security),
            operation,
            resource,
        }
    }
}

/// As whom brokers see us. What they map names to (`principal.builder.class`, `ssl.principal.mapping.rules`) isn't known here.
fn principal(security: &Security) -> String {
    match &security.sasl {
        Some(Sasl::Plain(login) | Sasl::ScramSha256(login) | Sasl::ScramSha512(login)) => {
            format!("User:{}", login.username)
        }
        Some(Sasl::OAuthBearer(_)) => "User:<the token's subject>".to_owned(),
        #[cfg(feature = "gssapi")]
        Some(Sasl::Gssapi(_)) => "User:<the ticket's principal without its realm>".to_owned(),
        None => match security.tls.as_ref().and_then(|tls| tls.identity.as_ref()) {
            Some(identity) => format!("User:<subject of {}>", identity.certificate.display()),
            None => "User:ANONYMOUS".to_owned(),
        },
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka-acls --bootstrap-server {}", quoted(&self.server))?;
        if !self.is_plaintext {
            f.write_str(" --command-config admin.properties")?;
        }
        let operation = match self.operation {
            Operation::Describe => "Describe",
            Operation::DescribeConfigs => "DescribeConfigs",
            Operation::Read => "Read",
        };
        let principal = quoted(&self.principal);
        write!(
            f,
            " --add --allow-principal {principal} --operation {operation} "
        )?;
        match self.resource {
            Resource::Cluster => f.write_str("--cluster"),
            Resource::AnyGroup => f.write_str("--group '*'"),
            Resource::AnyTopic => f.write_str("--topic '*'"),
            Resource::Topic(name) => write!(f, "--topic {name}"),
        }
    }
}

/// For a shell: quoted unless every character is harmless.
fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_-.:,/@%+=".contains(c);
    if word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::secret::Secret;
    use crate::kafka::settings::security::{Identity, Login, Tls};

    fn login(name: &str) -> Option<Sasl> {
        Some(Sasl::Plain(Login {
            username: name.to_owned(),
            password: Secret::new("sesame".to_owned()),
        }))
    }

    fn certificate(path: &str) -> Option<Tls> {
        Some(Tls {
            ca: None,
            identity: Some(Identity {
                certificate: path.into(),
                key: "key.pem".into(),
                key_password: None,
            }),
            verify_certificate: true,
            verify_host_name: true,
        })
    }

    #[test]
    fn the_principal_is_who_signs_in() {
        let cases = [
            (None, None, "User:ANONYMOUS"),
            (None, login("monitor"), "User:monitor"),
            (certificate("us.pem"), None, "User:<subject of us.pem>"),
            (certificate("us.pem"), login("monitor"), "User:monitor"),
        ];
        for (tls, sasl, expected) in cases {
            assert_eq!(principal(&Security { tls, sasl }), expected);
        }
    }

    #[test]
    fn the_command_can_be_pasted_into_a_shell() {
        let acl = Acl {
            server: "kafka-1:9092".to_owned(),
            is_plaintext: false,
            principal: "User:o'neil monitor".to_owned(),
            operation: Operation::Describe,
            resource: Resource::AnyGroup,
        };
        assert_eq!(
            acl.to_string(),
            r"kafka-acls --bootstrap-server kafka-1:9092 --command-config admin.properties --add --allow-principal 'User:o'\''neil monitor' --operation Describe --group '*'"
        );
    }
}
