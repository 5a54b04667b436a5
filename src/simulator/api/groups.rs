//! ListGroups: the groups that the broker coordinates, with their state and type.

use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use kafka_protocol::protocol::StrBytes;

use super::super::group::{Group, Kind, State};
use super::super::view::{Right, View};

/// Who asks without a right gets an empty list and no error, as from Kafka.
pub(super) fn answer(view: &View<'_>, question: ListGroupsRequest, _: i16) -> ListGroupsResponse {
    if let Some(error) = view.refusal.and_then(|refusal| refusal.code) {
        return ListGroupsResponse::default().with_error_code(error);
    }
    let passes = |filter: &[StrBytes], word: &str| {
        filter.is_empty() || filter.iter().any(|one| one.eq_ignore_ascii_case(word))
    };
    let listed = view.coordinated().filter_map(|group| {
        let name = &view.cluster.group_names[group];
        let data = view.group_data(group);
        let (state, kind) = (state(data, data.state(view.now)), kind(data.kind));
        let listed = !view.hides(name)
            && passes(&question.states_filter, state)
            && passes(&question.types_filter, kind);
        listed.then(|| {
            ListedGroup::default()
                .with_group_id(name.clone().into())
                .with_protocol_type(StrBytes::from_static_str(protocol_type(data)))
                .with_group_state(StrBytes::from_static_str(state))
                .with_group_type(StrBytes::from_static_str(kind))
        })
    });
    ListGroupsResponse::default().with_groups(listed.collect())
}

/// Kafka's word for a state; it depends on the kind of group.
pub(super) fn state(group: &Group, state: State) -> &'static str {
    match (state, group.kind) {
        (State::Empty, _) => "Empty",
        (State::Stable, _) | (State::Rebalancing, Kind::Share) => "Stable",
        (State::Rebalancing, Kind::Classic) => "PreparingRebalance",
        (State::Rebalancing, Kind::Consumer | Kind::Streams) => "Reconciling",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Classic => "classic",
        Kind::Consumer => "consumer",
        Kind::Share => "share",
        Kind::Streams => "streams",
    }
}

/// A group that never had members has none.
pub(super) fn protocol_type(group: &Group) -> &'static str {
    match group.kind {
        Kind::Classic if group.members == 0 => "",
        Kind::Classic | Kind::Consumer => "consumer",
        Kind::Share => "share",
        Kind::Streams => "streams",
    }
}

/// The error for a question about a group that this broker doesn't coordinate, or that the asker may not see.
pub(super) fn trouble_with(view: &View<'_>, name: &str) -> Option<i16> {
    let elsewhere = !view.is_coordinator_of(name);
    let elsewhere = elsewhere.then_some(kafka_protocol::ResponseError::NotCoordinator.code());
    view.error_for(name, Right::Group).or(elsewhere)
}
