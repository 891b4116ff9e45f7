//! Once all is quiet, the catalog holds of the agent's node what is registered there, as it
//! stands, and nothing else but what is others'. A change of output alone may still wait.

use super::foreign::{GOSSIP_CHECK, SERVER_SERVICE};
use super::{Verdict, hold};
use crate::edge::agent::{self, Agent};
use crate::edge::cluster::Cluster;
use std::collections::BTreeMap;
use tribune_edge::wire::{AgentService, HealthCheck};
use tribune_state::catalog::{CheckRow, ServiceRow};

const RULE: &str = "the catalog converges";

/// All has been quiet for long enough. `recent` if an output was a check's not long ago.
pub fn quiet(
    agent: &Agent,
    cluster: &Cluster,
    server: bool,
    recent: impl Fn(&str, &str) -> bool,
) -> Verdict {
    let node = cluster.node();
    let own = agent::node();
    let known = node.as_ref().is_some_and(|row| row.id == own.id && row.address == own.address);
    hold(RULE, known, || format!("the node is {node:?}"))?;
    let mut services: BTreeMap<String, _> =
        cluster.services().into_iter().map(|row| (row.id.to_string(), row)).collect();
    if server {
        services.remove(SERVER_SERVICE);
    }
    for (id, shown) in &agent.services {
        let row = services.remove(id);
        let same = row.as_ref().is_some_and(|row| same_service(row, shown));
        hold(RULE, same, || format!("{shown:?} is in the catalog as {row:?}"))?;
    }
    hold(RULE, services.is_empty(), || format!("nobody registered {services:?}"))?;
    let mut checks: BTreeMap<String, _> =
        cluster.checks().into_iter().map(|row| (row.id.to_string(), row)).collect();
    checks.remove(GOSSIP_CHECK);
    for (id, shown) in &agent.checks {
        let row = checks.remove(id);
        let same = row.as_ref().is_some_and(|row| {
            same_check(row, shown) && (row.output == shown.output || recent(id, &row.output))
        });
        hold(RULE, same, || format!("{shown:?} is in the catalog as {row:?}"))?;
    }
    hold(RULE, checks.is_empty(), || format!("nobody registered {checks:?}"))
}

fn same_service(row: &ServiceRow, shown: &AgentService) -> bool {
    row.service.as_str() == shown.service
        && row.port == shown.port
        && row.address == shown.address
        && row.tags.as_deref().unwrap_or_default() == shown.tags
        && row.meta.clone().unwrap_or_default() == shown.meta.clone().into()
        && row.enable_tag_override == shown.enable_tag_override
}

fn same_check(row: &CheckRow, shown: &HealthCheck) -> bool {
    row.status.as_str() == shown.status
        && row.name == shown.name
        && row.notes == shown.notes
        && row.service_id.as_str() == shown.service_id
        && row.service_name.as_str() == shown.service_name
        && row.kind == shown.kind
}
