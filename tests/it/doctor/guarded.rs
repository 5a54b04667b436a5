//! A real broker with an authorizer. Tests' clients come in plaintext, as `User:ANONYMOUS`, who has the rights that are given; broker,
//! controller and administrator sign in.

use std::fs;

use crate::kafka::{Kafka, Version};
use crate::processes::free_port;

const ACLS: &str = "org.apache.kafka.tools.AclCommand";

const LOGIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" password=\"sesame\" user_admin=\"sesame\";";

pub(crate) struct Guarded {
    pub(crate) kafka: Kafka,
    admin_port: u16,
    admin_properties: tempfile::NamedTempFile,
}

impl Guarded {
    pub(crate) fn start() -> Self {
        let admin_port = free_port();
        let admin = format!("ADMIN://127.0.0.1:{admin_port}");
        let listeners =
            format!("PLAINTEXT://127.0.0.1:{{port}},{admin},CONTROLLER://127.0.0.1:{{controller}}");
        let advertised = format!("PLAINTEXT://127.0.0.1:{{port}},{admin}");
        let options = [
            ("listeners", listeners.as_str()),
            ("advertised.listeners", &advertised),
            (
                "listener.security.protocol.map",
                "CONTROLLER:SASL_PLAINTEXT,ADMIN:SASL_PLAINTEXT,PLAINTEXT:PLAINTEXT",
            ),
            ("inter.broker.listener.name", "ADMIN"),
            ("sasl.enabled.mechanisms", "PLAIN"),
            ("sasl.mechanism.inter.broker.protocol", "PLAIN"),
            ("sasl.mechanism.controller.protocol", "PLAIN"),
            ("listener.name.admin.plain.sasl.jaas.config", LOGIN),
            ("listener.name.controller.plain.sasl.jaas.config", LOGIN),
            (
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            ),
            ("super.users", "User:admin"),
        ];
        let kafka = Kafka::start(Version::Kafka4, 1, &options);
        let admin_properties = tempfile::NamedTempFile::new().expect("a temporary file");
        let login = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={LOGIN}\n"
        );
        fs::write(admin_properties.path(), login).expect("written");
        Self {
            kafka,
            admin_port,
            admin_properties,
        }
    }

    /// `kafka-acls ARGUMENTS`, as the administrator.
    pub(crate) fn acls(&self, arguments: &str) {
        let server = format!("127.0.0.1:{}", self.admin_port);
        let login = self.admin_properties.path().display().to_string();
        let mut all = ["--bootstrap-server", &server, "--command-config", &login]
            .map(str::to_owned)
            .to_vec();
        let words = arguments.split_whitespace();
        all.extend(words.map(|word| word.trim_matches('\'').to_owned()));
        self.kafka.tool(ACLS, &all);
    }

    /// Allows something to the tests' clients.
    pub(crate) fn allow(&self, what: &str) {
        self.acls(&format!("--add --allow-principal User:ANONYMOUS {what}"));
    }

    /// Takes back what was allowed.
    pub(crate) fn take_back(&self, what: &str) {
        self.acls(&format!(
            "--remove --force --allow-principal User:ANONYMOUS {what}"
        ));
    }

    /// Runs a command that the doctor printed.
    pub(crate) fn follow(&self, printed: &str) {
        let server = format!("kafka-acls --bootstrap-server {} ", self.kafka.bootstrap());
        let arguments = printed.trim().strip_prefix(&server);
        let arguments = arguments.unwrap_or_else(|| panic!("not for this cluster: {printed}"));
        self.acls(arguments);
    }
}
