//! `/v1/status/`: who leads and who votes. These answer without a leader, and say no index.
//! Invariant: neither asks anything of the cluster but what this server knows.

use std::sync::Arc;

use super::error::HttpError;
use super::options;
use super::wire::reply::Reply;
use super::{Api, Call};

pub async fn leader(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::own_datacenter(&call.params, &api.config)?;
    let leader = api.cluster.status().leader.unwrap_or_default();
    Ok(Reply::json(&leader, api.layout(&call.params)))
}

pub async fn peers(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::own_datacenter(&call.params, &api.config)?;
    Ok(Reply::json(&api.cluster.status().peers, api.layout(&call.params)))
}
