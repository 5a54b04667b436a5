//! A Kafka cluster that exists only as arithmetic: every log end, commit and generation is a function of time.
//!
//! [`World`] is the data and the questions that can be asked of it, at any time, past or to come. Its parts: [`arrivals`] (what
//! producers write), [`delay`] (how far readers are behind), [`topic`] and [`group`] (who has which), [`scenario`] (the troubles by
//! name), [`scale`] (large worlds cheaply).
//!
//! [`Simulator`] serves a world to Kafka clients: [`server`] has the ports, `connection` the frames, `api` a file for each question,
//! `records` and `commit_log` what `__consumer_offsets` has in it, [`fault`] what goes wrong.
//!
//! It knows nothing of lagslope: what the daemon says can be held against it.

mod api;
pub mod arrivals;
mod cluster;
mod commit_log;
mod connection;
pub mod delay;
pub mod fault;
pub mod group;
mod hash;
pub mod occurrence;
mod records;
pub mod scale;
pub mod scenario;
pub mod server;
mod tally;
pub mod topic;
mod view;
pub mod world;

pub use kafka_protocol::messages::ApiKey;
pub use server::{Running, Settings, Simulator};
pub use world::World;

/// Seconds since the Unix epoch.
pub type Time = f64;
