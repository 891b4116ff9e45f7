//! Rules about single values and definitions that more than one part of the configuration needs.
//! It judges and builds nothing. Texts are Consul's where a recording shows them.
//! Source: transcripts/config/validate.txt, transcripts/agent/check.txt, transcripts/cli/watch.txt.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use tribune_api::{duration, messages, metadata};
use tribune_client::plan::Watching;

use super::error::ConfigErrors;

/// What is wrong with a key of gossip, if anything.
pub fn encrypt_complaint(text: &str) -> Option<String> {
    use base64::Engine;
    match base64::engine::general_purpose::STANDARD.decode(text) {
        Ok(key) if matches!(key.len(), 16 | 24 | 32) => None,
        Ok(_) => Some("key size must be 16, 24 or 32 bytes".to_owned()),
        Err(_) => Some(format!("illegal base64 data at input byte {}", bad_base64_at(text))),
    }
}

/// Where Go's decoder stops: at the first foreign byte, or at the group that is not whole.
fn bad_base64_at(text: &str) -> usize {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let digits = text.bytes().take_while(|byte| is_digit(*byte)).count();
    if digits < text.len() { digits } else { digits / 4 * 4 }
}

/// The checks of files; a service's name stands before the complaints about its checks.
pub fn check_definitions(services: &[Json], checks: &[Json], errors: &mut ConfigErrors) {
    for (at, service) in services.iter().enumerate() {
        let name = service.get("Name").and_then(Json::as_str).unwrap_or("");
        if name.is_empty() {
            errors.rule(format!("services[{at}]: Missing service name"));
        }
        let has_port = service.get("Port").and_then(Json::as_i64).is_some_and(|port| port > 0);
        let single = service.get("Check").into_iter();
        let listed = service.get("Checks").and_then(Json::as_array).into_iter().flatten();
        for check in single.chain(listed) {
            if let Some(complaint) = check_complaint(check, has_port) {
                errors.rule(format!("service {name:?}: {}", named(check, &complaint)));
            }
        }
        if let Some(complaint) = meta_complaint(service) {
            let text = messages::invalid_service_meta(&complaint);
            errors.rule(format!("service {name:?}: {text}"));
        }
    }
    for check in checks {
        if let Some(complaint) = check_complaint(check, false) {
            errors.rule(named(check, &complaint));
        }
    }
}

fn named(check: &Json, complaint: &str) -> String {
    let text = |key: &str| check.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    match text("Name").or(text("ID")).or(text("CheckID")) {
        Some(name) => format!("check {name:?}: {complaint}"),
        None => format!("check: {complaint}"),
    }
}

fn meta_complaint(service: &Json) -> Option<String> {
    let meta = service.get("Meta").and_then(Json::as_object)?;
    let pair = |(key, value): (&String, &Json)| Some((key.clone(), value.as_str()?.to_owned()));
    metadata::complaint(&meta.iter().filter_map(pair).collect())
}

/// What is wrong with a check, if anything. With an interval but nothing to probe, a check of a
/// service that has a port probes that port.
fn check_complaint(check: &Json, service_has_port: bool) -> Option<String> {
    let spans = ["Interval", "TTL", "Timeout", "DeregisterCriticalServiceAfter"];
    let mut nanos = BTreeMap::new();
    for key in spans {
        let text = check.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
        match text.map(duration::parse) {
            None => {}
            Some(Ok(span)) => {
                nanos.insert(key, span);
            }
            Some(Err(error)) => return Some(format!("{key}: {error}")),
        }
    }
    let positive = |key: &str| nanos.get(key).is_some_and(|span| *span > 0);
    let is_set = |key: &&str| match check.get(*key) {
        Some(Json::String(text)) => !text.is_empty(),
        Some(Json::Array(items)) => !items.is_empty(),
        _ => false,
    };
    let probes = PROBES.iter().any(is_set);
    let alias = is_set(&"AliasNode") || is_set(&"AliasService");
    if positive("Interval") && positive("TTL") {
        return Some("Interval and TTL cannot both be specified".to_owned());
    }
    if probes && !positive("Interval") {
        return Some(
            "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks"
                .to_owned(),
        );
    }
    if alias && positive("Interval") {
        return Some("Interval cannot be set for Alias checks".to_owned());
    }
    if alias && positive("TTL") {
        return Some("TTL must be not be set for Alias checks".to_owned());
    }
    let probes_port = service_has_port && positive("Interval");
    if !probes && !alias && !probes_port && !positive("TTL") {
        return Some("TTL must be > 0 for TTL checks".to_owned());
    }
    let negative = check.get("OutputMaxSize").and_then(Json::as_i64).is_some_and(|size| size < 0);
    negative.then(|| "MaxOutputMaxSize must be positive".to_owned())
}

/// What makes a check one that runs by itself.
const PROBES: &[&str] =
    &["Args", "HTTP", "TCP", "UDP", "GRPC", "H2PING", "OSService", "DockerContainerID"];

/// Watches as they will be carried out: what cannot be is refused here.
pub fn check_watches(watches: &[Json], errors: &mut ConfigErrors) {
    for (at, watch) in watches.iter().enumerate() {
        if let Err(complaint) = Watching::parse(watch) {
            errors.rule(format!("watches[{at}]: {complaint}"));
        }
    }
}

pub fn check_config_entries(entries: &[Json], errors: &mut ConfigErrors) {
    for (at, entry) in entries.iter().enumerate() {
        match lower_keys(entry).get("kind").and_then(Json::as_str) {
            Some(kind) if ENTRY_KINDS.contains(&kind) => {}
            Some(kind) => errors
                .rule(format!("config_entries.bootstrap[{at}]: invalid config entry kind: {kind}")),
            None => errors.rule(format!(
                "config_entries.bootstrap[{at}]: Payload does not contain a kind/Kind key at the \
                 top level"
            )),
        }
    }
}

fn lower_keys(object: &Json) -> Map<String, Json> {
    let members = object.as_object().into_iter().flatten();
    members.map(|(key, value)| (key.to_lowercase(), value.clone())).collect()
}

/// The kinds of configuration entries, as Consul names them.
pub const ENTRY_KINDS: &[&str] = &[
    "api-gateway",
    "bound-api-gateway",
    "control-plane-request-limit",
    "exported-services",
    "file-system-certificate",
    "http-route",
    "ingress-gateway",
    "inline-certificate",
    "jwt-provider",
    "mesh",
    "proxy-defaults",
    "sameness-group",
    "service-defaults",
    "service-intentions",
    "service-resolver",
    "service-router",
    "service-splitter",
    "tcp-route",
    "terminating-gateway",
];
