//! One connection: length-prefixed frames, correlation ids, answers in the order of the questions, a deadline for each.
//! After any error it is of no use any more, and its owner drops it: later answers couldn't be told apart.

use std::io;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::api::Api;
use super::lookup::Lookups;
use super::security::{Entrance, ending};
use super::shape;
use crate::kafka::error::{Error, SecurityError};

/// The name by which brokers know us: in their request logs, metrics and quotas.
pub(crate) const CLIENT_ID: &str = "lagslope";

/// An answer for 500 groups of 1,000 partitions is about 20 MiB; this leaves room. What a broken broker can cost in
/// memory is bounded when the answer is walked (`shape.rs`): decoded it can be thirty times as large.
pub(crate) const RESPONSE_MAX_BYTES: usize = 64 << 20;

/// Room made before a frame's bytes arrive: a length alone must not cost more.
const FIRST_ROOM_BYTES: usize = 64 << 10;

/// Requests sent ahead of their answers. Brokers work on one request of a connection at a time: more would only wait there.
const PIPELINE_MAX: usize = 32;

/// What bytes travel on: TCP, or TLS over it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An answer, the version it was asked in, and when it arrived.
pub(crate) struct Answer<T> {
    pub(crate) body: T,
    pub(crate) version: i16,
    pub(crate) at: Instant,
}

pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    next_id: i32,
    /// It answered something: these are Kafka's frames.
    speaks_kafka: bool,
    /// It answered more than the greeting, which a SASL listener answers too.
    serves: bool,
}

impl Connection {
    /// Opens a connection to `host:port`, trying each address that the name has.
    pub(crate) async fn open(
        address: &str,
        entrance: &Entrance,
        patience: Duration,
    ) -> Result<Self, Error> {
        let stream = timeout(patience, dial(address, entrance.lookups()))
            .await
            .map_err(|_| Error::ConnectTimeout(patience))??;
        Ok(Self::over(
            entrance.secured(stream, address, patience).await?,
        ))
    }

    /// A connection over a stream that is open already.
    pub(crate) fn over(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            next_id: 0,
            speaks_kafka: false,
            serves: false,
        }
    }

    /// Something besides the greeting was answered before.
    pub(crate) fn serves(&self) -> bool {
        self.serves
    }

    /// Sends all requests and gives their answers, in order. Each answer has `patience` from the one before it.
    pub(crate) async fn exchange<R: Api>(
        &mut self,
        requests: &[R],
        version: i16,
        patience: Duration,
    ) -> Result<Vec<Answer<R::Response>>, Error> {
        let mut answers = Vec::with_capacity(requests.len());
        for batch in requests.chunks(PIPELINE_MAX) {
            self.exchange_batch(batch, version, patience, &mut answers)
                .await?;
        }
        Ok(answers)
    }

    /// Reads while it writes: a broker that is stuck sending a large answer reads no further request.
    async fn exchange_batch<R: Api>(
        &mut self,
        batch: &[R],
        version: i16,
        patience: Duration,
        answers: &mut Vec<Answer<R::Response>>,
    ) -> Result<(), Error> {
        let first_id = self.next_id;
        let bytes = encode(batch, version, first_id)?;
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let (speaks_kafka, serves, next_id) =
            (&mut self.speaks_kafka, &mut self.serves, &mut self.next_id);
        let read = async {
            for _ in batch {
                let late = |_| Error::Timeout {
                    api: R::NAME,
                    timeout: patience,
                };
                let frame = timeout(patience, read_frame(&mut reader, R::NAME, *speaks_kafka))
                    .await
                    .map_err(late)?
                    .map_err(|error| unanswered(error, *speaks_kafka, *serves))?;
                let body = decode::<R>(&frame, version, *next_id)?;
                *next_id = next_id.wrapping_add(1);
                *speaks_kafka = true;
                *serves |= R::NAME != "ApiVersions";
                answers.push(Answer {
                    body,
                    version,
                    at: Instant::now(),
                });
            }
            Ok(())
        };
        // A write that fails is told by the read: a broker that hangs up often says why first.
        let write = async {
            let _ = writer.write_all(&bytes).await;
            Ok::<(), Error>(())
        };
        tokio::try_join!(write, read).map(|_| ())
    }
}

async fn dial(address: &str, lookups: &Lookups) -> Result<TcpStream, Error> {
    let port = address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        return Err(Error::BadAddress);
    }
    let mut last = Error::NotResolved("the name has no address".to_owned());
    for peer in lookups.addresses(address).await? {
        match TcpStream::connect(peer).await {
            Ok(stream) => {
                // Requests are written whole: nothing is gained by waiting for more.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = connect_error(&error),
        }
    }
    Err(last)
}

