//! What the page costs: making its text from a report, putting it up, and handing it out. `cargo bench --bench expose`.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark says what it found, and criterion's macro makes a function without docs"
)]

use std::alloc::System;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lagslope::analysis::report::Report;
use lagslope::analysis::sample::{
    Commits, Cycle, GroupSample, PartitionSample, Reading, Sample, TopicCommits, TopicSample,
};
use lagslope::analysis::{Analysis, Ceilings, Rules, Settings};
use lagslope::expose::board::Board;
use lagslope::expose::metrics::{Facts, Granularity, render};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Seconds between samples.
const INTERVAL: f64 = 10.0;

const GROUPS: usize = 1_000;
const PARTITIONS: usize = 20;

/// Samples until rates and slopes are known.
const WARM_UP: u64 = 60;

/// The report on groups that lag by some, with all rates known.
fn report() -> Report {
    let rules = Rules::new(Settings::new(INTERVAL), Ceilings::default());
    let mut analysis = Analysis::new(rules.for_all(), Box::new(|_| None));
    (0..WARM_UP)
        .map(|n| analysis.observe(sample(n)))
        .last()
        .unwrap()
}

fn sample(n: u64) -> Sample {
    let at = 1_700_000_000.215 + INTERVAL * n as f64;
    let reading = |offset| Some(Reading { offset, at });
    let wave = |group: usize, p: usize| (n * 7 + (group * 31 + p * 13) as u64) % 90;
    let end = |group: usize, p: usize| 10_000 + 1_000 * n + wave(group, p);
    let topic = |group: usize| TopicSample {
        name: format!("commerce.orders.{group}").into(),
        partitions: (0..PARTITIONS)
            .map(|p| PartitionSample {
                log_start: reading(0),
                log_end: reading(end(group, p)),
            })
            .collect(),
        ..TopicSample::default()
    };
    let group = |group: usize| GroupSample {
        name: format!("commerce-service-{group}").into(),
        state: Some("Stable".into()),
        kind: Some("classic".into()),
        members: Some(4),
        generation: None,
        commits: Some(Commits {
            at,
            topics: vec![TopicCommits {
                topic: group,
                partitions: (0..PARTITIONS)
                    .map(|p| (p as u32, end(group, p) - wave(group, p)))
                    .collect(),
                edges: None,
            }],
        }),
    };
    Sample {
        began: at,
        at,
        topics: (0..GROUPS).map(topic).collect(),
        groups: (0..GROUPS).map(group).collect(),
        pasts: Vec::new(),
        cycle: Cycle::default(),
    }
}

fn page(criterion: &mut Criterion) {
    let report = report();
    let mut group = criterion.benchmark_group("page of 20,000 partitions");
    group
        .throughput(Throughput::Elements((GROUPS * PARTITIONS) as u64))
        .sample_size(20)
        .measurement_time(Duration::from_secs(10));
    let facts = Facts::default();
    let text = || render("prod", &report, &facts, Granularity::Partition);
    group.bench_function("text", |bench| bench.iter(|| black_box(text())));
    let board = Board::new(["prod".to_owned()]);
    let place = board.place("prod");
    let before = Region::new(COUNTED);
    place.post(text(), Duration::MAX);
    board.publish();
    let held = before.change();
    let bytes = held.bytes_allocated as isize - held.bytes_deallocated as isize;
    println!(
        "held by a page of {} bytes: {bytes} bytes",
        board.text().len()
    );
    group.bench_function("publish", |bench| bench.iter(|| black_box(board.publish())));
    group.finish();
}

criterion_group!(benches, page);
criterion_main!(benches);
