//! Large worlds cheaply: names by number, a few bytes for each topic and group, none for a partition.

use super::Time;
use super::arrivals::Arrivals;
use super::delay::Delay;
use super::group::Group;
use super::topic::Topic;
use super::world::World;

/// How large.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size {
    /// Consumer groups, each reading one topic.
    pub groups: u32,
    /// Partitions with a commit, over all groups.
    pub group_partitions: u32,
    /// How many groups read the same topic.
    pub readers: u32,
}

/// Messages per second in each partition; any number would do, as nothing is written.
const PARTITION_RATE: f64 = 10.0;

impl Size {
    /// Partitions of each topic.
    pub fn partitions(&self) -> u32 {
        (self.group_partitions / self.groups.max(1)).max(1)
    }

    /// Topics in all.
    pub fn topics(&self) -> u32 {
        self.groups.div_ceil(self.readers.max(1))
    }
}

impl World {
    /// Adds `topic-00000` and on, and `group-00000` and on, all of them running since `since`.
    pub fn add_scale(&mut self, size: Size, since: Time) {
        let partitions = size.partitions();
        let rate = PARTITION_RATE * f64::from(partitions);
        let first = self.topics.len();
        for number in 0..size.topics() {
            let arrivals = Arrivals::steady(since, rate);
            self.add_topic(Topic::new(
                format!("topic-{number:05}"),
                partitions,
                arrivals,
            ));
        }
        for number in 0..size.groups {
            let topic = first + (number / size.readers.max(1)) as usize;
            let group = Group::new(format!("group-{number:05}"));
            self.add_group(group.reading(topic, Delay::steady(1.0)));
        }
    }
}
