//! The demo as a user starts it: real binary, real ports, seen from its terminal, its page, and as a Kafka.

use std::process::Stdio;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::lagslope::{Scrape, command};

/// Until the curtain rises: two hours are understood by a debug build on a machine that is busy with other tests.
const CURTAIN: Duration = Duration::from_secs(90);

/// Ctrl-C ends it at once; on a busy machine within this.
const AT_ONCE: Duration = Duration::from_secs(5);

fn demo(arguments: &[&str]) -> Command {
    let mut demo = command();
    demo.arg("demo")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    demo
}

type Said = Lines<BufReader<ChildStdout>>;

/// The next line with this in it, all before it skipped.
async fn line_with(said: &mut Said, text: &str) -> String {
    let found = timeout(CURTAIN, async {
        loop {
            let line = said.next_line().await.expect("readable");
            let line = line.unwrap_or_else(|| panic!("it ended before it said {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    });
    found
        .await
        .unwrap_or_else(|_| panic!("it never said {text:?}"))
}

fn last_word(line: &str) -> String {
    line.split_whitespace()
        .last()
        .unwrap_or_default()
        .to_owned()
}

async fn interrupt(child: &Child) {
    let id = child.id().expect("it runs").to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().await;
    assert!(sent.expect("kill is there").success());
}

#[tokio::test]
async fn the_curtain_rises_on_troubles_that_page_and_terminal_agree_on_and_ctrl_c_ends_it() {
    let scale = ["--scale", "groups=100,partitions=1000"];
    let mut child = demo(&["--web.listen-address", "127.0.0.1:0"])
        .args(scale)
        .spawn()
        .expect("the binary starts");
    let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
    line_with(&mut said, "116 consumer groups").await;
    let page = last_word(&line_with(&mut said, "/metrics").await);
    let kafka = last_word(&line_with(&mut said, "kcat").await);
    for (signal, who) in [
        ("retry_storm", "fraud-check/card-authorisations"),
        ("lag_growth", "search-indexer/catalog-changes"),
    ] {
        let line = line_with(&mut said, who).await;
        assert!(line.contains("before") && line.contains(signal), "{line}");
    }
    let page = first_page(&page).await;
    let signal = |group, signal| page.value("signal", &[("group", group), ("signal", signal)]);
    assert_eq!(signal("search-indexer", "lag_growth"), Some(2.0));
    assert_eq!(
        signal("ledger", "lag_growth"),
        Some(0.0),
        "it is not too early to say so"
    );
    let crowd = page.value("lag_messages", &[("group", "group-00099")]);
    assert!(crowd.is_some(), "{}", page.text());
    assert!(topics_seen_at(kafka).await.contains(&"orders".to_owned()));

    interrupt(&child).await;
    let ended = timeout(AT_ONCE, child.wait()).await.expect("at once");
    assert_eq!(ended.expect("it was waited for").code(), Some(0));
}

/// A line is said a moment before the page shows the same.
async fn first_page(address: &str) -> Scrape {
    let deadline = Instant::now() + CURTAIN;
    loop {
        let answer = reqwest::get(address).await.expect("an answer");
        let page = Scrape::parse(&answer.text().await.expect("text"));
        if page.all("signal", &[]).next().is_some() {
            return page;
        }
        assert!(Instant::now() < deadline, "{}", page.text());
        sleep(Duration::from_millis(50)).await;
    }
}

async fn topics_seen_at(bootstrap: String) -> Vec<String> {
    let seen = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .create()
            .expect("a client");
        let metadata = client
            .fetch_metadata(None, Duration::from_secs(20))
            .expect("metadata");
        let topics = metadata.topics().iter();
        topics.map(|topic| topic.name().to_owned()).collect()
    });
    seen.await.expect("no panic")
}

#[tokio::test]
async fn a_port_that_is_taken_is_called_so() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let port = taken.local_addr().expect("it is bound").port().to_string();
    for (arguments, hint) in [
        (
            vec!["--web.listen-address", &address],
            "--web.listen-address",
        ),
        (
            vec!["--web.listen-address", "127.0.0.1:0", "--kafka.port", &port],
            "--kafka.port",
        ),
    ] {
        let output = demo(&arguments).output().await.expect("it ends");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.starts_with("lagslope: cannot"), "{errors}");
        assert!(errors.contains(hint), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[tokio::test]
async fn whoever_reads_no_further_ends_it() {
    let mut child = demo(&["--web.listen-address", "127.0.0.1:0"])
        .spawn()
        .expect("the binary starts");
    let mut first = [0; 8];
    let mut out = child.stdout.take().expect("piped");
    out.read_exact(&mut first).await.expect("readable");
    drop(out);
    let deadline = Instant::now() + CURTAIN;
    while child.try_wait().expect("it can be looked at").is_none() {
        assert!(Instant::now() < deadline, "it plays to nobody");
        sleep(Duration::from_millis(100)).await;
    }
}
