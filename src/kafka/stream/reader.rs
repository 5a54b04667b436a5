//! Reads the commit stream on a thread of its own, into the ledger: librdkafka's calls block, and so may on no worker of the runtime.
//!
//! The thread ends by itself when its [`Reader`] is dropped, or when it cannot go on; it says why, and another has to begin anew.
//! Whether it is anywhere near the end of the stream is judged by what the query client is told of the logs' ends.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::ledger::{Ledger, Millis};
use super::librdkafka::{Voice, configuration};
use crate::kafka::coordinators::OFFSETS_TOPIC;
use crate::kafka::error::{STREAM_FAILED, STREAM_REFUSED, STREAM_TORN, STREAM_UNSUPPORTED};
use crate::kafka::settings::Settings;

/// How long a poll waits for a record.
const POLL: Duration = Duration::from_millis(100);

/// Records that are taken at once: some milliseconds in which the sampler may have to wait.
const RECORDS_IN_A_RUN: u32 = 1_000;

/// How long it may be unknown that the last records were ends of transactions, when nobody waits to know.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Records come every half second, if there are any.
const GETS_ON_WITHIN: Duration = Duration::from_secs(2);

/// A clock that differs by more was set.
const STEP_MS: Millis = 1_000;

/// Complaints of a client that are looked through for why it got nowhere.
const COMPLAINTS_MAX: u32 = 100;

/// Finding the beginning takes a question to each broker.
const FIND_BEGINNING: Duration = Duration::from_secs(10);

/// Records of a shard's past that are read at most: a few seconds' work for all of them.
const PAST_RECORDS_MAX: u64 = 40_000;

/// Where reading begins, and how far its past goes back.
pub(crate) struct Beginning {
    /// How many shards there are.
    pub(crate) shards: usize,
    /// Their log ends; those whose end is not known are not read.
    pub(crate) ends: Vec<(usize, u64)>,
    /// Records from then on are read.
    pub(crate) from_ms: Millis,
    /// Edges are told apart from so many milliseconds on.
    pub(crate) step_ms: Millis,
    /// What the machine's clock says.
    pub(crate) now: WallClock,
}

/// The machine's clock, as whoever has it said at some moment.
#[derive(Clone, Copy)]
pub(crate) struct WallClock {
    pub(crate) ms: Millis,
    pub(crate) at: Instant,
}

impl WallClock {
    fn now_ms(self) -> Millis {
        self.ms + self.at.elapsed().as_millis() as Millis
    }
}

/// Why reading ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// It can't be done with these settings, or this build.
    Unsupported(String),
    /// We may not.
    Refused(String),
    /// A place in the log was gone: what lies between is not known.
    Torn(String),
    /// The brokers can't be reached, or say nothing useful.
    Failed(String),
}

impl Ended {
    /// The `error` label of the metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Unsupported(_) => STREAM_UNSUPPORTED,
            Self::Refused(_) => STREAM_REFUSED,
            Self::Torn(_) => STREAM_TORN,
            Self::Failed(_) => STREAM_FAILED,
        }
    }

    /// What is the matter, in words.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Unsupported(why) | Self::Refused(why) | Self::Torn(why) | Self::Failed(why) => {
                why
            }
        }
    }
}

/// The stream of one cluster, being read.
pub(crate) struct Reader {
    shared: Arc<Shared>,
}

/// What thread and sampler share.
pub(crate) struct Shared {
    ledger: Mutex<Ledger>,
    clock: Mutex<WallClock>,
    ended: Mutex<Option<Ended>>,
    /// The thread has to end.
    is_dropped: AtomicBool,
    /// The sampler waits for shards to be read to their ends.
    is_awaited: AtomicBool,
    progress: Notify,
}

impl Reader {
    /// Begins, on a thread of its own.
    ///
    /// # Errors
    ///
    /// When these settings can't be librdkafka's, or there is no thread to be had.
    pub(crate) fn begin(settings: &Settings, beginning: Beginning) -> Result<Self, Ended> {
        let config = configuration(settings).map_err(Ended::Unsupported)?;
        let shared = Arc::new(Shared {
            ledger: Mutex::new(Ledger::new(beginning.shards, beginning.step_ms)),
            clock: Mutex::new(beginning.now),
            ended: Mutex::new(None),
            is_dropped: AtomicBool::new(false),
            is_awaited: AtomicBool::new(false),
            progress: Notify::new(),
        });
        let thread = Thread {
            shared: Arc::clone(&shared),
            cluster: settings.name.clone(),
            config,
            beginning,
        };
        thread::Builder::new()
            .name("commit-stream".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| Ended::Failed(error.to_string()))?;
        Ok(Self { shared })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger()
    }

