//! A broker's bytes as a run of frames, each read as an answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lagslope::kafka::fuzzing::frames(bytes));
