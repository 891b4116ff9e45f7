//! What makes no sense in a service's definition, in the words clients know.
//! It changes nothing and knows nothing of what is registered already.
//! Source: transcripts agent/service.txt, agent/registration.txt.

use std::collections::BTreeSet;

use tribune_api::agent::ServiceDefinition;
use tribune_api::catalog::{ServicePort, Weights};
use tribune_api::messages;
use tribune_api::metadata;
use tribune_api::proxy::{ConnectProxy, Upstream};

use crate::error::EdgeError;

/// The kinds of service that have a proxy's settings.
pub(crate) const CONNECT_PROXY: &str = "connect-proxy";
const GATEWAYS_WITH_PORT: [&str; 2] = ["mesh-gateway", "terminating-gateway"];
const GATEWAYS_WITHOUT_PORT: [&str; 2] = ["ingress-gateway", "api-gateway"];

/// The largest weight that an SRV record can carry.
const WEIGHT_MAX: i64 = 65_535;

/// True if the catalog shows proxy settings for this kind.
pub(crate) fn has_proxy(kind: &str) -> bool {
    kind == CONNECT_PROXY
        || GATEWAYS_WITH_PORT.contains(&kind)
        || GATEWAYS_WITHOUT_PORT.contains(&kind)
}

/// Refuses a service that makes no sense. Its checks are looked at elsewhere.
///
/// # Errors
/// With the text of the first thing that is wrong, or the list of those of one group.
pub(crate) fn service(asked: &ServiceDefinition) -> Result<(), EdgeError> {
    let invalid = |text: &str| Err(EdgeError::Invalid(text.to_owned()));
    if asked.name.is_empty() {
        return invalid(messages::MISSING_SERVICE_NAME);
    }
    if matches!(asked.address.as_str(), "0.0.0.0" | "::" | "[::]") {
        return invalid(messages::INVALID_SERVICE_ADDRESS);
    }
    if let Some(text) = asked.weights.and_then(wrong_weights) {
        return invalid(text);
    }
    if let Some(complaint) = asked.meta.as_ref().and_then(metadata::complaint) {
        return Err(EdgeError::Invalid(messages::invalid_service_meta(&complaint)));
    }
    let mut mistakes = Vec::new();
    wrong_ports(asked, &mut mistakes);
    wrong_kind(asked, &mut mistakes);
    wrong_sidecar(asked, &mut mistakes);
    if mistakes.is_empty() {
        return Ok(());
    }
    Err(EdgeError::Invalid(messages::validation_failed(&mistakes)))
}

fn wrong_weights(weights: Weights) -> Option<&'static str> {
    if weights.passing < 1 {
        Some(messages::WEIGHTS_PASSING)
    } else if weights.warning < 0 {
        Some(messages::WEIGHTS_WARNING)
    } else if weights.passing > WEIGHT_MAX || weights.warning > WEIGHT_MAX {
        Some(messages::WEIGHTS_RANGE)
    } else {
        None
    }
}

fn wrong_ports(asked: &ServiceDefinition, mistakes: &mut Vec<String>) {
    let ports = asked.ports.as_deref().unwrap_or_default();
    if ports.is_empty() {
        return;
    }
    if asked.port != 0 {
        mistakes.push(messages::PORT_AND_PORTS.to_owned());
    }
    if let Some(mistake) = wrong_port(ports) {
        mistakes.push(mistake);
        return;
    }
    match ports.iter().filter(|port| port.default).count() {
        0 => mistakes.push(messages::PORTS_NEED_DEFAULT.to_owned()),
        1 => {}
        _ => mistakes.push(messages::PORTS_ONE_DEFAULT.to_owned()),
    }
}

fn wrong_port(ports: &[ServicePort]) -> Option<String> {
    let mut names = BTreeSet::new();
    ports.iter().find_map(|port| {
        if port.name.is_empty() {
            Some(messages::PORTS_NEED_NAME.to_owned())
        } else if port.port <= 0 {
            Some(messages::PORTS_NEED_PORT.to_owned())
        } else if !names.insert(port.name.as_str()) {
            Some(messages::port_name_not_unique(&port.name))
        } else {
            None
        }
    })
}

fn wrong_kind(asked: &ServiceDefinition, mistakes: &mut Vec<String>) {
    let kind = asked.kind.as_str();
    let has_port = asked.port != 0 || asked.ports.as_ref().is_some_and(|all| !all.is_empty());
    if GATEWAYS_WITH_PORT.contains(&kind) && !has_port {
        mistakes.push(messages::gateway_needs_port(kind));
    }
    if kind != CONNECT_PROXY {
        return;
    }
    let none = ConnectProxy::default();
    let proxy = asked.proxy.as_ref().unwrap_or(&none);
    match proxy.destination_service_name.as_str() {
        "" => mistakes.push(messages::PROXY_NEEDS_DESTINATION.to_owned()),
        "*" => mistakes.push(messages::PROXY_WILDCARD.to_owned()),
        _ => {}
    }
    if !has_port && asked.socket_path.is_empty() {
        mistakes.push(messages::PROXY_NEEDS_PORT.to_owned());
    }
    wrong_upstreams(proxy.upstreams.as_deref().unwrap_or_default(), mistakes);
}

fn wrong_upstreams(upstreams: &[Upstream], mistakes: &mut Vec<String>) {
    let mut names = BTreeSet::new();
    let mut places = BTreeSet::new();
    for upstream in upstreams {
        if upstream.destination_name.is_empty() {
            mistakes.push(messages::UPSTREAM_NEEDS_NAME.to_owned());
            continue;
        }
        let kind = match upstream.destination_type.as_str() {
            "" => "service",
            own => own,
        };
        let (peer, datacenter) = (&upstream.destination_peer, &upstream.datacenter);
        let name = &upstream.destination_name;
        if !names.insert((kind, name, peer, datacenter)) {
            mistakes.push(messages::upstream_twice(kind, name, peer, datacenter));
        }
        let place = if !upstream.local_bind_socket_path.is_empty() {
            upstream.local_bind_socket_path.clone()
        } else if upstream.local_bind_port == 0 {
            mistakes.push(messages::UPSTREAM_NEEDS_PORT.to_owned());
            continue;
        } else if upstream.local_bind_address.is_empty() {
            format!("127.0.0.1:{}", upstream.local_bind_port)
        } else {
            format!("{}:{}", upstream.local_bind_address, upstream.local_bind_port)
        };
        if !places.insert(place.clone()) {
            mistakes.push(messages::upstream_bind_twice(&place));
        }
    }
}

fn wrong_sidecar(asked: &ServiceDefinition, mistakes: &mut Vec<String>) {
    let sidecar = asked.connect.as_ref().and_then(|connect| connect.sidecar_service.as_deref());
    let Some(sidecar) = sidecar else { return };
    if !sidecar.id.is_empty() {
        mistakes.push(messages::SIDECAR_ID.to_owned());
    }
    if sidecar.connect.as_ref().is_some_and(|connect| connect.sidecar_service.is_some()) {
        mistakes.push(messages::SIDECAR_NESTED.to_owned());
    }
}
