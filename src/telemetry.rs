//! Logging: one line per event on stderr, as logfmt or JSON, in UTC, never coloured.

use std::io;

use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

/// How a log line looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// `ts=… level=… message=…`, as Prometheus and its exporters log.
    Logfmt,
    /// An object per line.
    Json,
}

/// Logs to stderr from now on.
pub fn start(level: LevelFilter, format: Format) {
    // Only a second start can fail, and then the first goes on.
    let _ = tracing::subscriber::set_global_default(subscriber(level, format, io::stderr));
}

/// Writes events of a level, and worse ones, to `writer`.
pub fn subscriber<W>(level: LevelFilter, format: Format, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = match format {
        Format::Logfmt => tracing_logfmt::builder()
            .layer()
            .with_ansi(false)
            .with_writer(writer)
            .boxed(),
        Format::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_ansi(false)
            .with_writer(writer)
            .boxed(),
    };
    Registry::default().with(layer.with_filter(level))
}
