//! `/v1/catalog/`: nodes and services as registered; what health shares with it is here too.
//! Invariant: a read says how consistent it was, and whether a cache would have held it.

pub mod cached;
pub mod fragments;
pub mod narrow;
mod register;

use std::collections::BTreeMap;
use std::sync::Arc;

use tribune_api::catalog::{NodeServiceList, NodeServices};
use tribune_api::messages;
use tribune_node::shared::SharedAnswer;
use tribune_state::catalog::{
    Catalog, CatalogBody, CatalogQuery, NodeRow, ServiceRead, ServiceRow,
};
use tribune_state::filter::{NODE, NODE_SERVICE, SERVICE_NODE};
use tribune_state::{Body, NodeName, Query, ServiceName};

use self::cached::{Cached, Kind};
use self::fragments::Piece;
use self::narrow::Takes;
use super::convert::{self, Empty};
use super::error::HttpError;
use super::meta::Meta;
use super::options::{self, CacheControl, Options};
use super::wire::reply::Reply;
use super::{Api, Call};

pub use self::register::{deregister, register};

/// How the catalog shows the answer to a query that health or a list shows otherwise.
const CATALOG_VIEW: usize = 0;
const LIST_VIEW: usize = 1;

/// What a reader of the catalog may wait for beside what it asked.
const NODES: Takes = Takes { filter: &NODE, node_meta: true, near: true };
const SERVICES: Takes = Takes { filter: &SERVICE_NODE, node_meta: true, near: false };
const INSTANCES: Takes = Takes { filter: &SERVICE_NODE, node_meta: true, near: true };
const OF_NODE: Takes = Takes { filter: &NODE_SERVICE, node_meta: false, near: false };

/// This one, until there is a way to others.
pub async fn datacenters(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let control = options::cache_control(&call, &api.config)?;
    let cached = api.cached.note(&"datacenters", Kind::Simple, control);
    let reply = Reply::json(&[&api.config.datacenter], api.layout(&call.params));
    Ok(cached.put(reply))
}

pub async fn nodes(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let read = Read::begin(&api, &call, Catalog::Nodes, NODES)?;
    read.list(CATALOG_VIEW, |body| match body {
        CatalogBody::Nodes(rows) => rows.iter().cloned().map(Piece::Node).collect(),
        _ => Vec::new(),
    })
    .await
}

pub async fn services(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let read = Read::begin(&api, &call, Catalog::Services, SERVICES)?.following();
    let render = |body: &Body| -> BTreeMap<String, Vec<String>> {
        match body {
            Body::Catalog(CatalogBody::Services(found)) => {
                found.iter().map(|(name, tags)| (name.to_string(), tags.clone())).collect()
            }
            _ => BTreeMap::new(),
        }
    };
    read.one(CATALOG_VIEW, render).await
}

pub async fn service(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    instances(&api, &call, false).await
}

/// The endpoints of a service in the mesh.
pub async fn connect(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    instances(&api, &call, true).await
}

async fn instances(api: &Arc<Api>, call: &Call, connect: bool) -> Result<Reply, HttpError> {
    let what = Catalog::Service(service_read(call, connect)?);
    let read = Read::begin(api, call, what, INSTANCES)?.following();
    read.list(CATALOG_VIEW, |body| match body {
        CatalogBody::Instances(found) => found.iter().cloned().map(Piece::Service).collect(),
        _ => Vec::new(),
    })
    .await
}

/// The instances that a path and its tags name.
///
/// # Errors
/// 400 without a name.
pub fn service_read(call: &Call, connect: bool) -> Result<ServiceRead, HttpError> {
    let service = call.rest_or(messages::MISSING_SERVICE_NAME)?;
    let tags = call.params.all("tag").map(str::to_owned);
    Ok(ServiceRead {
        service: ServiceName::from(service),
        tags: tags.collect(),
        passing: false,
        connect,
    })
}

pub async fn node(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let read = Read::begin(&api, &call, Catalog::Node(node_name(&call)?), OF_NODE)?;
    let render = |body: &Body| -> Option<NodeServices> {
        let (node, services) = node_of(body)?;
        let by_id =
            |row: &Arc<ServiceRow>| (row.id.to_string(), convert::service(row, Empty::TagsListed));
        Some(NodeServices {
            node: Some(convert::node(node)),
            services: Some(services.iter().map(by_id).collect()),
        })
    };
    read.one(CATALOG_VIEW, render).await
}

pub async fn node_services(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let read = Read::begin(&api, &call, Catalog::Node(node_name(&call)?), OF_NODE)?;
    let render = |body: &Body| -> NodeServiceList {
        let Some((node, services)) = node_of(body) else { return NodeServiceList::default() };
        let listed = services.iter().map(|row| convert::service(row, Empty::TagsListed));
        NodeServiceList { node: Some(convert::node(node)), services: Some(listed.collect()) }
    };
    read.one(LIST_VIEW, render).await
}

