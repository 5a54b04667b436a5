//! Whose turn it is: each broker has room for one question a cycle besides the regular ones, and Metadata, members,
//! configurations and sizes share it.

use std::collections::BTreeMap;

use kafka_protocol::protocol::StrBytes;

use super::client::broker::Question;
use super::client::cluster::BrokerId;
use super::client::session::Session;
use super::configs::{self, AskRetention};
use super::error::Error;
use super::group::Group;
use super::groups::Groups;
use super::logdirs::{self, AskSizes, Sizes};
use super::members::{self, AskClassicMembers, AskConsumerMembers, AskShareMembers, Members};
use super::offsets::Wanted;
use super::topic::Topic;
use super::topics::{AskMetadata, Metadata, Topics};
use crate::analysis::sample::{Retention, Time};

/// How old the metadata may become when nothing points at a change: new topics and brokers are seen within it.
const METADATA_SECONDS: f64 = 60.0;
/// How old a group's number of members may become when its state doesn't change.
pub(crate) const MEMBERS_SECONDS: f64 = 60.0;
/// How old a topic's retention may become: it changes by hand only.
const RETENTION_SECONDS: f64 = 300.0;

/// A question of several kinds, so that all brokers can be asked in parallel.
pub(crate) enum AskSeldom {
    Metadata,
    Classic(Vec<StrBytes>),
    Consumer(Vec<StrBytes>),
    Share(Vec<StrBytes>),
    Retention(Vec<StrBytes>),
    Sizes(Vec<Wanted>),
}

/// The names that a question is about.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) groups: Vec<StrBytes>,
    pub(crate) topics: Vec<StrBytes>,
    /// Topics whose sizes were asked of this broker.
    pub(crate) sized: Vec<StrBytes>,
}

impl AskSeldom {
    pub(crate) fn asked(&self) -> Asked {
        let mut asked = Asked::default();
        match self {
            Self::Metadata => {}
            Self::Classic(groups) | Self::Consumer(groups) | Self::Share(groups) => {
                asked.groups.clone_from(groups);
            }
            Self::Retention(topics) => asked.topics.clone_from(topics),
            Self::Sizes(wanted) => asked.sized = wanted.iter().map(|w| w.topic.clone()).collect(),
        }
        asked
    }
}

pub(crate) enum Seldom {
    Metadata(Metadata),
    Members(Members),
    Retention(Vec<(StrBytes, Retention)>),
    Sizes(Sizes),
    /// The budget had no room; the turn is still due.
    NoRoom,
}

impl Question for AskSeldom {
    const NAME: &'static str = "Seldom";
    type Answer = Seldom;

    fn name(&self) -> &'static str {
        match self {
            Self::Metadata => AskMetadata::NAME,
            Self::Classic(_) => AskClassicMembers::NAME,
            Self::Consumer(_) => AskConsumerMembers::NAME,
            Self::Share(_) => AskShareMembers::NAME,
            Self::Retention(_) => AskRetention::NAME,
            Self::Sizes(_) => AskSizes::NAME,
        }
    }

    async fn put(self, session: &mut Session) -> Result<Seldom, Error> {
        let members = |members: Option<Members>| members.map_or(Seldom::NoRoom, Seldom::Members);
        match self {
            Self::Metadata if !session.has_room_for(1) => Ok(Seldom::NoRoom),
            Self::Metadata => AskMetadata.put(session).await.map(Seldom::Metadata),
            Self::Classic(groups) => AskClassicMembers(groups).put(session).await.map(members),
            Self::Consumer(groups) => AskConsumerMembers(groups).put(session).await.map(members),
            Self::Share(groups) => AskShareMembers(groups).put(session).await.map(members),
            Self::Retention(topics) => {
                let read = AskRetention(topics).put(session).await?;
                Ok(read.map_or(Seldom::NoRoom, Seldom::Retention))
            }
            Self::Sizes(wanted) => {
                let read = AskSizes(wanted).put(session).await?;
                Ok(read.map_or(Seldom::NoRoom, Seldom::Sizes))
            }
        }
    }
}

/// Gives each broker its question for this cycle. Those that matter more come first: who leads what, groups that changed,
/// topics whose retention is unknown or old, sizes where they are a limit, and then the groups whose members were not asked for in a while.
pub(crate) struct Turns {
    pub(crate) now: Time,
    pub(crate) metadata_due: bool,
}

