//! Three troubles that are no plain overload, acted out at the same time on a real Kafka: a ceiling reached again and again, one slow
//! partition of twelve, a loop of retries. A real Prometheus fires the right alerts for each and no other, none for a group that is
//! well, and resolves them when the trouble is over.

mod record;
mod scenarios;
mod table;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::asked_for;
use super::pressure::{Pressure, scenario};
use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version};
use crate::lagslope::Lagslope;
use crate::prometheus::Prometheus;
use record::{Alert, Record, Whose, alert_of};

/// How Prometheus is usually set.
const EVALUATION: Duration = Duration::from_secs(15);

/// The slowest, one slow partition, has taken 17 minutes; two busy cores are given more.
const FIRES_WITHIN: Duration = Duration::from_secs(30 * 60);
/// The trouble goes on for so long when all that is expected fires: what is not expected has its chance, too.
const LOOK_ON: Duration = Duration::from_secs(120);
const RESOLVES_WITHIN: Duration = Duration::from_secs(20 * 60);
/// And so long after the last one has resolved, nothing may come back.
const LOOK_BACK: Duration = Duration::from_secs(60);

const COMMAND: &str = "./test --long";

/// One trouble, and what is right to say of it.
struct Act {
    /// A file in examples/pressure.
    scenario: &'static str,
    group: &'static str,
    topic: &'static str,
    /// The signal that is made for it.
    signal: &'static str,
    /// Name and severity of each alert that fires, and there is no other.
    alerts: &'static [(&'static str, &'static str)],
    /// What the first of them says, among other things.
    says: &'static str,
}

static ACTS: [Act; 3] = [
    // Nothing accumulates, so there is neither growth nor a time until the queue is full; each pause is shorter than a stall.
    Act {
        scenario: "ceiling.json",
        group: "shipping",
        topic: "parcels",
        signal: "ceiling",
        alerts: &[("LagslopeCeilingRepeatedly", "warning")],
        says: "lag ceiling",
    },
    // Two alerts are right: the lag of that partition does grow, without an end, and somebody must be told even if nobody looks at
    // delays; that it is one partition is the diagnosis. Both are warnings: messages still leave, and no ceiling is near.
    Act {
        scenario: "slow-partition.json",
        group: "analytics",
        topic: "clicks",
        signal: "divergence",
        alerts: &[
            ("LagslopeTailDiverging", "warning"),
            ("LagslopeLagGrowing", "warning"),
        ],
        says: "partition 7.",
    },
    // Three retries for two messages: that exceeds the traffic, hence critical as well, after the warning. The consumer has time for
    // all of them: nothing grows.
    Act {
        scenario: "retry-loop.json",
        group: "fulfilment",
        topic: "orders",
        signal: "retry_storm",
        alerts: &[
            ("LagslopeRetryStorm", "warning"),
            ("LagslopeRetryStorm", "critical"),
        ],
        says: "retry topics",
    },
];

/// Well: it commits a batch every 20 s, and keeps up.
const HEALTHY: &[&str] = &[
    "--topic",
    "invoices",
    "--group",
    "billing",
    "--produce-rate",
    "200",
    "--consume-rate",
    "2000",
    "--commit-interval",
    "20s",
];

/// When what happened.
struct Played {
    trouble_began: Instant,
    /// All of its alerts were firing at once.
    all_fired: Option<Instant>,
    trouble_ended: Instant,
    /// None of them was left.
    resolved: Option<Instant>,
}

impl Act {
    fn whose(&self) -> Whose {
        Whose {
            group: self.group.to_owned(),
            topic: self.topic.to_owned(),
        }
    }

    fn expected(&self) -> BTreeSet<Alert> {
        let alerts = self.alerts.iter().map(|(name, severity)| Alert {
            whose: self.whose(),
            name: (*name).to_owned(),
            severity: (*severity).to_owned(),
        });
        alerts.collect()
    }

    /// Waits for the trouble and its alerts, ends it, and waits until they have resolved. Fails nowhere: what did not happen is absent,
    /// and the other acts go on.
    async fn play(&self, mut pair: Pressure, mut record: watch::Receiver<Record>) -> Played {
        let trouble_began = pair.wait_for_phase("trouble").await;
        let expected = self.expected();
        let all_fire = |record: &Record| {
            let is_now = |alert| {
                let spell = record.alerts.get(alert);
                spell.is_some_and(|spell| record.is_now(spell))
            };
            expected.iter().all(is_now)
        };
        let all_fired = until(&mut record, FIRES_WITHIN, all_fire).await;
        sleep(LOOK_ON).await;
        pair.next().await;
        let trouble_ended = pair.wait_for_phase("recovery").await;
        let whose = self.whose();
        let none_fires = |record: &Record| {
            let mut alerts = record.alerts_of(&whose);
            alerts.all(|(_, spell)| !record.is_now(spell))
        };
        let resolved = until(&mut record, RESOLVES_WITHIN, none_fires).await;
        // The consumer goes on: nothing may come back because it left.
        sleep(LOOK_BACK).await;
        Played {
            trouble_began,
            all_fired,
            trouble_ended,
            resolved,
        }
    }
}

