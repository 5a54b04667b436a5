//! A producer and a consumer with rates of their own: the pressure that lagslope is to notice. The tests, `./demo` and docker-compose use it.
//!
//! `cargo run --release --example pressure -- --bootstrap localhost:9092` acts out 10,000 messages per second against 9,500.
//! A line on standard input changes a rate while it runs: `consume 11000`, `produce 0`.
#![allow(
    clippy::disallowed_methods,
    reason = "a program of its own, with its own clock"
)]

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Parser, ValueEnum};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How often each side does what its rate owes: short against a sample interval, long enough for batches.
const TICK: Duration = Duration::from_millis(20);

/// What a side that was held up may catch up on: more would turn an outage into a burst.
const MAX_DEBT_SECONDS: f64 = 5.0;

/// How often a line of status is printed.
const STATUS: Duration = Duration::from_secs(10);

/// A cluster that was just started takes some seconds to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// How long the end may take: messages on their way, the last commit.
const GRACE: Duration = Duration::from_secs(3);

#[derive(Parser)]
#[command(about = "Produces and consumes at given rates, to put a consumer group under pressure")]
struct Args {
    /// Addresses of brokers
    #[arg(long, default_value = "localhost:9092")]
    bootstrap: String,
    /// The topic; created when it isn't there
    #[arg(long, default_value = "payments")]
    topic: String,
    /// The consumer group
    #[arg(long, default_value = "payments")]
    group: String,
    /// Partitions of the topic, if it is created
    #[arg(long, default_value_t = 4)]
    partitions: i32,
    /// Messages produced per second
    #[arg(long, default_value_t = 10_000.0)]
    produce_rate: f64,
    /// Messages consumed per second, at most
    #[arg(long, default_value_t = 9_500.0)]
    consume_rate: f64,
    /// How often the consumer commits what it has processed
    #[arg(long, default_value = "1s", value_parser = duration)]
    commit_interval: Duration,
    /// Size of a message
    #[arg(long, default_value_t = 100)]
    message_bytes: usize,
    /// Ends by itself after so long, such as 90s or 16m
    #[arg(long, value_parser = duration)]
    duration: Option<Duration>,
    /// Only one of the two sides
    #[arg(long)]
    only: Option<Side>,
    /// Ends when standard input does: with whoever started it
    #[arg(long)]
    stop_on_eof: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    Produce,
    Consume,
}

/// What both sides, the orders and the status line share.
#[derive(Default)]
struct Shared {
    /// Messages per second, as the bits of an `f64`.
    produce_rate: AtomicU64,
    consume_rate: AtomicU64,
    /// Acknowledged by the cluster.
    produced: AtomicI64,
    consumed: AtomicI64,
    committed: AtomicI64,
    ended: AtomicBool,
}

impl Shared {
    fn is_running(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Arc::new(Args::parse());
    create_topic(&args).await?;
    let shared = Arc::new(Shared::default());
    set_rate(&shared.produce_rate, args.produce_rate);
    set_rate(&shared.consume_rate, args.consume_rate);

    // A side reports how it ended; one that failed ends the other.
    let (report, mut ended) = mpsc::unbounded_channel();
    let mut sides = Vec::new();
    for (side, run) in [
        (Side::Produce, produce as fn(&Args, &Shared) -> Result<()>),
        (Side::Consume, consume),
    ] {
        if args.only.is_none_or(|only| only == side) {
            let (args, shared, report) = (args.clone(), shared.clone(), report.clone());
            sides.push(thread::spawn(move || {
                let _ = report.send(run(&args, &shared));
            }));
        }
    }
    let orders = listen(shared.clone());
    let mut result = tokio::select! {
        result = ended.recv() => result.unwrap_or(Ok(())),
        result = until_asked_to_end(&args, orders) => result,
        () = print_status(&shared) => Ok(()),
    };
    shared.ended.store(true, Ordering::Relaxed);
    for side in sides {
        side.join().map_err(|_| anyhow!("a side panicked"))?;
    }
    say(&status(&shared));
    while let Ok(other) = ended.try_recv() {
        result = result.and(other);
    }
    result
}

/// The end is the first of: Ctrl-C, SIGTERM, the duration, and if wanted the end of standard input.
async fn until_asked_to_end(args: &Args, mut orders: mpsc::Receiver<()>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let limit = args.duration.unwrap_or(Duration::MAX);
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
        () = tokio::time::sleep(limit) => {}
        _ = orders.recv(), if args.stop_on_eof => {}
    }
    Ok(())
}

