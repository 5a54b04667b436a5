//! What the bytes of a record of `__consumer_offsets` mean. Pure: no client, no clock. What is not understood is told as such, never
//! guessed. The layouts are those of Kafka's group coordinator (`CoordinatorRecordType` and the schemas beside it), 0.8 to 4.4.

mod reader;

use std::fmt;

use reader::{Reader, Short};

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Said<'a> {
    /// A group committed.
    Committed(Place<'a>, Commit),
    /// The commit is gone: it expired, or its group or topic was deleted.
    Uncommitted(Place<'a>),
    /// The group has begun another generation (classic), or its members or topics have changed (its epoch, of the others). Not every
    /// one is a rebalance of its own: the number counts.
    Generation {
        /// Of which group.
        group: &'a str,
        /// The generation, or the epoch.
        number: i32,
    },
    /// The group is gone.
    Ended(&'a str),
    /// Known, and of no use here: members, assignments, topologies.
    Other,
}

/// Where something was committed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Place<'a> {
    /// The group.
    pub group: &'a str,
    /// The topic's name.
    pub topic: &'a str,
    /// The partition's number.
    pub partition: u32,
}

/// What was committed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Commit {
    /// The next offset that the group will read.
    pub offset: u64,
    /// When the coordinator took it, in milliseconds since 1970 by its clock.
    pub at_ms: i64,
    /// Kafka's id of the topic; brokers before 4.4 don't tell it.
    pub topic_id: Option<u128>,
}

/// Why a record was not understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Skipped {
    /// It has no key, and so is about nothing.
    NoKey,
    /// A kind of record that is not known yet.
    Key(i16),
    /// A layout of the value that is not known yet.
    Value(i16),
    /// It ends before what it must hold, or holds what cannot be: a negative offset, a name that is not UTF-8.
    Malformed,
}

impl Skipped {
    /// As it is counted.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::Key(_) => "unknown_key_version",
            Self::Value(_) => "unknown_value_version",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str("it has no key"),
            Self::Key(version) => write!(f, "keys of version {version} are not known"),
            Self::Value(version) => write!(f, "values of version {version} are not known"),
            Self::Malformed => f.write_str("it is cut short, or holds what cannot be"),
        }
    }
}

impl From<Short> for Skipped {
    fn from(_: Short) -> Self {
        Self::Malformed
    }
}

/// From here on a commit has its texts compact and fields with tags at its end.
const FLEXIBLE_COMMIT: i16 = 4;
/// From here on it tells the leader's epoch.
const COMMIT_WITH_EPOCH: i16 = 3;
/// The tag of the topic's id.
const TOPIC_ID_TAG: u32 = 0;
/// From here on the value of a classic group is flexible.
const FLEXIBLE_GROUP: i16 = 4;

/// Reads a record. A value that is missing is a tombstone.
///
/// # Errors
///
/// When it is of a kind or layout that is not known, or cut short: it is to be skipped, and counted.
pub fn read<'a>(key: Option<&'a [u8]>, value: Option<&[u8]>) -> Result<Said<'a>, Skipped> {
    let mut key = Reader::new(key.ok_or(Skipped::NoKey)?);
    match key.i16()? {
        0 | 1 => of_commit(place(&mut key)?, value),
        2 => of_group(key.text()?, value, classic_generation),
        // Of consumer, share and streams groups.
        3 | 11 | 17 => of_group(key.text()?, value, epoch),
        4..=10 | 12..=16 | 18..=23 => Ok(Said::Other),
        unknown => Err(Skipped::Key(unknown)),
    }
}

/// The group of a commit by its key, whatever its value may be.
pub(crate) fn committing_group(key: &[u8]) -> Option<&str> {
    let mut key = Reader::new(key);
    match key.i16().ok()? {
        0 | 1 => key.text().ok(),
        _ => None,
    }
}

fn place<'a>(key: &mut Reader<'a>) -> Result<Place<'a>, Skipped> {
    let (group, topic) = (key.text()?, key.text()?);
    let partition = u32::try_from(key.i32()?).map_err(|_| Skipped::Malformed)?;
    Ok(Place {
        group,
        topic,
        partition,
    })
}

