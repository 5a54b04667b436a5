//! One gzip file out of parts that are compressed at different times: each cluster's lines once per cycle, the daemon's own families
//! at each scrape. All parts are raw deflate blocks that end on a byte boundary, and none but the last has the "last block" mark, so
//! they can follow each other, and the checksums are combined. (Several gzip members would be simpler, but not every client reads a
//! second one.)

use std::io::Write;
use std::iter;

use bytes::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};

use super::packed::{CHUNK_BYTES, Chunk, Packer, Piece};

/// Fixed: deflate, no name, no time, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The part that is the same for all scrapes of a page, waiting for what follows.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    begin: Bytes,
    checksum: crc32fast::Hasher,
    bytes: usize,
}

/// Puts that part together.
#[derive(Debug)]
pub(super) struct Writer {
    begin: Vec<u8>,
    checksum: crc32fast::Hasher,
    bytes: usize,
    /// Not compressed yet: with what comes next to it, small pieces of text are shorter.
    plain: Vec<u8>,
    packer: Packer,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            begin: HEADER.to_vec(),
            checksum: crc32fast::Hasher::new(),
            bytes: 0,
            plain: Vec::new(),
            packer: Packer::new(),
        }
    }

    /// Appends text, packed or not.
    pub(super) fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Chunk(chunk) => {
                self.pack_plain();
                self.append(chunk);
            }
            Piece::Plain(text) => self.text(text.as_bytes()),
            Piece::Unpacked(text) => self.text(text),
        }
    }

    /// Appends text.
    pub(super) fn text(&mut self, text: &[u8]) {
        self.plain.extend_from_slice(text);
        if self.plain.len() >= CHUNK_BYTES {
            self.pack_plain();
        }
    }

    /// It is complete.
    pub(super) fn finish(mut self) -> Opened {
        self.pack_plain();
        Opened {
            begin: Bytes::copy_from_slice(&self.begin),
            checksum: self.checksum,
            bytes: self.bytes,
        }
    }

    fn pack_plain(&mut self) {
        if !self.plain.is_empty() {
            let chunk = self.packer.pack(&self.plain);
            self.append(&chunk);
            self.plain.clear();
        }
    }

    fn append(&mut self, chunk: &Chunk) {
        self.begin.extend_from_slice(&chunk.deflate);
        let checksum = crc32fast::Hasher::new_with_initial_len(chunk.checksum, chunk.bytes as u64);
        self.checksum.combine(&checksum);
        self.bytes += chunk.bytes;
    }
}

impl Default for Opened {
    fn default() -> Self {
        Writer::new().finish()
    }
}

impl Opened {
    /// The whole file, in two pieces: the first part, which is shared, then `text`.
    pub(super) fn closed_with(&self, text: &[u8]) -> [Bytes; 2] {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder
            .write_all(text)
            .expect("writing to memory cannot fail");
        let mut end = encoder.finish().expect("writing to memory cannot fail");
        let mut checksum_of_text = crc32fast::Hasher::new();
        checksum_of_text.update(text);
        let mut checksum_of_both = self.checksum.clone();
        checksum_of_both.combine(&checksum_of_text);
        end.extend_from_slice(&checksum_of_both.finalize().to_le_bytes());
        // The format keeps the size modulo 2^32.
        end.extend_from_slice(&((self.bytes + text.len()) as u32).to_le_bytes());
        [self.begin.clone(), end.into()]
    }

    /// Its text, piece by piece as it is asked for: who can't read gzip costs time, but no memory for the whole of it.
    pub(super) fn text(&self) -> impl Iterator<Item = Bytes> + Send + use<> {
        let deflate = self.begin.slice(HEADER.len()..);
        let mut inflate = Decompress::new(false);
        let mut left = self.bytes;
        iter::from_fn(move || {
            let mut piece = Vec::with_capacity(CHUNK_BYTES.min(left));
            while left > 0 && piece.len() < piece.capacity() {
                let read = inflate.total_in() as usize;
                let before = piece.len();
                let status =
                    inflate.decompress_vec(&deflate[read..], &mut piece, FlushDecompress::None);
                left -= piece.len() - before;
                match status.expect("our own blocks") {
                    Status::Ok => {}
                    Status::BufError | Status::StreamEnd => break,
                }
            }
            (!piece.is_empty()).then(|| piece.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_parts_come_back_as_one(
            parts in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..2_000), 0usize..200), 0..6),
            last in any::<Vec<u8>>(),
        ) {
            let (mut writer, mut packer, mut whole) = (Writer::new(), Packer::new(), Vec::new());
            for (is_packed, bytes, times) in parts {
                let bytes = bytes.repeat(times);
                whole.extend_from_slice(&bytes);
                if is_packed {
                    writer.piece(&Piece::Chunk(&packer.pack(&bytes)));
                } else {
                    writer.text(&bytes);
                }
            }
            let opened = writer.finish();
            let plain: Vec<Bytes> = opened.text().collect();
            prop_assert!(plain.iter().all(|piece| piece.len() <= CHUNK_BYTES));
            prop_assert!(plain.concat() == whole);
            let file = opened.closed_with(&last).concat();
            let mut text = Vec::new();
            // The single-member reader: it stops after the first member, so this also shows that there is only one.
            flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut text).expect("a whole gzip file");
            whole.extend_from_slice(&last);
            prop_assert!(text == whole);
        }
    }
}
