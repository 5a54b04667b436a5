//! The curve that is built from the past, against what really arrived: random histories, looked up as Kafka does.

use lagslope::analysis::curve::Curve;
use lagslope::analysis::past::{Doubt, Record, Search, instant, instants};
use lagslope::analysis::sample::{
    Commits, GroupSample, PartitionSample, Past, Reading, Sample, TopicCommits, TopicSample,
};
use lagslope::analysis::{Analysis, Ceilings, Rules, Settings};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::BEGIN;

const NOW: f64 = 1_800_000_000.0;
const WINDOW: f64 = 120.0;

/// When each record arrived, in milliseconds, ascending; the first has offset 0.
#[derive(Debug)]
struct Log(Vec<i64>);

impl Log {
    /// As a broker does: the first offset whose timestamp is at or after the instant.
    fn look_up(&self, instant: i64) -> Option<Record> {
        let offset = self.0.partition_point(|at| *at < instant);
        let at = *self.0.get(offset)?;
        Some(Record {
            offset: offset as u64,
            at,
        })
    }

    fn end(&self) -> Reading {
        Reading {
            offset: self.0.len() as u64,
            at: NOW,
        }
    }

    fn age(&self, offset: u64) -> f64 {
        NOW - self.0[offset as usize] as f64 / 1000.0
    }

    /// Messages per second over the window.
    fn rate(&self) -> f64 {
        let before = self.0.partition_point(|at| *at < instant(NOW, WINDOW));
        (self.0.len() - before) as f64 / WINDOW
    }

    /// The search, with each round's look-ups answered; and how many there were.
    fn search(&self, commits: Vec<u64>) -> (Result<Vec<Reading>, Doubt>, usize) {
        let mut search = Search::new(self.end(), commits);
        let mut asked = if search.is_for_ages() {
            instants(NOW, WINDOW)
        } else {
            vec![instant(NOW, WINDOW)]
        };
        let mut count = 0;
        while !asked.is_empty() {
            count += asked.len();
            for instant in asked {
                search.take(instant, self.look_up(instant));
            }
            asked = search.ask_next();
        }
        (search.points(), count)
    }

    fn curve(&self, commits: Vec<u64>) -> Curve {
        let points = self.search(commits).0.expect("believable");
        let mut curve = Curve::default();
        curve.append(NOW, self.end().offset);
        curve.merge(points.into_iter().map(|point| (point.at, point.offset)));
        curve
    }
}

/// Stretches of traffic back from now: seconds, and records in them; bursts, silence and hour-long steps among them.
fn logs() -> impl Strategy<Value = Log> {
    let stretch = prop_oneof![
        4 => (10u32..600, 1u32..200),
        2 => (1u32..5, 50u32..500),
        2 => (60u32..7_200, Just(0u32)),
        1 => (3_600u32..14_400, 1u32..400),
    ];
    prop::collection::vec(stretch, 3..60).prop_map(|stretches| {
        let mut at = NOW * 1000.0;
        let mut times = Vec::new();
        for (seconds, records) in stretches {
            let step = f64::from(seconds) * 1000.0 / f64::from(records.max(1));
            for _ in 0..records {
                at -= step;
                times.push(at as i64);
            }
            if records == 0 {
                at -= step;
            }
        }
        times.reverse();
        Log(times)
    })
}

fn same_on_each_run() -> TestRunner {
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(Config::default(), seed)
}

#[test]
fn ages_of_the_past_are_nearly_right() {
    let mut runner = same_on_each_run();
    let mut errors = Vec::new();
    let mut lookups = 0;
    for _ in 0..1_000 {
        let strategy = (logs(), 0.0..1.0f64);
        let (log, share) = strategy.new_tree(&mut runner).expect("a log").current();
        if log.0.is_empty() {
            continue;
        }
        let commit = (share * log.0.len() as f64) as u64;
        lookups += log.search(vec![commit]).1;
        let truth = log.age(commit).max(1.0);
        let age = log.curve(vec![commit]).age(commit, NOW);
        errors.push((age.expect("it was looked for") - truth).abs() / truth);
    }
    errors.sort_by(f64::total_cmp);
    let at = |share: f64| 100.0 * errors[(share * errors.len() as f64) as usize];
    println!(
        "age of a commit by the past, error in %: median {:.3}, p95 {:.3}, worst {:.1}; {:.1} look-ups each",
        at(0.5),
        at(0.95),
        at(0.999_9),
        lookups as f64 / errors.len() as f64
    );
    assert!(at(0.5) <= 0.04, "median {}", at(0.5));
    assert!(at(0.95) <= 1.4, "p95 {}", at(0.95));
}

