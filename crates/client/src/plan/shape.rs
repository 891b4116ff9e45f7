//! The value of a watch as handlers receive it: the fields of Consul's own clients, which differ
//! in places from those of the HTTP answer. It asks nothing.
//!
//! Source: transcripts/cli/watch.txt.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tribune_api::agent::{AgentCheck, AgentService};
use tribune_api::catalog::{Node, NodeService};
use tribune_api::event::UserEvent;
use tribune_api::health::{CheckServiceNode, HealthCheck};
use tribune_api::json::Base64;
use tribune_api::kv::KvPair;

use super::{Kind, run};
use crate::error::Error;

/// A key as clients print it: all fields, in their order.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownPair {
    key: String,
    create_index: u64,
    modify_index: u64,
    lock_index: u64,
    flags: u64,
    value: Base64,
    session: String,
}

impl From<KvPair> for ShownPair {
    fn from(pair: KvPair) -> Self {
        ShownPair {
            key: pair.key,
            create_index: pair.create_index,
            modify_index: pair.modify_index,
            lock_index: pair.lock_index,
            flags: pair.flags,
            value: pair.value,
            session: pair.session,
        }
    }
}

/// An instance as clients print it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownInstance {
    node: Node,
    service: AgentService,
    checks: Vec<AgentCheck>,
}

impl From<CheckServiceNode> for ShownInstance {
    fn from(found: CheckServiceNode) -> Self {
        ShownInstance {
            node: found.node,
            service: shown_service(found.service),
            checks: found.checks.iter().map(shown_check).collect(),
        }
    }
}

fn shown_service(service: NodeService) -> AgentService {
    AgentService {
        kind: service.kind,
        id: service.id,
        service: service.service,
        tags: service.tags.unwrap_or_default(),
        meta: service.meta.unwrap_or_default(),
        port: service.port,
        ports: service.ports,
        address: service.address,
        socket_path: service.socket_path,
        tagged_addresses: service.tagged_addresses,
        weights: service.weights.unwrap_or_default(),
        enable_tag_override: service.enable_tag_override,
        create_index: service.create_index,
        modify_index: service.modify_index,
        content_hash: String::new(),
        proxy: Some(service.proxy.into()),
        connect: Some(service.connect),
        peer_name: service.peer_name,
        datacenter: String::new(),
        locality: service.locality,
    }
}

fn shown_check(check: &HealthCheck) -> AgentCheck {
    AgentCheck { kind: check.kind.clone(), ..AgentCheck::from(check) }
}

/// The value of an answer. `seen` is the index of the last event that was told.
///
/// # Errors
/// If the body is not what the route is known to answer.
pub(super) fn value(kind: &Kind, status: u16, body: &[u8], seen: u64) -> Result<Value, Error> {
    if status == 404 && matches!(kind, Kind::Key(_) | Kind::KeyPrefix(_)) {
        return Ok(match kind {
            Kind::KeyPrefix(_) => Value::Array(Vec::new()),
            _ => Value::Null,
        });
    }
    if status != 200 {
        let body = String::from_utf8_lossy(body).trim().to_owned();
        return Err(Error::Status { status, body });
    }
    match kind {
        Kind::Key(_) => {
            let pairs: Vec<KvPair> = list(kind, body)?;
            shown(kind, &pairs.into_iter().next().map(ShownPair::from))
        }
        Kind::KeyPrefix(_) => each::<KvPair, ShownPair>(kind, body),
        Kind::Services { .. } => {
            // Names in order, whatever the answer's order was.
            let names: BTreeMap<String, Vec<String>> = read(kind, body)?;
            shown(kind, &names)
        }
        Kind::Nodes { .. } => each::<Node, Node>(kind, body),
        Kind::Service { .. } => each::<CheckServiceNode, ShownInstance>(kind, body),
        Kind::Checks { .. } => {
            let checks: Vec<HealthCheck> = list(kind, body)?;
            shown(kind, &checks.iter().map(shown_check).collect::<Vec<_>>())
        }
        Kind::Event { .. } => {
            let events: Vec<UserEvent> = list(kind, body)?;
            let seen = events.iter().position(|event| event_index(&event.id) == seen);
            let from = seen.map_or(0, |at| at + 1);
            shown(kind, &events.get(from..).unwrap_or_default())
        }
        Kind::AgentService(_) => shown(kind, &read::<AgentService>(kind, body)?),
        Kind::ConnectRoots | Kind::ConnectLeaf(_) => read(kind, body),
    }
}

/// The index of an event: both halves of its id, one laid over the other.
///
/// Source: Consul 1.22 documentation, "Event HTTP API": lists have an index of their own that is
/// made from the last event's id.
pub(super) fn event_index(id: &str) -> u64 {
    let digits: String = id.chars().filter(|symbol| *symbol != '-').collect();
    let half = |part: Option<&str>| u64::from_str_radix(part.unwrap_or_default(), 16).unwrap_or(0);
    half(digits.get(..16)) ^ half(digits.get(16..32))
}

fn each<T: DeserializeOwned, S: From<T> + Serialize>(
    kind: &Kind,
    body: &[u8],
) -> Result<Value, Error> {
    let rows: Vec<T> = list(kind, body)?;
    shown(kind, &rows.into_iter().map(S::from).collect::<Vec<_>>())
}

/// A list, for which an agent may also say `null`.
fn list<T: DeserializeOwned>(kind: &Kind, body: &[u8]) -> Result<Vec<T>, Error> {
    Ok(read::<Option<Vec<T>>>(kind, body)?.unwrap_or_default())
}

fn read<T: DeserializeOwned>(kind: &Kind, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| unreadable(kind, &error))
}

fn shown<T: Serialize>(kind: &Kind, value: &T) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| unreadable(kind, &error))
}

fn unreadable(kind: &Kind, error: &serde_json::Error) -> Error {
    Error::Decode { path: run::path(kind), cause: error.to_string() }
}
