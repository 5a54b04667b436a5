//! Asks for a group and a topic that don't exist. Who may describe everything is told so; who may not is refused before Kafka
//! looks: that is how one learns that a list which came without an error may be a part of one. Nothing is created by it.

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{DescribeClusterRequest, MetadataRequest};
use kafka_protocol::protocol::StrBytes;

use super::questions::{
    CONSUMER_GROUP_DESCRIBE, DESCRIBE_CONFIGS, DESCRIBE_GROUPS, DESCRIBE_SHARE_GROUP_OFFSETS,
    OFFSET_FETCH, Question, SHARE_GROUP_DESCRIBE,
};
use crate::kafka::client::broker::Question as _;
use crate::kafka::client::session::Session;
use crate::kafka::configs::AskRetention;
use crate::kafka::coordinators::OFFSETS_TOPIC;
use crate::kafka::error::{Code, Error, is_for_want_of_a_right};
use crate::kafka::members::{AskClassicMembers, AskConsumerMembers, AskShareMembers};
use crate::kafka::offsets::{self, Place, Wanted};
use crate::kafka::shares;

/// No prefix that somebody gave rights on begins so, one hopes.
const NO_SUCH_TOPIC: &str = "no-such-topic.asked-by-lagslope-doctor";
const NO_SUCH_GROUP: &str = "no-such-group.asked-by-lagslope-doctor";

/// Bits of Kafka's `authorized_operations`, by its numbers for operations.
const READ: i32 = 1 << 3;
const DESCRIBE: i32 = 1 << 8;
/// What the field says when it wasn't filled in.
const NOT_TOLD: i32 = i32::MIN;

/// What one may do everywhere; absent where that couldn't be learned.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Probed {
    pub(super) describe_cluster: Option<bool>,
    pub(super) describe_topics: Option<bool>,
    pub(super) list_offsets: Option<bool>,
    pub(super) offset_fetch: Option<bool>,
    pub(super) share_group_offsets: Option<bool>,
    pub(super) describe_groups: Option<bool>,
    pub(super) consumer_group_describe: Option<bool>,
    pub(super) share_group_describe: Option<bool>,
    pub(super) describe_configs: Option<bool>,
    pub(super) offsets_topic: OffsetsTopic,
}

/// May `__consumer_offsets` be read?
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum OffsetsTopic {
    Readable,
    Refused,
    /// Nobody has committed yet.
    Missing,
    #[default]
    Unknown,
}

pub(super) async fn all(session: &mut Session) -> Probed {
    let group = || vec![StrBytes::from_static_str(NO_SUCH_GROUP)];
    let topic = || StrBytes::from_static_str(NO_SUCH_TOPIC);
    let describe_cluster = cluster(session).await;
    let (describe_topics, offsets_topic) = topics(session).await;
    let list_offsets = list_offsets(session).await;
    session.begin_cycle();
    let answer = offsets::committed(session, &group()).await.map(|_| ());
    let offset_fetch = counted(session, &OFFSET_FETCH, &answer);
    session.begin_cycle();
    let answer = shares::started(session, &group()).await.map(|_| ());
    let share_group_offsets = counted(session, &DESCRIBE_SHARE_GROUP_OFFSETS, &answer);
    session.begin_cycle();
    let answer = AskClassicMembers(group()).put(session).await.map(|_| ());
    let describe_groups = counted(session, &DESCRIBE_GROUPS, &answer);
    session.begin_cycle();
    let answer = AskConsumerMembers(group()).put(session).await.map(|_| ());
    let consumer_group_describe = counted(session, &CONSUMER_GROUP_DESCRIBE, &answer);
    session.begin_cycle();
    let answer = AskShareMembers(group()).put(session).await.map(|_| ());
    let share_group_describe = counted(session, &SHARE_GROUP_DESCRIBE, &answer);
    session.begin_cycle();
    let answer = AskRetention(vec![topic()]).put(session).await.map(|_| ());
    let describe_configs = counted(session, &DESCRIBE_CONFIGS, &answer);
    Probed {
        describe_cluster,
        describe_topics,
        list_offsets,
        offset_fetch,
        share_group_offsets,
        describe_groups,
        consumer_group_describe,
        share_group_describe,
        describe_configs,
        offsets_topic,
    }
}

/// A question whose own code counts what is refused.
fn counted(session: &Session, question: &Question, answer: &Result<(), Error>) -> Option<bool> {
    answer.as_ref().ok()?;
    let errors = session.tally().errors().into_iter();
    let mut errors = errors.filter(|(api, ..)| *api == question.api);
    Some(!errors.any(|(_, label, _)| is_for_want_of_a_right(label)))
}

async fn cluster(session: &mut Session) -> Option<bool> {
    let make =
        |_| DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
    let answer = session.ask(make).await.ok()?.body;
    let operations = answer.cluster_authorized_operations;
    (answer.error_code == 0 && operations != NOT_TOLD).then_some(operations & DESCRIBE != 0)
}

/// May all topics be described, and may the offsets topic be read?
async fn topics(session: &mut Session) -> (Option<bool>, OffsetsTopic) {
    let named = |name| {
        let name = StrBytes::from_static_str(name);
        MetadataRequestTopic::default().with_name(Some(name.into()))
    };
    let make = |version| {
        MetadataRequest::default()
            .with_topics(Some(vec![named(NO_SUCH_TOPIC), named(OFFSETS_TOPIC)]))
            .with_allow_auto_topic_creation(false)
            .with_include_topic_authorized_operations(version >= OPERATIONS_SINCE)
    };
    let Ok(answer) = session.ask(make).await else {
        return (None, OffsetsTopic::Unknown);
    };
    let find = |name: &str| {
        let mut topics = answer.body.topics.iter();
        topics.find(|topic| topic.name.as_ref().is_some_and(|n| &***n == name))
    };
    let all = find(NO_SUCH_TOPIC).map(|topic| !is_refused(topic.error_code));
    let offsets = find(OFFSETS_TOPIC).map_or(OffsetsTopic::Unknown, offsets_topic);
    (all, offsets)
}

/// From this version of Metadata on it tells what one may do with each topic.
const OPERATIONS_SINCE: i16 = 8;

const UNKNOWN_TOPIC: i16 = 3;

fn offsets_topic(topic: &MetadataResponseTopic) -> OffsetsTopic {
    match (topic.error_code, topic.topic_authorized_operations) {
        (code, _) if is_refused(code) => OffsetsTopic::Refused,
        (UNKNOWN_TOPIC, _) => OffsetsTopic::Missing,
        (0, NOT_TOLD) => OffsetsTopic::Unknown,
        (0, operations) if operations & READ == 0 => OffsetsTopic::Refused,
        (0, _) => OffsetsTopic::Readable,
        _ => OffsetsTopic::Unknown,
    }
}

async fn list_offsets(session: &mut Session) -> Option<bool> {
    let wanted = Wanted {
        topic: StrBytes::from_static_str(NO_SUCH_TOPIC),
        partitions: vec![Place::anywhere(0)],
    };
    const LATEST: i64 = -1;
    let wanted = [wanted];
    let answer = session.ask(|_| super::ask::request(&wanted, LATEST)).await;
    let answer = answer.ok()?;
    let mut codes = super::ask::partitions(&answer).map(|(_, partition)| partition.error_code);
    Some(!codes.any(is_refused))
}

fn is_refused(code: i16) -> bool {
    Code::of(code).is_some_and(Code::is_for_want_of_a_right)
}
