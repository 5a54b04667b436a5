//! A state file's records, behind a head that is right: without it no bytes would get that far. What is believed is written again
//! as it was read.
#![no_main]

use lagslope::state::{Saved, decode, encode};

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let Ok(saved) = decode(&file(body)) else {
        return;
    };
    let again = encode(&saved).expect("it is no larger than what was read");
    let reread = decode(&again).expect("what lagslope writes, it reads");
    assert_eq!(reread, saved);
});

/// Of the version that is written today: with a number of its own it would be an old one some day, and end in `decode`'s first lines.
fn file(body: &[u8]) -> Vec<u8> {
    let mut file = encode(&Saved::default()).expect("it is small");
    file.truncate(12);
    file.extend((body.len() as u64).to_le_bytes());
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&file[8..]);
    checksum.update(body);
    file.extend(checksum.finalize().to_le_bytes());
    file.extend(body);
    file
}
