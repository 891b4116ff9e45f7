//! The agent on the wire: its services, what registers services and checks, its members.
//! Every input key of a definition is known here, used or not; no rule of checks lives here.
//! Invariant: fields stand in the order Consul prints them.

pub mod host;
pub mod metrics;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::catalog::{Locality, ServiceAddress, ServicePort, TextMap, Weights};
use crate::coordinate::Coordinate;
use crate::duration::GoDuration;
use crate::duration::json::as_text;
use crate::health::HealthCheck;
use crate::null::is_default;
use crate::proxy::{AgentProxy, ConnectProxy, ServiceConnect};

/// A service as its agent knows it. `Tags` and `Meta` are never null.
///
/// Source: transcripts/agent/service.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentService {
    #[serde(skip_serializing_if = "is_default")]
    pub kind: String,
    #[serde(rename = "ID")]
    pub id: String,
    pub service: String,
    pub tags: Vec<String>,
    pub meta: TextMap,
    pub port: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub ports: Option<Vec<ServicePort>>,
    pub address: String,
    #[serde(skip_serializing_if = "is_default")]
    pub socket_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tagged_addresses: Option<BTreeMap<String, ServiceAddress>>,
    pub weights: Weights,
    pub enable_tag_override: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub create_index: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub modify_index: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub content_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<AgentProxy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<ServiceConnect>,
    #[serde(skip_serializing_if = "is_default")]
    pub peer_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub datacenter: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<Locality>,
}

/// `agent/health/service/id|name`: a service with what its checks add up to.
///
/// Source: transcripts/agent/service.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentServiceHealth {
    pub aggregated_status: String,
    pub service: Option<AgentService>,
    pub checks: Option<Vec<AgentCheck>>,
}

/// A check within [`AgentServiceHealth`], which shows no kind and every field of its definition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentCheck {
    pub node: String,
    #[serde(rename = "CheckID")]
    pub check_id: String,
    pub name: String,
    pub status: String,
    pub notes: String,
    pub output: String,
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    pub service_name: String,
    pub service_tags: Vec<String>,
    #[serde(rename = "Type")]
    pub kind: String,
    pub exposed_port: i64,
    pub definition: AgentCheckDefinition,
    pub create_index: u64,
    pub modify_index: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentCheckDefinition {
    #[serde(serialize_with = "as_text")]
    pub interval: GoDuration,
    #[serde(serialize_with = "as_text")]
    pub timeout: GoDuration,
    #[serde(serialize_with = "as_text")]
    pub deregister_critical_service_after: GoDuration,
    #[serde(rename = "HTTP")]
    pub http: String,
    pub header: Option<BTreeMap<String, Vec<String>>>,
    pub method: String,
    pub body: String,
    #[serde(rename = "TLSServerName")]
    pub tls_server_name: String,
    #[serde(rename = "TLSSkipVerify")]
    pub tls_skip_verify: bool,
    #[serde(rename = "TCP")]
    pub tcp: String,
    #[serde(rename = "TCPUseTLS")]
    pub tcp_use_tls: bool,
    #[serde(rename = "UDP")]
    pub udp: String,
    #[serde(rename = "GRPC")]
    pub grpc: String,
    #[serde(rename = "OSService")]
    pub os_service: String,
    #[serde(rename = "GRPCUseTLS")]
    pub grpc_use_tls: bool,
}

impl From<&HealthCheck> for AgentCheck {
    fn from(check: &HealthCheck) -> Self {
        AgentCheck {
            node: check.node.clone(),
            check_id: check.check_id.clone(),
            name: check.name.clone(),
            status: check.status.clone(),
            notes: check.notes.clone(),
            output: check.output.clone(),
            service_id: check.service_id.clone(),
            service_name: check.service_name.clone(),
            service_tags: check.service_tags.clone().unwrap_or_default(),
            exposed_port: check.exposed_port,
            create_index: check.create_index,
            modify_index: check.modify_index,
            ..AgentCheck::default()
        }
    }
}

