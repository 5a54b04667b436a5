//! What is logged on this thread, and so by a sampler in a test's own runtime.
//!
//! One subscriber for the whole process hands each line to its thread's collector. Subscribers of single threads lose lines: with one
//! of them alive, tracing asks whichever thread comes first whether a place in the code is of interest, once and for all.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

thread_local! {
    static COLLECTED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Collects this thread's lines while it lives.
pub(crate) struct Log;

impl Log {
    pub(crate) fn start() -> Self {
        static SUBSCRIBED: Once = Once::new();
        SUBSCRIBED.call_once(|| {
            tracing_subscriber::fmt()
                .with_ansi(false)
                .with_env_filter("lagslope=trace,warn")
                .with_writer(|| Collector)
                .init();
        });
        COLLECTED.set(Some(Vec::new()));
        Self
    }

    pub(crate) fn text(&self) -> String {
        COLLECTED.with_borrow(|lines| {
            String::from_utf8_lossy(lines.as_deref().unwrap_or_default()).into_owned()
        })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        COLLECTED.set(None);
    }
}

struct Collector;

impl Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        COLLECTED.with_borrow_mut(|lines| {
            if let Some(lines) = lines {
                lines.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
