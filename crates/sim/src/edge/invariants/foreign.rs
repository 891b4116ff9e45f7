//! What is not the agent's stays as it is: other nodes with their services and checks, the
//! server's own service on its node, and the check of its node by gossip.

use super::{Verdict, hold};
use crate::edge::agent::NODE;
use std::sync::Arc;
use tribune_state::View;
use tribune_state::catalog::{CheckRow, NodeRow, ServiceRow};
use tribune_state::ids::NodeName;

const RULE: &str = "nothing of others is touched";

/// A server's own service, and the check of a node by gossip.
pub const SERVER_SERVICE: &str = "consul";
pub const GOSSIP_CHECK: &str = "serfHealth";

/// The rows of others, as they themselves wrote them last.
#[derive(Debug, Default)]
pub struct Foreign {
    nodes: Vec<Arc<NodeRow>>,
    services: Vec<Arc<ServiceRow>>,
    checks: Vec<Arc<CheckRow>>,
}

impl Foreign {
    /// The rows of others in a state. `server` if the agent is a server's.
    pub fn of(view: &View, server: bool) -> Foreign {
        let (catalog, own) = (view.catalog(), NodeName::from(NODE));
        let is_others = |node: &NodeName| *node != own;
        let services = catalog
            .all_services()
            .filter(|row| is_others(&row.node) || (server && row.id.as_str() == SERVER_SERVICE));
        let services: Vec<Arc<ServiceRow>> = services.cloned().collect();
        let mut nodes = Vec::new();
        let mut checks = Vec::new();
        checks.extend(catalog.check(&own, &GOSSIP_CHECK.into()).cloned());
        for node in catalog.all_nodes().filter(|row| is_others(&row.node)) {
            nodes.push(node.clone());
            checks.extend(catalog.checks_on(&node.node).cloned());
        }
        Foreign { nodes, services, checks }
    }

    /// The agent has written: everything of others is the very same.
    pub fn untouched(&self, view: &View, server: bool) -> Verdict {
        let now = Foreign::of(view, server);
        hold(RULE, same(&self.nodes, &now.nodes), || differs(&self.nodes, &now.nodes))?;
        hold(RULE, same(&self.services, &now.services), || differs(&self.services, &now.services))?;
        hold(RULE, same(&self.checks, &now.checks), || differs(&self.checks, &now.checks))
    }
}

fn same<T: PartialEq>(one: &[Arc<T>], other: &[Arc<T>]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other) || one == other)
}

fn differs<T: std::fmt::Debug>(before: &[Arc<T>], after: &[Arc<T>]) -> String {
    format!("before {before:?}, after {after:?}")
}
