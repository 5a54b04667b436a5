//! Text that is written once, kept compressed, and copied into many pages without being compressed again: a large cluster's lines are
//! a twentieth of their text, and no page holds them in plain.

use std::io::Write;

use bytes::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Decompress, FlushDecompress};

/// A fast level, a quarter shorter than the fastest: lines are compressed once per cycle beside Kafka, and go to a scraper on the same
/// network.
const LEVEL: Compression = Compression::new(2);

/// Text of so many bytes is compressed as one. Each family of a cluster that is being written has as much in plain, and the
/// compressor sees no further back than half of it.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// A piece of text as raw deflate blocks that end on a byte boundary, refer to nothing before them, and are not marked as the last.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) deflate: Bytes,
    /// How much text it is.
    pub(super) bytes: usize,
    /// Of the text.
    pub(super) checksum: u32,
}

/// Makes chunks, one after the other, with the same memory.
#[derive(Debug)]
pub(super) struct Packer(DeflateEncoder<Vec<u8>>);

/// Text in chunks, and its last piece in plain.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed {
    chunks: Vec<Chunk>,
    packed_bytes: usize,
    rest: String,
}

/// What a prefix of a [`Packed`] consists of.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Chunk(&'a Chunk),
    Plain(&'a str),
    /// The beginning of a chunk.
    Unpacked(Vec<u8>),
}

impl Packer {
    pub(super) fn new() -> Self {
        Self(DeflateEncoder::new(Vec::new(), LEVEL))
    }

    /// Compresses a piece of text.
    pub(super) fn pack(&mut self, text: &[u8]) -> Chunk {
        const WHY: &str = "writing to memory cannot fail";
        self.0.write_all(text).expect(WHY);
        // A sync flush, never `finish`: the blocks end on a byte boundary and none of them is marked as the last.
        self.0.flush().expect(WHY);
        let deflate = Bytes::copy_from_slice(self.0.get_ref());
        self.0.reset(Vec::new()).expect(WHY);
        Chunk {
            deflate,
            bytes: text.len(),
            checksum: crc32fast::hash(text),
        }
    }
}

impl Chunk {
    fn unpack(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.bytes);
        let mut inflate = Decompress::new(false);
        while text.len() < self.bytes {
            let read = inflate.total_in() as usize;
            inflate
                .decompress_vec(&self.deflate[read..], &mut text, FlushDecompress::None)
                .expect("our own blocks");
        }
        text
    }
}

impl Packed {
    /// Bytes of text.
    pub(super) fn len(&self) -> usize {
        self.packed_bytes + self.rest.len()
    }

    /// What is not packed yet; text is written to its end.
    pub(super) fn rest(&mut self) -> &mut String {
        &mut self.rest
    }

    /// Takes back what is beyond so many bytes, which must not have been packed yet.
    pub(super) fn truncate(&mut self, bytes: usize) {
        self.rest.truncate(bytes - self.packed_bytes);
    }

    /// Packs what is enough for a chunk.
    pub(super) fn pack(&mut self, packer: &mut Packer) {
        if self.rest.len() < CHUNK_BYTES {
            return;
        }
        let pieces = self.rest.as_bytes().chunks(CHUNK_BYTES);
        self.chunks.extend(pieces.map(|piece| packer.pack(piece)));
        self.packed_bytes += self.rest.len();
        self.rest.clear();
    }

    /// Nothing more will be written.
    pub(super) fn finish(&mut self) {
        self.chunks.shrink_to_fit();
        self.rest.shrink_to_fit();
    }

    /// Its first `bytes` bytes, in order.
    pub(super) fn prefix(&self, bytes: usize) -> impl Iterator<Item = Piece<'_>> {
        let mut begin = 0;
        let chunks = self.chunks.iter().map_while(move |chunk| {
            let wanted = bytes.checked_sub(begin).filter(|wanted| *wanted > 0)?;
            begin += chunk.bytes;
            Some(if wanted >= chunk.bytes {
                Piece::Chunk(chunk)
            } else {
                let mut text = chunk.unpack();
                text.truncate(wanted);
                Piece::Unpacked(text)
            })
        });
        let plain = bytes.saturating_sub(self.packed_bytes);
        chunks.chain((plain > 0).then(|| Piece::Plain(&self.rest[..plain])))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(pieces: impl Iterator<Item = Piece<'static>>) -> Vec<u8> {
        pieces.fold(Vec::new(), |mut text, piece| {
            match piece {
                Piece::Chunk(chunk) => text.extend(chunk.unpack()),
                Piece::Plain(plain) => text.extend(plain.as_bytes()),
                Piece::Unpacked(begin) => text.extend(begin),
            }
            text
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn any_prefix_is_what_was_written(
            lines in proptest::collection::vec((0u32..1_000_000, 0usize..3_000), 1..120),
            share in 0.0..=1.0f64,
        ) {
            let (mut packer, mut packed, mut text) = (Packer::new(), Packed::default(), String::new());
            for (number, repeated) in lines {
                let line = format!("{number} {}\n", "x7é".repeat(repeated));
                packed.rest().push_str(&line);
                text.push_str(&line);
                packed.pack(&mut packer);
            }
            prop_assert_eq!(packed.len(), text.len());
            // Cuts are between lines.
            let cut = (text.len() as f64 * share) as usize;
            let cut = text.as_bytes()[..cut].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let leaked: &'static Packed = Box::leak(Box::new(packed));
            prop_assert!(text_of(leaked.prefix(cut)) == text.as_bytes()[..cut]);
        }

        #[test]
        fn what_does_not_compress_comes_back_too(seed in any::<u64>(), bytes in 0usize..200_000) {
            let mut random = fastrand::Rng::with_seed(seed);
            let noise: Vec<u8> = (0..bytes).map(|_| random.u8(..)).collect();
            let chunk = Packer::new().pack(&noise);
            prop_assert_eq!(chunk.bytes, noise.len());
            prop_assert!(chunk.unpack() == noise);
        }
    }
}
