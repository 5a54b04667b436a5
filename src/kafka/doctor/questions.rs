//! What the daemon asks: the list that the doctor goes through.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, DescribeLogDirsRequest, ListGroupsRequest, ListOffsetsRequest,
    MetadataRequest, OffsetFetchRequest, ShareGroupDescribeRequest,
};

use super::acl::{Operation, Resource};
use crate::codec::DescribeShareGroupOffsetsRequest;
use crate::kafka::client::api::Api;
use crate::kafka::client::session::Session;

/// One thing the daemon asks.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Kafka's name of the request.
    pub api: &'static str,
    /// What of it is meant, where that isn't all.
    pub of: &'static str,
    /// The first Kafka that answers it as it is asked.
    pub since: &'static str,
    /// What the daemon lacks without it.
    pub without: &'static str,
    pub(super) operation: Operation,
    pub(super) resource: Resource,
    /// Does every cluster need it? What is missing otherwise doesn't make the checkup a bad one.
    pub needed: bool,
    /// What else is to be said of it, if anything.
    pub note: &'static str,
}

const fn asked(
    api: &'static str,
    operation: Operation,
    resource: Resource,
    since: &'static str,
    without: &'static str,
) -> Question {
    Question {
        api,
        of: "",
        since,
        without,
        operation,
        resource,
        needed: true,
        note: "",
    }
}

pub(super) const METADATA: Question = asked(
    MetadataRequest::NAME,
    Operation::Describe,
    Resource::AnyTopic,
    "0.11",
    "no lag of the topics it hides",
);

pub(super) const LIST_GROUPS: Question = asked(
    ListGroupsRequest::NAME,
    Operation::Describe,
    Resource::Cluster,
    "0.9",
    "groups it hides are not watched",
);

pub(super) const OFFSET_FETCH: Question = asked(
    OffsetFetchRequest::NAME,
    Operation::Describe,
    Resource::AnyGroup,
    "0.10.2",
    "no committed offsets: no lag of these groups",
);

pub(super) const DESCRIBE_SHARE_GROUP_OFFSETS: Question = asked(
    DescribeShareGroupOffsetsRequest::NAME,
    Operation::Describe,
    Resource::AnyGroup,
    "4.2",
    "no offsets of share groups (KIP-932): no lag of them",
);

pub(super) const LIST_OFFSETS: Question = Question {
    of: "latest, earliest",
    ..asked(
        ListOffsetsRequest::NAME,
        Operation::Describe,
        Resource::AnyTopic,
        "0.11",
        "no log ends: no lag of these topics",
    )
};

pub(super) const LIST_OFFSETS_BY_TIME: Question = Question {
    of: "by time",
    ..asked(
        ListOffsetsRequest::NAME,
        Operation::Describe,
        Resource::AnyTopic,
        "0.11",
        "no history at the start: time lag and rates come later",
    )
};

pub(super) const DESCRIBE_GROUPS: Question = asked(
    DescribeGroupsRequest::NAME,
    Operation::Describe,
    Resource::AnyGroup,
    "0.9",
    "no member counts",
);

pub(super) const CONSUMER_GROUP_DESCRIBE: Question = asked(
    ConsumerGroupDescribeRequest::NAME,
    Operation::Describe,
    Resource::AnyGroup,
    "3.7",
    "no member counts of groups of the new protocol (KIP-848)",
);

pub(super) const SHARE_GROUP_DESCRIBE: Question = asked(
    ShareGroupDescribeRequest::NAME,
    Operation::Describe,
    Resource::AnyGroup,
    "4.1",
    "no member counts of share groups (KIP-932)",
);

pub(super) const DESCRIBE_CONFIGS: Question = asked(
    DescribeConfigsRequest::NAME,
    Operation::DescribeConfigs,
    Resource::AnyTopic,
    "1.1",
    "no retention: no warning before unread data is deleted",
);

/// For topics with `retention.bytes`. Its right is that of [`LIST_GROUPS`], and is judged with it.
pub(super) const DESCRIBE_LOG_DIRS: Question = Question {
    needed: false,
    note: "asked where a topic has retention.bytes",
    ..asked(
        DescribeLogDirsRequest::NAME,
        Operation::Describe,
        Resource::Cluster,
        "1.0",
        "no retention by size",
    )
};

/// The commit stream.
pub(super) const FETCH: Question = Question {
    of: "__consumer_offsets",
    needed: false,
    note: "read unless offsets is query",
    ..asked(
        "Fetch",
        Operation::Read,
        Resource::Topic("__consumer_offsets"),
        "0.11",
        "commits are asked for instead of read as they come",
    )
};

/// Everything, in the order in which the doctor tells of it.
pub const QUESTIONS: &[Question] = &[
    METADATA,
    LIST_GROUPS,
    OFFSET_FETCH,
    DESCRIBE_SHARE_GROUP_OFFSETS,
    LIST_OFFSETS,
    LIST_OFFSETS_BY_TIME,
    DESCRIBE_GROUPS,
    CONSUMER_GROUP_DESCRIBE,
    SHARE_GROUP_DESCRIBE,
    DESCRIBE_CONFIGS,
    DESCRIBE_LOG_DIRS,
    FETCH,
];

/// In which version each question is asked; those that aren't known are absent.
pub(super) type Versions = BTreeMap<&'static str, i16>;

/// What a cluster knows is what all its brokers know.
pub(super) fn known_to_both(known: Option<Versions>, mut more: Versions) -> Versions {
    let Some(known) = known else {
        return more;
    };
    let both = known.into_iter().filter_map(|(api, version)| {
        let other = more.remove(api)?;
        Some((api, version.min(other)))
    });
    both.collect()
}

/// In which version each question would be asked of a broker.
pub(super) fn versions(session: &Session) -> Versions {
    let of = [
        version_of::<MetadataRequest>(session),
        version_of::<ListGroupsRequest>(session),
        version_of::<OffsetFetchRequest>(session),
        version_of::<DescribeShareGroupOffsetsRequest>(session),
        version_of::<ListOffsetsRequest>(session),
        version_of::<DescribeGroupsRequest>(session),
        version_of::<ConsumerGroupDescribeRequest>(session),
        version_of::<ShareGroupDescribeRequest>(session),
        version_of::<DescribeConfigsRequest>(session),
        version_of::<DescribeLogDirsRequest>(session),
        version_of::<DescribeClusterRequest>(session),
    ];
    of.into_iter().flatten().collect()
}

fn version_of<R: Api>(session: &Session) -> Option<(&'static str, i16)> {
    Some((R::NAME, session.version_of::<R>()?))
}
