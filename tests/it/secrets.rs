//! Secrets never show: one that is easy to find is planted wherever a secret can be written, together with every kind of mistake,
//! and everything that the binary says is looked through.

mod listeners;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lagslope::config::{self, Start};
use tempfile::NamedTempFile;

use crate::lagslope::{Lagslope, Scrape, command, config_file};

/// In no other text.
const PLANTED: &str = "Zq7-planted-Zq7";

/// Every key whose value is a secret.
const SECRETS: &[&str] = &[
    "sasl.password",
    "ssl.key.password",
    "sasl.oauthbearer.client.secret",
];

/// Properties around a secret that are wrong in one way or another; `KEY` is the secret's key.
const MISTAKES: &[&str] = &[
    // Nothing asks for it.
    "KEY: PLANTED",
    "KEY: 'PLANTED'\n      security.protocol: SSL",
    "KEY: PLANTED\n      security.protocol: SASL_SSL",
    "KEY: PLANTED\n      security.protocol: TLS",
    "KEY: PLANTED\n      security.protocol: SASL_SSL\n      sasl.mechanism: PLAIN",
    "KEY: PLANTED\n      security.protocol: SASL_SSL\n      sasl.mechanism: OAUTHBEARER",
    "KEY: PLANTED\n      security.protocol: SASL_SSL\n      sasl.mechanism: OAUTHBEARER\n      sasl.oauthbearer.method: oidc",
    "KEY: PLANTED\n      KEY_file: /nowhere\n      security.protocol: SASL_SSL\n      sasl.mechanism: PLAIN",
    // Of the wrong kind.
    "KEY: [PLANTED]",
    "KEY: {PLANTED: 1}",
    "KEY: {a: PLANTED}",
    "KEY: !!binary PLANTED",
    "KEY: &PLANTED x\n      b: *PLANTED",
    "KEY: |\n        PLANTED",
    // Badly written.
    "KEY:PLANTED",
    "KEY=PLANTED",
    "KEY PLANTED",
    "{KEY:PLANTED, a: b}",
    "{KEY=PLANTED, a: b}",
    "{KEY PLANTED, a: b}",
    "[KEY, PLANTED]",
    "KEY: PLANTED: PLANTED",
    "KEY: 'PLANTED",
    "KEY: \"PLANTED\\q\"",
    "KEY: PLANTED\n      KEY: PLANTED",
    "KEY: PLANTED\n     a: b",
    "KEY: [PLANTED",
    "KEY: @PLANTED",
    "KEY: %PLANTED",
    "KEYPLANTED: x",
    "KEYs: PLANTED",
    "KEY.file: PLANTED",
];

/// Values of variables are given for `KEY`, and below it.
const BELOW: &[&str] = &["", "__0", "__X", "__"];

fn block(properties: &str) -> String {
    format!(
        "clusters:\n  - name: a\n    bootstrap_servers: [\"127.0.0.1:1\"]\n    kafka:\n      {properties}\n"
    )
}

fn planted(text: &str, key: &str) -> String {
    text.replace("KEY", key).replace("PLANTED", PLANTED)
}

/// What a load says, and how its settings look in a log.
fn told(file: &NamedTempFile, variables: &[(String, String)]) -> String {
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    match config::load(&Start::File(file.path().to_owned()), &variables) {
        Ok(settings) => format!("{settings:?} {settings:#?}"),
        Err(problems) => format!("{problems} {problems:?} {problems:#?}"),
    }
}

fn variable(key: &str, below: &str) -> String {
    let key = key.to_uppercase().replace('.', "_");
    format!("LAGSLOPE__CLUSTERS__0__KAFKA__{key}{below}")
}

#[test]
fn no_mistake_makes_the_configuration_quote_a_secret() {
    for key in SECRETS {
        for mistake in MISTAKES {
            let text = block(&planted(mistake, key));
            let file = config_file(&text);
            let told = told(&file, &[]);
            assert!(!told.contains(PLANTED), "{text}\n{told}");
        }
        // A variable over what is in the file, of the right kind and of others.
        for below in BELOW {
            for inside in [
                "",
                "KEY: PLANTED",
                "KEY: [PLANTED]",
                "security.protocol: SSL",
            ] {
                let file = config_file(&block(&planted(inside, key)));
                let pair = (variable(key, below), PLANTED.to_owned());
                let told = told(&file, &[pair]);
                assert!(!told.contains(PLANTED), "{key}{below} {inside}\n{told}");
            }
        }
    }
}

