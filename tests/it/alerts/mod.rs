//! The alert rules: that they fire when their story says so, read well, and lead to a page that helps.

mod firing;
pub(crate) mod lookup;
mod losses;
mod rights;
mod rules;
