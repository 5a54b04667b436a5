//! The documents: that they name what there is, and all of it, and that what they tell people to type works.

mod errors;
mod metrics;
mod snippets;
