//! What `kafka-protocol` lacks of Kafka's protocol: DescribeShareGroupOffsets of version 1, whose answer has the lag (KIP-1226).
//! `kafka` asks it, the simulator answers it.
//!
//! A start offset alone says little: it is written with the acknowledgement after the one that moved it, so that a share group at
//! rest that has read everything seems to be a batch behind for ever.

use anyhow::{Context, Result, bail};
use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::messages::{ApiKey, describe_share_group_offsets_request as version_0};
use kafka_protocol::protocol::buf::{ByteBuf, ByteBufMut};
use kafka_protocol::protocol::{
    Decodable, Encodable, HeaderVersion, Message, Request, StrBytes, VersionRange,
};

/// The version that is meant here.
const VERSIONS: VersionRange = VersionRange { min: 1, max: 1 };

/// Its question is that of version 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeShareGroupOffsetsRequest {
    /// In which topics or, without any, in all of them.
    pub groups: Vec<version_0::DescribeShareGroupOffsetsRequestGroup>,
}

/// Its answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeShareGroupOffsetsResponse {
    /// One for each that was asked about, in any order.
    pub groups: Vec<SharingGroup>,
}

/// A share group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SharingGroup {
    /// Its id.
    pub name: StrBytes,
    /// The topics that it was ever subscribed to, or those that were asked for.
    pub topics: Vec<SharedTopic>,
    /// Kafka's, 0 for none.
    pub error_code: i16,
}

/// A topic that a share group reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SharedTopic {
    /// Its name.
    pub name: StrBytes,
    /// Its id, 0 for none.
    pub id: u128,
    /// As many as there are, or were asked for.
    pub partitions: Vec<SharedPartition>,
}

/// How far a share group is in a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SharedPartition {
    /// Its number.
    pub index: i32,
    /// No message before it is delivered any more; −1 for none: nobody has fetched yet.
    pub start_offset: i64,
    /// Of the partition's leader when that was written.
    pub leader_epoch: i32,
    /// Messages from there to the log's end whose delivery isn't over; −1 where Kafka doesn't know.
    pub lag: i64,
    /// Kafka's, 0 for none.
    pub error_code: i16,
}

impl Message for DescribeShareGroupOffsetsRequest {
    const VERSIONS: VersionRange = VERSIONS;
    const DEPRECATED_VERSIONS: Option<VersionRange> = None;
}

impl Message for DescribeShareGroupOffsetsResponse {
    const VERSIONS: VersionRange = VERSIONS;
    const DEPRECATED_VERSIONS: Option<VersionRange> = None;
}

impl HeaderVersion for DescribeShareGroupOffsetsRequest {
    fn header_version(_: i16) -> i16 {
        2
    }
}

impl HeaderVersion for DescribeShareGroupOffsetsResponse {
    fn header_version(_: i16) -> i16 {
        1
    }
}

impl Request for DescribeShareGroupOffsetsRequest {
    const KEY: i16 = ApiKey::DescribeShareGroupOffsets as i16;
    type Response = DescribeShareGroupOffsetsResponse;
}

impl Encodable for DescribeShareGroupOffsetsRequest {
    fn encode<B: ByteBufMut>(&self, buf: &mut B, _: i16) -> Result<()> {
        let question = kafka_protocol::messages::DescribeShareGroupOffsetsRequest::default();
        question.with_groups(self.groups.clone()).encode(buf, 0)
    }

    fn compute_size(&self, version: i16) -> Result<usize> {
        encoded_size(self, version)
    }
}

impl Decodable for DescribeShareGroupOffsetsRequest {
    fn decode<B: ByteBuf>(buf: &mut B, _: i16) -> Result<Self> {
        let question = kafka_protocol::messages::DescribeShareGroupOffsetsRequest::decode(buf, 0)?;
        Ok(Self {
            groups: question.groups,
        })
    }
}

impl Encodable for DescribeShareGroupOffsetsResponse {
    fn encode<B: ByteBufMut>(&self, buf: &mut B, _: i16) -> Result<()> {
        // Nobody is throttled.
        buf.put_i32(0);
        put_length(buf, self.groups.len());
        for group in &self.groups {
            put_text(buf, &group.name);
            put_length(buf, group.topics.len());
            group.topics.iter().for_each(|topic| put_topic(buf, topic));
            buf.put_i16(group.error_code);
            buf.put_slice(&[NULL, NO_TAGS]);
        }
        buf.put_u8(NO_TAGS);
        Ok(())
    }

    fn compute_size(&self, version: i16) -> Result<usize> {
        encoded_size(self, version)
    }
}

