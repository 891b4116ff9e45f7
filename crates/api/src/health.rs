//! Health on the wire: checks, their definitions, and instances with their checks.
//! It does not decide what is healthy.
//! Invariant: fields stand in the order Consul prints them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::{Node, NodeService};
use crate::duration::GoDuration;
use crate::duration::json::{as_nanos, as_text};
use crate::null::is_default;

/// A check as the catalog knows it.
///
/// Source: transcripts/health/basic.txt, transcripts/txn/basic.txt (`ServiceTags` is null there).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HealthCheck {
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
    pub service_tags: Option<Vec<String>>,
    #[serde(rename = "Type")]
    pub kind: String,
    pub interval: String,
    pub timeout: String,
    pub exposed_port: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer_name: String,
    pub definition: HealthCheckDefinition,
    pub create_index: u64,
    pub modify_index: u64,
}

/// How a check of the catalog is to be run; `{}` for checks an agent runs. Unknown fields are
/// ignored on input, by the name of this type.
///
/// Source: transcripts/txn/more.txt, consul-surface A.0.1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HealthCheckDefinition {
    #[serde(skip_serializing_if = "is_default", serialize_with = "as_text")]
    pub interval: GoDuration,
    #[serde(skip_serializing_if = "is_default", serialize_with = "as_text")]
    pub timeout: GoDuration,
    #[serde(skip_serializing_if = "is_default", serialize_with = "as_text")]
    pub deregister_critical_service_after: GoDuration,
    #[serde(rename = "HTTP", skip_serializing_if = "is_default")]
    pub http: String,
    #[serde(rename = "TLSServerName", skip_serializing_if = "is_default")]
    pub tls_server_name: String,
    #[serde(rename = "TLSSkipVerify", skip_serializing_if = "is_default")]
    pub tls_skip_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub header: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "is_default")]
    pub method: String,
    #[serde(skip_serializing_if = "is_default")]
    pub body: String,
    #[serde(skip_serializing_if = "is_default")]
    pub disable_redirects: bool,
    #[serde(rename = "TCP", skip_serializing_if = "is_default")]
    pub tcp: String,
    #[serde(rename = "TCPUseTLS", skip_serializing_if = "is_default")]
    pub tcp_use_tls: bool,
    #[serde(rename = "UDP", skip_serializing_if = "is_default")]
    pub udp: String,
    #[serde(rename = "H2PING", skip_serializing_if = "is_default")]
    pub h2ping: String,
    #[serde(rename = "OSService", skip_serializing_if = "is_default")]
    pub os_service: String,
    #[serde(rename = "H2PingUseTLS", skip_serializing_if = "is_default")]
    pub h2ping_use_tls: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub output_max_size: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub script_args: Option<Vec<String>>,
    #[serde(rename = "DockerContainerID", skip_serializing_if = "is_default")]
    pub docker_container_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub shell: String,
    #[serde(rename = "GRPC", skip_serializing_if = "is_default")]
    pub grpc: String,
    #[serde(rename = "GRPCUseTLS", skip_serializing_if = "is_default")]
    pub grpc_use_tls: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub alias_node: String,
    #[serde(skip_serializing_if = "is_default")]
    pub alias_service: String,
    #[serde(skip_serializing_if = "is_default")]
    pub session_name: String,
    #[serde(rename = "TTL", skip_serializing_if = "is_default", serialize_with = "as_nanos")]
    pub ttl: GoDuration,
}

/// An instance in `health/service`: its node, itself, and the checks of both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CheckServiceNode {
    pub node: Node,
    pub service: NodeService,
    pub checks: Vec<HealthCheck>,
}

pub const STATUS_PASSING: &str = "passing";
pub const STATUS_WARNING: &str = "warning";
pub const STATUS_CRITICAL: &str = "critical";
pub const STATUS_MAINTENANCE: &str = "maintenance";
/// `health/state/any`: every status.
pub const STATUS_ANY: &str = "any";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Layout, to_json};

    #[test]
    fn an_empty_definition_prints_as_an_empty_object() {
        let text = to_json(&HealthCheckDefinition::default(), Layout::Compact);
        assert_eq!(text, b"{}");
    }

    #[test]
    fn durations_of_a_definition_print_as_texts() {
        let definition = HealthCheckDefinition {
            interval: GoDuration(10_000_000_000),
            deregister_critical_service_after: GoDuration(5_400_000_000_000),
            ..HealthCheckDefinition::default()
        };
        let text = to_json(&definition, Layout::Compact);
        let expected = r#"{"Interval":"10s","DeregisterCriticalServiceAfter":"1h30m0s"}"#;
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }
}