/// Reads orders on a thread of its own, which the end of the program doesn't wait for; the channel closes with standard input.
fn listen(shared: Arc<Shared>) -> mpsc::Receiver<()> {
    let (open, orders) = mpsc::channel(1);
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match obey(&line, &shared) {
                Ok(()) => say(&format!("order=\"{line}\"")),
                Err(error) => say(&format!("error=\"{error}\"")),
            }
        }
        drop(open);
    });
    orders
}

fn obey(line: &str, shared: &Shared) -> Result<()> {
    let (side, rate) = line.trim().split_once(' ').unwrap_or((line, ""));
    let rate: f64 = rate.trim().parse().context("not a rate")?;
    match side {
        "produce" => set_rate(&shared.produce_rate, rate),
        "consume" => set_rate(&shared.consume_rate, rate),
        _ => bail!("known orders: produce RATE, consume RATE"),
    }
    Ok(())
}

fn set_rate(cell: &AtomicU64, rate: f64) {
    cell.store(rate.max(0.0).to_bits(), Ordering::Relaxed);
}

/// Owes messages by the time that has passed, so that the rate is kept however long a sleep was.
struct Pacer<'a> {
    rate: &'a AtomicU64,
    since: Instant,
    owed: f64,
}

impl<'a> Pacer<'a> {
    fn new(rate: &'a AtomicU64) -> Self {
        Self {
            rate,
            since: Instant::now(),
            owed: 0.0,
        }
    }

    /// Whole messages due now; [`Pacer::paid`] takes them off.
    fn due(&mut self) -> u32 {
        let rate = f64::from_bits(self.rate.load(Ordering::Relaxed));
        let passed = self.since.elapsed();
        self.since += passed;
        self.owed = (self.owed + rate * passed.as_secs_f64()).min(rate * MAX_DEBT_SECONDS);
        self.owed as u32
    }

    fn paid(&mut self, messages: u32) {
        self.owed -= f64::from(messages);
    }

    /// A consumer that found nothing to do keeps no credit: its rate is a capacity.
    fn forgive(&mut self) {
        self.owed = 0.0;
    }
}

/// With a thread that takes acknowledgements in: they would fill the queue otherwise.
type Sending = ThreadedProducer<DefaultProducerContext>;

fn produce(args: &Args, shared: &Shared) -> Result<()> {
    let producer: Sending = client(args)
        .set("linger.ms", "20")
        // All payloads are alike: on disk hours of pressure take megabytes.
        .set("compression.type", "zstd")
        // A broker that is away for a while loses nothing.
        .set("message.timeout.ms", "0")
        .create()?;
    let partitions = partitions(&producer, &args.topic)?;
    let payload = vec![b'x'; args.message_bytes];
    let mut pacer = Pacer::new(&shared.produce_rate);
    let mut sent: i64 = 0;
    while shared.is_running() {
        let due = pacer.due();
        for _ in 0..due {
            let record = BaseRecord::<(), [u8]>::to(&args.topic)
                .partition((sent % i64::from(partitions)) as i32)
                .payload(&payload);
            match producer.send(record) {
                Ok(()) => {}
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => break,
                Err((error, _)) => return Err(error.into()),
            }
            sent += 1;
            pacer.paid(1);
        }
        count_acknowledged(shared, &producer, sent);
        thread::sleep(TICK);
    }
    // What isn't acknowledged by then is not counted.
    let _ = producer.flush(GRACE);
    count_acknowledged(shared, &producer, sent);
    Ok(())
}

