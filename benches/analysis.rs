//! What the pure core costs: time and allocations per partition and sample, memory per partition. `cargo bench --bench analysis`;
//! docs/performance.md holds the figures and says how to read them.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark says what it found, and criterion's macro makes a function without docs"
)]

use std::alloc::System;
use std::hint::black_box;
use std::io::{self, Write};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lagslope::analysis::curve::Curve;
use lagslope::analysis::sample::{
    Commits, Cycle, GroupSample, PartitionSample, Reading, Sample, TopicCommits, TopicSample,
};
use lagslope::analysis::signal::lag_growth::{Lag, Profile, Series};
use lagslope::analysis::{Analysis, Ceilings, Rules, Settings};
use lagslope::config;
use lagslope::replay::{Form, run};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Seconds between samples.
const INTERVAL: f64 = 10.0;

/// Partitions in all, spread evenly over the groups' topics, and how many a topic has.
const PARTITIONS: usize = 3_200;
const WIDTHS: [usize; 2] = [1, 16];

/// Samples until curves, minima and windows hold what they ever hold: two hours.
const WARM_UP: u64 = 720;

/// Samples from one batch to the next.
const BATCH: u64 = 180;

/// What the groups do.
#[derive(Clone, Copy, Debug)]
enum Character {
    /// No message arrives.
    Idle,
    /// Each keeps up, its commits less than a second behind.
    KeepsUp,
    /// Each reads in batches, every half hour: what is learned is how far that goes.
    Batches,
    /// Each falls behind by a twentieth, which raises everything that can be raised.
    FallsBehind,
}

impl Character {
    /// Log end and committed offset after so many samples.
    fn ends(self, n: u64, partition: usize) -> (u64, u64) {
        // Not a line: a curve of a line would need two points.
        let wave = (n * 7 + partition as u64 * 13) % 90;
        let produced = 10_000 + 1_000 * n + wave;
        match self {
            Self::Idle => (10_000, 10_000),
            Self::KeepsUp => (produced, produced - wave.min(40)),
            Self::Batches => (produced, 10_000 + 1_000 * (n / BATCH * BATCH)),
            Self::FallsBehind => (produced, 10_000 + 950 * n),
        }
    }
}

/// A cluster of such groups.
struct Cluster {
    character: Character,
    /// Partitions of each topic.
    width: usize,
    analysis: Analysis,
    samples: u64,
}

impl Cluster {
    fn new(character: Character, width: usize) -> Self {
        let settings = Settings::new(INTERVAL);
        let analysis = Analysis::new(
            Rules::new(settings, Ceilings::default()).for_all(),
            Box::new(|_| None),
        );
        Self {
            character,
            width,
            analysis,
            samples: 0,
        }
    }

    fn next_sample(&mut self) -> Sample {
        let (n, character, width) = (self.samples, self.character, self.width);
        let groups = PARTITIONS / width;
        self.samples += 1;
        let at = 1_700_000_000.0 + INTERVAL * n as f64;
        let reading = |offset| Some(Reading { offset, at });
        let partitions = |group: usize| (0..width).map(move |p| character.ends(n, group + p));
        let topic = |group: usize| TopicSample {
            name: format!("topic-{group}").into(),
            partitions: partitions(group)
                .map(|(end, _)| PartitionSample {
                    log_start: reading(0),
                    log_end: reading(end),
                })
                .collect(),
            ..TopicSample::default()
        };
        let group = |group: usize| GroupSample {
            name: format!("group-{group}").into(),
            state: None,
            kind: None,
            members: None,
            generation: None,
            commits: Some(Commits {
                at,
                topics: vec![TopicCommits {
                    topic: group,
                    partitions: (0u32..)
                        .zip(partitions(group).map(|(_, committed)| committed))
                        .collect(),
                    edges: None,
                }],
            }),
        };
        Sample {
            began: at,
            at,
            topics: (0..groups).map(topic).collect(),
            groups: (0..groups).map(group).collect(),
            pasts: Vec::new(),
            cycle: Cycle::default(),
        }
    }