/// The body of `PUT /v1/agent/service/register`, and `SidecarService` within it.
///
/// Source: consul-surface A.2, transcripts/agent/registration.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceDefinition {
    #[serde(skip_serializing_if = "is_default")]
    pub kind: String,
    #[serde(rename = "ID", skip_serializing_if = "is_default")]
    pub id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "is_default")]
    pub address: String,
    #[serde(skip_serializing_if = "is_default", alias = "tagged_addresses")]
    pub tagged_addresses: Option<BTreeMap<String, ServiceAddress>>,
    #[serde(skip_serializing_if = "is_default")]
    pub meta: Option<TextMap>,
    #[serde(skip_serializing_if = "is_default")]
    pub port: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub ports: Option<Vec<ServicePort>>,
    #[serde(skip_serializing_if = "is_default", alias = "socket_path")]
    pub socket_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub check: Option<CheckDefinition>,
    #[serde(skip_serializing_if = "is_default")]
    pub checks: Option<Vec<CheckDefinition>>,
    #[serde(skip_serializing_if = "is_default")]
    pub weights: Option<Weights>,
    #[serde(skip_serializing_if = "is_default")]
    pub token: String,
    #[serde(skip_serializing_if = "is_default", alias = "enable_tag_override")]
    pub enable_tag_override: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub locality: Option<Locality>,
    #[serde(skip_serializing_if = "is_default")]
    pub proxy: Option<ConnectProxy>,
    #[serde(skip_serializing_if = "is_default")]
    pub connect: Option<ServiceConnect>,
}

