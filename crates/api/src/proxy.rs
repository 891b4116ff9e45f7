//! The mesh part of a service on the wire: proxy configuration, upstreams, exposed paths.
//! It is carried, printed and validated elsewhere; nothing here knows what a proxy does.
//! Invariant: an empty `ConnectProxy` prints `Mode`, `MeshGateway` and `Expose` and no more.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::agent::ServiceDefinition;
use crate::null::is_default;

/// `Proxy` of a service, in the catalog.
///
/// Source: transcripts/catalog/basic.txt, consul-surface A.0.1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConnectProxy {
    #[serde(skip_serializing_if = "is_default", alias = "envoy_extensions")]
    pub envoy_extensions: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "is_default", alias = "destination_service_name")]
    pub destination_service_name: String,
    #[serde(
        rename = "DestinationServiceID",
        skip_serializing_if = "is_default",
        alias = "destination_service_id"
    )]
    pub destination_service_id: String,
    #[serde(skip_serializing_if = "is_default", alias = "local_service_address")]
    pub local_service_address: String,
    #[serde(skip_serializing_if = "is_default", alias = "local_service_port")]
    pub local_service_port: i64,
    #[serde(skip_serializing_if = "is_default", alias = "local_service_socket_path")]
    pub local_service_socket_path: String,
    pub mode: String,
    #[serde(skip_serializing_if = "is_default")]
    pub config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "is_default")]
    pub upstreams: Option<Vec<Upstream>>,
    #[serde(alias = "mesh_gateway")]
    pub mesh_gateway: MeshGateway,
    pub expose: Expose,
    #[serde(skip_serializing_if = "is_default", alias = "transparent_proxy")]
    pub transparent_proxy: TransparentProxy,
    #[serde(skip_serializing_if = "is_default", alias = "access_logs")]
    pub access_logs: AccessLogs,
}

/// `Proxy` of a service, as the agent prints it: without an empty `Mode`, its upstreams without
/// an empty `Datacenter`, its paths with every `ParsedFromCheck`, and some fields in another order.
/// That is why it and its parts have types of their own: order and omission are what serde derives
/// from a struct. Each is made from the catalog's field by field, so that none is forgotten.
///
/// Source: transcripts/agent/registration.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentProxy {
    #[serde(skip_serializing_if = "is_default")]
    pub envoy_extensions: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "is_default")]
    pub destination_service_name: String,
    #[serde(rename = "DestinationServiceID", skip_serializing_if = "is_default")]
    pub destination_service_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub local_service_address: String,
    #[serde(skip_serializing_if = "is_default")]
    pub local_service_port: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub local_service_socket_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub mode: String,
    #[serde(skip_serializing_if = "is_default")]
    pub transparent_proxy: TransparentProxy,
    #[serde(skip_serializing_if = "is_default")]
    pub config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "is_default")]
    pub upstreams: Option<Vec<AgentUpstream>>,
    pub mesh_gateway: MeshGateway,
    pub expose: AgentExpose,
    #[serde(skip_serializing_if = "is_default")]
    pub access_logs: AccessLogs,
}

