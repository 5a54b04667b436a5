//! The tests, as a table of contents.

mod alerts;
mod architecture;
mod dashboards;
mod documents;
mod expose;
mod promtool;
mod stories;
