//! `lagslope demo`: a simulated cluster and the daemon in one process, for whoever wants to see the signals before pointing it at
//! a Kafka of their own.

pub mod cast;
pub mod past;
