//! A consumer group: what it reads and how far behind it is, when it commits, who its members are, and when it rebalances.

use super::delay::Delay;
use super::occurrence::Occurrence;
use super::{Time, hash};

/// How long a group takes to settle after a rebalance began, in seconds.
const SETTLING_SECONDS: f64 = 3.0;

/// Members of the largest group; more than Kafka's own default bound would let in.
pub const MEMBERS_MAX: u32 = 10_000;

/// A consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its id.
    pub name: String,
    /// By which protocol it is a group.
    pub kind: Kind,
    /// What it reads.
    pub reads: Vec<Subscription>,
    /// Seconds from commit to commit.
    pub commit_every: f64,
    /// A commit may be for where the reader was so many seconds before, at most; no more than `commit_every`.
    pub jitter_seconds: f64,
    /// Its first commits come after this moment.
    pub since: Time,
    /// How many consumers it has; 0 = it assigns partitions to itself, so that Kafka knows of no members.
    pub members: u32,
    /// While these last nobody is there: no members, no commits.
    pub absences: Vec<Absence>,
    /// A new generation each time; the beginning and the end of an absence are others.
    pub rebalances: Vec<Occurrence>,
}

/// By which protocol a group is one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// JoinGroup and SyncGroup, or offsets committed without a group's protocol.
    Classic,
    /// KIP-848.
    Consumer,
    /// KIP-932; what it has "committed" is its start offset.
    Share,
    /// KIP-1071.
    Streams,
}

/// What a group reads of one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// Index into the world's topics.
    pub topic: usize,
    /// How far it is behind.
    pub delay: Delay,
    /// In these partitions it is another.
    pub exceptions: Vec<(u32, Delay)>,
    /// Only the first so many partitions were ever committed; absent = all.
    pub committed_partitions: Option<u32>,
}

/// Nobody there for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Absence {
    /// When the last member leaves.
    pub begins: Occurrence,
    /// For how many seconds.
    pub seconds: f64,
}

/// The state a group is in, as Kafka would say it of any kind of group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// No members.
    Empty,
    /// `PreparingRebalance` of a classic group, `Reconciling` of the others.
    Rebalancing,
    /// All is settled.
    Stable,
}

/// A member of a group, and what it was assigned.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Kafka's id of it.
    pub id: String,
    /// Its client's.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// Topics (indexes into the world's) and their partitions.
    pub assignment: Vec<(usize, Vec<u32>)>,
}

