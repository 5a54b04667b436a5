//! `__consumer_offsets` as arithmetic: each commit and each generation of the groups whose names fall into a partition is a record,
//! in order of time, with offsets that have no holes.
//!
//! Nothing is stored but a count for each minute that somebody asked about: what a minute holds is worked out again when it is read.

use std::sync::{Mutex, PoisonError};

use super::group::Kind;
use super::world::{Commit, Generation};
use super::{Time, World};

/// Partitions of the topic: Kafka's `offsets.topic.num.partitions`.
pub(super) const PARTITIONS: u32 = 50;

/// A count is kept for so much of a partition's time: 17 MB a month over all partitions, and a few thousand records to go through
/// for a reader in the middle of it.
const SLOT_SECONDS: f64 = 60.0;

/// A record, before it is bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) at: Time,
    /// The group's place in the world.
    pub(super) group: usize,
    pub(super) what: What,
}

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    Commit(Commit),
    Generation(Generation),
}

/// The logs of all partitions.
pub(super) struct CommitLog {
    /// The logs begin here, with offset 0: what was before is deleted.
    begins: Time,
    /// Groups by partition.
    groups: Vec<Vec<usize>>,
    /// By partition: records up to the end of each slot.
    counts: Vec<Mutex<Vec<u64>>>,
}

/// In which partition a group's commits are.
pub(super) fn partition_of(group: &str) -> u32 {
    java_hash(group).checked_abs().unwrap_or(0).unsigned_abs() % PARTITIONS
}

/// Java's `String.hashCode`: over UTF-16, wrapping.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

