//! The signals: what is wrong, judged from the curves and their trends. One file for each signal.

pub mod ceiling;
pub mod churn;
pub mod divergence;
pub mod lag_growth;
pub mod reprocessing;
pub mod retry_storm;
pub mod straggler;
mod tumbling;
