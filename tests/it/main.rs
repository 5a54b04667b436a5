//! The tests, as a table of contents.

mod analysis;
mod architecture;