fn count_acknowledged(shared: &Shared, producer: &Sending, sent: i64) {
    let waiting = i64::from(producer.in_flight_count());
    shared.produced.store(sent - waiting, Ordering::Relaxed);
}

fn partitions(producer: &Sending, topic: &str) -> Result<i32> {
    let metadata = producer.client().fetch_metadata(Some(topic), ANSWER)?;
    let topic = metadata.topics().first().context("no such topic")?;
    Ok(i32::try_from(topic.partitions().len())?)
}

fn consume(args: &Args, shared: &Shared) -> Result<()> {
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
    consumer.subscribe(&[&args.topic])?;
    let mut pacer = Pacer::new(&shared.consume_rate);
    let mut last_commit = Instant::now();
    while shared.is_running() {
        let done = process(&consumer, pacer.due());
        pacer.paid(done.messages);
        if done.drained {
            pacer.forgive();
        }
        shared
            .consumed
            .fetch_add(i64::from(done.messages), Ordering::Relaxed);
        if last_commit.elapsed() >= args.commit_interval {
            last_commit += args.commit_interval;
            commit(&consumer, shared, CommitMode::Async);
        }
        thread::sleep(TICK);
    }
    commit(&consumer, shared, CommitMode::Sync);
    Ok(())
}

struct Done {
    messages: u32,
    drained: bool,
}

/// Takes up to `due` messages: what a poll returns counts as processed.
fn process(consumer: &BaseConsumer, due: u32) -> Done {
    let mut messages = 0;
    while messages < due {
        match consumer.poll(Duration::ZERO) {
            Some(Ok(_)) => messages += 1,
            // Passing faults; librdkafka goes on by itself.
            Some(Err(error)) => say(&format!("error=\"{error}\"")),
            None => {
                return Done {
                    messages,
                    drained: true,
                };
            }
        }
    }
    Done {
        messages,
        drained: false,
    }
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

fn client(args: &Args) -> ClientConfig {
    let settings = HashMap::from([
        ("bootstrap.servers".to_owned(), args.bootstrap.clone()),
        ("client.id".to_owned(), "pressure".to_owned()),
    ]);
    settings.into_iter().collect()
}

/// Creates the topic; one that is there already is as good.
async fn create_topic(args: &Args) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(args).create()?;
    let topic = NewTopic::new(&args.topic, args.partitions, TopicReplication::Fixed(-1));
    let options = AdminOptions::new()
        .request_timeout(Some(ANSWER))
        .operation_timeout(Some(ANSWER));
    let results = admin.create_topics([&topic], &options).await?;
    match results.into_iter().next().context("no answer")? {
        Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
        Err((name, code)) => Err(anyhow!("topic {name} can't be created: {code}")),
    }
}

async fn print_status(shared: &Shared) {
    loop {
        tokio::time::sleep(STATUS).await;
        say(&status(shared));
    }
}

fn status(shared: &Shared) -> String {
    let count = |cell: &AtomicI64| cell.load(Ordering::Relaxed);
    let (produced, consumed) = (count(&shared.produced), count(&shared.consumed));
    let committed = count(&shared.committed);
    let rate = |cell: &AtomicU64| f64::from_bits(cell.load(Ordering::Relaxed));
    format!(
        "produced={produced} consumed={consumed} committed={committed} produce_rate={} consume_rate={}",
        rate(&shared.produce_rate),
        rate(&shared.consume_rate),
    )
}

/// A reader that has gone away is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// `500ms`, `60s`, `16m`, `2h`.
fn duration(text: &str) -> Result<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(at.context("a unit is missing: ms, s, m or h")?);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => bail!("unknown unit {unit}: ms, s, m or h"),
    };
    Ok(Duration::try_from_secs_f64(
        number.parse::<f64>()? * seconds,
    )?)
}
