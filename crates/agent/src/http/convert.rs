//! Rows of the state as nouns of the wire, and what clients send as rows. The two never meet
//! elsewhere: state does not know JSON, the wire does not know rows.
//! Invariant: what Consul prints as null, [] or {} by endpoint is chosen by the caller.

use std::collections::BTreeMap;
use std::sync::Arc;

use tribune_api::catalog as wire;
use tribune_api::catalog::{CatalogRegistration, TextMap};
use tribune_api::connect as wire_connect;
use tribune_api::health::{HealthCheck, HealthCheckDefinition, STATUS_CRITICAL};
use tribune_api::json::{Layout, to_json};
use tribune_api::proxy::{ConnectProxy, ServiceConnect};
use tribune_api::session::{ServiceCheck, Session};
use tribune_api::time::GoTime;
use tribune_state::Index;
use tribune_state::catalog::{
    Address, CheckRow, CheckStatus, Locality, NamedPort, NodeRow, ServiceRow, Weights,
};
use tribune_state::connect::CaRoot;
use tribune_state::session::{Behavior, SessionRow};

use super::options::tenancy_complaint;

/// How empty lists and maps of a service or check print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// As they were sent: in transactions.
    AsSent,
    /// Tags are always a list: everywhere else.
    TagsListed,
}

pub fn session(row: &SessionRow) -> Session {
    let behavior = match row.behavior {
        Behavior::Release => "release",
        Behavior::Delete => "delete",
    };
    let service_checks = row.service_checks.as_ref().map(|checks| {
        let to_wire = |(id, namespace): &(tribune_state::ids::CheckId, String)| ServiceCheck {
            id: id.to_string(),
            namespace: namespace.clone(),
        };
        checks.iter().map(to_wire).collect()
    });
    Session {
        id: row.id.to_string(),
        name: row.name.clone(),
        node: row.node.to_string(),
        lock_delay: tribune_api::duration::GoDuration(
            i64::try_from(row.lock_delay_ns).unwrap_or(i64::MAX),
        ),
        behavior: behavior.to_owned(),
        ttl: row.ttl.clone(),
        node_checks: Some(row.node_checks.iter().map(ToString::to_string).collect()),
        service_checks,
        create_index: row.create_index.0,
        modify_index: row.modify_index.0,
    }
}

pub fn node(row: &NodeRow) -> wire::Node {
    wire::Node {
        id: row.id.clone(),
        node: row.node.to_string(),
        address: row.address.clone(),
        datacenter: row.datacenter.clone(),
        tagged_addresses: row.tagged_addresses.as_ref().map(Into::into),
        meta: row.meta.as_ref().map(Into::into),
        locality: row.locality.as_deref().map(locality),
        create_index: row.create_index.0,
        modify_index: row.modify_index.0,
        ..wire::Node::default()
    }
}

pub fn service(row: &ServiceRow, empty: Empty) -> wire::NodeService {
    wire::NodeService {
        kind: row.kind.clone(),
        id: row.id.to_string(),
        service: row.service.to_string(),
        tags: tags(row.tags.as_deref(), empty),
        address: row.address.clone(),
        tagged_addresses: addresses(row),
        meta: row.meta.as_ref().map(Into::into),
        port: row.port,
        ports: ports(row),
        socket_path: row.socket_path.clone(),
        weights: Some(weights(row.weights)),
        enable_tag_override: row.enable_tag_override,
        locality: row.locality.as_deref().map(locality),
        proxy: proxy(row),
        connect: connect(row),
        peer_name: String::new(),
        create_index: row.create_index.0,
        modify_index: row.modify_index.0,
    }
}

