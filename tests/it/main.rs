//! The tests, as a table of contents.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests have deadlines in real time, a handful of variables, and something to say"
)]

mod alerts;
mod analysis;
mod architecture;
mod bad_input;
mod config;
mod daemon;
mod dashboards;
mod demo;
mod doctor;
mod documents;
mod evidence;
mod expose;
mod histories;
mod kafka;
mod kafka_client;
mod lagslope;
mod long;
mod processes;
mod processes_selftest;
mod prometheus;
mod promtool;
mod real;
mod reload;
mod replay;
mod scenarios;
mod secrets;
mod security;
mod simulator;
mod state;
mod stories;
mod world;
