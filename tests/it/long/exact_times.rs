//! What it is worth to know when each commit was made: simulated worlds, whose every message is known, recorded as queries see them,
//! with the time of the last commit in each sample, and with all commits.

use std::fmt::Write as _;
use std::ops::Range;

use lagslope::analysis::report::{Quantiles, Report, Severity};
use lagslope::config::Settings;
use lagslope::replay;
use lagslope::simulator::World;
use lagslope::simulator::arrivals::{Arrivals, Pulse, Swing};
use lagslope::simulator::delay::Delay;
use lagslope::simulator::group::Group;
use lagslope::simulator::occurrence::Occurrence;
use lagslope::simulator::topic::Topic;

use super::asked_for;
use crate::evidence::Evidence;

/// Seconds between samples.
const INTERVAL: f64 = 15.0;
const BEGIN: f64 = 1_700_000_003.0;
const PARTITIONS: u32 = 12;
const WINDOW: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// What a recording says of commits.
#[derive(Clone, Copy)]
enum Told {
    Sampled,
    /// A row a sample, with when its commit was made.
    Last,
    /// A row a commit.
    All,
}

const FORMS: [(&str, Told); 3] = [
    ("sampled", Told::Sampled),
    ("time of the last", Told::Last),
    ("all commits", Told::All),
];

#[test]
fn delays_and_divergence_with_commit_times_beside_sampled_ones() {
    if !asked_for("exact_times") {
        return;
    }
    let evidence = Evidence::new("exact-times", "What commit times are worth");
    evidence.entry(
        "p50 and p99 of the delays of each minute against those of its messages: how far each is off, in seconds, in the median and in 95 % of the minutes (what waits uncommitted counts as well in what is published, and is not in the truth: most of what is left at rare commits)",
        "LAGSLOPE_LONG=1 cargo test --test it long::exact_times    # 12 partitions, 15 s samples",
        &delays(),
    );
    evidence.entry(
        "Divergence on the same worlds: minutes until a trouble is called, and calls where there is none",
        "LAGSLOPE_LONG=1 cargo test --test it long::exact_times    # 6 h each, troubles from 4 h to 5 h",
        &divergence(),
    );
}

fn delays() -> String {
    let mut text = format!("{:34}{:>18}", "", "truth p50 / p99");
    FORMS
        .iter()
        .for_each(|(name, _)| write!(text, "{name:>34}").expect("room"));
    for every in [1.0, 5.0, 20.0, 60.0, 300.0] {
        for (name, arrivals, delay) in traffic() {
            let world = world(arrivals, Group::new("pay").reading(0, delay), every);
            let span = BEGIN..BEGIN + 2.0 * HOUR;
            let truth = truth(&world, span.clone());
            let middle =
                |of: fn(&Quantiles) -> f64| quantile(truth.iter().flatten().map(of).collect(), 0.5);
            write!(
                text,
                "\n{:34}{:>18}",
                format!("{name}, commits every {every} s"),
                format!("{:.1} / {:.1}", middle(|q| q.p50), middle(|q| q.p99))
            )
            .expect("room");
            for (_, told) in FORMS {
                let off = off(&said(&world, span.clone(), told), &truth);
                write!(text, "{off:>34}").expect("room");
            }
        }
    }
    text
}

