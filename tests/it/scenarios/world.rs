//! A topic, its retry topic and one consumer group, acted out second by second with seeded noise, and what a cycle reads of them.

use lagslope::analysis::sample::{
    Commits, GroupSample, PartitionSample, Reading, Retention, Sample, TopicCommits, TopicSample,
};
use lagslope::analysis::{RetryKind, RetryName, RetryNameOf};

use super::log::{Keeps, Log, Ramp};

/// Not zero, and not on a block's boundary.
pub(crate) const BEGIN: f64 = 1_700_000_003.0;

/// These take part in nothing but the sample.
pub(crate) const TOPIC: &str = "orders";
pub(crate) const GROUP: &str = "payments";
const RETRY_TOPIC: &str = "orders-retry";

/// Bytes of each message.
const MESSAGE_BYTES: f64 = 100.0;

/// Production that follows the time of day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Swing {
    /// Of the mean, up and down.
    pub(crate) share: f64,
    pub(crate) period: f64,
    /// When it passes its mean on the way up.
    pub(crate) phase: f64,
}

/// Everything there is.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// Seconds since the story began.
    pub(crate) now: f64,
    pub(crate) logs: Vec<Log>,
    pub(crate) noise: f64,
    pub(crate) swing: Option<Swing>,
    pub(crate) commit_every: f64,
    pub(crate) retry_share: Ramp,
    pub(crate) has_retries: bool,
    pub(crate) retried: f64,
    pub(crate) keeps: Option<Keeps>,
    pub(crate) generation: u64,
    topic_id: u128,
    paused_until: f64,
    next_commit: f64,
    rng: fastrand::Rng,
}

impl World {
    /// An empty topic of so many partitions.
    pub(crate) fn new(partitions: usize, seed: u64) -> Self {
        Self {
            now: 0.0,
            logs: vec![Log::default(); partitions],
            noise: 0.0,
            swing: None,
            commit_every: 5.0,
            retry_share: Ramp::default(),
            has_retries: false,
            retried: 0.0,
            keeps: None,
            generation: 1,
            topic_id: 1,
            paused_until: 0.0,
            next_commit: 0.0,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// So many seconds pass, in one step.
    pub(crate) fn pass(&mut self, seconds: f64) {
        let now = self.now;
        let scale = self.swing.map_or(1.0, |swing| {
            let turn = (now - swing.phase) / swing.period * std::f64::consts::TAU;
            1.0 + swing.share * turn.sin()
        });
        let runs = now >= self.paused_until;
        for log in &mut self.logs {
            log.grow(now, seconds, scale, self.noise, &mut self.rng);
            if runs {
                let read = log.read(now, seconds, self.noise, &mut self.rng);
                self.retried += read * self.retry_share.at(now);
            }
            if let Some(keeps) = &self.keeps {
                log.clean(now + seconds, keeps);
            }
        }
        self.now += seconds;
        if runs && self.now >= self.next_commit {
            // By the clock: a late commit does not delay the next one.
            let due = self.next_commit + self.commit_every;
            self.commit();
            self.next_commit = due.max(self.now);
        }
    }

    /// Everything that was read is committed.
    pub(crate) fn commit(&mut self) {
        self.next_commit = self.now + self.commit_every;
        for log in &mut self.logs {
            log.committed = Some(log.position);
        }
    }

    /// Nobody reads or commits for so many seconds.
    pub(crate) fn pause(&mut self, seconds: f64) {
        self.paused_until = self.paused_until.max(self.now + seconds);
    }

    /// The topic is deleted, and made again with the same name.
    pub(crate) fn recreate(&mut self) {
        self.topic_id += 1;
        self.logs.iter_mut().for_each(Log::begin_anew);
    }

    /// More of the same.
    pub(crate) fn add_partitions(&mut self, count: usize) {
        let Some(first) = self.logs.first().cloned() else {
            return;
        };
        let mut fresh = first;
        fresh.begin_anew();
        let total = self.logs.len() + count;
        self.logs.resize(total, fresh);
    }

    /// What a cycle reads now.
    pub(crate) fn sample(&self) -> Sample {
        let at = BEGIN + self.now;
        let reading = |offset: f64| {
            Some(Reading {
                offset: offset as u64,
                at,
            })
        };
        let partitions = self.logs.iter().map(|log| PartitionSample {
            log_start: reading(log.start),
            log_end: reading(log.end),
        });
        let committed = self.logs.iter().zip(0u32..);
        let committed = committed.filter_map(|(log, n)| Some((n, log.committed? as u64)));
        let mut topics = vec![TopicSample {
            name: TOPIC.into(),
            id: Some(self.topic_id),
            retention: self.keeps.map(|keeps| Retention {
                seconds: keeps.seconds,
                bytes: keeps.messages.map(|most| (most * MESSAGE_BYTES) as u64),
                compacted: false,
            }),
            message_bytes: vec![Some(MESSAGE_BYTES as f32); self.logs.len()].into(),
            partitions: partitions.collect(),
        }];
        if self.has_retries {
            topics.push(TopicSample {
                name: RETRY_TOPIC.into(),
                id: Some(0),
                partitions: vec![PartitionSample {
                    log_start: reading(0.0),
                    log_end: reading(self.retried),
                }],
                ..TopicSample::default()
            });
        }
        let commits = TopicCommits {
            topic: 0,
            partitions: committed.collect(),
            edges: None,
        };
        Sample {
            began: at,
            at,
            topics,
            groups: vec![GroupSample {
                name: GROUP.into(),
                state: None,
                kind: None,
                members: None,
                generation: Some(self.generation),
                commits: Some(Commits {
                    at,
                    topics: vec![commits],
                }),
            }],
            ..Sample::default()
        }
    }
}

/// Whose retries the world's retry topic holds.
pub(crate) fn retry_names() -> RetryNameOf {
    Box::new(|topic| {
        (topic == RETRY_TOPIC).then(|| RetryName {
            kind: RetryKind::Retry,
            main: TOPIC.to_owned(),
            group: None,
        })
    })
}