    fn warm_up(&mut self) {
        for _ in 0..WARM_UP {
            let sample = self.next_sample();
            black_box(self.analysis.observe(sample));
        }
    }
}

fn cycles(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cycle of 3,200 partitions");
    group.throughput(Throughput::Elements(PARTITIONS as u64));
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2));
    let characters = [
        Character::Idle,
        Character::KeepsUp,
        Character::Batches,
        Character::FallsBehind,
    ];
    for (character, width) in characters.into_iter().flat_map(|c| WIDTHS.map(|w| (c, w))) {
        let name = format!("{character:?}, {width} in a topic");
        let before = Region::new(COUNTED);
        let mut cluster = Cluster::new(character, width);
        cluster.warm_up();
        let held = before.change();
        // What grew or shrank in place is in both.
        let bytes = held.bytes_allocated as isize - held.bytes_deallocated as isize;
        println!(
            "{name}: {} bytes per partition, {:.3} allocations per partition and cycle",
            bytes / PARTITIONS as isize,
            allocations(&mut cluster) / PARTITIONS as f64,
        );
        group.bench_function(BenchmarkId::from_parameter(&name), |bench| {
            bench.iter_batched(
                || (),
                |()| {
                    let sample = cluster.next_sample();
                    black_box(cluster.analysis.observe(sample))
                },
                criterion::BatchSize::PerIteration,
            );
        });
        group.bench_function(BenchmarkId::new("making the sample", &name), |bench| {
            bench.iter(|| black_box(cluster.next_sample()));
        });
    }
    group.finish();
}

/// Of one cycle: the mean of a minute, in which a window ends and a block does.
fn allocations(cluster: &mut Cluster) -> f64 {
    let mut allocations = 0;
    for _ in 0..6 {
        let sample = cluster.next_sample();
        let cycle = Region::new(COUNTED);
        let report = black_box(cluster.analysis.observe(sample));
        allocations += cycle.change().allocations;
        drop(report);
    }
    allocations as f64 / 6.0
}

fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one sample");
    let profile = Profile::default();
    let lag = |n: u64| Lag {
        at: 1_700_000_000.0 + INTERVAL * n as f64,
        log_end: 1_000 * n + (n * 7) % 90,
        committed: 990 * n,
        time_lag: Some(0.1 * n as f64),
    };
    let (mut series, mut n) = (Series::new(lag(0), &profile), 0);
    group.bench_function("of a series that falls behind", |bench| {
        bench.iter(|| {
            n += 1;
            series.sample(lag(n), &profile);
        });
    });
    let (mut curve, mut n) = (Curve::default(), 0);
    group.bench_function("of an arrival curve", |bench| {
        bench.iter(|| {
            n += 1;
            curve.append(lag(n).at, lag(n).log_end);
        });
    });
    group.bench_function("age of a message", |bench| {
        let now = lag(n).at;
        bench.iter(|| black_box(curve.age(black_box(lag(n).log_end / 2), now)));
    });
    group.finish();
}

/// A recording of 50 partitions that keep up, as `lagslope replay` reads it.
fn replay(criterion: &mut Criterion) {
    const ROWS: u64 = 500_000;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut text = io::BufWriter::new(&mut file);
    writeln!(
        text,
        "t,cluster,group,topic,partition,log_start,log_end,committed"
    )
    .unwrap();
    for n in 0..ROWS / 50 {
        for partition in 0..50 {
            let (end, committed) = Character::KeepsUp.ends(n, partition);
            writeln!(
                text,
                "{}.215,prod,payments,orders,{partition},0,{end},{committed}",
                1_700_000_000 + 10 * n
            )
            .unwrap();
        }
    }
    text.flush().unwrap();
    drop(text);
    let settings = config::Settings::without_clusters();
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(ROWS));
    group.sample_size(10);
    group.bench_function("rows", |bench| {
        bench.iter(|| run(file.path(), &settings, Form::Lines, &mut io::sink()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, parts, cycles, replay);
criterion_main!(benches);
