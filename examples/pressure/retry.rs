//! What becomes of messages that fail: they are produced to the retry topic, and come back from there.

use std::sync::atomic::Ordering;

use anyhow::Result;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;

use super::produce::{Sending, sending};
use super::{Args, GRACE, Shared, say};

/// Decides what fails, and sends it on. Without a retry topic nothing does.
pub(crate) struct Retries<'a> {
    to: Option<(&'a str, Sending)>,
    shared: &'a Shared,
    /// Messages that are to fail by the share that is ordered: each whole one is a message.
    owed: f64,
}

impl<'a> Retries<'a> {
    pub(crate) fn new(args: &'a Args, shared: &'a Shared) -> Result<Self> {
        let to = match &args.retry_topic {
            Some(topic) => Some((topic.as_str(), sending(args)?)),
            None => None,
        };
        Ok(Self {
            to,
            shared,
            owed: 0.0,
        })
    }

    /// Takes a message that was processed. Evenly, not by chance: the share is kept in every second, and each run is the same.
    pub(crate) fn judge(&mut self, message: &BorrowedMessage<'_>) {
        let Some((topic, producer)) = &self.to else {
            return;
        };
        self.owed += self.shared.fail_share.get();
        if self.owed < 1.0 {
            return;
        }
        let record = BaseRecord::<[u8], [u8]>::to(topic).payload(message.payload().unwrap_or(&[]));
        match producer.send(record) {
            Ok(()) => {
                self.owed -= 1.0;
                self.shared.failed.fetch_add(1, Ordering::Relaxed);
            }
            // It stays owed: the next message fails instead.
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {}
            Err((error, _)) => say(&format!("error=\"{error}\"")),
        }
    }

    pub(crate) fn flush(&self) {
        if let Some((_, producer)) = &self.to {
            // What isn't acknowledged by then is lost, as it would be in a consumer that is killed.
            let _ = producer.flush(GRACE);
        }
    }
}
