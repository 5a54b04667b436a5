//! One partition's log and its one reader, as Kafka has them: what arrives, what was read, what is kept. In fractions of messages, so
//! that no rate is too slow for a step.

use std::collections::VecDeque;

/// The broker looks for segments to delete this often (`log.retention.check.interval.ms`).
const DELETION_CHECK_SECONDS: f64 = 300.0;

/// Noise on a rate is forgotten over so many seconds.
const NOISE_MEMORY_SECONDS: f64 = 30.0;

/// A rate or a share that moves in a straight line to a new value, and stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ramp {
    from: f64,
    to: f64,
    since: f64,
    over: f64,
}

impl Ramp {
    /// Always the same.
    pub(crate) fn steady(value: f64) -> Self {
        Self {
            from: value,
            to: value,
            ..Self::default()
        }
    }

    pub(crate) fn at(self, now: f64) -> f64 {
        if now >= self.since + self.over {
            return self.to;
        }
        self.from + (self.to - self.from) * (now - self.since) / self.over
    }

    /// Goes on from here to another value within so many seconds.
    pub(crate) fn moved(self, to: f64, now: f64, over: f64) -> Self {
        Self {
            from: self.at(now),
            to,
            since: now,
            over,
        }
    }
}

/// Noise with a memory, around zero, with a standard deviation of one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Noise(f64);

impl Noise {
    pub(crate) fn next(&mut self, seconds: f64, rng: &mut fastrand::Rng) -> f64 {
        let kept = (-seconds / NOISE_MEMORY_SECONDS).exp();
        // Three uniform numbers are nearly normal, and quick.
        let normal = 2.0 * (rng.f64() + rng.f64() + rng.f64() - 1.5);
        self.0 = kept * self.0 + (1.0 - kept * kept).sqrt() * normal;
        self.0
    }
}

/// What is deleted, and in what portions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keeps {
    pub(crate) seconds: Option<f64>,
    pub(crate) messages: Option<f64>,
    /// A segment is closed when it is so old, …
    pub(crate) segment_seconds: f64,
    /// … or so large.
    pub(crate) segment_messages: f64,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    base: f64,
    began: f64,
    newest: f64,
}

/// A partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) start: f64,
    pub(crate) end: f64,
    /// The next message to be read.
    pub(crate) position: f64,
    pub(crate) committed: Option<f64>,
    pub(crate) produce: Ramp,
    pub(crate) consume: Ramp,
    segments: VecDeque<Segment>,
    next_check: f64,
    /// Something was deleted before it was read.
    pub(crate) loses: bool,
    arriving: Noise,
    leaving: Noise,
    /// Messages per second on top, and until when.
    pub(crate) burst: (f64, f64),
}

impl Log {
    /// Messages arrive for so many seconds.
    pub(crate) fn grow(
        &mut self,
        now: f64,
        seconds: f64,
        scale: f64,
        noise: f64,
        rng: &mut fastrand::Rng,
    ) {
        let factor = (1.0 + noise * self.arriving.next(seconds, rng)).max(0.0);
        let mut rate = self.produce.at(now) * scale * factor;
        if now < self.burst.1 {
            rate += self.burst.0;
        }
        self.end += rate * seconds;
    }

    /// Messages are read for so many seconds; how many were.
    pub(crate) fn read(
        &mut self,
        now: f64,
        seconds: f64,
        noise: f64,
        rng: &mut fastrand::Rng,
    ) -> f64 {
        let rate = self.consume.at(now);
        if rate <= 0.0 {
            return 0.0;
        }
        // Out of range: it goes on with the oldest that is kept (`auto.offset.reset=earliest`).
        self.position = self.position.max(self.start);
        let factor = (1.0 + noise * self.leaving.next(seconds, rng)).max(0.0);
        let read = (rate * factor * seconds).min(self.end - self.position);
        self.position += read;
        read
    }

    /// Closes and deletes segments, as a broker does.
    pub(crate) fn clean(&mut self, now: f64, keeps: &Keeps) {
        let end = self.end;
        let is_full = |s: &Segment| {
            now - s.began >= keeps.segment_seconds || end - s.base >= keeps.segment_messages
        };
        if self.segments.back().is_none_or(is_full) {
            self.segments.push_back(Segment {
                base: end,
                began: now,
                newest: now,
            });
        }
        if let Some(active) = self.segments.back_mut() {
            active.newest = now;
        }
        if now < self.next_check {
            return;
        }
        self.next_check = now + DELETION_CHECK_SECONDS;
        while let (Some(oldest), Some(next)) = (self.segments.front(), self.segments.get(1)) {
            let too_old = keeps.seconds.is_some_and(|most| now - oldest.newest > most);
            let too_many = keeps.messages.is_some_and(|most| end - next.base >= most);
            if !too_old && !too_many {
                break;
            }
            self.start = next.base;
            self.loses |= self.position < self.start;
            self.segments.pop_front();
        }
    }

    /// The topic is deleted and made again.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self {
            produce: self.produce,
            consume: self.consume,
            ..Self::default()
        };
    }
}
