//! The tests, as a table of contents.

mod architecture;
mod kafka_client;
