//! The `kafka` block: the words for what contradicts itself, or is not ours.

use super::security::{SASL, security};

/// `(why, properties from line 4 on, what is said of them)`.
const CONTRADICTIONS: &[(&str, &[&str], &str)] = &[
    (
        "the protocol",
        &["security.protocol: TLS"],
        "f.yaml:4: clusters[0].kafka.security.protocol: expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, got the text \"TLS\"",
    ),
    (
        "TLS keys without TLS",
        &[
            "security.protocol: SASL_PLAINTEXT",
            "ssl.ca.location: /ca.pem",
        ],
        "f.yaml:5: clusters[0].kafka.ssl.ca.location: there is no TLS with security.protocol SASL_PLAINTEXT: set SSL or SASL_SSL, or remove this",
    ),
    (
        "a password that nobody is asked for",
        &["sasl.username: u", "sasl.password: p"],
        "f.yaml:4: clusters[0].kafka.sasl.username: nobody signs in with security.protocol PLAINTEXT: set SASL_SSL or SASL_PLAINTEXT, or remove this",
    ),
    (
        "no mechanism",
        &[SASL],
        "f.yaml:3: clusters[0].kafka.sasl.mechanism: missing: set PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER (librdkafka's default, GSSAPI, is not assumed)",
    ),
    #[cfg(not(feature = "gssapi"))]
    (
        "Kerberos in a build without it",
        &[SASL, "sasl.mechanisms: GSSAPI"],
        "f.yaml:5: clusters[0].kafka.sasl.mechanisms: GSSAPI (Kerberos) is not in this build: it needs the cargo feature `gssapi`",
    ),
    #[cfg(feature = "gssapi")]
    (
        "Kerberos with a password",
        &[SASL, "sasl.mechanism: GSSAPI", "sasl.password: p"],
        "f.yaml:6: clusters[0].kafka.sasl.password: GSSAPI signs in with a Kerberos ticket (KRB5CCNAME, KRB5_CLIENT_KTNAME): remove this",
    ),
    (
        "a service of Kerberos without Kerberos",
        &[
            SASL,
            "sasl.mechanism: PLAIN",
            "sasl.kerberos.service.name: kafka",
        ],
        "f.yaml:6: clusters[0].kafka.sasl.kerberos.service.name: this is for sasl.mechanism GSSAPI: remove it",
    ),
    (
        "a service of Kerberos with its host",
        &["sasl.kerberos.service.name: kafka/b1"],
        "f.yaml:4: clusters[0].kafka.sasl.kerberos.service.name: expected a service's name such as kafka, without host and realm, got the text \"kafka/b1\"",
    ),
    (
        "librdkafka's keytab",
        &["sasl.kerberos.keytab: /k"],
        "f.yaml:4: clusters[0].kafka.sasl.kerberos.keytab: set the variable KRB5_CLIENT_KTNAME to that file: Kerberos reads it, and renews tickets by it, by itself",
    ),
    (
        "both spellings",
        &[SASL, "sasl.mechanism: PLAIN", "sasl.mechanisms: PLAIN"],
        "f.yaml:6: clusters[0].kafka.sasl.mechanisms: sasl.mechanism is there too, and means the same: keep one",
    ),
    (
        "Java's mechanism",
        &[SASL, "sasl.mechanism: AWS_MSK_IAM"],
        "f.yaml:5: clusters[0].kafka.sasl.mechanism: AWS_MSK_IAM is Amazon's mechanism for Java: set OAUTHBEARER here, and sasl.oauthbearer.method to aws_msk_iam",
    ),
    (
        "a name without a password",
        &[SASL, "sasl.mechanism: PLAIN", "sasl.username: u"],
        "f.yaml:3: clusters[0].kafka.sasl.password: missing: set it, or sasl.password_file",
    ),
    (
        "a password without a name",
        &[SASL, "sasl.mechanism: PLAIN", "sasl.password: p"],
        "f.yaml:3: clusters[0].kafka.sasl.username: missing: the mechanism wants a name and a password",
    ),
    (
        "an empty password",
        &[
            SASL,
            "sasl.mechanism: PLAIN",
            "sasl.username: u",
            "sasl.password: ''",
        ],
        "f.yaml:7: clusters[0].kafka.sasl.password: expected a secret, got an empty text",
    ),
    (
        "a password twice",
        &[
            SASL,
            "sasl.mechanism: PLAIN",
            "sasl.username: u",
            "sasl.password: p",
            "sasl.password_file: /nowhere",
        ],
        "f.yaml:8: clusters[0].kafka.sasl.password_file: sasl.password is there too: keep one",
    ),
    (
        "a file that is not there",
        &[
            SASL,
            "sasl.mechanism: PLAIN",
            "sasl.username: u",
            "sasl.password_file: /nowhere",
        ],
        "f.yaml:7: clusters[0].kafka.sasl.password_file: /nowhere: cannot be read: No such file or directory (os error 2)",
    ),
    (
        "a folder for a file",
        &["security.protocol: SSL", "ssl.ca.location: /"],
        "f.yaml:5: clusters[0].kafka.ssl.ca.location: /: cannot be read: Is a directory (os error 21)",
    ),
    (
        "an endless file for a password",
        &[
            SASL,
            "sasl.mechanism: PLAIN",
            "sasl.username: u",
            "sasl.password_file: /dev/zero",
        ],
        "f.yaml:7: clusters[0].kafka.sasl.password_file: /dev/zero: larger than 65536 bytes: this is no secret",
    ),
    (
        "an empty file for a password",
        &[
            SASL,
            "sasl.mechanism: PLAIN",
            "sasl.username: u",
            "sasl.password_file: /dev/null",
        ],
        "f.yaml:7: clusters[0].kafka.sasl.password_file: /dev/null: it is empty",
    ),
    (
        "a certificate without a key",
        &[
            "security.protocol: SSL",
            "ssl.certificate.location: /etc/hosts",
        ],
        "f.yaml:3: clusters[0].kafka.ssl.key.location: missing: ssl.certificate.location is there",
    ),
    (
        "the password of no key",
        &["security.protocol: SSL", "ssl.key.password: p"],
        "f.yaml:3: clusters[0].kafka.ssl.key.location: missing: the password of a key is there",
    ),
    (
        "the name in what is not verified",
        &[
            "security.protocol: SSL",
            "enable.ssl.certificate.verification: false",
            "ssl.endpoint.identification.algorithm: https",
        ],
        "f.yaml:6: clusters[0].kafka.ssl.endpoint.identification.algorithm: nobody looks at the name in a certificate that is not verified: enable.ssl.certificate.verification is false",
    ),
    (
        "a token with a password",
        &[SASL, "sasl.mechanism: OAUTHBEARER", "sasl.password: p"],
        "f.yaml:6: clusters[0].kafka.sasl.password: OAUTHBEARER signs in with a token, not with a name and a password: remove this",
    ),
    (
        "a token's key with SCRAM",
        &[
            SASL,
            "sasl.mechanism: SCRAM-SHA-256",
            "https.ca.location: /ca.pem",
        ],
        "f.yaml:6: clusters[0].kafka.https.ca.location: this is for sasl.mechanism OAUTHBEARER: remove it",
    ),
    (
        "tokens from nowhere",
        &[SASL, "sasl.mechanism: OAUTHBEARER"],
        "f.yaml:3: clusters[0].kafka.sasl.oauthbearer.method: missing: where do tokens come from? Set oidc or aws_msk_iam",
    ),
    (
        "an endpoint with a password in it",
        &[
            SASL,
            "sasl.mechanism: OAUTHBEARER",
            "sasl.oauthbearer.token.endpoint.url: 'https://u:hunter2@id/token'",
        ],
        "f.yaml:6: clusters[0].kafka.sasl.oauthbearer.token.endpoint.url: expected an http or https address without a name or password in it, such as https://id.example.com/token",
    ),
    (
        "librdkafka's, with a counterpart",
        &["ssl.ca.pem: x"],
        "f.yaml:4: clusters[0].kafka.ssl.ca.pem: certificates are read from PEM files: set ssl.ca.location",
    ),
    (
        "librdkafka's, that can't be honoured",
        &["ssl.crl.location: x"],
        "f.yaml:4: clusters[0].kafka.ssl.crl.location: this can't be honoured: lagslope's TLS is rustls, not OpenSSL",
    ),
    (
        "librdkafka's, without a counterpart",
        &["fetch.wait.max.ms: 5"],
        "f.yaml:4: clusters[0].kafka.fetch.wait.max.ms: a property of librdkafka's that lagslope's own client needs no setting for: remove it",
    ),
    (
        "nobody's, but nearly ours",
        &["sasl.pasword: p"],
        "f.yaml:4: clusters[0].kafka.sasl.pasword: unknown key: did you mean `sasl.password`?",
    ),
    (
        "nobody's",
        &["sasl.jaas.config: p"],
        "f.yaml:4: clusters[0].kafka.sasl.jaas.config: neither lagslope nor librdkafka has this property",
    ),
];

#[test]
fn what_contradicts_itself_is_named_with_its_key() {
    for (why, lines, said) in CONTRADICTIONS {
        assert_eq!(security(lines, &[]).unwrap_err(), [*said], "{why}");
    }
}