    /// What the machine's clock says by now. If it was set, or the machine slept, what was read meanwhile was timed wrongly.
    pub(crate) fn set_clock(&self, clock: WallClock) {
        let kept = self.shared.clock.lock();
        let mut kept = kept.unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *kept, clock);
        drop(kept);
        if (before.now_ms() - clock.now_ms()).abs() > STEP_MS {
            self.ledger().forget_times();
        }
    }

    /// Why it ended, if it did.
    pub(crate) fn ended(&self) -> Option<Ended> {
        let ended = self.shared.ended.lock();
        ended.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits, but not longer than this, until the shards are read to these ends.
    pub(crate) async fn reach(&self, ends: &[(usize, u64)], patience: Duration) {
        self.shared.is_awaited.store(true, Ordering::Relaxed);
        let all = async {
            loop {
                let progress = self.shared.progress.notified();
                if self.ledger().has_reached_all(ends) || self.ended().is_some() {
                    return;
                }
                progress.await;
            }
        };
        // Too late is too late: what was not reached is not told.
        let _ = tokio::time::timeout(patience, all).await;
        self.shared.is_awaited.store(false, Ordering::Relaxed);
    }

    /// The same, but gives up on shards that don't get on while all others are there.
    pub(crate) async fn reach_most(&self, ends: &[(usize, u64)], patience: Duration) {
        let until = Instant::now() + patience;
        let mut before = None;
        while Instant::now() < until && self.ended().is_none() {
            self.reach(ends, GETS_ON_WITHIN).await;
            let ledger = self.ledger();
            let positions: Vec<_> = ends.iter().map(|(s, _)| ledger.position(*s)).collect();
            let all = ledger.has_reached_all(ends);
            drop(ledger);
            // Nothing is known at first: finding the beginning takes its time.
            let has_begun = positions.iter().any(Option::is_some);
            if all || has_begun && before.as_ref() == Some(&positions) {
                return;
            }
            before = Some(positions);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.is_dropped.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> Millis {
        let clock = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.now_ms()
    }
}

struct Thread {
    shared: Arc<Shared>,
    cluster: String,
    config: ClientConfig,
    beginning: Beginning,
}

impl Thread {
    fn run(self) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.read()));
        let ended = ended.unwrap_or_else(|_| Some(Ended::Failed("a bug ended it".to_owned())));
        if let Some(why) = ended {
            let ended = self.shared.ended.lock();
            *ended.unwrap_or_else(PoisonError::into_inner) = Some(why);
        }
        self.shared.progress.notify_waiters();
    }

    /// Until it is dropped, or can't go on.
    fn read(&self) -> Option<Ended> {
        let voice = Voice::new(self.cluster.clone());
        let consumer: BaseConsumer<Voice> = match self.config.create_with_context(voice) {
            Ok(consumer) => consumer,
            Err(error) => return Some(Ended::Unsupported(error.to_string())),
        };
        if let Err(error) = self.assign(&consumer) {
            return Some(cause(&consumer, &error));
        }
        let mut told_at = Instant::now();
        while !self.shared.is_dropped.load(Ordering::Relaxed) {
            let next = consumer.poll(POLL);
            let is_idle = next.is_none();
            if let Err(why) = self.take_run(&consumer, next) {
                return Some(why);
            }
            let is_awaited = self.shared.is_awaited.load(Ordering::Relaxed);
            if is_idle && (is_awaited || told_at.elapsed() >= TELL_EVERY) {
                self.tell_position(&consumer);
                told_at = Instant::now();
            }
            self.shared.progress.notify_waiters();
        }
        None
    }

    /// Takes a record, if there is one, and those that were fetched with it; all of them are read at this moment. A look at the clock
    /// for each would cost more than reading it.
    fn take_run<'a>(
        &self,
        consumer: &'a BaseConsumer<Voice>,
        mut next: Option<Result<BorrowedMessage<'a>, KafkaError>>,
    ) -> Result<(), Ended> {
        let now_ms = self.shared.now_ms();
        let mut ledger = self.shared.ledger();
        let mut room = RECORDS_IN_A_RUN;
        while let Some(read) = next {
            match read {
                Ok(record) => {
                    let place = (record.partition() as usize, record.offset() as u64);
                    ledger.take(place, (record.key(), record.payload()), now_ms);
                }
                Err(error) if is_final(&error) => return Err(ended(&error)),
                // It goes on by itself, or the shard stands still, which is noticed.
                Err(error) => tracing::debug!("cluster {}: librdkafka: {error}", self.cluster),
            }
            room -= 1;
            next = (room > 0).then(|| consumer.poll(Duration::ZERO)).flatten();
        }
        Ok(())
    }

    fn assign(&self, consumer: &BaseConsumer<Voice>) -> Result<(), KafkaError> {
        let found = self.offsets(consumer, Offset::Offset(self.beginning.from_ms))?;
        // Where the oldest open transaction begins, or the end: what it commits is told when it ends, and was not there when it was asked for.
        let stable = self.offsets(consumer, Offset::End)?;
        let mut places = TopicPartitionList::with_capacity(self.beginning.ends.len());
        for (shard, end) in &self.beginning.ends {
            let stable = stable.get(shard).copied().flatten().unwrap_or(*end);
            let found = found.get(shard).copied().flatten().unwrap_or(*end);
            let from = found.min(stable).min(*end);
            let clipped = from.max(stable.min(*end).saturating_sub(PAST_RECORDS_MAX));
            let mut ledger = self.shared.ledger();
            ledger.advance(*shard, clipped);
            if clipped > from {
                ledger.clip(*shard);
            }
            drop(ledger);
            let offset = Offset::Offset(i64::try_from(clipped).unwrap_or(i64::MAX));
            places.add_partition_offset(OFFSETS_TOPIC, *shard as i32, offset)?;
        }
        consumer.assign(&places)
    }

    /// Offsets of all shards that are read, by time; absent where no record is so young.
    fn offsets(
        &self,
        consumer: &BaseConsumer<Voice>,
        at: Offset,
    ) -> Result<HashMap<usize, Option<u64>>, KafkaError> {
        let mut asked = TopicPartitionList::with_capacity(self.beginning.ends.len());
        for (shard, _) in &self.beginning.ends {
            asked.add_partition_offset(OFFSETS_TOPIC, *shard as i32, at)?;
        }
        let found = consumer.offsets_for_times(asked, FIND_BEGINNING)?;
        let mut offsets = HashMap::new();
        for place in found.elements() {
            place.error()?;
            let offset = match place.offset() {
                Offset::Offset(offset) => u64::try_from(offset).ok(),
                _ => None,
            };
            offsets.extend(usize::try_from(place.partition()).map(|shard| (shard, offset)));
        }
        Ok(offsets)
    }

    /// Everything that was fetched is taken. How far that reaches says the consumer: the last records may be ends of transactions,
    /// which it keeps to itself.
    fn tell_position(&self, consumer: &BaseConsumer<Voice>) {
        if let Ok(position) = consumer.position() {
            let mut ledger = self.shared.ledger();
            for place in position.elements() {
                if let (Offset::Offset(offset), Ok(shard)) =
                    (place.offset(), usize::try_from(place.partition()))
                {
                    ledger.advance(shard, u64::try_from(offset).unwrap_or(0));
                }
            }
        }
        self.shared.progress.notify_waiters();
    }
}

