//! How many members groups have: DescribeGroups for classic ones, ConsumerGroupDescribe for those of KIP-848. Asked seldom.
//!
//! The wrong one of the two answers "Dead" without an error, or "no such group": neither is ever believed.

use kafka_protocol::messages::{ConsumerGroupDescribeRequest, DescribeGroupsRequest};
use kafka_protocol::protocol::StrBytes;

use super::client::broker::Question;
use super::client::session::Session;
use super::error::{Code, Error};

/// Groups in one request. Answers carry every member's subscription and assignment, which can be several KiB each.
pub(crate) const GROUPS_MAX: usize = 100;

/// Asks a coordinator for the members of classic groups.
pub(crate) struct AskClassicMembers(pub(crate) Vec<StrBytes>);

/// Asks a coordinator for the members of KIP-848 groups.
pub(crate) struct AskConsumerMembers(pub(crate) Vec<StrBytes>);

/// `(group, members)` of those that were told.
pub(crate) type Members = Vec<(StrBytes, u32)>;

impl Question for AskClassicMembers {
    const NAME: &'static str = "DescribeGroups";
    /// `None`: the budget had no room for it in this cycle.
    type Answer = Option<Members>;

    async fn put(self, session: &mut Session) -> Result<Self::Answer, Error> {
        if !session.has_room_for(1) {
            return Ok(None);
        }
        let groups = &self.0;
        let make = |_| {
            let names = groups.iter().map(|name| name.clone().into());
            DescribeGroupsRequest::default().with_groups(names.collect())
        };
        let answered = session.ask(make).await?.body.groups.into_iter();
        let described =
            answered.map(|g| (g.group_id.0, g.group_state, g.error_code, g.members.len()));
        Ok(Some(believed(described, Self::NAME, session)))
    }
}

impl Question for AskConsumerMembers {
    const NAME: &'static str = "ConsumerGroupDescribe";
    /// `None`: the budget had no room for it in this cycle.
    type Answer = Option<Members>;

    async fn put(self, session: &mut Session) -> Result<Self::Answer, Error> {
        if !session.has_room_for(1) {
            return Ok(None);
        }
        let groups = &self.0;
        let make = |_| {
            let names = groups.iter().map(|name| name.clone().into());
            ConsumerGroupDescribeRequest::default().with_group_ids(names.collect())
        };
        let answered = session.ask(make).await?.body.groups.into_iter();
        let described =
            answered.map(|g| (g.group_id.0, g.group_state, g.error_code, g.members.len()));
        Ok(Some(believed(described, Self::NAME, session)))
    }
}

/// `(group, state, error, members)` of the groups that are what the question took them for.
fn believed(
    described: impl Iterator<Item = (StrBytes, StrBytes, i16, usize)>,
    api: &'static str,
    session: &Session,
) -> Members {
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
