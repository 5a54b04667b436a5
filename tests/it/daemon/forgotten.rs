//! Forgetting what was learned, by request, and the state file at the end: the daemon on scripted clusters. Real sockets, so real time.

use std::net::SocketAddr;
use std::sync::Arc;

use lagslope::daemon::{self, Reloading};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::door::{page, until};
use super::remembered::{Kept, learned_of, now};
use super::script::{Scripts, settings};

struct Daemon {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

async fn daemon(kept: &Kept, by_request: bool) -> Daemon {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let text = kept
        .text()
        .replace("sample_interval: 10s", "sample_interval: 1s");
    let reloading = Reloading {
        load: Arc::new(|| panic!("nobody reloads")),
        hangups: Box::pin(futures_util::stream::pending()),
        by_request,
    };
    let (stop, stopped) = oneshot::channel();
    let source = Scripts::new(&[]).source();
    let shutdown = async move {
        stopped.await.expect("told");
    };
    let running = daemon::run(settings(&text), source, listener, reloading, shutdown);
    Daemon {
        address,
        stop,
        running: tokio::spawn(running),
    }
}

impl Daemon {
    async fn forget(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}/api/v1/forget/{path}", self.address);
        let answer = reqwest::Client::new().post(url).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    async fn habits_become(&self, known: f64) {
        let of_pay = [("kafka_cluster", "a"), ("group", "pay")];
        until(self.address, |page| {
            page.value("habits_known", &of_pay) == Some(known)
        })
        .await;
    }

    async fn end(self) {
        self.stop.send(()).expect("it runs");
        self.running.await.expect("no bug");
    }
}

#[tokio::test]
async fn what_is_forgotten_is_not_in_the_next_file_either() {
    let mut saved = learned_of("pay", None, now());
    let odd = learned_of("a/b c", None, now()).clusters.remove(0);
    saved.clusters[0].learned.groups.extend(odd.learned.groups);
    let kept = Kept::with(&saved);
    let daemon = daemon(&kept, true).await;
    daemon.habits_become(1.0).await;
    let before = page(daemon.address).await;
    assert_eq!(before.value("state_restored_series", &[]), Some(4.0));
    assert_eq!(
        before
            .all("state_last_write_timestamp_seconds", &[])
            .count(),
        0
    );
    for path in ["z/pay", "a/nobody", "a/pay/refunds", "a/a/b%20c"] {
        assert_eq!(daemon.forget(path).await.0, 404, "{path}");
    }
    let odd = daemon.forget("a/a%2Fb%20c").await;
    assert_eq!(odd, (200, "{\"forgotten\":2}".to_owned()));
    let pay = daemon.forget("a/pay/orders").await;
    assert_eq!(
        pay,
        (200, "{\"forgotten\":1}".to_owned()),
        "the only partition is the sum"
    );
    daemon.habits_become(0.0).await;
    daemon.end().await;
    let left = kept.saved();
    let groups = left.clusters.iter().filter(|cluster| cluster.name == "a");
    assert_eq!(
        groups.flat_map(|c| &c.learned.groups).count(),
        0,
        "{left:?}"
    );
}

#[tokio::test]
async fn what_was_learned_is_saved_at_the_end_and_nobody_forgets_without_the_flag() {
    let kept = Kept::with(&learned_of("pay", None, now()));
    let daemon = daemon(&kept, false).await;
    daemon.habits_become(1.0).await;
    let (status, text) = daemon.forget("a/pay").await;
    assert_eq!(status, 403);
    assert!(text.contains("--web.enable-lifecycle"), "{text}");
    let got = reqwest::get(format!("http://{}/api/v1/forget/a/pay", daemon.address)).await;
    assert_eq!(
        got.expect("an answer").status(),
        405,
        "a crawler forgets nothing"
    );
    std::fs::remove_file(&kept.file).expect("it is there");
    daemon.end().await;
    let saved = kept.saved();
    let of_a = saved.clusters.iter().find(|cluster| cluster.name == "a");
    let topic = &of_a.expect("learned").learned.groups[0].topics[0];
    assert_eq!(topic.sum.as_ref().expect("learned").levels[0].count, 5);
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_counted_and_the_last_write_never_told() {
    let kept = Kept::new();
    std::fs::write(&kept.file, "shape: round\n").expect("written");
    let daemon = daemon(&kept, false).await;
    daemon.habits_become(0.0).await;
    let page = page(daemon.address).await;
    let foreign = page.value("state_file_errors_total", &[("reason", "foreign")]);
    assert_eq!(foreign, Some(1.0));
    assert_eq!(
        page.all("state_last_write_timestamp_seconds", &[]).count(),
        0
    );
    daemon.end().await;
    let text = std::fs::read_to_string(&kept.file).expect("there");
    assert_eq!(text, "shape: round\n");
}
