//! Signal 1, lag growth: the trough envelope. It looks at the troughs of a lag, not at the lag, learns the rises that a group
//! has recovered from, and wants the lag in messages and the time lag to rise both.

mod level;
mod levels;
mod minima;
mod profile;
mod progress;
mod recovered;
mod rise;
mod series;
mod usual;
mod window;

pub use profile::{Profile, Rule};
pub use series::{Lag, Onset, Series};
