//! What a record of the commit stream costs once it is fetched: understanding it, keeping what it says, and handing that out in each cycle;
//! and what is kept for each group and partition. `cargo bench --bench stream`.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark says what it found, and criterion's macro makes a function without docs"
)]

use std::alloc::System;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lagslope::kafka::measuring::Stream;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const GROUPS: usize = 5_000;
const PARTITIONS: u32 = 20;
/// Each partition is committed every five seconds.
const ROUNDS: usize = 10;
const EVERY_MS: i64 = 5_000;
/// A cycle takes what two rounds brought.
const ROUNDS_OF_A_CYCLE: usize = 2;

struct Record {
    key: Vec<u8>,
    value: Vec<u8>,
    at_ms: i64,
}

fn names() -> Vec<String> {
    (0..GROUPS).map(|n| format!("group-{n:05}")).collect()
}

/// A million commits as Kafka 4.4 writes them.
fn records(names: &[String]) -> Vec<Vec<Record>> {
    let round = |round: usize| {
        let at_ms = 1_796_000_000_000 + round as i64 * EVERY_MS;
        let of_group = |(n, name): (usize, &String)| {
            let topic = format!("topic-{:05}", n / 2);
            let record = move |partition| record(name, &topic, partition, round as u64 * 50, at_ms);
            (0..PARTITIONS).map(record).collect::<Vec<_>>()
        };
        names.iter().enumerate().flat_map(of_group).collect()
    };
    (0..ROUNDS).map(round).collect()
}

fn record(group: &str, topic: &str, partition: u32, offset: u64, at_ms: i64) -> Record {
    let mut key = vec![0, 1];
    for text in [group, topic] {
        key.extend((text.len() as i16).to_be_bytes());
        key.extend(text.as_bytes());
    }
    key.extend(partition.to_be_bytes());
    let mut value = vec![0, 4];
    value.extend(offset.to_be_bytes());
    value.extend([0; 4]);
    value.push(1);
    value.extend(at_ms.to_be_bytes());
    value.extend([1, 0, 16]);
    value.extend([7; 16]);
    Record { key, value, at_ms }
}

fn read(stream: &mut Stream, rounds: &[Vec<Record>], names: &[String]) {
    let mut offset = 0;
    for (n, round) in rounds.iter().enumerate() {
        for record in round {
            stream.take(offset, &record.key, &record.value, record.at_ms);
            offset += 1;
        }
        if n % ROUNDS_OF_A_CYCLE == ROUNDS_OF_A_CYCLE - 1 {
            let told: usize = names.iter().map(|name| stream.tell(name)).sum();
            assert_eq!(told, GROUPS * PARTITIONS as usize);
        }
    }
}

fn memory(rounds: &[Vec<Record>], names: &[String]) {
    let region = Region::new(COUNTED);
    let mut stream = Stream::following(names);
    read(&mut stream, &rounds[..4], names);
    let held = |region: &Region<'_, System>| {
        let change = region.change();
        change.bytes_allocated as i64 - change.bytes_deallocated as i64
    };
    let keys = GROUPS as i64 * i64::from(PARTITIONS);
    let after = held(&region) / keys;
    // The commits of the cycle that comes are kept until it takes them.
    for record in rounds[4].iter().chain(&rounds[5]) {
        stream.take(u64::MAX / 2, &record.key, &record.value, record.at_ms);
    }
    let before = held(&region) / keys;
    println!(
        "bytes for each group and partition: {after} after a cycle, {before} before the next one (two commits each)"
    );
    drop(stream);
}

fn stream(criterion: &mut Criterion) {
    let names = names();
    let rounds = records(&names);
    memory(&rounds, &names);
    let mut group = criterion.benchmark_group("commit stream");
    group.throughput(Throughput::Elements(
        (ROUNDS * GROUPS * PARTITIONS as usize) as u64,
    ));
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10));
    group.bench_function("a million records", |bencher| {
        bencher.iter_batched_ref(
            || Stream::following(&names),
            |stream| read(stream, &rounds, &names),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, stream);
criterion_main!(benches);
