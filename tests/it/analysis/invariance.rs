//! What must not matter: when it is, what things are called, in which order they are read, with whom they are watched, and in which
//! unit messages are counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use lagslope::analysis::report::{GroupReport, Report, Slope, TopicReport};
use lagslope::analysis::sample::{PartitionSample, Reading, Sample};
use lagslope::analysis::{Analysis, Ceilings, RetryKind, RetryName, Rules, Settings};
use proptest::prelude::*;

use crate::scenarios::log::Ramp;
use crate::scenarios::world::World;

const INTERVAL: f64 = 30.0;

/// Blocks of 64 minutes and periods of six hours begin at multiples of their length: all of them do so again after four days.
const SHIFT_SECONDS: f64 = 4.0 * 86_400.0;

const RETRY_SUFFIX: &str = "-retry";

/// One group, and what happens to it.
#[derive(Clone, Debug)]
struct Plan {
    partitions: usize,
    /// Messages per second: far above every limit in messages.
    produced: f64,
    /// Shares of what is produced that can be read, before and after it changes.
    read: [f64; 2],
    /// Of the story.
    changes_at: f64,
    retried: f64,
    seed: u64,
}

fn plan() -> impl Strategy<Value = Plan> {
    let rates = (200.0..2_000.0, [0.8..2.0, 0.0..1.5], 0.3..0.8);
    (1usize..4, rates, 0.0..0.3, any::<u64>()).prop_map(
        |(partitions, (produced, read, changes_at), retried, seed)| Plan {
            partitions,
            produced,
            read,
            changes_at,
            retried,
            seed,
        },
    )
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    prop::collection::vec(plan(), 2..4)
}

/// Each group reads a topic of its own; all are in one cluster.
fn cluster(plans: &[Plan], cycles: u32) -> Vec<Sample> {
    let mut worlds: Vec<_> = plans.iter().map(begin).collect();
    let cycle = |cycle| {
        let mut whole = Sample::default();
        for (number, (world, plan)) in worlds.iter_mut().zip(plans).enumerate() {
            let changed = f64::from(cycle) >= plan.changes_at * f64::from(cycles);
            let read = plan.produced * plan.read[usize::from(changed)];
            for log in &mut world.logs {
                log.consume = Ramp::steady(read / plan.partitions as f64);
            }
            for _ in 0..6 {
                world.pass(INTERVAL / 6.0);
            }
            add(&mut whole, world.sample(), number);
        }
        whole
    };
    (0..cycles).map(cycle).collect()
}

fn begin(plan: &Plan) -> World {
    let mut world = World::new(plan.partitions, plan.seed);
    world.noise = 0.1;
    world.has_retries = true;
    world.retry_share = Ramp::steady(plan.retried);
    for log in &mut world.logs {
        log.produce = Ramp::steady(plan.produced / plan.partitions as f64);
    }
    world
}

fn add(whole: &mut Sample, mut part: Sample, number: usize) {
    let topics = whole.topics.len();
    for topic in &mut part.topics {
        topic.name = format!("t{number}{}", suffix(&topic.name)).into();
    }
    for group in &mut part.groups {
        group.name = format!("g{number}").into();
        let commits = group.commits.iter_mut().flat_map(|c| &mut c.topics);
        commits.for_each(|commit| commit.topic += topics);
    }
    whole.began = part.began;
    whole.at = part.at;
    whole.topics.append(&mut part.topics);
    whole.groups.append(&mut part.groups);
}

fn suffix(topic: &str) -> &'static str {
    if topic.ends_with(RETRY_SUFFIX) {
        RETRY_SUFFIX
    } else {
        ""
    }
}

fn watch(ceilings: Ceilings) -> Analysis {
    let retry_name_of = |topic: &str| {
        let main = topic.strip_suffix(RETRY_SUFFIX)?.to_owned();
        Some(RetryName {
            kind: RetryKind::Retry,
            main,
            group: None,
        })
    };
    let rules = Rules::new(Settings::new(INTERVAL), ceilings);
    Analysis::new(rules.for_all(), Box::new(retry_name_of))
}