/// The two bodies that describe a check share all but the names of the check and its service.
macro_rules! check_types {
    ($($(#[$attribute:meta])* $field:ident: $type:ty,)*) => {
        /// A check of a [`ServiceDefinition`]. Durations are texts or nanoseconds.
        ///
        /// Source: consul-surface A.2, transcripts/agent/check.txt.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, rename_all = "PascalCase")]
        pub struct CheckDefinition {
            #[serde(rename = "CheckID", skip_serializing_if = "is_default", alias = "check_id")]
            pub check_id: String,
            /// Another name of `CheckID`, which wins when both are given.
            #[serde(rename = "ID", skip_serializing_if = "is_default")]
            pub id: String,
            $($(#[$attribute])* pub $field: $type,)*
        }

        /// The body of `PUT /v1/agent/check/register`; `CheckID` is unknown here.
        ///
        /// Source: transcripts/agent/types.txt.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, rename_all = "PascalCase")]
        pub struct CheckRegistration {
            #[serde(rename = "ID", skip_serializing_if = "is_default")]
            pub id: String,
            #[serde(rename = "ServiceID", skip_serializing_if = "is_default", alias = "service_id")]
            pub service_id: String,
            #[serde(skip_serializing_if = "is_default")]
            pub token: String,
            $($(#[$attribute])* pub $field: $type,)*
        }

        impl CheckRegistration {
            /// The check itself; its service and token are beside it.
            pub fn into_definition(self) -> CheckDefinition {
                CheckDefinition {
                    check_id: self.id,
                    id: String::new(),
                    $($field: self.$field,)*
                }
            }
        }
    };
}

check_types! {
    #[serde(skip_serializing_if = "is_default")]
    name: String,
    #[serde(skip_serializing_if = "is_default")]
    status: String,
    #[serde(skip_serializing_if = "is_default")]
    notes: String,
    /// The command of a script check; `Args` is its newer name.
    #[serde(skip_serializing_if = "is_default", alias = "script_args")]
    script_args: Option<Vec<String>>,
    #[serde(skip_serializing_if = "is_default")]
    args: Option<Vec<String>>,
    #[serde(rename = "HTTP", skip_serializing_if = "is_default")]
    http: String,
    #[serde(skip_serializing_if = "is_default")]
    header: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "is_default")]
    method: String,
    #[serde(skip_serializing_if = "is_default")]
    body: String,
    #[serde(skip_serializing_if = "is_default", alias = "disable_redirects")]
    disable_redirects: bool,
    #[serde(rename = "TCP", skip_serializing_if = "is_default")]
    tcp: String,
    #[serde(rename = "TCPUseTLS", skip_serializing_if = "is_default", alias = "tcp_use_tls")]
    tcp_use_tls: bool,
    #[serde(rename = "UDP", skip_serializing_if = "is_default")]
    udp: String,
    #[serde(rename = "GRPC", skip_serializing_if = "is_default")]
    grpc: String,
    #[serde(rename = "GRPCUseTLS", skip_serializing_if = "is_default", alias = "grpc_use_tls")]
    grpc_use_tls: bool,
    #[serde(rename = "H2PING", skip_serializing_if = "is_default")]
    h2ping: String,
    /// Absent means yes.
    #[serde(rename = "H2PingUseTLS", skip_serializing_if = "is_default", alias = "h2ping_use_tls")]
    h2ping_use_tls: Option<bool>,
    #[serde(rename = "OSService", skip_serializing_if = "is_default", alias = "os_service")]
    os_service: String,
    #[serde(
        rename = "DockerContainerID",
        skip_serializing_if = "is_default",
        alias = "docker_container_id"
    )]
    docker_container_id: String,
    #[serde(skip_serializing_if = "is_default")]
    shell: String,
    #[serde(skip_serializing_if = "is_default", alias = "alias_node")]
    alias_node: String,
    #[serde(skip_serializing_if = "is_default", alias = "alias_service")]
    alias_service: String,
    #[serde(skip_serializing_if = "is_default", serialize_with = "as_text")]
    interval: GoDuration,
    #[serde(skip_serializing_if = "is_default", serialize_with = "as_text")]
    timeout: GoDuration,
    #[serde(rename = "TTL", skip_serializing_if = "is_default", serialize_with = "as_text")]
    ttl: GoDuration,
    #[serde(
        rename = "TLSServerName",
        skip_serializing_if = "is_default",
        alias = "tls_server_name"
    )]
    tls_server_name: String,
    #[serde(
        rename = "TLSSkipVerify",
        skip_serializing_if = "is_default",
        alias = "tls_skip_verify"
    )]
    tls_skip_verify: bool,
    #[serde(skip_serializing_if = "is_default", alias = "success_before_passing")]
    success_before_passing: i64,
    #[serde(skip_serializing_if = "is_default", alias = "failures_before_warning")]
    failures_before_warning: i64,
    #[serde(skip_serializing_if = "is_default", alias = "failures_before_critical")]
    failures_before_critical: i64,
    #[serde(
        skip_serializing_if = "is_default",
        serialize_with = "as_text",
        alias = "deregister_critical_service_after"
    )]
    deregister_critical_service_after: GoDuration,
    #[serde(skip_serializing_if = "is_default")]
    output_max_size: i64,
}

/// The body of `PUT /v1/agent/check/update/<id>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CheckUpdate {
    pub status: String,
    pub output: String,
}

/// A member of the gossip pool.
///
/// Source: transcripts/status/basic.txt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Member {
    pub name: String,
    pub addr: String,
    pub port: u16,
    pub tags: TextMap,
    /// 0 none, 1 alive, 2 leaving, 3 left, 4 failed.
    pub status: u8,
    pub protocol_min: u8,
    pub protocol_max: u8,
    pub protocol_cur: u8,
    pub delegate_min: u8,
    pub delegate_max: u8,
    pub delegate_cur: u8,
}

