//! One group, as its listings tell of it: what is known, for how long that holds, and when it is gone.

use std::sync::Arc;

use super::client::cluster::BrokerId;
use super::seldom::MEMBERS_SECONDS;
use crate::analysis::sample::{Time, is_share};

/// A group that two complete listings in a row lack is gone. One is not enough: a group that moves between brokers can be
/// missed once by both.
const LISTINGS_UNTIL_GONE: u8 = 2;

/// A group that its own coordinator lacks in so many answers in a row, and no other broker lists, is gone, whoever else is
/// silent: otherwise one broker that is away for a week would keep every group for a week. One more than above, for the silent
/// broker may be the one it moved to; where the metadata names that one, they don't count.
const OWN_LISTINGS_UNTIL_GONE: u8 = 3;

/// A group that nobody has listed for a day is forgotten whatever the brokers say: its history is older than every curve.
const UNLISTED_SECONDS_MAX: f64 = 86_400.0;

/// A group that was not listed in so many cycles is in an unknown state: its coordinator stopped, or the whole cluster did.
const UNLISTED_CYCLES_UNTIL_UNKNOWN: u32 = 3;

/// So many cycles after they were due to be told again, a group's members are unknown: other questions and an answer that
/// came late may take turns before.
const OVERDUE_CYCLES: usize = 6;

/// A group as it was last listed.
pub(crate) struct Group {
    pub(crate) coordinator: BrokerId,
    pub(crate) state: Option<Arc<str>>,
    pub(crate) kind: Option<Arc<str>>,
    pub(crate) members: Option<u32>,
    /// Partitions of its commits that are followed.
    pub(crate) partitions: usize,
    /// Its commits are more partitions than there is room for.
    pub(crate) is_refused: bool,
    /// Its generation or epoch, where the commit stream told it.
    pub(crate) generation: Option<u32>,
    /// The commit stream would tell if its members changed.
    pub(crate) is_streamed: bool,
    /// When its members were last asked for; absent = its state changed since.
    pub(crate) members_asked: Option<Time>,
    /// When an answer said how many; absent = unknown, or told by the state.
    members_told: Option<Time>,
    /// Cycles for which they have been due to be told again.
    members_overdue: usize,
    listed: bool,
    /// By more than one broker: it moves, or one of them doesn't know that it has moved.
    is_disputed: bool,
    /// Cycles since it was last listed.
    unlisted: u32,
    listed_at: Time,
    /// Complete listings without it.
    missed: u8,
    /// Answers of its coordinator without it, in a row.
    missed_by_own: u8,
}

impl Group {
    /// The groups that can have members to ask for: an empty one has said so in its state. One that isn't listed would
    /// only be called dead.
    pub(crate) fn may_have_members(&self) -> bool {
        self.listed && !matches!(self.state.as_deref(), Some("Empty" | "Dead"))
    }

    /// Takes what the commit stream told: nothing, if it doesn't tell of this group now. After a rebalance its members are asked for,
    /// and when it may have missed one.
    pub(crate) fn tell_generation(&mut self, told: Option<(Option<u32>, bool)>) {
        let was_streamed = std::mem::replace(&mut self.is_streamed, told.is_some());
        let (generation, rebalanced) = told.unwrap_or_default();
        self.generation = generation.or(self.generation);
        if rebalanced || self.is_streamed && !was_streamed {
            self.members_asked = None;
        }
    }

    pub(crate) fn tell_members(&mut self, count: u32, now: Time) {
        self.members = Some(count);
        self.members_told = Some(now);
    }

    pub(crate) fn new(
        coordinator: BrokerId,
        state: Option<Arc<str>>,
        kind: Option<Arc<str>>,
        now: Time,
    ) -> Self {
        let mut group = Self {
            coordinator,
            state: None,
            kind,
            members: None,
            partitions: 0,
            is_refused: false,
            generation: None,
            is_streamed: false,
            members_asked: None,
            members_told: None,
            members_overdue: 0,
            listed: true,
            is_disputed: false,
            unlisted: 0,
            listed_at: now,
            missed: 0,
            missed_by_own: 0,
        };
        group.change_state(state);
        group
    }

    /// It keeps no commits that others could read.
    pub(crate) fn is_share(&self) -> bool {
        self.kind.as_deref().is_some_and(is_share)
    }

    pub(crate) fn begin_listing(&mut self) {
        (self.listed, self.is_disputed) = (false, false);
    }

    /// Another broker lists it, too.
    pub(crate) fn dispute(&mut self) {
        self.is_disputed = true;
    }

    /// Since [`Self::begin_listing`].
    pub(crate) fn is_disputed(&self) -> bool {
        self.is_disputed
    }

