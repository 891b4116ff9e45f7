//! The hash by which readers of one service wait for its change. Its value is the one a Consul
//! agent gives: that of the public library mitchellh/hashstructure (version 1) over the fields of
//! the answer, so that a reader may go on waiting when its agent is replaced by ours.
//! Invariant: what the hash ignores (datacenter, locality) wakes no reader.

use serde_json::{Map, Value};
use tribune_api::agent::AgentService;
use tribune_api::catalog::{ServiceAddress, ServicePort, Weights};
use tribune_api::proxy::{
    AccessLogs, AgentExpose, AgentExposePath, AgentProxy, AgentUpstream, MeshGateway,
    ServiceConnect, TransparentProxy,
};

/// The hash of what a reader of the service sees, as 16 hexadecimal digits. Its datacenter and
/// its locality do not count.
///
/// Source: the Go client's `TestAPI_AgentService`; transcripts/agent/registration.txt.
pub fn content_hash(service: &AgentService) -> String {
    let map = |(key, value): (&String, &String)| (text(key), text(value));
    let addresses = service.tagged_addresses.iter().flatten();
    let hash = structure("AgentService")
        .with("Kind", text(&service.kind))
        .with("ID", text(&service.id))
        .with("Service", text(&service.service))
        .with("Tags", list(service.tags.iter().map(|tag| text(tag))))
        .with("Meta", table(service.meta.iter().map(map)))
        .with("Port", int(service.port))
        .with("Ports", list(service.ports.iter().flatten().map(port)))
        .with("Address", text(&service.address))
        .with("SocketPath", text(&service.socket_path))
        .with("TaggedAddresses", table(addresses.map(|(tag, own)| (text(tag), address(own)))))
        .with("Weights", weights(service.weights))
        .with("EnableTagOverride", flag(service.enable_tag_override))
        .with("CreateIndex", number(&service.create_index.to_le_bytes()))
        .with("ModifyIndex", number(&service.modify_index.to_le_bytes()))
        // It cannot hold its own hash: it is empty while the rest is hashed.
        .with("ContentHash", text(""))
        .with("Proxy", service.proxy.as_ref().map_or_else(nothing, proxy))
        .with("Connect", service.connect.as_ref().map_or_else(nothing, connect))
        .with("PeerName", text(&service.peer_name));
    format!("{:016x}", hash.0)
}

fn port(port: &ServicePort) -> u64 {
    structure("ServicePort")
        .with("Name", text(&port.name))
        .with("Port", int(port.port))
        .with("Default", flag(port.default))
        .0
}

fn address(address: &ServiceAddress) -> u64 {
    structure("ServiceAddress")
        .with("Address", text(&address.address))
        .with("Port", int(address.port))
        .0
}

fn weights(weights: Weights) -> u64 {
    structure("AgentWeights")
        .with("Passing", int(weights.passing))
        .with("Warning", int(weights.warning))
        .0
}

fn connect(connect: &ServiceConnect) -> u64 {
    // A sidecar's definition is never shown.
    structure("AgentServiceConnect")
        .with("Native", flag(connect.native))
        .with("SidecarService", nothing())
        .0
}

fn proxy(proxy: &AgentProxy) -> u64 {
    let extensions = proxy.envoy_extensions.iter().flatten().map(extension);
    structure("AgentServiceConnectProxyConfig")
        .with("EnvoyExtensions", list(extensions))
        .with("DestinationServiceName", text(&proxy.destination_service_name))
        .with("DestinationServiceID", text(&proxy.destination_service_id))
        .with("LocalServiceAddress", text(&proxy.local_service_address))
        .with("LocalServicePort", int(proxy.local_service_port))
        .with("LocalServiceSocketPath", text(&proxy.local_service_socket_path))
        .with("Mode", text(&proxy.mode))
        .with("TransparentProxy", unless_default(&proxy.transparent_proxy, transparent))
        .with("Config", object(proxy.config.as_ref()))
        .with("Upstreams", list(proxy.upstreams.iter().flatten().map(upstream)))
        .with("MeshGateway", mesh_gateway(&proxy.mesh_gateway))
        .with("Expose", expose(&proxy.expose))
        .with("AccessLogs", unless_default(&proxy.access_logs, access_logs))
        .0
}

/// Extensions are data to us; a field that is missing or of another type is empty.
fn extension(extension: &Value) -> u64 {
    let of = |name: &str| text(extension.get(name).and_then(Value::as_str).unwrap_or_default());
    let required = extension.get("Required").and_then(Value::as_bool).unwrap_or_default();
    structure("EnvoyExtension")
        .with("Name", of("Name"))
        .with("Required", flag(required))
        .with("Arguments", object(extension.get("Arguments").and_then(Value::as_object)))
        .with("ConsulVersion", of("ConsulVersion"))
        .with("EnvoyVersion", of("EnvoyVersion"))
        .0
}

fn transparent(proxy: &TransparentProxy) -> u64 {
    structure("TransparentProxyConfig")
        .with("OutboundListenerPort", int(proxy.outbound_listener_port))
        .with("DialedDirectly", flag(proxy.dialed_directly))
        .0
}

fn upstream(upstream: &AgentUpstream) -> u64 {
    structure("Upstream")
        .with("DestinationType", text(&upstream.destination_type))
        .with("DestinationPartition", text(&upstream.destination_partition))
        .with("DestinationNamespace", text(&upstream.destination_namespace))
        .with("DestinationPeer", text(&upstream.destination_peer))
        .with("DestinationName", text(&upstream.destination_name))
        .with("Datacenter", text(&upstream.datacenter))
        .with("LocalBindAddress", text(&upstream.local_bind_address))
        .with("LocalBindPort", int(upstream.local_bind_port))
        .with("LocalBindSocketPath", text(&upstream.local_bind_socket_path))
        .with("LocalBindSocketMode", text(&upstream.local_bind_socket_mode))
        .with("Config", object(upstream.config.as_ref()))
        .with("MeshGateway", mesh_gateway(&upstream.mesh_gateway))
        .with("CentrallyConfigured", flag(false))
        .0
}

