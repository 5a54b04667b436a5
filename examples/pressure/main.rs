//! A producer and a consumer with rates of their own: the pressure that lagslope is to notice. The tests, `./demo` and docker-compose use it.
//!
//! `cargo run --release --example pressure -- --bootstrap localhost:9092` acts out 10,000 messages per second against 9,500.
//! `--scenario examples/pressure/retry-loop.json` acts out another trouble, in phases.
//! A line on standard input changes something while it runs: `consume 11000`, `produce 0`, `slow 25`, `fail 0.6`, `next`.
#![allow(
    clippy::disallowed_methods,
    reason = "a program of its own, with its own clock"
)]

mod cluster;
mod consume;
mod pace;
mod produce;
mod retry;
mod scenario;

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};

use pace::Dial;
use scenario::{Scenario, duration};

/// How often each side does what its rate owes: short against a sample interval, long enough for batches.
const TICK: Duration = Duration::from_millis(20);

/// How often a scenario is looked at: its times are seconds and minutes.
const SCENARIO_TICK: Duration = Duration::from_millis(100);

/// How often a line of status is printed.
const STATUS: Duration = Duration::from_secs(10);

/// A cluster that was just started takes some seconds to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// How long messages on their way may take at the end.
const GRACE: Duration = Duration::from_secs(3);

/// How long the whole end may take, with the last commit: a cluster that is gone answers none, and librdkafka waits for ever.
const END: Duration = Duration::from_secs(10);

#[derive(Parser)]
#[command(
    about = "Produces and consumes at given rates, to put a consumer group under pressure",
    args_override_self = true
)]
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
    /// A partition that is read at a rate of its own, by the order `slow RATE`; at first as the others
    #[arg(long)]
    slow_partition: Option<i32>,
    /// Where messages go that fail, by the order `fail SHARE`, and come from again; created when it isn't there
    #[arg(long)]
    retry_topic: Option<String>,
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
    /// A file of arguments and timed orders, such as examples/pressure/ceiling.json; arguments that are typed win over its own
    #[arg(long)]
    scenario: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    Produce,
    Consume,
}

/// What both sides, the orders and the status line share.
#[derive(Default)]
struct Shared {
    /// Messages per second.
    produce_rate: Dial,
    consume_rate: Dial,
    slow_rate: Dial,
    /// Of the messages that are consumed.
    fail_share: Dial,
    /// Acknowledged by the cluster.
    produced: AtomicI64,
    consumed: AtomicI64,
    committed: AtomicI64,
    /// Produced to the retry topic.
    failed: AtomicI64,
    /// The scenario's next phase is wanted now.
    next: Notify,
    ended: AtomicBool,
}

impl Shared {
    fn is_running(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (args, scenario) = arguments()?;
    let args = Arc::new(args);
    cluster::create_topics(&args).await?;
    let shared = Arc::new(Shared::default());
    shared.produce_rate.set(args.produce_rate);
    shared.consume_rate.set(args.consume_rate);
    shared.slow_rate.set(args.consume_rate);

    // A side reports how it ended; one that failed ends the other.
    let (report, mut ended) = mpsc::unbounded_channel();
    let mut sides = Vec::new();
    for (side, run) in [
        (
            Side::Produce,
            produce::produce as fn(&Args, &Shared) -> Result<()>,
        ),
        (Side::Consume, consume::consume),
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
        result = play(scenario.as_ref(), &shared) => result,
        () = print_status(&shared) => Ok(()),
    };
    shared.ended.store(true, Ordering::Relaxed);
    wait_for(sides).await?;
    say(&status(&shared));
    while let Ok(other) = ended.try_recv() {
        result = result.and(other);
    }
    result
}

/// Those that were typed, and before them those of the scenario: the last of two alike counts.
fn arguments() -> Result<(Args, Option<Scenario>)> {
    let typed = Args::parse();
    let Some(file) = &typed.scenario else {
        return Ok((typed, None));
    };
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let scenario = Scenario::parse(&text).with_context(|| file.display().to_string())?;
    let mut all: Vec<OsString> = std::env::args_os().collect();
    all.splice(1..1, scenario.arguments.iter().map(OsString::from));
    Ok((Args::parse_from(all), Some(scenario)))
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

async fn wait_for(sides: Vec<JoinHandle<()>>) -> Result<()> {
    let deadline = Instant::now() + END;
    while !sides.iter().all(JoinHandle::is_finished) {
        ensure!(Instant::now() < deadline, "a side goes on after {END:?}");
        tokio::time::sleep(TICK).await;
    }
    for side in sides {
        side.join().map_err(|_| anyhow!("a side panicked"))?;
    }
    Ok(())
}

/// Gives the orders of a scenario when their time comes. Ends only when one of them can't be obeyed.
async fn play(scenario: Option<&Scenario>, shared: &Shared) -> Result<()> {
    for phase in scenario.iter().flat_map(|scenario| &scenario.phases) {
        say(&format!("phase=\"{}\"", phase.name));
        let (began, mut given) = (Instant::now(), Duration::ZERO);
        while phase.lasts.is_none_or(|lasts| given < lasts) {
            let now = began.elapsed() + SCENARIO_TICK;
            for order in phase.due(given, now) {
                obey(order, shared)?;
                say(&format!("order=\"{order}\""));
            }
            given = now;
            tokio::select! {
                () = tokio::time::sleep(SCENARIO_TICK) => {}
                () = shared.next.notified() => break,
            }
        }
    }
    // The last phase lasts as long as the pair does.
    std::future::pending().await
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
    let (what, value) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let dial = match what {
        "next" => {
            shared.next.notify_one();
            return Ok(());
        }
        "produce" => &shared.produce_rate,
        "consume" => &shared.consume_rate,
        "slow" => &shared.slow_rate,
        "fail" => &shared.fail_share,
        _ => bail!("known orders: produce RATE, consume RATE, slow RATE, fail SHARE, next"),
    };
    dial.set(value.trim().parse().context("not a number")?);
    Ok(())
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
    let (committed, failed) = (count(&shared.committed), count(&shared.failed));
    format!(
        "produced={produced} consumed={consumed} committed={committed} failed={failed} produce_rate={} consume_rate={}",
        shared.produce_rate.get(),
        shared.consume_rate.get(),
    )
}

/// A reader that has gone away is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
