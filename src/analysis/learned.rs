//! What is learned over hours and days and can't be read from Kafka again: how large the rises are that a group recovers from, how
//! long its gaps, which retries are usual. Plain numbers, so that they outlive a restart. No offsets, minima or counts: those of
//! before say nothing about a log that went on meanwhile.

mod remembered;

use std::sync::Arc;

use super::sample::Time;
pub(super) use remembered::Remembered;

/// What was learned of a cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    /// Those that were in the last sample first.
    pub groups: Vec<Group>,
}

/// What was learned of a consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its id.
    pub name: Arc<str>,
    /// When the group was last in a sample.
    pub seen_at: Time,
    /// Rebalances in each of the last windows of ten minutes, oldest first; empty when there were none.
    pub rebalances: Vec<f32>,
    /// Only topics in which something was learned.
    pub topics: Vec<Topic>,
}

/// What was learned of a group in a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// The topic's name.
    pub name: Arc<str>,
    /// Kafka's id of the topic: another one's habits are not this one's.
    pub id: Option<u128>,
    /// When the group was last seen in it.
    pub seen_at: Time,
    /// Of the lag of all partitions together.
    pub sum: Option<Series>,
    /// `(partition number, of its lag)`, in order of partition.
    pub partitions: Vec<(u32, Series)>,
    /// What is usual of its retries.
    pub retries: Option<Retries>,
    /// Seconds between two commits, where that is not what everybody's are taken for.
    pub commit_gap_seconds: Option<f32>,
}

/// What was learned of one lag over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// How long it was watched.
    pub watched_seconds: f32,
    /// How often a commit advanced.
    pub advances: u32,
    /// The longest gap without an advance, in seconds.
    pub longest_gap_seconds: f32,
    /// The longest that is ordinary, of the present bucket of time and of the one before, in seconds.
    pub ordinary_gap_seconds: [f32; 2],
    /// When the present bucket began.
    pub bucket_began: Time,
    /// Only levels that have learned something.
    pub levels: Vec<Level>,
}

/// The rises that a level has seen and that the group recovered from, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// Length of the level's blocks, by which it is known.
    pub block_seconds: f32,
    /// How many rises.
    pub count: u32,
    /// Their mean.
    pub mean: f32,
    /// Their variance.
    pub variance: f32,
    /// The two largest of the present bucket of time, largest first.
    pub largest: [f32; 2],
    /// Those of the bucket before.
    pub largest_before: [f32; 2],
}

/// What is usual of the retries of a main topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retries {
    /// The usual ratio of messages retried to messages consumed.
    pub base: f32,
    /// Messages consumed in a minute.
    pub mean_consumed: f32,
    /// Minutes that were looked at.
    pub windows: u32,
}

impl Learned {
    /// Moves every moment: from the time of an analysis to that of another clock, or back.
    pub fn shift(&mut self, seconds: f64) {
        for group in &mut self.groups {
            group.seen_at += seconds;
            for topic in &mut group.topics {
                topic.seen_at += seconds;
                let partitions = topic.partitions.iter_mut().map(|(_, series)| series);
                for series in topic.sum.iter_mut().chain(partitions) {
                    series.bucket_began += seconds;
                }
            }
        }
    }

    /// Lags of which something was learned.
    pub fn series(&self) -> usize {
        let topics = self.groups.iter().flat_map(|group| &group.topics);
        topics.map(Topic::series).sum()
    }

    /// Drops what was not seen for longer than this, and groups of which then nothing is left.
    pub fn drop_older_than(&mut self, seconds: f64, now: Time) {
        for group in &mut self.groups {
            group.topics.retain(|topic| now - topic.seen_at <= seconds);
        }
        self.groups.retain(|group| {
            !group.topics.is_empty()
                || !group.rebalances.is_empty() && now - group.seen_at <= seconds
        });
    }

    /// Drops what was learned of a group, in one topic or as a whole. Gives how many lags that concerned; `None` when there was
    /// nothing of the kind.
    pub fn forget(&mut self, group: &str, topic: Option<&str>) -> Option<usize> {
        let at = self.groups.iter().position(|known| &*known.name == group)?;
        let Some(topic) = topic else {
            let gone = self.groups.remove(at);
            return Some(gone.topics.iter().map(Topic::series).sum());
        };
        let topics = &mut self.groups[at].topics;
        let at = topics.iter().position(|known| &*known.name == topic)?;
        Some(topics.remove(at).series())
    }

    /// Nothing in it is a number that can't have been learned: endless, negative, or none at all.
    pub fn is_sound(&self) -> bool {
        let is_time = |time: Time| time.is_finite();
        self.groups.iter().all(|group| {
            is_time(group.seen_at)
                && group.rebalances.iter().all(|r| is_quantity(*r))
                && group
                    .topics
                    .iter()
                    .all(|topic| is_time(topic.seen_at) && topic.is_sound())
        })
    }
}

impl Topic {
    pub(super) fn new(name: Arc<str>, id: Option<u128>, seen_at: Time) -> Self {
        Self {
            name,
            id,
            seen_at,
            sum: None,
            partitions: Vec::new(),
            retries: None,
            commit_gap_seconds: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.series() == 0 && self.retries.is_none() && self.commit_gap_seconds.is_none()
    }

    fn series(&self) -> usize {
        usize::from(self.sum.is_some()) + self.partitions.len()
    }

    fn is_sound(&self) -> bool {
        let mut series = self.sum.iter().chain(self.partitions.iter().map(|p| &p.1));
        let in_order = self.partitions.is_sorted_by(|a, b| a.0 < b.0);
        let retries = self
            .retries
            .is_none_or(|retries| is_quantity(retries.base) && is_quantity(retries.mean_consumed));
        in_order
            && retries
            && self.commit_gap_seconds.is_none_or(is_quantity)
            && series.all(Series::is_sound)
    }
}

impl Series {
    fn is_sound(&self) -> bool {
        let [gap, before] = self.ordinary_gap_seconds;
        let seconds = [self.watched_seconds, self.longest_gap_seconds, gap, before];
        let of_level = |level: &Level| {
            let rest = [level.block_seconds, level.mean, level.variance];
            let rises = level.largest.iter().chain(&level.largest_before);
            rises.chain(&rest).all(|number| is_quantity(*number))
        };
        self.bucket_began.is_finite()
            && seconds.into_iter().all(is_quantity)
            && self.levels.iter().all(of_level)
    }
}

fn is_quantity(number: f32) -> bool {
    number.is_finite() && number >= 0.0
}