pub fn service_node(node: &NodeRow, row: &ServiceRow) -> wire::ServiceNode {
    wire::ServiceNode {
        id: node.id.clone(),
        node: node.node.to_string(),
        address: node.address.clone(),
        datacenter: node.datacenter.clone(),
        tagged_addresses: node.tagged_addresses.as_ref().map(Into::into),
        node_meta: node.meta.as_ref().map(Into::into),
        service_kind: row.kind.clone(),
        service_id: row.id.to_string(),
        service_name: row.service.to_string(),
        service_tags: tags(row.tags.as_deref(), Empty::TagsListed),
        service_address: row.address.clone(),
        service_tagged_addresses: addresses(row),
        service_weights: weights(row.weights),
        service_meta: Some(row.meta.as_ref().map(Into::into).unwrap_or_default()),
        service_port: row.port,
        service_ports: ports(row),
        service_socket_path: row.socket_path.clone(),
        service_enable_tag_override: row.enable_tag_override,
        service_proxy: proxy(row),
        service_connect: connect(row),
        service_locality: row.locality.as_deref().map(locality),
        peer_name: String::new(),
        create_index: row.create_index.0,
        modify_index: row.modify_index.0,
    }
}

pub fn check(row: &CheckRow, empty: Empty) -> HealthCheck {
    HealthCheck {
        node: row.node.to_string(),
        check_id: row.id.to_string(),
        name: row.name.clone(),
        status: row.status.as_str().to_owned(),
        notes: row.notes.clone(),
        output: row.output.clone(),
        service_id: row.service_id.to_string(),
        service_name: row.service_name.to_string(),
        service_tags: tags(row.service_tags.as_deref(), empty),
        kind: row.kind.clone(),
        interval: row.interval.clone(),
        timeout: row.timeout.clone(),
        exposed_port: row.exposed_port,
        peer_name: String::new(),
        definition: parsed(&row.definition),
        create_index: row.create_index.0,
        modify_index: row.modify_index.0,
    }
}

pub fn ca_root(row: &CaRoot) -> wire_connect::CaRoot {
    wire_connect::CaRoot {
        id: row.id.clone(),
        name: row.name.clone(),
        serial_number: row.serial_number,
        signing_key_id: row.signing_key_id.clone(),
        external_trust_domain: String::new(),
        not_before: GoTime::from_unix_secs(row.not_before_s),
        not_after: GoTime::from_unix_secs(row.not_after_s),
        root_cert: row.root_cert.clone(),
        intermediate_certs: None,
        active: row.active,
        private_key_type: row.private_key_type.clone(),
        private_key_bits: row.private_key_bits,
        create_index: row.create_index.0,
        modify_index: row.modify_index.0,
    }
}

fn tags(tags: Option<&[String]>, empty: Empty) -> Option<Vec<String>> {
    match empty {
        Empty::AsSent => tags.map(<[String]>::to_vec),
        Empty::TagsListed => Some(tags.unwrap_or_default().to_vec()),
    }
}

fn locality(own: &Locality) -> wire::Locality {
    wire::Locality { region: own.region.clone(), zone: own.zone.clone() }
}

fn weights(own: Weights) -> wire::Weights {
    wire::Weights { passing: own.passing, warning: own.warning }
}

fn addresses(row: &ServiceRow) -> Option<BTreeMap<String, wire::ServiceAddress>> {
    let to_wire =
        |own: &Address| wire::ServiceAddress { address: own.address.clone(), port: own.port };
    let own = row.tagged_addresses.as_ref().filter(|own| !own.is_empty())?;
    Some(own.iter().map(|(tag, address)| (tag.clone(), to_wire(address))).collect())
}

fn ports(row: &ServiceRow) -> Option<Vec<wire::ServicePort>> {
    let to_wire = |own: &NamedPort| wire::ServicePort {
        name: own.name.clone(),
        port: own.port,
        default: own.default,
    };
    Some(row.ports.as_ref().filter(|own| !own.is_empty())?.iter().map(to_wire).collect())
}

/// The settings of a proxy, all empty for another kind of service.
pub fn proxy(row: &ServiceRow) -> ConnectProxy {
    parsed(&row.proxy)
}

