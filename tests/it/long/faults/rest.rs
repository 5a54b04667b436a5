//! 180 group-partitions at rest: nothing is produced or committed any more, so that the truth is known to the message.

use std::collections::BTreeMap;
use std::thread;

use super::look::now;
use crate::kafka::Kafka;
use crate::kafka::tools::Position;
use crate::lagslope::Scrape;

const GROUPS: u64 = 10;
const TOPICS: u64 = 3;
const PARTITIONS: u64 = 6;

/// Beyond the largest lag, so that each group has committed something.
const MESSAGES_MIN: u64 = 200;

/// After so long at rest no window has seen anything move: the rate window, and as long as a pair may stand for the present.
const STILL_AFTER_SECONDS: f64 = 170.0;

/// Group, topic, partition.
pub(super) type Key = (String, String, u32);

/// What is true of the groups at rest.
pub(super) struct AtRest {
    lags: BTreeMap<Key, u64>,
    /// When the messages of each topic were written: all of them between these moments.
    written: BTreeMap<String, (f64, f64)>,
    still_since: f64,
    tolerance: Tolerance,
}

/// How far a time lag may be from the truth.
#[derive(Clone, Copy)]
pub(super) struct Tolerance {
    /// Between two samples nobody knows when a message came.
    pub(super) sample_interval: f64,
    /// Older than this nothing is published.
    pub(super) max_age: f64,
}

/// What one page says of the groups at rest.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Each value that is not the truth, and what would be.
    pub(super) wrong: Vec<String>,
    /// Group-partitions whose lag is not published.
    pub(super) absent: usize,
    /// Series of any kind that are missing.
    pub(super) missing: usize,
    /// Values held against the truth.
    pub(super) compared: usize,
}

fn topic(number: u64) -> String {
    format!("rest-{number}")
}

fn group(number: u64) -> String {
    format!("resting-{number}")
}

fn messages(topic: u64, partition: u64) -> u64 {
    MESSAGES_MIN + 30 * topic + 7 * partition
}

/// No two group-partitions have the same: one taken for another would show.
fn lag(group: u64, topic: u64, partition: u64) -> u64 {
    1 + partition + PARTITIONS * (topic + TOPICS * group)
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).expect("a handful")
}

/// Creates the topics. The daemon should see them empty, so that it knows when each message came.
pub(super) fn create_topics(kafka: &Kafka, replication: i32) {
    for number in 0..TOPICS {
        kafka.create_topic(&topic(number), PARTITIONS as i32, replication);
    }
}

