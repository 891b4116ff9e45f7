//! What the pages for people ask: `/v1/internal/ui/`. No rule lives here.
//! Invariant: fields stand in the order Consul prints them.

use serde::{Deserialize, Serialize};

use crate::catalog::{NodeService, TextMap};
use crate::health::HealthCheck;

/// A node with its services and checks: `ui/nodes`, `ui/node/<name>`.
///
/// Source: transcripts/internal/ui.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeInfo {
    #[serde(rename = "ID")]
    pub id: String,
    pub node: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer_name: String,
    pub address: String,
    pub tagged_addresses: Option<TextMap>,
    pub meta: Option<TextMap>,
    pub services: Vec<NodeService>,
    pub checks: Vec<HealthCheck>,
}

/// What all instances of a service add up to: `ui/services`.
///
/// Source: transcripts/internal/ui.txt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceSummary {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    pub name: String,
    pub datacenter: String,
    pub tags: Option<Vec<String>>,
    pub nodes: Vec<String>,
    pub external_sources: Option<Vec<String>>,
    pub instance_count: usize,
    pub checks_passing: usize,
    pub checks_warning: usize,
    pub checks_critical: usize,
    pub gateway_config: GatewayConfig,
    pub transparent_proxy: bool,
    pub connect_native: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer_name: String,
    pub connected_with_proxy: bool,
    pub connected_with_gateway: bool,
}

/// How a gateway lets a service in: empty without gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct GatewayConfig {}

/// The whole catalog in numbers: `ui/catalog-overview`. All is null until it was first summed up.
///
/// Source: transcripts/internal/ui.txt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CatalogOverview {
    pub nodes: Option<Vec<HealthSummary>>,
    pub services: Option<Vec<HealthSummary>>,
    pub checks: Option<Vec<HealthSummary>>,
}

/// How many of some kind there are, by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HealthSummary {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub total: usize,
    pub passing: usize,
    pub warning: usize,
    pub critical: usize,
}

/// Who speaks to a service, and to whom it speaks: `ui/service-topology/<name>`.
///
/// Source: transcripts/internal/ui.txt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceTopology {
    pub protocol: String,
    pub transparent_proxy: bool,
    pub upstreams: Vec<ServiceSummary>,
    pub downstreams: Vec<ServiceSummary>,
    #[serde(rename = "FilteredByACLs")]
    pub filtered_by_acls: bool,
}