fn connect(row: &ServiceRow) -> ServiceConnect {
    parsed(&row.connect)
}

/// Data the state keeps as JSON text; empty is the default. We wrote it, so it parses.
fn parsed<T: Default + serde::de::DeserializeOwned>(text: &str) -> T {
    if text.is_empty() { T::default() } else { serde_json::from_str(text).unwrap_or_default() }
}

/// The text the state keeps of such data; the default is empty.
fn canonical<T: Default + PartialEq + serde::Serialize>(value: &T) -> Arc<str> {
    if *value == T::default() {
        return Arc::from("");
    }
    String::from_utf8_lossy(&to_json(value, Layout::Compact)).into()
}

/// A node as a registration names it.
pub fn node_row(asked: &CatalogRegistration, datacenter: &str) -> NodeRow {
    NodeRow {
        id: asked.id.clone(),
        node: asked.node.as_str().into(),
        address: asked.address.clone(),
        datacenter: datacenter.to_owned(),
        tagged_addresses: asked.tagged_addresses.clone().map(Into::into),
        meta: asked.node_meta.clone().map(Into::into),
        locality: asked.locality.as_ref().map(locality_row),
        create_index: Index::default(),
        modify_index: Index::default(),
    }
}

/// A node as a transaction names it.
pub fn txn_node_row(asked: wire::Node, datacenter: &str) -> NodeRow {
    NodeRow {
        id: asked.id,
        node: asked.node.into(),
        address: asked.address,
        datacenter: datacenter.to_owned(),
        tagged_addresses: asked.tagged_addresses.map(Into::into),
        meta: asked.meta.map(Into::into),
        locality: asked.locality.as_ref().map(locality_row),
        create_index: Index(asked.create_index),
        modify_index: Index(asked.modify_index),
    }
}

fn locality_row(asked: &wire::Locality) -> Box<Locality> {
    Box::new(Locality { region: asked.region.clone(), zone: asked.zone.clone() })
}

/// Why a service cannot be kept as it was sent, if it cannot.
pub fn service_complaint(asked: &wire::NodeService, checks: usize) -> Option<String> {
    if asked.connect.sidecar_service.is_some() {
        let text = "Connect.SidecarService: sidecars are made by agents; register the proxy itself";
        return Some(text.to_owned());
    }
    let too_much = wire::definition_complaint(asked.tags.as_deref(), checks);
    too_much.or_else(|| tenancy_complaint("", "", &asked.peer_name))
}

/// A service of the node `node`. Its id is its name unless it has one.
pub fn service_row(asked: wire::NodeService, node: &str) -> ServiceRow {
    let id = if asked.id.is_empty() { asked.service.clone() } else { asked.id };
    let address = |(tag, own): (String, wire::ServiceAddress)| {
        (tag, Address { address: own.address, port: own.port })
    };
    let port =
        |own: wire::ServicePort| NamedPort { name: own.name, port: own.port, default: own.default };
    // The official Go client always sends its weights, zeros where none were chosen
    // (`TestAPI_ClientTxn`).
    let weights = match asked.weights {
        Some(wire::Weights { passing: 0, warning: 0 }) | None => Weights::default(),
        Some(wire::Weights { passing, warning }) => Weights { passing, warning },
    };
    ServiceRow {
        node: node.into(),
        uuid: uuid::Uuid::nil(),
        kind: asked.kind,
        id: id.into(),
        service: asked.service.into(),
        tags: asked.tags.map(Into::into),
        address: asked.address,
        tagged_addresses: asked.tagged_addresses.map(|own| own.into_iter().map(address).collect()),
        meta: asked.meta.map(Into::into),
        port: asked.port,
        ports: asked.ports.map(|own| own.into_iter().map(port).collect()),
        socket_path: asked.socket_path,
        weights,
        enable_tag_override: asked.enable_tag_override,
        locality: asked.locality.as_ref().map(locality_row),
        proxy: canonical(&asked.proxy),
        connect: canonical(&asked.connect),
        proxy_destination: asked.proxy.destination_service_name.as_str().into(),
        connect_native: asked.connect.native,
        create_index: Index(asked.create_index),
        modify_index: Index(asked.modify_index),
    }
}