proptest! {
    #[test]
    fn the_curve_only_rises_and_the_window_is_exact(log in logs(), shares in prop::collection::vec(0.0..1.0f64, 0..6)) {
        let commits = shares.iter().map(|share| (share * log.0.len() as f64) as u64);
        let commits: Vec<u64> = commits.filter(|commit| *commit < log.end().offset).collect();
        let (points, lookups) = log.search(commits.clone());
        prop_assert!(lookups <= 13 + 1 + 8 * 4, "{lookups}");
        if let Ok(points) = points {
            prop_assert!(points.is_sorted_by(|a, b| a.at <= b.at && a.offset <= b.offset), "{points:?}");
            prop_assert!(points.iter().all(|point| point.at <= NOW && point.offset <= log.end().offset));
            let before = log.curve(commits).at(NOW - WINDOW);
            if let Some(before) = before {
                let rate = (log.end().offset as f64 - before) / WINDOW;
                prop_assert!((rate - log.rate()).abs() < 0.01, "{rate} {}", log.rate());
            }
        }
    }

    #[test]
    fn any_answers_make_a_curve_that_only_rises(answers in prop::collection::vec(prop::option::of((any::<u64>(), any::<i64>())), 50), commits in prop::collection::vec(any::<u64>(), 0..9)) {
        let end = Reading { offset: 1 << 40, at: NOW };
        let commits: Vec<u64> = commits.into_iter().map(|commit| commit % end.offset).collect();
        let mut search = Search::new(end, commits);
        let mut answers = answers.into_iter();
        let mut asked = instants(NOW, WINDOW);
        while !asked.is_empty() {
            for instant in asked {
                let answer = answers.next().expect("few questions");
                search.take(instant, answer.map(|(offset, at)| Record { offset: offset % (1 << 41), at }));
            }
            asked = search.ask_next();
        }
        if let Ok(points) = search.points() {
            prop_assert!(points.is_sorted_by(|a, b| a.at <= b.at && a.offset <= b.offset), "{points:?}");
            prop_assert!(points.iter().all(|point| point.at <= NOW && point.offset <= end.offset));
        }
    }

    #[test]
    fn out_of_order_timestamps_make_a_curve_that_only_rises(log in logs(), late in 0i64..100_000, every in 2usize..9) {
        let mut jumbled = log;
        for at in jumbled.0.iter_mut().step_by(every) {
            *at -= late;
        }
        let end = jumbled.end();
        let mut search = Search::new(end, vec![end.offset / 2]);
        let mut asked = instants(NOW, WINDOW);
        while !asked.is_empty() {
            for instant in asked {
                let offset = jumbled.0.iter().position(|at| *at >= instant);
                search.take(instant, offset.map(|o| Record { offset: o as u64, at: jumbled.0[o] }));
            }
            asked = search.ask_next();
        }
        let points = search.points().unwrap_or_default();
        prop_assert!(points.is_sorted_by(|a, b| a.at <= b.at && a.offset <= b.offset), "{points:?}");
    }
}

/// A cycle of a partition that gets 100 messages a second, with what is told of the time before `BEGIN` (seconds before, log end).
/// Time lag, production and consumption.
fn cycle(
    analysis: &mut Analysis,
    seconds: f64,
    committed: u64,
    past: &[(f64, u64)],
) -> (Option<f64>, Option<f64>, Option<f64>) {
    let at = BEGIN + seconds;
    let sample = sample(at, 100_000 + (100.0 * seconds) as u64, committed, past);
    let report = analysis.observe(sample);
    let topic = &report.groups[0].topics[0];
    (
        topic.time_lag_seconds,
        topic.production_rate,
        topic.consumption_rate,
    )
}

fn sample(at: f64, log_end: u64, committed: u64, past: &[(f64, u64)]) -> Sample {
    let end = Reading {
        offset: log_end,
        at,
    };
    let points = past.iter().map(|(before, offset)| Reading {
        offset: *offset,
        at: BEGIN - before,
    });
    Sample {
        began: at,
        at,
        topics: vec![TopicSample {
            name: "orders".into(),
            id: Some(1),
            retention: None,
            message_bytes: Default::default(),
            partitions: vec![PartitionSample {
                log_start: None,
                log_end: Some(end),
            }],
        }],
        groups: vec![GroupSample {
            name: "payments".into(),
            state: None,
            kind: None,
            members: None,
            generation: None,
            commits: Some(Commits {
                at,
                topics: vec![TopicCommits {
                    topic: 0,
                    partitions: vec![(0, committed)],
                    edges: None,
                }],
            }),
        }],
        pasts: (!past.is_empty())
            .then(|| Past {
                topic: 0,
                partition: 0,
                points: points.collect(),
            })
            .into_iter()
            .collect(),
        ..Sample::default()
    }
}

