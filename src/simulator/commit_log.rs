//! `__consumer_offsets` as arithmetic: each commit and each generation of the groups whose names fall into a partition is a record,
//! in order of time, with offsets that have no holes.
//!
//! Every member takes as many offsets each time that it could commit as it has partitions, so that how many records there are is
//! arithmetic, too. Where it commits fewer, because it stands still, the others repeat the group's own record: Kafka writes
//! that again at times, and it tells nothing new.

use super::group::{Group, Kind};
use super::world::{Commit, Generation};
use super::{Time, World};

/// Partitions of the topic: Kafka's `offsets.topic.num.partitions`.
pub(super) const PARTITIONS: u32 = 50;

/// Records are worked out for so much of a partition's time at once: a few hundred for a reader in the middle of it to go through, of a
/// crowd a few thousand.
const SLOT_SECONDS: f64 = 2.0;

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
        Self { begins, groups }
    }

    /// The offset that the next record gets.
    pub(super) fn end(&self, world: &World, partition: u32, now: Time) -> u64 {
        let groups = self.groups[partition as usize].iter();
        groups
            .map(|group| self.records_of(world, &world.groups[*group], now))
            .sum()
    }

    /// Records from `offset` on that are there at `now`: `max`, or all there are.
    pub(super) fn read(
        &self,
        world: &World,
        partition: u32,
        offset: u64,
        max: usize,
        now: Time,
    ) -> Vec<Entry> {
        let Some(last) = self.slot_of(now) else {
            return Vec::new();
        };
        let mut slot = self.slot_with(world, partition, offset, last);
        let mut read = Vec::new();
        while slot <= last && read.len() < max {
            let entries = self.slot(world, partition, slot, now);
            read.extend(entries.into_iter().filter(|entry| entry.offset >= offset));
            slot += 1;
        }
        read.truncate(max);
        read
    }

    /// The slot that holds this offset; the last when none does yet.
    fn slot_with(&self, world: &World, partition: u32, offset: u64, last: usize) -> usize {
        let (mut from, mut to) = (0, last);
        while from < to {
            let middle = from + (to - from) / 2;
            if self.end(world, partition, self.slot_begins(middle + 1)) <= offset {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }

    /// The first record at or after `time`.
    pub(super) fn first_at_or_after(
        &self,
        world: &World,
        partition: u32,
        time: Time,
        now: Time,
    ) -> Option<(u64, Time)> {
        let last = self.slot_of(now)?;
        let first = self.slot_of(time.max(self.begins))?;
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

    fn slot_of(&self, time: Time) -> Option<usize> {
        let slot = ((time - self.begins) / SLOT_SECONDS).floor();
        (slot >= 0.0).then_some(slot as usize)
    }

    fn slot_begins(&self, slot: usize) -> Time {
        self.begins + slot as f64 * SLOT_SECONDS
    }

    /// The records of a slot that are there at `now`, with their offsets.
    fn slot(&self, world: &World, partition: u32, slot: usize, now: Time) -> Vec<Entry> {
        let from = self.slot_begins(slot);
        let to = self.slot_begins(slot + 1).min(now);
        let mut entries = Vec::new();
        for &group in &self.groups[partition as usize] {
            self.write(world, group, from, to, &mut entries);
        }
        entries.sort_by(|a, b| a.at.total_cmp(&b.at));
        let first = self.end(world, partition, from);
        for (number, entry) in entries.iter_mut().enumerate() {
            entry.offset = first + number as u64;
        }
        entries
    }

    /// Records of a group by `t`: as many as [`Self::write`] writes.
    fn records_of(&self, world: &World, group: &Group, t: Time) -> u64 {
        let commits: u64 = (0..group.members.max(1))
            .map(|member| self.instants(group, member, t) * places(world, group, member))
            .sum();
        commits + group.generation(t.max(self.begins)) - group.generation(self.begins)
    }

    /// How often a member could have committed by `t`, since the log began.
    fn instants(&self, group: &Group, member: u32, t: Time) -> u64 {
        let first = group.round(member, self.begins.max(group.since));
        let last = group.round(member, t);
        u64::try_from(last - first).unwrap_or(0)
    }

    /// What a group writes after `from`, up to and with `to`; without offsets yet.
    fn write(&self, world: &World, group: usize, from: Time, to: Time, into: &mut Vec<Entry>) {
        let data = &world.groups[group];
        let entry = |at, what| Entry {
            offset: 0,
            at,
            group,
            what,
        };
        let generations = world.generations_between(group, from, to).into_iter();
        into.extend(generations.map(|g| entry(g.at, What::Generation(g))));
        for member in 0..data.members.max(1) {
            let since = from.max(data.since);
            let numbers = data.round(member, since) + 1..=data.round(member, to);
            for number in numbers {
                let at = data.instant(number, member);
                let places = places(world, data, member) as usize;
                let commits = world.commits_at(group, member, at).into_iter();
                let written = into.len();
                into.extend(commits.take(places).map(|c| entry(c.at, What::Commit(c))));
                let again = Generation {
                    at,
                    number: data.generation(at),
                    members: data.members_at(at),
                };
                let missing = places - (into.len() - written);
                into.extend((0..missing).map(|_| entry(at, What::Generation(again))));
            }
        }
    }
}

/// Offsets that a member takes each time: a partition's each.
fn places(world: &World, group: &Group, member: u32) -> u64 {
    let members = group.members.max(1);
    let owned = |committed: u32| committed / members + u32::from(member < committed % members);
    let committed = group.reads.iter().map(|reads| {
        let all = world.partitions(reads.topic);
        all.min(reads.committed_partitions.unwrap_or(all))
    });
    committed.map(|count| u64::from(owned(count))).sum()
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
        // It stands still for a while: nothing is committed then.
        let stops = Delay::until(1_500.0, 1.0).stop(300.0).drain(1.0, 200.0);
        let mut group = Group::new("hello").reading(topic, stops);
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
