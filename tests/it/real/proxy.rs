//! A proxy between the daemon and a broker that counts requests by what crosses the wire, independently of what the daemon says it sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// One request on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    pub(crate) api_key: i16,
}

/// Listens, forwards, counts.
pub(crate) struct CountingProxy {
    requests: Arc<Mutex<Vec<Request>>>,
}

impl CountingProxy {
    /// Forwards what comes to `listen` to the broker at `target`. Counts only requests whose client id is `client`: the broker
    /// itself and the tests' clients come through here too.
    pub(crate) async fn start(
        listen: SocketAddr,
        target: SocketAddr,
        client: &'static str,
    ) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind(listen).await.expect("the port is free");
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(forward(stream, target, client, Arc::clone(&seen)));
            }
        });
        Self { requests }
    }

    /// Everything counted so far, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

async fn forward(
    stream: TcpStream,
    target: SocketAddr,
    client: &'static str,
    seen: Arc<Mutex<Vec<Request>>>,
) {
    let Ok(broker) = TcpStream::connect(target).await else {
        return;
    };
    let (from_client, mut to_client) = stream.into_split();
    let (mut from_broker, to_broker) = broker.into_split();
    let back = tokio::spawn(async move { copy(&mut from_broker, &mut to_client).await });
    let _either_side_closed = requests(from_client, to_broker, client, &seen).await;
    back.abort();
}

/// Frames from the client: size, then API key, version, correlation id, client id.
async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    client: &str,
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    loop {
        let size = from.read_i32().await?;
        let mut frame =
            vec![0; usize::try_from(size).expect("our own clients send no negative sizes")];
        from.read_exact(&mut frame).await?;
        let (api_key, name_length) = (
            i16::from_be_bytes([frame[0], frame[1]]),
            i16::from_be_bytes([frame[8], frame[9]]),
        );
        let name = frame
            .get(10..10 + usize::try_from(name_length).unwrap_or(0))
            .unwrap_or_default();
        if name == client.as_bytes() {
            seen.lock().expect("not poisoned").push(Request {
                at: Instant::now(),
                api_key,
            });
        }
        to.write_i32(size).await?;
        to.write_all(&frame).await?;
    }
}
