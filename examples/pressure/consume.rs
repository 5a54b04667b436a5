//! The consuming side: one member of the group that takes messages at its rate, commits, and may fail some or be slow on one partition.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, DefaultConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaErrorCode;

use super::cluster::client;
use super::pace::Pacer;
use super::retry::Retries;
use super::{Args, Shared, TICK, say};

pub(crate) fn consume(args: &Args, shared: &Shared) -> Result<()> {
    let consumer = member(args)?;
    let slow = slow_partition(args, &consumer)?;
    let mut retries = Retries::new(args, shared)?;
    let mut pacer = Pacer::new(&shared.consume_rate);
    let mut slow_pacer = Pacer::new(&shared.slow_rate);
    let mut last_commit = Instant::now();
    while shared.is_running() {
        let mut messages = process(|| consumer.poll(Duration::ZERO), &mut pacer, &mut retries);
        if let Some(queue) = &slow {
            messages += process(|| queue.poll(Duration::ZERO), &mut slow_pacer, &mut retries);
        }
        shared
            .consumed
            .fetch_add(i64::from(messages), Ordering::Relaxed);
        if last_commit.elapsed() >= args.commit_interval {
            last_commit += args.commit_interval;
            commit(&consumer, shared, CommitMode::Async);
        }
        thread::sleep(TICK);
    }
    retries.flush();
    commit(&consumer, shared, CommitMode::Sync);
    Ok(())
}

fn member(args: &Args) -> Result<Arc<BaseConsumer>> {
    let consumer: BaseConsumer = client(args)
        .set("group.id", &args.group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        // A rate of 0 is a consumer that hangs and stays a member.
        .set("max.poll.interval.ms", "86400000")
        // Read ahead a second or two, not the default 64 MiB of backlog.
        .set("queued.min.messages", "20000")
        .set("queued.max.messages.kbytes", "16384")
        .create()?;
    let topics = [Some(args.topic.as_str()), args.retry_topic.as_deref()];
    let topics: Vec<&str> = topics.into_iter().flatten().collect();
    consumer.subscribe(&topics)?;
    Ok(Arc::new(consumer))
}

/// The slow partition's messages come by a queue of their own, so that the others don't wait behind them. Split before the first
/// poll: librdkafka leaves such a queue alone when partitions are assigned.
fn slow_partition(
    args: &Args,
    consumer: &Arc<BaseConsumer>,
) -> Result<Option<PartitionQueue<DefaultConsumerContext>>> {
    let Some(partition) = args.slow_partition else {
        return Ok(None);
    };
    let queue = consumer.split_partition_queue(&args.topic, partition);
    queue.map(Some).context("no such partition")
}

/// Takes as many messages as are due: what a poll returns counts as processed. Returns how many.
fn process<'m>(
    poll: impl Fn() -> Option<KafkaResult<BorrowedMessage<'m>>>,
    pacer: &mut Pacer<'_>,
    retries: &mut Retries<'_>,
) -> u32 {
    let due = pacer.due();
    let mut messages = 0;
    while messages < due {
        match poll() {
            Some(Ok(message)) => {
                retries.judge(&message);
                messages += 1;
            }
            // Passing faults; librdkafka goes on by itself.
            Some(Err(error)) => say(&format!("error=\"{error}\"")),
            None => {
                pacer.forgive();
                return messages;
            }
        }
    }
    pacer.paid(messages);
    messages
}

/// Commits the positions that polling has stored, and counts what they cover.
fn commit(consumer: &BaseConsumer, shared: &Shared, mode: CommitMode) {
    match consumer.commit_consumer_state(mode) {
        Ok(()) => {
            let processed = shared.consumed.load(Ordering::Relaxed);
            shared.committed.store(processed, Ordering::Relaxed);
        }
        // Nothing new since the last commit.
        Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
        Err(error) => say(&format!("error=\"{error}\"")),
    }
}
