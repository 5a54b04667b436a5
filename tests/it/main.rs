//! The tests, as a table of contents.

mod alerts;
mod architecture;
mod bad_input;
mod config;
mod daemon;
mod dashboards;
mod documents;
mod evidence;
mod expose;
mod kafka_client;
mod lagslope;
mod promtool;
mod stories;