impl Turns {
    pub(crate) fn new(now: Time, metadata_asked: Option<Time>, metadata_is_stale: bool) -> Self {
        Self {
            now,
            metadata_due: metadata_is_stale || is_older(metadata_asked, now, METADATA_SECONDS),
        }
    }

    /// `brokers` in the order in which they may take the questions that any broker can answer.
    pub(crate) fn take(
        mut self,
        brokers: &[BrokerId],
        groups: &Groups,
        topics: &Topics,
    ) -> Vec<(BrokerId, AskSeldom)> {
        let mut due = due_members(groups, self.now);
        let mut retention_due = due_retention(topics.list(), self.now);
        let mut turns = Vec::new();
        for broker in brokers {
            let members = due.remove(broker);
            let changed = members.as_ref().is_some_and(|due| due.changed);
            let question = if std::mem::take(&mut self.metadata_due) {
                Some(AskSeldom::Metadata)
            } else if !changed && !retention_due.is_empty() {
                Some(AskSeldom::Retention(std::mem::take(&mut retention_due)))
            } else {
                let sizes = match changed {
                    true => Vec::new(),
                    false => logdirs::due(topics.list(), *broker, self.now),
                };
                match sizes.is_empty() {
                    true => members.and_then(DueMembers::question),
                    false => Some(AskSeldom::Sizes(sizes)),
                }
            };
            turns.extend(question.map(|question| (*broker, question)));
        }
        turns
    }
}

fn is_older(asked: Option<Time>, now: Time, seconds: f64) -> bool {
    asked.is_none_or(|asked| now - asked >= seconds)
}

/// The groups of a broker that come next.
#[derive(Default)]
struct DueMembers {
    /// By type; `(asked, name)`: never asked sorts first.
    groups: BTreeMap<Kind, Vec<(f64, StrBytes)>>,
    changed: bool,
}

/// The types of groups whose members can be asked for, each with a question of its own.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Kind {
    Classic,
    Consumer,
    Share,
}

impl DueMembers {
    /// The kind whose longest waiting group waits longest; the longest waiting groups of it.
    fn question(self) -> Option<AskSeldom> {
        let longest = |mut due: Vec<(f64, StrBytes)>| {
            due.sort_by(|a, b| a.0.total_cmp(&b.0));
            due.truncate(members::GROUPS_MAX);
            due
        };
        let kinds = self.groups.into_iter();
        let (kind, due) = kinds
            .map(|(kind, due)| (kind, longest(due)))
            .min_by(|(_, a), (_, b)| a[0].0.total_cmp(&b[0].0))?;
        let names = due.into_iter().map(|(_, name)| name).collect();
        Some(match kind {
            Kind::Classic => AskSeldom::Classic(names),
            Kind::Consumer => AskSeldom::Consumer(names),
            Kind::Share => AskSeldom::Share(names),
        })
    }
}

fn due_members(groups: &Groups, now: Time) -> BTreeMap<BrokerId, DueMembers> {
    let mut due: BTreeMap<BrokerId, DueMembers> = BTreeMap::new();
    for (name, group) in groups.iter() {
        let waiting = match group.is_streamed {
            true => group.members_asked.is_none(),
            false => is_older(group.members_asked, now, MEMBERS_SECONDS),
        };
        let Some(kind) = kind_with_members(group).filter(|_| waiting) else {
            continue;
        };
        let broker = due.entry(group.coordinator).or_default();
        broker.changed |= group.members_asked.is_none();
        let asked = group.members_asked.unwrap_or(f64::NEG_INFINITY);
        let entry = (asked, StrBytes::from_string(name.to_string()));
        broker.groups.entry(kind).or_default().push(entry);
    }
    due
}

/// `None` for types of which no question is known (streams), and for groups that say they are empty.
fn kind_with_members(group: &Group) -> Option<Kind> {
    let kind = group.kind.as_deref().unwrap_or("classic");
    let kind = match kind.to_ascii_lowercase().as_str() {
        "classic" => Kind::Classic,
        "consumer" => Kind::Consumer,
        "share" => Kind::Share,
        _ => return None,
    };
    group.may_have_members().then_some(kind)
}

fn due_retention(topics: &[Topic], now: Time) -> Vec<StrBytes> {
    let due = topics
        .iter()
        .filter(|topic| is_older(topic.config_asked, now, RETENTION_SECONDS));
    let names = due.map(|topic| topic.wire_name.clone());
    names.take(configs::TOPICS_MAX).collect()
}
