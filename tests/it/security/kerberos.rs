//! Kerberos, with a real KDC and a real Kafka: the binary itself, since whose ticket it is says the environment.

use std::net::TcpListener;
use std::time::Duration;

use super::kdc::{Kdc, REALM};
use crate::evidence::Evidence;
use crate::kafka::secured::{GROUP, LAG, TOPIC};
use crate::kafka::{Kafka, Preparation, Version};
use crate::lagslope::Lagslope;
use crate::processes::free_port;

/// Generous: Kafka may be loading, and the machine busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// Less than libkrb5's patience with a KDC: it must not keep the process.
const SHUT_DOWN: Duration = Duration::from_secs(8);

/// The service whose key Kafka has, and one that the KDC knows and Kafka doesn't.
const SERVICE: &str = "kafka";
const FOREIGN: &str = "other";

struct Site {
    kdc: Kdc,
    /// Ends with the site.
    _kafka: Kafka,
    port: u16,
    /// Of `monitor`.
    keytab: String,
    /// Of a principal whose key is another by now.
    stale: String,
}

impl Site {
    fn start() -> Self {
        let kdc = Kdc::start();
        let keytab = kdc.add("monitor", "monitor.keytab");
        let stale = kdc.add("stale", "stale.keytab");
        kdc.change_key("stale");
        let service = format!("{SERVICE}/localhost@{REALM}");
        let of_kafka = kdc.add(&service, "kafka.keytab");
        kdc.add(&format!("{FOREIGN}/localhost"), "other.keytab");
        let port = free_port();
        let kafka = kafka(&kdc, port, &service, &of_kafka);
        kafka.create_topic(TOPIC, 1, 1);
        kafka.produce(TOPIC, 0, 4 + LAG as usize);
        kafka.commit(GROUP, TOPIC, &[(0, 4)]);
        Self {
            kdc,
            _kafka: kafka,
            port,
            keytab,
            stale,
        }
    }

    fn config(&self, host: &str, service: &str) -> String {
        format!(
            "sample_interval: 1s
clusters:
  - name: test
    bootstrap_servers: ['{host}:{}']
    kafka:
      security.protocol: SASL_PLAINTEXT
      sasl.mechanism: GSSAPI
      sasl.kerberos.service.name: {service}
",
            self.port
        )
    }

    async fn lagslope(&self, config: &str, variables: &[(&str, &str)]) -> Lagslope {
        let settings = self.kdc.file("krb5.conf");
        // The caller's come last, and win.
        let all = [&[("KRB5_CONFIG", settings.as_str())], variables].concat();
        Lagslope::start_among(config, &[], &all).await
    }

    /// Runs the binary until it tells the group's lag.
    async fn sees_the_lag(&self, what: &str, variables: &[(&str, &str)]) {
        let config = self.config("localhost", SERVICE);
        let lagslope = self.lagslope(&config, variables).await;
        let of = [("group", GROUP), ("topic", TOPIC)];
        let page = lagslope
            .wait_for(what, DEADLINE, |page| {
                page.value("lag_messages", &of).is_some()
            })
            .await;
        assert_eq!(page.value("lag_messages", &of), Some(LAG as f64), "{what}");
    }

    /// Runs the binary until it counts this error and says all of it; returns the line.
    async fn is_refused(&self, wrong: &Wrong<'_>) -> String {
        let lagslope = self.lagslope(&wrong.config, &wrong.variables).await;
        lagslope
            .wait_for(&format!("{wrong:?}"), DEADLINE, |page| {
                let log = lagslope.log();
                let is_told = wrong.says.iter().all(|said| log.contains(said));
                is_told && page.sum("sample_errors_total", &[("error", wrong.label)]) > 0.0
            })
            .await;
        let log = lagslope.log();
        let (status, took) = lagslope.terminate().await;
        assert!(status.success(), "{status}");
        assert!(took < SHUT_DOWN, "{}: {took:?} to end", wrong.label);
        let line = log.lines().find(|line| line.contains(wrong.says[0]));
        line.expect("it is in there").to_owned()
    }
}

/// What is tried, and what must come of it.
#[derive(Debug)]
struct Wrong<'a> {
    label: &'static str,
    config: String,
    variables: Vec<(&'a str, &'a str)>,
    /// Parts of what is logged.
    says: &'static [&'static str],
}