#[test]
fn no_mistake_makes_the_configuration_quote_a_secrets_file() {
    let lines = config_file(&format!("{PLANTED}\n{PLANTED}\n"));
    let no_text = NamedTempFile::new().expect("a file");
    let bytes = [PLANTED.as_bytes(), &[0xff]].concat();
    std::fs::write(no_text.path(), bytes).expect("written");
    let large = config_file(&PLANTED.repeat(10_000));
    for key in SECRETS {
        for file in [&lines, &no_text, &large] {
            let properties = format!("KEY_file: {}", file.path().display());
            for mistake in MISTAKES.iter().filter(|m| m.starts_with("KEY: PLANTED\n")) {
                let properties = mistake.replacen("KEY: PLANTED", &properties, 1);
                let told = told(&config_file(&block(&planted(&properties, key))), &[]);
                assert!(!told.contains(PLANTED), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn check_config_and_run_quote_no_secret() {
    for mistake in ["KEY:PLANTED", "KEY: PLANTED", "KEY: [PLANTED"] {
        let file = config_file(&block(&planted(mistake, SECRETS[0])));
        let path = file.path().to_str().expect("text");
        for arguments in [&["check-config", path][..], &["run", "--config.file", path]] {
            let output = command()
                .args(arguments)
                .env(variable(SECRETS[1], "__X"), PLANTED)
                .output()
                .await
                .expect("it runs");
            assert_eq!(output.status.code(), Some(78));
            let said = said(&output);
            assert!(
                said.starts_with("lagslope: ") && !said.contains(PLANTED),
                "{said}"
            );
        }
    }
}

fn said(output: &Output) -> String {
    let Output { stdout, stderr, .. } = output;
    format!(
        "{}{}",
        String::from_utf8_lossy(stdout),
        String::from_utf8_lossy(stderr)
    )
}

/// One cluster for each place a secret is used in: a sign-in that is refused in words that repeat it, a token endpoint that does,
/// a key for a broker that speaks no TLS.
async fn everywhere(secret: &Path, identity: &Path) -> String {
    let (secret, identity) = (secret.display(), identity.display());
    let refuses = listeners::endpoint_that_refuses(PLANTED).await;
    let gives = listeners::endpoint_that_gives(PLANTED).await;
    let login = "security.protocol: SASL_PLAINTEXT, sasl.username: u, sasl.mechanism:";
    let oidc = format!(
        "security.protocol: SASL_PLAINTEXT, sasl.mechanism: OAUTHBEARER, sasl.oauthbearer.method: oidc, sasl.oauthbearer.client.id: me, sasl.oauthbearer.client.secret: {PLANTED}, sasl.oauthbearer.token.endpoint.url:"
    );
    let signing_in = [
        format!("{login} PLAIN, sasl.password: {PLANTED}"),
        format!("{login} SCRAM-SHA-256, sasl.password_file: {secret}"),
        format!("{oidc} '{refuses}'"),
        format!("{oidc} '{gives}'"),
        format!(
            "security.protocol: SSL, ssl.certificate.location: {identity}, ssl.key.location: {identity}, ssl.key.password: {PLANTED}"
        ),
    ];
    let mut config = "sample_interval: 1s\nclusters:\n".to_owned();
    for (index, kafka) in signing_in.iter().enumerate() {
        let broker = listeners::broker().await;
        config += &format!(
            "  - {{name: c{index}, bootstrap_servers: ['{broker}'], kafka: {{{kafka}}}}}\n"
        );
    }
    config
}

/// What becomes of each of these clusters, as a label of its errors: the secret was used, and refused.
const REFUSED: [&str; 5] = [
    "sign_in_refused",
    "sign_in_refused",
    "no_token",
    "token_refused",
    "timeout",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_shows_no_secret_in_its_log_or_over_http() {
    let secret = config_file(&format!("{PLANTED}\n"));
    let made = rcgen::generate_simple_self_signed(vec!["me".to_owned()]).expect("made");
    let identity = config_file(&(made.cert.pem() + &made.signing_key.serialize_pem()));
    let config = everywhere(secret.path(), identity.path()).await;
    let arguments = ["--log.level", "trace", "--web.enable-lifecycle"];
    let lagslope = Lagslope::start_with(&config, &arguments).await;
    let refused = |page: &Scrape, index: usize| {
        let cluster = format!("c{index}");
        let labels = [("kafka_cluster", &*cluster), ("error", REFUSED[index])];
        page.all("sample_errors_total", &labels).count() > 0
    };
    lagslope
        .wait_for("each is refused", Duration::from_secs(60), |page| {
            (0..REFUSED.len()).all(|index| refused(page, index))
        })
        .await;
    let mut said = lagslope.post("/-/reload").await.1;
    for path in ["/", "/metrics", "/-/healthy", "/-/ready", "/nowhere"] {
        said += &lagslope.get(path).await.1;
    }
    said += &lagslope.log();
    for part in ["no such user", "invalid_client", "hyper_util"] {
        assert!(said.contains(part), "{part} is not said:\n{said}");
    }
    let sent = BASE64_STANDARD.encode(format!("me:{PLANTED}"));
    for secret in [PLANTED, &sent] {
        assert!(!said.contains(secret), "{said}");
    }
}
