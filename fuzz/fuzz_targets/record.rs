//! The key and the value of a record of `__consumer_offsets`, of any kind and version.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lagslope::kafka::fuzzing::record(bytes));
