//! The commit stream: what groups commit, read from the topic `__consumer_offsets` instead of being asked for.

pub mod records;
