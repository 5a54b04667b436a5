//! What is no cluster, or not a whole one: a port where nobody listens, one that says something else, one that says nothing.

use std::fs;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::{doctor, line};
use crate::kafka::{Version, shared};
use crate::kafka_client::scripted::{Mood, Scripted};
use crate::processes::free_port;
use crate::real::config;

#[tokio::test]
async fn an_address_where_nobody_listens_is_called_that() {
    let address = format!("127.0.0.1:{}", free_port());
    let (exit, page) = doctor(&config(&address), &[]).await;
    assert_eq!(exit, Some(1), "{page}");
    let refused = format!("! bootstrap server {address} connection refused");
    assert!(line(&page, "bootstrap").starts_with(&refused), "{page}");
    assert!(page.ends_with("test: nothing could be asked\n"), "{page}");
}

#[tokio::test]
async fn a_port_that_is_not_kafka_is_called_that() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let (exit, page) = doctor(&config(&address), &[]).await;
    assert_eq!(exit, Some(1), "{page}");
    assert!(
        page.contains("it answers in HTTP: this is not a Kafka port"),
        "{page}"
    );
}

/// It accepts and says nothing: the request timeout bounds it.
#[tokio::test]
async fn a_silent_address_costs_the_request_timeout_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let config = config(&address).replace("name: test,", "name: test, request_timeout: 500ms,");
    let (exit, page) = doctor(&config, &[]).await;
    assert_eq!(exit, Some(1), "{page}");
    assert!(
        page.contains("no answer to ApiVersions within 500ms"),
        "{page}"
    );
}

/// Each cluster has its own page, and the exit code is for all.
#[tokio::test]
async fn a_cluster_that_is_away_hides_no_other() {
    let [one, other] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let config = format!(
        "clusters:\n  - {{name: one, bootstrap_servers: [\"{one}\"]}}\n  - {{name: other, bootstrap_servers: [\"{other}\"]}}\n"
    );
    let (exit, page) = doctor(&config, &[]).await;
    assert_eq!(exit, Some(1), "{page}");
    for part in ["Cluster one\n", "Cluster other\n", &one, &other] {
        assert!(page.contains(part), "{part}:\n{page}");
    }
}

/// Its other brokers are asked, and what this one would have answered is called neither allowed nor refused. The script knows no
/// groups of the new protocol: that is called unsupported, and is no fault.
#[tokio::test]
async fn a_broker_that_falls_silent_is_named_and_so_is_what_was_not_asked() {
    let cluster = Scripted::start(2).await;
    cluster.group("pay", 1, &[("orders", 0, 40)]);
    let (exit, page) = doctor(&config(&cluster.address(1)), &["--clock.watch", "0s"]).await;
    assert_eq!(exit, Some(0), "{page}");
    let unsupported = "ConsumerGroupDescribe unsupported since Kafka 3.7";
    assert!(line(&page, "Consumer").starts_with(unsupported), "{page}");

    cluster.mood(2, Mood::GreetsThenSays(b"\xff\xff\xff\xff"));
    let (exit, page) = doctor(&config(&cluster.address(1)), &["--clock.watch", "0s"]).await;
    assert_eq!(exit, Some(1), "{page}");
    for said in [
        "! ListGroups v5 failed broker 2: it answered bytes that are no Kafka frame",
        "! OffsetFetch v9 failed broker 2 was not asked",
        "! ListOffsets (by time) v8 failed broker 2 was not asked",
        "ConsumerGroupDescribe unsupported since Kafka 3.7",
        "DescribeConfigs v4 allowed",
    ] {
        let mut about = said.trim_start_matches("! ").split(' ');
        let about = about.next().expect("a word");
        let about = if said.contains("by time") {
            "ListOffsets (by time)"
        } else {
            about
        };
        assert!(line(&page, about).starts_with(said), "{said}:\n{page}");
    }
}

/// It greets like a broker, and Metadata is the first thing that it doesn't know.
#[tokio::test(flavor = "multi_thread")]
async fn a_controllers_port_is_called_that() {
    let kafka = tokio::task::block_in_place(|| shared(Version::Kafka4));
    let settings = fs::read_to_string(kafka.folder().join("node1/server.properties"));
    let settings = settings.expect("the node's settings");
    let (_, rest) = settings
        .split_once("CONTROLLER://")
        .expect("its own listener");
    let controller = rest.lines().next().expect("an address");
    let (exit, page) = doctor(&config(controller), &[]).await;
    assert_eq!(exit, Some(1), "{page}");
    let told = "perhaps a controller's port; use a broker's listener";
    assert!(page.contains(told), "{page}");
}
