//! Topics, producers and consumer groups of every kind for tests, by rdkafka. Everything here blocks until Kafka has it for sure.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::{Kafka, unique};
use crate::processes::wait_until;

/// A fresh cluster's coordinators load for a moment, and three JVMs share the machine with the tests.
const DEADLINE: Duration = Duration::from_secs(60);

/// One question to Kafka; what takes longer is asked again.
const REQUEST: Duration = Duration::from_secs(5);

/// How long a member's thread waits in one poll: bounds how long it takes to end.
const MEMBER_POLL: Duration = Duration::from_millis(100);

/// Which of Kafka's two group protocols a member speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Classic,
    /// KIP-848, from Kafka 4.0 on.
    Consumer,
}

impl Kafka {
    /// Creates a topic and waits until every partition has a leader.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, replication: i32) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
        self.create(&topic);
    }

    /// Creates a topic with settings of its own, such as `retention.ms`.
    pub(crate) fn create_topic_with(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topic = settings
            .iter()
            .fold(topic, |topic, (key, value)| topic.set(key, value));
        self.create(&topic);
    }

    fn create(&self, topic: &NewTopic<'_>) {
        self.admin("create topic", |admin, options| {
            block_on(admin.create_topics([topic], options))
        });
        let partitions = usize::try_from(topic.num_partitions).expect("a number of partitions");
        self.wait_for_leaders(topic.name, partitions);
    }

    fn wait_for_leaders(&self, topic: &str, partitions: usize) {
        let consumer = consumer(&self.bootstrap(), "unused", &[]);
        wait_until(DEADLINE, || {
            let metadata = consumer.fetch_metadata(Some(topic), REQUEST).ok()?;
            let told = metadata.topics().first()?.partitions();
            let led = told.iter().filter(|p| p.leader() >= 0).count();
            (led == partitions).then_some(())
        })
        .unwrap_or_else(|| panic!("topic {topic} has no leaders"));
    }

    /// The names of all topics, Kafka's own too, sorted.
    pub(crate) fn topics(&self) -> Vec<String> {
        let consumer = consumer(&self.bootstrap(), "unused", &[]);
        let ask = || consumer.fetch_metadata(None, REQUEST).ok();
        let metadata = wait_until(DEADLINE, ask).expect("Kafka answers within the deadline");
        let names = metadata
            .topics()
            .iter()
            .map(|topic| topic.name().to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Deletes a topic.
    pub(crate) fn delete_topic(&self, name: &str) {
        self.admin("delete topic", |admin, options| {
            block_on(admin.delete_topics(&[name], options))
        });
    }

    /// Adds partitions until there are `count`, and waits until each has a leader.
    pub(crate) fn add_partitions(&self, topic: &str, count: usize) {
        self.admin("add partitions", |admin, options| {
            block_on(admin.create_partitions(&[NewPartitions::new(topic, count)], options))
        });
        self.wait_for_leaders(topic, count);
    }

    /// Deletes a group without members, and its commits.
    pub(crate) fn delete_group(&self, group: &str) {
        self.admin("delete group", |admin, options| {
            block_on(admin.delete_groups(&[group], options))
        });
    }

    /// Deletes the records before an offset, as retention does: moves the log start.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let list = offsets(topic, &[(partition, before)]);
        let admin = admin(&self.bootstrap());
        let done = wait_until(DEADLINE, || {
            let result = block_on(admin.delete_records(&list, &AdminOptions::new())).ok()?;
            let errors = result.elements().iter().any(|e| e.error().is_err());
            (!errors).then_some(())
        });
        done.expect("Kafka deletes records within the deadline");
    }

    /// One admin call on one thing, repeated while the cluster isn't ready; having been done already counts as done.
    fn admin<T>(
        &self,
        what: &str,
        call: impl Fn(
            &AdminClient<DefaultClientContext>,
            &AdminOptions,
        ) -> Result<Vec<Result<T, (T, RDKafkaErrorCode)>>, KafkaError>,
    ) {
        let admin = admin(&self.bootstrap());
        let options = AdminOptions::new()
            .request_timeout(Some(REQUEST))
            .operation_timeout(Some(REQUEST));
        let mut last = String::new();
        let done = wait_until(DEADLINE, || {
            match call(&admin, &options) {
                Ok(results) => results.into_iter().all(|result| match result {
                    Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => true,
                    Err((_, code)) => {
                        last = code.to_string();
                        false
                    }
                }),
                Err(error) => {
                    last = error.to_string();
                    false
                }
            }
            .then_some(())
        });
        done.unwrap_or_else(|| panic!("{what} failed: {last}"));
    }

    /// Sets a topic's settings; those that are not among them go back to the broker's.
    pub(crate) fn alter_topic(&self, topic: &str, settings: &[(&str, &str)]) {
        let alter = AlterConfig::new(ResourceSpecifier::Topic(topic));
        let alter = settings
            .iter()
            .fold(alter, |alter, (key, value)| alter.set(key, value));
        let altered =
            block_on(admin(&self.bootstrap()).alter_configs([&alter], &AdminOptions::new()));
        let altered = altered.expect("an answer");
        assert!(altered.iter().all(Result::is_ok), "{altered:?}");
    }

    /// Writes `count` short messages to one partition and waits until all are acknowledged.
    pub(crate) fn produce(&self, topic: &str, partition: i32, count: usize) {
        self.send(topic, partition, (0..count).map(|_| None));
    }

    /// The same, with timestamps that lie so far back.
    pub(crate) fn produce_old(&self, topic: &str, partition: i32, count: usize, age_ms: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("after 1970").as_millis();
        let then = i64::try_from(now).expect("before the year 292 million") - age_ms.cast_signed();
        self.send(topic, partition, (0..count).map(|_| Some(then)));
    }

    /// Writes a short message for each timestamp, in milliseconds since the epoch, as if it had been made then.
    pub(crate) fn produce_at(&self, topic: &str, partition: i32, timestamps: &[i64]) {
        self.send(topic, partition, timestamps.iter().copied().map(Some));
    }

    fn send(&self, topic: &str, partition: i32, timestamps: impl Iterator<Item = Option<i64>>) {
        let producer: BaseProducer = config(&self.bootstrap())
            .set("linger.ms", "5")
            .create()
            .expect("a valid configuration");
        for timestamp in timestamps {
            let mut record = BaseRecord::<(), str>::to(topic)
                .partition(partition)
                .payload("x");
            record.timestamp = timestamp;
            let mut waiting = Some(record);
            wait_until(DEADLINE, || match producer.send(waiting.take()?) {
                Ok(()) => Some(()),
                Err((_, record)) => {
                    waiting = Some(record);
                    producer.poll(MEMBER_POLL);
                    None
                }
            })
            .expect("the queue of the producer drains");
        }
        producer.flush(DEADLINE).expect("all messages acknowledged");
    }

    /// A member that subscribes `topics`, stays until dropped, and commits only when told to. Returns once partitions are assigned to it.
    pub(crate) fn join(&self, group: &str, topics: &[&str], protocol: Protocol) -> Member {
        let settings: &[(&str, &str)] = match protocol {
            Protocol::Classic => &[("session.timeout.ms", "10000")],
            Protocol::Consumer => &[("group.protocol", "consumer")],
        };
        let consumer = Arc::new(consumer(&self.bootstrap(), group, settings));
        consumer.subscribe(topics).expect("topics by name");
        let member = Member::keep(consumer);
        let assigned = || member.consumer.assignment().ok().filter(|a| a.count() > 0);
        wait_until(DEADLINE, assigned).expect("partitions are assigned within the deadline");
        member
    }

    /// Commits offsets for a group that nobody is a member of: what a program that assigns its partitions by hand does.
    /// It leaves nothing running: the group is "Empty" afterwards.
    pub(crate) fn commit(&self, group: &str, topic: &str, committed: &[(i32, i64)]) {
        let consumer = consumer(&self.bootstrap(), group, &[]);
        commit(&consumer, &offsets(topic, committed));
    }

    /// A consumer that assigns partitions by hand from where it is committed, stays until dropped, and commits when told to.
    pub(crate) fn assign(&self, group: &str, topic: &str, committed: &[(i32, i64)]) -> Member {
        let consumer = Arc::new(consumer(&self.bootstrap(), group, &[]));
        let list = offsets(topic, committed);
        consumer.assign(&list).expect("partitions can be assigned");
        commit(&consumer, &list);
        Member::keep(consumer)
    }

    /// The same with a text beside each offset, as some clients write it.
    pub(crate) fn commit_with(
        &self,
        group: &str,
        topic: &str,
        committed: (i32, i64),
        metadata: &str,
    ) {
        let consumer = consumer(&self.bootstrap(), group, &[]);
        let list = offsets(topic, &[committed]);
        list.elements()[0].set_metadata(metadata);
        commit(&consumer, &list);
    }

    /// A transaction in which a group commits; it is open until it is ended, or its producer is dropped.
    pub(crate) fn transaction(
        &self,
        group: &str,
        topic: &str,
        committed: &[(i32, i64)],
    ) -> Transaction {
        let producer: BaseProducer = config(&self.bootstrap())
            .set("transactional.id", unique("transaction"))
            .create()
            .expect("a valid configuration");
        let done = |result: Result<(), KafkaError>| result.ok();
        let begin = || done(producer.init_transactions(REQUEST));
        wait_until(DEADLINE, begin).expect("transactions can be begun");
        producer.begin_transaction().expect("a transaction");
        let consumer = consumer(&self.bootstrap(), group, &[]);
        let metadata = consumer.group_metadata().expect("of a group");
        let list = offsets(topic, committed);
        let send = || done(producer.send_offsets_to_transaction(&list, &metadata, REQUEST));
        wait_until(DEADLINE, send).expect("offsets in the transaction");
        Transaction(producer)
    }

    /// The next offset to be written, of each partition.
    pub(crate) fn log_end(&self, topic: &str, partition: i32) -> i64 {
        let consumer = consumer(&self.bootstrap(), "unused", &[]);
        let ask = || consumer.fetch_watermarks(topic, partition, REQUEST).ok();
        wait_until(DEADLINE, ask)
            .expect("the partition has a leader")
            .1
    }
}

