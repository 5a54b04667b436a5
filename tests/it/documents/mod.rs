//! The documents: that they name what there is, and all of it.

mod metrics;
