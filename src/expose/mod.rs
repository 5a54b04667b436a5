//! OUT: tells what the analysis found. [`metrics`] turns a report into text, [`board`] makes one page of all clusters' texts in the [`room`] there is,
//! [`http`] hands it out within the bounds of `limits`; [`own_metrics`] is the daemon about itself.

mod answer;
pub mod board;
mod draft;
pub mod families;
pub mod forget;
mod fragment;
mod gzip;
mod histogram;
pub mod http;
mod interest;
pub mod json;
mod limits;
pub mod metrics;
pub mod own_metrics;
mod packed;
pub mod reload;
pub mod room;
mod text;
