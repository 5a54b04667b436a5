//! What the server refuses, and how: every bound in one place. Beyond a bound the answer is 503 with Retry-After, and it is counted.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::answer::Bounded;
use super::own_metrics::OwnMetrics;

/// Open connections. Scrapers, dashboards and load balancers' checks together need a dozen; the rest is room for gateways.
pub(super) const CONNECTIONS: usize = 256;

/// Requests being answered at once, until the last byte is read. An answer is bytes that are there already: more would only queue.
pub(super) const REQUESTS_IN_FLIGHT: usize = 64;

/// How long a client may take to send a request's head; it also ends connections that sit idle for so long. Longer than the
/// usual scrape interval (15 s to 60 s), so that a scraper keeps its connection.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may leave an answer unread before its connection is cut.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a client may take to read a whole answer, however steadily it reads: longer than any scrape time-out.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// The request's head: real ones are below 2 KiB.
pub(super) const HEAD_BYTES: usize = 16 * 1024;

/// Headers in a request.
pub(super) const HEADERS: usize = 64;

/// No route reads a body yet; what is announced beyond this is refused.
const BODY_BYTES: u64 = 64 * 1024;

/// What a refused client should wait. A scrape takes milliseconds: a second is plenty for the crowd to pass.
const RETRY_AFTER_SECONDS: &str = "1";

/// How long a connection that is refused may hold us up.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Refused connections being told so at once; beyond this they are closed without a word.
pub(super) const REFUSALS_IN_FLIGHT: usize = 32;

const CONNECTION_REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n\r\ntoo many connections\n";

/// The bound on requests in flight.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    places: Arc<Semaphore>,
    own: OwnMetrics,
}

impl InFlight {
    pub(super) fn new(own: OwnMetrics) -> Self {
        Self {
            places: Arc::new(Semaphore::new(REQUESTS_IN_FLIGHT)),
            own,
        }
    }
}

/// Middleware: answers only while there is a place, and only requests of a sane size.
pub(super) async fn bounded(
    State(in_flight): State<InFlight>,
    request: Request,
    next: Next,
) -> Response {
    if announced_body(&request) > BODY_BYTES {
        in_flight
            .own
            .refused
            .with_label_values(&["body_size"])
            .inc();
        return (
            StatusCode::PAYLOAD_TOO_LARGE,
            "no request here needs a body that large\n",
        )
            .into_response();
    }
    let Ok(place) = in_flight.places.clone().try_acquire_owned() else {
        in_flight
            .own
            .refused
            .with_label_values(&["requests_in_flight"])
            .inc();
        return too_busy("too many requests in flight\n");
    };
    let response = next.run(request).await;
    response.map(|body| Body::new(Bounded::new(body, sleep(ANSWER_TIMEOUT), place)))
}

fn announced_body(request: &Request<Body>) -> u64 {
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// 503 with Retry-After.
pub(super) fn too_busy(why: &'static str) -> Response {
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    response.headers_mut().insert(
        header::RETRY_AFTER,
        HeaderValue::from_static(RETRY_AFTER_SECONDS),
    );
    response
}

/// Tells a connection beyond the bound that it is one too many, without ever waiting for it long.
pub(super) async fn refuse_connection(mut stream: TcpStream) {
    let telling = async {
        stream.write_all(CONNECTION_REFUSAL).await?;
        stream.shutdown().await?;
        // Closing with unread bytes would reset the connection, and the client might never read why.
        copy(&mut stream, &mut sink()).await
    };
    let _unheard = timeout(REFUSAL_TIMEOUT, telling).await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use axum::{Router, middleware};
    use tokio::sync::watch;
    use tokio::task::yield_now;
    use tower::ServiceExt;

    use super::*;

    /// A router whose only route holds its place until it is told to go on.
    fn holding(in_flight: InFlight, go_on: watch::Receiver<bool>) -> Router {
        let route = get(move || async move {
            go_on
                .clone()
                .wait_for(|told| *told)
                .await
                .map(drop)
                .expect("told")
        });
        Router::new()
            .route("/", route)
            .layer(middleware::from_fn_with_state(in_flight, bounded))
    }

    #[tokio::test]
    async fn one_request_too_many_is_told_when_to_come_back() {
        let own = OwnMetrics::new("0.0.0", "test");
        let (go_on, told) = watch::channel(false);
        let in_flight = InFlight::new(own.clone());
        let router = holding(in_flight.clone(), told);
        let ask = || router.clone().oneshot(Request::new(Body::empty()));
        let held: Vec<_> = (0..REQUESTS_IN_FLIGHT)
            .map(|_| tokio::spawn(ask()))
            .collect();
        while in_flight.places.available_permits() > 0 {
            yield_now().await;
        }
        let refused = ask().await.expect("an answer");
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[header::RETRY_AFTER], RETRY_AFTER_SECONDS);
        assert_eq!(
            own.refused.with_label_values(&["requests_in_flight"]).get(),
            1
        );
        go_on.send(true).expect("they wait");
        for request in held {
            let answer = request.await.expect("no panic").expect("an answer");
            assert_eq!(answer.status(), StatusCode::OK);
        }
    }

    #[tokio::test]
    async fn a_place_is_kept_until_the_answer_is_read() {
        let in_flight = InFlight::new(OwnMetrics::new("0.0.0", "test"));
        let (_go_on, told) = watch::channel(true);
        let router = holding(in_flight.clone(), told);
        let answer = router.oneshot(Request::new(Body::empty())).await;
        let places = || in_flight.places.available_permits();
        assert_eq!(places(), REQUESTS_IN_FLIGHT - 1);
        drop(answer);
        assert_eq!(places(), REQUESTS_IN_FLIGHT);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_read_too_slowly_is_cut_short() {
        let endless = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
        let router = Router::new()
            .route("/", get(|| async { Body::from_stream(endless) }))
            .layer(middleware::from_fn_with_state(
                InFlight::new(OwnMetrics::new("0.0.0", "test")),
                bounded,
            ));
        let answer = router.oneshot(Request::new(Body::empty())).await;
        let body = answer.expect("an answer").into_body();
        let began = tokio::time::Instant::now();
        assert!(axum::body::to_bytes(body, usize::MAX).await.is_err());
        assert_eq!(began.elapsed().as_secs(), ANSWER_TIMEOUT.as_secs());
    }
}
