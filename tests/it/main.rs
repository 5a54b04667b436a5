//! The tests, as a table of contents.

mod analysis;
mod architecture;
mod bad_input;
mod config;
mod daemon;
mod evidence;
mod expose;
mod kafka_client;
mod lagslope;
