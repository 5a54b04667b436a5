//! Reloading the real binary, by signal and by request; and what a cluster that is a black hole costs another, on a real Kafka.

use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version, shared, unique};
use crate::lagslope::{Lagslope, Scrape};
use crate::processes::free_port;

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The interval of the black hole's neighbour. The cycle of a cluster that is well takes a few hundredths of it.
const INTERVAL: Duration = Duration::from_secs(2);

/// A cycle that waits for a broker in vain waits at least so long.
const LEAST_WAIT_SECONDS: f64 = 0.8;

/// Cycles that are looked at, with black holes and without.
const CYCLES: usize = 8;

fn cluster(name: &str, address: &str, more: &str) -> String {
    format!("  - {{name: {name}, bootstrap_servers: [\"{address}\"]{more}}}\n")
}

fn config(clusters: &[String], more: &str) -> String {
    format!(
        "sample_interval: 1s\nclusters:\n{}{more}",
        clusters.concat()
    )
}

fn up(page: &Scrape, cluster: &str) -> Option<f64> {
    page.value("up", &[("kafka_cluster", cluster)])
}

fn successful(page: &Scrape) -> Option<f64> {
    page.value("config_last_reload_successful", &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_and_a_request_reload_and_a_bad_file_is_refused() {
    let nobody = || format!("127.0.0.1:{}", free_port());
    let (a, b) = (cluster("a", &nobody(), ""), cluster("b", &nobody(), ""));
    let first = config(&[a.clone(), b.clone()], "");
    let lagslope = Lagslope::start_with(&first, &["--web.enable-lifecycle"]).await;
    lagslope
        .wait_for("both clusters", PATIENCE, |page| {
            up(page, "a") == Some(0.0) && up(page, "b") == Some(0.0)
        })
        .await;

    lagslope.rewrite(&config(
        std::slice::from_ref(&a),
        "shape: round\ncolour: red\n",
    ));
    let (status, said) = lagslope.post("/-/reload").await;
    assert_eq!(status, 500, "{said}");
    for fault in ["shape", "colour"] {
        assert!(said.contains(fault), "{said}");
        assert!(lagslope.log().contains(fault), "{}", lagslope.log());
    }
    let refused = lagslope.scrape().await;
    assert_eq!(successful(&refused), Some(0.0));
    assert_eq!(up(&refused, "b"), Some(0.0), "the former is in force");

    lagslope.rewrite(&config(std::slice::from_ref(&a), ""));
    let (status, said) = lagslope.post("/-/reload").await;
    assert_eq!(status, 200, "{said}");
    let without = lagslope.scrape().await;
    assert_eq!(successful(&without), Some(1.0));
    assert_eq!(up(&without, "b"), None, "gone with the answer");
    assert_eq!(up(&without, "a"), Some(0.0));

    lagslope.rewrite(&config(&[a, b, cluster("c", &nobody(), "")], ""));
    lagslope.signal("HUP").await;
    let ready = lagslope.get("/-/ready").await.0;
    assert_eq!(ready, 200, "a new cluster makes it no less ready");
    lagslope
        .wait_for("the new cluster", PATIENCE, |page| {
            up(page, "c") == Some(0.0)
        })
        .await;
    let log = lagslope.log();
    assert!(log.contains("added=b,c"), "names as they are: {log}");
    Evidence::new("reload", "Reload").entry(
        "A bad configuration is refused with every fault; a good one comes into force by request and by SIGHUP",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it reload",
        &lagslope.log(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_flag_a_request_reloads_nothing_and_says_which() {
    let nobody = format!("127.0.0.1:{}", free_port());
    let lagslope = Lagslope::start(&config(&[cluster("a", &nobody, "")], "")).await;
    let (status, said) = lagslope.post("/-/reload").await;
    assert_eq!(status, 403);
    assert!(said.contains("--web.enable-lifecycle"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_cluster_keeps_its_counts_and_a_filter_takes_groups_away() {
    let kafka = shared(Version::Kafka4);
    let (topic, stays, goes) = (unique("orders"), unique("stays"), unique("goes"));
    kafka.create_topic(&topic, 1, 1);
    kafka.produce(&topic, 0, 100);
    for group in [&stays, &goes] {
        kafka.commit(group, &topic, &[(0, 90)]);
    }
    let address = kafka.bootstrap();
    let of = |groups: &str| {
        let groups = format!(", groups: {{include: [{groups}]}}, topics: {{include: [{topic}]}}");
        config(&[cluster("test", &address, &groups)], "")
    };
    let both = of(&format!("{stays}, {goes}"));
    let lagslope = Lagslope::start_with(&both, &["--web.enable-lifecycle"]).await;
    let lag = |page: &Scrape, group: &str| page.value("lag_messages", &[("group", group)]);
    lagslope
        .wait_for("both groups", PATIENCE, |page| {
            lag(page, &stays) == Some(10.0) && lag(page, &goes) == Some(10.0)
        })
        .await;
    // A count that a lost history would begin anew.
    kafka.commit(&stays, &topic, &[(0, 70)]);
    let rewound = |page: &Scrape| page.value("reprocessed_messages_total", &[("group", &stays)]);
    let before = lagslope
        .wait_for("the rewind", PATIENCE, |page| rewound(page) == Some(20.0))
        .await;

    lagslope.rewrite(&of(&stays));
    assert_eq!(lagslope.post("/-/reload").await.0, 200);
    let after = lagslope
        .wait_for("the filter", PATIENCE, |page| lag(page, &goes).is_none())
        .await;
    assert_eq!(rewound(&after), Some(20.0), "{}", after.text());
    assert_eq!(lag(&after, &stays), Some(30.0));
    for (series, count) in before.all("kafka_requests_total", &[]) {
        let now = after.all("kafka_requests_total", &[]);
        let now = now.into_iter().find(|(name, _)| *name == series);
        assert!(now.is_some_and(|(_, now)| now >= count), "{series}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_changes_nothing_for_another_cluster() {
    let kafka = shared(Version::Kafka4);
    let alone = cycles(kafka, &[]).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = silent.local_addr().expect("bound").to_string();
    let silent = tokio::spawn(accept_and_never_answer(silent));
    let full = FullBacklog::new().await;
    let holes = [
        cluster("silent", &address, ""),
        cluster("full", &full.address, ""),
    ];
    let beside = cycles(kafka, &holes).await;
    silent.abort();
    drop(full);
    for (what, cycles) in [("alone", &alone), ("beside black holes", &beside)] {
        assert!(
            cycles.median_seconds() < LEAST_WAIT_SECONDS,
            "{what}: {cycles:?}"
        );
        assert_eq!(cycles.skipped, 0.0, "{what}: {cycles:?}");
    }
    let off = beside
        .steps()
        .into_iter()
        .map(|step| (step - INTERVAL.as_secs_f64()).abs());
    let mut off: Vec<_> = off.collect();
    off.sort_unstable_by(f64::total_cmp);
    assert!(off[off.len() / 2] < 0.2, "ticks are late: {beside:?}");
    Evidence::new("bulkheads", "Bulkheads between clusters").entry(
        "One cluster that accepts and never answers, one whose connections never open: the cycles of the cluster beside them",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it reload",
        &format!("{}\n{}\n", alone.told("alone"), beside.told("beside two black holes")),
    );
}

/// What was seen of successive cycles of one cluster.
#[derive(Debug, Default)]
struct Cycles {
    durations: Vec<f64>,
    /// When each began, in seconds since the epoch.
    began: Vec<f64>,
    skipped: f64,
}

impl Cycles {
    fn median_seconds(&self) -> f64 {
        let mut sorted = self.durations.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// From the beginning of one to that of the next.
    fn steps(&self) -> Vec<f64> {
        self.began
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect()
    }

    fn told(&self, what: &str) -> String {
        let worst = |values: Vec<f64>| values.into_iter().fold(0.0, f64::max);
        format!(
            "{what}: {} cycles, lagslope_sample_duration_seconds median {:.3}, most {:.3}; from one to the next at most {:.3} s (interval {INTERVAL:?}); skipped {}",
            self.durations.len(),
            self.median_seconds(),
            worst(self.durations.clone()),
            worst(self.steps()),
            self.skipped
        )
    }
}

/// Watches a real cluster beside others for some cycles.
async fn cycles(kafka: &Kafka, others: &[String]) -> Cycles {
    let mut clusters = others.to_vec();
    clusters.push(cluster("test", &kafka.bootstrap(), ""));
    let text = config(&clusters, "").replace("1s", "2s");
    let lagslope = Lagslope::start(&text).await;
    let of_test = [("kafka_cluster", "test")];
    let began = |page: &Scrape| page.value("last_sample_timestamp_seconds", &of_test);
    let mut page = lagslope
        .wait_for("a first cycle", PATIENCE, |page| began(page).is_some())
        .await;
    let mut seen = Cycles::default();
    while seen.began.len() < CYCLES {
        let last = began(&page);
        page = lagslope
            .wait_for("the next cycle", PATIENCE, |page| began(page) != last)
            .await;
        seen.began.extend(began(&page));
        seen.durations
            .extend(page.value("sample_duration_seconds", &of_test));
    }
    seen.skipped = page.sum("samples_skipped_total", &of_test);
    for other in ["silent", "full"].iter().take(others.len()) {
        let down = up(&page, other);
        assert_eq!(down, Some(0.0), "{other} is a black hole, and called down");
    }
    seen
}

async fn accept_and_never_answer(listener: TcpListener) {
    let mut held = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        held.push(stream);
    }
}

/// A listener that accepts nobody and has no room for one more to wait: further connections don't open, as behind a firewall that
/// drops packets.
struct FullBacklog {
    address: String,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl FullBacklog {
    async fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind("127.0.0.1:0".parse().expect("an address"))
            .expect("a free port");
        let listener = socket.listen(1).expect("it listens");
        let address = listener.local_addr().expect("bound");
        let mut waiting = Vec::new();
        while let Ok(stream) =
            timeout(Duration::from_millis(500), TcpStream::connect(address)).await
        {
            waiting.push(stream.expect("the system accepts while there is room"));
            assert!(waiting.len() < 100, "the backlog has no end");
        }
        Self {
            address: address.to_string(),
            _listener: listener,
            _waiting: waiting,
        }
    }
}