fn kafka(kdc: &Kdc, port: u16, service: &str, keytab: &str) -> Kafka {
    let module = format!(
        "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true isInitiator=false keyTab=\"{keytab}\" principal=\"{service}\";"
    );
    let kerberos = format!("KERBEROS://localhost:{port}");
    let plain = "PLAINTEXT://127.0.0.1:{port}";
    let options = [
        (
            "listeners",
            format!("{plain},CONTROLLER://127.0.0.1:{{controller}},KERBEROS://127.0.0.1:{port}"),
        ),
        ("advertised.listeners", format!("{plain},{kerberos}")),
        (
            "listener.security.protocol.map",
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,KERBEROS:SASL_PLAINTEXT".to_owned(),
        ),
        ("sasl.enabled.mechanisms", "GSSAPI".to_owned()),
        ("sasl.kerberos.service.name", SERVICE.to_owned()),
        ("listener.name.kerberos.gssapi.sasl.jaas.config", module),
    ];
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let preparation = Preparation {
        java_arguments: format!("-Djava.security.krb5.conf={}", kdc.file("krb5.conf")),
        ..Preparation::default()
    };
    Kafka::start_prepared(Version::Kafka4, 1, &options, &preparation)
}

#[tokio::test]
async fn tickets_open_a_kafka_and_each_way_without_one_is_told_apart() {
    let site = Site::start();
    let evidence = Evidence::new("kerberos", "Signing in by Kerberos");

    let (cache, nothing) = (site.kdc.file("cache"), site.kdc.file("nothing"));
    let by_keytab = [
        ("KRB5_CLIENT_KTNAME", site.keytab.as_str()),
        ("KRB5CCNAME", cache.as_str()),
    ];
    site.sees_the_lag("by a keytab", &by_keytab).await;
    let asked = site.kdc.log();
    let for_kafka = format!("for {SERVICE}/localhost@{REALM}");
    assert!(asked.contains(&for_kafka), "{asked}");
    let handed_on = asked
        .lines()
        .find(|line| line.contains("TGS_REQ") && line.contains("for krbtgt/"));
    assert_eq!(handed_on, None, "a ticket of ours that Kafka could use");

    // Renewed by somebody else, as far as the binary knows.
    let no_keytab = ("KRB5_CLIENT_KTNAME", nothing.as_str());
    site.sees_the_lag("by the cache", &[no_keytab, by_keytab[1]])
        .await;

    let mut seen = String::new();
    let nowhere = site.kdc.settings_with_kdc_at(free_port());
    // Whoever connects waits for an answer for ever.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("it is bound").port();
    let hanging = site.kdc.settings_with_kdc_at(port);
    for wrong in wrongs(&site, &nothing, [&nowhere, &hanging]) {
        seen += &site.is_refused(&wrong).await;
        seen.push('\n');
    }
    evidence.entry(
        "A group's lag by a keytab and by a ticket cache, and what is said without a valid ticket",
        "cargo test --locked --features gssapi --test it security::kerberos",
        &seen,
    );
}

/// `kdcs` are settings whose KDC isn't there, or says nothing.
fn wrongs<'a>(site: &'a Site, nothing: &'a str, kdcs: [&'a str; 2]) -> Vec<Wrong<'a>> {
    let no_cache = ("KRB5CCNAME", "MEMORY:");
    let with = |keytab| vec![("KRB5_CLIENT_KTNAME", keytab), no_cache];
    let right = || with(site.keytab.as_str());
    vec![
        Wrong {
            label: "no_ticket",
            config: site.config("localhost", SERVICE),
            variables: with(nothing),
            says: &["no Kerberos ticket of ours", "KRB5_CLIENT_KTNAME"],
        },
        Wrong {
            label: "key_refused",
            config: site.config("localhost", SERVICE),
            variables: with(&site.stale),
            says: &["the KDC refuses our key", "after 10 s"],
        },
        Wrong {
            label: "kerberos_failed",
            config: site.config("localhost", "unheard"),
            variables: right(),
            says: &["no Kerberos ticket for unheard/localhost", "not found"],
        },
        Wrong {
            label: "kerberos_failed",
            config: site.config("127.0.0.1", SERVICE),
            variables: right(),
            says: &["no Kerberos ticket for kafka/127.0.0.1"],
        },
        Wrong {
            label: "kerberos_failed",
            config: site.config("localhost", SERVICE),
            variables: [right(), vec![("KRB5_CONFIG", kdcs[0])]].concat(),
            says: &["no Kerberos ticket for kafka/localhost", "KDC"],
        },
        Wrong {
            label: "timeout",
            config: site.config("localhost", SERVICE),
            variables: [right(), vec![("KRB5_CONFIG", kdcs[1])]].concat(),
            says: &["no answer to the request for a Kerberos ticket"],
        },
        Wrong {
            label: "ticket_refused",
            config: site.config("localhost", FOREIGN),
            variables: right(),
            says: &["it refused our Kerberos ticket", "keytab", "after 10 s"],
        },
    ]
}
