//! `/v1/internal/ui/`: what pages for people ask. Sums over the catalog; nothing here is stored.
//! Invariant: what belongs to gateways, peers or the mesh is empty as long as there are none, and
//! says so with 501 where it would not be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use tokio::time::Instant;
use tribune_api::internal as wire;
use tribune_api::messages;
use tribune_state::catalog::{
    Catalog, CatalogBody, CatalogQuery, CatalogTables, CheckRow, CheckStatus, Instance, KIND_PROXY,
    ServiceRow,
};
use tribune_state::filter::{INSTANCE, NODE_INFO, NodeInfo};
use tribune_state::{Body, NodeName, Query, ServiceName, View, Visible};

use super::catalog::Read;
use super::catalog::narrow::Takes;
use super::convert::{self, Empty};
use super::error::HttpError;
use super::meta::Meta;
use super::options::{self, Options};
use super::wire::reply::Reply;
use super::{Api, Call};

const NODES: Takes = Takes { filter: &NODE_INFO, node_meta: false, near: false };
const INSTANCES: Takes = Takes { filter: &INSTANCE, node_meta: false, near: false };

const VIEW: usize = 0;
/// How one node shows the answer that a list of nodes shows otherwise.
const ONE_VIEW: usize = 1;

pub async fn nodes(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let read = Read::begin(&api, &call, Catalog::NodeInfos, NODES)?.saying_no_mode();
    read.one(VIEW, |body| infos(body).iter().map(info).collect::<Vec<_>>()).await
}

pub async fn node(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let name = NodeName::from(call.rest_or(messages::MISSING_NODE_NAME)?);
    if api.cluster.view().catalog().node(&name).is_none() && call.params.get("index").is_empty() {
        options::own_datacenter(&call.params, &api.config)?;
        return Ok(Reply::status(StatusCode::NOT_FOUND));
    }
    let read = Read::begin(&api, &call, Catalog::NodeInfo(name), NODES)?.saying_no_mode();
    read.one(ONE_VIEW, |body| infos(body).first().map(info)).await
}

fn infos(body: &Body) -> &[NodeInfo] {
    match body {
        Body::Catalog(CatalogBody::NodeInfos(found)) => found,
        _ => &[],
    }
}

fn info(own: &NodeInfo) -> wire::NodeInfo {
    let node = convert::node(&own.node);
    wire::NodeInfo {
        id: node.id,
        node: node.node,
        peer_name: node.peer_name,
        address: node.address,
        tagged_addresses: node.tagged_addresses,
        meta: node.meta,
        services: own.services.iter().map(|row| convert::service(row, Empty::AsSent)).collect(),
        checks: own.checks.iter().map(|row| convert::check(row, Empty::AsSent)).collect(),
    }
}

pub async fn services(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let read = Read::begin(&api, &call, Catalog::Dump, INSTANCES)?.saying_no_mode();
    let datacenter = api.config.datacenter.clone();
    read.one(VIEW, |body| match body {
        Body::Catalog(CatalogBody::Instances(found)) => summaries(found.as_slice(), &datacenter),
        _ => Vec::new(),
    })
    .await
}

/// What is summed up of one service.
#[derive(Default)]
struct Sum<'a> {
    summary: wire::ServiceSummary,
    tags: BTreeSet<&'a str>,
    sources: BTreeSet<&'a str>,
    nodes: BTreeSet<&'a str>,
    checks: BTreeMap<(&'a str, &'a str), &'a CheckStatus>,
}

/// Where an instance's metadata says which system registered it.
const EXTERNAL_SOURCE: &str = "external-source";

const MODE_TRANSPARENT: &str = "transparent";

