//! The commit stream: what groups commit, read from the topic `__consumer_offsets` instead of being asked for.
//!
//! `reader` is the client that reads it (`librdkafka` how that is set up), `records` what its bytes mean, `ledger` what they came to (`tail`
//! for one group and topic, `spacing` which of its commits are told apart).
//! `streamed` says from cycle to cycle what of that can be relied on (`shards` of which parts, `trouble` why it isn't read), and `asking`
//! what the brokers are asked because of it.

mod asking;
mod ledger;
mod librdkafka;
mod reader;
pub mod records;
mod shards;
mod spacing;
mod streamed;
mod tail;
mod trouble;

pub(crate) use asking::AskStreamed;
pub(crate) use ledger::{Ledger, Millis};
pub(crate) use librdkafka::configuration;
pub(crate) use reader::{Beginning, Ended, Reader, WallClock};
pub(crate) use streamed::{PastWanted, Streamed};
pub(crate) use tail::Timed;