/// What a gateway serves: there are no gateways. It has no filter, as Consul's has none.
///
/// Source: consul-surface A.3; the headers of transcripts/config_entry/l7.txt.
pub async fn gateway_services(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    call.rest_or(messages::MISSING_GATEWAY_NAME)?;
    let options = Options { filter: None, ..Options::parse(&call, &api.config)? };
    let read = Read::of(&api, &call, options, Catalog::Nothing, SERVICES)?;
    read.list(CATALOG_VIEW, |_| Vec::new()).await
}

fn node_name(call: &Call) -> Result<NodeName, HttpError> {
    Ok(NodeName::from(call.rest_or(messages::MISSING_NODE_NAME)?))
}

fn node_of(body: &Body) -> Option<(&NodeRow, &[Arc<ServiceRow>])> {
    match body {
        Body::Catalog(CatalogBody::Node(Some((node, services)))) => Some((node, services)),
        _ => None,
    }
}

/// One read of the catalog or of health, from its parameters to its reply.
pub struct Read<'a> {
    api: &'a Api,
    call: &'a Call,
    pub options: Options,
    pub query: CatalogQuery,
    /// Set if an agent would answer it from a view that it keeps.
    pub streamed: bool,
    cached: Cached,
    /// Whether its headers say how consistent it was.
    says_mode: bool,
    takes: Takes,
}

impl<'a> Read<'a> {
    /// Reads the parameters of a call.
    ///
    /// # Errors
    /// 400 for a mistake in them; 500 with the headers of a read for one in the filter.
    pub fn begin(
        api: &'a Api,
        call: &'a Call,
        what: Catalog,
        takes: Takes,
    ) -> Result<Read<'a>, HttpError> {
        Read::of(api, call, Options::parse(call, &api.config)?, what, takes)
    }

    fn of(
        api: &'a Api,
        call: &'a Call,
        options: Options,
        what: Catalog,
        takes: Takes,
    ) -> Result<Read<'a>, HttpError> {
        let query = narrow::query(api, call, &options, what, takes)
            .map_err(|error| with_meta(&options, error))?;
        let (streamed, cached) = (false, Cached::No);
        Ok(Read { api, call, options, query, streamed, cached, says_mode: true, takes })
    }

    /// The same of an endpoint whose answers an agent's cache would keep and follow.
    #[must_use]
    pub fn following(mut self) -> Read<'a> {
        let control = self.options.cached.then(CacheControl::default);
        let read = (self.takes.filter.name, &self.query);
        self.cached = self.api.cached.note(&read, Kind::Following, control);
        self
    }

    /// The same of an endpoint that does not say how consistent its answer was.
    #[must_use]
    pub fn saying_no_mode(mut self) -> Read<'a> {
        self.says_mode = false;
        self
    }

    /// The answer as a list of rows.
    pub async fn list(
        self,
        view: usize,
        pieces: impl FnOnce(&CatalogBody) -> Vec<Piece>,
    ) -> Result<Reply, HttpError> {
        let (api, layout) = (self.api, self.api.layout(&self.call.params));
        let shared = self.ask().await?;
        let reply = api.encode_with(&shared, view, layout, |body| match body {
            Body::Catalog(body) => api.fragments.list(pieces(body).into_iter(), layout),
            _ => api.fragments.list(std::iter::empty(), layout),
        });
        Ok(self.finish(&shared, reply))
    }

    /// The answer as one value.
    pub async fn one<T: serde::Serialize>(
        self,
        view: usize,
        render: impl FnOnce(&Body) -> T,
    ) -> Result<Reply, HttpError> {
        let shared = self.ask().await?;
        let layout = self.api.layout(&self.call.params);
        let reply = self.api.encode(&shared, view, layout, render);
        Ok(self.finish(&shared, reply))
    }

    async fn ask(&self) -> Result<Arc<SharedAnswer>, HttpError> {
        self.api.ask(Query::Catalog(self.query.clone()), &self.options).await
    }

    fn finish(&self, shared: &SharedAnswer, reply: Reply) -> Reply {
        let meta = self.api.meta(shared, &self.options);
        let mode = self.options.consistency;
        let meta = if self.says_mode { meta.effective(mode) } else { meta };
        let meta = if self.streamed { meta.streaming() } else { meta };
        self.cached.put(meta.put(reply))
    }
}

/// A refused filter comes with the headers of a read that read nothing; an unknown datacenter
/// does not.
///
/// Source: transcripts catalog/basic, health/more.
fn with_meta(options: &Options, error: HttpError) -> HttpError {
    match error {
        HttpError::Internal(_) if options.datacenter.is_none() => {
            HttpError::WithMeta(Meta::unread(), Box::new(error))
        }
        other => other,
    }
}