fn analysis() -> Analysis {
    let rules = Rules::new(Settings::new(10.0), Ceilings::default());
    Analysis::new(rules.for_all(), Box::new(|_| None))
}

#[test]
fn the_first_report_has_time_lag_and_production_but_no_departures() {
    // 100 a second for ten minutes, 50 a second before.
    let past = [
        (1_000.0, 20_000),
        (600.0, 40_000),
        (120.0, 88_000),
        (60.0, 94_000),
        (30.0, 97_000),
    ];
    let mut known = analysis();
    assert_eq!(
        cycle(&mut known, 0.0, 30_000, &past),
        (Some(800.0), Some(100.0), None)
    );
    let (time_lag, production, consumption) = cycle(&mut known, 10.0, 30_500, &[]);
    assert_eq!((time_lag, consumption), (Some(800.0), Some(50.0)));
    assert_eq!(production, Some(100.0));
    let mut unknown = analysis();
    assert_eq!(cycle(&mut unknown, 0.0, 30_000, &[]), (None, None, None));
    assert_eq!(cycle(&mut unknown, 10.0, 30_500, &[]).1, Some(100.0));
}

#[test]
fn production_stays_right_while_the_window_fills() {
    let past = [
        (240.0, 76_000),
        (120.0, 88_000),
        (60.0, 94_000),
        (30.0, 97_000),
    ];
    let mut known = analysis();
    for step in 0..30 {
        let (_, production, _) = cycle(
            &mut known,
            10.0 * f64::from(step),
            100_000,
            if step == 0 { &past } else { &[] },
        );
        let production = production.expect("from the first report on");
        assert!(
            (production - 100.0).abs() < 0.5,
            "{production} in cycle {step}"
        );
    }
}

#[test]
fn a_past_that_comes_later_leaves_what_was_watched_alone() {
    let mut known = analysis();
    for step in 0..6 {
        cycle(&mut known, 10.0 * f64::from(step), 40_000, &[]);
    }
    // Told of a producer's clock that is ahead: more than had arrived when the watch began, and points from after that.
    let past = [(600.0, 40_000), (1.0, 100_300), (-20.0, 104_000)];
    let (time_lag, production, _) = cycle(&mut known, 60.0, 40_000, &past);
    assert_eq!((time_lag, production), (Some(660.0), Some(100.0)));
    assert_eq!(
        cycle(&mut known, 70.0, 101_000, &[]).0,
        Some(60.0),
        "as it was watched"
    );
}

#[test]
fn a_log_that_began_anew_has_no_past_but_its_own() {
    let mut known = analysis();
    let past = [(1_000.0, 20_000), (600.0, 40_000), (120.0, 88_000)];
    cycle(&mut known, 0.0, 30_000, &past);
    let report = known.observe(sample(BEGIN + 10.0, 50_000, 30_000, &[]));
    assert_eq!(report.groups[0].topics[0].time_lag_seconds, None);
    let report = known.observe(sample(BEGIN + 20.0, 50_000, 30_000, &past[..2]));
    assert_eq!(report.groups[0].topics[0].time_lag_seconds, Some(820.0));
}

#[test]
fn after_a_break_and_with_another_window_the_past_is_told_anew() {
    let mut known = analysis();
    cycle(&mut known, 0.0, 30_000, &[(600.0, 40_000)]);
    let mut settings = Settings::new(10.0);
    settings.rate_window_seconds = 240.0;
    let rules = Rules::new(settings, Ceilings::default());
    known.retune(rules.for_all(), Box::new(|_| None));
    known.interrupt();
    // Told from the moment ten minutes later: 150 a second until two minutes before, 100 since.
    let past = [(-120.0, 112_000), (-360.0, 130_000), (-480.0, 148_000)];
    assert_eq!(
        cycle(&mut known, 600.0, 112_000, &past),
        (Some(480.0), Some(125.0), None)
    );
}

#[test]
fn arrivals_are_looked_up_from_when_the_cycle_began() {
    // The log was asked for two minutes before the cycle began, and knows nothing older; the cycle took 20 s.
    let mut sample = sample(BEGIN, 100_000, 100_000, &[(140.0, 86_000)]);
    sample.began = BEGIN - 20.0;
    let report = analysis().observe(sample);
    let rate = report.groups[0].topics[0].production_rate;
    assert_eq!(rate, Some(100.0));
}
