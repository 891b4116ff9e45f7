//! The rows of the catalog: shared, so that an answer holds pointers and copies nothing.

use super::marks::Marks;
use super::query::Instance;
use super::virtual_address::{self, VirtualAddresses};
use crate::ids::{CheckId, Index, NodeName, ServiceId, ServiceName};
use crate::table::{Set, Table};
use crate::texts::{Tags, TextMap, share, share_map, share_some};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The kind of a sidecar proxy.
pub const KIND_PROXY: &str = "connect-proxy";

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Its id as text, empty if it has none.
    pub id: String,
    /// Its name as it was registered.
    pub node: NodeName,
    /// Its address.
    pub address: String,
    /// Its datacenter.
    pub datacenter: String,
    /// Further addresses by tag; absent differs from empty.
    pub tagged_addresses: Option<TextMap>,
    /// Its metadata; absent differs from empty.
    pub meta: Option<TextMap>,
    /// Its region and zone.
    pub locality: Option<Box<Locality>>,
    /// The index of its creation.
    pub create_index: Index,
    /// The index of its last change.
    pub modify_index: Index,
}

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Locality {
    /// The region.
    pub region: String,
    /// The zone within it.
    pub zone: String,
}

/// An address with its port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Host name or IP address.
    pub address: String,
    /// The port; some clients send numbers that are none, and Consul keeps them.
    pub port: i64,
}

/// A port with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NamedPort {
    /// Its name.
    pub name: String,
    /// The port.
    pub port: i64,
    /// True for the one that is used where none is named.
    pub default: bool,
}

/// The DNS weights of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Weights {
    /// While it is passing.
    pub passing: i64,
    /// While it is warning.
    pub warning: i64,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights { passing: 1, warning: 1 }
    }
}

/// One service instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRow {
    /// The node it runs on, as that was registered.
    pub node: NodeName,
    /// Its own lasting identity, made in `admit` at its first registration.
    pub uuid: uuid::Uuid,
    /// Empty for a typical service, else the kind of proxy or gateway.
    pub kind: String,
    /// Its id on its node.
    pub id: ServiceId,
    /// Its service's name.
    pub service: ServiceName,
    /// Its tags; absent differs from empty.
    pub tags: Option<Tags>,
    /// Its address, empty if it is the node's.
    pub address: String,
    /// Further addresses by tag; absent differs from empty.
    pub tagged_addresses: Option<BTreeMap<String, Address>>,
    /// Its metadata; absent differs from empty.
    pub meta: Option<TextMap>,
    /// Its port, 0 if it has none.
    pub port: i64,
    /// Its named ports.
    pub ports: Option<Vec<NamedPort>>,
    /// Its socket, if it listens on one.
    pub socket_path: String,
    /// Its weights.
    pub weights: Weights,
    /// True if the catalog's tags win over the agent's.
    pub enable_tag_override: bool,
    /// Its region and zone.
    pub locality: Option<Box<Locality>>,
    /// The proxy's settings as canonical JSON text, empty if there are none: data to us.
    pub proxy: Arc<str>,
    /// The mesh settings as canonical JSON text, empty if there are none: data to us.
    pub connect: Arc<str>,
    /// The service a proxy stands for, empty if it is none; the same as in its settings.
    pub proxy_destination: ServiceName,
    /// True if the instance speaks the mesh's protocol itself; the same as in its settings.
    pub connect_native: bool,
    /// The index of its creation.
    pub create_index: Index,
    /// The index of its last change.
    pub modify_index: Index,
}

impl ServiceRow {
    /// The service whose mesh endpoint this is, in lower case.
    pub fn connect_destination(&self) -> Option<ServiceName> {
        if self.connect_native {
            Some(self.service.folded())
        } else if self.kind == KIND_PROXY && !self.proxy_destination.is_empty() {
            Some(self.proxy_destination.folded())
        } else {
            None
        }
    }
}

