//! What this agent says of itself: its node, its place in the pool, its `consul` service.
//!
//! Source: transcripts catalog/basic, agent/node, status/basic for names and shapes.

use crate::config::RuntimeConfig;
use crate::config::runtime::ListenAddress;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use tribune_node::cluster::Member;
use tribune_node::server::Identity;
use tribune_state::Index;
use tribune_state::TextMap;
use tribune_state::catalog::{
    CheckRow, CheckStatus, Locality, NodeRow, Register, ServiceRow, Weights,
};

pub use tribune_api::version::{CONSUL_VERSION, TRIBUNE_VERSION};

/// What the server registers of itself: its node, the `consul` service, and that it is alive.
pub fn own_registration(config: &RuntimeConfig, identity: &Identity) -> Register {
    let node: tribune_state::NodeName = config.node.name.as_str().into();
    let service = ServiceRow {
        node: node.clone(),
        id: "consul".to_owned().into(),
        service: "consul".into(),
        tags: None,
        meta: Some(service_meta(config)),
        port: i64::from(config.network.server.port()),
        weights: Weights::default(),
        ..ServiceRow::default()
    };
    Register {
        node: node_row(config, identity),
        skip_node_update: false,
        service: Some(service),
        checks: vec![serf_health(node)],
    }
}

fn node_row(config: &RuntimeConfig, identity: &Identity) -> NodeRow {
    let lan = config.network.advertise.to_string();
    let wan = config.network.advertise_wan.to_string();
    let family = if config.network.advertise.is_ipv4() { "ipv4" } else { "ipv6" };
    let mut tagged = BTreeMap::from([
        ("lan".to_owned(), lan.clone()),
        (format!("lan_{family}"), lan.clone()),
        ("wan".to_owned(), wan.clone()),
        (format!("wan_{family}"), wan),
    ]);
    tagged.extend(config.node.tagged_addresses.clone());
    let mut meta = config.node.meta.clone();
    meta.insert("consul-network-segment".to_owned(), String::new());
    meta.insert("consul-version".to_owned(), CONSUL_VERSION.to_owned());
    let locality = config.node.region.as_ref().map(|region| {
        let zone = config.node.zone.clone().unwrap_or_default();
        Box::new(Locality { region: region.clone(), zone })
    });
    NodeRow {
        id: identity.node_id.to_string(),
        node: config.node.name.as_str().into(),
        address: lan,
        datacenter: config.node.datacenter.clone(),
        tagged_addresses: Some(tagged.into()),
        meta: Some(meta.into()),
        locality,
        create_index: Index(0),
        modify_index: Index(0),
    }
}

fn service_meta(config: &RuntimeConfig) -> TextMap {
    let fixed = [
        ("non_voter", "false"),
        ("raft_version", "3"),
        ("read_replica", "false"),
        ("serf_protocol_current", "2"),
        ("serf_protocol_max", "5"),
        ("serf_protocol_min", "1"),
        ("version", CONSUL_VERSION),
    ];
    let mut meta: BTreeMap<String, String> =
        fixed.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    for (key, addresses) in
        [("grpc_port", &config.network.grpc), ("grpc_tls_port", &config.network.grpc_tls)]
    {
        if let Some(port) = first_port(addresses) {
            meta.insert(key.to_owned(), port.to_string());
        }
    }
    meta.into()
}

fn serf_health(node: tribune_state::NodeName) -> CheckRow {
    CheckRow {
        node,
        id: "serfHealth".to_owned().into(),
        name: "Serf Health Status".to_owned(),
        status: CheckStatus::Passing,
        notes: String::new(),
        output: "Agent alive and reachable".to_owned(),
        service_id: "".into(),
        service_name: "".into(),
        service_tags: None,
        kind: String::new(),
        interval: String::new(),
        timeout: String::new(),
        exposed_port: 0,
        definition: Arc::from(""),
        create_index: Index(0),
        modify_index: Index(0),
    }
}

