//! What a log's own timestamps tell of its arrivals before it was watched: which instants to ask for, and which points of the curve
//! the answers make. Kafka answers "the first record at or after an instant", with its offset and its timestamp.
//!
//! Timestamps are the producers': out of order, in the future, or none at all. What can't be believed makes no point.

use super::sample::{Reading, Time};

/// Milliseconds since the Unix epoch, as Kafka has them.
pub type Millis = i64;

/// Instants asked for: 30 s ago, doubling to 17 hours ago. An age is so known within a factor of two before it is refined.
const INSTANTS: u32 = 12;
const NEWEST_SECONDS: f64 = 30.0;

/// Guesses between the two instants that enclose a commit: the first by the straight line between them, then the middle. Instants
/// that double enclose half an age, and so eight guesses leave 0.4 % of it whatever the traffic; five are the usual number. (Two
/// straight lines left 1.4 % in the median and 18 % in 95 of 100 on bursts with pauses between.)
const GUESSES: usize = 8;

/// How near the first guess may come to either end of what encloses it, as a share: what is beyond it might be nearly all.
const CLIP: f64 = 0.1;

/// Commits of one partition that are refined: those of one group nearly always, and of a few where several lag in it.
pub const TARGETS_MAX: usize = 4;

/// Enclosed within this share of its age, a commit needs no further guess.
const PRECISE_SHARE: f64 = 0.005;

/// Clocks kept by NTP differ by less than a second; a record from further ahead than this is not from now.
pub const AHEAD_MS: Millis = 10_000;

/// Asks for the oldest record that is kept and has a time.
const BEGINNING: Millis = 0;

/// September 2001, 10⁹ s after the epoch and ten years before Kafka: a smaller timestamp was never set, or is in another unit.
const OLDEST_MS: Millis = 1_000_000_000_000;

/// The instants that are asked for every partition that lags, newest first. The beginning of the rates' window is one of them, so
/// that what arrived in it is exact and not read off a straight line.
pub fn instants(now: Time, rate_window_seconds: f64) -> Vec<Millis> {
    let doubling = (0..INSTANTS).map(|step| NEWEST_SECONDS * f64::from(1u32 << step));
    let mut instants: Vec<Millis> = doubling
        .chain([rate_window_seconds])
        .map(|age| instant(now, age))
        // Negative ones mean something else to Kafka; only a clock that was never set gives them.
        .filter(|instant| *instant > BEGINNING)
        .collect();
    instants.sort_unstable_by(|a, b| b.cmp(a));
    instants.dedup();
    instants
}

/// So many seconds before `now`.
pub fn instant(now: Time, age_seconds: f64) -> Millis {
    ((now - age_seconds) * 1000.0).round() as Millis
}

/// A record as an answer tells of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Its offset.
    pub offset: u64,
    /// Its timestamp, whoever set it.
    pub at: Millis,
}

/// Why nothing is known of a partition's past.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Doubt {
    /// A record claims to be from the future: that hides all that came after it.
    Future,
    /// The oldest record has a timestamp that was never set.
    Timeless,
    /// No record with a time is kept.
    Empty,
}

/// The search for one partition's past.
#[derive(Clone, Debug)]
pub struct Search {
    log_end: Reading,
    read_ms: Millis,
    /// Commits whose time is looked for, ascending.
    targets: Vec<u64>,
    points: Vec<Point>,
    /// The oldest instant that was asked for, [`BEGINNING`] aside.
    oldest_asked: Millis,
    asked_beginning: bool,
    guesses: usize,
    doubt: Option<Doubt>,
}

/// So many messages had arrived then.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    ms: Millis,
    offset: u64,
    /// It is a record's own time, not an instant that was asked for.
    is_record: bool,
}

impl Search {
    /// `commits` are those below the log end whose age is looked for; none when only the rate of arrivals is.
    pub fn new(log_end: Reading, mut commits: Vec<u64>) -> Self {
        commits.sort_unstable();
        commits.dedup();
        Self {
            log_end,
            read_ms: instant(log_end.at, 0.0),
            targets: spread(&commits),
            points: Vec::new(),
            oldest_asked: Millis::MAX,
            asked_beginning: false,
            guesses: 0,
            doubt: None,
        }
    }

