//! Registration and deregistration. Source: transcripts catalog/*; surface A.3, D.1.

use super::marks::{mark_all_on, mark_checked, mark_instance};
use super::node::{put_node, remove_node};
use super::rows::{CheckRow, CheckStatus, NodeRow, ServiceRow};
use super::virtual_address;
use crate::feed::Event;
use crate::ids::{CheckId, Index, NodeName, ServiceId, ServiceName};
use crate::outcome::{Outcome, Refusal};
use crate::session;
use crate::store::Tables;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A node to register: a row whose indexes do not count.
pub type NodeRegister = NodeRow;
/// A service instance to register: a row whose indexes and node do not count.
pub type ServiceRegister = ServiceRow;
/// A check to register: a row whose indexes do not count.
pub type CheckRegister = CheckRow;

/// One registration: a node, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// The node.
    pub node: NodeRegister,
    /// True to leave an existing node's own fields as they are.
    pub skip_node_update: bool,
    /// A service instance on it.
    pub service: Option<ServiceRegister>,
    /// Checks of the node or of instances on it.
    pub checks: Vec<CheckRegister>,
}

/// One deregistration: of a check, else of an instance, else of the whole node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deregister {
    /// The node.
    pub node: NodeName,
    /// The instance, if one is meant.
    pub service_id: Option<ServiceId>,
    /// The check, if one is meant.
    pub check_id: Option<CheckId>,
}

/// One write of the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CatalogCommand {
    /// Registers.
    Register(Box<Register>),
    /// Deregisters; what is not there is no error.
    Deregister(Deregister),
    /// Several, in order, each on its own: an agent's changes in one entry.
    Batch(Vec<CatalogCommand>),
}

pub(crate) fn apply(
    tables: &mut Tables,
    command: &CatalogCommand,
    index: Index,
    events: &mut Vec<Event>,
) -> Outcome {
    match command {
        CatalogCommand::Register(register) => {
            // A refused registration leaves nothing behind, so it is tried on a copy.
            let mut trial = tables.clone();
            let mut trial_events = Vec::new();
            match apply_register(&mut trial, register, index, &mut trial_events) {
                Ok(()) => {
                    *tables = trial;
                    events.append(&mut trial_events);
                    Outcome::Flag(true)
                }
                Err(refusal) => Outcome::Refused(refusal),
            }
        }
        CatalogCommand::Deregister(deregister) => {
            apply_deregister(tables, deregister, index, events);
            Outcome::Flag(true)
        }
        CatalogCommand::Batch(commands) => {
            let mut first_refusal = None;
            for command in commands {
                let outcome = apply(tables, command, index, events);
                if matches!(outcome, Outcome::Refused(_)) {
                    first_refusal = first_refusal.or(Some(outcome));
                }
            }
            first_refusal.unwrap_or(Outcome::Flag(true))
        }
    }
}

fn apply_register(
    tables: &mut Tables,
    register: &Register,
    index: Index,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let node = &register.node.node;
    if !register.skip_node_update || tables.catalog.node(node).is_none() {
        put_node(tables, &register.node, index, events)?;
    }
    if let Some(service) = &register.service {
        put_service(tables, node, service, index, events)?;
    }
    for check in &register.checks {
        if !check.node.is_empty() && check.node.folded() != node.folded() {
            return Err(Refusal::OtherNode {
                check: check.node.to_string(),
                node: node.to_string(),
            });
        }
        put_check(tables, node, check, index, events).map_err(|refusal| match refusal {
            Refusal::MissingService => Refusal::UnknownService {
                service: check.service_id.to_string(),
                check: id_of(check).to_string(),
            },
            other => other,
        })?;
    }
    Ok(())
}

fn apply_deregister(
    tables: &mut Tables,
    deregister: &Deregister,
    index: Index,
    events: &mut Vec<Event>,
) {
    let node = &deregister.node;
    let check = deregister.check_id.as_ref().filter(|id| !id.is_empty());
    let service = deregister.service_id.as_ref().filter(|id| !id.is_empty());
    match (check, service) {
        (Some(check), _) => remove_check(tables, node, check, index, events),
        (None, Some(service)) => remove_service(tables, node, service, index, events),
        (None, None) => remove_node(tables, node, index, events),
    };
}

/// Registers an instance, or changes it; an identical registration changes nothing. An instance
/// without an id gets its service's name.
pub(crate) fn put_service(
    tables: &mut Tables,
    node: &NodeName,
    wish: &ServiceRegister,
    index: Index,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let catalog = &mut tables.catalog;
    let node = catalog.node(node).ok_or(Refusal::MissingNode)?.node.clone();
    let mut row = wish.clone();
    if row.id.is_empty() {
        row.id = row.service.as_str().into();
    }
    let id = row.id.clone();
    row.node = node.clone();
    virtual_address::put_on(catalog, &mut row);
    row.create_index = index;
    row.modify_index = index;
    let old = catalog.service(&node, &id).cloned();
    if let Some(old) = &old {
        row.uuid = old.uuid;
        row.create_index = old.create_index;
        row.modify_index = old.modify_index;
        if row == **old {
            return Ok(());
        }
        row.modify_index = index;
        catalog.unload_service(&node, &id);
    }
    let row = catalog.load_service(row);
    let service = row.service.clone();
    mark_instance(catalog, &row, index, events);
    if let Some(old) = old {
        let moved = old.connect_destination() != row.connect_destination();
        if moved || old.service != service {
            mark_instance(catalog, &old, index, events);
        }
        if old.service != service {
            let service = old.service.clone();
            events.push(Event::Service {
                node: node.clone(),
                id: id.clone(),
                service,
                removed: true,
            });
            rename_checks(tables, &row, index, events);
        }
    }
    events.push(Event::Service { node, id, service, removed: false });
    Ok(())
}

