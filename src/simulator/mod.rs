//! A Kafka cluster that exists only as arithmetic: every log end, commit and generation is a function of time.
//!
//! [`World`] is the data and the questions that can be asked of it, at any time, past or to come. Its parts: [`arrivals`] (what
//! producers write), [`delay`] (how far readers are behind), [`topic`] and [`group`] (who has which), [`scenario`] (the troubles by
//! name), [`scale`] (large worlds cheaply). It knows nothing of lagslope: what the daemon says can be held against it.

pub mod arrivals;
pub mod delay;
pub mod group;
mod hash;
pub mod occurrence;
pub mod scale;
pub mod scenario;
pub mod topic;
pub mod world;

pub use world::World;

/// Seconds since the Unix epoch.
pub type Time = f64;