/// By name: even, as uneven as days and bursts make it, and with a reader that pauses.
fn traffic() -> [(&'static str, Arrivals, Delay); 3] {
    let even = Arrivals::steady(BEGIN - HOUR, 60.0);
    let uneven = even.clone().swinging(Swing {
        share: 0.4,
        period: 1300.0,
        phase: BEGIN,
    });
    let bursts = uneven.clone().with_pulse(Pulse {
        begins: Occurrence::each(170.0, BEGIN + 41.0),
        seconds: 9.0,
        rate: 200.0,
    });
    let pauses = Delay::until(BEGIN + 400.0, 2.0)
        .stop(90.0)
        .drain(2.0, 120.0);
    [
        ("even", even, Delay::steady(2.0)),
        ("bursts", bursts, Delay::steady(2.0)),
        ("pauses", uneven, pauses.repeat_every(900.0)),
    ]
}

fn world(arrivals: Arrivals, group: Group, every: f64) -> World {
    let mut world = World::new(3, 7);
    world.add_topic(Topic::new("orders", PARTITIONS, arrivals));
    let mut group = group.with_members(4).committing(every, 0.0);
    group.since = BEGIN - HOUR;
    world.add_group(group);
    world
}

/// What a message waited in the minutes of a recording: `None` where hardly any left.
fn truth(world: &World, span: Range<f64>) -> Vec<Option<Quantiles>> {
    let windows = ((span.end - span.start) / WINDOW) as usize;
    let mut waited = vec![Vec::new(); windows];
    let mut before: Vec<u64> = (0..PARTITIONS)
        .map(|p| world.committed(0, 0, p, span.start).unwrap_or(0))
        .collect();
    for commit in world.commits_between(0, span.start, span.end) {
        let window = ((commit.at - span.start) / WINDOW) as usize;
        let from = std::mem::replace(&mut before[commit.partition as usize], commit.offset);
        let Some(waited) = waited.get_mut(window) else {
            continue;
        };
        // Every third tells as much.
        for offset in (from..commit.offset).step_by(3) {
            let arrived = world.timestamp_of(0, commit.partition, offset, commit.at);
            waited.push(commit.at - arrived.expect("what is committed was written"));
        }
    }
    let quantiles = |waited: Vec<f64>| Quantiles {
        p50: quantile(waited.clone(), 0.5),
        p90: quantile(waited.clone(), 0.9),
        p99: quantile(waited, 0.99),
    };
    waited
        .into_iter()
        .map(|waited| (waited.len() >= 50).then(|| quantiles(waited)))
        .collect()
}

fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let place = (q * values.len() as f64) as usize;
    values
        .get(place.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

/// The quantiles published for each minute.
fn said(world: &World, span: Range<f64>, told: Told) -> Vec<Option<Quantiles>> {
    let mut said = Vec::new();
    replayed(world, span.clone(), told, |report| {
        let ended = ((report.at - span.start) / WINDOW) as usize;
        let delays = report.groups[0].topics[0].delays;
        if said.len() < ended {
            said.resize(ended, None);
            said[ended - 1] = delays;
        }
    });
    said
}

/// Of the minutes from the tenth on: learning how often commits come is over by then.
fn off(said: &[Option<Quantiles>], truth: &[Option<Quantiles>]) -> String {
    let pairs = || {
        let pairs = said.iter().zip(truth).skip(10);
        pairs.filter_map(|(said, truth)| (*said).zip(*truth))
    };
    let of = |quantile_of: fn(&Quantiles) -> f64| {
        let off: Vec<f64> = pairs()
            .map(|(said, truth)| (quantile_of(&said) - quantile_of(&truth)).abs())
            .collect();
        format!(
            "{:.2} {:.2}",
            quantile(off.clone(), 0.5),
            quantile(off, 0.95)
        )
    };
    format!("{}, {}", of(|q| q.p50), of(|q| q.p99))
}

fn divergence() -> String {
    let mut text = format!("{:48}", "");
    FORMS
        .iter()
        .for_each(|(name, _)| write!(text, "{name:>18}").expect("room"));
    for every in [5.0, 60.0] {
        for (name, exceptions) in troubles() {
            let mut group = Group::new("pay").reading(0, pauses(17));
            let is_trouble = !exceptions.is_empty();
            group.reads[0].exceptions = (0..PARTITIONS).map(|p| (p, pauses(p))).collect();
            for (partition, delay) in exceptions {
                group.reads[0].exceptions[partition as usize].1 = delay;
            }
            let arrivals = Arrivals::steady(BEGIN - HOUR, 120.0);
            let world = world(arrivals, group, every);
            write!(text, "\n{:48}", format!("{name}, commits every {every} s")).expect("room");
            for (_, told) in FORMS {
                write!(text, "{:>18}", called(&world, told, is_trouble)).expect("room");
            }
        }
    }
    text
}

/// What each partition does by itself: a pause now and then.
fn pauses(partition: u32) -> Delay {
    let at = BEGIN + 300.0 + 137.0 * f64::from(partition);
    let delay = Delay::until(at, 2.0).stop(20.0).drain(2.0, 40.0);
    delay.repeat_every(2_500.0 + 61.0 * f64::from(partition))
}

fn troubles() -> [(&'static str, Vec<(u32, Delay)>); 5] {
    let usual = || Delay::until(BEGIN + 4.0 * HOUR, 2.0);
    let slow = |share| usual().fall_behind(share, HOUR).drain(2.0, 900.0);
    [
        ("no trouble", vec![]),
        ("one reads half", vec![(5, slow(0.5))]),
        ("one reads nine tenths", vec![(5, slow(0.1))]),
        ("one stands still", vec![(5, slow(1.0))]),
        (
            "a member of three reads 70 %",
            (3..6).map(|p| (p, slow(0.3))).collect(),
        ),
    ]
}

fn called(world: &World, told: Told, is_trouble: bool) -> String {
    let trouble = if is_trouble {
        BEGIN + 4.0 * HOUR..BEGIN + 5.25 * HOUR
    } else {
        BEGIN..BEGIN
    };
    let (mut raised, mut first, mut false_calls) = (false, None, 0);
    replayed(world, BEGIN..BEGIN + 6.0 * HOUR, told, |report| {
        let now = report.groups[0].topics[0].divergence.severity > Some(Severity::Ok);
        if now && !raised {
            if trouble.contains(&report.at) {
                first.get_or_insert((report.at - trouble.start) / 60.0);
            } else {
                false_calls += 1;
            }
        }
        raised = now;
    });
    let first = first.map_or("never".to_owned(), |minutes| format!("{minutes:.1} min"));
    match (is_trouble, false_calls) {
        (true, 0) => first,
        (true, _) => format!("{first}, {false_calls} false"),
        (false, _) => format!("{false_calls} false"),
    }
}

fn replayed(world: &World, span: Range<f64>, told: Told, mut hear: impl FnMut(&Report)) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), recording(world, span, told)).expect("room");
    let settings = Settings {
        analysis: lagslope::analysis::Settings::new(INTERVAL).into(),
        ..Settings::without_clusters()
    };
    replay::reports(file.path(), &settings, |_, report| hear(&report)).expect("no faults");
}