impl AtRest {
    /// Writes and commits everything, and leaves it alone.
    pub(super) fn begin(kafka: &Kafka, tolerance: Tolerance) -> Self {
        let mut written = BTreeMap::new();
        for number in 0..TOPICS {
            let began = now();
            for partition in 0..PARTITIONS {
                let count = messages(number, partition) as usize;
                kafka.produce(&topic(number), partition as i32, count);
            }
            written.insert(topic(number), (began, now()));
        }
        thread::scope(|scope| {
            for number in 0..GROUPS {
                scope.spawn(move || commit(kafka, number));
            }
        });
        let numbers = (0..GROUPS)
            .flat_map(|g| (0..TOPICS).flat_map(move |t| (0..PARTITIONS).map(move |p| (g, t, p))));
        let lags = numbers.map(|(g, t, p)| ((group(g), topic(t), narrow(p)), lag(g, t, p)));
        Self {
            lags: lags.collect(),
            written,
            still_since: now(),
            tolerance,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.lags.len()
    }

    /// Does Kafka's own tool say of all of them what is true?
    pub(super) fn is_told_by(&self, positions: &[Position]) -> bool {
        let told = positions.iter().filter_map(|position| {
            let partition = u32::try_from(position.partition).ok()?;
            let key = (position.group.clone(), position.topic.clone(), partition);
            Some((key, u64::try_from(position.lag?).ok()?))
        });
        let told: BTreeMap<Key, u64> = told
            .filter(|(key, _)| self.lags.contains_key(key))
            .collect();
        told == self.lags
    }

    /// Holds everything that a page says of them against the truth.
    pub(super) fn judge(&self, page: &Scrape, at: f64) -> Verdict {
        let mut verdict = Verdict::default();
        let lags = self.lags.iter();
        let lags = lags.map(|(key, lag)| (key.clone(), (*lag as f64, *lag as f64)));
        let lags: Truth = lags.collect();
        verdict.absent = verdict.hold(page, "partition_lag_messages", &lags);
        verdict.hold(page, "lag_messages", &self.sums());
        let ages = self.lags.keys();
        let ages = ages.map(|key| (key.clone(), self.age(&key.1, at)));
        verdict.hold(page, "partition_time_lag_seconds", &ages.collect());
        let ages = self.sums().into_keys();
        let ages = ages.map(|key| (key.clone(), self.age(&key.1, at)));
        verdict.hold(page, "time_lag_seconds", &ages.collect());
        self.nothing_moves(page, at, &mut verdict);
        verdict
    }

    fn sums(&self) -> Truth {
        let mut sums = Truth::new();
        for ((group, topic, _), lag) in &self.lags {
            let sum = sums.entry((group.clone(), topic.clone(), 0)).or_default();
            *sum = (sum.0 + *lag as f64, sum.1 + *lag as f64);
        }
        sums
    }

    /// The least and the greatest age that may be published at a moment.
    fn age(&self, topic: &str, at: f64) -> (f64, f64) {
        let (first, last) = self.written[topic];
        let Tolerance {
            sample_interval,
            max_age,
        } = self.tolerance;
        let read_since = at - max_age - sample_interval;
        (
            (read_since - last - sample_interval).max(0.0),
            at - first + sample_interval,
        )
    }

    /// Counters of what never happened, and what moves only when something does.
    fn nothing_moves(&self, page: &Scrape, at: f64, verdict: &mut Verdict) {
        let still: &[&str] = if at - self.still_since < STILL_AFTER_SECONDS {
            &[]
        } else {
            &[
                "production_rate",
                "consumption_rate",
                "lag_slope",
                "partition_lag_slope",
            ]
        };
        let never = [
            "resets_total",
            "reprocessed_messages_total",
            "lost_messages_total",
            "signal",
        ];
        for family in never.iter().chain(still) {
            for (series, value) in page.all(family, &[]).filter(|(series, _)| is_ours(series)) {
                verdict.compared += 1;
                if value != 0.0 {
                    verdict.wrong.push(format!("{series} {value}, truth 0"));
                }
            }
        }
        for (series, _) in page.all("group_state", &[]) {
            if is_ours(series) && !series.contains("state=\"Empty\"") {
                verdict.wrong.push(format!("{series}, truth Empty"));
            }
        }
    }
}

/// The least and the greatest value that are true.
type Truth = BTreeMap<Key, (f64, f64)>;

impl Verdict {
    /// Compares a family; gives how many of its series are missing.
    fn hold(&mut self, page: &Scrape, family: &str, truth: &Truth) -> usize {
        let mut seen = 0;
        for (series, value) in page.all(family, &[]).filter(|(series, _)| is_ours(series)) {
            seen += 1;
            self.compared += 1;
            match truth.get(&key(series)) {
                Some((least, most)) if (*least..=*most).contains(&value) => {}
                other => self
                    .wrong
                    .push(format!("{series} {value}, truth {other:?}")),
            }
        }
        let missing = truth.len().saturating_sub(seen);
        self.missing += missing;
        missing
    }
}

fn is_ours(series: &str) -> bool {
    series.contains("group=\"resting-")
}

fn commit(kafka: &Kafka, number: u64) {
    for t in 0..TOPICS {
        let at = |p| (p as i32, (messages(t, p) - lag(number, t, p)) as i64);
        let offsets: Vec<(i32, i64)> = (0..PARTITIONS).map(at).collect();
        kafka.commit(&group(number), &topic(t), &offsets);
    }
}

/// Group, topic and partition (0 where there is none) in a series' labels.
pub(super) fn key(series: &str) -> Key {
    let label = |name: &str| {
        let rest = series.split_once(&format!("{name}=\""))?.1;
        rest.split('"').next()
    };
    let text = |name| label(name).unwrap_or_default().to_owned();
    let partition = label("partition").and_then(|number| number.parse().ok());
    (text("group"), text("topic"), partition.unwrap_or(0))
}

#[test]
fn a_value_that_is_not_the_truth_is_found() {
    let tolerance = Tolerance {
        sample_interval: 10.0,
        max_age: 30.0,
    };
    let rest = AtRest {
        lags: (0..2).map(|p| ((group(0), topic(0), p), 5)).collect(),
        written: BTreeMap::from([(topic(0), (1000.0, 1001.0))]),
        still_since: 1001.0,
        tolerance,
    };
    // Family, labels beyond group and topic, value; values that are wrong.
    let cases = [
        ("partition_lag_messages", ",partition=\"1\"", 5.0, 0),
        ("partition_lag_messages", ",partition=\"1\"", 6.0, 1),
        ("partition_lag_messages", ",partition=\"2\"", 5.0, 1),
        ("lag_messages", "", 10.0, 0),
        ("lag_messages", "", 5.0, 1),
        ("time_lag_seconds", "", 990.0, 0),
        ("time_lag_seconds", "", 940.0, 1),
        ("lag_slope", ",window=\"rate\"", 0.1, 1),
        ("resets_total", ",reason=\"truncated\"", 1.0, 1),
        ("group_state", ",state=\"Dead\"", 1.0, 1),
    ];
    for (family, labels, value, wrong) in cases {
        let ours = "group=\"resting-0\",topic=\"rest-0\"";
        let page = Scrape::parse(&format!("lagslope_{family}{{{ours}{labels}}} {value}"));
        let verdict = rest.judge(&page, 2000.0);
        assert_eq!(verdict.wrong.len(), wrong, "{family} {value}: {verdict:?}");
    }
}
