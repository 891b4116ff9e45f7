//! The catalog on the wire: nodes, services and their registration. No rule lives here.
//! A field that is `null` in one answer and `[]` in another is an `Option`; handlers choose.
//! Invariant: fields stand in the order Consul prints them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::health::HealthCheck;
use crate::null::is_default;
use crate::proxy::{ConnectProxy, ServiceConnect};

pub type TextMap = BTreeMap<String, String>;

/// A node, in `catalog/nodes`, inside other answers, and in transactions.
///
/// Source: transcripts/catalog/basic.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Node {
    #[serde(rename = "ID")]
    pub id: String,
    pub node: String,
    pub address: String,
    pub datacenter: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub partition: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer_name: String,
    pub tagged_addresses: Option<TextMap>,
    pub meta: Option<TextMap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<Locality>,
    pub create_index: u64,
    pub modify_index: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Locality {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub zone: String,
}

/// How often DNS gives an instance, by its health. Absent means 1 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Weights {
    pub passing: i64,
    pub warning: i64,
}

impl Weights {
    pub const ONE: Weights = Weights { passing: 1, warning: 1 };
}

/// An address of a service under a name such as `wan`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceAddress {
    pub address: String,
    pub port: i64,
}

/// A named port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServicePort {
    pub name: String,
    pub port: i64,
    pub default: bool,
}

/// A service of a node, in `catalog/node`, `health/service` and transactions.
///
/// Source: transcripts/catalog/basic.txt, transcripts/txn/basic.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeService {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(rename = "ID")]
    pub id: String,
    pub service: String,
    pub tags: Option<Vec<String>>,
    pub address: String,
    #[serde(skip_serializing_if = "is_default", alias = "tagged_addresses")]
    pub tagged_addresses: Option<BTreeMap<String, ServiceAddress>>,
    pub meta: Option<TextMap>,
    #[serde(skip_serializing_if = "is_default")]
    pub port: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub ports: Option<Vec<ServicePort>>,
    #[serde(skip_serializing_if = "String::is_empty", alias = "socket_path")]
    pub socket_path: String,
    pub weights: Option<Weights>,
    #[serde(alias = "enable_tag_override")]
    pub enable_tag_override: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<Locality>,
    pub proxy: ConnectProxy,
    pub connect: ServiceConnect,
    pub peer_name: String,
    pub create_index: u64,
    pub modify_index: u64,
}

/// An instance in `catalog/service`: the node's fields and the service's, flat.
///
/// Source: transcripts/catalog/basic.txt. Its indexes are the service's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceNode {
    #[serde(rename = "ID")]
    pub id: String,
    pub node: String,
    pub address: String,
    pub datacenter: String,
    pub tagged_addresses: Option<TextMap>,
    pub node_meta: Option<TextMap>,
    pub service_kind: String,
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    pub service_name: String,
    pub service_tags: Option<Vec<String>>,
    pub service_address: String,
    #[serde(skip_serializing_if = "is_default")]
    pub service_tagged_addresses: Option<BTreeMap<String, ServiceAddress>>,
    pub service_weights: Weights,
    pub service_meta: Option<TextMap>,
    pub service_port: i64,
    pub service_ports: Option<Vec<ServicePort>>,
    pub service_socket_path: String,
    pub service_enable_tag_override: bool,
    pub service_proxy: ConnectProxy,
    pub service_connect: ServiceConnect,
    pub service_locality: Option<Locality>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer_name: String,
    pub create_index: u64,
    pub modify_index: u64,
}

/// `catalog/node/<name>`: services by id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeServices {
    pub node: Option<Node>,
    pub services: Option<BTreeMap<String, NodeService>>,
}

/// `catalog/node-services/<name>`: services as a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeServiceList {
    pub node: Option<Node>,
    pub services: Option<Vec<NodeService>>,
}

