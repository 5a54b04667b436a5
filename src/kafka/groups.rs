//! Which groups there are, who coordinates each, and in which state it is: ListGroups to every broker, followed at once by
//! that broker's commits (`offsets.rs`, `shares.rs`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kafka_protocol::messages::ListGroupsRequest;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::bounds::{self, Admission, Limits};
use super::client::broker::Question;
use super::client::cluster::BrokerId;
use super::client::session::Session;
use super::coordinators::Coordinators;
use super::error::Error;
use super::filter::Filter;
use super::group::{Group, Reach};
use super::members;
use super::offsets::GroupCommits;
use super::settings::Settings;
use super::shares;
use super::stream::AskStreamed;
use crate::analysis::sample::Time;

/// The name of our own consumer group, which is hidden.
pub(crate) const OWN_GROUP: &str = "lagslope";

/// Asks a broker for the groups it coordinates, and for their commits.
pub(crate) struct AskGroups {
    pub(crate) settings: Arc<Settings>,
    pub(crate) admission: Arc<Admission>,
    /// What of it the commit stream tells, so that it isn't asked.
    pub(crate) streamed: AskStreamed,
}

/// What one broker said.
pub(crate) struct Listing {
    pub(crate) groups: Vec<ListedGroup>,
    /// Of those groups. When they could not be read at all, that was counted, and the list still counts.
    pub(crate) commits: Vec<GroupCommits>,
    /// Where the shards of the commit stream end that this broker leads, and when it said so; read after the commits.
    pub(crate) shard_ends: Vec<(usize, u64)>,
    pub(crate) shards_told_at: Instant,
    /// Groups beyond the bound, which are in neither.
    pub(crate) refused: usize,
    /// Nothing of it was taken away: a group that isn't in it isn't at that broker.
    pub(crate) whole: bool,
}

impl Question for AskGroups {
    const NAME: &'static str = "ListGroups";
    type Answer = Listing;

    async fn put(self, session: &mut Session) -> Result<Listing, Error> {
        let answer = session.ask(|_| ListGroupsRequest::default()).await?.body;
        session.check(answer.error_code, Self::NAME)?;
        let mut groups = answer.groups;
        groups.retain(|group| watched(&self.settings, &group.group_id));
        let refused = self.admission.admit(&mut groups);
        let mut asked = shares::Asked::default();
        for group in &groups {
            asked.add(group.group_id.0.clone(), &group.group_type);
        }
        asked.leave_out(&self.streamed);
        let commits = asked.offsets(session).await;
        let shard_ends = self.streamed.ask_ends(session).await;
        Ok(Listing {
            groups,
            commits: commits.unwrap_or_default(),
            shard_ends,
            shards_told_at: Instant::now(),
            refused,
            whole: true,
        })
    }
}

fn watched(settings: &Settings, group: &str) -> bool {
    group != OWN_GROUP && settings.groups.passes(group)
}

/// The watched groups.
#[derive(Default)]
pub(crate) struct Groups {
    known: BTreeMap<Arc<str>, Group>,
    /// States and types: a handful of words.
    words: Words,
    admission: Arc<Admission>,
}

impl Groups {
    /// At most so many.
    pub(crate) fn new(max_groups: usize) -> Self {
        Self {
            admission: Arc::new(Admission::new(max_groups)),
            ..Self::default()
        }
    }

    /// At most so many from now on. Those beyond lower bounds, in order of name, are let go: groups are forgotten, and groups whose
    /// commits are too many have to find room again like new ones.
    pub(crate) fn bound(&mut self, limits: Limits) {
        self.admission.bound(limits.max_groups);
        self.known.retain(|name, _| self.admission.has(name));
        bounds::hold_within(limits.max_partitions, self.known.values_mut());
    }

