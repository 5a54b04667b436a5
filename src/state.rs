//! What was learned, on disk, so that a restart costs no habits: versioned, checksummed, and replaced as a whole.
//!
//! [`encode`] and [`decode`] are bytes, [`mod@file`] is the disk. A file is believed wholly or not at all.

pub mod file;
mod record;

use std::io;
use std::sync::Arc;

use crate::analysis::learned::Learned;

/// What every state file begins with, whatever its version.
const MAGIC: [u8; 8] = *b"lagslope";

/// Of the layout behind the head. A file of a later one is left alone.
const VERSION: u32 = 1;

/// Magic, version (u32), length of what follows the head (u64), checksum (u32, CRC-32 of all that but itself and the magic).
const HEAD_BYTES: usize = 24;

/// A lag takes about 30 bytes, and 35 for each level that learned something: a million of them at three levels each are half of this.
/// A larger file is some other file, or a mistake.
pub const MAX_FILE_BYTES: usize = 256 << 20;

/// What was learned of all clusters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    /// Each has a name of its own.
    pub clusters: Vec<Cluster>,
}

/// What was learned of a cluster. Its times are seconds since the epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its name in the configuration.
    pub name: String,
    /// Which it was.
    pub identity: Identity,
    /// What was learned.
    pub learned: Learned,
}

impl Cluster {
    /// Under its name.
    pub fn new(name: &str, identity: Identity, learned: Learned) -> Self {
        Self {
            name: name.to_owned(),
            identity,
            learned,
        }
    }
}

/// What habits belong to: under another identity the same names are others' groups, or their lags mean something else.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Kafka's own id of the cluster.
    pub cluster_id: Option<Arc<str>>,
    /// Log ends were read as those see them who read only what is committed.
    pub read_committed: bool,
}

/// Why a state file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Its permissions, its disk, or it is no file.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// Nothing that lagslope wrote.
    #[error("it is no state file of lagslope")]
    Foreign,
    /// More than [`MAX_FILE_BYTES`].
    #[error("it is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// Written by a later lagslope.
    #[error("it is of version {0}, and this lagslope knows versions up to {VERSION}")]
    Newer(u32),
    /// Cut short or altered.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// The disk has no room, or whoever runs lagslope may not use any more of it.
    #[error("there is no room for it: {0}")]
    Full(io::Error),
    /// Any other reason why it cannot be replaced.
    #[error("it cannot be written: {0}")]
    Unwritable(io::Error),
}

impl Fault {
    /// A word for a label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Foreign => "foreign",
            Self::TooLarge => "too_large",
            Self::Newer(_) => "newer",
            Self::Damaged(_) => "damaged",
            Self::Full(_) => "disk_full",
            Self::Unwritable(_) => "unwritable",
        }
    }
}

/// The bytes of a state file.
///
/// # Errors
/// [`Fault::TooLarge`].
pub fn encode(saved: &Saved) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; HEAD_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let mut bytes = record::append(saved, bytes);
    if bytes.len() > MAX_FILE_BYTES {
        return Err(Fault::TooLarge);
    }
    let length = (bytes.len() - HEAD_BYTES) as u64;
    bytes[12..20].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(&bytes);
    bytes[20..24].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// What a state file says.
///
/// # Errors
/// [`Fault::Foreign`], [`Fault::TooLarge`], [`Fault::Newer`], [`Fault::Damaged`].
pub fn decode(bytes: &[u8]) -> Result<Saved, Fault> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(Fault::TooLarge);
    }
    let begins = &bytes[..bytes.len().min(MAGIC.len())];
    if !MAGIC.starts_with(begins) {
        return Err(Fault::Foreign);
    }
    let Some((head, body)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Err(Fault::Damaged("it is cut short"));
    };
    let [
        ..,
        v0,
        v1,
        v2,
        v3,
        l0,
        l1,
        l2,
        l3,
        l4,
        l5,
        l6,
        l7,
        c0,
        c1,
        c2,
        c3,
    ] = *head;
    if u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]) != body.len() as u64 {
        return Err(Fault::Damaged("it is shorter or longer than it says"));
    }
    if u32::from_le_bytes([c0, c1, c2, c3]) != checksum(bytes) {
        return Err(Fault::Damaged("its checksum is wrong"));
    }
    match u32::from_le_bytes([v0, v1, v2, v3]) {
        VERSION => {}
        newer if newer > VERSION => return Err(Fault::Newer(newer)),
        _ => return Err(Fault::Damaged("there was no such version")),
    }
    let saved = record::read(body).ok_or(Fault::Damaged("its records cannot be read"))?;
    let is_sound = |cluster: &Cluster| cluster.learned.is_sound();
    if !saved.clusters.iter().all(is_sound) {
        return Err(Fault::Damaged(
            "it has numbers that nobody can have learned",
        ));
    }
    Ok(saved)
}

/// Of version and length, and of what follows the head. For bytes that have a head.
fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[MAGIC.len()..HEAD_BYTES - 4]);
    hasher.update(&bytes[HEAD_BYTES..]);
    hasher.finalize()
}
