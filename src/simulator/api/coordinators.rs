//! FindCoordinator: which broker coordinates a group. There need not be such a group.

use std::net::SocketAddr;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use super::super::cluster::text;
use super::super::commit_log::partition_of;
use super::super::view::{Right, View};

/// Kafka's number for "the key is a group".
const GROUP: i8 = 0;

/// Since this version many can be asked for at once.
const MANY_SINCE: i16 = 4;

pub(super) fn answer(
    view: &View<'_>,
    question: FindCoordinatorRequest,
    version: i16,
) -> FindCoordinatorResponse {
    let find = |key: &StrBytes| match view.error_for(key, Right::Group) {
        Some(error) => Err(error),
        None if question.key_type != GROUP => Err(ResponseError::CoordinatorNotAvailable.code()),
        None => coordinator(view, key),
    };
    if version >= MANY_SINCE {
        let keys = question.coordinator_keys.iter();
        let found = keys.map(|key| one_of_many(key, find(key)));
        return FindCoordinatorResponse::default().with_coordinators(found.collect());
    }
    let answer = FindCoordinatorResponse::default();
    match find(&question.key) {
        Ok((broker, address)) => answer
            .with_node_id((broker as i32).into())
            .with_host(text(&address.ip().to_string()))
            .with_port(address.port().into()),
        Err(error) => answer
            .with_error_code(error)
            .with_node_id((-1).into())
            .with_port(-1),
    }
}

fn coordinator(view: &View<'_>, group: &str) -> Result<(u32, SocketAddr), i16> {
    let broker = view.coordinator(partition_of(group));
    let place = (broker as usize).checked_sub(1);
    let address = place.and_then(|place| view.cluster.addresses.get(place));
    let address = address.ok_or(ResponseError::CoordinatorNotAvailable.code())?;
    Ok((broker, *address))
}

fn one_of_many(key: &StrBytes, found: Result<(u32, SocketAddr), i16>) -> Coordinator {
    let answer = Coordinator::default().with_key(key.clone());
    match found {
        Ok((broker, address)) => answer
            .with_node_id((broker as i32).into())
            .with_host(text(&address.ip().to_string()))
            .with_port(address.port().into()),
        Err(error) => answer
            .with_error_code(error)
            .with_node_id((-1).into())
            .with_port(-1),
    }
}