/// The body of `PUT /v1/catalog/register`.
///
/// Source: transcripts/catalog/basic.txt, consul-surface A.3.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CatalogRegistration {
    #[serde(rename = "ID")]
    pub id: String,
    pub datacenter: String,
    pub node: String,
    pub address: String,
    pub tagged_addresses: Option<TextMap>,
    pub node_meta: Option<TextMap>,
    pub service: Option<NodeService>,
    pub check: Option<HealthCheck>,
    pub checks: Option<Vec<HealthCheck>>,
    pub locality: Option<Locality>,
    pub skip_node_update: bool,
    pub partition: String,
    pub peer_name: String,
    pub write_request: WriteRequest,
    pub create_index: u64,
    pub modify_index: u64,
}

/// All tags of one service: each of its checks carries a copy of them.
pub const TAGS_BYTES_MAX: usize = 64 * 1024;
/// Checks of one registration.
pub const CHECKS_MAX: usize = 256;

/// What is too much in a service's definition, if anything.
pub fn definition_complaint(tags: Option<&[String]>, checks: usize) -> Option<String> {
    let bytes: usize = tags.unwrap_or_default().iter().map(|tag| tag.len()).sum();
    let count = tags.unwrap_or_default().len();
    if bytes.saturating_add(count) > TAGS_BYTES_MAX {
        return Some(format!(
            "Invalid Tags: they have {bytes} bytes, at most {TAGS_BYTES_MAX} fit"
        ));
    }
    (checks > CHECKS_MAX)
        .then(|| format!("Invalid Checks: there are {checks}, at most {CHECKS_MAX} are taken"))
}

/// The body of `PUT /v1/catalog/deregister`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CatalogDeregistration {
    pub node: String,
    /// Accepted and not used, as in Consul.
    pub address: String,
    pub datacenter: String,
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    #[serde(rename = "CheckID")]
    pub check_id: String,
    pub partition: String,
    pub peer_name: String,
    pub write_request: WriteRequest,
}

/// What old clients send along with a catalog write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WriteRequest {
    pub token: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Unknown, decode};
    use crate::json::{Layout, to_json};

    #[test]
    fn a_service_prints_its_fields_in_order_and_leaves_out_the_empty_ones() {
        let service = NodeService {
            id: "tx".into(),
            service: "tx".into(),
            port: 1,
            weights: Some(Weights::ONE),
            ..NodeService::default()
        };
        let expected = concat!(
            r#"{"ID":"tx","Service":"tx","Tags":null,"Address":"","Meta":null,"Port":1,"#,
            r#""Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"#,
            r#""Proxy":{"Mode":"","MeshGateway":{},"Expose":{}},"Connect":{},"PeerName":"","#,
            r#""CreateIndex":0,"ModifyIndex":0}"#
        );
        assert_eq!(String::from_utf8_lossy(&to_json(&service, Layout::Compact)), expected);
    }

    #[test]
    fn a_registration_of_all_parts_decodes() {
        let body = br#"{"Node":"ext","Address":"127.0.0.7","NodeMeta":{"env":"prod"},
            "Service":{"ID":"db1","Service":"db","Tags":["primary"],"Port":5432,"Meta":{"v":"1"}},
            "Check":{"CheckID":"service:db1","Name":"db check","Status":"passing",
            "ServiceID":"db1","Notes":"n","Output":"o",
            "Definition":{"HTTP":"http://x","Interval":"10s","Whatever":1}}}"#;
        let asked: CatalogRegistration = decode(body, Unknown::Refuse).unwrap();
        let service = asked.service.unwrap();
        assert_eq!((service.id.as_str(), service.port), ("db1", 5432));
        assert_eq!(asked.check.unwrap().definition.interval.0, 10_000_000_000);
    }

    #[test]
    fn an_unknown_field_of_a_registration_is_refused() {
        for body in [r#"{"Nope":1}"#, r#"{"Service":{"Nope":1}}"#, r#"{"Check":{"Nope":1}}"#] {
            assert!(decode::<CatalogRegistration>(body.as_bytes(), Unknown::Refuse).is_err());
        }
    }
}