impl CommitLog {
    pub(super) fn new(world: &World, begins: Time) -> Self {
        let mut groups = vec![Vec::new(); PARTITIONS as usize];
        for (index, group) in world.groups.iter().enumerate() {
            // Share groups keep their offsets elsewhere.
            if group.kind != Kind::Share {
                groups[partition_of(&group.name) as usize].push(index);
            }
        }
        Self {
            begins,
            groups,
            counts: (0..PARTITIONS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The offset that the next record gets.
    pub(super) fn end(&self, world: &World, partition: u32, now: Time) -> u64 {
        let Some((slot, slot_begins)) = self.slot_of(now) else {
            return 0;
        };
        let before = self.count_before(world, partition, slot);
        before + self.entries(world, partition, slot_begins, now).len() as u64
    }

    /// Records from `offset` on that are there at `now`; at least one if there is any, and not many more than `max`.
    pub(super) fn read(
        &self,
        world: &World,
        partition: u32,
        offset: u64,
        max: usize,
        now: Time,
    ) -> Vec<Entry> {
        let Some((last, _)) = self.slot_of(now) else {
            return Vec::new();
        };
        self.count_before(world, partition, last);
        let mut slot = self.with_counts(partition, |counts| {
            counts[..last.min(counts.len())].partition_point(|count| *count <= offset)
        });
        let mut read = Vec::new();
        while slot <= last && read.len() < max {
            let entries = self.slot(world, partition, slot, now);
            read.extend(entries.into_iter().filter(|entry| entry.offset >= offset));
            slot += 1;
        }
        read.truncate(max);
        read
    }

    /// The first record at or after `time`.
    pub(super) fn first_at_or_after(
        &self,
        world: &World,
        partition: u32,
        time: Time,
        now: Time,
    ) -> Option<(u64, Time)> {
        let (last, _) = self.slot_of(now)?;
        let (first, _) = self.slot_of(time.max(self.begins))?;
        (first..=last).find_map(|slot| {
            let entries = self.slot(world, partition, slot, now);
            let found = entries.into_iter().find(|entry| entry.at >= time)?;
            Some((found.offset, found.at))
        })
    }

    /// The last record.
    pub(super) fn newest(&self, world: &World, partition: u32, now: Time) -> Option<(u64, Time)> {
        let offset = self.end(world, partition, now).checked_sub(1)?;
        let last = self.read(world, partition, offset, 1, now).pop()?;
        Some((last.offset, last.at))
    }

    fn slot_of(&self, time: Time) -> Option<(usize, Time)> {
        let slot = ((time - self.begins) / SLOT_SECONDS).floor();
        (slot >= 0.0).then(|| (slot as usize, self.slot_begins(slot as usize)))
    }

    fn slot_begins(&self, slot: usize) -> Time {
        self.begins + slot as f64 * SLOT_SECONDS
    }

    /// Records in the slots before this one; counts those that nobody asked about yet.
    fn count_before(&self, world: &World, partition: u32, slot: usize) -> u64 {
        self.with_counts(partition, |counts| {
            while counts.len() < slot {
                let (from, to) = (
                    self.slot_begins(counts.len()),
                    self.slot_begins(counts.len() + 1),
                );
                let records = self.entries(world, partition, from, to).len() as u64;
                counts.push(counts.last().copied().unwrap_or(0) + records);
            }
            slot.checked_sub(1).map_or(0, |before| counts[before])
        })
    }

    fn with_counts<T>(&self, partition: u32, with: impl FnOnce(&mut Vec<u64>) -> T) -> T {
        // Counts are pushed whole: what a panic left is still right.
        let counts = self.counts[partition as usize].lock();
        with(&mut counts.unwrap_or_else(PoisonError::into_inner))
    }

    /// The records of a slot that are there at `now`, with their offsets.
    fn slot(&self, world: &World, partition: u32, slot: usize, now: Time) -> Vec<Entry> {
        let first = self.count_before(world, partition, slot);
        let to = self.slot_begins(slot + 1).min(now);
        let mut entries = self.entries(world, partition, self.slot_begins(slot), to);
        for (number, entry) in entries.iter_mut().enumerate() {
            entry.offset = first + number as u64;
        }
        entries
    }

    /// In order of time, without offsets yet.
    fn entries(&self, world: &World, partition: u32, from: Time, to: Time) -> Vec<Entry> {
        let mut entries = Vec::new();
        for &group in &self.groups[partition as usize] {
            let entry = |at, what| Entry {
                offset: 0,
                at,
                group,
                what,
            };
            let generations = world.generations_between(group, from, to);
            entries.extend(
                generations
                    .iter()
                    .map(|g| entry(g.at, What::Generation(*g))),
            );
            let commits = world.commits_between(group, from, to);
            entries.extend(commits.map(|c| entry(c.at, What::Commit(c))));
        }
        entries.sort_by(|a, b| a.at.total_cmp(&b.at));
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::arrivals::Arrivals;
    use crate::simulator::delay::Delay;
    use crate::simulator::group::Group;
    use crate::simulator::occurrence::Occurrence;
    use crate::simulator::topic::Topic;

    #[test]
    fn a_groups_partition_is_found_as_java_does() {
        let known = [("hello", 99_162_322 % 50), ("polygenelubricants", 0)];
        for (group, partition) in known {
            assert_eq!(partition_of(group), partition, "{group}");
        }
    }

    fn busy() -> World {
        let mut world = World::new(3, 1);
        let topic = world.add_topic(Topic::new("t", 4, Arrivals::steady(0.0, 100.0)));
        let mut group = Group::new("hello").reading(topic, Delay::steady(1.0));
        group.rebalances.push(Occurrence::each(90.0, 1_000.0));
        world.add_group(group);
        world
    }

    #[test]
    fn offsets_have_no_holes_and_the_same_record_is_always_found_under_its_own() {
        let (world, partition) = (busy(), partition_of("hello"));
        let now = 2_345.6;
        let log = CommitLog::new(&world, 1_000.0);
        let end = log.end(&world, partition, now);
        let all = log.read(&world, partition, 0, usize::MAX, now);
        assert_eq!(all.len() as u64, end);
        assert!(
            (1_000..1_200).contains(&end),
            "4 partitions every 5 s: {end}"
        );
        for (number, entry) in all.iter().enumerate() {
            assert_eq!(entry.offset, number as u64);
        }
        for offset in [0, 1, 47, 48, 49, 500, end - 1] {
            let other = CommitLog::new(&world, 1_000.0);
            let found = other.read(&world, partition, offset, 1, now);
            assert_eq!(found, [all[offset as usize]]);
        }
        assert!(log.read(&world, partition, end, 10, now).is_empty());
        assert_eq!(log.end(&world, partition_of("other"), now), 0);
    }

    #[test]
    fn what_was_there_before_stays_and_time_finds_it() {
        let (world, partition) = (busy(), partition_of("hello"));
        let log = CommitLog::new(&world, 1_000.0);
        let early = log.read(&world, partition, 0, usize::MAX, 1_111.0);
        let late = log.read(&world, partition, 0, usize::MAX, 9_999.0);
        assert_eq!(early[..], late[..early.len()]);
        for time in [0.0, 1_050.0, 1_100.0, 1_110.9] {
            let first = early.iter().find(|entry| entry.at >= time);
            let found = log.first_at_or_after(&world, partition, time, 1_111.0);
            assert_eq!(found, first.map(|entry| (entry.offset, entry.at)), "{time}");
        }
        assert_eq!(
            log.first_at_or_after(&world, partition, 1_112.0, 1_111.0),
            None
        );
    }
}