/// Gives the checks of an instance its service's new name, so that they are found under it.
fn rename_checks(tables: &mut Tables, row: &ServiceRow, index: Index, events: &mut Vec<Event>) {
    let checks: Vec<Arc<CheckRow>> =
        tables.catalog.checks_of(&row.node, &row.id).cloned().collect();
    for check in checks {
        let mut check = check.as_ref().clone();
        check.service_name = row.service.clone();
        check.modify_index = index;
        tables.catalog.marks.checks = index;
        events.push(Event::Check {
            node: check.node.clone(),
            id: check.id.clone(),
            service: Some(check.service_name.clone()),
            removed: false,
        });
        tables.catalog.load_check(check);
    }
}

/// Registers a check, or changes it; an identical registration changes nothing. A check without
/// an id gets its name, one without a status is critical.
pub(crate) fn put_check(
    tables: &mut Tables,
    node: &NodeName,
    wish: &CheckRegister,
    index: Index,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let catalog = &mut tables.catalog;
    let node = catalog.node(node).ok_or(Refusal::MissingNode)?.node.clone();
    let mut row = wish.clone();
    row.id = id_of(wish);
    row.node = node.clone();
    if row.status.as_str().is_empty() {
        row.status = CheckStatus::Critical;
    }
    let instance = if row.service_id.is_empty() {
        row.service_name = ServiceName::default();
        row.service_tags = None;
        None
    } else {
        let found = catalog.service(&node, &row.service_id).ok_or(Refusal::MissingService)?;
        row.service_name = found.service.clone();
        row.service_tags = found.tags.clone();
        Some(found.clone())
    };
    row.create_index = index;
    row.modify_index = index;
    if let Some(old) = catalog.check(&node, &row.id).cloned() {
        row.create_index = old.create_index;
        row.modify_index = old.modify_index;
        if row == *old {
            return Ok(());
        }
        row.modify_index = index;
        if old.service_id != row.service_id {
            remove_check(tables, &node, &old.id, index, events);
        }
    }
    let row = tables.catalog.load_check(row);
    mark_check(tables, &row, instance.as_deref(), false, index, events);
    if row.status == CheckStatus::Critical {
        session::end_for_check(tables, &node, &row.id, index, events);
    }
    Ok(())
}

/// Removes an instance with its checks. True if it was there.
pub(crate) fn remove_service(
    tables: &mut Tables,
    node: &NodeName,
    id: &ServiceId,
    index: Index,
    events: &mut Vec<Event>,
) -> bool {
    let Some(row) = tables.catalog.service(node, id).cloned() else { return false };
    let checks: Vec<CheckId> =
        tables.catalog.checks_of(node, id).map(|check| check.id.clone()).collect();
    for check in checks {
        remove_check(tables, node, &check, index, events);
    }
    tables.catalog.unload_service(node, id);
    mark_instance(&mut tables.catalog, &row, index, events);
    events.push(Event::Service {
        node: row.node.clone(),
        id: row.id.clone(),
        service: row.service.clone(),
        removed: true,
    });
    true
}

/// Removes a check and ends the sessions that depend on it. True if it was there.
pub(crate) fn remove_check(
    tables: &mut Tables,
    node: &NodeName,
    id: &CheckId,
    index: Index,
    events: &mut Vec<Event>,
) -> bool {
    let Some(row) = tables.catalog.unload_check(node, id) else { return false };
    let instance = tables.catalog.service(node, &row.service_id).cloned();
    mark_check(tables, &row, instance.as_deref(), true, index, events);
    session::end_for_check(tables, node, id, index, events);
    true
}

/// Moves the indexes of everything that shows a check, and tells who reads it.
fn mark_check(
    tables: &mut Tables,
    row: &CheckRow,
    instance: Option<&ServiceRow>,
    removed: bool,
    index: Index,
    events: &mut Vec<Event>,
) {
    tables.catalog.marks.checks = index;
    events.push(Event::Check {
        node: row.node.clone(),
        id: row.id.clone(),
        service: instance.map(|instance| instance.service.clone()),
        removed,
    });
    match instance {
        Some(instance) => mark_checked(&mut tables.catalog, instance, index, events),
        None => mark_all_on(&mut tables.catalog, &row.node, index, events),
    }
}

fn id_of(check: &CheckRow) -> CheckId {
    if check.id.is_empty() { check.name.as_str().into() } else { check.id.clone() }
}
