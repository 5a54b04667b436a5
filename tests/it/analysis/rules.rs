//! By which rules a group is judged in a topic: what is muted, whose dead letters a topic holds, and thresholds for some only.

use std::sync::Arc;

use lagslope::analysis::report::{Report, RetryReason, TopicReport};
use lagslope::analysis::sample::{
    Commits, Cycle, GroupSample, PartitionSample, Reading, Sample, TopicCommits, TopicSample,
};
use lagslope::analysis::{
    Analysis, Ceilings, Mute, MuteWindow, Rules, RulesOf, Settings, Signal, Signals,
};
use lagslope::config::RetryPatterns;

use super::INTERVAL;

/// Monday 2024-01-01, 12:00 UTC.
const NOON: f64 = 1_704_110_400.0;

fn analysis(rules_of: RulesOf) -> Analysis {
    let patterns = RetryPatterns::default();
    Analysis::new(rules_of, Box::new(move |topic| patterns.name_of(topic)))
}

/// Each topic's log end, each with one partition; the group has committed so much in the first ones.
fn observe(
    analysis: &mut Analysis,
    at: f64,
    ends: &[(&str, u64)],
    commits: &[u64],
    generation: Option<u64>,
    wall_ahead_seconds: f64,
) -> Report {
    let reading = |offset| Some(Reading { offset, at });
    let topics = ends.iter().map(|(name, end)| TopicSample {
        name: Arc::from(*name),
        partitions: vec![PartitionSample {
            log_start: reading(0),
            log_end: reading(*end),
        }],
        ..TopicSample::default()
    });
    let committed = commits
        .iter()
        .enumerate()
        .map(|(topic, committed)| TopicCommits {
            topic,
            partitions: vec![(0, *committed)],
            edges: None,
        });
    analysis.observe(Sample {
        began: at,
        at,
        topics: topics.collect(),
        groups: vec![GroupSample {
            name: "pay".into(),
            state: None,
            kind: None,
            members: None,
            generation,
            commits: Some(Commits {
                at,
                topics: committed.collect(),
            }),
        }],
        cycle: Cycle {
            wall_ahead_seconds,
            ..Cycle::default()
        },
        ..Sample::default()
    })
}

/// 1,000 messages a second against 900, an hour and a half long.
fn overload(analysis: &mut Analysis, wall_ahead_seconds: f64) -> Vec<TopicReport> {
    let cycle = |n: u64| {
        let at = NOON + INTERVAL * n as f64;
        let (end, committed) = (100_000 + 10_000 * n, 98_000 + 9_000 * n);
        let ends = [("orders", end)];
        let report = observe(analysis, at, &ends, &[committed], None, wall_ahead_seconds);
        report.groups[0].topics[0].clone()
    };
    (0..540).map(cycle).collect()
}

fn muted(signals: &[Signal], window: Option<MuteWindow>) -> RulesOf {
    let rules = Rules {
        mute: Some(Arc::new(Mute {
            signals: signals.iter().copied().collect(),
            window,
        })),
        ..Rules::new(Settings::new(INTERVAL), Ceilings::default())
    };
    rules.for_all()
}

fn one_to_two() -> Option<MuteWindow> {
    Some(MuteWindow {
        begins: 13 * 3_600,
        lasts: 3_600,
        days: [true; 7],
    })
}

#[test]
fn what_is_muted_is_judged_all_the_same_and_nothing_else_is_touched() {
    let rules = Rules::new(Settings::new(INTERVAL), Ceilings::default());
    let called = overload(&mut analysis(rules.for_all()), 0.0);
    assert!(called[539].lag_growth.severity.is_some());
    assert!(!called[539].evidence.is_empty());
    let mut muted = analysis(muted(&[Signal::LagGrowth], one_to_two()));
    let told = overload(&mut muted, 0.0);
    let why = muted.explain("pay", "orders").expect("it is watched");
    let growth = &why.signals[0];
    assert_eq!(
        (growth.muted, growth.severity),
        (true, called[539].lag_growth.severity)
    );
    assert_eq!(growth.rules[0], called[539].evidence[0], "who asks is told");
    for (n, (mut called, told)) in called.into_iter().zip(told).enumerate() {
        // From 13:00, an hour after the beginning.
        if n >= 360 {
            called.muted = Signals::from_iter([Signal::LagGrowth]);
            called.lag_growth.severity = None;
            called.evidence.clear();
        }
        assert_eq!(told, called, "in cycle {n}");
    }
}

#[test]
fn hours_are_those_of_the_machines_clock() {
    let half_an_hour = 1_800.0;
    let told = overload(
        &mut analysis(muted(&[Signal::Ceiling], one_to_two())),
        half_an_hour,
    );
    let first = told.iter().position(|topic| !topic.muted.is_empty());
    assert_eq!(first, Some(180));
}

#[test]
fn dead_letters_of_a_retry_topic_are_the_main_topics() {
    let rules = Rules::new(Settings::new(INTERVAL), Ceilings::default());
    let mut analysis = analysis(rules.for_all());
    let mut last = None;
    for n in 0..30_u64 {
        let ends = [
            ("orders", 10_000 + 1_000 * n),
            ("orders-retry-0", 50 * n),
            ("orders-dlt", 20 * n),
            ("orders-retry-0-dlt", 10 * n),
            ("bills-dlt", 70 * n),
        ];
        let at = NOON + INTERVAL * n as f64;
        let commits = [10_000 + 1_000 * n, 50 * n];
        last = Some(observe(&mut analysis, at, &ends, &commits, None, 0.0));
    }
    let topics = last.expect("told").groups.remove(0).topics;
    let rates: Vec<_> = topics
        .iter()
        .map(|topic| (&*topic.topic, topic.retry_storm.dead_letter_rate))
        .collect();
    assert_eq!(rates, [("orders", Some(3.0)), ("orders-retry-0", None)]);
    assert_eq!(topics[0].retry_storm.amplification_ratio, Some(0.05));
}

#[test]
fn a_groups_topics_may_bear_different_churn() {
    let rules_of = |_: &str, topic: &str| {
        let mut settings = Settings::new(INTERVAL);
        if topic == "patient" {
            settings.churn.rebalances = 100;
        }
        Rules::new(settings, Ceilings::default())
    };
    let mut analysis = analysis(Box::new(rules_of));
    let mut last = None;
    for n in 0..500_u64 {
        // After a calm hour, a generation a minute.
        let end = 100 * n;
        let ends = [("orders", end), ("patient", end)];
        let at = NOON + INTERVAL * n as f64;
        last = Some(observe(
            &mut analysis,
            at,
            &ends,
            &[end, end],
            Some(n.saturating_sub(360) / 6),
            0.0,
        ));
    }
    let topics = last.expect("told").groups.remove(0).topics;
    let reasons: Vec<_> = topics
        .iter()
        .map(|topic| topic.retry_storm.reason)
        .collect();
    assert_eq!(reasons, [Some(RetryReason::Churn), None]);
}
