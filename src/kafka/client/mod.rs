//! The query client: [`cluster`] knows the brokers, each [`broker`] is asked through one [`session`], which keeps one
//! [`connection`] alive. [`api`] says what may be asked, [`shape`] guards the codec against the answers' bytes.

pub(crate) mod api;
pub(crate) mod broker;
pub(crate) mod cluster;
pub(crate) mod connection;
pub(crate) mod session;
pub(crate) mod shape;
pub(crate) mod tally;
