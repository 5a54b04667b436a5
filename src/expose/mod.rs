//! OUT: tells what the analysis found. [`metrics`] turns a report into text, [`board`] makes one page of all clusters' texts,
//! [`http`] hands it out within the bounds of `limits`; [`own_metrics`] is the daemon about itself.

mod answer;
pub mod board;
pub mod families;
mod gzip;
pub mod http;
mod limits;
pub mod metrics;
pub mod own_metrics;
pub mod reload;

mod text;