    pub(crate) fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.admission)
    }

    /// Takes out the commits of groups that would be more partitions than may be followed; says how many partitions those have.
    /// A group may have as many as it had; for more there must be room. `counts` says whether a topic's partitions are followed.
    pub(crate) fn refuse_commits(
        &mut self,
        commits: &mut HashMap<StrBytes, GroupCommits>,
        max_partitions: usize,
        counts: impl Fn(&str) -> bool,
    ) -> usize {
        let held = self.known.values().map(|group| group.partitions).sum();
        let mut room = max_partitions.saturating_sub(held);
        let mut refused = 0;
        for (name, group) in &mut self.known {
            let Some(told) = commits.get(name.as_bytes()).map(|told| told.count(&counts)) else {
                continue;
            };
            let more = told.saturating_sub(group.partitions);
            group.is_refused = more > room;
            if group.is_refused {
                commits.remove(name.as_bytes());
                refused += told;
                continue;
            }
            room = room + group.partitions - told;
            group.partitions = told;
        }
        refused
    }

    pub(crate) fn count(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Group)> + Clone {
        self.known.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut Group)> {
        self.known.iter_mut()
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Group> {
        self.known.get_mut(name)
    }

    /// Forgets the groups that a filter leaves out.
    pub(crate) fn forget_all_but(&mut self, filter: &Filter) {
        self.known.retain(|name, _| filter.passes(name));
    }

    /// Takes what the brokers listed, and forgets the groups that are gone.
    pub(crate) fn update<'a>(
        &mut self,
        listings: impl Iterator<Item = (BrokerId, &'a Listing)>,
        coordinators: &Coordinators,
        reach: Reach,
        now: Time,
    ) {
        self.known.values_mut().for_each(Group::begin_listing);
        let mut answering = Vec::new();
        for (broker, listing) in listings {
            answering.extend(listing.whole.then_some(broker));
            let answered = Answered::of(listing);
            for group in &listing.groups {
                self.list(broker, group, answered.has(&group.group_id), now);
            }
        }
        for (name, group) in &mut self.known {
            group.end_listing(reach, &answering, coordinators.coordinator(name));
        }
        self.known.retain(|_, group| !group.is_gone(now));
        self.admission.keep(|name| self.known.contains_key(name));
    }

    /// What was told of members longer ago than all groups of the cluster take to be told again is not known any more.
    pub(crate) fn drop_old_members(&mut self, now: Time) {
        let round = self.known.len() / members::GROUPS_MAX;
        for group in self.known.values_mut() {
            group.drop_old_members(round, now);
        }
    }

    /// While a group moves, two brokers may list it: the one that answers for its commits has it.
    fn list(&mut self, broker: BrokerId, listed: &ListedGroup, answers: bool, now: Time) {
        let state = self.words.get(&listed.group_state);
        let kind = self.words.get(&listed.group_type);
        let Some(group) = self.known.get_mut(&**listed.group_id) else {
            let group = Group::new(broker, state, kind, now);
            self.known.insert(Arc::from(&**listed.group_id), group);
            return;
        };
        let is_second = group.is_listed();
        if !is_second || answers {
            group.list(broker, state, kind, now);
        }
        if is_second {
            group.dispute();
        }
    }
}

/// The groups of a listing whose commits were answered for without an error.
struct Answered<'a>(Vec<&'a str>);

impl<'a> Answered<'a> {
    fn of(listing: &'a Listing) -> Self {
        let good = listing.commits.iter().filter(|group| group.topics.is_ok());
        let mut names: Vec<&str> = good.map(|group| &*group.name).collect();
        names.sort_unstable();
        Self(names)
    }

    fn has(&self, name: &str) -> bool {
        self.0.binary_search(&name).is_ok()
    }
}

/// Words that come again and again. Kafka has about a dozen; a broker that invents more gets them uninterned.
#[derive(Default)]
struct Words(Vec<Arc<str>>);

const WORDS_MAX: usize = 64;

