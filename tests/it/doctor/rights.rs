//! With each single right missing: what the doctor calls missing, and that the daemon publishes what the rest allows.

use std::fs;
use std::time::Duration;

use super::guarded::Guarded;
use super::{doctor, line};
use crate::evidence::Evidence;
use crate::lagslope::{Lagslope, Scrape};
use crate::promtool::repository;
use crate::real::config;

/// The first cycle of a daemon that shares two cores with a JVM.
const FIRST_WORD: Duration = Duration::from_secs(40);

/// Rights are the same whatever the time.
const QUICK: &[&str] = &["--clock.watch", "0s"];

/// What a daemon hasn't published after so many cycles it won't.
const CYCLES: f64 = 3.0;

const DESCRIBE_CLUSTER: &str = "--operation Describe --cluster";
const DESCRIBE_GROUPS: &str = "--operation Describe --group '*'";
const DESCRIBE_TOPICS: &str = "--operation Describe --topic '*'";
const DESCRIBE_CONFIGS: &str = "--operation DescribeConfigs --topic '*'";
const READ_OFFSETS: &str = "--operation Read --topic __consumer_offsets";

/// Lags as they are: group, topic, messages.
const LAGS: &[(&str, &str, f64)] = &[
    ("pay", "orders", 6.0),
    ("search", "orders", 10.0),
    ("search", "logs", 4.0),
];

/// One right that is missing, and what follows.
struct Case {
    missing: &'static str,
    exit: i32,
    /// Beginnings of the doctor's lines.
    said: &'static [&'static str],
    /// Lags that the daemon can't know: group, topic.
    absent: &'static [(&'static str, &'static str)],
    /// What it counts: request, error.
    counted: Option<(&'static str, &'static str)>,
}

const EVERYTHING: &[(&str, &str)] = &[("pay", "orders"), ("search", "orders"), ("search", "logs")];

