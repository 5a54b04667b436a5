//! The tests, as a table of contents.

mod analysis;
mod architecture;
mod bad_input;
mod config;
mod daemon;
mod evidence;
mod expose;
mod kafka;
mod kafka_client;
mod lagslope;
mod processes;
mod processes_selftest;
mod real;
