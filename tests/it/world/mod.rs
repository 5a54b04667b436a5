//! The simulated cluster's truth: what is promised of it, on random worlds, and what each scenario does.

mod curves;
pub(crate) mod drawn;
mod logs;
mod scenarios;
mod verdicts;
