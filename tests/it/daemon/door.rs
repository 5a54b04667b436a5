//! The door of a reload: one at a time, a few wait, more are refused; a bad configuration changes nothing. Real sockets, so real time.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_util::StreamExt;
use lagslope::config::{self, Settings, Start};
use lagslope::daemon::{self, Reloading};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::TWO;
use super::script::{Scripts, settings};
use crate::lagslope::{Scrape, config_file};

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// One under way and four that wait.
const ROOM: usize = 5;

type Read = Result<Settings, config::Problems>;

/// A daemon on scripted clusters.
struct Daemon {
    address: SocketAddr,
    hang_up: tokio::sync::mpsc::UnboundedSender<()>,
    /// Reloads that have begun to read.
    begun: Arc<AtomicUsize>,
}

/// Each reload reads the next of `readings`.
async fn daemon(by_request: bool, readings: mpsc::Receiver<Read>) -> Daemon {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let readings = Mutex::new(readings);
    let (hang_up, mut hangups) = tokio::sync::mpsc::unbounded_channel();
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let reloading = Reloading {
        load: Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            let readings = readings.lock().expect("one at a time");
            readings.recv().expect("the test says what is read")
        }),
        hangups: futures_util::stream::poll_fn(move |context| hangups.poll_recv(context)).boxed(),
        by_request,
    };
    let source = Scripts::new(&[]).source();
    let never = std::future::pending();
    tokio::spawn(daemon::run(
        settings(TWO),
        source,
        listener,
        reloading,
        never,
    ));
    Daemon {
        address,
        hang_up,
        begun,
    }
}

fn bad() -> Read {
    let file = config_file(
        "clusters: [{name: a, bootstrap_servers: [\"x:1\"], colour: red}]\nshape: round\n",
    );
    config::load(&Start::File(file.path().to_owned()), &[])
}

async fn reload(address: SocketAddr) -> (u16, String) {
    let asked = reqwest::Client::new().put(format!("http://{address}/-/reload"));
    let answer = asked.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

pub(super) async fn page(address: SocketAddr) -> Scrape {
    let answer = reqwest::get(format!("http://{address}/metrics")).await;
    Scrape::parse(&answer.expect("an answer").text().await.expect("text"))
}

pub(super) async fn until(address: SocketAddr, holds: impl Fn(&Scrape) -> bool) -> Scrape {
    for _ in 0..PATIENCE.as_millis() / 20 {
        let page = page(address).await;
        if holds(&page) {
            return page;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("not within {PATIENCE:?}: {}", page(address).await.text())
}

#[tokio::test]
async fn a_bad_configuration_is_refused_with_every_fault_and_the_former_stays() {
    let (say, readings) = mpsc::channel();
    let Daemon {
        address, hang_up, ..
    } = daemon(true, readings).await;
    let before = until(address, |page| page.sum("up", &[]) == 2.0).await;
    assert_eq!(
        before.value("config_last_reload_successful", &[]),
        Some(1.0)
    );
    let at = |page: &Scrape| page.value("config_last_reload_success_timestamp_seconds", &[]);
    assert!(at(&before).is_some_and(|at| at > 1_700_000_000.0));

    say.send(bad()).expect("it is read");
    let (status, text) = reload(address).await;
    assert_eq!(status, 500, "{text}");
    assert!(text.contains("colour") && text.contains("shape"), "{text}");
    let refused = page(address).await;
    assert_eq!(
        refused.value("config_last_reload_successful", &[]),
        Some(0.0)
    );
    assert_eq!(at(&refused), at(&before), "that one is in force");
    assert_eq!(refused.sum("up", &[]), 2.0);

    say.send(Ok(settings(&TWO.replace("{name: b,", "{name: c,"))))
        .expect("it is read");
    hang_up.send(()).expect("it listens");
    let mended = until(address, |page| {
        page.value("up", &[("kafka_cluster", "c")]) == Some(1.0)
    })
    .await;
    assert_eq!(
        mended.value("config_last_reload_successful", &[]),
        Some(1.0)
    );
    assert!(at(&mended) > at(&before));
    assert_eq!(mended.value("up", &[("kafka_cluster", "b")]), None);
}

#[tokio::test]
async fn one_reload_at_a_time_a_few_wait_and_more_are_refused() {
    let (say, readings) = mpsc::channel();
    let daemon = daemon(true, readings).await;
    let address = daemon.address;
    let first = tokio::spawn(reload(address));
    until(address, |_| daemon.begun.load(Ordering::Relaxed) == 1).await;
    let others = (1..ROOM + 3).map(|_| tokio::spawn(reload(address)));
    let crowd: Vec<_> = std::iter::once(first).chain(others).collect();
    let refused = |page: &Scrape| page.sum("http_refused_total", &[("reason", "reloads_waiting")]);
    // The one under way waits for what it shall read; until it is told, nobody else's turn comes.
    until(address, |page| refused(page) == 3.0).await;
    assert_eq!(daemon.begun.load(Ordering::Relaxed), 1);
    for _ in 0..ROOM {
        say.send(Ok(settings(TWO))).expect("it is read");
    }
    let mut answers = Vec::new();
    for one in crowd {
        answers.push(one.await.expect("no panic").0);
    }
    answers.sort_unstable();
    assert_eq!(answers, [200, 200, 200, 200, 200, 503, 503, 503]);
}

#[tokio::test]
async fn without_the_flag_no_request_reloads_and_a_hangup_does() {
    let (say, readings) = mpsc::channel();
    let Daemon {
        address, hang_up, ..
    } = daemon(false, readings).await;
    let (status, text) = reload(address).await;
    assert_eq!(status, 403);
    assert!(text.contains("--web.enable-lifecycle"), "{text}");
    let get = reqwest::get(format!("http://{address}/-/reload")).await;
    assert_eq!(
        get.expect("an answer").status(),
        405,
        "a crawler reloads nothing"
    );
    say.send(bad()).expect("it is read");
    hang_up.send(()).expect("it listens");
    until(address, |page| {
        page.value("config_last_reload_successful", &[]) == Some(0.0)
    })
    .await;
}