impl Words {
    /// `None` for the empty word, by which an old broker says nothing.
    fn get(&mut self, word: &str) -> Option<Arc<str>> {
        if word.is_empty() {
            return None;
        }
        if let Some(known) = self.0.iter().find(|known| ***known == *word) {
            return Some(Arc::clone(known));
        }
        let new: Arc<str> = word.into();
        if self.0.len() < WORDS_MAX {
            self.0.push(Arc::clone(&new));
        }
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(groups: &[(&str, &str)], answered: &[&str]) -> Listing {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let groups = groups.iter().map(|(name, state)| {
            ListedGroup::default()
                .with_group_id(text(name).into())
                .with_group_state(text(state))
        });
        let commits = answered.iter().map(|name| GroupCommits {
            name: text(name),
            at: Instant::now(),
            topics: Ok(Vec::new()),
            lags: Vec::new(),
        });
        Listing {
            groups: groups.collect(),
            commits: commits.collect(),
            shard_ends: Vec::new(),
            shards_told_at: Instant::now(),
            refused: 0,
            whole: true,
        }
    }

    impl Groups {
        /// Of a cluster whose metadata says nothing of coordinators.
        fn hear<'a>(
            &mut self,
            listings: impl Iterator<Item = (BrokerId, &'a Listing)>,
            reach: Reach,
            now: Time,
        ) {
            self.update(listings, &Coordinators::default(), reach, now);
        }
    }

    fn names(groups: &Groups) -> Vec<&str> {
        groups.iter().map(|(name, _)| &**name).collect()
    }

    #[test]
    fn a_group_is_gone_after_two_complete_listings_without_it() {
        let mut groups = Groups::default();
        let both = listing(&[("a", "Stable"), ("b", "Empty")], &[]);
        let one = listing(&[("a", "Stable")], &[]);
        groups.hear([(1, &both)].into_iter(), Reach::Complete, 0.0);
        let cases = [
            (&one, Reach::Complete, 2, "missed once"),
            (
                &one,
                Reach::Partial,
                2,
                "a broker did not answer: that says little",
            ),
            (&both, Reach::Complete, 2, "there again"),
            (&one, Reach::Complete, 2, "missed once, counted anew"),
            (&one, Reach::Complete, 1, "missed twice"),
        ];
        for (listing, reach, left, why) in cases {
            groups.hear([(1, listing)].into_iter(), reach, 0.0);
            assert_eq!(names(&groups).len(), left, "{why}");
        }
    }

    #[test]
    fn a_group_that_nobody_listed_for_a_day_is_gone() {
        let mut groups = Groups::default();
        let listed = listing(&[("a", "Stable")], &[]);
        groups.hear([(1, &listed)].into_iter(), Reach::Complete, 0.0);
        for (now, left) in [(86_000.0, 1), (86_400.0, 0)] {
            groups.hear(std::iter::empty(), Reach::Leaderless, now);
            assert_eq!(names(&groups).len(), left);
        }
    }

    #[test]
    fn of_two_brokers_that_list_a_group_the_one_that_answers_has_it() {
        let (yes, no) = (
            listing(&[("a", "Stable")], &["a"]),
            listing(&[("a", "Empty")], &[]),
        );
        for order in [[(1, &yes), (2, &no)], [(2, &no), (1, &yes)]] {
            let mut groups = Groups::default();
            groups.hear(order.into_iter(), Reach::Complete, 0.0);
            let group = groups.get_mut("a").unwrap();
            assert_eq!(group.coordinator, 1);
            assert!(group.is_disputed());
        }
    }

    #[test]
    fn what_was_known_of_a_group_that_nobody_lists_any_more_is_not_repeated() {
        let mut groups = Groups::default();
        groups.hear(
            [(1, &listing(&[("a", "Stable")], &[]))].into_iter(),
            Reach::Complete,
            0.0,
        );
        groups.get_mut("a").unwrap().tell_members(2, 1000.0);
        for (cycle, known) in [(1, true), (2, true), (3, false), (4, false)] {
            groups.hear(std::iter::empty(), Reach::Partial, 0.0);
            let group = groups.get_mut("a").unwrap();
            assert_eq!(group.state.is_some(), known, "cycle {cycle}");
            assert_eq!(group.members.is_some(), known, "cycle {cycle}");
        }
        groups.hear(
            [(1, &listing(&[("a", "Empty")], &[]))].into_iter(),
            Reach::Complete,
            0.0,
        );
        assert_eq!(groups.get_mut("a").unwrap().members, Some(0));
    }

    #[test]
    fn members_that_are_not_told_again_are_unknown_after_a_while() {
        let mut groups = Groups::default();
        let listed = listing(&[("a", "Stable"), ("b", "Empty")], &[]);
        groups.hear([(1, &listed)].into_iter(), Reach::Complete, 0.0);
        groups.get_mut("a").unwrap().tell_members(2, 1000.0);
        let mut until = 0;
        for cycle in 0..30 {
            groups.hear([(1, &listed)].into_iter(), Reach::Complete, 0.0);
            groups.drop_old_members(1000.0 + 10.0 * f64::from(cycle));
            if groups.get_mut("a").unwrap().members.is_some() {
                until = cycle;
            }
        }
        assert_eq!(until, 11, "60 s, and six cycles");
        assert_eq!(
            groups.get_mut("b").unwrap().members,
            Some(0),
            "told by its state"
        );
    }

    #[test]
    fn the_state_says_when_there_are_no_members() {
        let mut groups = Groups::default();
        let states = [("Stable", None), ("Empty", Some(0)), ("Stable", None)];
        for (state, members) in states {
            groups.hear(
                [(1, &listing(&[("a", state)], &[]))].into_iter(),
                Reach::Complete,
                0.0,
            );
            assert_eq!(groups.get_mut("a").unwrap().members, members, "{state}");
        }
    }
}