/// A transaction that is open.
pub(crate) struct Transaction(BaseProducer);

impl Transaction {
    pub(crate) fn commit(self) {
        self.0.commit_transaction(DEADLINE).expect("committed");
    }
}

/// A member of a group with a thread that polls, so that it takes part in rebalances; dropped, it leaves the group.
pub(crate) struct Member {
    consumer: Arc<BaseConsumer>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Member {
    fn keep(consumer: Arc<BaseConsumer>) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (consumer, ended) = (consumer.clone(), ended.clone());
            move || {
                while !ended.load(Ordering::Relaxed) {
                    consumer.poll(MEMBER_POLL);
                }
            }
        });
        Self {
            consumer,
            ended,
            thread: Some(thread),
        }
    }

    /// Commits offsets of one topic; they need not be what was read.
    pub(crate) fn commit(&self, topic: &str, committed: &[(i32, i64)]) {
        commit(&self.consumer, &offsets(topic, committed));
    }

    /// `(topic, partition)` of what is assigned now, sorted.
    pub(crate) fn assignment(&self) -> Vec<(String, i32)> {
        let assigned = self.consumer.assignment().expect("it has an assignment");
        let mut pairs: Vec<(String, i32)> = assigned.to_topic_map().into_keys().collect();
        pairs.sort();
        pairs
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; a second one here would abort the test.
            let _ = thread.join();
        }
    }
}

