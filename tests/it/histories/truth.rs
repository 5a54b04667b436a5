//! What the world knows of lags, against what a report says of them.

use std::collections::BTreeSet;

use lagslope::analysis::report::{Report, TopicReport};
use lagslope::simulator::World;
use lagslope::simulator::group::Kind;

/// Cycles whose pairs a partition may still stand by: its own and those of three intervals.
const STANDS_FOR: usize = 4;

/// Judges one report after the other.
pub(super) struct Judge<'a> {
    world: &'a World,
    /// When the last cycles were, the newest last.
    cycles: Vec<f64>,
}

/// Partitions with a true lag at the newest cycle.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// Of which the report says so.
    pub(super) told: u64,
    /// Of which it says nothing, or what was true a cycle or more ago.
    pub(super) silent: u64,
}

impl<'a> Judge<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        Self {
            world,
            cycles: Vec::new(),
        }
    }

    /// Nothing in this report is wrong, or what is.
    pub(super) fn judge(&mut self, report: &Report, now: f64) -> Result<Found, String> {
        self.cycles.push(now);
        let first = self.cycles.len().saturating_sub(STANDS_FOR);
        self.cycles.drain(..first);
        let mut found = Found::default();
        for group in 0..self.world.groups.len() {
            for topic in self.world.subscribed(group) {
                let told = self.told(report, group, topic);
                if let Some(told) = told {
                    self.is_true(told, group, topic)?;
                }
                self.count(told, group, topic, now, &mut found);
            }
        }
        for group in &report.groups {
            let is_there = self.world.groups.iter().any(|g| *g.name == *group.name);
            if !is_there {
                return Err(format!("there is no group {}", group.name));
            }
        }
        Ok(found)
    }

    fn told<'r>(&self, report: &'r Report, group: usize, topic: usize) -> Option<&'r TopicReport> {
        let (group, topic) = (
            &self.world.groups[group].name,
            &self.world.topics[topic].name,
        );
        let group = report.groups.iter().find(|g| *g.name == **group)?;
        group.topics.iter().find(|t| *t.topic == **topic)
    }

    /// Absent where there is no commit, no log, or a commit that is left over beyond its end.
    fn lag(&self, group: usize, topic: usize, partition: u32, t: f64) -> Option<u64> {
        let end = self.world.log_end(topic, partition, t)?;
        end.checked_sub(self.world.committed(group, topic, partition, t)?)
    }

    /// What a partition's lag may be said to be.
    fn lags(&self, group: usize, topic: usize, partition: u32) -> BTreeSet<u64> {
        let cycles = self.cycles.iter();
        cycles
            .filter_map(|t| self.lag(group, topic, partition, *t))
            .collect()
    }

    /// A share group that acknowledges less than what arrives in a tenth of the interval seems to stand.
    fn slack(&self, group: usize, topic: usize, partition: u32) -> u64 {
        if self.world.groups[group].kind != Kind::Share {
            return 0;
        }
        let ends = self.cycles.iter();
        let ends = ends.filter_map(|t| self.world.log_end(topic, partition, *t));
        let ends: Vec<u64> = ends.collect();
        let arrived = ends.first().zip(ends.last());
        arrived.map_or(0, |(first, last)| last.saturating_sub(*first) / 10)
    }

    fn is_true(&self, told: &TopicReport, group: usize, topic: usize) -> Result<(), String> {
        let name = |what: &str| {
            format!(
                "{what} of {} in {} at {:?}",
                self.world.groups[group].name, told.topic, self.cycles
            )
        };
        for partition in &told.partitions {
            let (number, lag) = (partition.partition, partition.lag_messages);
            let truth = self.lags(group, topic, number);
            let slack = self.slack(group, topic, number);
            let is_near = |of: &u64| (*of..=of.saturating_add(slack)).contains(&lag);
            if !truth.iter().any(is_near) {
                return Err(name(&format!(
                    "the lag {lag} in partition {number} is none of {truth:?}"
                )));
            }
            let age = partition.time_lag_seconds;
            if age.is_some_and(|age| !(age >= 0.0 && age.is_finite())) {
                return Err(name(&format!("age {age:?}")));
            }
        }
        let Some(sum) = told.lag_messages else {
            return Ok(());
        };
        let parts: u64 = told.partitions.iter().map(|p| p.lag_messages).sum();
        if sum != parts {
            return Err(name(&format!("the sum {sum} is not {parts}")));
        }
        // Each partition with a lag is in it, or it isn't the sum.
        let listed: BTreeSet<u32> = told.partitions.iter().map(|p| p.partition).collect();
        let now = *self.cycles.last().expect("there is a cycle");
        let missing = (0..self.world.partitions(topic)).find(|partition| {
            !listed.contains(partition)
                && self
                    .cycles
                    .iter()
                    .all(|t| self.lag(group, topic, *partition, *t).is_some())
                && self.lag(group, topic, *partition, now).is_some()
        });
        match missing {
            Some(partition) => Err(name(&format!(
                "the sum {sum} is without partition {partition}"
            ))),
            None => Ok(()),
        }
    }

    fn count(
        &self,
        told: Option<&TopicReport>,
        group: usize,
        topic: usize,
        now: f64,
        found: &mut Found,
    ) {
        for number in 0..self.world.partitions(topic) {
            let Some(truth) = self.lag(group, topic, number, now) else {
                continue;
            };
            let slack = self.slack(group, topic, number);
            let partitions = told.map_or(&[][..], |told| &told.partitions);
            let is_told = partitions
                .iter()
                .any(|p| p.partition == number && p.lag_messages.abs_diff(truth) <= slack);
            if is_told {
                found.told += 1;
            } else {
                found.silent += 1;
            }
        }
    }
}
