//! A client that asks a broker one question in one version, and reads the whole answer.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, ListOffsetsRequest, RequestHeader,
    ResponseHeader,
};
use kafka_protocol::protocol::{
    Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer,
};

/// Longer than a JVM on a busy machine has been seen to take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Wire {
    stream: TcpStream,
    next: i32,
}

impl Wire {
    pub(super) fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a broker listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("not zero seconds");
        Self { stream, next: 0 }
    }

    /// Asks, and fails the test when there is no good answer.
    pub(super) fn ask<R: Request>(&mut self, question: &R, version: i16) -> R::Response {
        let name = std::any::type_name::<R>();
        let answer = self.try_ask(question, version);
        let mut body = answer.unwrap_or_else(|error| panic!("{name} {version}: {error}"));
        let answer = R::Response::decode(&mut body, version);
        let answer = answer.unwrap_or_else(|error| panic!("{name} {version}: {error}"));
        assert!(body.is_empty(), "{name} {version}: bytes are left over");
        answer
    }

    /// The answer's bytes after its header.
    pub(super) fn try_ask<R: Request>(&mut self, question: &R, version: i16) -> io::Result<Bytes> {
        self.next += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.next)
            .with_client_id(Some(StrBytes::from_static_str("test")));
        let mut bytes = BytesMut::new();
        bytes.put_u32(0);
        encode_request_header_into_buffer(&mut bytes, &header).expect("a known question");
        question
            .encode(&mut bytes, version)
            .expect("only what the version has");
        let size = bytes.len() as u32 - 4;
        bytes[..4].copy_from_slice(&size.to_be_bytes());
        self.stream.write_all(&bytes)?;
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let mut frame = vec![0; u32::from_be_bytes(size) as usize];
        self.stream.read_exact(&mut frame)?;
        let mut frame = Bytes::from(frame);
        let version = R::Response::header_version(version);
        let header = ResponseHeader::decode(&mut frame, version).map_err(io::Error::other)?;
        assert_eq!(header.correlation_id, self.next);
        Ok(frame)
    }

    /// The log end of a partition that this broker leads.
    pub(super) fn log_end(&mut self, topic: &str, partition: i32) -> i64 {
        let asked = ListOffsetsPartition::default()
            .with_partition_index(partition)
            .with_timestamp(-1);
        let topic = ListOffsetsTopic::default()
            .with_name(text(topic).into())
            .with_partitions(vec![asked]);
        let question = ListOffsetsRequest::default().with_topics(vec![topic]);
        self.ask(&question, 7).topics[0].partitions[0].offset
    }

    /// Greets in a version that nobody knows yet: what is after the header can't be read.
    pub(super) fn greet_in_version(&mut self, version: i16) -> ApiVersionsResponse {
        let mut bytes = BytesMut::new();
        bytes.put_u32(13);
        bytes.put_i16(ApiKey::ApiVersions as i16);
        bytes.put_i16(version);
        bytes.put_i32(77);
        // No client id, no tags; then whatever it is.
        bytes.put_i16(-1);
        bytes.put_slice(&[0, 9, 9]);
        let sent = self.stream.write_all(&bytes);
        let mut size = [0; 4];
        let answered = sent.and_then(|()| self.stream.read_exact(&mut size));
        answered.expect("an answer");
        let mut frame = vec![0; u32::from_be_bytes(size) as usize];
        self.stream.read_exact(&mut frame).expect("a whole answer");
        assert_eq!(frame[..4], 77_i32.to_be_bytes());
        let answer = ApiVersionsResponse::decode(&mut Bytes::from(frame).slice(4..), 0);
        answer.expect("in the oldest version")
    }

    /// Questions with the versions in which they are answered.
    pub(super) fn offered(&mut self) -> Vec<(ApiKey, i16, i16)> {
        let answer = self.ask(&greeting(3), 3);
        let keys = answer.api_keys.iter();
        keys.filter_map(|key| {
            let api = ApiKey::try_from(key.api_key).ok()?;
            Some((api, key.min_version, key.max_version))
        })
        .collect()
    }
}

/// From version 3 on a greeting must say who greets.
pub(super) fn greeting(version: i16) -> ApiVersionsRequest {
    let greeting = ApiVersionsRequest::default();
    if version < 3 {
        return greeting;
    }
    greeting
        .with_client_software_name(text("test"))
        .with_client_software_version(text("1"))
}

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