    /// Since [`Self::begin_listing`].
    pub(crate) fn is_listed(&self) -> bool {
        self.listed
    }

    /// Takes what its coordinator said of it.
    pub(crate) fn list(
        &mut self,
        coordinator: BrokerId,
        state: Option<Arc<str>>,
        kind: Option<Arc<str>>,
        now: Time,
    ) {
        self.coordinator = coordinator;
        self.listed = true;
        self.unlisted = 0;
        self.listed_at = now;
        self.missed = 0;
        self.missed_by_own = 0;
        self.kind = kind;
        self.change_state(state);
    }

    /// Counts a listing without it; `answering` are the brokers that listed, `named` is its coordinator by the metadata. One that
    /// is named and silent may have taken it over: that the former one lacks it is no news then.
    pub(crate) fn end_listing(
        &mut self,
        reach: Reach,
        answering: &[BrokerId],
        named: Option<BrokerId>,
    ) {
        if !self.listed {
            self.unlisted += 1;
            let moved = named.is_some_and(|broker| !answering.contains(&broker));
            self.miss(reach, answering.contains(&self.coordinator) && !moved);
        }
        if self.unlisted >= UNLISTED_CYCLES_UNTIL_UNKNOWN {
            self.forget_state();
        }
    }

    /// What was told of members longer ago than it takes to be told again; `round` are the cycles in which all groups are
    /// asked for once.
    pub(crate) fn drop_old_members(&mut self, round: usize, now: Time) {
        let told = self.members_told;
        let due = told.is_some_and(|told| now - told >= MEMBERS_SECONDS) && !self.is_streamed;
        self.members_overdue = if due { self.members_overdue + 1 } else { 0 };
        if self.members_overdue > OVERDUE_CYCLES + round {
            self.members = None;
            self.members_told = None;
        }
    }

    /// `own_answered`: the broker that listed it last did answer now, and should still have it.
    fn miss(&mut self, reach: Reach, own_answered: bool) {
        match reach {
            Reach::Leaderless => return,
            Reach::Complete => self.missed += 1,
            Reach::Partial => {}
        }
        self.missed_by_own = if own_answered {
            self.missed_by_own + 1
        } else {
            0
        };
    }

    pub(crate) fn is_gone(&self, now: Time) -> bool {
        self.missed >= LISTINGS_UNTIL_GONE
            || self.missed_by_own >= OWN_LISTINGS_UNTIL_GONE
            || now - self.listed_at >= UNLISTED_SECONDS_MAX
    }

    fn forget_state(&mut self) {
        self.kind = None;
        self.state = None;
        self.members = None;
        self.members_told = None;
        self.members_asked = None;
    }

    /// An empty group has no members; one that was empty has an unknown number.
    fn change_state(&mut self, state: Option<Arc<str>>) {
        if self.state == state {
            return;
        }
        let was_empty = self.state.as_deref() == Some("Empty");
        self.state = state;
        self.members_asked = None;
        if self.state.as_deref() == Some("Empty") {
            // Told by the state, with every listing: it doesn't grow old.
            self.members = Some(0);
            self.members_told = None;
        } else if was_empty {
            self.members = None;
        }
    }
}

/// What the listings of a cycle say about the groups that are not in them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reach {
    /// Every broker listed, and every group has a coordinator.
    Complete,
    /// Some brokers did not list.
    Partial,
    /// Some groups have no coordinator now: no list can have them, and a list without a group says nothing.
    Leaderless,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_broker_keeps_no_group_that_another_coordinated() {
        use Reach::{Complete, Leaderless, Partial};
        let never = [false; 3];
        let after_two = [false, true, true];
        let after_three = [false, false, true];
        let (one, both): (&[BrokerId], &[BrokerId]) = (&[1], &[1, 2]);
        let cases = [
            (one, Partial, None, after_three, "its coordinator lacks it"),
            (one, Partial, Some(1), after_three, "and should have it"),
            (
                one,
                Partial,
                Some(2),
                never,
                "it may be with the silent one",
            ),
            (both, Partial, Some(2), after_three, "it isn't there either"),
            (&[2], Partial, None, never, "another says nothing of it"),
            (one, Leaderless, None, never, "it may have no coordinator"),
            (one, Complete, Some(1), after_two, "all brokers lack it"),
        ];
        for (answering, reach, named, gone, why) in cases {
            let mut group = Group::new(1, None, None, 0.0);
            for gone in gone {
                group.begin_listing();
                group.end_listing(reach, answering, named);
                assert_eq!(group.is_gone(0.0), gone, "{why}");
            }
        }
    }
}
