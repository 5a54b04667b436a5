//! Kafka's primitive types, read one after the other from bytes that may end anywhere.

/// The bytes end too early, or a text is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Short;

/// What is left to be read.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// Bits of a varint that hold more than 32 bits are refused.
const VARINT_BYTES: u32 = 5;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn i16(&mut self) -> Result<i16, Short> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Short> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Short> {
        self.array().map(i64::from_be_bytes)
    }

    /// `STRING`: a length of two bytes, not negative, and UTF-8.
    pub(super) fn text(&mut self) -> Result<&'a str, Short> {
        let bytes = self.nullable_bytes()?.ok_or(Short)?;
        std::str::from_utf8(bytes).map_err(|_| Short)
    }

    /// `NULLABLE_STRING`, unread: a length of two bytes, −1 for none.
    pub(super) fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, Short> {
        match self.i16()? {
            -1 => Ok(None),
            length => self
                .bytes(usize::try_from(length).map_err(|_| Short)?)
                .map(Some),
        }
    }

    /// `COMPACT_NULLABLE_STRING`, unread: a varint of its length and one more, 0 for none.
    pub(super) fn compact_bytes(&mut self) -> Result<Option<&'a [u8]>, Short> {
        match self.varint()?.checked_sub(1) {
            None => Ok(None),
            Some(length) => self.bytes(length as usize).map(Some),
        }
    }

    /// The fields with tags that end a flexible structure.
    pub(super) fn tagged(&mut self, mut visit: impl FnMut(u32, &'a [u8])) -> Result<(), Short> {
        for _ in 0..self.varint()? {
            let (tag, length) = (self.varint()?, self.varint()?);
            visit(tag, self.bytes(length as usize)?);
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u32, Short> {
        let mut number = 0_u64;
        for place in 0..VARINT_BYTES {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return u32::try_from(number).map_err(|_| Short);
            }
        }
        Err(Short)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (first, rest) = self.rest.split_first_chunk().ok_or(Short)?;
        self.rest = rest;
        Ok(*first)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Short> {
        let (first, rest) = self.rest.split_at_checked(length).ok_or(Short)?;
        self.rest = rest;
        Ok(first)
    }
}
