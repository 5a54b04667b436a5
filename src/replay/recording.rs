//! Reads a recording, row by row, in constant memory: CSV with a header, gzip accepted, `#` lines between the rows.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::ByteRecord;
use flate2::bufread::MultiGzDecoder;

use super::directive::Directives;
use super::interned::Interned;

/// Read at once: a few thousand rows.
const BUFFER_BYTES: usize = 256 << 10;

/// No row or directive is longer.
const LINE_BYTES_MAX: usize = 64 << 10;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What is wrong with a recording, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {what}", path.display(), line.map_or_else(String::new, |line| format!(":{line}")))]
pub struct Fault {
    path: PathBuf,
    /// Counted from 1; absent when it is about the file.
    line: Option<u64>,
    what: String,
}

/// One partition at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) t: f64,
    pub(super) cluster: u32,
    pub(super) group: u32,
    pub(super) topic: u32,
    pub(super) partition: u32,
    pub(super) log_start: u64,
    pub(super) log_end: u64,
    /// Absent = no commit.
    pub(super) committed: Option<u64>,
    /// When that was committed, not after `t`; absent where it is not known.
    pub(super) committed_at: Option<f64>,
    pub(super) generation: Option<u64>,
}

/// What the directives before an instant said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Said {
    NothingNew,
    SomethingNew,
}

/// Where each column stands.
struct Columns {
    t: usize,
    cluster: usize,
    group: usize,
    topic: usize,
    partition: usize,
    log_start: usize,
    log_end: usize,
    committed: usize,
    committed_at: Option<usize>,
    generation: Option<usize>,
}

/// A recording being read.
pub(super) struct Recording {
    path: PathBuf,
    reader: csv::Reader<WithoutDirectives>,
    columns: Columns,
    record: ByteRecord,
    names: Interned,
    directives: Directives,
    /// Read, and later than the sample that was given last.
    waiting: Option<Row>,
}

impl Recording {
    pub(super) fn open(path: &Path, directives: Directives) -> Result<Self, Fault> {
        let at_file = |what: String| Fault {
            path: path.to_owned(),
            line: None,
            what,
        };
        let file = File::open(path).map_err(|error| at_file(format!("cannot be read: {error}")))?;
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let zipped = file
            .fill_buf()
            .map_err(|error| at_file(format!("cannot be read: {error}")))?
            .starts_with(&GZIP);
        let plain: Box<dyn BufRead> = if zipped {
            let unzipped = MultiGzDecoder::new(file);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, unzipped))
        } else {
            Box::new(file)
        };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(WithoutDirectives::new(plain, directives.clone()));
        let header = reader.byte_headers().cloned();
        let header = header.map_err(|error| at_file(error.to_string()))?;
        let columns = Columns::of(&header).map_err(at_file)?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            columns,
            record: ByteRecord::new(),
            names: Interned::default(),
            directives,
            waiting: None,
        })
    }

    /// Fills in the rows of the next instant; `None` at the end. Directives that stand before its first row are in force then.
    pub(super) fn next_sample(&mut self, rows: &mut Vec<Row>) -> Result<Option<Said>, Fault> {
        rows.clear();
        rows.extend(self.waiting.take());
        if rows.is_empty() {
            rows.extend(self.next_row(None)?);
        }
        let said = match self.directives.begin() {
            true => Said::SomethingNew,
            false => Said::NothingNew,
        };
        while let Some(row) = self.next_row(rows.last())? {
            if rows.first().is_some_and(|first| first.t != row.t) {
                self.waiting = Some(row);
                return Ok(Some(said));
            }
            rows.push(row);
        }
        Ok((!rows.is_empty()).then_some(said))
    }

    /// It says when commits were made, where that is known.
    pub(super) fn tells_commit_times(&self) -> bool {
        self.columns.committed_at.is_some()
    }

    pub(super) fn name(&self, number: u32) -> &Arc<str> {
        self.names.name(number)
    }

    /// Something that went wrong while this recording was replayed.
    pub(super) fn fault(&self, error: &io::Error) -> Fault {
        Fault {
            path: self.path.clone(),
            line: None,
            what: error.to_string(),
        }
    }

    fn next_row(&mut self, last: Option<&Row>) -> Result<Option<Row>, Fault> {
        let read = self.reader.read_byte_record(&mut self.record);
        if !read.map_err(|error| self.here(error.to_string()))? {
            return Ok(None);
        }
        let row = self.row(last).map_err(|what| self.here(what))?;
        if last.is_some_and(|last| row.t < last.t) {
            return Err(self.here("t goes backwards".to_owned()));
        }
        Ok(Some(row))
    }

    fn row(&mut self, last: Option<&Row>) -> Result<Row, String> {
        let (columns, record) = (&self.columns, &self.record);
        let cell = |column: usize, name: &str| {
            record
                .get(column)
                .ok_or_else(|| format!("{name} is missing"))
        };
        let t = seconds(cell(columns.t, "t")?, "t")?;
        let committed_at = match columns.committed_at {
            Some(column) => match cell(column, "committed_at")? {
                [] => None,
                cell => Some(seconds(cell, "committed_at")?.min(t)),
            },
            None => None,
        };
        let optional = |cell: &[u8], name: &str| match cell {
            [] => Ok(None),
            cell => whole(cell, name).map(Some),
        };
        let guess = last.map_or((0, 0, 0), |last| (last.cluster, last.group, last.topic));
        let mut name = |column: usize, what: &str, guess: u32| {
            let text = std::str::from_utf8(cell(column, what)?);
            let text = text.map_err(|_| format!("{what} is no UTF-8"))?;
            Ok::<_, String>(self.names.number(text, guess))
        };
        Ok(Row {
            t,
            cluster: name(columns.cluster, "cluster", guess.0)?,
            group: name(columns.group, "group", guess.1)?,
            topic: name(columns.topic, "topic", guess.2)?,
            partition: u32::try_from(whole(cell(columns.partition, "partition")?, "partition")?)
                .ok()
                .filter(|partition| *partition < PARTITIONS_MAX)
                .ok_or_else(|| format!("partition is {PARTITIONS_MAX} or more"))?,
            log_start: whole(cell(columns.log_start, "log_start")?, "log_start")?,
            log_end: whole(cell(columns.log_end, "log_end")?, "log_end")?,
            committed: optional(cell(columns.committed, "committed")?, "committed")?,
            committed_at,
            generation: match columns.generation {
                Some(column) => optional(cell(column, "generation")?, "generation")?,
                None => None,
            },
        })
    }

    fn here(&self, what: String) -> Fault {
        Fault {
            path: self.path.clone(),
            line: Some(self.record.position().map_or(0, csv::Position::line)),
            what,
        }
    }
}