fn mesh_gateway(gateway: &MeshGateway) -> u64 {
    structure("MeshGatewayConfig").with("Mode", text(&gateway.mode)).0
}

fn expose(expose: &AgentExpose) -> u64 {
    structure("ExposeConfig")
        .with("Checks", flag(expose.checks))
        .with("Paths", list(expose.paths.iter().flatten().map(expose_path)))
        .0
}

fn expose_path(path: &AgentExposePath) -> u64 {
    structure("ExposePath")
        .with("ListenerPort", int(path.listener_port))
        .with("Path", text(&path.path))
        .with("LocalPathPort", int(path.local_path_port))
        .with("Protocol", text(&path.protocol))
        .with("ParsedFromCheck", flag(path.parsed_from_check))
        .0
}

fn access_logs(logs: &AccessLogs) -> u64 {
    structure("AccessLogsConfig")
        .with("Enabled", flag(logs.enabled))
        .with("DisableListenerLogs", flag(logs.disable_listener_logs))
        .with("Type", text(&logs.kind))
        .with("Path", text(&logs.path))
        .with("JSONFormat", text(&logs.json_format))
        .with("TextFormat", text(&logs.text_format))
        .0
}

/// Part of an answer that is left out when it says nothing.
fn unless_default<T: Default + PartialEq>(part: &T, hash: impl Fn(&T) -> u64) -> u64 {
    if *part == T::default() { nothing() } else { hash(part) }
}

fn object(object: Option<&Map<String, Value>>) -> u64 {
    table(object.into_iter().flatten().map(|(key, own)| (text(key), any(own))))
}

/// Data of any shape; its numbers are floats, as the agent reads them from JSON.
fn any(value: &Value) -> u64 {
    match value {
        Value::Null => nothing(),
        Value::Bool(own) => flag(*own),
        Value::Number(own) => number(&own.as_f64().unwrap_or_default().to_le_bytes()),
        Value::String(own) => text(own),
        Value::Array(own) => list(own.iter().map(any)),
        Value::Object(own) => object(Some(own)),
    }
}

/// A structure under way: the hash of its name, then of each field in any order.
struct Structure(u64);

fn structure(name: &str) -> Structure {
    Structure(text(name))
}

impl Structure {
    fn with(self, field: &str, hash: u64) -> Structure {
        Structure(self.0 ^ ordered(text(field), hash))
    }
}

fn table(entries: impl Iterator<Item = (u64, u64)>) -> u64 {
    entries.fold(0, |hash, (key, value)| hash ^ ordered(key, value))
}

fn list(items: impl Iterator<Item = u64>) -> u64 {
    items.fold(0, ordered)
}

fn ordered(one: u64, other: u64) -> u64 {
    let [one, other] = [one.to_le_bytes(), other.to_le_bytes()];
    fnv(one.iter().chain(&other))
}

fn text(text: &str) -> u64 {
    fnv(text.as_bytes())
}

fn int(value: i64) -> u64 {
    number(&value.to_le_bytes())
}

fn flag(value: bool) -> u64 {
    number(&[u8::from(value)])
}

/// What is not there counts as the number zero.
fn nothing() -> u64 {
    int(0)
}

fn number(little_endian: &[u8]) -> u64 {
    fnv(little_endian)
}

/// FNV-1 of 64 bits.
fn fnv<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    bytes
        .into_iter()
        .fold(start, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tribune_api::catalog::Locality;

    use super::*;

    /// The library's own hashes of answers that a Go program read into the client's types: the
    /// services of the recordings, and one with every field.
    const KNOWN: &str = include_str!("content_hash.json");

    #[derive(serde::Deserialize)]
    struct Known {
        hash: String,
        service: AgentService,
    }

    #[test]
    fn the_hash_is_the_librarys() {
        let known: Vec<Known> = serde_json::from_str(KNOWN).unwrap();
        assert!(known.len() > 10);
        for Known { hash, service } in known {
            assert_eq!(content_hash(&service), hash, "{service:?}");
        }
    }

    #[test]
    fn where_a_service_is_does_not_count() {
        let service = AgentService::default();
        let elsewhere = AgentService {
            datacenter: "dc2".into(),
            locality: Some(Locality { region: "r".into(), zone: "z".into() }),
            content_hash: "x".into(),
            ..AgentService::default()
        };
        assert_eq!(content_hash(&service), content_hash(&elsewhere));
    }

    proptest! {
        /// The order of tags counts, that of metadata cannot; every change of a text does.
        #[test]
        fn a_change_changes_the_hash(
            tags in prop::collection::vec("[a-c]{0,3}", 2..5),
            meta in prop::collection::btree_map("[a-z]{1,4}", "[a-z]{0,4}", 1..4),
            port: i64,
        ) {
            let service = AgentService { tags, meta, port, ..AgentService::default() };
            let hash = content_hash(&service);
            prop_assert_eq!(hash.len(), 16);
            let mut turned = service.clone();
            turned.tags.reverse();
            prop_assert_eq!(content_hash(&turned) == hash, turned.tags == service.tags);
            let mut moved = service.clone();
            moved.port = port.wrapping_add(1);
            prop_assert_ne!(content_hash(&moved), hash.clone());
            let mut told = service;
            told.meta.insert("new".to_owned() + &hash, String::new());
            prop_assert_ne!(content_hash(&told), hash);
        }
    }
}
