//! IN: asks a Kafka cluster, and never writes to it.
//!
//! [`Sampler`] is one cluster, asked over and over. `client/` carries questions to brokers; `groups`, `offsets`, `topics`,
//! `members` and `configs` are the questions; `seldom` shares out what is left of the budget; `harvest` makes the sample.

mod client;
mod configs;
mod error;
mod filter;
mod groups;
mod harvest;
mod members;
mod offsets;
mod refusals;
mod sampler;
mod seldom;
mod settings;
mod topics;

pub use filter::{BadPattern, Filter};
pub use sampler::Sampler;
pub use settings::{IsolationLevel, Settings};
