//! The tests, as a table of contents.

mod architecture;
mod kafka;
mod processes;
mod processes_selftest;
mod prometheus;
