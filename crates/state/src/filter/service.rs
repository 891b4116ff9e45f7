//! The model of a service instance as its node has it, and of the parts that other models share.
//!
//! Source: surface A.7. Fields that Consul's documentation does not list but its answers hold
//! (socket path, named ports, locality) can be selected too.

use super::eval::{Fields, StructRef, Value};
use super::model::{Kind, Member, Model};
use super::proxy::{JsonFields, PROXY};
use crate::catalog::{Address, Locality, NamedPort, ServiceRow, Weights};
use crate::texts::Tags;
use std::collections::BTreeMap;

/// A service of a node: `catalog/node`, `catalog/node-services`, `agent/services`.
pub static NODE_SERVICE: Model = Model { name: "node service", members: SERVICE_MEMBERS };

pub(super) const SERVICE_MEMBERS: &[Member] = &[
    Member::new("Kind", Kind::Text),
    Member::new("ID", Kind::Text),
    Member::new("Service", Kind::Text),
    Member::new("Tags", Kind::Texts),
    Member::new("Address", Kind::Text),
    Member::new("TaggedAddresses", Kind::StructMap(ADDRESS)),
    Member::new("Meta", Kind::TextMap),
    Member::new("Port", Kind::Int),
    Member::new("Ports", Kind::Structs(PORT)),
    Member::new("SocketPath", Kind::Text),
    Member::new("Weights", Kind::Struct(WEIGHTS)),
    Member::new("EnableTagOverride", Kind::Bool),
    Member::new("Locality", Kind::Struct(LOCALITY)),
    Member::new("Proxy", Kind::Struct(PROXY)),
    Member::new("Connect", Kind::Struct(CONNECT)),
    Member::new("PeerName", Kind::Text),
];

pub(super) const ADDRESS: &[Member] =
    &[Member::new("Address", Kind::Text), Member::new("Port", Kind::Int)];

pub(super) const PORT: &[Member] = &[
    Member::new("Name", Kind::Text),
    Member::new("Port", Kind::Int),
    Member::new("Default", Kind::Bool),
];

pub(super) const WEIGHTS: &[Member] =
    &[Member::new("Passing", Kind::Int), Member::new("Warning", Kind::Int)];

pub(super) const LOCALITY: &[Member] =
    &[Member::new("Region", Kind::Text), Member::new("Zone", Kind::Text)];

pub(super) const CONNECT: &[Member] = &[Member::new("Native", Kind::Bool)];

impl Fields for ServiceRow {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Kind" => Value::Text(&self.kind),
            "ID" => Value::Text(self.id.as_str()),
            "Service" => Value::Text(self.service.as_str()),
            "Tags" => texts(self.tags.as_ref()),
            "Address" => Value::Text(&self.address),
            "TaggedAddresses" => addresses(self.tagged_addresses.as_ref()),
            "Meta" => Value::TextMap(&self.meta),
            "Port" => Value::Int(self.port),
            "Ports" => Value::Structs(
                self.ports.iter().flatten().map(|port| StructRef::Own(port)).collect(),
            ),
            "SocketPath" => Value::Text(&self.socket_path),
            "Weights" => Value::Struct(StructRef::Own(&self.weights)),
            "EnableTagOverride" => Value::Bool(self.enable_tag_override),
            "Locality" => locality(self.locality.as_deref()),
            "Proxy" => {
                let proxy = JsonFields::parse(PROXY, &self.proxy);
                Value::Struct(StructRef::Made(Box::new(proxy)))
            }
            "Connect" => Value::Struct(StructRef::Made(Box::new(Connect(self.connect_native)))),
            "PeerName" => Value::Text(""),
            _ => Value::Missing,
        }
    }
}

/// The part of a service that says how it is in the mesh.
struct Connect(bool);

impl Fields for Connect {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Native" => Value::Bool(self.0),
            _ => Value::Missing,
        }
    }
}

impl Fields for Address {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Address" => Value::Text(&self.address),
            "Port" => Value::Int(self.port),
            _ => Value::Missing,
        }
    }
}

impl Fields for NamedPort {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Name" => Value::Text(&self.name),
            "Port" => Value::Int(self.port),
            "Default" => Value::Bool(self.default),
            _ => Value::Missing,
        }
    }
}

impl Fields for Weights {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Passing" => Value::Int(self.passing),
            "Warning" => Value::Int(self.warning),
            _ => Value::Missing,
        }
    }
}

impl Fields for Locality {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Region" => Value::Text(&self.region),
            "Zone" => Value::Text(&self.zone),
            _ => Value::Missing,
        }
    }
}

pub(super) fn texts(list: Option<&Tags>) -> Value<'_> {
    let list = list.map(AsRef::as_ref).unwrap_or_default();
    Value::Texts(list.iter().map(String::as_str).collect())
}

pub(super) fn addresses(map: Option<&BTreeMap<String, Address>>) -> Value<'_> {
    let entries = map.into_iter().flatten();
    Value::StructMap(entries.map(|(tag, own)| (tag.as_str(), StructRef::Own(own))).collect())
}

pub(super) fn locality(own: Option<&Locality>) -> Value<'_> {
    own.map_or(Value::Missing, |own| Value::Struct(StructRef::Own(own)))
}