/// A number beyond is a mistake, and would make room for as many partitions.
const PARTITIONS_MAX: u32 = 1 << 20;

impl Columns {
    fn of(header: &ByteRecord) -> Result<Self, String> {
        let place = |name: &str| header.iter().position(|cell| cell == name.as_bytes());
        let required = |name: &str| place(name).ok_or_else(|| format!("the header lacks {name}"));
        Ok(Self {
            t: required("t")?,
            cluster: required("cluster")?,
            group: required("group")?,
            topic: required("topic")?,
            partition: required("partition")?,
            log_start: required("log_start")?,
            log_end: required("log_end")?,
            committed: required("committed")?,
            committed_at: place("committed_at"),
            generation: place("generation"),
        })
    }
}

fn number(cell: &[u8], name: &str) -> Result<f64, String> {
    let text = String::from_utf8_lossy(cell);
    let parsed = text.parse::<f64>().ok().filter(|t| t.is_finite());
    parsed.ok_or_else(|| format!("{name} is {text:?}, not a number"))
}

/// In seconds this is the year 5138, in milliseconds 1973: what is beyond was not meant as seconds. Taken for seconds, 15 s between
/// samples would be four hours, and no verdict would mean anything.
const SECONDS_MAX: f64 = 1e11;

fn seconds(cell: &[u8], name: &str) -> Result<f64, String> {
    let t = number(cell, name)?;
    if t.abs() > SECONDS_MAX {
        let text = String::from_utf8_lossy(cell);
        return Err(format!(
            "{name} is {text}: that is not in seconds (milliseconds? then divide it by 1000)"
        ));
    }
    Ok(t)
}

fn whole(cell: &[u8], name: &str) -> Result<u64, String> {
    let digits = cell.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    });
    digits.filter(|_| !cell.is_empty()).ok_or_else(|| {
        format!(
            "{name} is {:?}, not a whole number",
            String::from_utf8_lossy(cell)
        )
    })
}

/// The rows alone: a directive is taken out, and an empty line left where it stood, so that lines are still counted right.
struct WithoutDirectives {
    inner: Box<dyn BufRead>,
    directives: Directives,
    at_line_start: bool,
    line: u64,
}

impl WithoutDirectives {
    fn new(inner: Box<dyn BufRead>, directives: Directives) -> Self {
        Self {
            inner,
            directives,
            at_line_start: true,
            line: 1,
        }
    }

    fn take_directive(&mut self) -> io::Result<()> {
        let mut line = Vec::new();
        let inner = &mut self.inner;
        inner
            .take(LINE_BYTES_MAX as u64)
            .read_until(b'\n', &mut line)?;
        let text = String::from_utf8_lossy(&line);
        let read = self.directives.read(text.trim_start_matches('#').trim());
        read.map_err(|what| io::Error::other(format!("line {}: {what}", self.line)))
    }
}

impl Read for WithoutDirectives {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let ready = self.inner.fill_buf()?;
        if self.at_line_start && ready.first() == Some(&b'#') {
            self.take_directive()?;
            self.line += 1;
            into[0] = b'\n';
            return Ok(1);
        }
        let end = ready.len().min(into.len());
        // Up to the next line that begins with a `#`.
        let mut length = end;
        let mut from = 0;
        while let Some(newline) = memchr::memchr(b'\n', &ready[from..end]) {
            from += newline + 1;
            self.line += 1;
            if ready.get(from).is_none_or(|next| *next == b'#') {
                length = from;
                break;
            }
        }
        into[..length].copy_from_slice(&ready[..length]);
        self.at_line_start = length > 0 && ready[length - 1] == b'\n';
        self.inner.consume(length);
        Ok(length)
    }
}