/// Does reading have to begin anew after it?
fn is_final(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(
            Code::AutoOffsetReset
                | Code::OffsetOutOfRange
                | Code::TopicAuthorizationFailed
                | Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::Fatal
        )
    )
}

/// Why nothing could be asked: where that took too long, what the client has complained of meanwhile says more.
fn cause(consumer: &BaseConsumer<Voice>, error: &KafkaError) -> Ended {
    let cause = ended(error);
    if !matches!(cause, Ended::Failed(_)) {
        return cause;
    }
    for _ in 0..COMPLAINTS_MAX {
        if let Some(Err(complaint)) = consumer.poll(Duration::ZERO)
            && let refused @ Ended::Refused(_) = ended(&complaint)
        {
            return refused;
        }
    }
    match consumer.context().last_error() {
        Some((complaint, words)) => ended_with(&complaint, format!("{complaint}: {words}")),
        None => cause,
    }
}

fn ended(error: &KafkaError) -> Ended {
    ended_with(error, error.to_string())
}

fn ended_with(error: &KafkaError, words: String) -> Ended {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(
            Code::TopicAuthorizationFailed | Code::Authentication | Code::SaslAuthenticationFailed,
        ) => Ended::Refused(words),
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Ended::Torn(words),
        _ => Ended::Failed(words),
    }
}