/// A summary of each service, by name. The checks of a service's proxies count for it too.
///
/// Source: transcripts/internal/ui.txt.
fn summaries(found: &[Instance], datacenter: &str) -> Vec<wire::ServiceSummary> {
    let mut sums: BTreeMap<&str, Sum<'_>> = BTreeMap::new();
    for own in found {
        let sum = sums.entry(own.service.service.as_str()).or_default();
        sum.add(own);
    }
    for own in found.iter().filter(|own| own.service.kind == KIND_PROXY) {
        if let Some(sum) = sums.get_mut(own.service.proxy_destination.as_str()) {
            sum.summary.connected_with_proxy = true;
            sum.summary.transparent_proxy |= is_transparent(&own.service);
            sum.add_checks(own);
        }
    }
    sums.into_iter().map(|(name, sum)| sum.finish(name, datacenter)).collect()
}

impl<'a> Sum<'a> {
    fn add(&mut self, own: &'a Instance) {
        let service = &own.service;
        service.kind.clone_into(&mut self.summary.kind);
        self.summary.instance_count += 1;
        self.summary.connect_native |= service.connect_native;
        self.summary.transparent_proxy |= is_transparent(service);
        self.tags.extend(service.tags.as_deref().unwrap_or_default().iter().map(String::as_str));
        let source = service.meta.as_ref().and_then(|meta| meta.get(EXTERNAL_SOURCE));
        self.sources.extend(source);
        self.nodes.insert(own.node.node.as_str());
        self.add_checks(own);
    }

    fn add_checks(&mut self, own: &'a Instance) {
        for row in &own.checks {
            self.checks.insert((row.node.as_str(), row.id.as_str()), &row.status);
        }
    }

    fn finish(self, name: &str, datacenter: &str) -> wire::ServiceSummary {
        let texts = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let count =
            |wanted: &CheckStatus| self.checks.values().filter(|status| **status == wanted).count();
        wire::ServiceSummary {
            name: name.to_owned(),
            datacenter: datacenter.to_owned(),
            checks_passing: count(&CheckStatus::Passing),
            checks_warning: count(&CheckStatus::Warning),
            checks_critical: count(&CheckStatus::Critical),
            tags: some(texts(self.tags)),
            external_sources: some(texts(self.sources)),
            nodes: texts(self.nodes),
            ..self.summary
        }
    }
}

fn is_transparent(service: &ServiceRow) -> bool {
    convert::proxy(service).mode == MODE_TRANSPARENT
}

/// The numbers of the whole catalog, summed up once a period.
#[derive(Debug)]
pub struct Overview {
    inner: Mutex<(Instant, wire::CatalogOverview)>,
}

/// How often the catalog is summed up. Consul does it first after one period, and so do we.
const OVERVIEW_PERIOD: Duration = Duration::from_secs(60);

impl Default for Overview {
    fn default() -> Overview {
        Overview { inner: Mutex::new((Instant::now(), wire::CatalogOverview::default())) }
    }
}

impl Overview {
    fn at(&self, now: Instant, view: &View) -> wire::CatalogOverview {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(inner.0) >= OVERVIEW_PERIOD {
            *inner = (now, overview(view));
        }
        inner.1.clone()
    }
}

pub async fn catalog_overview(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::own_datacenter(&call.params, &api.config)?;
    let overview = api.overview.at(Instant::now(), &api.cluster.view());
    Ok(Reply::json(&overview, api.layout(&call.params)))
}

fn overview(view: &View) -> wire::CatalogOverview {
    let catalog: &CatalogTables = view.catalog();
    let mut nodes = wire::HealthSummary::default();
    let mut checks = wire::HealthSummary::default();
    for node in catalog.all_nodes() {
        count(&mut nodes, worst(catalog.checks_on(&node.node).map(|row| &**row)));
        for row in catalog.checks_on(&node.node) {
            count(&mut checks, &row.status);
        }
    }
    let query = Query::Catalog(CatalogQuery::from(Catalog::Dump));
    let mut services: BTreeMap<String, wire::HealthSummary> = BTreeMap::new();
    if let Body::Catalog(CatalogBody::Instances(found)) = view.answer(&query, &Visible::All).body {
        for own in &found {
            let name = own.service.service.to_string();
            let sum = services.entry(name.clone()).or_default();
            sum.name = name;
            count(sum, worst(own.checks.iter().map(|row| &**row)));
        }
    }
    wire::CatalogOverview {
        nodes: Some(vec![nodes]),
        services: Some(services.into_values().collect()),
        checks: Some(vec![checks]),
    }
}

