//! `/v1/health/`: instances with their checks, and checks. What is passing is decided by the state.
//! Invariant: what one agent would keep as a local view is announced as such, as Consul does.

use std::sync::Arc;

use tribune_api::messages;
use tribune_state::catalog::{Catalog, CatalogBody};
use tribune_state::filter::{CHECK, INSTANCE};
use tribune_state::{NodeName, ServiceName};

use super::catalog::fragments::Piece;
use super::catalog::narrow::Takes;
use super::catalog::{Read, service_read};
use super::error::HttpError;
use super::options::parse_bool;
use super::wire::reply::Reply;
use super::{Api, Call};

/// How health shows the answer to a query that the catalog shows otherwise.
const HEALTH_VIEW: usize = 1;

const INSTANCES: Takes = Takes { filter: &INSTANCE, node_meta: true, near: true };
const CHECKS: Takes = Takes { filter: &CHECK, node_meta: true, near: true };
const NODE_CHECKS: Takes = Takes { filter: &CHECK, node_meta: false, near: false };

pub async fn service(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    instances(&api, &call, false).await
}

/// The endpoints of a service in the mesh.
pub async fn connect(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    instances(&api, &call, true).await
}

async fn instances(api: &Api, call: &Call, connect: bool) -> Result<Reply, HttpError> {
    let mut wanted = service_read(call, connect)?;
    wanted.passing = match call.params.find("passing") {
        None => false,
        Some("") => true,
        Some(text) => parse_bool(text).ok_or_else(|| HttpError::bad(messages::INVALID_PASSING))?,
    };
    if !call.params.get("sg").is_empty() {
        return Err(HttpError::internal(messages::SAMENESS_GROUPS_ENTERPRISE));
    }
    // A bad filter is found by the view that an agent keeps: its error has no headers of a read.
    let read = Read::begin(api, call, Catalog::Service(wanted), INSTANCES);
    let mut read = read.map_err(HttpError::without_meta)?;
    let polled = ["near", "merge-central-config"].iter().any(|name| call.params.has(name));
    let waits = read.options.cached || read.options.wait.is_some();
    read.streamed = !connect && !polled && waits && api.config.use_streaming;
    instances_of(read.following()).await
}

async fn instances_of(read: Read<'_>) -> Result<Reply, HttpError> {
    read.list(HEALTH_VIEW, |body| match body {
        CatalogBody::Instances(found) => found.iter().cloned().map(Piece::Health).collect(),
        _ => Vec::new(),
    })
    .await
}

/// The gateways that let a service in from outside: none, as there is no gateway yet.
pub async fn ingress(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    call.rest_or(messages::MISSING_SERVICE_NAME)?;
    instances_of(Read::begin(&api, &call, Catalog::Nothing, INSTANCES)?).await
}

pub async fn node(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let name = call.rest_or(messages::MISSING_NODE_NAME)?;
    checks(&api, &call, Catalog::NodeChecks(NodeName::from(name)), NODE_CHECKS).await
}

pub async fn checks_of(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let name = call.rest_or(messages::MISSING_SERVICE_NAME)?;
    checks(&api, &call, Catalog::ServiceChecks(ServiceName::from(name)), CHECKS).await
}

pub async fn state(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let state = call.rest_or(messages::MISSING_CHECK_STATE)?;
    checks(&api, &call, Catalog::State(state), CHECKS).await
}

async fn checks(api: &Api, call: &Call, what: Catalog, takes: Takes) -> Result<Reply, HttpError> {
    Read::begin(api, call, what, takes)?
        .list(HEALTH_VIEW, |body| match body {
            CatalogBody::Checks(rows) => rows.iter().cloned().map(Piece::Check).collect(),
            _ => Vec::new(),
        })
        .await
}
