//! How much of a cluster is watched. What is beyond is refused whole, and counted; what is known stays, so that curves don't churn.
//! When a bound is lowered, the first by name stay.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka_protocol::messages::list_groups_response::ListedGroup;

use super::group::Group;
use super::topic::Topic;

/// Bounds on one cluster's memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Groups that are watched.
    pub max_groups: usize,
    /// Partitions of topics that are watched, and likewise partitions in which groups have commits, over all groups.
    pub max_partitions: usize,
}

impl Default for Limits {
    /// Measured under traffic: 0.7 KB for a partition, 0.4 KB for a partition of a group (1.1 KB near the topic's retention), and
    /// 10 KB for a group × topic with a lag. All full, with one topic a group, that is some 420 MB; most clusters have a tenth.
    /// Groups that read many topics of one partition each cost more: 10 KB for each of those.
    fn default() -> Self {
        Self {
            max_groups: 20_000,
            max_partitions: 200_000,
        }
    }
}

/// The groups that are watched, shared by the questions to all brokers: commits are asked for as soon as a broker has listed, when
/// nobody knows yet what the others list. Once there is no room, only groups that are known already are admitted.
#[derive(Debug)]
pub(crate) struct Admission {
    max_groups: AtomicUsize,
    names: Mutex<BTreeSet<Box<str>>>,
}

impl Admission {
    pub(crate) fn new(max_groups: usize) -> Self {
        Self {
            max_groups: AtomicUsize::new(max_groups),
            names: Mutex::default(),
        }
    }

    /// At most so many from now on: the last ones by name are let go when there are more.
    pub(crate) fn bound(&self, max_groups: usize) {
        let mut names = self.names();
        self.max_groups.store(max_groups, Ordering::Relaxed);
        while names.len() > max_groups {
            names.pop_last();
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names().contains(name)
    }

    /// Leaves those out that are beyond the bound; says how many.
    pub(crate) fn admit(&self, listed: &mut Vec<ListedGroup>) -> usize {
        let mut names = self.names();
        let max_groups = self.max_groups.load(Ordering::Relaxed);
        let before = listed.len();
        listed.retain(|group| {
            let name = &**group.group_id;
            names.contains(name) || names.len() < max_groups && names.insert(name.into())
        });
        before - listed.len()
    }

    /// Makes room: keeps only the names that are still known.
    pub(crate) fn keep(&self, is_known: impl Fn(&str) -> bool) {
        self.names().retain(|name| is_known(name));
    }

    /// A panic elsewhere leaves the names right.
    fn names(&self) -> MutexGuard<'_, BTreeSet<Box<str>>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self::new(Limits::default().max_groups)
    }
}

/// Takes from the groups that don't fit, in the order given, the partitions that they hold.
pub(crate) fn hold_within<'a>(max_partitions: usize, groups: impl Iterator<Item = &'a mut Group>) {
    let mut room = max_partitions;
    for group in groups {
        match room.checked_sub(group.partitions) {
            Some(left) => room = left,
            None => group.partitions = 0,
        }
    }
}

/// The topics whose partitions fit, in the order given, and how many partitions the others have. Those that have not grown since
/// they were `held` come first, then those that have, then new ones: nothing new can push out what is known.
pub(crate) fn topics_within(
    max_partitions: usize,
    topics: Vec<Topic>,
    held: &HashMap<Arc<str>, usize>,
) -> (Vec<Topic>, usize) {
    let rank = |topic: &Topic| match held.get(&topic.name) {
        Some(held) if topic.leaders.len() <= *held => 0,
        Some(_) => 1,
        None => 2,
    };
    let mut order: Vec<usize> = (0..topics.len()).collect();
    order.sort_by_key(|index| rank(&topics[*index]));
    let (mut room, mut refused) = (max_partitions, 0);
    let mut fits = vec![false; topics.len()];
    for index in order {
        let count = topics[index].leaders.len();
        match room.checked_sub(count) {
            Some(left) => (room, fits[index]) = (left, true),
            None => refused += count,
        }
    }
    let kept = topics.into_iter().zip(fits);
    let kept = kept.filter_map(|(topic, fits)| fits.then_some(topic));
    (kept.collect(), refused)
}