/// When a condition became true of the record; absent when it didn't in time.
async fn until(
    record: &mut watch::Receiver<Record>,
    within: Duration,
    condition: impl Fn(&Record) -> bool,
) -> Option<Instant> {
    let looked = timeout(within, record.wait_for(|record| condition(record))).await;
    let found = looked.ok()?.expect("somebody keeps looking");
    drop(found);
    Some(Instant::now())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_fires_its_own_alerts_and_no_other() {
    if !asked_for("acts") {
        return;
    }
    let kafka = Kafka::start(Version::Kafka4, 1, &[]);
    let bootstrap = kafka.bootstrap();
    let start =
        |arguments: &[&str]| Pressure::start(&[&["--bootstrap", &bootstrap], arguments].concat());
    let _healthy = start(HEALTHY);
    let pairs = ACTS.each_ref().map(|act| {
        let file = scenario(act.scenario);
        start(&[
            "--scenario",
            file.to_str().expect("the checkout's path is UTF-8"),
        ])
    });
    let lagslope = Arc::new(Lagslope::start(&configuration(&kafka)).await);
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/lagslope.rules.yml");
    let address = lagslope.address.to_string();
    let prometheus = Arc::new(Prometheus::start(&address, &rules, EVALUATION));
    let started = Instant::now();
    let watched = ACTS.iter().map(Act::whose).collect();
    let (record, looking) = record::keep(lagslope.clone(), prometheus.clone(), watched);

    let acts = ACTS.iter().zip(pairs);
    let played = join_all(acts.map(|(act, pair)| act.play(pair, record.clone()))).await;
    looking.abort();
    let record = record.borrow();
    tell(&record, &played, started);
    each_fired_what_it_should_and_it_resolved(&record, &played);
    prometheus_recorded_nothing_else(&prometheus, started).await;
}

/// The ceiling's hour is shortened: its alert resolves when fewer than three visits are left in it.
fn configuration(kafka: &Kafka) -> String {
    format!(
        "sample_interval: 5s\nclusters:\n  - {{name: shop, bootstrap_servers: [\"{}\"]}}\n\
         ceilings:\n  - {{group: shipping, topic: parcels, lag_messages: 20000}}\n\
         signals: {{ceiling: {{window: 10m}}}}\n",
        kafka.bootstrap()
    )
}

fn tell(record: &Record, played: &[Played], started: Instant) {
    let table = table::of(record, played, started);
    println!("{table}");
    Evidence::new("signals-acts", "A ceiling, a slow partition, a retry loop").entry(
        "A ceiling reached again and again, one slow partition of twelve, a loop of retries: the right alerts for each and no other; \
         they resolve; none for a group that is well beside them",
        COMMAND,
        &table,
    );
}

fn each_fired_what_it_should_and_it_resolved(record: &Record, played: &[Played]) {
    let expected: BTreeSet<Alert> = ACTS.iter().flat_map(Act::expected).collect();
    let seen: BTreeSet<Alert> = record.alerts.keys().cloned().collect();
    assert_eq!(seen, expected, "{record:#?}");
    for (alert, spell) in &record.alerts {
        assert_eq!(spell.times, 1, "{alert:?} came more than once: {spell:?}");
    }
    for (act, played) in ACTS.iter().zip(played) {
        assert!(
            played.all_fired.is_some(),
            "not all at once: {}",
            act.scenario
        );
        assert!(played.resolved.is_some(), "not resolved: {}", act.scenario);
        let (name, _) = act.alerts[0];
        let whose = act.whose();
        let mut alerts = record.alerts_of(&whose);
        let says = alerts.any(|(alert, spell)| alert.name == name && spell.text.contains(act.says));
        assert!(says, "{name} doesn't say \"{}\": {record:#?}", act.says);
    }
}

/// Its own record knows what fired for a moment between two looks.
async fn prometheus_recorded_nothing_else(prometheus: &Prometheus, started: Instant) {
    let since = started.elapsed().as_secs();
    let query = format!("max_over_time(ALERTS{{alertstate=\"firing\"}}[{since}s])");
    let series = prometheus.query(&query).await;
    let fired: BTreeSet<Alert> = series.iter().map(|one| alert_of(&one.labels)).collect();
    let expected: BTreeSet<Alert> = ACTS.iter().flat_map(Act::expected).collect();
    assert_eq!(fired, expected);
}
