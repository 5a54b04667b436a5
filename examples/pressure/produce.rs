//! The producing side: at its rate, evenly over the partitions.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::cluster::client;
use super::pace::Pacer;
use super::{ANSWER, Args, GRACE, Shared, TICK};

/// With a thread that takes acknowledgements in: they would fill the queue otherwise.
pub(crate) type Sending = ThreadedProducer<DefaultProducerContext>;

pub(crate) fn sending(args: &Args) -> Result<Sending> {
    let producer = client(args)
        .set("linger.ms", "20")
        // All payloads are alike: on disk hours of pressure take megabytes.
        .set("compression.type", "zstd")
        // A broker that is away for a while loses nothing.
        .set("message.timeout.ms", "0")
        .create()?;
    Ok(producer)
}

pub(crate) fn produce(args: &Args, shared: &Shared) -> Result<()> {
    let producer = sending(args)?;
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

/// How many there are, once the topic that was just created is known to the broker that is asked.
fn partitions(producer: &Sending, topic: &str) -> Result<i32> {
    let deadline = Instant::now() + ANSWER;
    while Instant::now() < deadline {
        let metadata = producer.client().fetch_metadata(Some(topic), ANSWER)?;
        let partitions = metadata
            .topics()
            .first()
            .map_or(0, |t| t.partitions().len());
        if partitions > 0 {
            return Ok(i32::try_from(partitions)?);
        }
        thread::sleep(TICK);
    }
    bail!("topic {topic} has no partitions after {ANSWER:?}")
}
