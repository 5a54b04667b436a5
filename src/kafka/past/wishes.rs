//! Whose past to ask for: partitions that are new, and those where a group turns up behind the beginning of what is known.

use std::collections::BTreeMap;

use kafka_protocol::protocol::StrBytes;

use super::{AskPast, Told};
use crate::analysis::sample::Reading;
use crate::kafka::client::broker::Question;
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::client::tally::Tally;
use crate::kafka::offsets::Place;
use crate::kafka::sampler::CommitsByGroup;
use crate::kafka::topic::Topic;
use crate::kafka::topics::Topics;

/// A partition's past is asked for at most once in so many cycles, however often its commits are rewound.
const CYCLES_BETWEEN: u32 = 6;

/// After each try without an answer the next one is twice as far away, up to 2⁶ times: a broker that is too slow for it stays so.
const DOUBLINGS_MAX: u8 = 6;

/// Partitions of a broker that are asked for in one cycle: their past takes 40 MB at most until it is thinned.
const WISHES_MAX: usize = 20_000;

/// What is known of a partition's past, and when it was asked for.
#[derive(Clone, Copy, Default)]
pub(crate) struct PastState {
    /// Arrivals are known from this offset on: the first log end that was read, or the oldest commit that was asked for.
    known_from: Option<u64>,
    /// The cycle in which it was last asked for; 0 = never.
    asked: u32,
    /// Tries in a row without an answer.
    tries: u8,
    /// The first log end was read in this cycle.
    pub(crate) is_new: bool,
}

impl PastState {
    /// A log end was read.
    pub(crate) fn see(&mut self, log_end: u64) {
        if self.known_from.is_none() {
            self.known_from = Some(log_end);
            self.is_new = true;
        }
    }

    /// What can be told was told, as far back as a commit.
    fn tell(&mut self, cycle: u32, oldest_commit: Option<u64>) {
        (self.asked, self.tries) = (cycle, 0);
        let known = self.known_from.into_iter().chain(oldest_commit);
        self.known_from = known.min();
    }

    /// It was asked in vain.
    fn put_off(&mut self, cycle: u32) {
        self.asked = cycle;
        self.tries = (self.tries + 1).min(DOUBLINGS_MAX);
    }

    /// It was not asked: whether the answer could be believed was not known.
    fn postpone(&mut self, cycle: u32) {
        self.asked = cycle;
    }

    fn may_ask(&self, cycle: u32) -> bool {
        let wait = CYCLES_BETWEEN << self.tries;
        self.asked == 0 || cycle.saturating_sub(self.asked) >= wait
    }

    /// Is a commit behind the beginning of what is known?
    fn lacks(&self, committed: u64) -> bool {
        self.known_from.is_some_and(|known| committed < known)
    }
}

/// A partition whose past is asked for.
pub(crate) struct Wish {
    pub(crate) topic: StrBytes,
    pub(crate) place: Place,
    pub(crate) log_end: Reading,
    /// Behind the log end; none when only the rate of arrivals is asked for.
    pub(crate) commits: Vec<u64>,
}

impl Wish {
    fn lag(&self) -> u64 {
        let oldest = self.commits.iter().min();
        oldest.map_or(0, |oldest| self.log_end.offset.saturating_sub(*oldest))
    }
}

/// What to ask each leader, the largest lag first. Looks at partitions whose log end was read in this cycle: with an older one
/// nothing is published.
pub(crate) fn wishes(
    topics: &Topics,
    commits: &CommitsByGroup,
    cycle: u32,
) -> BTreeMap<BrokerId, Vec<Wish>> {
    let mut by_leader: BTreeMap<BrokerId, Vec<Wish>> = BTreeMap::new();
    for ((index, partition), commits) in wanted(topics, commits, cycle) {
        let topic = &topics.list()[index];
        let leader = topic.leaders.get(partition).copied().unwrap_or_default();
        let log_end = topic.ends.get(partition).and_then(|end| end.log_end);
        if let (Some(broker), Some(log_end)) = (leader.broker, log_end) {
            by_leader.entry(broker).or_default().push(Wish {
                topic: topic.wire_name.clone(),
                place: Place::new(partition as i32, leader),
                log_end,
                commits,
            });
        }
    }
    for wishes in by_leader.values_mut() {
        wishes.sort_by_key(|wish| std::cmp::Reverse(wish.lag()));
        wishes.truncate(WISHES_MAX);
    }
    by_leader
}

