//! One gzip file out of two parts that are compressed at different times: the page once per publish, the daemon's own families at
//! each scrape. Both parts are raw deflate blocks; the first ends on a byte boundary without the "last block" mark, so the second
//! can follow it, and the checksums are combined. (Two gzip members would be simpler, but not every client reads a second one.)

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::DeflateEncoder;

/// Fixed: deflate, no name, no time, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The fast level: the page is compressed once per publish beside Kafka, and goes to a scraper on the same network.
const LEVEL: Compression = Compression::fast();

/// The first part, compressed and waiting for what follows.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    begin: Bytes,
    checksum: crc32fast::Hasher,
    bytes: usize,
}

impl Default for Opened {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Opened {
    /// Compresses the first part.
    pub(super) fn new(text: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(HEADER.to_vec(), LEVEL);
        encoder
            .write_all(text)
            .expect("writing to memory cannot fail");
        // A sync flush, never `finish`: the blocks end on a byte boundary and none of them is marked as the last.
        encoder.flush().expect("writing to memory cannot fail");
        Self {
            begin: Bytes::copy_from_slice(encoder.get_ref()),
            checksum: checksum(text),
            bytes: text.len(),
        }
    }

    /// The whole file, in two pieces: the first part, which is shared, then `text`.
    pub(super) fn closed_with(&self, text: &[u8]) -> [Bytes; 2] {
        let mut encoder = DeflateEncoder::new(Vec::new(), LEVEL);
        encoder
            .write_all(text)
            .expect("writing to memory cannot fail");
        let mut end = encoder.finish().expect("writing to memory cannot fail");
        let mut checksum_of_both = self.checksum.clone();
        checksum_of_both.combine(&checksum(text));
        end.extend_from_slice(&checksum_of_both.finalize().to_le_bytes());
        // The format keeps the size modulo 2^32.
        end.extend_from_slice(&((self.bytes + text.len()) as u32).to_le_bytes());
        [self.begin.clone(), end.into()]
    }
}

fn checksum(text: &[u8]) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(text);
    hasher
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_two_parts_come_back_as_one(first in any::<Vec<u8>>(), second in any::<Vec<u8>>()) {
            let file = Opened::new(&first).closed_with(&second).concat();
            let mut text = Vec::new();
            // The single-member reader: it stops after the first member, so this also shows that there is only one.
            flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut text).expect("a whole gzip file");
            prop_assert_eq!(text, [first, second].concat());
        }
    }
}