fn connect_error(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::Refused,
        _ => Error::Unreachable(error.to_string()),
    }
}

/// A listener that wants a sign-in greets everybody, and hangs up at the first question.
fn unanswered(error: Error, greeted: bool, serves: bool) -> Error {
    match error {
        Error::Closed if !greeted => Error::ClosedUnanswered,
        Error::Closed if !serves => SecurityError::SaslNeeded.into(),
        other => other,
    }
}

/// Frames of a run of requests, with ids that count on from `first_id`.
fn encode<R: Api>(requests: &[R], version: i16, first_id: i32) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::new();
    let mut id = first_id;
    for request in requests {
        let start = bytes.len();
        bytes.put_i32(0);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(id)
            .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
        header
            .encode(&mut bytes, R::header_version(version))
            .and_then(|()| request.encode(&mut bytes, version))
            .map_err(|error| garbled::<R>(&format!("the question has no encoding: {error}")))?;
        let size = (bytes.len() - start - 4) as u32;
        bytes[start..start + 4].copy_from_slice(&size.to_be_bytes());
        id = id.wrapping_add(1);
    }
    Ok(bytes.freeze())
}

/// Reads one frame. Memory grows with the bytes that arrive, not with the length that was announced.
pub(crate) async fn read_frame(
    reader: &mut (impl AsyncRead + Unpin),
    api: &'static str,
    speaks_kafka: bool,
) -> Result<Bytes, Error> {
    let mut head = [0; 4];
    reader
        .read_exact(&mut head)
        .await
        .map_err(|error| ending(&error))?;
    let size = frame_size(head, api, speaks_kafka)?;
    let mut body = Vec::with_capacity(size.min(FIRST_ROOM_BYTES));
    let read = reader.take(size as u64).read_to_end(&mut body).await;
    match read {
        Ok(read) if read == size => Ok(Bytes::from(body)),
        Ok(_) => Err(Error::Closed),
        Err(error) => Err(ending(&error)),
    }
}

/// The length of the frame that follows, or what these four bytes are instead.
fn frame_size(head: [u8; 4], api: &'static str, speaks_kafka: bool) -> Result<usize, Error> {
    let announced = u32::from_be_bytes(head);
    let size = announced as usize;
    match head {
        [0x15, 0x03, ..] => Err(Error::SpeaksTls),
        [b'H', b'T', b'T', b'P'] => Err(Error::SpeaksHttp),
        _ if (4..=RESPONSE_MAX_BYTES).contains(&size) => Ok(size),
        _ if speaks_kafka && size > RESPONSE_MAX_BYTES && announced <= i32::MAX as u32 => {
            Err(Error::TooLarge {
                api,
                bytes: announced.into(),
                limit: RESPONSE_MAX_BYTES,
            })
        }
        _ => Err(Error::NotKafka(format!("it begins with {head:02x?}"))),
    }
}

/// Reads the answer in a frame. The layout is checked first: the codec trusts the lengths it is given.
pub(crate) fn decode<R: Api>(frame: &Bytes, version: i16, id: i32) -> Result<R::Response, Error> {
    let (head, rest) = frame
        .split_first_chunk::<4>()
        .ok_or_else(|| garbled::<R>("it is too short"))?;
    if i32::from_be_bytes(*head) != id {
        return Err(garbled::<R>("it answers another question"));
    }
    let rest = match R::Response::header_version(version) {
        0 => rest,
        _ => shape::after_tags(rest).map_err(|finding| garbled::<R>(finding))?,
    };
    let version = fallback_version::<R>(rest, version);
    R::ANSWER
        .check(rest, version)
        .map_err(|finding| garbled::<R>(finding))?;
    let mut body = frame.slice(frame.len() - rest.len()..);
    R::Response::decode(&mut body, version).map_err(|error| garbled::<R>(&error.to_string()))
}

/// A broker that doesn't know our version of `ApiVersions` says so in version 0 (error 35).
fn fallback_version<R: Api>(body: &[u8], version: i16) -> i16 {
    let unsupported = R::NAME == "ApiVersions" && body.starts_with(&35_i16.to_be_bytes());
    if unsupported { 0 } else { version }
}

fn garbled<R: Api>(what: &str) -> Error {
    Error::Garbled {
        api: R::NAME,
        what: what.to_owned(),
    }
}
