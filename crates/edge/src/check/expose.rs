//! Checks by HTTP and gRPC that go through a listener of their service's proxy, as
//! `proxy.expose.checks` asks for: for services that no one else may reach, the agent neither.
//! Invariants: no two checks have the same port; a check keeps its port for as long as it has one.
//! Source: consul-surface C; Consul 1.22 documentation, `expose` of a proxy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tribune_state::catalog::KIND_PROXY;
use tribune_state::ids::{CheckId, ServiceId};

use crate::check::plan::Run;
use crate::check::probe::{GrpcProbe, HttpProbe, ProbeSpec};
use crate::effect::{Effect, Note};
use crate::register;
use crate::service::Service;
use crate::settings::Settings;
use crate::state::State;

/// Which proxies expose checks, and at which ports.
#[derive(Debug, Default)]
pub(crate) struct Exposes {
    /// The proxies: for which service, on which host.
    proxies: BTreeMap<ServiceId, (ServiceId, String)>,
    /// The port of each check that is exposed.
    ports: BTreeMap<CheckId, u16>,
    /// True if something has changed that may move a check.
    is_due: bool,
}

/// The listener that a check goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub host: String,
    pub port: u16,
}

impl Exposes {
    /// A service came, went or changed.
    pub fn service_changed(&mut self, id: &ServiceId, own: Option<&Service>, settings: &Settings) {
        let now = own.and_then(|own| exposes(own, settings));
        if self.proxies.get(id) != now.as_ref() {
            self.is_due = true;
            match now {
                Some(now) => self.proxies.insert(id.clone(), now),
                None => self.proxies.remove(id),
            };
        }
    }

    /// A check of a service came or went.
    pub fn check_moved(&mut self, service: &ServiceId) {
        self.is_due |= self.proxies.values().any(|(own, _)| own == service);
    }
}

/// Gives each check that is to be exposed its listener, and takes it from the others.
pub(crate) fn settle(state: &mut State) {
    if !std::mem::take(&mut state.exposes.is_due) {
        return;
    }
    let wanted = wanted(state);
    let ports = std::mem::take(&mut state.exposes.ports);
    let (mut kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
        ports.into_iter().partition(|(id, _)| wanted.contains_key(id));
    for id in gone.keys() {
        go_through(state, id, None);
    }
    let mut used: BTreeSet<u16> = kept.values().copied().collect();
    for (id, host) in wanted {
        let own = kept.get(&id).copied();
        let free = || state.settings.proxy_ports.expose.clone().find(|port| !used.contains(port));
        let Some(port) = own.or_else(free) else {
            state.effects.push(Effect::Note(Note::NotExposed { check: id.clone() }));
            go_through(state, &id, None);
            continue;
        };
        used.insert(port);
        kept.insert(id.clone(), port);
        go_through(state, &id, Some(Listener { host, port }));
    }
    state.exposes.ports = kept;
}

/// For which service a proxy exposes checks, and on which host.
fn exposes(own: &Service, settings: &Settings) -> Option<(ServiceId, String)> {
    let proxy = own.shown.proxy.as_ref().filter(|proxy| proxy.expose.checks)?;
    let of = proxy.destination_service_id.as_str();
    if own.shown.kind != KIND_PROXY || of.is_empty() {
        return None;
    }
    let host = match own.shown.address.as_str() {
        "" => settings.node.address.clone(),
        own => own.to_owned(),
    };
    Some((of.into(), host))
}

/// The checks to expose, each with the host of its listener.
fn wanted(state: &State) -> BTreeMap<CheckId, String> {
    let mut wanted = BTreeMap::new();
    for (service, host) in state.exposes.proxies.values() {
        let checks = state.checks_of(service).into_iter();
        for id in checks.filter(|id| state.checks.get(id).is_some_and(|c| can_be(&c.plan.run))) {
            wanted.entry(id).or_insert_with(|| host.clone());
        }
    }
    wanted
}

fn can_be(run: &Run) -> bool {
    let Run::Probe(probe) = run else { return false };
    matches!(*probe.spec, ProbeSpec::Http(_) | ProbeSpec::Grpc(_))
}

fn go_through(state: &mut State, id: &CheckId, listener: Option<Listener>) {
    let Some(check) = state.checks.get_mut(id) else { return };
    if check.listener == listener {
        return;
    }
    check.listener = listener;
    let service = state.services.get(&check.kept.service);
    check.show(service, &state.settings);
    state.check_changed(id);
    register::begin_elsewhere(state, id);
}

/// What to try so that it goes through the listener.
pub(crate) fn through(spec: &Arc<ProbeSpec>, listener: Option<&Listener>) -> Arc<ProbeSpec> {
    let Some(Listener { host, port }) = listener else { return spec.clone() };
    let place = match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    match spec.as_ref() {
        ProbeSpec::Http(own) => {
            Arc::new(ProbeSpec::Http(HttpProbe { url: at(&own.url, &place), ..own.clone() }))
        }
        ProbeSpec::Grpc(own) => {
            Arc::new(ProbeSpec::Grpc(GrpcProbe { address: place, ..own.clone() }))
        }
        _ => spec.clone(),
    }
}

/// A URL at another host and port.
fn at(url: &str, place: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let path = rest.find(['/', '?', '#']).and_then(|from| rest.get(from..)).unwrap_or_default();
    format!("{scheme}://{place}{path}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::at;

    #[test]
    fn only_the_host_of_a_url_is_replaced() {
        for (url, expected) in [
            ("http://127.0.0.1:8080/health?a=b", "http://h:1/health?a=b"),
            ("https://[::1]:8080", "https://h:1"),
            ("http://x?y=http://z/", "http://h:1?y=http://z/"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(at(url, "h:1"), expected);
        }
    }

    proptest! {
        #[test]
        fn no_url_makes_it_panic(url in "\\PC*") {
            let _ = at(&url, "h:1");
        }
    }
}
