//! The router, and the server around it: accepts within its bounds, answers, and drains when told to stop.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

use super::answer::body_of;
use super::board::Board;
use super::forget::{ForgetDoor, forget};
use super::limits::{self, InFlight};
use super::own_metrics::OwnMetrics;
use super::reload::{ReloadDoor, Turned};

const TEXT_FORMAT: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// How long requests under way may take to end once the daemon is told to stop: the whole of it should end within 5 s.
const GRACE: Duration = Duration::from_secs(3);

/// After an accept that failed (out of file descriptors, usually): a pause, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Everything that the routes read.
#[derive(Clone, Debug)]
pub struct Exposed {
    /// The page and who is on it.
    pub board: Arc<Board>,
    /// The daemon about itself.
    pub own: OwnMetrics,
    /// How a request asks for a reload; absent = it may not.
    pub reload: Option<ReloadDoor>,
    /// How a request asks for something to be forgotten; absent = it may not.
    pub forget: Option<ForgetDoor>,
}

/// The routes, with their bounds around them.
pub fn router(exposed: Exposed) -> Router {
    let in_flight = InFlight::new(exposed.own.clone());
    Router::new()
        .route("/", get(landing))
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(|| async { "lagslope is healthy.\n" }))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        .route("/api/v1/forget/{cluster}/{group}", post(forget))
        .route("/api/v1/forget/{cluster}/{group}/{topic}", post(forget))
        .layer(middleware::from_fn_with_state(exposed.clone(), counted))
        .layer(middleware::from_fn_with_state(in_flight, limits::bounded))
        .with_state(exposed)
}

/// Serves until `shutdown` ends, then gives the requests under way a few seconds.
pub async fn serve(listener: TcpListener, exposed: Exposed, shutdown: impl Future<Output = ()>) {
    let router = router(exposed.clone());
    let server = Server {
        places: Arc::new(Semaphore::new(limits::CONNECTIONS)),
        refusals: Arc::new(Semaphore::new(limits::REFUSALS_IN_FLIGHT)),
    };
    let graceful = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => server.take(stream, &router, &exposed.own, &graceful),
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    let _cut_short = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

struct Server {
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

impl Server {
    fn take(
        &self,
        stream: TcpStream,
        router: &Router,
        own: &OwnMetrics,
        graceful: &GracefulShutdown,
    ) {
        match self.places.clone().try_acquire_owned() {
            Ok(place) => answer(stream, router.clone(), place, graceful),
            Err(_) => self.refuse(stream, own),
        }
    }

    fn refuse(&self, stream: TcpStream, own: &OwnMetrics) {
        own.refused.with_label_values(&["connections"]).inc();
        if let Ok(place) = self.refusals.clone().try_acquire_owned() {
            tokio::spawn(async move {
                limits::refuse_connection(stream).await;
                drop(place);
            });
        }
    }
}

fn answer(
    stream: TcpStream,
    router: Router,
    place: OwnedSemaphorePermit,
    graceful: &GracefulShutdown,
) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits::WRITE_TIMEOUT));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_TIMEOUT)
        .max_buf_size(limits::HEAD_BYTES)
        .max_headers(limits::HEADERS)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(router),
        );
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(place);
    });
}

/// Middleware: counts what was answered, by route (never by the path as typed, which has no bound).
async fn counted(State(exposed): State<Exposed>, request: Request, next: Next) -> Response {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("other", MatchedPath::as_str)
        .to_owned();
    let response = next.run(request).await;
    exposed
        .own
        .requests
        .with_label_values(&[path.as_str(), response.status().as_str()])
        .inc();
    response
}

/// The page rendered at the last publish, and the daemon's own families as they are now.
async fn metrics(State(exposed): State<Exposed>, headers: HeaderMap) -> Response {
    let page = exposed.board.page();
    exposed
        .own
        .series
        .set(i64::try_from(page.series).unwrap_or(i64::MAX));
    let own = exposed.own.encode();
    let content_type = [
        (header::CONTENT_TYPE, TEXT_FORMAT),
        (header::VARY, HeaderValue::from_static("Accept-Encoding")),
    ];
    if accepts_gzip(&headers) {
        let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        let body = body_of(page.gzip.closed_with(&own));
        return (content_type, encoding, body).into_response();
    }
    let text = page.gzip.text().chain([own.into()]);
    (content_type, body_of(text)).into_response()
}

/// `gzip` or `*` is among the encodings, and its quality is not zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let refused = parts
            .filter_map(|part| part.strip_prefix("q="))
            .any(|q| q.parse() == Ok(0.0));
        named && !refused
    })
}

async fn ready(State(exposed): State<Exposed>) -> Response {
    let missing = exposed.board.unheard_of().join(", ");
    let waiting = match missing.as_str() {
        "" => String::new(),
        missing => format!("waiting for the first report of: {missing}\n"),
    };
    if exposed.board.was_ready() || waiting.is_empty() {
        return format!("lagslope is ready.\n{waiting}").into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, waiting).into_response()
}

async fn reload(State(exposed): State<Exposed>) -> Response {
    let Some(door) = &exposed.reload else {
        return (
            StatusCode::FORBIDDEN,
            "reloading by request is off: start lagslope with --web.enable-lifecycle, or send it SIGHUP\n",
        )
            .into_response();
    };
    match door.ask().await {
        Ok(()) => "the configuration is in force\n".into_response(),
        Err(Turned::Refused(faults)) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the configuration is refused, the former stays in force:\n{faults}\n"),
        )
            .into_response(),
        Err(Turned::Away) => {
            let counter = &exposed.own.refused;
            counter.with_label_values(&["reloads_waiting"]).inc();
            limits::too_busy("too many reloads are waiting\n")
        }
    }
}

async fn landing() -> Html<&'static str> {
    Html(include_str!("landing.html"))
}
