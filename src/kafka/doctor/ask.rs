//! Puts the daemon's questions to one broker: what it coordinates, what it leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use kafka_protocol::protocol::StrBytes;

use super::questions::{
    CONSUMER_GROUP_DESCRIBE, DESCRIBE_GROUPS, DESCRIBE_SHARE_GROUP_OFFSETS, LIST_GROUPS,
    LIST_OFFSETS, LIST_OFFSETS_BY_TIME, OFFSET_FETCH, Question, SHARE_GROUP_DESCRIBE,
};
use crate::analysis::sample::is_share;
use crate::kafka::client::broker::Question as _;
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::client::connection::Answer;
use crate::kafka::client::session::Session;
use crate::kafka::error::{Code, Error, is_for_want_of_a_right, is_refusal};
use crate::kafka::groups::{AskGroups, Listing};
use crate::kafka::harvest;
use crate::kafka::members::{self, AskClassicMembers, AskConsumerMembers, AskShareMembers};
use crate::kafka::offsets::{AskEnds, End, GroupCommits, Place, Wanted, end_of};
use crate::kafka::sampler::CommitsByGroup;
use crate::kafka::settings::Settings;
use crate::kafka::stream::AskStreamed;
use crate::kafka::topics::Topics;

/// What brokers answered, by question.
#[derive(Default)]
pub(super) struct Heard(BTreeMap<(&'static str, &'static str), Items>);

/// Of so many things that were asked about, so many were refused.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Items {
    pub(super) asked: usize,
    pub(super) refused: usize,
    /// Names of those that were refused, as far as they are known.
    pub(super) names: Vec<String>,
    /// Those about which there is nothing to tell: groups that never committed.
    pub(super) empty: usize,
    /// What else went wrong, first.
    pub(super) failure: Option<String>,
}

impl Items {
    fn take(&mut self, code: Code) {
        if code.is_for_want_of_a_right() {
            self.refused += 1;
        } else {
            self.failure.get_or_insert_with(|| code.to_string());
        }
    }

    fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.refused += other.refused;
        self.empty += other.empty;
        self.names.extend(other.names);
        self.failure = self.failure.take().or(other.failure);
    }
}

impl Heard {
    pub(super) fn of(&self, question: &Question) -> Items {
        let items = self.0.get(&(question.api, question.of));
        items.cloned().unwrap_or_default()
    }

    pub(super) fn add(&mut self, other: Self) {
        for (question, items) in other.0 {
            self.0.entry(question).or_default().add(items);
        }
    }

    fn put(&mut self, question: &Question, items: Items) {
        let place = self.0.entry((question.api, question.of)).or_default();
        place.add(items);
    }

    /// What wasn't asked is neither allowed nor refused.
    fn give_up(&mut self, id: BrokerId, questions: &[Question]) {
        for question in questions {
            let failure = Some(format!("broker {id} was not asked after what failed above"));
            let items = Items {
                failure,
                ..Items::default()
            };
            self.put(question, items);
        }
    }

    /// A question whose own code has counted what was refused. Gives what was answered.
    pub(super) fn counted<T>(
        &mut self,
        id: BrokerId,
        question: &Question,
        asked: usize,
        session: &Session,
        answer: Result<T, Error>,
    ) -> Option<T> {
        let mut items = Items {
            asked,
            ..Items::default()
        };
        for (api, label, count) in session.tally().errors() {
            if api == question.api && is_for_want_of_a_right(label) {
                items.refused += count as usize;
            } else if api == question.api && is_refusal(label) {
                items.failure = Some(format!("broker {id} answers {label}"));
            }
        }
        if let Err(error) = &answer {
            items.failure = failure(id, error);
        }
        self.put(question, items);
        answer.ok()
    }
}

/// A broker that doesn't know a question hasn't failed.
fn failure(id: BrokerId, error: &Error) -> Option<String> {
    let told = format!("broker {id}: {}", error.asked_once());
    (!matches!(error, Error::Unsupported { .. })).then_some(told)
}

/// Asks everything that this broker answers for, until something breaks the connection.
pub(super) async fn everything(
    id: BrokerId,
    session: &mut Session,
    settings: &Settings,
    topics: &Topics,
    heard: &mut Heard,
) {
    let Some(listing) = groups(id, session, settings, heard).await else {
        return heard.give_up(id, AFTER_GROUPS);
    };
    members(id, session, &listing, heard).await;
    if !session.is_open() {
        return heard.give_up(id, AFTER_MEMBERS);
    }
    let commits = listing.commits.into_iter();
    let commits: CommitsByGroup = commits.map(|group| (group.name.clone(), group)).collect();
    let wanted = harvest::all_partitions(topics, &commits, &BTreeSet::new()).remove(&id);
    if let Some(wanted) = wanted {
        ends(id, session, settings, wanted.clone(), heard).await;
        by_time(id, session, wanted, heard).await;
    }
}

const AFTER_GROUPS: &[Question] = &[
    OFFSET_FETCH,
    DESCRIBE_SHARE_GROUP_OFFSETS,
    DESCRIBE_GROUPS,
    CONSUMER_GROUP_DESCRIBE,
    SHARE_GROUP_DESCRIBE,
    LIST_OFFSETS,
    LIST_OFFSETS_BY_TIME,
];

const AFTER_MEMBERS: &[Question] = &[LIST_OFFSETS, LIST_OFFSETS_BY_TIME];

