//! What is said of a recording for programs: a JSON line when a signal changed, and one in every minute that has a sample.

use std::collections::HashMap;
use std::io::{self, Write};

use super::{Key, Teller};
use crate::expose::json::{self, Verdict};

/// Seconds between two lines for a group and topic whose signals don't change.
const LINE_SECONDS: f64 = 60.0;

/// Writes them.
pub(super) struct Lines<W> {
    out: W,
    /// What the last line said, and in which minute.
    written: HashMap<Key, (json::Signals, i64)>,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            written: HashMap::new(),
        }
    }
}

impl<W: Write> Teller for Lines<W> {
    fn tell(&mut self, key: Key, verdict: &Verdict) -> io::Result<()> {
        let minute = (verdict.at / LINE_SECONDS).floor() as i64;
        let now = (json::Signals::of(verdict.report), minute);
        let before = self.written.insert(key, now);
        if before == Some(now) {
            return Ok(());
        }
        let before = before.map(|(signals, _)| signals);
        let changed = now.0.changed_since(before.as_ref());
        json::write_line(&mut self.out, verdict, changed)
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
