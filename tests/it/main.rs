//! The tests, as a table of contents.

mod architecture;
mod daemon;
mod expose;
mod kafka_client;
mod lagslope;
