//! `/v1/health/`: instances with their checks, and checks. What is passing is decided by the state.
//! Invariant: what one agent would keep as a local view is announced as such, as Consul does.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::{AGE, HeaderName, HeaderValue};
use tribune_api::health::{CheckServiceNode, HealthCheck};
use tribune_api::messages;
use tribune_state::catalog::{CatalogBody, CatalogQuery, Instance};
use tribune_state::{Body, NodeName, Query, ServiceName};

use super::convert::{self, Empty};
use super::error::HttpError;
use super::options::{Options, parse_bool};
use super::wire::reply::Reply;
use super::{Api, Call};

/// How health shows the answer to a query that the catalog shows otherwise.
const HEALTH_VIEW: usize = 1;

/// How many different `cached` queries are remembered as seen; the rest count as new.
const CACHED_QUERIES_MAX: usize = 4096;

const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Which queries have been asked with `cached`: the answers themselves are always current.
#[derive(Debug, Default)]
pub struct CachedQueries(Mutex<BTreeSet<CatalogQuery>>);

impl CachedQueries {
    /// True if the query has been asked before.
    fn ask_again(&self, query: &CatalogQuery) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(query) {
            return true;
        }
        if seen.len() < CACHED_QUERIES_MAX {
            seen.insert(query.clone());
        }
        false
    }
}

pub async fn service(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    instances(api, call, false).await
}

/// The endpoints of a service in the mesh.
pub async fn connect(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    instances(api, call, true).await
}

async fn instances(api: Arc<Api>, call: Call, connect: bool) -> Result<Reply, HttpError> {
    let options = Options::parse(&call, &api.config)?;
    let service = call.rest_or(messages::MISSING_SERVICE_NAME)?;
    let passing = match call.params.find("passing") {
        None => false,
        Some("") => true,
        Some(text) => parse_bool(text).ok_or_else(|| HttpError::bad(messages::INVALID_PASSING))?,
    };
    options.no_filter()?;
    let query = CatalogQuery::Service {
        service: ServiceName::from(service),
        tags: call.params.all("tag").filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        node_meta: convert::node_meta(call.params.all("node-meta")),
        passing,
        connect,
    };
    let streamed = !connect && api.config.use_streaming && !call.params.has("near");
    let streamed = streamed && (options.cached || options.wait.is_some());
    let seen = (streamed && options.cached).then(|| api.cached.ask_again(&query));
    let shared = api.ask(Query::Catalog(query), &options).await?;
    let meta = api.meta(&shared, &options).effective(options.consistency);
    let meta = if streamed { meta.streaming() } else { meta };
    let layout = api.layout(&call.params);
    let reply = meta.put(api.encode(&shared, HEALTH_VIEW, layout, |body| match body {
        Body::Catalog(CatalogBody::Instances(found)) => found.iter().map(instance).collect(),
        _ => Vec::new(),
    }));
    Ok(match seen {
        None => reply,
        Some(false) => reply.with(CACHE, HeaderValue::from_static("MISS")),
        Some(true) => reply.with(CACHE, HeaderValue::from_static("HIT")).with(AGE, 0_u64),
    })
}

fn instance(own: &Instance) -> CheckServiceNode {
    CheckServiceNode {
        node: convert::node(&own.node),
        service: convert::service(&own.service, Empty::TagsListed),
        checks: own.checks.iter().map(|row| convert::check(row, Empty::TagsListed)).collect(),
    }
}

pub async fn node(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let name = call.rest_or(messages::MISSING_NODE_NAME)?;
    checks(api, call, CatalogQuery::NodeChecks(NodeName::from(name))).await
}

pub async fn checks_of(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let name = call.rest_or(messages::MISSING_SERVICE_NAME)?;
    let node_meta = convert::node_meta(call.params.all("node-meta"));
    checks(api, call, CatalogQuery::ServiceChecks(ServiceName::from(name), node_meta)).await
}

pub async fn state(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let state = call.rest_or(messages::MISSING_CHECK_STATE)?;
    let node_meta = convert::node_meta(call.params.all("node-meta"));
    checks(api, call, CatalogQuery::State(state, node_meta)).await
}

async fn checks(api: Arc<Api>, call: Call, query: CatalogQuery) -> Result<Reply, HttpError> {
    let options = Options::parse(&call, &api.config)?;
    options.no_filter()?;
    let shared = api.ask(Query::Catalog(query), &options).await?;
    let meta = api.meta(&shared, &options).effective(options.consistency);
    let layout = api.layout(&call.params);
    Ok(meta.put(api.encode(&shared, HEALTH_VIEW, layout, |body| -> Vec<HealthCheck> {
        match body {
            Body::Catalog(CatalogBody::Checks(rows)) => {
                rows.iter().map(|row| convert::check(row, Empty::TagsListed)).collect()
            }
            _ => Vec::new(),
        }
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_query_is_new_once() {
        let cached = CachedQueries::default();
        let query = CatalogQuery::NodeChecks("a".into());
        assert!(!cached.ask_again(&query));
        assert!(cached.ask_again(&query));
        assert!(!cached.ask_again(&CatalogQuery::NodeChecks("b".into())));
    }
}