impl Decodable for DescribeShareGroupOffsetsResponse {
    fn decode<B: ByteBuf>(buf: &mut B, _: i16) -> Result<Self> {
        let _throttled_ms = buf.try_get_i32()?;
        let groups = many(buf, |buf| {
            let name = text(buf)?.context("a group without a name")?;
            let topics = many(buf, topic)?;
            let error_code = buf.try_get_i16()?;
            let _message = text(buf)?;
            skip_tags(buf)?;
            Ok(SharingGroup {
                name,
                topics,
                error_code,
            })
        })?;
        skip_tags(buf)?;
        Ok(Self { groups })
    }
}

fn put_topic(buf: &mut impl ByteBufMut, topic: &SharedTopic) {
    put_text(buf, &topic.name);
    buf.put_u128(topic.id);
    put_length(buf, topic.partitions.len());
    for partition in &topic.partitions {
        buf.put_i32(partition.index);
        buf.put_i64(partition.start_offset);
        buf.put_i32(partition.leader_epoch);
        buf.put_i64(partition.lag);
        buf.put_i16(partition.error_code);
        buf.put_slice(&[NULL, NO_TAGS]);
    }
    buf.put_u8(NO_TAGS);
}

fn topic<B: ByteBuf>(buf: &mut B) -> Result<SharedTopic> {
    let name = text(buf)?.context("a topic without a name")?;
    let id = buf.try_get_u128()?;
    let partitions = many(buf, |buf| {
        let partition = SharedPartition {
            index: buf.try_get_i32()?,
            start_offset: buf.try_get_i64()?,
            leader_epoch: buf.try_get_i32()?,
            lag: buf.try_get_i64()?,
            error_code: buf.try_get_i16()?,
        };
        let _message = text(buf)?;
        skip_tags(buf)?;
        Ok(partition)
    })?;
    skip_tags(buf)?;
    Ok(SharedTopic {
        name,
        id,
        partitions,
    })
}

/// A null text, which is a length too.
const NULL: u8 = 0;
/// The end of a structure.
const NO_TAGS: u8 = 0;

fn encoded_size(message: &impl Encodable, version: i16) -> Result<usize> {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes, version)?;
    Ok(bytes.len())
}

fn put_text(buf: &mut impl BufMut, text: &str) {
    put_length(buf, text.len());
    buf.put_slice(text.as_bytes());
}

/// One more than it is: 0 is null.
fn put_length(buf: &mut impl BufMut, length: usize) {
    let mut rest = length + 1;
    while rest > 0x7f {
        buf.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    buf.put_u8(rest as u8);
}

fn varint(buf: &mut impl Buf) -> Result<u32> {
    let mut value = 0_u64;
    for position in 0..5 {
        let byte = buf.try_get_u8()?;
        value |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok(u32::try_from(value)?);
        }
    }
    bail!("a length does not end")
}

fn text<B: ByteBuf>(buf: &mut B) -> Result<Option<StrBytes>> {
    let Some(length) = varint(buf)?.checked_sub(1) else {
        return Ok(None);
    };
    let bytes = buf.try_get_bytes(length as usize)?;
    Ok(Some(StrBytes::from_utf8(bytes)?))
}

/// Room is made for what is read, not for what is announced.
fn many<B: ByteBuf, T>(buf: &mut B, mut one: impl FnMut(&mut B) -> Result<T>) -> Result<Vec<T>> {
    let count = varint(buf)?.saturating_sub(1);
    let mut read = Vec::new();
    for _ in 0..count {
        read.push(one(buf)?);
    }
    Ok(read)
}

fn skip_tags<B: ByteBuf>(buf: &mut B) -> Result<()> {
    for _ in 0..varint(buf)? {
        let _tag = varint(buf)?;
        let size = varint(buf)?;
        let _value = buf.try_get_bytes(size as usize)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let partition = SharedPartition {
            index: 3,
            start_offset: 7,
            leader_epoch: 2,
            lag: 300,
            error_code: 0,
        };
        let topic = SharedTopic {
            // Its length takes two bytes.
            name: StrBytes::from_string("t".repeat(200)),
            id: 5,
            partitions: vec![partition; 3],
        };
        let group = SharingGroup {
            name: StrBytes::from_static_str("g"),
            topics: vec![topic; 2],
            error_code: 16,
        };
        let answer = DescribeShareGroupOffsetsResponse {
            groups: vec![group; 2],
        };
        let mut bytes = BytesMut::new();
        answer.encode(&mut bytes, 1).unwrap();
        assert_eq!(answer.compute_size(1).unwrap(), bytes.len());
        let mut whole = bytes.clone().freeze();
        let read = DescribeShareGroupOffsetsResponse::decode(&mut whole, 1).unwrap();
        assert_eq!((read, whole.len()), (answer, 0));
        for end in 0..bytes.len() {
            let mut cut = bytes.clone().freeze().slice(..end);
            assert!(DescribeShareGroupOffsetsResponse::decode(&mut cut, 1).is_err());
        }
    }
}
