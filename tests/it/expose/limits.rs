//! The server's bounds: one too many is told so, and counted; a slow client holds nobody up.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Server;

/// Ten more than the server takes.
const CROWD: usize = 256 + 10;

async fn ask(stream: &mut TcpStream) -> String {
    stream
        .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");
    answer
}

#[tokio::test]
async fn connections_beyond_the_bound_are_refused_openly_and_counted() {
    let server = Server::start(&[]).await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(
            TcpStream::connect(server.address)
                .await
                .expect("the listener accepts"),
        );
    }
    // Whoever came last waits behind all the others to be accepted, and is one too many.
    let mut answer = String::new();
    crowd
        .last_mut()
        .expect("a crowd")
        .read_to_string(&mut answer)
        .await
        .expect("read");
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: 1\r\n"),
        "{answer}"
    );
    assert!(
        ask(&mut crowd[0]).await.starts_with("HTTP/1.1 200 OK"),
        "those within the bound are served"
    );
    drop(crowd);
    let counted = wait_for_counter(
        &server,
        "lagslope_http_refused_total{reason=\"connections\"} ",
    )
    .await;
    assert!(counted >= 1.0, "{counted}");
}

/// Scrapes until the counter is there: the crowd's places are free only when the server has seen it leave.
async fn wait_for_counter(server: &Server, line: &str) -> f64 {
    for _ in 0..200 {
        if let Ok(answer) = reqwest::get(server.url("/metrics")).await {
            let text = answer.text().await.unwrap_or_default();
            if let Some(found) = text.lines().find_map(|l| l.strip_prefix(line)) {
                return found.parse().expect("a number");
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no {line} after 4 s");
}

#[tokio::test]
async fn a_body_that_no_route_needs_is_refused() {
    let server = Server::start(&[]).await;
    let mut stream = TcpStream::connect(server.address).await.expect("connects");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        .await
        .expect("written");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("read");
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = Server::start(&[]).await;
    let mut stream = TcpStream::connect(server.address).await.expect("connects");
    let head = format!(
        "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Padding: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    let _may_be_cut = stream.write_all(head.as_bytes()).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("read");
    assert_eq!(&answer, b"HTTP/1.1 431");
}