/// The state of a check. Clients may send others, which count as none of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CheckStatus {
    /// All is well.
    Passing,
    /// Not well, still usable.
    Warning,
    /// Not usable; also what is not known yet.
    #[default]
    Critical,
    /// Any other text, kept as it was sent.
    Other(String),
}

impl CheckStatus {
    /// The status as text.
    pub fn as_str(&self) -> &str {
        match self {
            CheckStatus::Passing => "passing",
            CheckStatus::Warning => "warning",
            CheckStatus::Critical => "critical",
            CheckStatus::Other(text) => text,
        }
    }
}

impl From<&str> for CheckStatus {
    fn from(text: &str) -> CheckStatus {
        match text {
            "passing" => CheckStatus::Passing,
            "warning" => CheckStatus::Warning,
            "critical" => CheckStatus::Critical,
            other => CheckStatus::Other(other.to_owned()),
        }
    }
}

/// One check of a node or of a service instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRow {
    /// The node it belongs to, as that was registered.
    pub node: NodeName,
    /// Its id on its node.
    pub id: CheckId,
    /// A name for people.
    pub name: String,
    /// Its state.
    pub status: CheckStatus,
    /// Notes for people.
    pub notes: String,
    /// What the last run said.
    pub output: String,
    /// The instance it checks, empty for a node's check.
    pub service_id: ServiceId,
    /// That instance's service.
    pub service_name: ServiceName,
    /// That instance's tags; absent differs from empty.
    pub service_tags: Option<Tags>,
    /// The kind of check, such as `http`; empty if unknown.
    pub kind: String,
    /// Its interval as a Go duration, empty if it has none.
    pub interval: String,
    /// Its time-out as a Go duration, empty if it has none.
    pub timeout: String,
    /// The port under which a proxy exposes it, 0 if none.
    pub exposed_port: i64,
    /// Its definition as canonical JSON text, empty if it has none: data to us.
    pub definition: Arc<str>,
    /// The index of its creation.
    pub create_index: Index,
    /// The index of its last change.
    pub modify_index: Index,
}

/// The catalog's tables and the ways to find a row. Names are keys in lower case.
#[derive(Clone, Debug, Default)]
pub struct CatalogTables {
    pub(crate) nodes: Table<NodeName, Arc<NodeRow>>,
    /// Node ids (lower case) to names.
    pub(crate) node_ids: Table<String, NodeName>,
    pub(crate) services: Table<(NodeName, ServiceId), Arc<ServiceRow>>,
    /// Instances by service.
    pub(crate) by_service: Set<(ServiceName, NodeName, ServiceId)>,
    pub(crate) checks: Table<(NodeName, CheckId), Arc<CheckRow>>,
    /// Checks by service instance; node checks stand under the empty id.
    pub(crate) checks_of: Set<(NodeName, ServiceId, CheckId)>,
    /// Mesh endpoints by the service they stand for.
    pub(crate) by_connect: Set<(ServiceName, NodeName, ServiceId)>,
    /// The virtual addresses of the services that have mesh endpoints.
    pub(crate) virtuals: VirtualAddresses,
    /// The index that each read waits on.
    pub(crate) marks: Marks,
}

impl CatalogTables {
    /// The node of a name, in any case.
    pub fn node(&self, name: &NodeName) -> Option<&Arc<NodeRow>> {
        self.nodes.get(&name.folded())
    }

    /// The node of an id, in any case.
    pub fn node_by_id(&self, id: &str) -> Option<&Arc<NodeRow>> {
        self.node_ids.get(&id.to_lowercase()).and_then(|name| self.node(name))
    }

    /// One service instance.
    pub fn service(&self, node: &NodeName, id: &ServiceId) -> Option<&Arc<ServiceRow>> {
        self.services.get(&(node.folded(), id.clone()))
    }

    /// The virtual address of a service that has endpoints in the mesh.
    pub fn virtual_address(&self, service: &ServiceName) -> Option<Ipv4Addr> {
        self.virtuals.address(service)
    }

