//! Chance without state: the same seed and the same words give the same number, whenever they are asked.

/// Numbers that look random, one for each `(seed, a, b)`: the finaliser of splitmix64 over their mixture.
pub(super) fn mixed(seed: u64, a: u64, b: u64) -> u64 {
    let mut x = seed
        .wrapping_add(a.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(b.wrapping_mul(0xd1b5_4a32_d192_ed03))
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The same, evenly in `0.0..1.0`.
pub(super) fn share(seed: u64, a: u64, b: u64) -> f64 {
    // 53 bits are what an f64 holds exactly.
    (mixed(seed, a, b) >> 11) as f64 / (1u64 << 53) as f64
}

/// Of a name (FNV-1a).
pub(super) fn of_name(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