/// By topic and partition, the commits whose age to look for. Where one is not known, all of the partition's are refined.
fn wanted(
    topics: &Topics,
    commits: &CommitsByGroup,
    cycle: u32,
) -> BTreeMap<(usize, usize), Vec<u64>> {
    let mut wanted: BTreeMap<(usize, usize), Vec<u64>> = BTreeMap::new();
    let told = commits
        .values()
        .filter_map(|group| group.topics.as_ref().ok());
    for told in told.flatten() {
        let Some(index) = topics.index(&told.name) else {
            continue;
        };
        let topic = &topics.list()[index];
        if topic.is_in_doubt() {
            continue;
        }
        for (partition, committed) in &told.partitions {
            let partition = *partition as usize;
            let end = topic.ends.get(partition).and_then(|end| end.log_end);
            let (Some(end), Some(state)) = (end, topic.past_state(partition)) else {
                continue;
            };
            let lags = *committed < end.offset;
            let lacks = lags && state.lacks(*committed);
            if state.may_ask(cycle) && (lacks || state.is_new) {
                let commits = wanted.entry((index, partition)).or_default();
                commits.extend(lags.then_some(*committed));
            }
        }
    }
    wanted
}

/// The partitions that a broker is asked about.
pub(crate) type Names = Vec<(StrBytes, i32)>;

/// Who is asked about what.
pub(crate) fn names(wishes: &BTreeMap<BrokerId, Vec<Wish>>) -> BTreeMap<BrokerId, Names> {
    let name = |wish: &Wish| (wish.topic.clone(), wish.place.index);
    let of_broker = |(broker, wishes): (&BrokerId, &Vec<Wish>)| {
        (*broker, wishes.iter().map(name).collect::<Names>())
    };
    wishes.iter().map(of_broker).collect()
}

/// Puts what was told where it belongs. Partitions that there was no time for are not in it, and are asked for in the next cycle.
pub(crate) fn put(topics: &mut Topics, told: Vec<Told>, cycle: u32, tally: &Tally) {
    for told in told {
        let Some((topic, partition)) = find(topics, &told.topic, told.partition) else {
            continue;
        };
        let Some(state) = topic.past_state_mut(partition) else {
            continue;
        };
        match told.points {
            Ok(points) => {
                state.tell(cycle, told.oldest_commit);
                topic.pasts.push((partition as u32, points));
            }
            Err(why) => {
                if let Some(label) = why.label() {
                    tally.error(AskPast::NAME, label);
                }
                if why.may_pass() {
                    state.put_off(cycle);
                } else {
                    state.tell(cycle, told.oldest_commit);
                }
            }
        }
    }
}

/// A broker did not answer about these.
pub(crate) fn put_off(topics: &mut Topics, names: &Names, cycle: u32) {
    each_state(topics, names, |state| state.put_off(cycle));
}

/// These were not asked about. That costs nothing but finding out why, so they don't wait longer each time.
pub(crate) fn postpone(topics: &mut Topics, names: &Names, cycle: u32) {
    each_state(topics, names, |state| state.postpone(cycle));
}

fn each_state(topics: &mut Topics, names: &Names, change: impl Fn(&mut PastState)) {
    for (name, partition) in names {
        if let Some((topic, partition)) = find(topics, name, *partition)
            && let Some(state) = topic.past_state_mut(partition)
        {
            change(state);
        }
    }
}

fn find<'a>(topics: &'a mut Topics, name: &str, partition: i32) -> Option<(&'a mut Topic, usize)> {
    Some((topics.get_mut(name)?, usize::try_from(partition).ok()?))
}
