//! The models of nodes and checks, and of the ways in which they are shown together.

use super::eval::{Fields, StructRef, Value};
use super::model::{Kind, Member, Model};
use super::proxy::PROXY;
use super::service::{ADDRESS, CONNECT, LOCALITY, PORT, SERVICE_MEMBERS, WEIGHTS, locality, texts};
use crate::catalog::{CheckRow, Instance, NodeRow, ServiceRow};
use std::sync::Arc;

/// A node: `catalog/nodes`.
pub static NODE: Model = Model { name: "node", members: NODE_MEMBERS };

/// A check: `health/node`, `health/checks`, `health/state`, `agent/checks`.
pub static CHECK: Model = Model { name: "check", members: CHECK_MEMBERS };

/// An instance with its node and its checks: `health/service`, `internal/ui/services`.
pub static INSTANCE: Model = Model { name: "instance", members: INSTANCE_MEMBERS };

/// An instance and its node, flat: `catalog/service`, `catalog/connect`, `catalog/services`.
pub static SERVICE_NODE: Model = Model { name: "service node", members: SERVICE_NODE_MEMBERS };

/// A node with its services and checks: `internal/ui/nodes`.
pub static NODE_INFO: Model = Model { name: "node info", members: NODE_INFO_MEMBERS };

const NODE_MEMBERS: &[Member] = &[
    Member::new("ID", Kind::Text),
    Member::new("Node", Kind::Text),
    Member::new("Address", Kind::Text),
    Member::new("Datacenter", Kind::Text),
    Member::new("PeerName", Kind::Text),
    Member::new("TaggedAddresses", Kind::TextMap),
    Member::new("Meta", Kind::TextMap),
    Member::new("Locality", Kind::Struct(LOCALITY)),
];

const CHECK_MEMBERS: &[Member] = &[
    Member::new("Node", Kind::Text),
    Member::new("CheckID", Kind::Text),
    Member::new("Name", Kind::Text),
    Member::new("Status", Kind::Text),
    Member::new("Notes", Kind::Text),
    Member::new("Output", Kind::Text),
    Member::new("ServiceID", Kind::Text),
    Member::new("ServiceName", Kind::Text),
    Member::new("ServiceTags", Kind::Texts),
    Member::new("Type", Kind::Text),
    Member::new("Interval", Kind::Text),
    Member::new("Timeout", Kind::Text),
    Member::new("ExposedPort", Kind::Int),
    Member::new("PeerName", Kind::Text),
];

const INSTANCE_MEMBERS: &[Member] = &[
    Member::new("Node", Kind::Struct(NODE_MEMBERS)),
    Member::new("Service", Kind::Struct(SERVICE_MEMBERS)),
    Member::new("Checks", Kind::Structs(CHECK_MEMBERS)),
];

const SERVICE_NODE_MEMBERS: &[Member] = &[
    Member::new("ID", Kind::Text),
    Member::new("Node", Kind::Text),
    Member::new("Address", Kind::Text),
    Member::new("Datacenter", Kind::Text),
    Member::new("TaggedAddresses", Kind::TextMap),
    Member::new("NodeMeta", Kind::TextMap),
    Member::new("ServiceKind", Kind::Text),
    Member::new("ServiceID", Kind::Text),
    Member::new("ServiceName", Kind::Text),
    Member::new("ServiceTags", Kind::Texts),
    Member::new("ServiceAddress", Kind::Text),
    Member::new("ServiceTaggedAddresses", Kind::StructMap(ADDRESS)),
    Member::new("ServiceWeights", Kind::Struct(WEIGHTS)),
    Member::new("ServiceMeta", Kind::TextMap),
    Member::new("ServicePort", Kind::Int),
    Member::new("ServicePorts", Kind::Structs(PORT)),
    Member::new("ServiceSocketPath", Kind::Text),
    Member::new("ServiceEnableTagOverride", Kind::Bool),
    Member::new("ServiceProxy", Kind::Struct(PROXY)),
    Member::new("ServiceConnect", Kind::Struct(CONNECT)),
    Member::new("ServiceLocality", Kind::Struct(LOCALITY)),
    Member::new("PeerName", Kind::Text),
];

const NODE_INFO_MEMBERS: &[Member] = &[
    Member::new("ID", Kind::Text),
    Member::new("Node", Kind::Text),
    Member::new("Address", Kind::Text),
    Member::new("PeerName", Kind::Text),
    Member::new("TaggedAddresses", Kind::TextMap),
    Member::new("Meta", Kind::TextMap),
    Member::new("Services", Kind::Structs(SERVICE_MEMBERS)),
    Member::new("Checks", Kind::Structs(CHECK_MEMBERS)),
];

impl Fields for NodeRow {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "ID" => Value::Text(&self.id),
            "Node" => Value::Text(self.node.as_str()),
            "Address" => Value::Text(&self.address),
            "Datacenter" => Value::Text(&self.datacenter),
            "PeerName" => Value::Text(""),
            "TaggedAddresses" => Value::TextMap(&self.tagged_addresses),
            "Meta" => Value::TextMap(&self.meta),
            "Locality" => locality(self.locality.as_deref()),
            _ => Value::Missing,
        }
    }
}

impl Fields for CheckRow {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Node" => Value::Text(self.node.as_str()),
            "CheckID" => Value::Text(self.id.as_str()),
            "Name" => Value::Text(&self.name),
            "Status" => Value::Text(self.status.as_str()),
            "Notes" => Value::Text(&self.notes),
            "Output" => Value::Text(&self.output),
            "ServiceID" => Value::Text(self.service_id.as_str()),
            "ServiceName" => Value::Text(self.service_name.as_str()),
            "ServiceTags" => texts(self.service_tags.as_ref()),
            "Type" => Value::Text(&self.kind),
            "Interval" => Value::Text(&self.interval),
            "Timeout" => Value::Text(&self.timeout),
            "ExposedPort" => Value::Int(self.exposed_port),
            "PeerName" => Value::Text(""),
            _ => Value::Missing,
        }
    }
}

impl Fields for Instance {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Node" => Value::Struct(StructRef::Own(&*self.node)),
            "Service" => Value::Struct(StructRef::Own(&*self.service)),
            "Checks" => structs(&self.checks),
            _ => Value::Missing,
        }
    }
}

/// An instance and its node, seen as one.
#[derive(Clone, Copy, Debug)]
pub struct ServiceNode<'a> {
    /// The node.
    pub node: &'a NodeRow,
    /// The instance.
    pub service: &'a ServiceRow,
}

impl Fields for ServiceNode<'_> {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "NodeMeta" => self.node.field("Meta"),
            "ID" | "Node" | "Address" | "Datacenter" | "TaggedAddresses" | "PeerName" => {
                self.node.field(name)
            }
            "ServiceName" => self.service.field("Service"),
            _ => match name.strip_prefix("Service") {
                Some(own) => self.service.field(own),
                None => Value::Missing,
            },
        }
    }
}

/// A node with its services and all its checks.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// The node.
    pub node: Arc<NodeRow>,
    /// Its instances, by id.
    pub services: Vec<Arc<ServiceRow>>,
    /// Its own checks and those of its instances, by id.
    pub checks: Vec<Arc<CheckRow>>,
}

impl Fields for NodeInfo {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Services" => structs(&self.services),
            "Checks" => structs(&self.checks),
            "Datacenter" | "Locality" => Value::Missing,
            _ => self.node.field(name),
        }
    }
}

fn structs<T: Fields>(list: &[Arc<T>]) -> Value<'_> {
    Value::Structs(list.iter().map(|row| StructRef::Own(&**row)).collect())
}
