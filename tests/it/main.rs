//! The tests, as a table of contents.

mod alerts;
mod architecture;
mod expose;
mod promtool;
