//! A frame's bytes as an answer of any kind and version: the layout check, and then the codec.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lagslope::kafka::fuzzing::answer(bytes));
