//! The lag of share groups (KIP-932) is what Kafka's own `kafka-share-groups` prints; it is not the log end less the start offset.

use std::time::Duration;

use super::config;
use crate::evidence::Evidence;
use crate::kafka::tools::{Position, State};
use crate::kafka::{Kafka, Version, unique};
use crate::lagslope::{Lagslope, Scrape};
use crate::processes::wait_until;

/// Sampled every second; members, the rarest question, are known within a few cycles.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// A JVM starts, joins, reads some hundred messages and acknowledges them.
const JAVA_READS_WITHIN: Duration = Duration::from_secs(90);

/// Names of what is there.
struct There {
    orders: String,
    /// Its last member left in the middle.
    left: String,
    /// Its member has read all.
    stays: String,
    /// Nobody has read anything since it was set to the beginning.
    waits: String,
}

impl There {
    fn make(kafka: &Kafka) -> Self {
        let [orders, left, stays, waits] = ["orders", "left", "stays", "waits"].map(unique);
        kafka.create_topic(&orders, 3, 1);
        for (partition, messages) in [(0, 100), (1, 110), (2, 0)] {
            kafka.produce(&orders, partition, messages);
        }
        for group in [&left, &stays, &waits] {
            kafka.share_group(group, &orders);
        }
        kafka.share_member(&left, &orders, Some(60));
        kafka.share_member(&stays, &orders, None);
        let caught_up = || {
            let positions = kafka.describe_share_offsets();
            let of = positions.iter().filter(|position| position.group == stays);
            (of.clone().count() == 3 && of.clone().all(|position| position.lag == Some(0)))
                .then_some(())
        };
        wait_until(JAVA_READS_WITHIN, caught_up).expect("the member that stays reads all");
        Self {
            orders,
            left,
            stays,
            waits,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_prints_the_same_of_share_groups() {
    let kafka = Kafka::start(Version::Kafka4, 1, &[]);
    let there = There::make(&kafka);
    kafka.commit(&unique("classic"), &there.orders, &[(0, 30)]);
    let lagslope = Lagslope::start(&config(&kafka.bootstrap())).await;
    let (positions, states) = (
        kafka.describe_share_offsets(),
        kafka.describe_share_states(),
    );
    assert_eq!(
        (positions.len(), states.len()),
        (9, 3),
        "{positions:?} {states:?}"
    );
    let known = |scrape: &Scrape| {
        let members = |state: &State| scrape.value("group_members", &[("group", &state.group)]);
        states.iter().all(|state| members(state).is_some())
    };
    let scrape = lagslope
        .wait_for("the members of every group", SHOWN_WITHIN, known)
        .await;
    let lags = compare_lags(&scrape, &positions);
    let groups = compare_states(&scrape, &states);
    without_rewinds(&scrape, &there);

    // An administrator sets one back, by more than it had left.
    kafka.set_back(&there.left, &there.orders);
    let set_back = kafka.describe_share_offsets();
    let lag = |positions: &[Position]| {
        let of = positions.iter().filter(|p| p.group == there.left);
        of.filter_map(|p| p.lag).sum::<i64>() as f64
    };
    assert_eq!((lag(&positions), lag(&set_back)), (150.0, 210.0));
    let of = [("group", there.left.as_str())];
    let shown = |scrape: &Scrape| scrape.value("lag_messages", &of) == Some(210.0);
    let scrape = lagslope.wait_for("its lag", SHOWN_WITHIN, shown).await;
    let again = compare_lags(&scrape, &set_back);
    without_rewinds(&scrape, &there);

    Evidence::new("share-groups", "What `/metrics` says of share groups is what Kafka's own tool prints").entry(
        "Every lag, state and member count of share groups on Kafka 4.4.0 equals kafka-share-groups, and stays equal when offsets are set back: no rewind is counted",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it real::shares",
        &format!("group, topic, partition, start offset: lag by kafka-share-groups, by lagslope\n{lags}\ngroup: state, members by kafka-share-groups, by lagslope\n{groups}\nafter kafka-share-groups --reset-offsets --to-earliest --group {}\n{again}", there.left),
    );
}

fn compare_lags(scrape: &Scrape, positions: &[Position]) -> String {
    let mut table = String::new();
    for position in positions {
        let partition = position.partition.to_string();
        let labels = [
            ("group", position.group.as_str()),
            ("topic", &position.topic),
            ("partition", &partition),
        ];
        let ours = scrape.value("partition_lag_messages", &labels);
        let theirs = position.lag.map(|lag| lag as f64);
        assert_eq!(ours, theirs, "{position:?}\n{}", scrape.text());
        table += &format!(
            "{} {} {}, {:?}: {:?}, {ours:?}\n",
            position.group, position.topic, partition, position.committed, position.lag
        );
    }
    table
}

fn compare_states(scrape: &Scrape, states: &[State]) -> String {
    let mut table = String::new();
    for state in states {
        let labels = [
            ("group", state.group.as_str()),
            ("state", &state.state),
            ("type", "share"),
        ];
        let published = scrape.value("group_state", &labels);
        assert_eq!(published, Some(1.0), "{state:?}\n{}", scrape.text());
        let ours = scrape.value("group_members", &labels[..1]);
        assert_eq!(ours, Some(state.members as f64), "{state:?}");
        table += &format!(
            "{}: {}, {}, {ours:?}\n",
            state.group, state.state, state.members
        );
    }
    table
}

/// What has no meaning for them is absent; what has one is there from the start.
fn without_rewinds(scrape: &Scrape, there: &There) {
    for group in [&there.left, &there.stays, &there.waits] {
        let of = [("group", group.as_str())];
        let rewound = [of[0], ("reason", "rewound")];
        assert_eq!(scrape.value("reprocessed_messages_total", &of), None);
        assert_eq!(scrape.value("resets_total", &rewound), None);
        assert_eq!(scrape.value("lost_messages_total", &of), Some(0.0));
        assert!(scrape.value("time_lag_seconds", &of).is_some(), "{group}");
    }
}
