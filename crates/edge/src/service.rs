//! A registered service: its definition, the row the catalog gets, and what readers see.
//! It neither validates nor syncs.
//! Source: consul-surface D.2; transcripts agent/service.txt, agent/registration.txt.

pub(crate) mod content_hash;
pub(crate) mod sidecar;
pub(crate) mod validate;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tribune_api::agent::{AgentService, ServiceDefinition};
use tribune_api::catalog::{Locality as AgentLocality, ServiceAddress, ServicePort, Weights};
use tribune_api::json::{Layout, to_json};
use tribune_api::proxy::{AgentProxy, ConnectProxy, ServiceConnect};
use tribune_state::Tags;
use tribune_state::catalog::{Address, Locality, NamedPort, ServiceRow, Weights as RowWeights};
use tribune_state::ids::{Index, ServiceId};

use crate::service::validate::has_proxy;
use crate::settings::Settings;

/// A registered service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// As it is kept on disk.
    pub kept: KeptService,
    /// As the catalog shall have it.
    pub row: ServiceRow,
    /// As readers see it.
    pub shown: Arc<AgentService>,
    /// True if a configuration file declares it, so that it is not kept on disk.
    pub is_declared: bool,
}

/// A service's definition without its checks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptService {
    pub definition: ServiceDefinition,
    /// The service that this is the sidecar of, if it was registered as one.
    pub sidecar_of: Option<ServiceId>,
}

impl Service {
    /// A service from its definition, whose id is filled in and which has been validated.
    pub fn new(kept: KeptService, settings: &Settings) -> Service {
        let definition = &kept.definition;
        let shown = AgentService {
            kind: definition.kind.clone(),
            id: definition.id.clone(),
            service: definition.name.clone(),
            tags: definition.tags.clone().unwrap_or_default(),
            meta: definition.meta.clone().unwrap_or_default(),
            port: port(definition),
            ports: definition.ports.clone().filter(|ports| !ports.is_empty()),
            address: definition.address.clone(),
            socket_path: definition.socket_path.clone(),
            tagged_addresses: tagged_addresses(definition),
            weights: definition.weights.unwrap_or(Weights::ONE),
            enable_tag_override: definition.enable_tag_override,
            proxy: proxy(definition).filter(|_| has_proxy(&definition.kind)).map(AgentProxy::from),
            connect: connect(definition),
            datacenter: settings.node.datacenter.clone(),
            locality: definition.locality.clone(),
            ..AgentService::default()
        };
        let row = row(definition, &shown, settings);
        Service { row, shown: Arc::new(shown), kept, is_declared: false }
    }

    /// Takes the catalog's tags, which win over ours where the definition says so.
    pub fn take_tags(&mut self, tags: Option<Tags>) {
        let list = tags.as_deref().map(<[String]>::to_vec);
        Arc::make_mut(&mut self.shown).tags = list.clone().unwrap_or_default();
        self.kept.definition.tags = list;
        self.row.tags = Some(tags.unwrap_or_default());
    }

    /// True if the catalog's row says what ours says. Addresses that the servers made count not,
    /// nor do tags where the catalog's win.
    pub fn is_told(&self, told: &ServiceRow) -> bool {
        let own_addresses = |row: &ServiceRow| -> BTreeMap<String, Address> {
            let all = row.tagged_addresses.clone().unwrap_or_default();
            all.into_iter().filter(|(tag, _)| !tag.starts_with(MADE_BY_SERVERS)).collect()
        };
        if own_addresses(&self.row) != own_addresses(told) {
            return false;
        }
        let mut wish = self.row.clone();
        wish.node = told.node.clone();
        wish.uuid = told.uuid;
        wish.create_index = told.create_index;
        wish.modify_index = told.modify_index;
        wish.tagged_addresses.clone_from(&told.tagged_addresses);
        if self.row.enable_tag_override {
            wish.tags.clone_from(&told.tags);
        }
        wish == *told
    }

    /// Host and port that this service's clients are given; none without a port.
    pub fn target(&self, settings: &Settings) -> Option<String> {
        let port = u16::try_from(self.shown.port).ok().filter(|port| *port != 0)?;
        let host = match self.shown.address.as_str() {
            "" => settings.node.address.as_str(),
            own => own,
        };
        Some(match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        })
    }
}

