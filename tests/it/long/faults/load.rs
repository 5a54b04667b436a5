//! A producer and three consumers whose lag is a sawtooth: each reads all there is, and commits it every few seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use super::ledger::{Ledger, Truth};
use crate::kafka::Kafka;

pub(super) const TOPIC: &str = "pressed";
pub(super) const PARTITIONS: usize = 6;

/// How often each group commits: more and less often than the daemon samples.
pub(super) const COMMIT_EVERY: [Duration; 3] = [
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(12),
];

/// 30 records a second and partition.
const RECORD_EVERY: Duration = Duration::from_millis(33);

/// A client gives a hung broker up after this, so that the pair goes on where replicas take over.
const REQUEST_MS: &str = "3000";
const REQUEST: Duration = Duration::from_secs(3);

const POLL: Duration = Duration::from_millis(20);

pub(super) fn group(number: usize) -> String {
    format!("pressing-{number}")
}

/// The running pair; ends when dropped.
pub(super) struct Load {
    ledger: Arc<Ledger>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// The topic must be there, and empty.
    pub(super) fn start(kafka: &Kafka) -> Self {
        let ledger = Arc::new(Ledger::new(COMMIT_EVERY.len(), PARTITIONS));
        let ended = Arc::<AtomicBool>::default();
        let mut threads = vec![thread::spawn({
            let (ledger, ended, bootstrap) = (ledger.clone(), ended.clone(), kafka.bootstrap());
            move || produce(&bootstrap, &ledger, &ended)
        })];
        for (number, period) in COMMIT_EVERY.into_iter().enumerate() {
            let (ledger, ended) = (ledger.clone(), ended.clone());
            let mut consuming = Consuming::start(&kafka.bootstrap(), number, ledger);
            threads.push(thread::spawn(move || consuming.run(period, &ended)));
        }
        Self {
            ledger,
            ended,
            threads,
        }
    }

    pub(super) fn truth(&self) -> Truth {
        self.ledger.read()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of the thread has been printed; a second one here would abort the test.
            let _ = thread.join();
        }
    }
}

/// Writes down what is acknowledged.
struct Acks(Arc<Ledger>);

impl ClientContext for Acks {}

impl ProducerContext for Acks {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(record) => self.0.acknowledged(record.partition() as usize),
            Err(_) => self.0.failed(),
        }
    }
}

fn produce(bootstrap: &str, ledger: &Arc<Ledger>, ended: &AtomicBool) {
    let producer: ThreadedProducer<Acks> = client(bootstrap)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "5")
        .set("request.timeout.ms", REQUEST_MS)
        // A broker that is away for a while loses nothing.
        .set("message.timeout.ms", "0")
        .create_with_context(Acks(Arc::clone(ledger)))
        .expect("a valid configuration");
    let mut due = Instant::now();
    while !ended.load(Ordering::Relaxed) {
        for partition in 0..PARTITIONS {
            ledger.sends(partition);
            let record = BaseRecord::<(), str>::to(TOPIC).partition(partition as i32);
            let sent = producer.send(record.payload("x"));
            sent.map_err(|(error, _)| error)
                .expect("the queue has room for minutes");
        }
        due += RECORD_EVERY;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    // What is still waiting is nobody's business any more.
    let _ = producer.flush(Duration::ZERO);
}

/// One group: a consumer that assigns all partitions to itself.
struct Consuming {
    consumer: BaseConsumer,
    number: usize,
    ledger: Arc<Ledger>,
    /// The next offset to read, by partition.
    position: Vec<u64>,
    /// Sent, and not known to have been taken: nothing else is committed before, so that commits only rise, however late a hung
    /// broker reads one.
    pending: Option<Vec<u64>>,
}

impl Consuming {
    fn start(bootstrap: &str, number: usize, ledger: Arc<Ledger>) -> Self {
        let consumer: BaseConsumer = client(bootstrap)
            .set("group.id", group(number))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .create()
            .expect("a valid configuration");
        let everything = list(&[0; PARTITIONS]);
        consumer
            .assign(&everything)
            .expect("partitions can be assigned");
        Self {
            consumer,
            number,
            ledger,
            position: vec![0; PARTITIONS],
            pending: None,
        }
    }

    fn run(&mut self, period: Duration, ended: &AtomicBool) {
        let mut due = Instant::now() + period;
        while !ended.load(Ordering::Relaxed) {
            // Errors are a broker's, and pass.
            if let Some(Ok(record)) = self.consumer.poll(POLL) {
                let position = &mut self.position[record.partition() as usize];
                *position = (*position).max(record.offset() as u64 + 1);
            }
            if Instant::now() >= due {
                self.commit();
                due = (due + period).max(Instant::now());
            }
        }
    }

    fn commit(&mut self) {
        let offsets = self.pending.take().unwrap_or_else(|| self.position.clone());
        for (partition, offset) in offsets.iter().enumerate() {
            self.ledger.commits(self.number, partition, *offset);
        }
        let wanted = list(&offsets);
        // Its errors come per partition: what counts is what the group has afterwards.
        let _ = self.consumer.commit(&wanted, CommitMode::Sync);
        let read = self.consumer.committed_offsets(wanted.clone(), REQUEST);
        if read.is_ok_and(|read| read.to_topic_map() == wanted.to_topic_map()) {
            for (partition, offset) in offsets.iter().enumerate() {
                self.ledger.committed(self.number, partition, *offset);
            }
        } else {
            self.pending = Some(offsets);
        }
    }
}

fn list(offsets: &[u64]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets.iter().enumerate() {
        let offset = Offset::Offset(*offset as i64);
        list.add_partition_offset(TOPIC, partition as i32, offset)
            .expect("an offset that is not negative");
    }
    list
}

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("socket.timeout.ms", REQUEST_MS)
        .set("reconnect.backoff.max.ms", "500")
        // Leaders and coordinators move: they are found soon.
        .set("topic.metadata.refresh.interval.ms", "5000")
        .set("allow.auto.create.topics", "false");
    config
}
