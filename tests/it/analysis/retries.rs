//! When a retry topic or its main topic is not read: what is unknown is no storm, and a storm of before is not told as one of now.

use std::ops::Range;
use std::sync::Arc;

use lagslope::analysis::report::{RetryReport, Severity};
use lagslope::analysis::sample::{
    Commits, GroupSample, PartitionSample, Reading, Sample, TopicCommits, TopicSample,
};
use lagslope::analysis::{Analysis, Ceilings, Rules, Settings};
use lagslope::config::RetryPatterns;

use super::{BEGIN, INTERVAL};

/// Who says nothing, and in which cycles.
struct Hole {
    of: Silent,
    cycles: Range<u64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Silent {
    MainTopic,
    RetryTopic,
    Coordinator,
}

/// A thousand messages a cycle are produced and consumed; of so many of them, by cycle, one is retried. Gives what is said in each cycle.
fn told(cycles: u64, retried: impl Fn(u64) -> u64, hole: &Hole) -> Vec<RetryReport> {
    let patterns = RetryPatterns::default();
    let rules = Rules::new(Settings::new(INTERVAL), Ceilings::default());
    let names = Box::new(move |topic: &str| patterns.name_of(topic));
    let mut analysis = Analysis::new(rules.for_all(), names);
    let mut retries = 0;
    let reports = (0..cycles).map(|n| {
        retries += retried(n);
        let silent = hole.cycles.contains(&n).then_some(hole.of);
        let report = analysis.observe(sample(n, 1_000 * n, retries, silent));
        report.groups[0].topics[0].retry_storm
    });
    reports.collect()
}

fn sample(n: u64, end: u64, retries: u64, silent: Option<Silent>) -> Sample {
    let at = BEGIN + INTERVAL * n as f64;
    let topic = |name: &str, end, is_read: bool| {
        let reading = |offset| is_read.then_some(Reading { offset, at });
        TopicSample {
            name: Arc::from(name),
            partitions: vec![PartitionSample {
                log_start: reading(0),
                log_end: reading(end),
            }],
            ..TopicSample::default()
        }
    };
    let commits = Commits {
        at,
        topics: vec![TopicCommits {
            topic: 0,
            partitions: vec![(0, end)],
            edges: None,
        }],
    };
    Sample {
        began: at,
        at,
        topics: vec![
            topic("orders", end, silent != Some(Silent::MainTopic)),
            topic("orders-retry", retries, silent != Some(Silent::RetryTopic)),
        ],
        groups: vec![GroupSample {
            name: "pay".into(),
            state: None,
            kind: None,
            members: None,
            generation: None,
            commits: (silent != Some(Silent::Coordinator)).then_some(commits),
        }],
        ..Sample::default()
    }
}

/// Two hours of habit; then something is silent for eight minutes.
const HOLE: Range<u64> = 720..768;

#[test]
fn topic_that_is_not_read_makes_no_storm() {
    for of in [Silent::MainTopic, Silent::RetryTopic, Silent::Coordinator] {
        for usual in [60, 300] {
            let hole = Hole { of, cycles: HOLE };
            let said = told(1_080, |_| usual, &hole);
            let raised = said.iter().position(|r| r.severity > Some(Severity::Ok));
            assert_eq!(raised, None, "{usual} of a thousand");
            assert_eq!(said.last().map(|r| r.severity), Some(Some(Severity::Ok)));
        }
    }
}

#[test]
fn storm_is_not_told_while_nobody_knows_and_goes_on_afterwards() {
    for of in [Silent::MainTopic, Silent::RetryTopic, Silent::Coordinator] {
        let hole = Hole { of, cycles: HOLE };
        // A storm begins twenty minutes before the hole, and goes on.
        let said = told(800, |n| if n < 600 { 20 } else { 400 }, &hole);
        let at = |n: u64| {
            (
                said[n as usize].severity,
                said[n as usize].amplification_ratio,
            )
        };
        let raised = Some(Severity::Warning);
        assert!(
            at(719).0 >= raised && at(722).0 >= raised,
            "three intervals old"
        );
        for n in 723..768 {
            assert_eq!(at(n), (None, None), "in cycle {n}");
        }
        assert!(
            at(768).0.is_none() && at(768).1.is_none(),
            "nothing new is known yet"
        );
        assert!(at(780).0 >= raised && at(799).0 >= raised);
    }
}
