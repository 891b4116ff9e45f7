//! What the HTTP door is told of the configuration. It opens nothing.

use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tribune_node::server::Identity;

use crate::about::{self, CONSUL_VERSION};
use crate::config::RuntimeConfig;
use crate::descriptors;
use crate::http::{AgentInfo, HttpConfig, ServerLimits};

/// How requests are answered.
pub fn http_config(config: &RuntimeConfig) -> HttpConfig {
    let headers = config.http.response_headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    let networks = config.http.allow_write_from.iter();
    HttpConfig {
        node_name: config.node.name.clone(),
        datacenter: config.node.datacenter.clone(),
        dev_mode: config.role.dev,
        limits: limits(config),
        response_headers: headers.collect(),
        block_endpoints: config.http.block_endpoints.clone(),
        allow_write_http_from: networks
            .filter_map(|cidr| format!("{}/{}", cidr.address, cidr.bits).parse().ok())
            .collect(),
        disable_unprintable_filter: config.http.disable_unprintable_char_filter,
        disable_kv_key_validation: config.http.disable_kv_key_validation,
        kv_value_bytes_max: config.limits.kv_value_bytes_max,
        txn_body_bytes_max: config.limits.txn_bytes_max,
        session_ttl_min: config.limits.session_ttl_min,
        wait_default: config.limits.query_time_default,
        wait_max: config.limits.query_time_max,
        discovery_stale_max: config.limits.discovery_stale_max,
        disable_coordinates: config.role.disable_coordinates,
        ui_enabled: config.ui.enabled,
        ui_path: config.ui.content_path.clone(),
        use_cache: config.http.use_cache,
        dns_only_passing: config.dns.only_passing,
        connect_enabled: config.connect.enabled,
        ..HttpConfig::default()
    }
}

fn limits(config: &RuntimeConfig) -> ServerLimits {
    let most = config.limits.http_conns_per_client_max;
    ServerLimits {
        connections_per_client_max: most
            .map_or(0, |most| usize::try_from(most).unwrap_or(usize::MAX)),
        header_bytes_max: match config.http.header_bytes_max {
            0 => ServerLimits::default().header_bytes_max,
            bytes => bytes,
        },
        connections: Arc::new(Semaphore::new(descriptors::connections_max())),
    }
}

/// What the agent says of itself. Cancelling `leave` ends it.
pub fn agent_info(
    config: &RuntimeConfig,
    identity: &Identity,
    leave: CancellationToken,
) -> AgentInfo {
    let port = |addresses| about::first_port(addresses).map_or(-1, i32::from);
    AgentInfo {
        node_id: identity.node_id.to_string(),
        version: CONSUL_VERSION.to_owned(),
        revision: "tribune".to_owned(),
        build_date: tribune_api::version::BUILD_DATE.to_owned(),
        bind_address: config.network.bind.to_string(),
        primary_datacenter: config.node.primary_datacenter.clone(),
        server: config.role.server,
        meta: config.node.meta.clone(),
        grpc_port: port(&config.network.grpc),
        grpc_tls_port: port(&config.network.grpc_tls),
        wan_port: config.network.serf_wan.map(|address| address.port()),
        leave,
        debug_config: about::debug_config(config),
    }
}
