//! A state file's records, behind a head that is right: without it no bytes would get that far.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let mut head = 1u32.to_le_bytes().to_vec();
    head.extend((body.len() as u64).to_le_bytes());
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&head);
    checksum.update(body);
    let checksum = checksum.finalize().to_le_bytes();
    let _either_way = lagslope::state::decode(&[b"lagslope", &head[..], &checksum, body].concat());
});