/// Two ceilings, in messages and in seconds.
fn ceilings(lag_messages: f64) -> Ceilings {
    Ceilings {
        lag_messages: Some(lag_messages),
        delay_seconds: Some(600.0),
    }
}

fn reports(samples: impl IntoIterator<Item = Sample>, lag_ceiling: f64) -> Vec<Report> {
    let mut analysis = watch(ceilings(lag_ceiling));
    let observe = |sample| analysis.observe(sample);
    samples.into_iter().map(observe).collect()
}

fn topics(reports: &[Report]) -> impl Iterator<Item = &TopicReport> {
    let groups = reports.iter().flat_map(|report| &report.groups);
    groups.flat_map(|group| &group.topics)
}

/// All that is a verdict, and no number of messages or seconds.
fn verdicts(topic: &TopicReport) -> impl PartialEq + std::fmt::Debug {
    (
        (
            topic.lag_growth.state,
            topic.lag_growth.severity,
            topic.lag_growth.partition,
        ),
        (
            topic.ceiling.severity,
            topic.divergence.severity,
            topic.divergence.tail.clone(),
        ),
        (topic.retry_storm.severity, topic.retry_storm.reason),
        topic.habits_known,
        topic
            .ceilings
            .iter()
            .map(|c| (c.kind, c.hits, c.eta.is_some()))
            .collect::<Vec<_>>(),
    )
}

/// `(in messages, in none)`; absent ones are left out, so their number counts, too.
fn numbers(topic: &TopicReport) -> (Vec<f64>, Vec<f64>) {
    let slope = |slope: Option<Slope>| slope.map(|s| [s.slope, s.lower, s.upper]);
    let messages = [
        topic.lag_messages.map(|lag| lag as f64),
        topic.production_rate,
        topic.consumption_rate,
        topic.lag_growth.onset_lag_messages,
    ];
    let slopes = [slope(topic.rate_slope), slope(topic.trend_slope)];
    let messages = messages
        .into_iter()
        .flatten()
        .chain(slopes.into_iter().flatten().flatten());
    let others = [
        topic.time_lag_seconds,
        topic.drain_seconds,
        topic.delays.map(|d| d.p50),
        topic.delays.map(|d| d.p99),
        topic.retry_storm.amplification_ratio,
    ];
    let etas = topic.ceilings.iter().filter_map(|c| Some(c.eta?.seconds));
    let ratios = topic.ceilings.iter().map(|c| c.utilization_ratio);
    let others = others.into_iter().flatten().chain(etas).chain(ratios);
    (messages.collect(), others.collect())
}

fn check_alike(a: &TopicReport, b: &TopicReport, scale: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!(verdicts(a), verdicts(b));
    let ((messages_a, others_a), (messages_b, others_b)) = (numbers(a), numbers(b));
    let scaled: Vec<_> = messages_a.iter().map(|value| value * scale).collect();
    for (a, b, unit) in [(scaled, messages_b, scale), (others_a, others_b, 1.0)] {
        prop_assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(&b) {
            // A second's millionth times a rate, and what f32 keeps of a lag's steps.
            let tolerance = 1e-5 * a.abs().max(100.0 * unit);
            prop_assert!((a - b).abs() <= tolerance, "{} {}", a, b);
        }
    }
    Ok(())
}

fn map_readings(sample: &mut Sample, change: impl Fn(&mut Reading)) {
    let partitions = sample
        .topics
        .iter_mut()
        .flat_map(|topic| &mut topic.partitions);
    for PartitionSample { log_start, log_end } in partitions {
        log_start.iter_mut().chain(log_end).for_each(&change);
    }
}

fn later(mut sample: Sample, seconds: f64) -> Sample {
    sample.at += seconds;
    sample.began += seconds;
    map_readings(&mut sample, |reading| reading.at += seconds);
    let commits = sample
        .groups
        .iter_mut()
        .filter_map(|group| group.commits.as_mut());
    commits.for_each(|commits| commits.at += seconds);
    sample
}