    /// One check.
    pub fn check(&self, node: &NodeName, id: &CheckId) -> Option<&Arc<CheckRow>> {
        self.checks.get(&(node.folded(), id.clone()))
    }
}

/// What finds a row; a row and its ways are always put and taken together.
impl CatalogTables {
    /// Puts a row in place with everything that finds it.
    pub(crate) fn load_node(&mut self, row: Arc<NodeRow>) {
        if !row.id.is_empty() {
            self.node_ids.insert(row.id.to_lowercase(), row.node.clone());
        }
        self.nodes.insert(row.node.folded(), row);
    }

    pub(crate) fn load_service(&mut self, mut row: ServiceRow) -> Arc<ServiceRow> {
        self.share_service(&mut row);
        let row = Arc::new(row);
        let node = row.node.folded();
        self.by_service.insert((row.service.folded(), node.clone(), row.id.clone()));
        if let Some(destination) = row.connect_destination() {
            virtual_address::came(self, &row, &destination);
            self.by_connect.insert((destination, node.clone(), row.id.clone()));
        }
        self.services.insert((node, row.id.clone()), row.clone());
        row
    }

    pub(crate) fn load_check(&mut self, mut row: CheckRow) -> Arc<CheckRow> {
        self.share_check(&mut row);
        let row = Arc::new(row);
        let node = row.node.folded();
        self.checks_of.insert((node.clone(), row.service_id.clone(), row.id.clone()));
        self.checks.insert((node, row.id.clone()), row.clone());
        row
    }

    /// Lets an instance share the texts it has in common with its node and with the first instance
    /// of its service: rows are many, and most of what they say is said by their like.
    fn share_service(&self, row: &mut ServiceRow) {
        if let Some(node) = self.node(&row.node) {
            share(&mut row.node.0, &node.node.0);
        }
        if row.service.as_str() == row.id.as_str() {
            row.service.0 = row.id.0.clone();
        }
        let Some(like) = self.instances(&row.service).next() else { return };
        share(&mut row.service.0, &like.service.0);
        share(&mut row.proxy, &like.proxy);
        share(&mut row.connect, &like.connect);
        share(&mut row.proxy_destination.0, &like.proxy_destination.0);
        share_some(&mut row.tags, like.tags.as_ref());
        share_map(&mut row.meta, like.meta.as_ref());
    }

    /// The same for a check, its instance and its node.
    fn share_check(&self, row: &mut CheckRow) {
        if let Some(node) = self.node(&row.node) {
            share(&mut row.node.0, &node.node.0);
        }
        if row.definition.is_empty() {
            row.definition = Arc::default();
        }
        let Some(service) = self.service(&row.node, &row.service_id) else { return };
        row.service_id = service.id.clone();
        share(&mut row.service_name.0, &service.service.0);
        share_some(&mut row.service_tags, service.tags.as_ref());
    }

    pub(crate) fn unload_node(&mut self, node: &NodeName) -> Option<Arc<NodeRow>> {
        let row = self.nodes.remove(&node.folded())?;
        self.node_ids.remove(&row.id.to_lowercase());
        Some(row)
    }

    pub(crate) fn unload_service(
        &mut self,
        node: &NodeName,
        id: &ServiceId,
    ) -> Option<Arc<ServiceRow>> {
        let node = node.folded();
        let row = self.services.remove(&(node.clone(), id.clone()))?;
        self.by_service.remove(&(row.service.folded(), node.clone(), id.clone()));
        if let Some(destination) = row.connect_destination() {
            self.by_connect.remove(&(destination.clone(), node, id.clone()));
            virtual_address::went(self, &destination);
        }
        Some(row)
    }