fn of_commit<'a>(place: Place<'a>, value: Option<&[u8]>) -> Result<Said<'a>, Skipped> {
    match value {
        Some(value) => Ok(Said::Committed(place, commit(&mut Reader::new(value))?)),
        None => Ok(Said::Uncommitted(place)),
    }
}

fn commit(value: &mut Reader<'_>) -> Result<Commit, Skipped> {
    let version = value.i16()?;
    if !(0..=FLEXIBLE_COMMIT).contains(&version) {
        return Err(Skipped::Value(version));
    }
    let offset = u64::try_from(value.i64()?).map_err(|_| Skipped::Malformed)?;
    if version >= COMMIT_WITH_EPOCH {
        value.i32()?;
    }
    if version >= FLEXIBLE_COMMIT {
        value.compact_bytes()?;
    } else {
        value.nullable_bytes()?;
    }
    let at_ms = value.i64()?;
    // Version 1 has the time of its expiry behind that, which the brokers decide otherwise by now.
    let mut topic_id = None;
    if version >= FLEXIBLE_COMMIT {
        value.tagged(|tag, bytes| {
            if tag == TOPIC_ID_TAG {
                topic_id = bytes.try_into().ok().map(u128::from_be_bytes);
            }
        })?;
    }
    Ok(Commit {
        offset,
        at_ms,
        topic_id: topic_id.filter(|id| *id != 0),
    })
}

fn of_group<'a>(
    group: &'a str,
    value: Option<&[u8]>,
    number: fn(&mut Reader<'_>) -> Result<i32, Skipped>,
) -> Result<Said<'a>, Skipped> {
    match value {
        Some(value) => Ok(Said::Generation {
            group,
            number: number(&mut Reader::new(value))?,
        }),
        None => Ok(Said::Ended(group)),
    }
}

/// What follows it, who leads and who the members are, is not read.
fn classic_generation(value: &mut Reader<'_>) -> Result<i32, Skipped> {
    let version = value.i16()?;
    if !(0..=FLEXIBLE_GROUP).contains(&version) {
        return Err(Skipped::Value(version));
    }
    // The protocol's type: consumers, or Connect's workers, or a schema registry.
    if version >= FLEXIBLE_GROUP {
        value.compact_bytes()?;
    } else {
        value.nullable_bytes()?;
    }
    Ok(value.i32()?)
}