/// How the agent stands in the pool.
pub fn member(config: &RuntimeConfig, identity: &Identity) -> Member {
    let network = &config.network;
    let mut tags = BTreeMap::from([
        ("acls".to_owned(), if config.acl.enabled { "1" } else { "0" }.to_owned()),
        ("build".to_owned(), format!("{CONSUL_VERSION}:tribune")),
        ("dc".to_owned(), config.node.datacenter.clone()),
        ("ft_fs".to_owned(), "1".to_owned()),
        ("ft_si".to_owned(), "1".to_owned()),
        ("id".to_owned(), identity.node_id.to_string()),
        ("port".to_owned(), network.server.port().to_string()),
        ("raft_vsn".to_owned(), "3".to_owned()),
        ("role".to_owned(), "consul".to_owned()),
        ("segment".to_owned(), String::new()),
        ("vsn".to_owned(), "2".to_owned()),
        ("vsn_max".to_owned(), "3".to_owned()),
        ("vsn_min".to_owned(), "2".to_owned()),
    ]);
    if let Some(wan) = network.serf_wan {
        tags.insert("wan_join_port".to_owned(), wan.port().to_string());
    }
    for (tag, addresses) in [("grpc_port", &network.grpc), ("grpc_tls_port", &network.grpc_tls)] {
        if let Some(port) = first_port(addresses) {
            tags.insert(tag.to_owned(), port.to_string());
        }
    }
    if config.role.bootstrap && !config.role.dev {
        tags.insert("bootstrap".to_owned(), "1".to_owned());
    }
    if config.role.bootstrap_expect > 0 {
        tags.insert("expect".to_owned(), config.role.bootstrap_expect.to_string());
    }
    Member {
        name: config.node.name.clone(),
        address: network.advertise,
        port: network.serf_lan.port(),
        tags,
    }
}

/// What `agent/self` shows of the configuration over its defaults. Secrets are not among it.
pub fn debug_config(config: &RuntimeConfig) -> Map<String, Value> {
    let network = &config.network;
    let scheme = |kind: &str, addresses: &[ListenAddress]| -> Value {
        addresses.iter().map(|address| format!("{kind}://{address}")).collect()
    };
    let dns = network
        .dns
        .iter()
        .flat_map(|address| ["tcp", "udp"].map(|kind| format!("{kind}://{address}")));
    let clients = network.client.iter().map(ToString::to_string);
    let port = |addresses| Value::from(first_port(addresses).map_or(-1, i32::from));
    let advertise = network.advertise.to_string();
    let server = network.server;
    let serf_port = network.serf_lan.port();
    let shown = [
        ("AdvertiseAddrLAN", advertise.as_str().into()),
        ("AdvertiseAddrWAN", network.advertise_wan.to_string().into()),
        ("Bootstrap", config.role.bootstrap.into()),
        ("BootstrapExpect", config.role.bootstrap_expect.into()),
        ("ClientAddrs", clients.collect()),
        ("DNSAddrs", dns.collect()),
        ("DNSDomain", config.dns.domain.as_str().into()),
        ("DNSPort", network.dns.first().map_or(-1, |address| i32::from(address.port())).into()),
        (
            "DataDir",
            config
                .role
                .data_dir
                .as_ref()
                .map_or_else(String::new, |dir| dir.display().to_string())
                .into(),
        ),
        ("EnableDebug", config.role.enable_debug.into()),
        ("GRPCAddrs", scheme("tcp", &network.grpc)),
        ("GRPCTLSAddrs", scheme("tcp", &network.grpc_tls)),
        ("HTTPAddrs", scheme("tcp", &network.http)),
        ("HTTPPort", port(&network.http)),
        ("HTTPSAddrs", scheme("tcp", &network.https)),
        ("HTTPSPort", port(&network.https)),
        ("RPCAdvertiseAddr", format!("tcp://{advertise}:{}", server.port()).into()),
        ("RPCBindAddr", format!("tcp://{server}").into()),
        ("SerfAdvertiseAddrLAN", format!("tcp://{advertise}:{serf_port}").into()),
        ("SerfBindAddrLAN", format!("tcp://{}", network.serf_lan).into()),
        ("SerfPortLAN", serf_port.into()),
        ("ServerPort", server.port().into()),
    ];
    shown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The port of the first address that has one.
pub fn first_port(addresses: &[ListenAddress]) -> Option<u16> {
    addresses.iter().find_map(|address| match address {
        ListenAddress::Tcp(address) => Some(address.port()),
        ListenAddress::Unix(_) => None,
    })
}
