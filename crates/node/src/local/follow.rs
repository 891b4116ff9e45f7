//! Reads other nodes' rows for checks that follow them, and waits until they change.
//! It judges nothing.
//! Invariant: of all checks that have read a node up to the same place, one look serves all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::warn;
use tribune_edge::{Follow, Followed, FollowedNode, Input, SeenIndexes};
use tribune_state::catalog::{Catalog, CatalogBody};
use tribune_state::ids::{CheckId, NodeName};
use tribune_state::{Body, Index, Query};

use crate::cluster::{Cluster, ClusterError, Consistency, Read, Wait};
use crate::shared::SharedAnswer;

/// A look ends after this even if nothing has changed.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A node, and up to where it has been read.
type Target = (NodeName, SeenIndexes);

/// The looks under way.
#[derive(Debug, Default)]
pub(super) struct Looks {
    tasks: JoinSet<(Target, Result<FollowedNode, String>)>,
    /// The checks that each is for, by their registrations.
    waiting: BTreeMap<Target, Vec<(CheckId, u64)>>,
}

impl Looks {
    /// Looks at the node, or waits for a look that is under way.
    pub fn begin(&mut self, cluster: &Arc<dyn Cluster>, follow: Follow) {
        let target = (follow.node, follow.after);
        let waiting = self.waiting.entry(target.clone()).or_default();
        waiting.push((follow.check, follow.generation));
        if waiting.len() == 1 {
            let cluster = cluster.clone();
            self.tasks.spawn(async move {
                let found = look(cluster.as_ref(), &target).await;
                (target, found.map_err(|error| error.to_string()))
            });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// What the next look that ends has found, for each of its checks.
    pub async fn next(&mut self) -> Vec<Input> {
        let (target, found) = match self.tasks.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(error)) => {
                warn!(%error, "a look at another node ended early");
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let waiting = self.waiting.remove(&target).unwrap_or_default();
        let followed = |(check, generation)| {
            let found = found.clone();
            Input::Followed(Box::new(Followed { check, generation, found }))
        };
        waiting.into_iter().map(followed).collect()
    }
}

async fn look(cluster: &dyn Cluster, (name, after): &Target) -> Result<FollowedNode, ClusterError> {
    let node = Query::Catalog(Catalog::Node(name.clone()).into());
    let checks = Query::Catalog(Catalog::NodeChecks(name.clone()).into());
    if *after != SeenIndexes::default() {
        let of_node = cluster.ask(node.clone(), read(after.node));
        let of_checks = cluster.ask(checks.clone(), read(after.checks));
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