async fn groups(
    id: BrokerId,
    session: &mut Session,
    settings: &Settings,
    heard: &mut Heard,
) -> Option<Listing> {
    session.begin_cycle();
    let settings = Arc::new(settings.clone());
    let admission = Arc::default();
    let ask = AskGroups {
        settings,
        admission,
        streamed: AskStreamed::default(),
    };
    let answer = ask.put(session).await;
    let count = answer.as_ref().map_or(0, |listing| listing.groups.len());
    let listing = heard.counted(id, &LIST_GROUPS, count, session, answer)?;
    let (shared, committed) = by_question(&listing);
    for (question, commits) in [
        (&OFFSET_FETCH, committed),
        (&DESCRIBE_SHARE_GROUP_OFFSETS, shared),
    ] {
        let mut items = items_of(&commits);
        let broken = session.tally().errors().into_iter();
        let broken = broken.filter(|(api, label, _)| *api == question.api && !is_refusal(label));
        for (_, label, _) in broken {
            items.failure = Some(format!("broker {id}: {label}"));
        }
        heard.put(question, items);
    }
    Some(listing)
}

/// Share groups, and the others.
fn by_question(listing: &Listing) -> (Vec<&GroupCommits>, Vec<&GroupCommits>) {
    let groups = listing.groups.iter();
    let shared = groups.filter(|group| is_share(&group.group_type));
    let shared: BTreeSet<&str> = shared.map(|group| &**group.group_id).collect();
    let commits = listing.commits.iter();
    commits.partition(|group| shared.contains(&*group.name))
}

fn items_of(commits: &[&GroupCommits]) -> Items {
    let mut items = Items::default();
    for group in commits {
        items.asked += 1;
        match &group.topics {
            Ok(topics) => items.empty += usize::from(topics.is_empty()),
            Err(code) => {
                items.take(*code);
                items.names.push(group.name.to_string());
            }
        }
    }
    items
}

/// The members of as many groups as one request names.
async fn members(id: BrokerId, session: &mut Session, listing: &Listing, heard: &mut Heard) {
    let of_kind = |is_wanted: fn(&str) -> bool| -> Vec<StrBytes> {
        let groups = listing.groups.iter();
        let groups = groups.filter(|group| is_wanted(&group.group_type.to_ascii_lowercase()));
        let names = groups.map(|group| group.group_id.0.clone());
        names.take(members::GROUPS_MAX).collect()
    };
    let classic = of_kind(|kind| kind.is_empty() || kind == "classic");
    if !classic.is_empty() {
        session.begin_cycle();
        let count = classic.len();
        let answer = AskClassicMembers(classic).put(session).await;
        heard.counted(id, &DESCRIBE_GROUPS, count, session, answer);
    }
    let consumer = of_kind(|kind| kind == "consumer");
    if !consumer.is_empty() && session.is_open() {
        session.begin_cycle();
        let count = consumer.len();
        let answer = AskConsumerMembers(consumer).put(session).await;
        heard.counted(id, &CONSUMER_GROUP_DESCRIBE, count, session, answer);
    }
    let share = of_kind(is_share);
    if !share.is_empty() && session.is_open() {
        session.begin_cycle();
        let count = share.len();
        let answer = AskShareMembers(share).put(session).await;
        heard.counted(id, &SHARE_GROUP_DESCRIBE, count, session, answer);
    }
}

async fn ends(
    id: BrokerId,
    session: &mut Session,
    settings: &Settings,
    wanted: Vec<Wanted>,
    heard: &mut Heard,
) {
    session.begin_cycle();
    let ask = AskEnds {
        isolation: settings.isolation_level,
        with_starts: true,
        wanted,
    };
    let mut items = Items::default();
    match ask.put(session).await {
        Ok(ends) => {
            // The same partitions twice: they count once.
            let latest = ends.answers.iter().filter(|(end, _)| *end == End::Latest);
            latest.for_each(|(_, answer)| count_partitions(answer, &mut items));
        }
        Err(error) => items.failure = failure(id, &error),
    }
    heard.put(&LIST_OFFSETS, items);
}

/// The beginning of time: every log has a first record after it, or none.
const FIRST_MILLISECOND: i64 = 0;

async fn by_time(id: BrokerId, session: &mut Session, mut wanted: Vec<Wanted>, heard: &mut Heard) {
    wanted.truncate(TOPICS_BY_TIME_MAX);
    let mut items = Items::default();
    match session.ask(|_| request(&wanted, FIRST_MILLISECOND)).await {
        Ok(answer) => count_partitions(&answer, &mut items),
        Err(error) => items.failure = failure(id, &error),
    }
    heard.put(&LIST_OFFSETS_BY_TIME, items);
}

/// A look-up by time reads an index on the broker's disk: some tell as much as all.
const TOPICS_BY_TIME_MAX: usize = 20;

/// Asks for the first record at or after a timestamp, or for what a negative one stands for.
pub(super) fn request(wanted: &[Wanted], timestamp_ms: i64) -> ListOffsetsRequest {
    let partition = |place: &Place| {
        ListOffsetsPartition::default()
            .with_partition_index(place.index)
            .with_current_leader_epoch(-1)
            .with_timestamp(timestamp_ms)
    };
    let topic = |wanted: &Wanted| {
        ListOffsetsTopic::default()
            .with_name(wanted.topic.clone().into())
            .with_partitions(wanted.partitions.iter().map(partition).collect())
    };
    ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(wanted.iter().map(topic).collect())
}

type Ends = Answer<kafka_protocol::messages::ListOffsetsResponse>;

pub(super) fn partitions(
    answer: &Ends,
) -> impl Iterator<Item = (&StrBytes, &ListOffsetsPartitionResponse)> {
    let topics = answer.body.topics.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|p| (&topic.name.0, p)))
}

fn count_partitions(answer: &Ends, items: &mut Items) {
    for (_, partition) in partitions(answer) {
        items.asked += 1;
        if let Err(code) = end_of(partition) {
            items.take(code);
        }
    }
}
