//! How many members groups have: DescribeGroups for classic ones, ConsumerGroupDescribe for those of KIP-848, ShareGroupDescribe for
//! those of KIP-932. Asked seldom. The codec has no question for streams groups (KIP-1071): theirs aren't known.
//!
//! The wrong one of the three answers "Dead" without an error, or "no such group": neither is ever believed.

use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, ShareGroupDescribeRequest, ShareGroupDescribeResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::client::api::Api;
use super::client::broker::Question;
use super::client::session::Session;
use super::error::{Code, Error};

/// Groups in one request. Answers carry every member's subscription and assignment, which can be several KiB each.
pub(crate) const GROUPS_MAX: usize = 100;

/// Asks a coordinator for the members of classic groups.
pub(crate) struct AskClassicMembers(pub(crate) Vec<StrBytes>);

/// Asks a coordinator for the members of KIP-848 groups.
pub(crate) struct AskConsumerMembers(pub(crate) Vec<StrBytes>);

/// Asks a coordinator for the members of share groups.
pub(crate) struct AskShareMembers(pub(crate) Vec<StrBytes>);

/// `(group, members)` of those that were told.
pub(crate) type Members = Vec<(StrBytes, u32)>;

impl Question for AskClassicMembers {
    const NAME: &'static str = "DescribeGroups";
    /// `None`: the budget had no room for it in this cycle.
    type Answer = Option<Members>;

    async fn put(self, session: &mut Session) -> Result<Self::Answer, Error> {
        let names = self.0.into_iter().map(Into::into).collect();
        let request = DescribeGroupsRequest::default().with_groups(names);
        let told = |answer: DescribeGroupsResponse| {
            let groups = answer.groups.into_iter();
            groups
                .map(|g| (g.group_id.0, g.group_state, g.error_code, g.members.len()))
                .collect()
        };
        ask(session, request, told).await
    }
}

impl Question for AskConsumerMembers {
    const NAME: &'static str = "ConsumerGroupDescribe";
    /// `None`: the budget had no room for it in this cycle.
    type Answer = Option<Members>;

    async fn put(self, session: &mut Session) -> Result<Self::Answer, Error> {
        let names = self.0.into_iter().map(Into::into).collect();
        let request = ConsumerGroupDescribeRequest::default().with_group_ids(names);
        let told = |answer: ConsumerGroupDescribeResponse| {
            let groups = answer.groups.into_iter();
            groups
                .map(|g| (g.group_id.0, g.group_state, g.error_code, g.members.len()))
                .collect()
        };
        ask(session, request, told).await
    }
}

impl Question for AskShareMembers {
    const NAME: &'static str = "ShareGroupDescribe";
    /// `None`: the budget had no room for it in this cycle.
    type Answer = Option<Members>;

    async fn put(self, session: &mut Session) -> Result<Self::Answer, Error> {
        let names = self.0.into_iter().map(Into::into).collect();
        let request = ShareGroupDescribeRequest::default().with_group_ids(names);
        let told = |answer: ShareGroupDescribeResponse| {
            let groups = answer.groups.into_iter();
            groups
                .map(|g| (g.group_id.0, g.group_state, g.error_code, g.members.len()))
                .collect()
        };
        ask(session, request, told).await
    }
}

/// Group, state, error, number of members.
type Described = (StrBytes, StrBytes, i16, usize);

async fn ask<R: Api + Clone>(
    session: &mut Session,
    request: R,
    told: impl FnOnce(R::Response) -> Vec<Described> + Send,
) -> Result<Option<Members>, Error>
where
    R::Response: Send,
{
    if !session.has_room_for(1) {
        return Ok(None);
    }
    let answer = session.ask(|_| request.clone()).await?.body;
    Ok(Some(believed(told(answer), R::NAME, session)))
}

/// Those of the groups that are what the question took them for.
fn believed(described: Vec<Described>, api: &'static str, session: &Session) -> Members {
    let mut members = Vec::new();
    for (group, state, error, count) in described {
        match Code::of(error) {
            Some(code) => session.tally().error(api, code.label()),
            None if state.eq_ignore_ascii_case("dead") => {}
            // More than this don't fit into an answer.
            None => members.push((group, u32::try_from(count).unwrap_or(u32::MAX))),
        }
    }
    members
}