fn times_as_many(mut sample: Sample, factor: u64) -> Sample {
    map_readings(&mut sample, |reading| reading.offset *= factor);
    let commits = sample
        .groups
        .iter_mut()
        .filter_map(|group| group.commits.as_mut());
    let offsets = commits
        .flat_map(|commits| &mut commits.topics)
        .flat_map(|topic| &mut topic.partitions);
    offsets.for_each(|(_, offset)| *offset *= factor);
    sample
}

fn renamed(mut sample: Sample, names: &[String]) -> Sample {
    let new = |name: &str| {
        let number: usize = name[1..2].parse().expect("made by add");
        format!("{}{}", names[number], suffix(name))
    };
    for topic in &mut sample.topics {
        topic.name = new(&topic.name).into();
    }
    for group in &mut sample.groups {
        group.name = new(&group.name).into();
    }
    sample
}

/// Of the group's only topic, with what it is called left out.
fn nameless(group: &GroupReport) -> Vec<TopicReport> {
    let anonymous = |topic: &TopicReport| TopicReport {
        topic: Arc::from(""),
        ..topic.clone()
    };
    group.topics.iter().map(anonymous).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_time_it_is_does_not_matter(plan in plan(), shifts in 1u32..500) {
        let (samples, by) = (cluster(&[plan], 120), SHIFT_SECONDS * f64::from(shifts));
        let now = reports(samples.clone(), 1e6);
        let then = reports(samples.into_iter().map(|sample| later(sample, by)), 1e6);
        for (a, b) in topics(&now).zip(topics(&then)) {
            check_alike(a, b, 1.0)?;
            let onset = b.lag_growth.onset.map(|at| at - by);
            prop_assert_eq!(a.lag_growth.onset, onset);
        }
    }

    #[test]
    fn unit_of_messages_does_not_matter(plan in plan(), factor in 2u64..1_000) {
        let samples = cluster(&[plan], 120);
        let few = reports(samples.clone(), 1e6);
        let many = samples.into_iter().map(|sample| times_as_many(sample, factor));
        let many = reports(many, 1e6 * factor as f64);
        for (a, b) in topics(&few).zip(topics(&many)) {
            check_alike(a, b, factor as f64)?;
        }
    }

    #[test]
    fn names_do_not_matter(plans in plans(), names in prop::collection::btree_set("[a-z.]{1,12}", 3)) {
        let mut names: Vec<String> = names.into_iter().collect();
        names.reverse();
        let samples = cluster(&plans, 60);
        let before = reports(samples.clone(), 1e6);
        let after = reports(samples.into_iter().map(|sample| renamed(sample, &names)), 1e6);
        for (a, b) in before.iter().zip(&after) {
            let by_name: BTreeMap<&str, &GroupReport> = b.groups.iter().map(|group| (&*group.name, group)).collect();
            for (group, new) in a.groups.iter().zip(&names) {
                prop_assert_eq!(nameless(group), nameless(by_name[new.as_str()]));
            }
        }
    }

    #[test]
    fn order_of_groups_does_not_matter(plans in plans()) {
        let samples = cluster(&plans, 60);
        let forth = reports(samples.clone(), 1e6);
        let back = reports(samples.into_iter().map(|mut sample| { sample.groups.reverse(); sample }), 1e6);
        prop_assert_eq!(forth, back);
    }

    #[test]
    fn groups_watched_apart_are_judged_alike(plans in plans()) {
        let samples = cluster(&plans, 60);
        let together = reports(samples.clone(), 1e6);
        for number in 0..plans.len() {
            let alone = samples.iter().cloned().map(|mut sample| {
                sample.groups = vec![sample.groups[number].clone()];
                sample
            });
            for (all, one) in together.iter().zip(reports(alone, 1e6)) {
                prop_assert_eq!(&all.groups[number], &one.groups[0]);
            }
        }
    }
}
