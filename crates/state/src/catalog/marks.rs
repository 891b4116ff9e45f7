//! The index that each read of the catalog waits on, and the rules by which it moves.
//!
//! Invariant: an index never falls, also when what it belongs to is gone and comes back, and it
//! moves whenever the answer changes. Source: surface B.1; transcripts catalog/basic, health/*.

use super::rows::{CatalogTables, ServiceRow};
use crate::codec::{CatalogIndexes, Record};
use crate::feed::Event;
use crate::ids::{Index, NodeName, ServiceName};
use crate::table::Table;
use std::collections::BTreeSet;

/// The indexes of the catalog's tables, and of single nodes and services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// Of the node table; a service's registration moves it too.
    pub nodes: Index,
    /// Of the service table.
    pub services: Index,
    /// Of the check table.
    pub checks: Index,
    /// When a service, or the mesh endpoints of one, last lost its last instance.
    extinct: Index,
    /// When a node was last removed.
    node_extinct: Index,
    /// Of each service that has instances: moved by them, their checks and their nodes.
    by_service: Table<ServiceName, Index>,
    /// Of each service that has mesh endpoints.
    by_connect: Table<ServiceName, Index>,
    /// Of each node with its services.
    by_node: Table<NodeName, Index>,
}

impl Marks {
    pub fn new(indexes: &CatalogIndexes) -> Marks {
        Marks {
            nodes: indexes.nodes,
            services: indexes.services,
            checks: indexes.checks,
            extinct: indexes.extinct,
            node_extinct: indexes.node_extinct,
            ..Marks::default()
        }
    }

    /// The index of a service; of one without instances, one that its return will exceed.
    pub fn of_service(&self, service: &ServiceName) -> Index {
        self.by_service.get(&service.folded()).copied().unwrap_or_else(|| self.absent())
    }

    /// The index of a service's mesh endpoints.
    pub fn of_connect(&self, service: &ServiceName) -> Index {
        self.by_connect.get(&service.folded()).copied().unwrap_or_else(|| self.absent())
    }

    /// The index of a node with its services.
    pub fn of_node(&self, node: &NodeName) -> Index {
        self.by_node.get(&node.folded()).copied().unwrap_or(self.node_extinct)
    }

    fn absent(&self) -> Index {
        if self.extinct == Index(0) {
            self.nodes.max(self.services).max(self.checks)
        } else {
            self.extinct
        }
    }

    pub fn service(&mut self, service: &ServiceName, index: Index) {
        self.by_service.insert(service.folded(), index);
    }

    pub fn connect(&mut self, service: &ServiceName, index: Index) {
        self.by_connect.insert(service.folded(), index);
    }

    pub fn node(&mut self, node: &NodeName, index: Index) {
        self.by_node.insert(node.folded(), index);
    }

    pub fn node_gone(&mut self, node: &NodeName, index: Index) {
        self.by_node.remove(&node.folded());
        self.node_extinct = index;
    }

    pub fn indexes(&self) -> CatalogIndexes {
        CatalogIndexes {
            extinct: self.extinct,
            node_extinct: self.node_extinct,
            nodes: self.nodes,
            services: self.services,
            checks: self.checks,
        }
    }

    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let services = self.by_service.iter().map(|(s, i)| Record::ServiceIndex(s.clone(), *i));
        let connects = self.by_connect.iter().map(|(s, i)| Record::ConnectIndex(s.clone(), *i));
        let nodes = self.by_node.iter().map(|(n, i)| Record::NodeIndex(n.clone(), *i));
        services.chain(connects).chain(nodes)
    }
}

/// An instance came, went or changed: call it for the row before and for the row after, when
/// the tables hold the new state.
pub(crate) fn mark_instance(
    tables: &mut CatalogTables,
    row: &ServiceRow,
    index: Index,
    events: &mut Vec<Event>,
) {
    let service = row.service.folded();
    if tables.instances(&service).next().is_some() {
        tables.marks.service(&service, index);
    } else {
        tables.marks.by_service.remove(&service);
        tables.marks.extinct = index;
    }
    if let Some(destination) = row.connect_destination() {
        if tables.endpoints(&destination).next().is_some() {
            tables.marks.connect(&destination, index);
        } else {
            tables.marks.by_connect.remove(&destination);
            tables.marks.extinct = index;
        }
        events.push(Event::MeshTouched { service: destination });
    }
    tables.marks.services = index;
    tables.marks.nodes = index;
    if tables.node(&row.node).is_some() {
        tables.marks.node(&row.node, index);
    }
}

/// A check of an instance changed.
pub(crate) fn mark_checked(
    tables: &mut CatalogTables,
    row: &ServiceRow,
    index: Index,
    events: &mut Vec<Event>,
) {
    tables.marks.service(&row.service, index);
    if let Some(destination) = row.connect_destination() {
        tables.marks.connect(&destination, index);
        events.push(Event::MeshTouched { service: destination });
    }
}

/// A node's row or one of its own checks changed: that shows in every instance on it.
pub(crate) fn mark_all_on(
    tables: &mut CatalogTables,
    node: &NodeName,
    index: Index,
    events: &mut Vec<Event>,
) {
    let services: BTreeSet<ServiceName> =
        tables.services_on(node).map(|row| row.service.folded()).collect();
    let destinations: BTreeSet<ServiceName> =
        tables.services_on(node).filter_map(|row| row.connect_destination()).collect();
    for service in services {
        tables.marks.service(&service, index);
        events.push(Event::ServiceTouched { service });
    }
    for service in destinations {
        tables.marks.connect(&service, index);
        events.push(Event::MeshTouched { service });
    }
}