fn worst<'a>(checks: impl Iterator<Item = &'a CheckRow>) -> &'a CheckStatus {
    let badness = |status: &CheckStatus| match status {
        CheckStatus::Passing => 0,
        CheckStatus::Warning => 1,
        CheckStatus::Critical | CheckStatus::Other(_) => 2,
    };
    let worst = checks.map(|row| &row.status).max_by_key(|status| badness(status));
    worst.unwrap_or(&CheckStatus::Passing)
}

fn count(sum: &mut wire::HealthSummary, status: &CheckStatus) {
    sum.total += 1;
    match status {
        CheckStatus::Passing => sum.passing += 1,
        CheckStatus::Warning => sum.warning += 1,
        CheckStatus::Critical | CheckStatus::Other(_) => sum.critical += 1,
    }
}

/// What a peer exports to us: there are no peers.
pub async fn exported_services(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    if call.params.get("peer").is_empty() {
        let error = HttpError::internal(messages::MUST_PROVIDE_PEER);
        return Err(HttpError::WithMeta(Meta::unread(), Box::new(error)));
    }
    nothing(&api, &call).await
}

/// What a gateway serves: there are no gateways.
pub async fn of_gateway(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    call.rest_or(messages::MISSING_GATEWAY_NAME)?;
    nothing(&api, &call).await
}

async fn nothing(api: &Api, call: &Call) -> Result<Reply, HttpError> {
    let read = Read::begin(api, call, Catalog::Nothing, INSTANCES)?.saying_no_mode();
    read.one(VIEW, |_| Vec::<wire::ServiceSummary>::new()).await
}

/// The kinds of service whose neighbours are shown.
const TOPOLOGY_KINDS: [&str; 3] = ["", "typical", "ingress-gateway"];

/// Who speaks to a service. Without the mesh nobody does, unless proxies name each other.
pub async fn service_topology(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let name = ServiceName::from(call.rest_or(messages::MISSING_SERVICE_NAME)?);
    let kind = call.params.find("kind");
    let kind = kind.ok_or_else(|| HttpError::bad(messages::MISSING_SERVICE_KIND))?;
    if !TOPOLOGY_KINDS.contains(&kind) {
        return Err(HttpError::BadRequest(messages::unsupported_service_kind(kind)));
    }
    let options = Options::parse(&call, &api.config)?;
    let query = Query::Catalog(Catalog::Dump.into());
    let shared = api.ask(query, &options).await?;
    let found = match &shared.answer().body {
        Body::Catalog(CatalogBody::Instances(found)) => found.as_slice(),
        _ => &[],
    };
    if found.iter().any(|own| names_neighbour(&own.service, &name)) {
        return Err(HttpError::NotYet("the topology of services whose proxies have upstreams"));
    }
    let topology =
        wire::ServiceTopology { protocol: PROTOCOL_DEFAULT.to_owned(), ..Default::default() };
    let reply = Reply::json(&topology, api.layout(&call.params));
    Ok(api.meta(&shared, &options).put(reply))
}

/// What a service speaks that nothing was said about.
const PROTOCOL_DEFAULT: &str = "tcp";

/// True if a proxy makes two services neighbours, one of which is this one.
fn names_neighbour(service: &ServiceRow, name: &ServiceName) -> bool {
    if service.kind != KIND_PROXY {
        return false;
    }
    let upstreams = convert::proxy(service).upstreams.unwrap_or_default();
    let own = service.proxy_destination.folded() == name.folded();
    let theirs = upstreams.iter().any(|upstream| upstream.destination_name == name.as_str());
    theirs || (own && !upstreams.is_empty())
}

pub async fn metrics_proxy(_api: Arc<Api>, _call: Call) -> Result<Reply, HttpError> {
    Err(HttpError::NotFound(messages::METRICS_PROXY_DISABLED.to_owned()))
}
