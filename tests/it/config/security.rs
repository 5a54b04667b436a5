//! The `kafka` block: what each way of signing in comes to.

use std::fs;

use lagslope::kafka::security::{Sasl, Security, TokenSource};

use super::load;

/// A cluster with this `kafka` block, one property a line from line 4 on.
fn cluster(properties: &[&str]) -> String {
    let head = "clusters:\n  - {name: prod, bootstrap_servers: ['b-1.x.y.c2.kafka.eu-west-1.amazonaws.com:9098'],\n     kafka: {\n";
    let lines: String = properties
        .iter()
        .map(|line| format!("      {line},\n"))
        .collect();
    format!("{head}{lines}    }}}}\n")
}

pub(super) fn security(properties: &[&str], variables: &[&str]) -> Result<Security, Vec<String>> {
    let settings = load(cluster(properties), variables)?;
    Ok(settings.clusters[0].kafka.security.clone())
}

pub(super) const SASL: &str = "security.protocol: SASL_SSL";

#[test]
fn without_a_block_it_is_plain_text_and_nobody_signs_in() {
    let plain = security(&[], &[]).unwrap();
    assert!(plain.tls.is_none() && plain.sasl.is_none());
}

#[test]
fn tls_verifies_everything_unless_told_otherwise() {
    let tls = |lines: &[&str]| security(lines, &[]).unwrap().tls.expect("TLS");
    let strict = tls(&["security.protocol: ssl"]);
    assert!(strict.verify_certificate && strict.verify_host_name);
    assert!(strict.ca.is_none() && strict.identity.is_none());
    let lax = tls(&[
        "security.protocol: SSL",
        "ssl.endpoint.identification.algorithm: none",
        "enable.ssl.certificate.verification: false",
    ]);
    assert!(!lax.verify_certificate && !lax.verify_host_name);
}

