//! Walks an answer's bytes before the codec decodes them. The codec reserves room for as many array elements as the
//! wire says, so a garbled or hostile answer would abort the process; here every length is held against the bytes that are left.
//!
//! A [`Message`] is a table of [`Field`]s with the versions that have them, as in Kafka's own message definitions.

/// An answer's layout in all versions that are asked for.
pub(crate) struct Message {
    /// From this version on: compact lengths, and tagged fields at the end of each structure.
    pub(crate) flexible_from: i16,
    pub(crate) fields: &'static [Field],
    /// Tagged fields which the codec reads in place, ignoring the length they claim.
    pub(crate) tagged: &'static [(u32, Shape)],
}

/// A field, in the versions that have it.
pub(crate) struct Field {
    pub(crate) from: i16,
    pub(crate) to: i16,
    pub(crate) shape: Shape,
}

/// How a field is laid out.
pub(crate) enum Shape {
    /// So many bytes, always.
    Fixed(usize),
    /// A string, perhaps null: two bytes of length, or compact.
    Text,
    /// Bytes, perhaps null: four bytes of length, or compact.
    Blob,
    /// An array of structures: four bytes of length, or compact.
    List(&'static [Field]),
    /// An array of elements of one plain shape, which are no structures: they end with no tagged fields.
    Plain(&'static Shape),
    /// A structure in place.
    Struct(&'static [Field]),
}

impl Shape {
    /// A field that every version has.
    pub(crate) const fn always(self) -> Field {
        self.between(0, i16::MAX)
    }

    /// A field since a version.
    pub(crate) const fn since(self, from: i16) -> Field {
        self.between(from, i16::MAX)
    }

    /// A field in some versions.
    pub(crate) const fn between(self, from: i16, to: i16) -> Field {
        Field {
            from,
            to,
            shape: self,
        }
    }
}

/// What an answer may cost decoded. One of the allowed size that is meant costs less than half of it; five bytes on the wire can be
/// a group of 150 bytes in memory, which would make gigabytes of an answer that is no longer than allowed.
const DECODED_MAX_BYTES: usize = 512 << 20;

/// What the codec keeps for a string or bytes (they share the frame's memory), a vector, and the unknown tags of a structure.
const TEXT_BYTES: usize = 32;
const VECTOR_BYTES: usize = 24;
const TAGS_BYTES: usize = 24;
/// Number and value of an unknown tag in a map, whose first node has room for eleven.
const TAG_BYTES: usize = 448;

/// Why the bytes are no such answer.
pub(crate) type Finding = &'static str;

const TOO_SHORT: Finding = "it ends too early";
const BAD_LENGTH: Finding = "a length is negative or more than what is left";
const BAD_VARINT: Finding = "a length does not end";
const TRAILING: Finding = "bytes are left after its end";
const TOO_MUCH: Finding = "it would take more memory than is allowed";
const BAD_TAG: Finding = "a tagged field has another length than it claims";

impl Message {
    /// Checks that `bytes` have this layout, wholly.
    pub(crate) fn check(&self, bytes: &[u8], version: i16) -> Result<(), Finding> {
        let mut walker = Walker {
            rest: bytes,
            version,
            flexible: version >= self.flexible_from,
            room: DECODED_MAX_BYTES,
        };
        walker.fields(self.fields)?;
        walker.tags(self.tagged)?;
        if walker.rest.is_empty() {
            Ok(())
        } else {
            Err(TRAILING)
        }
    }
}

/// Skips the tagged fields of a response header; gives what follows.
pub(crate) fn after_tags(bytes: &[u8]) -> Result<&[u8], Finding> {
    let mut walker = Walker {
        rest: bytes,
        version: 0,
        flexible: true,
        room: DECODED_MAX_BYTES,
    };
    walker.tags(&[])?;
    Ok(walker.rest)
}

struct Walker<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    /// Left of what it may cost decoded.
    room: usize,
}

impl Walker<'_> {
    fn structure(&mut self, fields: &'static [Field]) -> Result<(), Finding> {
        self.fields(fields)?;
        self.tags(&[])
    }

    fn fields(&mut self, fields: &'static [Field]) -> Result<(), Finding> {
        for field in fields {
            if (field.from..=field.to).contains(&self.version) {
                self.shape(&field.shape)?;
            }
        }
        Ok(())
    }

    fn shape(&mut self, shape: &'static Shape) -> Result<(), Finding> {
        match shape {
            Shape::Fixed(size) => self.skip(*size),
            Shape::Text => self.length(2)?.map_or(Ok(()), |size| self.skip(size)),
            Shape::Blob => self.length(4)?.map_or(Ok(()), |size| self.skip(size)),
            Shape::Struct(fields) => self.structure(fields),
            Shape::List(fields) => {
                let count = self.count(self.least(fields) + usize::from(self.flexible))?;
                self.pay(count, structure_bytes(fields))?;
                for _ in 0..count {
                    self.structure(fields)?;
                }
                Ok(())
            }
            Shape::Plain(element) => {
                let count = self.count(self.least_of(element))?;
                self.pay(count, decoded_bytes(element))?;
                for _ in 0..count {
                    self.shape(element)?;
                }
                Ok(())
            }
        }
    }

    /// Tagged fields: those the codec reads in place must be as long as they say, the others are skipped.
    fn tags(&mut self, known: &'static [(u32, Shape)]) -> Result<(), Finding> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.varint()? {
            let (tag, size) = (self.varint()?, self.varint()? as usize);
            match known.iter().find(|(number, _)| *number == tag) {
                None => {
                    self.pay(1, TAG_BYTES)?;
                    self.skip(size)?;
                }
                Some((_, shape)) => {
                    let before = self.rest.len();
                    self.shape(shape)?;
                    if before - self.rest.len() != size {
                        return Err(BAD_TAG);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes what so many elements cost decoded out of the room that is left.
    fn pay(&mut self, count: usize, each: usize) -> Result<(), Finding> {
        let left = self.room.checked_sub(count.saturating_mul(each));
        self.room = left.ok_or(TOO_MUCH)?;
        Ok(())
    }

    /// The number of elements, when so many of at least `least` bytes can follow.
    fn count(&mut self, least: usize) -> Result<usize, Finding> {
        let count = self.length(4)?.unwrap_or(0);
        if count > self.rest.len() / least.max(1) {
            return Err(BAD_LENGTH);
        }
        Ok(count)
    }

    /// A length, `None` for null: compact (plus one, null is 0), or a signed number of `width` bytes (null is −1).
    fn length(&mut self, width: usize) -> Result<Option<usize>, Finding> {
        if self.flexible {
            return Ok((self.varint()? as usize).checked_sub(1));
        }
        let (bytes, rest) = self.rest.split_at_checked(width).ok_or(TOO_SHORT)?;
        self.rest = rest;
        let sign: i64 = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
        match bytes
            .iter()
            .fold(sign, |n, byte| (n << 8) | i64::from(*byte))
        {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| BAD_LENGTH),
        }
    }

    fn skip(&mut self, size: usize) -> Result<(), Finding> {
        self.rest = self.rest.get(size..).ok_or(TOO_SHORT)?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u32, Finding> {
        let mut value = 0_u64;
        for position in 0..5 {
            let (byte, rest) = self.rest.split_first().ok_or(TOO_SHORT)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << (7 * position);
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| BAD_VARINT);
            }
        }
        Err(BAD_VARINT)
    }

    /// The least number of bytes that fields can take in this version, tagged fields aside.
    fn least(&self, fields: &'static [Field]) -> usize {
        fields
            .iter()
            .filter(|field| (field.from..=field.to).contains(&self.version))
            .map(|field| self.least_of(&field.shape))
            .sum()
    }

    fn least_of(&self, shape: &'static Shape) -> usize {
        match shape {
            Shape::Fixed(size) => *size,
            Shape::Struct(fields) => self.least(fields) + usize::from(self.flexible),
            _ if self.flexible => 1,
            Shape::Text => 2,
            _ => 4,
        }
    }
}

/// What the codec's structure takes, without what its vectors point to. It has every field in every version.
fn structure_bytes(fields: &[Field]) -> usize {
    let fields = fields.iter().map(|field| decoded_bytes(&field.shape));
    fields.sum::<usize>() + TAGS_BYTES
}

fn decoded_bytes(shape: &Shape) -> usize {
    match shape {
        Shape::Fixed(size) => *size,
        Shape::Text | Shape::Blob => TEXT_BYTES,
        Shape::List(_) | Shape::Plain(_) => VECTOR_BYTES,
        Shape::Struct(fields) => structure_bytes(fields),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::list_groups_response::ListedGroup;
    use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
    use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
    use kafka_protocol::messages::{ListGroupsRequest, MetadataRequest, OffsetFetchRequest};

    use super::*;
    use crate::kafka::client::api::Api;

    /// The structures in the last array of an answer.
    fn last_list(message: &Message) -> &'static [Field] {
        let lists = message.fields.iter().rev();
        lists
            .filter_map(|field| match field.shape {
                Shape::List(fields) => Some(fields),
                _ => None,
            })
            .next()
            .unwrap()
    }

    #[test]
    fn the_cost_of_an_element_is_about_what_the_codec_takes() {
        let cases = [
            (
                last_list(&ListGroupsRequest::ANSWER),
                size_of::<ListedGroup>(),
            ),
            (
                last_list(&MetadataRequest::ANSWER),
                size_of::<MetadataResponseTopic>(),
            ),
            (
                last_list(&OffsetFetchRequest::ANSWER),
                size_of::<OffsetFetchResponseGroup>(),
            ),
        ];
        for (fields, size) in cases {
            let cost = structure_bytes(fields);
            assert!(size.abs_diff(cost) <= 16, "{cost} for {size}");
        }
    }

    fn varint(mut number: u32, into: &mut Vec<u8>) {
        while number >= 0x80 {
            into.push(number as u8 | 0x80);
            number >>= 7;
        }
        into.push(number as u8);
    }

    /// An answer to ListGroups of version 5 with so many groups, all of whose texts are empty.
    fn groups(count: u32) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0, 0, 0];
        varint(count + 1, &mut bytes);
        bytes.extend([1, 1, 1, 1, 0].repeat(count as usize));
        bytes.push(0);
        bytes
    }

    #[test]
    fn few_bytes_that_would_take_much_memory_are_refused() {
        let check = |count| ListGroupsRequest::ANSWER.check(&groups(count), 5);
        assert_eq!(check(100_000), Ok(()));
        assert_eq!(check(4_000_000), Err(TOO_MUCH));
    }

    #[test]
    fn so_are_unknown_tags() {
        let tags = |count: u32| {
            let mut bytes = vec![0, 0, 0, 0, 0, 0, 1];
            varint(count, &mut bytes);
            bytes.extend([9, 0].repeat(count as usize));
            bytes
        };
        let check = |count| ListGroupsRequest::ANSWER.check(&tags(count), 5);
        assert_eq!(check(1000), Ok(()));
        assert_eq!(check(2_000_000), Err(TOO_MUCH));
    }
}
