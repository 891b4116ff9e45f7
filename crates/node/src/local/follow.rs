//! Reads another node's rows for a check that follows it, and waits until they change.
//! It judges nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tribune_edge::{Follow, Followed, FollowedNode, Input, SeenIndexes};
use tribune_state::catalog::{Catalog, CatalogBody};
use tribune_state::{Body, Index, Query};

use crate::cluster::{Cluster, ClusterError, Consistency, Read, Wait};
use crate::shared::SharedAnswer;

/// A look ends after this even if nothing has changed.
const WAIT_MAX: Duration = Duration::from_secs(60);

pub(super) async fn run(cluster: Arc<dyn Cluster>, follow: Follow) -> Input {
    let found = look(cluster.as_ref(), &follow).await.map_err(|error| error.to_string());
    Input::Followed(Box::new(Followed {
        check: follow.check,
        generation: follow.generation,
        found,
    }))
}

async fn look(cluster: &dyn Cluster, follow: &Follow) -> Result<FollowedNode, ClusterError> {
    let node = Query::Catalog(Catalog::Node(follow.node.clone()).into());
    let checks = Query::Catalog(Catalog::NodeChecks(follow.node.clone()).into());
    if follow.after != SeenIndexes::default() {
        let of_node = cluster.ask(node.clone(), read(follow.after.node));
        let of_checks = cluster.ask(checks.clone(), read(follow.after.checks));
        let changed = tokio::select! {
            answer = of_node => answer,
            answer = of_checks => answer,
        };
        changed?;
    }
    let node = cluster.ask(node, read(Index::default())).await?;
    let checks = cluster.ask(checks, read(Index::default())).await?;
    Ok(FollowedNode {
        at: SeenIndexes { node: node.answer().index, checks: checks.answer().index },
        services: services(&node),
        checks: match &checks.answer().body {
            Body::Catalog(CatalogBody::Checks(rows)) => rows.clone(),
            _ => Vec::new(),
        },
    })
}

fn services(answer: &SharedAnswer) -> BTreeSet<tribune_state::ids::ServiceId> {
    match &answer.answer().body {
        Body::Catalog(CatalogBody::Node(Some((_, rows)))) => {
            rows.iter().map(|row| row.id.clone()).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// A read of this server's own state, past `after` unless that is zero.
fn read(after: Index) -> Read {
    let wait = (after != Index::default()).then_some(Wait { index: after, max: WAIT_MAX });
    Read { consistency: Consistency::Stale, wait, ..Read::default() }
}
