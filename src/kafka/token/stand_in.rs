//! A token endpoint for tests: a socket that answers each request with the bytes it was given, and keeps what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Ends with the test.
pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl StandIn {
    /// Answers the first request with the first of these, and so on; the last one for all that follow.
    pub(super) async fn answering(answers: Vec<Vec<u8>>) -> Self {
        Self::slow(answers, Duration::ZERO).await
    }

    /// The same, this much later.
    pub(super) async fn slow(answers: Vec<Vec<u8>>, pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, answers, pause, Arc::clone(&asked)));
        Self {
            address,
            asked,
            task,
        }
    }

    /// Each request, head and body.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A whole answer.
pub(super) fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

async fn serve(
    listener: TcpListener,
    answers: Vec<Vec<u8>>,
    pause: Duration,
    asked: Arc<Mutex<Vec<String>>>,
) {
    let mut next = 0;
    while let Ok((mut socket, _)) = listener.accept().await {
        let request = read(&mut socket).await;
        asked.lock().expect("not poisoned").push(request);
        tokio::time::sleep(pause).await;
        let answer = &answers[next.min(answers.len() - 1)];
        // Who has read enough hangs up.
        let _ = socket.write_all(answer).await;
        let _ = socket.shutdown().await;
        next += 1;
    }
}

pub(super) async fn read(socket: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    loop {
        let count = socket.read(&mut bytes).await.unwrap_or(0);
        text += &String::from_utf8_lossy(&bytes[..count]);
        if count == 0 || is_whole(&text) {
            return text;
        }
    }
}

/// So is what is no HTTP: there is nothing to wait for.
fn is_whole(request: &str) -> bool {
    if !request.starts_with(|c: char| c.is_ascii_uppercase()) {
        return true;
    }
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok()).flatten()
    });
    body.len() >= length.unwrap_or(0)
}