#[test]
fn a_client_certificate_takes_its_files_and_the_keys_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let made = rcgen::generate_simple_self_signed(vec!["lagslope".to_owned()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let (ca, certificate, key) = (file("ca", &pem), file("crt", &pem), file("key", &key));
    let password = file("pass", "a password\r\n");
    let lines = [
        "security.protocol: SSL".to_owned(),
        format!("ssl.ca.location: {}", ca.display()),
        format!("ssl.certificate.location: {}", certificate.display()),
        format!("ssl.key.location: {}", key.display()),
        format!("ssl.key.password_file: {}", password.display()),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let tls = security(&lines, &[]).unwrap().tls.expect("TLS");
    assert_eq!(tls.ca, Some(ca));
    let identity = tls.identity.expect("a certificate");
    assert_eq!((identity.certificate, identity.key), (certificate, key));
    assert_eq!(identity.key_password.expect("one").expose(), "a password");
}

#[test]
fn each_mechanism_gets_its_name_and_password() {
    for (mechanism, debug) in [
        ("PLAIN", "Plain("),
        ("scram-sha-256", "ScramSha256("),
        ("SCRAM-SHA-512", "ScramSha512("),
    ] {
        for key in ["sasl.mechanism", "sasl.mechanisms"] {
            let mechanism = format!("{key}: {mechanism}");
            let lines = [
                SASL,
                &mechanism,
                "sasl.username: 007",
                "sasl.password: ' x '",
            ];
            let sasl = security(&lines, &[]).unwrap().sasl.expect("it signs in");
            assert!(format!("{sasl:?}").starts_with(debug), "{sasl:?}");
            let (Sasl::Plain(login) | Sasl::ScramSha256(login) | Sasl::ScramSha512(login)) = sasl
            else {
                panic!("{sasl:?}")
            };
            assert_eq!(
                (login.username.as_str(), login.password.expose()),
                ("007", " x ")
            );
        }
    }
}

#[cfg(feature = "gssapi")]
#[test]
fn kerberos_wants_nothing_and_may_name_its_service() {
    let service = |lines: &[&str]| match security(lines, &[]).unwrap().sasl {
        Some(Sasl::Gssapi(kerberos)) => kerberos.service_name,
        other => panic!("{other:?}"),
    };
    let least = [SASL, "sasl.mechanism: gssapi"];
    assert_eq!(service(&least), "kafka");
    let named = [&least[..], &["sasl.kerberos.service.name: broker"]].concat();
    assert_eq!(service(&named), "broker");
}

#[test]
fn the_environment_gives_secrets_and_their_files() {
    let file = crate::lagslope::config_file("from a file\n");
    let in_file = format!(
        "LAGSLOPE__CLUSTERS__0__KAFKA__SASL_PASSWORD_FILE={}",
        file.path().display()
    );
    for (variable, expected) in [
        (
            "LAGSLOPE__CLUSTERS__0__KAFKA__SASL_PASSWORD=itself",
            "itself",
        ),
        (&in_file, "from a file"),
    ] {
        let variables = [
            "LAGSLOPE__CLUSTERS__0__KAFKA__SECURITY_PROTOCOL=SASL_PLAINTEXT",
            "LAGSLOPE__CLUSTERS__0__KAFKA__SASL_MECHANISM=PLAIN",
            "LAGSLOPE__CLUSTERS__0__KAFKA__SASL_USERNAME=u",
            variable,
        ];
        let Some(Sasl::Plain(login)) = security(&[], &variables).unwrap().sasl else {
            panic!("PLAIN")
        };
        assert_eq!(login.password.expose(), expected);
    }
}

const OIDC: &[&str] = &[
    SASL,
    "sasl.mechanism: OAUTHBEARER",
    "sasl.oauthbearer.method: OIDC",
    "sasl.oauthbearer.token.endpoint.url: 'https://id.example.com/token'",
    "sasl.oauthbearer.client.id: me",
    "sasl.oauthbearer.client.secret: s",
];

#[test]
fn client_credentials_come_with_scope_and_extensions() {
    let more = [
        "sasl.oauthbearer.scope: read write",
        "sasl.oauthbearer.extensions: 'logicalCluster=lkc-1, identityPoolId=a=b'",
    ];
    let sasl = security(&[OIDC, &more].concat(), &[]).unwrap().sasl;
    let Some(Sasl::OAuthBearer(TokenSource::Oidc(oidc))) = sasl else {
        panic!("{sasl:?}")
    };
    assert_eq!(oidc.token_endpoint, "https://id.example.com/token");
    assert_eq!(
        (oidc.client_id.as_str(), oidc.client_secret.expose()),
        ("me", "s")
    );
    assert_eq!(oidc.scope.as_deref(), Some("read write"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        oidc.extensions,
        [
            pair("logicalCluster", "lkc-1"),
            pair("identityPoolId", "a=b")
        ]
    );
}

#[cfg(feature = "msk-iam")]
#[test]
fn amazons_region_is_in_the_brokers_address() {
    let iam = |lines: &[&str], servers: &str, variables: &[&str]| {
        let lines = [
            &[
                SASL,
                "sasl.mechanism: OAUTHBEARER",
                "sasl.oauthbearer.method: aws_msk_iam",
            ],
            lines,
        ]
        .concat();
        let text = cluster(&lines).replace("b-1.x.y.c2.kafka.eu-west-1.amazonaws.com", servers);
        let settings = load(text, variables)?;
        match settings.clusters[0].kafka.security.sasl.clone() {
            Some(Sasl::OAuthBearer(TokenSource::MskIam(iam))) => Ok::<_, Vec<String>>(iam),
            other => panic!("{other:?}"),
        }
    };
    for (servers, region) in [
        ("b-1.x.y.c2.kafka.eu-west-1.amazonaws.com", "eu-west-1"),
        (
            "boot-a.c1.kafka-serverless.us-east-2.amazonaws.com",
            "us-east-2",
        ),
        ("b-2.x.y.c1.kafka.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ] {
        assert_eq!(iam(&[], servers, &[]).unwrap().region, region);
    }
    let named = ["sasl.oauthbearer.aws.region: eu-central-1"];
    assert_eq!(
        iam(&named, "kafka.internal", &[]).unwrap().region,
        "eu-central-1"
    );
    let found = iam(
        &[],
        "kafka.internal",
        &["AWS_REGION=sa-east-1", "HOME=/h", "PATH=/bin"],
    );
    let found = found.unwrap();
    assert_eq!(found.region, "sa-east-1");
    let kept: Vec<&str> = found.environment.keys().map(String::as_str).collect();
    assert_eq!(
        kept,
        ["AWS_REGION", "HOME"],
        "and nothing that isn't Amazon's"
    );
    assert_eq!(
        iam(&[], "kafka.eu.amazonaws.example.com", &[]).unwrap_err(),
        [
            "f.yaml:3: clusters[0].kafka.sasl.oauthbearer.aws.region: missing: no broker's address says it, nor does AWS_REGION"
        ]
    );
}

#[test]
fn a_region_beside_client_credentials_and_the_reverse_are_refused() {
    let both = [OIDC, &["sasl.oauthbearer.aws.region: eu-west-1"]].concat();
    assert_eq!(
        security(&both, &[]).unwrap_err(),
        [
            "f.yaml:10: clusters[0].kafka.sasl.oauthbearer.aws.region: this is for aws_msk_iam: remove it"
        ]
    );
}
