//! Whoever knows what would have been read before: the first page rests on it, and somebody may hear each report.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream;
use lagslope::analysis::sample::{Moment, Sample};
use lagslope::config::Cluster;
use lagslope::daemon::{self, Reloading, Samples, Source, Watches};
use lagslope::demo::{cast, past};
use lagslope::simulator::World;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::script::settings;
use crate::lagslope::Scrape;

const ONE: &str = "clusters: [{name: a, bootstrap_servers: [\"x:1\"]}]\n";

/// Reads straight off a world, and knows so much of its past.
struct Actors {
    world: Arc<World>,
    past_seconds: f64,
}

impl Source for Actors {
    async fn sample(&mut self, now: Moment) -> Sample {
        past::sample(&self.world, 0..self.world.groups.len(), now.time)
    }

    async fn past(&mut self, now: Moment, _: f64) -> Samples {
        let span = now.time - self.past_seconds..now.time;
        let groups = 0..self.world.groups.len();
        Box::new(past::samples(Arc::clone(&self.world), groups, span, 10.0))
    }

    fn reconfigure(&mut self, _: &Cluster) {}
}

fn source(past_seconds: f64) -> impl Fn(&Cluster) -> Actors {
    let world = Arc::new(cast::world(daemon::wall_clock()));
    move |_| Actors {
        world: Arc::clone(&world),
        past_seconds,
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_before_is_understood_before_the_first_page() {
    for (past_seconds, known) in [(0.0, 0.0), (4_000.0, 1.0)] {
        let watches = Watches::start(settings(ONE), source(past_seconds));
        // Before the second cycle.
        sleep(Duration::from_secs(5)).await;
        let page = Scrape::parse(&watches.board.text());
        let of_ledger = [("group", "ledger"), ("topic", "ledger-entries")];
        let value = |metric| page.value(metric, &of_ledger);
        assert_eq!(value("habits_known"), Some(known), "{}", page.text());
        let trend = page.value("lag_slope", &[of_ledger[0], ("window", "trend")]);
        assert_eq!(trend.is_some(), known > 0.0, "{}", page.text());
    }
}

#[tokio::test(start_paused = true)]
async fn each_report_is_heard_with_the_name_of_its_cluster() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear: daemon::Ear = Arc::new({
        let heard = Arc::clone(&heard);
        move |cluster, report| {
            let mut heard = heard.lock().expect("not poisoned");
            heard.push((cluster.to_owned(), report.groups.len()));
        }
    });
    let reloading = Reloading {
        load: Arc::new(|| Ok(settings(ONE))),
        hangups: Box::pin(stream::pending()),
        by_request: false,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let three_cycles = sleep(Duration::from_secs(25));
    daemon::run_heard(
        settings(ONE),
        source(0.0),
        ear,
        listener,
        reloading,
        three_cycles,
    )
    .await;
    let heard = heard.lock().expect("not poisoned");
    assert_eq!(*heard, vec![("a".to_owned(), 16); 3]);
}
