//! The query client: [`cluster`] knows the brokers, each [`broker`] is asked through one [`session`], which keeps one
//! [`connection`] alive, let in by [`security`] and begun by a [`greeting`]. [`api`] says what may be asked, [`shape`] guards the codec against the answers' bytes.

pub(crate) mod api;
pub(crate) mod backoff;
pub(crate) mod broker;
mod budget;
pub(crate) mod cluster;
pub(crate) mod connection;
pub(crate) mod greeting;
#[cfg(test)]
mod hostile;
pub(crate) mod lookup;
mod pace;
pub(crate) mod security;
pub(crate) mod session;
pub(crate) mod shape;
pub(crate) mod tally;

use bytes::Bytes;
use kafka_protocol::messages::{
    ApiVersionsRequest, ConsumerGroupDescribeRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeGroupsRequest, DescribeLogDirsRequest, ListGroupsRequest,
    ListOffsetsRequest, MetadataRequest, OffsetFetchRequest, SaslAuthenticateRequest,
    SaslHandshakeRequest, ShareGroupDescribeRequest,
};

use crate::codec::DescribeShareGroupOffsetsRequest;

/// Reads bytes as an answer: the first byte says to which question, the second in which version. For fuzzing.
pub(crate) fn read_any_answer(bytes: &[u8]) {
    let [question, version, frame @ ..] = bytes else {
        return;
    };
    match question % 14 {
        0 => read_answer::<ApiVersionsRequest>(*version, frame),
        1 => read_answer::<MetadataRequest>(*version, frame),
        2 => read_answer::<ListGroupsRequest>(*version, frame),
        3 => read_answer::<OffsetFetchRequest>(*version, frame),
        4 => read_answer::<ListOffsetsRequest>(*version, frame),
        5 => read_answer::<DescribeGroupsRequest>(*version, frame),
        6 => read_answer::<ConsumerGroupDescribeRequest>(*version, frame),
        7 => read_answer::<DescribeClusterRequest>(*version, frame),
        8 => read_answer::<SaslHandshakeRequest>(*version, frame),
        9 => read_answer::<SaslAuthenticateRequest>(*version, frame),
        10 => read_answer::<DescribeConfigsRequest>(*version, frame),
        11 => read_answer::<DescribeLogDirsRequest>(*version, frame),
        12 => read_answer::<DescribeShareGroupOffsetsRequest>(*version, frame),
        _ => read_answer::<ShareGroupDescribeRequest>(*version, frame),
    }
}

fn read_answer<R: api::Api>(version: u8, frame: &[u8]) {
    let (lowest, highest) = R::VERSIONS_USED;
    let version = lowest + i16::from(version) % (highest - lowest + 1);
    let id = frame
        .first_chunk::<4>()
        .map_or(0, |id| i32::from_be_bytes(*id));
    let _ = connection::decode::<R>(&Bytes::copy_from_slice(frame), version, id);
}