/// Tags of addresses that servers add, such as virtual ones. Source: consul-surface D.1.
const MADE_BY_SERVERS: &str = "consul-";

fn port(definition: &ServiceDefinition) -> i64 {
    let named = definition.ports.as_deref().unwrap_or_default();
    named.iter().find(|port| port.default).map_or(definition.port, |port| port.port)
}

/// The given addresses, and that of the service itself under the names clients look for.
fn tagged_addresses(definition: &ServiceDefinition) -> Option<BTreeMap<String, ServiceAddress>> {
    let mut all = definition.tagged_addresses.clone().unwrap_or_default();
    let tags = match definition.address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => ["lan_ipv4", "wan_ipv4"].as_slice(),
        Ok(IpAddr::V6(_)) => ["lan_ipv6", "wan_ipv6"].as_slice(),
        Err(_) => [].as_slice(),
    };
    for tag in tags {
        let own = ServiceAddress { address: definition.address.clone(), port: port(definition) };
        all.entry((*tag).to_owned()).or_insert(own);
    }
    (!all.is_empty()).then_some(all)
}

/// A proxy's settings with what their absence means filled in. A service of another kind has them
/// if it was given them: the catalog keeps them, and the agent does not show them.
fn proxy(definition: &ServiceDefinition) -> Option<ConnectProxy> {
    if definition.proxy.is_none() && !has_proxy(&definition.kind) {
        return None;
    }
    let mut proxy = definition.proxy.clone().unwrap_or_default();
    let mode = proxy.mesh_gateway.mode.clone();
    for upstream in proxy.upstreams.iter_mut().flatten() {
        if upstream.destination_type.is_empty() {
            upstream.destination_type = "service".to_owned();
        }
        if upstream.mesh_gateway.mode.is_empty() {
            upstream.mesh_gateway.mode.clone_from(&mode);
        }
    }
    Some(proxy)
}

fn connect(definition: &ServiceDefinition) -> Option<ServiceConnect> {
    let given = definition.connect.as_ref()?;
    given.native.then(|| ServiceConnect { sidecar_service: None, ..given.clone() })
}

fn locality(own: &AgentLocality) -> Box<Locality> {
    Box::new(Locality { region: own.region.clone(), zone: own.zone.clone() })
}

fn row(definition: &ServiceDefinition, shown: &AgentService, settings: &Settings) -> ServiceRow {
    let address = |(tag, own): (String, ServiceAddress)| {
        (tag, Address { address: own.address, port: own.port })
    };
    let named =
        |own: ServicePort| NamedPort { name: own.name, port: own.port, default: own.default };
    ServiceRow {
        node: settings.node.node.clone(),
        uuid: uuid::Uuid::nil(),
        kind: shown.kind.clone(),
        id: shown.id.as_str().into(),
        service: shown.service.as_str().into(),
        tags: Some(shown.tags.as_slice().into()),
        address: shown.address.clone(),
        tagged_addresses: shown
            .tagged_addresses
            .clone()
            .map(|all| all.into_iter().map(address).collect()),
        meta: definition.meta.clone().map(Into::into),
        port: shown.port,
        ports: shown.ports.clone().map(|all| all.into_iter().map(named).collect()),
        socket_path: shown.socket_path.clone(),
        weights: RowWeights { passing: shown.weights.passing, warning: shown.weights.warning },
        enable_tag_override: shown.enable_tag_override,
        locality: shown.locality.as_ref().map(locality),
        proxy: canonical(&proxy(definition).unwrap_or_default()),
        connect: canonical(&shown.connect.clone().unwrap_or_default()),
        proxy_destination: shown
            .proxy
            .as_ref()
            .map(|proxy| proxy.destination_service_name.as_str().into())
            .unwrap_or_default(),
        connect_native: shown.connect.as_ref().is_some_and(|connect| connect.native),
        create_index: Index::default(),
        modify_index: Index::default(),
    }
}

/// The text the state keeps of data it does not look into; the default is empty.
fn canonical<T: Default + PartialEq + Serialize>(value: &T) -> Arc<str> {
    if *value == T::default() {
        return Arc::from("");
    }
    String::from_utf8_lossy(&to_json(value, Layout::Compact)).into()
}
