//! The alert rules: that they fire when their story says so, read well, and lead to a page that helps.

mod firing;
pub(crate) mod lookup;
mod losses;
pub(crate) mod recording;
mod retries;
mod rights;
mod rules;
mod signals;
pub(crate) mod troubles;
