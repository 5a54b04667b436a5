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

/// Why the bytes are no such answer.
pub(crate) type Finding = &'static str;

const TOO_SHORT: Finding = "it ends too early";
const BAD_LENGTH: Finding = "a length is negative or more than what is left";
const BAD_VARINT: Finding = "a length does not end";
const TRAILING: Finding = "bytes are left after its end";
const BAD_TAG: Finding = "a tagged field has another length than it claims";

impl Message {
    /// Checks that `bytes` have this layout, wholly.
    pub(crate) fn check(&self, bytes: &[u8], version: i16) -> Result<(), Finding> {
        let mut walker = Walker {
            rest: bytes,
            version,
            flexible: version >= self.flexible_from,
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
    };
    walker.tags(&[])?;
    Ok(walker.rest)
}

struct Walker<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
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
                for _ in 0..self.count(self.least(fields) + usize::from(self.flexible))? {
                    self.structure(fields)?;
                }
                Ok(())
            }
            Shape::Plain(element) => {
                for _ in 0..self.count(self.least_of(element))? {
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
                None => self.skip(size)?,
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
