//! The tests, as a table of contents.

mod architecture;
mod expose;