    pub(crate) fn unload_check(&mut self, node: &NodeName, id: &CheckId) -> Option<Arc<CheckRow>> {
        let node = node.folded();
        let row = self.checks.remove(&(node.clone(), id.clone()))?;
        self.checks_of.remove(&(node, row.service_id.clone(), id.clone()));
        Some(row)
    }

    /// Every node, by name.
    pub fn all_nodes(&self) -> impl Iterator<Item = &Arc<NodeRow>> {
        self.nodes.iter().map(|(_, row)| row)
    }

    /// Every instance, by node and id.
    pub fn all_services(&self) -> impl Iterator<Item = &Arc<ServiceRow>> {
        self.services.iter().map(|(_, row)| row)
    }

    /// Every instance, by service, node and id.
    pub fn all_instances(&self) -> impl Iterator<Item = &Arc<ServiceRow>> {
        let row = |(_, node, id): &(ServiceName, NodeName, ServiceId)| {
            self.services.get(&(node.clone(), id.clone()))
        };
        self.by_service.iter().filter_map(row)
    }

    /// The instances on a node, by id.
    pub fn services_on(&self, node: &NodeName) -> impl Iterator<Item = &Arc<ServiceRow>> + use<'_> {
        let node = node.folded();
        self.services
            .range::<_, (NodeName, ServiceId)>((node.clone(), ServiceId::default())..)
            .take_while(move |((name, _), _)| *name == node)
            .map(|(_, row)| row)
    }

    /// The checks on a node, its own and those of its instances, by id.
    pub fn checks_on(&self, node: &NodeName) -> impl Iterator<Item = &Arc<CheckRow>> + use<'_> {
        let node = node.folded();
        self.checks
            .range::<_, (NodeName, CheckId)>((node.clone(), CheckId::default())..)
            .take_while(move |((name, _), _)| *name == node)
            .map(|(_, row)| row)
    }

    /// The checks of one instance, by id; of the node itself for the empty id.
    pub fn checks_of(
        &self,
        node: &NodeName,
        id: &ServiceId,
    ) -> impl Iterator<Item = &Arc<CheckRow>> + use<'_> {
        let (node, id) = (node.folded(), id.clone());
        let from = (node.clone(), id.clone(), CheckId::default());
        self.checks_of
            .range::<_, (NodeName, ServiceId, CheckId)>(from..)
            .take_while(move |(name, service, _)| *name == node && *service == id)
            .filter_map(|(name, _, check)| self.checks.get(&(name.clone(), check.clone())))
    }

    /// The instances of a service, by node and id.
    pub fn instances(
        &self,
        service: &ServiceName,
    ) -> impl Iterator<Item = &Arc<ServiceRow>> + use<'_> {
        self.rows_of(&self.by_service, service)
    }

    /// The mesh endpoints of a service, by node and id.
    pub fn endpoints(
        &self,
        service: &ServiceName,
    ) -> impl Iterator<Item = &Arc<ServiceRow>> + use<'_> {
        self.rows_of(&self.by_connect, service)
    }

    /// An instance with its node and its checks, as health shows it.
    pub fn instance(&self, service: &Arc<ServiceRow>) -> Option<Instance> {
        let node = self.node(&service.node)?.clone();
        let own = self.checks_of(&service.node, &service.id);
        let checks = self.checks_of(&service.node, &ServiceId::default()).chain(own);
        let checks = checks.cloned().collect();
        Some(Instance { node, service: service.clone(), checks })
    }

    fn rows_of<'a>(
        &'a self,
        index: &'a Set<(ServiceName, NodeName, ServiceId)>,
        service: &ServiceName,
    ) -> impl Iterator<Item = &'a Arc<ServiceRow>> + use<'a> {
        let service = service.folded();
        let from = (service.clone(), NodeName::default(), ServiceId::default());
        index
            .range::<_, (ServiceName, NodeName, ServiceId)>(from..)
            .take_while(move |(name, _, _)| *name == service)
            .filter_map(|(_, node, id)| self.services.get(&(node.clone(), id.clone())))
    }
}