    /// Has it commits to find the age of?
    pub fn is_for_ages(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Takes an answer; `None` = there is no record at or after that instant.
    pub fn take(&mut self, asked: Millis, found: Option<Record>) {
        if asked == BEGINNING {
            self.asked_beginning = true;
            self.doubt = self.doubt.or(match found {
                None => Some(Doubt::Empty),
                Some(record) if record.at < OLDEST_MS => Some(Doubt::Timeless),
                Some(_) => None,
            });
        } else {
            self.oldest_asked = self.oldest_asked.min(asked);
            // Nothing had come since; what came after the log end was read is as good as nothing.
            let offset = found.map_or(self.log_end.offset, |record| record.offset);
            self.note(asked, offset, false);
        }
        // Below the log end only: a later record's time lies after the present.
        let Some(record) = found.filter(|record| record.offset < self.log_end.offset) else {
            return;
        };
        if record.at > self.read_ms + AHEAD_MS {
            self.doubt = Some(Doubt::Future);
        } else if record.at >= asked {
            self.note(record.at, record.offset, true);
        }
    }

    /// The instants to ask for next, each once; none when all is found that can be.
    pub fn ask_next(&mut self) -> Vec<Millis> {
        if self.doubt.is_some() {
            return Vec::new();
        }
        if !self.is_for_ages() {
            // Is what was found the log's beginning? Before that, nothing is known.
            return if self.asked_beginning {
                Vec::new()
            } else {
                vec![BEGINNING]
            };
        }
        self.points
            .sort_unstable_by_key(|point| (point.ms, point.offset));
        let mut next: Vec<Millis> = self
            .targets
            .iter()
            .filter_map(|target| self.guess(*target))
            .collect();
        next.sort_unstable();
        next.dedup();
        if next.iter().any(|instant| *instant != BEGINNING) {
            self.guesses += 1;
        }
        next
    }

    /// The points of the curve before the log end, in order of time; offsets only rise, and none is beyond the log end.
    ///
    /// # Errors
    /// Why there are none.
    pub fn points(mut self) -> Result<Vec<Reading>, Doubt> {
        if let Some(doubt) = self.doubt {
            return Err(doubt);
        }
        // The lowest record found may be where the log begins: what had arrived before it is not known, unless it is the very first.
        let lowest = self.points.iter().map(|point| point.offset).min();
        let oldest_asked = self.oldest_asked;
        let for_ages = self.is_for_ages();
        self.points.retain(|point| {
            let is_known = point.is_record || point.offset == 0 || Some(point.offset) != lowest;
            // A straight line back to the oldest record would make ages where none were looked for.
            is_known && (for_ages || point.ms >= oldest_asked)
        });
        self.points
            .sort_unstable_by_key(|point| (point.ms, point.offset));
        let mut offset = 0;
        let rising = self.points.iter().map(|point| {
            offset = point.offset.max(offset);
            Reading {
                offset,
                at: point.ms as f64 / 1000.0,
            }
        });
        Ok(rising.collect())
    }

    fn note(&mut self, ms: Millis, offset: u64, is_record: bool) {
        self.points.push(Point {
            ms: ms.min(self.read_ms),
            offset: offset.min(self.log_end.offset),
            is_record,
        });
    }

    /// Where in time the message at `target` probably is; `None` when that is known well enough, or can't be.
    fn guess(&self, target: u64) -> Option<Millis> {
        let Some(older) = self.points.iter().rfind(|point| point.offset <= target) else {
            return (!self.asked_beginning).then_some(BEGINNING);
        };
        let newer = self.points.iter().find(|point| point.offset > target);
        let newer = newer.map_or((self.read_ms, self.log_end.offset), |p| (p.ms, p.offset));
        let enclosed = newer.0 - older.ms;
        let is_found = older.is_record && older.offset == target;
        let age = (self.read_ms - older.ms) as f64;
        if is_found || enclosed as f64 <= PRECISE_SHARE * age || self.guesses >= GUESSES {
            return None;
        }
        let line = (target - older.offset) as f64 / (newer.1 - older.offset) as f64;
        let share = if self.guesses == 0 {
            line.clamp(CLIP, 1.0 - CLIP)
        } else {
            0.5
        };
        let step = share * enclosed as f64;
        Some(older.ms + step as Millis).filter(|ms| *ms > older.ms && *ms < newer.0)
    }
}

/// At most [`TARGETS_MAX`] of them, the first and the last included: the oldest matters most.
fn spread(commits: &[u64]) -> Vec<u64> {
    if commits.len() <= TARGETS_MAX {
        return commits.to_vec();
    }
    (0..TARGETS_MAX)
        .map(|n| commits[n * (commits.len() - 1) / (TARGETS_MAX - 1)])
        .collect()
}
