//! One connection to a simulated broker: frames in, answers out, one after the other, and what faults make of them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader};
use kafka_protocol::protocol::decode_request_header_from_buffer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::api::{self, Answer};
use super::cluster::Cluster;
use super::fault::{Faults, Trouble};
use super::view::{Refusal, View};
use super::{Time, hash};

/// As Kafka's `socket.request.max.bytes`. Whoever speaks something else than Kafka's protocol claims more.
const REQUEST_MAX_BYTES: u32 = 100 << 20;

/// Room made before a frame's bytes arrive: a length alone must not cost more.
const FIRST_ROOM_BYTES: u32 = 64 << 10;

/// How often a broker that hangs looks whether it still does.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How often a question that waits for something new is asked again.
const WAIT_EVERY: Duration = Duration::from_millis(100);

/// Bytes of length, and of the number by which a client knows which answer it is.
const HEAD_BYTES: usize = 8;

/// Serves a connection until either side ends it.
pub(super) async fn serve(stream: TcpStream, cluster: Arc<Cluster>, broker: u32) {
    // A client waits for each answer: none is held back for the sake of fuller packets.
    let _ = stream.set_nodelay(true);
    let mut connection = Connection {
        stream,
        cluster,
        broker,
    };
    while connection.one().await.is_continue() {}
}

struct Connection {
    stream: TcpStream,
    cluster: Arc<Cluster>,
    broker: u32,
}

/// The connection is of no use any more.
const END: ControlFlow<()> = ControlFlow::Break(());

impl Connection {
    /// One question and its answer.
    async fn one(&mut self) -> ControlFlow<()> {
        let Some(mut frame) = self.frame().await else {
            return END;
        };
        let Some((api, header)) = header(&mut frame) else {
            return END;
        };
        self.cluster.tally.count_request(self.broker, api);
        self.hang(api).await?;
        self.delay(api).await;
        if self.has(api, Trouble::Resets) {
            let _ = self.stream.set_zero_linger();
            return END;
        }
        let Some(bytes) = self.answer(api, &header, frame).await else {
            return END;
        };
        self.send(api, &header, &bytes).await
    }

    async fn frame(&mut self) -> Option<Bytes> {
        let size = self.stream.read_u32().await.ok()?;
        if size > REQUEST_MAX_BYTES {
            return None;
        }
        let mut frame = BytesMut::with_capacity(size.min(FIRST_ROOM_BYTES) as usize);
        let mut limited = (&mut self.stream).take(u64::from(size));
        while limited.limit() > 0 {
            if limited.read_buf(&mut frame).await.ok()? == 0 {
                return None;
            }
        }
        Some(frame.freeze())
    }

    /// The answer, when there is enough to tell or the client doesn't want to wait longer for it.
    async fn answer(&self, api: ApiKey, header: &RequestHeader, frame: Bytes) -> Option<Bytes> {
        let mut waited = Duration::ZERO;
        loop {
            let answer = {
                let faults = self.cluster.switches.now();
                let view = self.view(&faults, api);
                api::answer(&view, api, header, frame.clone())?
            };
            let step = match answer {
                Answer::Now(bytes) => return Some(bytes),
                Answer::NothingNew(bytes, patience) if waited >= patience => return Some(bytes),
                // To work it out costs more than to wait: who asks for much gets it a little late.
                Answer::NothingNew(_, patience) => (patience / 2).max(WAIT_EVERY),
            };
            tokio::time::sleep(step).await;
            waited += step;
        }
    }

    fn view<'a>(&'a self, faults: &'a Faults, api: ApiKey) -> View<'a> {
        let (mut now, mut refusal) = (self.cluster.now(), None);
        for fault in faults.on(self.broker, api, now) {
            let code = match fault.trouble {
                Trouble::Error { code } => Some(code),
                Trouble::Denies => None,
                Trouble::StandsStill => {
                    now = now.min(fault.from);
                    continue;
                }
                _ => continue,
            };
            refusal = Some(Refusal {
                code,
                only: fault.name.as_deref(),
            });
        }
        View {
            cluster: &self.cluster,
            broker: self.broker,
            now,
            faults,
            // Greetings are answered before anybody has a right to anything.
            refusal: refusal.filter(|refusal| api != ApiKey::ApiVersions || refusal.code.is_some()),
        }
    }

    async fn send(&mut self, api: ApiKey, header: &RequestHeader, bytes: &[u8]) -> ControlFlow<()> {
        if self.has(api, Trouble::Truncates) {
            let _ = self.stream.write_all(&bytes[..bytes.len() / 2]).await;
            return END;
        }
        let sent = if self.has(api, Trouble::Garbage) {
            let noise = noise(bytes, header.correlation_id);
            self.stream.write_all(&noise).await
        } else {
            self.stream.write_all(bytes).await
        };
        match sent {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => END,
        }
    }

    /// Waits while the broker hangs; ends when the client has gone.
    async fn hang(&self, api: ApiKey) -> ControlFlow<()> {
        while self.has(api, Trouble::Hangs) {
            tokio::time::sleep(LOOK_EVERY).await;
            let mut next = [0];
            let peek = tokio::time::timeout(Duration::ZERO, self.stream.peek(&mut next));
            if matches!(peek.await, Ok(Ok(0) | Err(_))) {
                return END;
            }
        }
        ControlFlow::Continue(())
    }

    async fn delay(&self, api: ApiKey) {
        let seconds: f64 = self.sum(api, |trouble| match trouble {
            Trouble::Slow { seconds } => seconds,
            _ => 0.0,
        });
        if seconds > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        }
    }

    fn has(&self, api: ApiKey, trouble: Trouble) -> bool {
        self.sum(api, |found| f64::from(u8::from(found == trouble))) > 0.0
    }

    fn sum(&self, api: ApiKey, of: impl Fn(Trouble) -> f64) -> f64 {
        let now: Time = self.cluster.now();
        let faults = self.cluster.switches.now();
        let on = faults.on(self.broker, api, now);
        on.map(|fault| of(fault.trouble)).sum()
    }
}

/// Nothing for what is no question of Kafka's: its sender is hung up on.
fn header(frame: &mut Bytes) -> Option<(ApiKey, RequestHeader)> {
    // The codec looks at these without asking whether they are there.
    let key = i16::from_be_bytes([*frame.first()?, *frame.get(1)?]);
    let _version = (frame.get(2)?, frame.get(3)?);
    let api = ApiKey::try_from(key).ok()?;
    let header = decode_request_header_from_buffer(frame).ok()?;
    Some((api, header))
}

/// As long as the answer, with its number, and the same noise for the same number.
fn noise(bytes: &[u8], number: i32) -> Vec<u8> {
    let mut noise = bytes.to_vec();
    for (place, byte) in noise.iter_mut().enumerate().skip(HEAD_BYTES) {
        *byte = hash::mixed(number as u64, place as u64, 0) as u8;
    }
    noise
}
