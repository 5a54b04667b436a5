//! DescribeCluster: the cluster's id and its brokers.

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::super::cluster::text;
use super::super::view::{Right, View};
use super::metadata::{CONTROLLER, NO_OPERATIONS};

/// Anybody may know: a missing right only hides what may be done.
pub(super) fn answer(
    view: &View<'_>,
    _: DescribeClusterRequest,
    _: i16,
) -> DescribeClusterResponse {
    let answer = DescribeClusterResponse::default()
        .with_cluster_id(text(&view.cluster.world.cluster_id))
        .with_controller_id(CONTROLLER.into())
        .with_cluster_authorized_operations(NO_OPERATIONS);
    if let Some(error) = view.error(Right::Cluster).filter(|_| !view.hides("")) {
        return answer.with_error_code(error);
    }
    let addresses = (1..).zip(&view.cluster.addresses);
    let present = addresses.filter(|(number, _)| !view.is_gone(*number as u32));
    let broker = |(number, address): (i32, &std::net::SocketAddr)| {
        DescribeClusterBroker::default()
            .with_broker_id(number.into())
            .with_host(text(&address.ip().to_string()))
            .with_port(address.port().into())
    };
    answer.with_brokers(present.map(broker).collect())
}