/// `GET /v1/agent/self`.
///
/// Source: transcripts/status/basic.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Self_ {
    pub config: SelfConfig,
    pub debug_config: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coord: Option<Coordinate>,
    pub member: Member,
    pub stats: BTreeMap<String, TextMap>,
    pub meta: TextMap,
    #[serde(rename = "xDS", skip_serializing_if = "Option::is_none")]
    pub xds: Option<SelfXds>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SelfConfig {
    pub datacenter: String,
    pub primary_datacenter: String,
    pub node_name: String,
    #[serde(rename = "NodeID")]
    pub node_id: String,
    pub revision: String,
    pub server: bool,
    pub version: String,
    pub build_date: String,
    pub bind_addr: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SelfXds {
    pub supported_proxies: BTreeMap<String, Vec<String>>,
    pub port: i32,
    pub ports: XdsPorts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct XdsPorts {
    pub plaintext: i32,
    #[serde(rename = "TLS")]
    pub tls: i32,
}

/// `GET /v1/agent/version`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Version {
    #[serde(rename = "SHA")]
    pub sha: String,
    pub build_date: String,
    pub human_version: String,
    #[serde(rename = "FIPS")]
    pub fips: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Unknown, decode};

    fn service(body: &str) -> Result<ServiceDefinition, String> {
        decode(body.as_bytes(), Unknown::Refuse).map_err(|error| error.to_string())
    }

    fn check(body: &str) -> Result<CheckRegistration, String> {
        decode(body.as_bytes(), Unknown::Refuse).map_err(|error| error.to_string())
    }

    #[test]
    fn the_check_of_the_getting_started_program_decodes() {
        let found = service(
            r#"{"ID":"my-service","Name":"my-service","Tags":["web"],"Port":8080,
            "Check":{"Interval":"10s","Timeout":"2s","DeregisterCriticalServiceAfter":"10s"}}"#,
        );
        let check = found.unwrap().check.unwrap();
        let seconds = [check.interval, check.timeout, check.deregister_critical_service_after]
            .map(|span| span.0 / GoDuration::SECOND.0);
        assert_eq!(seconds, [10, 2, 10]);
    }

    #[test]
    fn snake_case_and_any_case_are_accepted() {
        let found = service(
            r#"{"name":"snake","id":"snake1","enable_tag_override":true,
            "tagged_addresses":{"wan":{"address":"127.0.0.8","port":9}},"TAGS":["A"]}"#,
        );
        let found = found.unwrap();
        assert!(found.enable_tag_override);
        assert_eq!(found.tagged_addresses.unwrap()["wan"].port, 9);
        assert_eq!(found.tags, Some(vec!["A".into()]));
    }

    #[test]
    fn a_check_names_itself_by_checkid_in_a_service_and_by_id_alone() {
        let of_service = service(r#"{"Name":"a","Checks":[{"CheckID":"c1","TTL":"30s"}]}"#);
        assert_eq!(of_service.unwrap().checks.unwrap()[0].check_id, "c1");
        let alone = check(r#"{"ID":"h","Name":"n","TTL":"1s","ServiceID":"web1"}"#).unwrap();
        assert_eq!((alone.id.as_str(), alone.service_id.as_str()), ("h", "web1"));
        assert_eq!(alone.into_definition().check_id, "h");
        for (body, field) in [
            (r#"{"CheckID":"two","Name":"both"}"#, "CheckID"),
            (r#"{"check_id":"two"}"#, "check_id"),
            (r#"{"output_max_size":5}"#, "output_max_size"),
        ] {
            assert_eq!(check(body), Err(format!("json: unknown field \"{field}\"")));
        }
    }

    #[test]
    fn every_key_of_a_check_has_its_place() {
        let body = r#"{"Name":"x","Status":"s","Notes":"n","ScriptArgs":["a"],"HTTP":"h",
            "Header":{"A":["b"]},"Method":"M","Body":"B","DisableRedirects":true,"TCP":"t",
            "TCPUseTLS":true,"UDP":"u","GRPC":"g","GRPCUseTLS":true,"H2PING":"p",
            "H2PingUseTLS":false,"OSService":"o","DockerContainerID":"d","Shell":"s",
            "AliasNode":"an","AliasService":"as","Interval":600000000000,"Timeout":"1s",
            "TTL":"1s","TLSServerName":"t","TLSSkipVerify":true,"SuccessBeforePassing":1,
            "FailuresBeforeWarning":2,"FailuresBeforeCritical":3,
            "DeregisterCriticalServiceAfter":"90m","OutputMaxSize":10}"#;
        let found = check(body).unwrap();
        let written: Value = serde_json::to_value(&found).unwrap();
        let given: Value = serde_json::from_str(body).unwrap();
        let names = |value: &Value| {
            let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(names(&written), names(&given));
    }
}
