//! `/v1/connect/ca/roots`: the certificate authority's roots. Nothing is signed here.
//! Invariant: a private key never leaves the state.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use tribune_api::connect::CaRoots;
use tribune_api::messages;
use tribune_state::connect::{ConnectBody, ConnectQuery};
use tribune_state::{Body, Query};

use super::error::HttpError;
use super::meta::Meta;
use super::options::{Options, parse_bool};
use super::wire::reply::Reply;
use super::{Api, Call, convert};

const TYPE_PEM: HeaderValue = HeaderValue::from_static("application/pem-certificate-chain");

pub async fn roots(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let options = Options::parse(&call, &api.config)?;
    if !api.config.connect_enabled {
        let off = HttpError::internal(messages::CONNECT_DISABLED);
        return Err(HttpError::WithMeta(Meta::unread(), Box::new(off)));
    }
    let pem = match call.params.get("pem") {
        "" => false,
        text => parse_bool(text).ok_or_else(|| HttpError::bad(messages::PEM_NOT_BOOLEAN))?,
    };
    let (meta, roots) = read(&api, &options).await?;
    if pem {
        let chain: String = roots.roots.iter().map(|root| root.root_cert.as_str()).collect();
        return Ok(meta.put(Reply::bytes(StatusCode::OK, TYPE_PEM, Bytes::from(chain))));
    }
    Ok(meta.put(Reply::json(&roots, api.layout(&call.params))))
}

/// The roots and the headers of their answer.
///
/// # Errors
/// Those of the cluster.
pub async fn read(api: &Api, options: &Options) -> Result<(Meta, CaRoots), HttpError> {
    let shared = api.ask(Query::Connect(ConnectQuery::Roots), options).await?;
    let meta = api.meta(&shared, options);
    let Body::Connect(ConnectBody::Roots(rows)) = &shared.answer().body else {
        return Err(HttpError::internal("the read answered another question"));
    };
    let active = rows.iter().find(|root| root.active).map(|root| root.id.clone());
    let roots = CaRoots {
        active_root_id: active.unwrap_or_default(),
        trust_domain: trust_domain(api),
        roots: rows.iter().map(|row| convert::ca_root(row)).collect(),
    };
    Ok((meta, roots))
}

/// The cluster's id is the name of its trust domain.
fn trust_domain(api: &Api) -> String {
    format!("{}.consul", api.cluster.view().system().cluster_id)
}
