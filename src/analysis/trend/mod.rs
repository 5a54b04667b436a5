//! What the curves amount to: rates and slopes with their bounds, delays, and when something will be reached.

pub mod delay;
pub mod forecast;
pub mod histogram;
pub mod outlook;
pub mod rates;
pub mod retention;
pub mod slope;
