//! `Connect.SidecarService`: one registration that stands for two services.
//! Source: consul-surface D.2; transcripts/agent/registration.txt.

use std::collections::BTreeSet;

use tribune_api::agent::{CheckDefinition, ServiceDefinition};
use tribune_api::duration::GoDuration;
use tribune_api::messages;
use tribune_state::ids::ServiceId;

use crate::error::EdgeError;
use crate::service::KeptService;
use crate::service::validate::{self, CONNECT_PROXY};
use crate::state::State;

const SUFFIX: &str = "-sidecar-proxy";
const LOOPBACK: &str = "127.0.0.1";
/// Between two looks at whether a sidecar listens.
const LISTENING_INTERVAL: GoDuration = GoDuration::from_secs(10);

/// The id of the sidecar of a service.
pub(crate) fn id_of(service: &ServiceId) -> ServiceId {
    format!("{service}{SUFFIX}").into()
}

/// The service and its sidecar, if it asks for one, each with its checks. A port that the sidecar
/// is given is none of `ports_taken`.
pub(crate) fn expand(
    state: &State,
    mut asked: ServiceDefinition,
    ports_taken: &BTreeSet<i64>,
) -> Result<Vec<(KeptService, Vec<CheckDefinition>)>, EdgeError> {
    if asked.id.is_empty() {
        asked.id.clone_from(&asked.name);
    }
    let wished = asked.connect.as_mut().and_then(|connect| connect.sidecar_service.take());
    let sidecar = wished.map(|wished| fill_in(state, &asked, *wished, ports_taken)).transpose()?;
    let of = ServiceId::from(asked.id.as_str());
    let mut all = vec![split(asked, None)];
    if let Some(sidecar) = sidecar {
        validate::service(&sidecar)?;
        all.push(split(sidecar, Some(of)));
    }
    Ok(all)
}

/// A definition apart from its checks.
fn split(
    mut definition: ServiceDefinition,
    sidecar_of: Option<ServiceId>,
) -> (KeptService, Vec<CheckDefinition>) {
    let first = definition.check.take();
    let others = definition.checks.take().unwrap_or_default();
    let checks = first.into_iter().chain(others).collect();
    (KeptService { definition, sidecar_of }, checks)
}

fn fill_in(
    state: &State,
    of: &ServiceDefinition,
    mut sidecar: ServiceDefinition,
    ports_taken: &BTreeSet<i64>,
) -> Result<ServiceDefinition, EdgeError> {
    sidecar.id = format!("{}{SUFFIX}", of.id);
    if sidecar.name.is_empty() {
        sidecar.name = format!("{}{SUFFIX}", of.name);
    }
    if sidecar.kind.is_empty() {
        sidecar.kind = CONNECT_PROXY.to_owned();
    }
    sidecar.tags = sidecar.tags.or_else(|| of.tags.clone());
    sidecar.meta = sidecar.meta.or_else(|| of.meta.clone());
    sidecar.locality = sidecar.locality.or_else(|| of.locality.clone());
    if sidecar.address.is_empty() {
        sidecar.address.clone_from(&of.address);
    }
    let mut proxy = sidecar.proxy.take().unwrap_or_default();
    if proxy.destination_service_name.is_empty() {
        proxy.destination_service_name.clone_from(&of.name);
    }
    if proxy.destination_service_id.is_empty() {
        proxy.destination_service_id.clone_from(&of.id);
    }
    if proxy.local_service_address.is_empty() && proxy.local_service_socket_path.is_empty() {
        proxy.local_service_address = LOOPBACK.to_owned();
        if proxy.local_service_port < 1 {
            proxy.local_service_port = of.port;
        }
    }
    sidecar.proxy = Some(proxy);
    if sidecar.port < 1 && sidecar.socket_path.is_empty() {
        sidecar.port = free_port(state, &sidecar.id, ports_taken)?;
    }
    let has_checks = sidecar.check.is_some() || sidecar.checks.is_some();
    if !has_checks && sidecar.port > 0 {
        sidecar.checks = Some(default_checks(of, &sidecar));
    }
    Ok(sidecar)
}

/// The port it has already, else the first one that no service here has. A range from zero
/// gives none.
fn free_port(state: &State, id: &str, taken: &BTreeSet<i64>) -> Result<i64, EdgeError> {
    let range = state.settings.proxy_ports.sidecar.clone();
    let known = state.services.get(id).map(|own| own.shown.port);
    let is_free = |port: &i64| {
        !taken.contains(port) && state.services.values().all(|own| own.shown.port != *port)
    };
    let is_in_range = |port: &i64| u16::try_from(*port).is_ok_and(|port| range.contains(&port));
    let kept = known.filter(is_in_range).filter(|port| !taken.contains(port));
    let is_on = *range.start() != 0;
    kept.or_else(|| range.clone().map(i64::from).find(is_free))
        .filter(|_| is_on)
        .ok_or_else(|| EdgeError::Refused(messages::SIDECAR_PORTS_USED.to_owned()))
}

fn default_checks(of: &ServiceDefinition, sidecar: &ServiceDefinition) -> Vec<CheckDefinition> {
    let host = if sidecar.address.is_empty() { LOOPBACK } else { sidecar.address.as_str() };
    vec![
        CheckDefinition {
            name: messages::SIDECAR_CHECK_LISTENING.to_owned(),
            tcp: format!("{host}:{}", sidecar.port),
            interval: LISTENING_INTERVAL,
            ..CheckDefinition::default()
        },
        CheckDefinition {
            name: messages::sidecar_check_alias(&of.id),
            alias_service: of.id.clone(),
            ..CheckDefinition::default()
        },
    ]
}