fn recording(world: &World, span: Range<f64>, told: Told) -> String {
    let mut text = "t,cluster,group,topic,partition,log_start,log_end,committed".to_owned();
    text += match told {
        Told::Sampled => "\n",
        Told::Last | Told::All => ",committed_at\n",
    };
    let samples = ((span.end - span.start) / INTERVAL) as u32;
    let mut before = span.start - INTERVAL;
    for t in (0..=samples).map(|n| span.start + f64::from(n) * INTERVAL) {
        let commits: Vec<_> = world.commits_between(0, before, t).collect();
        before = t;
        for partition in 0..PARTITIONS {
            let end = world.log_end(0, partition, t).expect("a log");
            let row = format!("{t},prod,pay,orders,{partition},0,{end}");
            let own: Vec<_> = commits
                .iter()
                .filter(|c| c.partition == partition)
                .collect();
            let committed = world.committed(0, 0, partition, t);
            let committed = committed.map_or(String::new(), |offset| offset.to_string());
            match (told, own.last()) {
                (Told::Sampled, _) => writeln!(text, "{row},{committed}"),
                (_, None) => writeln!(text, "{row},{committed},"),
                (Told::Last, Some(last)) => writeln!(text, "{row},{committed},{}", last.at),
                (Told::All, _) => own
                    .iter()
                    .try_for_each(|commit| writeln!(text, "{row},{},{}", commit.offset, commit.at)),
            }
            .expect("into memory");
        }
    }
    text
}
