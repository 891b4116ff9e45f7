//! Tells the cluster where this agent's node stands. Gossip will measure it; until then the node
//! stands at the origin, as a pool's first member does.
//! Invariant: a coordinate that somebody else gave the node stays.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tribune_node::Cluster;
use tribune_node::cluster::ClusterSignal;
use tribune_state::NodeName;
use tribune_state::coordinate::{Coordinate, CoordinateUpdate};

/// How often the agent says where it is.
///
/// Source: consul-surface G, `sync_coordinate_interval_min`.
const PERIOD: Duration = Duration::from_secs(15);

/// Runs until the agent ends.
pub async fn report(cluster: Arc<dyn Cluster>, node: NodeName, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        if cluster.view().coordinates().of(&node).next().is_some() {
            continue;
        }
        let coordinate = Coordinate::default();
        let update = CoordinateUpdate { node: node.clone(), segment: String::new(), coordinate };
        if let Err(error) = cluster.signal(ClusterSignal::Coordinate(update)).await {
            tracing::debug!(%error, "the coordinate was not taken");
        }
    }
}