impl From<ConnectProxy> for AgentProxy {
    fn from(proxy: ConnectProxy) -> Self {
        AgentProxy {
            envoy_extensions: proxy.envoy_extensions,
            destination_service_name: proxy.destination_service_name,
            destination_service_id: proxy.destination_service_id,
            local_service_address: proxy.local_service_address,
            local_service_port: proxy.local_service_port,
            local_service_socket_path: proxy.local_service_socket_path,
            mode: proxy.mode,
            transparent_proxy: proxy.transparent_proxy,
            config: proxy.config,
            upstreams: proxy.upstreams.map(|own| own.into_iter().map(Into::into).collect()),
            mesh_gateway: proxy.mesh_gateway,
            expose: proxy.expose.into(),
            access_logs: proxy.access_logs,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Upstream {
    #[serde(skip_serializing_if = "is_default", alias = "destination_type")]
    pub destination_type: String,
    #[serde(skip_serializing_if = "is_default", alias = "destination_namespace")]
    pub destination_namespace: String,
    #[serde(skip_serializing_if = "is_default", alias = "destination_partition")]
    pub destination_partition: String,
    #[serde(skip_serializing_if = "is_default", alias = "destination_peer")]
    pub destination_peer: String,
    #[serde(alias = "destination_name")]
    pub destination_name: String,
    pub datacenter: String,
    #[serde(skip_serializing_if = "is_default", alias = "local_bind_address")]
    pub local_bind_address: String,
    #[serde(skip_serializing_if = "is_default", alias = "local_bind_port")]
    pub local_bind_port: i64,
    #[serde(skip_serializing_if = "is_default", alias = "local_bind_socket_path")]
    pub local_bind_socket_path: String,
    #[serde(skip_serializing_if = "is_default", alias = "local_bind_socket_mode")]
    pub local_bind_socket_mode: String,
    #[serde(skip_serializing_if = "is_default")]
    pub config: Option<Map<String, Value>>,
    #[serde(alias = "mesh_gateway")]
    pub mesh_gateway: MeshGateway,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct MeshGateway {
    #[serde(skip_serializing_if = "is_default")]
    pub mode: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Expose {
    #[serde(skip_serializing_if = "is_default")]
    pub checks: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub paths: Option<Vec<ExposePath>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ExposePath {
    #[serde(skip_serializing_if = "is_default", alias = "listener_port")]
    pub listener_port: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    #[serde(skip_serializing_if = "is_default", alias = "local_path_port")]
    pub local_path_port: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub protocol: String,
    #[serde(skip_serializing_if = "is_default", alias = "parsed_from_check")]
    pub parsed_from_check: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TransparentProxy {
    #[serde(skip_serializing_if = "is_default", alias = "outbound_listener_port")]
    pub outbound_listener_port: i64,
    #[serde(skip_serializing_if = "is_default", alias = "dialed_directly")]
    pub dialed_directly: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AccessLogs {
    #[serde(skip_serializing_if = "is_default")]
    pub enabled: bool,
    #[serde(skip_serializing_if = "is_default", alias = "disable_listener_logs")]
    pub disable_listener_logs: bool,
    #[serde(rename = "Type", skip_serializing_if = "is_default")]
    pub kind: String,
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    #[serde(rename = "JSONFormat", skip_serializing_if = "is_default", alias = "json_format")]
    pub json_format: String,
    #[serde(skip_serializing_if = "is_default", alias = "text_format")]
    pub text_format: String,
}

/// [`Upstream`], as the agent prints it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentUpstream {
    #[serde(skip_serializing_if = "is_default")]
    pub destination_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub destination_partition: String,
    #[serde(skip_serializing_if = "is_default")]
    pub destination_namespace: String,
    #[serde(skip_serializing_if = "is_default")]
    pub destination_peer: String,
    pub destination_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub datacenter: String,
    #[serde(skip_serializing_if = "is_default")]
    pub local_bind_address: String,
    #[serde(skip_serializing_if = "is_default")]
    pub local_bind_port: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub local_bind_socket_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub local_bind_socket_mode: String,
    #[serde(skip_serializing_if = "is_default")]
    pub config: Option<Map<String, Value>>,
    pub mesh_gateway: MeshGateway,
}

impl From<Upstream> for AgentUpstream {
    fn from(upstream: Upstream) -> Self {
        AgentUpstream {
            destination_type: upstream.destination_type,
            destination_partition: upstream.destination_partition,
            destination_namespace: upstream.destination_namespace,
            destination_peer: upstream.destination_peer,
            destination_name: upstream.destination_name,
            datacenter: upstream.datacenter,
            local_bind_address: upstream.local_bind_address,
            local_bind_port: upstream.local_bind_port,
            local_bind_socket_path: upstream.local_bind_socket_path,
            local_bind_socket_mode: upstream.local_bind_socket_mode,
            config: upstream.config,
            mesh_gateway: upstream.mesh_gateway,
        }
    }
}

/// [`Expose`], as the agent prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentExpose {
    #[serde(skip_serializing_if = "is_default")]
    pub checks: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub paths: Option<Vec<AgentExposePath>>,
}

impl From<Expose> for AgentExpose {
    fn from(expose: Expose) -> Self {
        let paths = expose.paths.map(|own| own.into_iter().map(Into::into).collect());
        AgentExpose { checks: expose.checks, paths }
    }
}

/// [`ExposePath`], as the agent prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentExposePath {
    #[serde(skip_serializing_if = "is_default")]
    pub listener_port: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub local_path_port: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub protocol: String,
    pub parsed_from_check: bool,
}

impl From<ExposePath> for AgentExposePath {
    fn from(path: ExposePath) -> Self {
        AgentExposePath {
            listener_port: path.listener_port,
            path: path.path,
            local_path_port: path.local_path_port,
            protocol: path.protocol,
            parsed_from_check: path.parsed_from_check,
        }
    }
}

/// `Connect` of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceConnect {
    #[serde(skip_serializing_if = "is_default")]
    pub native: bool,
    #[serde(skip_serializing, alias = "sidecar_service")]
    pub sidecar_service: Option<Box<ServiceDefinition>>,
    #[serde(skip_serializing_if = "is_default")]
    pub peer_meta: Option<Map<String, Value>>,
}
