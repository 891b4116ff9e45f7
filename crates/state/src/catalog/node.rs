//! How nodes come and go, and who may have which name.
//!
//! A name belongs to the node whose id it was registered with, until that node's own health check
//! is critical: then another may take it. Source: Consul 1.22 documentation of node identity.

use super::marks::mark_all_on;
use super::rows::{CheckStatus, NodeRow};
use super::write::{remove_check, remove_service};
use crate::coordinate;
use crate::feed::Event;
use crate::ids::{CheckId, Index, NodeName, ServiceId};
use crate::outcome::Refusal;
use crate::session;
use crate::store::Tables;
use std::sync::Arc;

/// The check that gossip keeps for each node that runs an agent.
const SERF_HEALTH: &str = "serfHealth";

/// Registers a node, or changes it; an identical registration changes nothing.
pub(crate) fn put_node(
    tables: &mut Tables,
    wish: &NodeRow,
    index: Index,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let renamed = claim(tables, wish)?;
    if let Some(old) = renamed {
        remove_node(tables, &old, index, events);
    }
    let old = tables.catalog.node(&wish.node).cloned();
    let mut row = wish.clone();
    row.create_index = index;
    row.modify_index = index;
    if let Some(old) = &old {
        row.node = old.node.clone();
        row.create_index = old.create_index;
        row.modify_index = old.modify_index;
        if row == **old {
            return Ok(());
        }
        row.modify_index = index;
        tables.catalog.unload_node(&old.node);
    }
    let node = row.node.clone();
    tables.catalog.load_node(Arc::new(row));
    tables.catalog.marks.nodes = index;
    tables.catalog.marks.node(&node, index);
    events.push(Event::Node { node: node.clone(), removed: false });
    mark_all_on(&mut tables.catalog, &node, index, events);
    Ok(())
}

/// Removes a node with its instances, checks and sessions. True if it was there.
pub(crate) fn remove_node(
    tables: &mut Tables,
    node: &NodeName,
    index: Index,
    events: &mut Vec<Event>,
) -> bool {
    let Some(row) = tables.catalog.node(node).cloned() else { return false };
    let services: Vec<ServiceId> =
        tables.catalog.services_on(node).map(|row| row.id.clone()).collect();
    for id in services {
        remove_service(tables, node, &id, index, events);
    }
    let checks: Vec<CheckId> = tables.catalog.checks_on(node).map(|row| row.id.clone()).collect();
    for id in checks {
        remove_check(tables, node, &id, index, events);
    }
    tables.catalog.unload_node(node);
    tables.catalog.marks.nodes = index;
    tables.catalog.marks.node_gone(node, index);
    events.push(Event::Node { node: row.node.clone(), removed: true });
    coordinate::remove_of_node(tables, node, index, events);
    session::end_for_node(tables, node, index, events);
    true
}

/// Checks that a node may have its name and id; returns the name that the id had before, if it
/// is another.
fn claim(tables: &Tables, wish: &NodeRow) -> Result<Option<NodeName>, Refusal> {
    if wish.id.is_empty() {
        return Ok(None);
    }
    let before = tables.catalog.node_ids.get(&wish.id.to_lowercase());
    let renamed = before.filter(|name| name.folded() != wish.node.folded());
    if let Some(holder) = tables.catalog.node(&wish.node)
        && !holder.id.eq_ignore_ascii_case(&wish.id)
        && !(holder.id.is_empty() && renamed.is_none())
        && !is_failed(tables, holder)
    {
        return Err(Refusal::NodeConflict(format!(
            "failed inserting node: Error while renaming Node ID: {:?}: \
             Node name {} is reserved by node {} with name {}",
            wish.id, wish.node, holder.id, holder.node
        )));
    }
    Ok(renamed.cloned())
}

fn is_failed(tables: &Tables, node: &NodeRow) -> bool {
    let check = tables.catalog.check(&node.node, &CheckId::from(SERF_HEALTH));
    check.is_some_and(|check| check.status == CheckStatus::Critical)
}