/// A check. Its id is its name unless it has one; a check without a status is critical.
pub fn check_row(asked: HealthCheck, node: &str) -> CheckRow {
    let id = if asked.check_id.is_empty() { asked.name.clone() } else { asked.check_id };
    let status = if asked.status.is_empty() { STATUS_CRITICAL } else { asked.status.as_str() };
    let node = if asked.node.is_empty() { node } else { asked.node.as_str() };
    // A check that connects is named after its protocol (the Go client's `TestAPI_ClientTxn`); one
    // by HTTP is not (transcript txn/more).
    let kind = match (asked.kind.as_str(), &asked.definition) {
        ("", definition) if !definition.tcp.is_empty() => "tcp".to_owned(),
        ("", definition) if !definition.udp.is_empty() => "udp".to_owned(),
        _ => asked.kind,
    };
    CheckRow {
        node: node.into(),
        id: id.into(),
        name: asked.name,
        status: CheckStatus::from(status),
        notes: asked.notes,
        output: asked.output,
        service_id: asked.service_id.into(),
        service_name: asked.service_name.into(),
        service_tags: asked.service_tags.map(Into::into),
        kind,
        interval: asked.interval,
        timeout: asked.timeout,
        exposed_port: asked.exposed_port,
        definition: canonical::<HealthCheckDefinition>(&asked.definition),
        create_index: Index(asked.create_index),
        modify_index: Index(asked.modify_index),
    }
}

/// `k:v` parameters as a map; without a colon the value is empty.
///
/// Source: consul-surface B.6.
pub fn node_meta<'a>(pairs: impl Iterator<Item = &'a str>) -> TextMap {
    let split = |pair: &str| match pair.split_once(':') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (pair.to_owned(), String::new()),
    };
    pairs.map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_survives_becoming_a_row_and_back() {
        let asked = wire::NodeService {
            id: "a".into(),
            service: "web".into(),
            tags: Some(vec!["t".into()]),
            port: 80,
            weights: Some(wire::Weights { passing: 3, warning: 1 }),
            proxy: ConnectProxy { mode: "direct".into(), ..ConnectProxy::default() },
            tagged_addresses: Some(BTreeMap::from([(
                "wan".into(),
                wire::ServiceAddress::default(),
            )])),
            ..wire::NodeService::default()
        };
        let row = service_row(asked.clone(), "n");
        assert_eq!(service(&row, Empty::AsSent), asked);
    }

    #[test]
    fn names_and_statuses_have_their_defaults() {
        let row = check_row(HealthCheck { name: "c".into(), ..HealthCheck::default() }, "n");
        assert_eq!(
            (row.id.as_str(), row.status.as_str(), row.node.as_str()),
            ("c", "critical", "n")
        );
        let asked = wire::NodeService { service: "web".into(), ..wire::NodeService::default() };
        assert_eq!(service_row(asked, "n").id.as_str(), "web");
    }

    #[test]
    fn tags_are_a_list_everywhere_but_in_transactions() {
        let row = service_row(wire::NodeService::default(), "n");
        assert_eq!(service(&row, Empty::AsSent).tags, None);
        assert_eq!(service(&row, Empty::TagsListed).tags, Some(vec![]));
    }

    #[test]
    fn node_meta_without_a_colon_asks_for_an_empty_value() {
        let found = node_meta(["rack:a:b", "x"].into_iter());
        let expected = [("rack".to_owned(), "a:b".to_owned()), ("x".to_owned(), String::new())];
        assert_eq!(found, TextMap::from(expected));
    }
}
