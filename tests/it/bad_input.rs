//! What `lagslope` says when it is given something wrong: the file, line and key, or the address and the reason.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version};
use crate::lagslope::{Lagslope, Scrape, command, config_file};
use crate::processes::free_port;
use crate::real::config;

/// sysexits.h, EX_CONFIG.
const BAD_CONFIGURATION: i32 = 78;

/// Everything here is refused before anything is asked of a network.
const AT_ONCE: Duration = Duration::from_secs(10);

async fn run(arguments: &[&str]) -> Output {
    timeout(AT_ONCE, command().args(arguments).output())
        .await
        .expect("it ends at once")
        .expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs both `run` and `check-config` on a bad file: both refuse it with 78, and say all of `expected`.
async fn refused(config: &str, expected: &[&str]) -> String {
    let file = config_file(config);
    let path = file.path().to_str().expect("text");
    let name = file
        .path()
        .file_name()
        .expect("a name")
        .to_str()
        .expect("text");
    let mut texts = Vec::new();
    for arguments in [
        vec![
            "run",
            "--web.listen-address",
            "127.0.0.1:0",
            "--config.file",
            path,
        ],
        vec!["check-config", path],
    ] {
        let output = run(&arguments).await;
        let text = said(&output);
        assert_eq!(
            output.status.code(),
            Some(BAD_CONFIGURATION),
            "{arguments:?}: {text}"
        );
        assert!(text.contains(name), "the file is not named: {text}");
        for part in expected {
            assert!(
                text.contains(part),
                "{arguments:?} does not say {part:?}:\n{text}"
            );
        }
        texts.push(text.replace(path, "lagslope.yaml"));
    }
    format!(
        "$ cat lagslope.yaml\n{config}$ lagslope run --config.file lagslope.yaml; lagslope check-config lagslope.yaml\n{}",
        texts.join("")
    )
}

fn evidence(shown: &str, seen: &str) -> String {
    format!("### {shown}\n{seen}\n")
}

#[tokio::test]
async fn a_bad_configuration_is_refused_with_file_line_and_key() {
    let mut seen = String::new();
    seen += &evidence("unknown keys, all at once", &refused(
        "sample_intervall: 5s\nclusters:\n  - name: prod\n    bootstrap_servers: [a:9092]\n    grups: {include: [x]}\nmetrics: {granularty: topic}\n",
        &["sample_intervall", ":1", "clusters[0].grups", ":5", "metrics.granularty", ":6"],
    ).await);
    seen += &evidence(
        "bootstrap_servers as a string",
        &refused(
            "clusters:\n  - name: prod\n    bootstrap_servers: kafka-1:9092\n",
            &["clusters[0].bootstrap_servers", ":3"],
        )
        .await,
    );
    seen += &evidence("a group regex that does not compile", &refused(
        "clusters:\n  - name: prod\n    bootstrap_servers: [a:9092]\n    groups: {include: [\"orders-(.*\"]}\n",
        &["clusters[0].groups.include", "orders-(.*", ":4"],
    ).await);
    Evidence::new("bad-input-config", "What is said of a bad configuration").entry(
        "lagslope run and check-config on bad input say what is wrong and where; check-config lists all unknown keys at once",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it bad_input",
        &seen,
    );
}

#[tokio::test]
async fn an_unreachable_cluster_is_named_with_its_reason() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port")
        .local_addr()
        .expect("bound");
    let lagslope = declared_down(&closed.to_string()).await;
    let log = lagslope.log();
    assert!(
        log.contains(&closed.to_string()) && log.to_lowercase().contains("refused"),
        "{log}"
    );
    let lines = log
        .lines()
        .filter(|line| line.contains(&closed.to_string()))
        .count();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let later = lagslope
        .log()
        .lines()
        .filter(|line| line.contains(&closed.to_string()))
        .count();
    assert!(
        later <= lines + 1,
        "once per cause, not once per cycle:\n{}",
        lagslope.log()
    );
    Evidence::new(
        "bad-input-unreachable",
        "What is said of a cluster that cannot be reached",
    )
    .entry(
        "lagslope run on an unreachable cluster says what is wrong and where",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it bad_input",
        &lagslope.log(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tls_port_is_called_that() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (tls_port, store) = (free_port(), folder.path().join("keys.p12"));
    make_keys(&store);
    let listeners = format!(
        "PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},SSL://127.0.0.1:{tls_port}"
    );
    let advertised = format!("PLAINTEXT://127.0.0.1:{{port}},SSL://127.0.0.1:{tls_port}");
    let _kafka = Kafka::start(
        Version::Kafka4,
        1,
        &[
            ("listeners", &listeners),
            ("advertised.listeners", &advertised),
            (
                "listener.security.protocol.map",
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL",
            ),
            ("ssl.keystore.type", "PKCS12"),
            ("ssl.keystore.location", &store.display().to_string()),
            ("ssl.keystore.password", STORE_PASSWORD),
        ],
    );
    let address = format!("127.0.0.1:{tls_port}");
    let lagslope = declared_down(&address).await;
    let log = lagslope.log();
    assert!(
        log.contains(&address) && log.contains("TLS") && log.contains("security.protocol"),
        "{log}"
    );
    Evidence::new("bad-input-tls", "What is said of a TLS port").entry(
        "lagslope run on a TLS port says what is wrong and where",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it bad_input",
        &log,
    );
}

/// A daemon for a cluster at this address that it has called down.
async fn declared_down(address: &str) -> Lagslope {
    let lagslope = Lagslope::start(&config(address)).await;
    let is_down = |scrape: &Scrape| scrape.value("up", &[]) == Some(0.0);
    lagslope
        .wait_for("the word that it is down", Duration::from_secs(20), is_down)
        .await;
    lagslope
}

const STORE_PASSWORD: &str = "not-a-secret";

/// A key and a certificate of its own, by the JRE's keytool.
fn make_keys(store: &Path) {
    let made = std::process::Command::new("keytool")
        .args(["-genkeypair", "-keyalg", "EC", "-alias", "broker"])
        .args(["-dname", "CN=localhost", "-storetype", "PKCS12"])
        .args(["-storepass", STORE_PASSWORD, "-keystore"])
        .arg(store)
        .output()
        .expect("keytool comes with Java");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stdout)
    );
}
