//! lagslope watches Kafka consumer lag as a trend and turns it into a signal that can be acted on.
//!
//! The modules, in the order data flows:
//!
//! 1. [`kafka`] reads: groups, committed offsets, log ends; it never writes.
//! 2. [`analysis`] understands: three curves for each partition, their slopes, the verdicts. It is pure.
//! 3. [`expose`] tells: `/metrics`, health, and the daemon about itself.
//!
//! [`codec`] is what the protocol's crate lacks, for [`kafka`] and [`simulator`].
//!
//! [`simulator`] is a Kafka cluster that exists only as arithmetic, for tests and for [`demo`], which runs the daemon on it.
//!
//! [`state`] is what was learned, on disk. [`daemon`] joins them, one task for each cluster, and holds the only clock. [`config`] is
//! where settings come from, [`cli`] what can be typed. Start reading at `daemon::run`, then `analysis::Analysis::observe`.

pub mod analysis;
pub mod cli;
pub mod codec;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod expose;
pub mod kafka;
pub mod replay;
pub mod simulator;
pub mod state;
pub mod telemetry;
