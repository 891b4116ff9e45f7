//! Routes of features that are off or not there yet: an honest refusal, never a fake success.
//! Invariant: a route here is known, so it is never 404 unless Consul says so.

use std::sync::Arc;

use tribune_api::messages;

use super::error::HttpError;
use super::wire::reply::Reply;
use super::{Api, Call};

/// What needs access lists, while they are off.
///
/// Source: transcripts/status/paths.txt.
pub async fn acl_off(_api: Arc<Api>, _call: Call) -> Result<Reply, HttpError> {
    Err(HttpError::Unauthorized(messages::ACL_DISABLED.to_owned()))
}

/// Source: transcripts/status/paths.txt.
pub async fn utilization(_api: Arc<Api>, _call: Call) -> Result<Reply, HttpError> {
    Err(HttpError::NotFound(messages::UTILIZATION_ENTERPRISE.to_owned()))
}

/// What crawlers are told.
pub async fn robots(_api: Arc<Api>, _call: Call) -> Result<Reply, HttpError> {
    Ok(Reply::text(hyper::StatusCode::OK, messages::ROBOTS))
}

/// Profiles of a running Go program; Consul says as little when `enable_debug` is off.
///
/// Source: transcripts/status/http.txt.
pub async fn no_profile(_api: Arc<Api>, _call: Call) -> Result<Reply, HttpError> {
    Ok(Reply::status(hyper::StatusCode::NOT_FOUND))
}