/// The ids of the brokers that the one at `address` lists; nothing while it doesn't answer.
pub(super) fn brokers_seen_by(address: &str) -> Option<Vec<i32>> {
    // Without a group: asking for its coordinator would create Kafka's offsets topic, on those nodes only that are up by now.
    let consumer: BaseConsumer = config(address).create().expect("a valid configuration");
    let metadata = consumer.fetch_metadata(None, REQUEST).ok()?;
    Some(metadata.brokers().iter().map(|b| b.id()).collect())
}

/// Commits until the broker says it has it: its errors come per partition, and a rebalance or a loading coordinator passes.
fn commit(consumer: &BaseConsumer, list: &TopicPartitionList) {
    let mut last = String::new();
    let done = wait_until(DEADLINE, || {
        if let Err(error) = consumer.commit(list, CommitMode::Sync) {
            last = error.to_string();
        }
        let committed = consumer.committed_offsets(list.clone(), REQUEST).ok()?;
        (committed.to_topic_map() == list.to_topic_map()).then_some(())
    });
    done.unwrap_or_else(|| panic!("{list:?} could not be committed: {last}"));
}

fn offsets(topic: &str, pairs: &[(i32, i64)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in pairs {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
            .expect("an offset that is not negative");
    }
    list
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        // A node that was just restarted is found again at once, not after 10 s.
        .set("reconnect.backoff.max.ms", "500")
        .set("allow.auto.create.topics", "false");
    config
}

fn consumer(bootstrap: &str, group: &str, settings: &[(&str, &str)]) -> BaseConsumer {
    let mut config = config(bootstrap);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create().expect("a valid configuration")
}

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    config(bootstrap).create().expect("a valid configuration")
}

/// On a thread with a runtime of its own, so that tests may call this from inside theirs or without one.
fn block_on<F: Future<Output: Send> + Send>(future: F) -> F::Output {
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(future)
        });
        asking.join().expect("a question to Kafka doesn't panic")
    })
}
