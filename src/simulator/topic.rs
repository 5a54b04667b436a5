//! A topic: what arrives in each of its partitions, what is kept of it, and under which id it exists.

use super::arrivals::Arrivals;
use super::{Time, hash};

/// A topic and its logs.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// What arrives in all of them together. It may have begun before the topic was created: only what arrived since is there.
    pub arrivals: Arrivals,
    /// How it is spread over the partitions.
    pub spread: Spread,
    /// When it existed, in order of time, without overlap. Each life has an id of its own, and offsets from 0.
    pub lives: Vec<Life>,
    /// What is kept.
    pub retention: Retention,
    /// Transactions that were never ended.
    pub hanging: Vec<Hanging>,
}

/// How messages are spread over partitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// As many in each.
    Even,
    /// From `1 − slope` of the mean in the first to `1 + slope` in the last; `slope` is 0 to 1.
    Sloped {
        /// How far from the mean.
        slope: f64,
    },
    /// One takes `share` (0 to 1) of all, the others the rest in even parts.
    Hot {
        /// Its number.
        partition: u32,
        /// What it takes.
        share: f64,
    },
}

/// From when until when a topic existed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Life {
    /// When it was created.
    pub from: Time,
    /// When it was deleted; absent = never.
    pub until: Option<Time>,
}

/// What a topic keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retention {
    /// Age in seconds beyond which segments are deleted; absent = never by age.
    pub seconds: Option<f64>,
    /// Messages per partition beyond which segments are deleted (`retention.bytes`, at `message_bytes` each); absent = never by size.
    pub messages: Option<u64>,
    /// Bytes that a message takes on disk.
    pub message_bytes: u64,
    /// A segment is closed after so many seconds: they are deleted as a whole.
    pub segment_seconds: f64,
    /// The broker looks so often for segments to delete (`log.retention.check.interval.ms`), in seconds.
    pub checked_every: f64,
    /// Its `cleanup.policy` is `compact`: the newest message of each key is kept for ever. Nothing is deleted from the front.
    pub compacted: bool,
}

/// A transaction that was never ended: consumers of committed messages can't pass it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hanging {
    /// The partition that it was begun in.
    pub partition: u32,
    /// When it was begun.
    pub since: Time,
    /// When it was aborted; absent = never.
    pub until: Option<Time>,
}

impl Default for Retention {
    /// Kafka's own: a week, looked after every five minutes; in segments of a day.
    fn default() -> Self {
        Self {
            seconds: Some(7.0 * 86_400.0),
            messages: None,
            message_bytes: 256,
            segment_seconds: 86_400.0,
            checked_every: 300.0,
            compacted: false,
        }
    }
}

impl Topic {
    /// A topic that exists since its first message, spread evenly, with Kafka's usual retention.
    pub fn new(name: impl Into<String>, partitions: u32, arrivals: Arrivals) -> Self {
        Self {
            name: name.into(),
            partitions,
            spread: Spread::Even,
            lives: vec![Life {
                from: arrivals.since,
                until: None,
            }],
            arrivals,
            retention: Retention::default(),
            hanging: Vec::new(),
        }
    }

    /// Spread otherwise.
    pub fn spread(mut self, spread: Spread) -> Self {
        self.spread = spread;
        self
    }

    /// Something else is kept.
    pub fn keeping(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Deleted at `deleted`, made again with the same name at `created`.
    pub fn recreated(mut self, deleted: Time, created: Time) -> Self {
        if let Some(last) = self.lives.last_mut() {
            last.until = Some(deleted);
        }
        self.lives.push(Life {
            from: created,
            until: None,
        });
        self
    }

    /// Which of its lives `t` is in, with its number.
    pub fn life(&self, t: Time) -> Option<(usize, Life)> {
        let next = self.lives.partition_point(|life| life.from <= t);
        let number = next.checked_sub(1)?;
        let life = self.lives[number];
        let over = life.until.is_some_and(|until| until <= t);
        (!over).then_some((number, life))
    }

    /// The offset that the next message of a partition gets at `t`, in this life.
    pub(super) fn log_end(&self, life: Life, partition: u32, t: Time) -> u64 {
        self.exact_end(life, partition, t) as u64
    }

    /// The offset of the oldest message that is kept at `t`.
    pub(super) fn log_start(&self, life: Life, partition: u32, t: Time) -> u64 {
        let kept = &self.retention;
        if kept.compacted {
            return 0;
        }
        let checked = (t / kept.checked_every).floor() * kept.checked_every;
        let end = |t| self.log_end(life, partition, t);
        let too_old = kept.seconds.map_or(0, |seconds| {
            let segment = ((checked - seconds) / kept.segment_seconds).floor();
            end(segment * kept.segment_seconds)
        });
        let too_many = kept.messages.map_or(0, |most| {
            let first = end(checked).saturating_sub(most);
            self.segment_start(life, partition, first, checked)
        });
        too_old.max(too_many).min(end(checked))
    }

    /// Where the segment begins that holds this offset.
    fn segment_start(&self, life: Life, partition: u32, offset: u64, until: Time) -> u64 {
        let Some(written) = self.written_at(life, partition, offset, until) else {
            return offset;
        };
        let seconds = self.retention.segment_seconds;
        self.log_end(life, partition, (written / seconds).floor() * seconds)
    }

    /// When the message with this offset was written; absent when it had not been by `until`.
    pub(super) fn written_at(
        &self,
        life: Life,
        partition: u32,
        offset: u64,
        until: Time,
    ) -> Option<Time> {
        if offset >= self.log_end(life, partition, until) {
            return None;
        }
        let share = self.share(partition);
        let messages = (offset + 1) as f64 - self.head_start(partition);
        let before = self.arrivals.count(life.from);
        let at = self.arrivals.reached(before + messages / share, until)?;
        Some(at.max(life.from))
    }

    fn exact_end(&self, life: Life, partition: u32, t: Time) -> f64 {
        if t <= life.from {
            return 0.0;
        }
        let arrived = self.arrivals.count(t) - self.arrivals.count(life.from);
        let share = self.share(partition);
        if share > 0.0 && arrived > 0.0 {
            arrived * share + self.head_start(partition)
        } else {
            0.0
        }
    }

    /// Of all messages, 0 to 1.
    pub(super) fn share(&self, partition: u32) -> f64 {
        let count = f64::from(self.partitions);
        match self.spread {
            Spread::Sloped { slope } if self.partitions > 1 => {
                let place = f64::from(partition) / (count - 1.0);
                (1.0 + slope * (2.0 * place - 1.0)) / count
            }
            Spread::Hot {
                partition: hot,
                share,
            } if self.partitions > 1 => {
                if hot == partition {
                    share
                } else {
                    (1.0 - share) / (count - 1.0)
                }
            }
            _ => 1.0 / count,
        }
    }

    /// Part of a message that is there from the beginning, so that partitions don't all get their next one at the same moment.
    fn head_start(&self, partition: u32) -> f64 {
        hash::share(hash::of_name(&self.name), u64::from(partition), 0)
    }
}