const CASES: &[Case] = &[
    Case {
        missing: DESCRIBE_CLUSTER,
        exit: 0,
        said: &[
            "ListGroups v5 allowed 2 groups, by Describe on all groups; one that is denied would be left out",
            "DescribeLogDirs v4 refused",
        ],
        absent: &[],
        counted: None,
    },
    Case {
        missing: DESCRIBE_GROUPS,
        exit: 1,
        said: &[
            "ListGroups v5 allowed 2 groups",
            "! OffsetFetch v9 refused 2 of 2 groups (pay, search); without it: no committed offsets",
            "! DescribeGroups v6 refused 2 of 2 groups; without it: no member counts",
            "! ConsumerGroupDescribe v1 refused no group is seen; any would be refused",
        ],
        absent: EVERYTHING,
        counted: Some(("OffsetFetch", "group_authorization_failed")),
    },
    Case {
        missing: DESCRIBE_TOPICS,
        exit: 1,
        said: &[
            "! Metadata v13 refused an empty list, which Kafka also answers without the right",
            "! ListOffsets (latest, earliest) v10 refused no partition is seen; any would be refused",
            "! ListOffsets (by time) v10 refused",
            "OffsetFetch v9 allowed 2 groups",
        ],
        absent: EVERYTHING,
        counted: None,
    },
    Case {
        missing: DESCRIBE_CONFIGS,
        exit: 1,
        said: &[
            "! DescribeConfigs v4 refused 2 of 2 topics; without it: no retention",
            "Metadata v13 allowed 2 topics",
        ],
        absent: &[],
        counted: Some(("DescribeConfigs", "topic_authorization_failed")),
    },
    Case {
        missing: READ_OFFSETS,
        exit: 0,
        said: &["Fetch (__consumer_offsets) refused without it: commits are asked for"],
        absent: &[],
        counted: None,
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn with_each_single_right_missing_it_is_named_and_the_daemon_publishes_what_the_rest_allows()
{
    let guarded = tokio::task::block_in_place(populated);
    let config = config(&guarded.kafka.bootstrap());
    let mut seen = String::new();

    let (exit, page) = doctor(&config, QUICK).await;
    assert_eq!(exit, Some(0), "{page}");
    assert!(!page.contains("kafka-acls"), "nothing is missing:\n{page}");
    assert!(!page.contains(" refused "), "nothing is missing:\n{page}");
    published(&config, &[], None, &mut seen).await;

    for case in CASES {
        tokio::task::block_in_place(|| guarded.take_back(case.missing));
        let (exit, page) = doctor(&config, QUICK).await;
        assert_eq!(exit, Some(case.exit), "{}:\n{page}", case.missing);
        for said in case.said {
            let about = said.trim_start_matches("! ");
            let about = &about[..about
                .find(" v")
                .or(about.find(" refused"))
                .unwrap_or(about.len())];
            let line = line(&page, about);
            assert!(line.starts_with(said), "{}: {said}\n{page}", case.missing);
        }
        seen += &format!("\n### without {}\n\n{page}\n", case.missing);
        published(&config, case.absent, case.counted, &mut seen).await;
        let right = page.lines().filter(|line| line.contains("kafka-acls"));
        let rights: Vec<&str> = right.collect();
        if case.missing == READ_OFFSETS {
            assert!(rights.is_empty(), "nothing is lost without it:\n{page}");
            tokio::task::block_in_place(|| guarded.allow(case.missing));
            continue;
        }
        assert_eq!(rights.len(), 1, "{}:\n{page}", case.missing);
        assert!(rights[0].ends_with(case.missing), "{page}");
        if case.missing == DESCRIBE_GROUPS {
            sample(&guarded, &config).await;
        }
        tokio::task::block_in_place(|| guarded.follow(rights[0]));
        assert_eq!(
            doctor(&config, QUICK).await.0,
            Some(0),
            "what it printed mended it"
        );
    }
    more_than_one_right(&guarded, &config, &mut seen).await;
    let topics = tokio::task::block_in_place(|| guarded.kafka.log_end("orders", 0));
    assert_eq!(topics, 10, "the doctor wrote nothing");
    Evidence::new("doctor", "What may the daemon ask?").entry(
        "With each single ACL missing `doctor` names it, and the daemon publishes what the rest allows",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it doctor::rights",
        &seen,
    );
}

/// The page of docs/doctor.md, but for the address and the times.
async fn sample(guarded: &Guarded, config: &str) {
    let config = config.replace("name: test,", "name: prod,");
    let (_, page) = doctor(&config, &[]).await;
    let page = page.replace(&guarded.kafka.bootstrap(), "kafka-1:9092");
    let text = fs::read_to_string(repository("docs/doctor.md")).expect("the page");
    let mut samples = text.split("```text\n").skip(1);
    let shown = samples.next().and_then(|rest| rest.split("```").next());
    assert_eq!(
        plain(shown.expect("a sample")),
        plain(&page),
        "docs/doctor.md shows another page than\n{page}"
    );
}

/// The words, without how many milliseconds anything took.
fn plain(page: &str) -> String {
    let words: Vec<&str> = page.split_whitespace().collect();
    let timed = words.windows(2).filter(|pair| pair[1] != "ms");
    timed.map(|pair| pair[0]).collect::<Vec<_>>().join(" ")
}

/// Without two rights the list of groups is empty; with a denial it lacks one, and so does what is published.
async fn more_than_one_right(guarded: &Guarded, config: &str, seen: &mut String) {
    tokio::task::block_in_place(|| {
        guarded.take_back("--operation Describe --cluster --group '*'");
    });
    let (exit, page) = doctor(config, QUICK).await;
    assert_eq!(exit, Some(1), "{page}");
    let empty = "! ListGroups v5 refused an empty list, which Kafka also answers without the right";
    assert!(line(&page, "ListGroups").starts_with(empty), "{page}");
    for right in [DESCRIBE_CLUSTER, DESCRIBE_GROUPS] {
        assert!(page.contains(right), "{right}:\n{page}");
    }
    *seen += &format!("\n### without {DESCRIBE_CLUSTER} and {DESCRIBE_GROUPS}\n\n{page}\n");

    let one_group = "--operation Describe --group pay";
    tokio::task::block_in_place(|| guarded.allow(one_group));
    let (exit, page) = doctor(config, QUICK).await;
    let part = "! ListGroups v5 partial 1 group; others would be left out without an error";
    assert!(line(&page, "ListGroups").starts_with(part), "{page}");
    assert_eq!(exit, Some(1), "{page}");
    let narrow = config.replace("name: test,", "name: test, groups: {include: [pay]},");
    let (_, page) = doctor(&narrow, QUICK).await;
    let meant = "ListGroups v5 allowed 1 group";
    assert!(
        line(&page, "ListGroups").starts_with(meant),
        "only pay is meant:\n{page}"
    );
    let absent = [("search", "orders"), ("search", "logs")];
    published(config, &absent, None, seen).await;

    tokio::task::block_in_place(|| {
        guarded.allow("--operation Describe --cluster --group '*'");
        let deny = "--add --deny-principal User:ANONYMOUS --operation Describe";
        guarded.acls(&format!("{deny} --group search"));
        guarded.acls(&format!("{deny} --topic logs"));
    });
    let (exit, page) = doctor(config, QUICK).await;
    assert_eq!(exit, Some(1), "{page}");
    let denied = "! OffsetFetch v9 refused 1 of 2 groups (search), by a rule that denies it";
    assert!(line(&page, "OffsetFetch").starts_with(denied), "{page}");
    *seen += &format!("\n### denied: the group search, the topic logs\n\n{page}\n");
    let counted = Some(("OffsetFetch", "group_authorization_failed"));
    published(config, &absent, counted, seen).await;
    tokio::task::block_in_place(|| {
        let deny = "--remove --force --deny-principal User:ANONYMOUS --operation Describe";
        guarded.acls(&format!("{deny} --group search"));
    });
    published(config, &[("search", "logs")], None, seen).await;
}

/// A cluster with two topics and two groups, and exactly the rights that a monitor needs.
fn populated() -> Guarded {
    let guarded = Guarded::start();
    let all = "--operation All --topic '*' --group '*' --cluster";
    guarded.allow(all);
    let kafka = &guarded.kafka;
    kafka.create_topic("orders", 2, 1);
    kafka.create_topic("logs", 1, 1);
    kafka.produce("orders", 0, 10);
    kafka.produce("logs", 0, 4);
    kafka.commit("pay", "orders", &[(0, 4), (1, 0)]);
    kafka.commit("search", "orders", &[(0, 0), (1, 0)]);
    kafka.commit("search", "logs", &[(0, 0)]);
    guarded.allow("--operation Describe --topic '*' --group '*' --cluster");
    guarded.allow(DESCRIBE_CONFIGS);
    guarded.allow(READ_OFFSETS);
    guarded.take_back(all);
    guarded
}

/// A daemon that starts now publishes every lag but those, each as it is, and counts what it was refused.
async fn published(
    config: &str,
    absent: &[(&str, &str)],
    counted: Option<(&str, &str)>,
    seen: &mut String,
) {
    let lagslope = Lagslope::start(config).await;
    let labels = |group, topic| [("group", group), ("topic", topic)];
    let lag = |scrape: &Scrape, (group, topic)| scrape.value("lag_messages", &labels(group, topic));
    let is_told = |scrape: &Scrape| {
        let mut present = LAGS.iter().filter(|(g, t, _)| !absent.contains(&(*g, *t)));
        let refusals = |(api, error)| {
            let labels = [("api", api), ("error", error)];
            scrape
                .value("sample_errors_total", &labels)
                .is_some_and(|n| n > 0.0)
        };
        scrape.value("up", &[]) == Some(1.0)
            && present.all(|(group, topic, _)| lag(scrape, (*group, *topic)).is_some())
            && counted.is_none_or(refusals)
            && scrape.sum("kafka_requests_total", &[("api", "ListGroups")]) >= CYCLES
    };
    let scrape = lagslope
        .wait_for("what is allowed", FIRST_WORD, is_told)
        .await;
    *seen += "published:\n";
    for (group, topic, messages) in LAGS {
        let expected = Some(*messages).filter(|_| !absent.contains(&(*group, *topic)));
        let found = lag(&scrape, (*group, *topic));
        assert_eq!(found, expected, "{group} {topic}:\n{}", scrape.text());
        let told = found.map_or_else(|| "absent".to_owned(), |lag| lag.to_string());
        *seen += &format!("  lag of {group} in {topic}: {told}\n");
    }
    for (series, count) in scrape.all("sample_errors_total", &[]) {
        *seen += &format!("  {series} {count}\n");
    }
}
