//! The rows of the catalog: shared, so that an answer holds pointers and copies nothing.

use crate::ids::{CheckId, Index, NodeName, ServiceId, ServiceName};
use crate::table::{Set, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub tagged_addresses: Option<BTreeMap<String, String>>,
    /// Its metadata; absent differs from empty.
    pub meta: Option<BTreeMap<String, String>>,
    /// Its region and zone.
    pub locality: Option<Locality>,
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
    pub tags: Option<Vec<String>>,
    /// Its address, empty if it is the node's.
    pub address: String,
    /// Further addresses by tag; absent differs from empty.
    pub tagged_addresses: Option<BTreeMap<String, Address>>,
    /// Its metadata; absent differs from empty.
    pub meta: Option<BTreeMap<String, String>>,
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
    pub locality: Option<Locality>,
    /// The proxy's settings as canonical JSON text, empty if there are none: data to us.
    pub proxy: Arc<str>,
    /// The mesh settings as canonical JSON text, empty if there are none: data to us.
    pub connect: Arc<str>,
    /// The index of its creation.
    pub create_index: Index,
    /// The index of its last change.
    pub modify_index: Index,
}

/// The state of a check. Clients may send others, which count as none of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CheckStatus {
    /// All is well.
    Passing,
    /// Not well, still usable.
    Warning,
    /// Not usable.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub service_tags: Option<Vec<String>>,
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
    /// The index of each service that has instances.
    pub(crate) service_index: Table<ServiceName, Index>,
    /// The index at which a service last lost its last instance.
    pub(crate) extinct_index: Index,
    pub(crate) nodes_index: Index,
    pub(crate) services_index: Index,
    pub(crate) checks_index: Index,
}

impl CatalogTables {
    /// The node of a name, in any case.
    pub fn node(&self, name: &NodeName) -> Option<&Arc<NodeRow>> {
        self.nodes.get(&name.folded())
    }

    /// One service instance.
    pub fn service(&self, node: &NodeName, id: &ServiceId) -> Option<&Arc<ServiceRow>> {
        self.services.get(&(node.folded(), id.clone()))
    }

    /// One check.
    pub fn check(&self, node: &NodeName, id: &CheckId) -> Option<&Arc<CheckRow>> {
        self.checks.get(&(node.folded(), id.clone()))
    }
}

impl CatalogTables {
    /// Puts a row of a snapshot in place, with everything that finds it.
    pub(crate) fn load_node(&mut self, row: Arc<NodeRow>) {
        if !row.id.is_empty() {
            self.node_ids.insert(row.id.to_lowercase(), row.node.clone());
        }
        self.nodes.insert(row.node.folded(), row);
    }

    pub(crate) fn load_service(&mut self, row: Arc<ServiceRow>) {
        let node = row.node.folded();
        self.by_service.insert((row.service.folded(), node.clone(), row.id.clone()));
        self.services.insert((node, row.id.clone()), row);
    }

    pub(crate) fn load_check(&mut self, row: Arc<CheckRow>) {
        let node = row.node.folded();
        self.checks_of.insert((node.clone(), row.service_id.clone(), row.id.clone()));
        self.checks.insert((node, row.id.clone()), row);
    }
}