fn epoch(value: &mut Reader<'_>) -> Result<i32, Skipped> {
    match value.i16()? {
        0 => Ok(value.i32()?),
        unknown => Err(Skipped::Value(unknown)),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    /// Written by the classes of Kafka 4.4.0 itself: key, value (`-`: none) and what that means.
    const OF_KAFKA: &str = include_str!("records/of-kafka-4.4.0.txt");

    fn of_hex(text: &str) -> Option<Vec<u8>> {
        let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
        (text != "-").then(|| (0..text.len()).step_by(2).map(digits).collect())
    }

    fn told(said: Said<'_>) -> String {
        let place =
            |place: Place<'_>| format!("{} {} {}", place.group, place.topic, place.partition);
        match said {
            Said::Committed(at, commit) => {
                let id = commit
                    .topic_id
                    .map_or("-".to_owned(), |id| format!("{id:032x}"));
                format!(
                    "committed {} {} {} {id}",
                    place(at),
                    commit.offset,
                    commit.at_ms
                )
            }
            Said::Uncommitted(at) => format!("uncommitted {}", place(at)),
            Said::Generation { group, number } => format!("generation {group} {number}"),
            Said::Ended(group) => format!("ended {group}"),
            Said::Other => "other".to_owned(),
        }
    }

    fn records() -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>, &'static str)> {
        OF_KAFKA.lines().map(|line| {
            let mut parts = line.splitn(3, ' ');
            let mut next = || parts.next().expect("three parts");
            let (key, value) = (of_hex(next()), of_hex(next()));
            (key.expect("a key"), value, next())
        })
    }

    #[test]
    fn what_kafka_writes_is_understood() {
        assert!(records().count() > 20);
        for (key, value, meaning) in records() {
            let said = read(Some(&key), value.as_deref());
            assert_eq!(said.map(told).as_deref(), Ok(meaning));
        }
    }

    #[test]
    fn what_is_cut_short_is_malformed_or_ends_behind_all_that_is_read() {
        for (key, value, meaning) in records() {
            for end in 0..key.len() {
                let said = read(Some(&key[..end]), value.as_deref());
                // Of other records only the version is read.
                assert!(
                    matches!(said, Err(Skipped::Malformed) | Ok(Said::Other)),
                    "{meaning}: {said:?}"
                );
            }
            let value = value.unwrap_or_default();
            for end in 0..value.len() {
                let said = read(Some(&key), Some(&value[..end]));
                let told = said.map(told);
                assert!(
                    told == Err(Skipped::Malformed) || told.as_deref() == Ok(meaning),
                    "{meaning}: {told:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_known_is_told_with_its_version() {
        let (commit, group) = (b"\0\x01\0\x01g\0\x01t\0\0\0\0", b"\0\x02\0\x01g");
        assert_eq!(read(None, Some(b"")), Err(Skipped::NoKey));
        assert_eq!(read(Some(b"\0\x18"), None), Err(Skipped::Key(24)));
        assert_eq!(read(Some(b"\xff\xff"), None), Err(Skipped::Key(-1)));
        for key in [&commit[..], group] {
            assert_eq!(read(Some(key), Some(b"\0\x05")), Err(Skipped::Value(5)));
        }
        let negative = b"\0\x03\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        assert_eq!(read(Some(commit), Some(negative)), Err(Skipped::Malformed));
        let mut reasons = String::new();
        for skipped in [
            Skipped::NoKey,
            Skipped::Key(24),
            Skipped::Value(5),
            Skipped::Malformed,
        ] {
            write!(reasons, "{} ", skipped.reason()).expect("into memory");
        }
        assert_eq!(
            reasons,
            "no_key unknown_key_version unknown_value_version malformed "
        );
    }

    /// A commit of version 3 or 4 as Kafka's documents have it, with tags that nobody knows.
    fn written(
        version: i16,
        (offset, at_ms, id): (i64, i64, u128),
        metadata: &str,
        tags: &[(u32, Vec<u8>)],
    ) -> Vec<u8> {
        fn varint(bytes: &mut Vec<u8>, mut number: u32) {
            while number >= 0x80 {
                bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            bytes.push(number as u8);
        }
        let mut bytes = version.to_be_bytes().to_vec();
        bytes.extend(offset.to_be_bytes());
        bytes.extend(7_i32.to_be_bytes());
        if version == 3 {
            bytes.extend((metadata.len() as i16).to_be_bytes());
        } else {
            varint(&mut bytes, metadata.len() as u32 + 1);
        }
        bytes.extend(metadata.as_bytes());
        bytes.extend(at_ms.to_be_bytes());
        if version == 4 {
            let mut tags = tags.to_vec();
            tags.push((0, id.to_be_bytes().to_vec()));
            tags.sort();
            varint(&mut bytes, tags.len() as u32);
            for (tag, value) in tags {
                varint(&mut bytes, tag);
                varint(&mut bytes, value.len() as u32);
                bytes.extend(value);
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back(
            version in 3_i16..=4,
            (offset, at_ms, id) in (0..i64::MAX, any::<i64>(), 1..u128::MAX),
            (group, topic, metadata) in (".{0,120}", "[a-z.]{1,249}", ".{0,400}"),
            partition in 0..i32::MAX,
            tags in prop::collection::btree_map(1_u32..100_000, prop::collection::vec(any::<u8>(), 0..300), 0..4),
        ) {
            let mut key = vec![0, 1];
            for text in [&group, &topic] {
                key.extend((text.len() as i16).to_be_bytes());
                key.extend(text.as_bytes());
            }
            key.extend(partition.to_be_bytes());
            let tags: Vec<_> = tags.into_iter().collect();
            let value = written(version, (offset, at_ms, id), &metadata, &tags);
            let place = Place { group: &group, topic: &topic, partition: partition as u32 };
            let commit = Commit { offset: offset as u64, at_ms, topic_id: (version == 4).then_some(id) };
            prop_assert_eq!(read(Some(&key), Some(&value)), Ok(Said::Committed(place, commit)));
        }

        #[test]
        fn no_bytes_are_too_strange(key in prop::collection::vec(any::<u8>(), 0..80), value in prop::option::of(prop::collection::vec(any::<u8>(), 0..80))) {
            let _whatever_it_is = read(Some(&key), value.as_deref());
        }
    }
}
