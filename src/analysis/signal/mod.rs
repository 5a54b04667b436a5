//! The signals: what is wrong, judged from the curves and their trends. One file for each signal.

pub mod lag_growth;