impl Group {
    /// A classic group of one member that commits every 5 s and reads nothing yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: Kind::Classic,
            reads: Vec::new(),
            commit_every: 5.0,
            jitter_seconds: 0.0,
            since: 0.0,
            members: 1,
            absences: Vec::new(),
            rebalances: Vec::new(),
        }
    }

    /// It reads this topic, so far behind.
    pub fn reading(mut self, topic: usize, delay: Delay) -> Self {
        self.reads.push(Subscription {
            topic,
            delay,
            exceptions: Vec::new(),
            committed_partitions: None,
        });
        self
    }

    /// Of another kind.
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// With so many consumers.
    pub fn with_members(mut self, members: u32) -> Self {
        self.members = members.min(MEMBERS_MAX);
        self
    }

    /// Commits so often, and not always up to where it is.
    pub fn committing(mut self, every: f64, jitter_seconds: f64) -> Self {
        self.commit_every = every;
        self.jitter_seconds = jitter_seconds.min(every);
        self
    }

    /// What it reads of this topic.
    pub fn subscription(&self, topic: usize) -> Option<&Subscription> {
        self.reads.iter().find(|reads| reads.topic == topic)
    }

    /// Whether nobody is there at `t`.
    pub fn is_absent(&self, t: Time) -> bool {
        self.absences
            .iter()
            .any(|absence| absence.begun(t).is_some())
    }

    /// Its state at `t`.
    pub fn state(&self, t: Time) -> State {
        if self.members == 0 || self.is_absent(t) {
            State::Empty
        } else if self.generation(t) > self.generation(t - SETTLING_SECONDS) {
            State::Rebalancing
        } else {
            State::Stable
        }
    }

    /// How many members it has at `t`.
    pub fn members_at(&self, t: Time) -> u32 {
        if self.is_absent(t) { 0 } else { self.members }
    }

    /// Its generation (classic) or epoch (the others) at `t`; from 1, and 0 for one that Kafka knows no members of.
    pub fn generation(&self, t: Time) -> u64 {
        if self.members == 0 {
            return 0;
        }
        let rebalances: u64 = self.rebalances.iter().map(|each| each.count(t)).sum();
        let absences: u64 = self.absences.iter().map(|each| each.edges(t)).sum();
        1 + rebalances + absences
    }

    /// When it last committed this partition by `t`; absent = never yet. The member that has the partition decides the moment.
    pub(super) fn last_commit(&self, delay: &Delay, partition: u32, t: Time) -> Option<Time> {
        let member = self.member_of(partition);
        let mut t = t;
        loop {
            let at = self.instant(self.round(member, t), member);
            if at <= self.since {
                return None;
            }
            match self.silent_since(delay, at) {
                // Strictly earlier, so that this ends.
                Some(since) => t = since.min(at - self.commit_every / 2.0),
                None => return Some(at),
            }
        }
    }

    /// Where the reader was that the commit at `at` is for.
    pub(super) fn position(&self, delay: &Delay, partition: u32, at: Time) -> Time {
        let member = self.member_of(partition);
        let round = self.round(member, at) as u64;
        let late = hash::share(self.seed(), round, u64::from(member));
        delay.read_up_to(at - late * self.jitter_seconds)
    }

    /// Since when it commits nothing, if it doesn't at `t`.
    fn silent_since(&self, delay: &Delay, t: Time) -> Option<Time> {
        let absences = self.absences.iter().filter_map(|absence| absence.begun(t));
        absences
            .chain(delay.standing_since(t))
            .min_by(Time::total_cmp)
    }

    /// Which member has a partition.
    fn member_of(&self, partition: u32) -> u32 {
        partition % self.members.max(1)
    }

    /// Which partitions, of so many, a member has.
    pub(super) fn own(&self, member: u32, partitions: u32) -> impl Iterator<Item = u32> + use<> {
        (member..partitions).step_by(self.members.max(1) as usize)
    }

    /// When which member commits, after `from`, up to and with `to`, in order of time; standstills and absences aside.
    pub(super) fn instants(&self, from: Time, to: Time) -> impl Iterator<Item = (Time, u32)> {
        let mut members: Vec<u32> = (0..self.members.max(1)).collect();
        members.sort_by(|a, b| self.instant(0, *a).total_cmp(&self.instant(0, *b)));
        // A round more at both ends: the first member's is not the first of all.
        let rounds = self.round(0, from) - 1..self.round(0, to) + 2;
        rounds
            .flat_map(move |round| {
                let at = members
                    .iter()
                    .map(|member| (self.instant(round, *member), *member));
                at.collect::<Vec<_>>()
            })
            .filter(move |(at, _)| *at > from && *at <= to)
    }

    /// When a member commits in a round; rounds follow each other after `commit_every`.
    pub(super) fn instant(&self, round: i64, member: u32) -> Time {
        let phase = hash::share(self.seed(), u64::from(member), 1);
        (round as f64 + phase) * self.commit_every
    }

    /// The last round by `t` in which a member has committed.
    pub(super) fn round(&self, member: u32, t: Time) -> i64 {
        let phase = hash::share(self.seed(), u64::from(member), 1);
        let near = (t / self.commit_every - phase).round() as i64;
        // By the instants themselves: a quotient is rounded otherwise than they are.
        if self.instant(near, member) <= t {
            near
        } else {
            near - 1
        }
    }

    pub(super) fn seed(&self) -> u64 {
        hash::of_name(&self.name)
    }
}

impl Subscription {
    /// How far it is behind in this partition.
    pub fn delay_of(&self, partition: u32) -> &Delay {
        self.exceptions
            .iter()
            .find(|(number, _)| *number == partition)
            .map_or(&self.delay, |(_, delay)| delay)
    }

    /// Whether it commits this partition at all.
    pub fn commits(&self, partition: u32) -> bool {
        self.committed_partitions
            .is_none_or(|count| partition < count)
    }
}

impl Absence {
    /// When it began, if it lasts at `t`.
    fn begun(&self, t: Time) -> Option<Time> {
        let last = self.begins.last(t)?;
        (t < last + self.seconds).then_some(last)
    }

    /// How many beginnings and ends there were by `t`.
    fn edges(&self, t: Time) -> u64 {
        self.begins.count(t) + self.begins.count(t - self.seconds)
    }

    /// Beginnings and ends after `from`, up to and with `to`.
    pub(super) fn edges_between(&self, from: Time, to: Time) -> impl Iterator<Item = Time> + use<> {
        let seconds = self.seconds;
        let ends = self.begins.between(from - seconds, to - seconds);
        self.begins
            .between(from, to)
            .chain(ends.map(move |begun| begun + seconds))
    }
}
