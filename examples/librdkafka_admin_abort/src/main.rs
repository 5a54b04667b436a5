//! Asks for the committed offsets of many groups by librdkafka's admin API, again and again, as a monitor built on it would.
//! When a broker hangs meanwhile, librdkafka aborts the process: `examples/librdkafka_admin_abort/run` shows it on a real cluster.
#![allow(
    clippy::disallowed_methods,
    reason = "a program of its own, with its own clock"
)]

use std::ffi::CString;
use std::io::Write;
use std::ptr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::bindings as sys;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

const TOPIC: &str = "admin-abort";

/// A monitor with a sample interval of some seconds can't wait longer.
const REQUEST: Duration = Duration::from_secs(3);

/// A fresh cluster's coordinators load for a moment.
const COMMIT_TRIES: usize = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

#[derive(Parser)]
#[command(about = "Loops over ListConsumerGroupOffsets; stop one broker of three and see it abort")]
struct Args {
    /// Addresses of brokers
    #[arg(long)]
    bootstrap: String,
    /// Groups that are made, and asked for
    #[arg(long, default_value_t = 200)]
    groups: usize,
    /// Ends by itself after so many seconds, if it can
    #[arg(long, default_value_t = 120)]
    seconds: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &args.bootstrap);
    let groups: Vec<String> = (0..args.groups).map(|n| format!("group-{n}")).collect();
    create_topic(&config)?;
    for group in &groups {
        commit(&config, group).with_context(|| format!("committing for {group}"))?;
    }
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let asker = Asker::new(&admin);
    let start = Instant::now();
    for round in 1.. {
        let answered = asker.ask(&groups)?;
        say(&format!(
            "round={round} seconds={:.1} groups_answered={answered}",
            start.elapsed().as_secs_f64()
        ));
        if start.elapsed() > Duration::from_secs(args.seconds) {
            break;
        }
    }
    Ok(())
}

fn create_topic(config: &ClientConfig) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let topic = NewTopic::new(TOPIC, 1, TopicReplication::Fixed(-1));
    let options = AdminOptions::new();
    // Nothing else waits in this program, so a small executor will do: the future completes on librdkafka's own thread.
    let results = block_on(admin.create_topics([&topic], &options))?;
    ensure!(results.len() == 1, "one topic asked, one answered");
    Ok(())
}

/// Commits until the broker has it.
fn commit(config: &ClientConfig, group: &str) -> Result<()> {
    let consumer: BaseConsumer = config.clone().set("group.id", group).create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, Offset::Offset(0))?;
    let mut result = consumer.commit(&list, CommitMode::Sync);
    for _ in 0..COMMIT_TRIES {
        if result.is_ok() {
            break;
        }
        std::thread::sleep(BETWEEN_TRIES);
        result = consumer.commit(&list, CommitMode::Sync);
    }
    Ok(result?)
}

/// The admin API with a queue for its answers.
struct Asker {
    client: *mut sys::rd_kafka_t,
    queue: *mut sys::rd_kafka_queue_t,
}

impl Asker {
    /// Lives as long as the process, like the client that `admin` holds.
    fn new(admin: &AdminClient<DefaultClientContext>) -> Self {
        let client = admin.inner().native_ptr();
        // SAFETY: the client is alive; `main` keeps it until the end.
        let queue = unsafe { sys::rd_kafka_queue_new(client) };
        Self { client, queue }
    }

    /// One round: a request for each group (librdkafka takes one group a call), then all the answers. Returns how many had no error.
    fn ask(&self, groups: &[String]) -> Result<usize> {
        for group in groups {
            self.send(&CString::new(group.as_str())?);
        }
        let answers = groups.iter().filter(|_| self.receive());
        Ok(answers.count())
    }

    fn send(&self, group: &CString) {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
        let timeout = i32::try_from(REQUEST.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: client and queue are alive; the call copies group and options, which are freed here.
        unsafe {
            let options = sys::rd_kafka_AdminOptions_new(self.client, operation);
            sys::rd_kafka_AdminOptions_set_request_timeout(options, timeout, ptr::null_mut(), 0);
            let mut wanted =
                sys::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), ptr::null());
            sys::rd_kafka_ListConsumerGroupOffsets(
                self.client,
                &mut wanted,
                1,
                options,
                self.queue,
            );
            sys::rd_kafka_ListConsumerGroupOffsets_destroy(wanted);
            sys::rd_kafka_AdminOptions_destroy(options);
        }
    }

    /// Waits for one answer: each request gets one, or a time-out of its own.
    fn receive(&self) -> bool {
        // SAFETY: the queue is alive; the event is looked at before it is freed.
        unsafe {
            let event = sys::rd_kafka_queue_poll(self.queue, -1);
            let error = sys::rd_kafka_event_error(event);
            sys::rd_kafka_event_destroy(event);
            error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
}

/// A reader that has gone away is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
