//! `/v1/agent/`: what this agent says of itself and of its pool. Its own services and checks are
//! in local.rs.
//! Invariant: secrets never appear; what an operator set shows over the defaults.

pub mod control;
pub mod filter;
pub mod host;
pub mod local;
pub mod metrics;
pub mod monitor;

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::header::{AGE, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use tribune_api::agent as wire;
use tribune_api::catalog::TextMap;
use tribune_api::coordinate::Coordinate;
use tribune_api::messages;
use tribune_node::Local;
use tribune_node::cluster::{Member, Status};

use super::error::HttpError;
use super::options::{self, Options};
use super::wire::reply::Reply;
use super::{AgentInfo, Api, Call, connect};

/// The settings Consul shows, at their defaults: tools read this map and expect every key.
///
/// Source: transcripts/status/basic.txt; consul-surface G for the defaults.
const DEBUG_CONFIG: &str = include_str!("debug_config.json");

/// Gossip's protocol versions as Consul's pool reports them.
const PROTOCOL_MIN: u8 = 1;
const PROTOCOL_MAX: u8 = 5;
const PROTOCOL_NOW: u8 = 2;
const DELEGATE_MIN: u8 = 2;
const DELEGATE_MAX: u8 = 5;
const DELEGATE_NOW: u8 = 4;

/// The proxies whose protocol the mesh will speak; while it does not, its ports say -1.
const ENVOY_VERSIONS: [&str; 4] = ["1.35.3", "1.34.7", "1.33.9", "1.32.12"];

const STATUS_ALIVE: u8 = 1;

pub async fn self_(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let (info, config) = (&api.info, &api.config);
    let members = api.cluster.members();
    let own = members.iter().find(|member| member.name == config.node_name);
    let envoys = ENVOY_VERSIONS.map(str::to_owned).to_vec();
    let answer = wire::Self_ {
        config: wire::SelfConfig {
            datacenter: config.datacenter.clone(),
            primary_datacenter: info.primary_datacenter.clone(),
            node_name: config.node_name.clone(),
            node_id: info.node_id.clone(),
            revision: info.revision.clone(),
            server: info.server,
            version: info.version.clone(),
            build_date: info.build_date.clone(),
            bind_addr: info.bind_address.clone(),
        },
        debug_config: debug_config(&api),
        coord: Some(origin()),
        member: own.map(member).unwrap_or_default(),
        stats: stats(&api, members.len()),
        meta: meta(info),
        xds: Some(wire::SelfXds {
            supported_proxies: BTreeMap::from([("envoy".to_owned(), envoys)]),
            port: info.grpc_port,
            ports: wire::XdsPorts { plaintext: info.grpc_port, tls: info.grpc_tls_port },
        }),
    };
    Ok(Reply::json(&answer, api.layout(&call.params)))
}

/// The node's metadata with what every server adds.
fn meta(info: &AgentInfo) -> TextMap {
    let mut meta = info.meta.clone();
    meta.insert("consul-network-segment".to_owned(), String::new());
    meta.insert("consul-version".to_owned(), info.version.clone());
    meta
}

/// Where a node stands that has measured no distances yet.
fn origin() -> Coordinate {
    Coordinate { vec: vec![0.0; 8], error: 1.5, adjustment: 0.0, height: 1e-5 }
}

fn debug_config(api: &Api) -> Map<String, Value> {
    let mut map: Map<String, Value> = serde_json::from_str(DEBUG_CONFIG).unwrap_or_default();
    let (info, config) = (&api.info, &api.config);
    let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
    put("NodeName", config.node_name.as_str().into());
    put("NodeID", info.node_id.as_str().into());
    put("Datacenter", config.datacenter.as_str().into());
    put("PrimaryDatacenter", info.primary_datacenter.as_str().into());
    put("DevMode", config.dev_mode.into());
    put("ServerMode", info.server.into());
    put("Version", info.version.as_str().into());
    put("Revision", info.revision.as_str().into());
    put("BuildDate", info.build_date.as_str().into());
    put("BindAddr", info.bind_address.as_str().into());
    put("KVMaxValueSize", config.kv_value_bytes_max.into());
    put("TxnMaxReqLen", config.txn_body_bytes_max.into());
    put("HTTPMaxConnsPerClient", config.limits.connections_per_client_max.into());
    put("ConnectEnabled", config.connect_enabled.into());
    put("GRPCPort", info.grpc_port.into());
    put("GRPCTLSPort", info.grpc_tls_port.into());
    for (name, value) in &info.debug_config {
        map.insert(name.clone(), value.clone());
    }
    map
}

fn member(own: &Member) -> wire::Member {
    wire::Member {
        name: own.name.clone(),
        addr: own.address.to_string(),
        port: own.port,
        tags: own.tags.clone(),
        status: STATUS_ALIVE,
        protocol_min: PROTOCOL_MIN,
        protocol_max: PROTOCOL_MAX,
        protocol_cur: PROTOCOL_NOW,
        delegate_min: DELEGATE_MIN,
        delegate_max: DELEGATE_MAX,
        delegate_cur: DELEGATE_NOW,
    }
}

/// The same member in the pool of all servers: there it is named with its datacenter.
fn of_all_servers(member: &mut wire::Member, port: Option<u16>) {
    let datacenter = member.tags.get("dc").cloned().unwrap_or_default();
    member.name = format!("{}.{datacenter}", member.name);
    member.port = port.unwrap_or(member.port);
    member.tags.remove("wan_join_port");
}

fn texts<const N: usize>(pairs: [(&str, String); N]) -> TextMap {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn stats(api: &Api, members: usize) -> BTreeMap<String, TextMap> {
    let status = api.cluster.status();
    let (version, prerelease) =
        api.info.version.split_once('-').unwrap_or((api.info.version.as_str(), ""));
    let mut stats = BTreeMap::new();
    let mut put = |name: &str, texts: TextMap| stats.insert(name.to_owned(), texts);
    put("agent", own_stats(api));
    put(
        "build",
        texts([
            ("prerelease", prerelease.to_owned()),
            ("revision", api.info.revision.clone()),
            ("version", version.to_owned()),
            ("version_metadata", String::new()),
        ]),
    );
    put(
        "consul",
        texts([
            ("acl", "disabled".to_owned()),
            ("bootstrap", (status.peers.len() == 1).to_string()),
            ("known_datacenters", "1".to_owned()),
            ("leader", status.is_leader.to_string()),
            ("leader_addr", status.leader.clone().unwrap_or_default()),
            ("server", api.info.server.to_string()),
        ]),
    );
    put("raft", raft_stats(&status));
    put("runtime", runtime_stats());
    put("serf_lan", serf_stats(members));
    put("serf_wan", serf_stats(1));
    stats
}

/// How much of the agent's own there is.
fn own_stats(api: &Api) -> TextMap {
    let checks = api.local.as_ref().map(Local::checks).unwrap_or_default();
    let services = api.local.as_ref().map(Local::services).unwrap_or_default();
    let of_kind = |kind: &str| checks.values().filter(|check| check.kind == kind).count();
    texts([
        ("check_monitors", of_kind("script").to_string()),
        ("check_ttls", of_kind("ttl").to_string()),
        ("checks", checks.len().to_string()),
        ("services", services.len().to_string()),
    ])
}

fn zero(name: &str) -> (&str, String) {
    (name, "0".to_owned())
}

fn raft_stats(status: &Status) -> TextMap {
    let state = if status.is_leader { "Leader" } else { "Follower" };
    let contact = if status.is_leader { 0 } else { status.last_contact_ms };
    let mut found = texts([
        ("applied_index", status.applied.to_string()),
        ("commit_index", status.committed.to_string()),
        ("last_contact", format!("{contact}ms")),
        ("last_log_index", status.last.to_string()),
        ("last_log_term", status.term.to_string()),
        ("latest_configuration", status.peers.join(",")),
        ("num_peers", status.peers.len().saturating_sub(1).to_string()),
        ("state", state.to_owned()),
        ("term", status.term.to_string()),
        ("protocol_version", "3".to_owned()),
        ("protocol_version_max", "3".to_owned()),
        ("snapshot_version_max", "1".to_owned()),
    ]);
    found.extend(texts(
        [
            "fsm_pending",
            "last_snapshot_index",
            "last_snapshot_term",
            "latest_configuration_index",
            "protocol_version_min",
            "snapshot_version_min",
        ]
        .map(zero),
    ));
    found
}

fn runtime_stats() -> TextMap {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).to_string();
    texts([
        ("arch", std::env::consts::ARCH.to_owned()),
        ("cpu_count", cpus.clone()),
        ("goroutines", "0".to_owned()),
        ("max_procs", cpus),
        ("os", std::env::consts::OS.to_owned()),
        ("version", "rust".to_owned()),
    ])
}

fn serf_stats(members: usize) -> TextMap {
    let mut found = texts(
        [
            "coordinate_resets",
            "event_queue",
            "failed",
            "health_score",
            "intent_queue",
            "left",
            "query_queue",
        ]
        .map(zero),
    );
    found.extend(texts([
        ("encrypted", "false".to_owned()),
        ("event_time", "1".to_owned()),
        ("member_time", "1".to_owned()),
        ("members", members.to_string()),
        ("query_time", "1".to_owned()),
    ]));
    found
}

/// The pool of this datacenter, or that of all servers. Segments are of another edition: `_all` of
/// them are one.
///
/// Source: transcripts/agent/node.txt.
pub async fn members(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let wan = !call.params.get("wan").is_empty();
    match call.params.get("segment") {
        "" => {}
        _ if wan => return Err(HttpError::bad(messages::SEGMENT_WITH_WAN)),
        "_all" => {}
        _ => return Err(HttpError::internal(messages::SEGMENTS_UNSUPPORTED)),
    }
    let narrowed = filter::Narrowed::members(&call)?;
    let mut members: Vec<_> = api.cluster.members().iter().map(member).collect();
    if wan {
        members.iter_mut().for_each(|member| of_all_servers(member, api.info.wan_port));
    }
    members.retain(|own| narrowed.wants(own));
    Ok(Reply::json(&members, api.layout(&call.params)))
}

pub async fn version(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let answer = wire::Version {
        sha: api.info.revision.clone(),
        build_date: api.info.build_date.clone(),
        human_version: api.info.version.clone(),
        fips: String::new(),
    };
    Ok(Reply::json(&answer, api.layout(&call.params)))
}

/// The roots as this agent keeps them: always at hand, so a hit.
///
/// Source: transcripts/connect/ca.txt.
pub async fn ca_roots(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let options = Options::parse(&call, &api.config)?;
    options::own_datacenter(&call.params, &api.config)?;
    if !api.config.connect_enabled {
        return Err(HttpError::internal(messages::CONNECT_DISABLED));
    }
    let (meta, roots) = connect::read(&api, &options).await?;
    let reply = meta.put(Reply::json(&roots, api.layout(&call.params)));
    Ok(reply
        .with(HeaderName::from_static("x-cache"), HeaderValue::from_static("HIT"))
        .with(AGE, 0_u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_settings_are_a_json_object() {
        let map: Map<String, Value> = serde_json::from_str(DEBUG_CONFIG).unwrap();
        assert_eq!(map["KVMaxValueSize"], 524_288);
    }
}
