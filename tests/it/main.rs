//! The tests, as a table of contents.

mod architecture;
mod config;
mod expose;
