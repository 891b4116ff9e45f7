//! `/v1/agent/host`: the machine, as host/ finds it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::host;
use crate::http::error::HttpError;
use crate::http::wire::reply::Reply;
use crate::http::{Api, Call};

pub async fn read(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let path = api.operation.data_path.clone().unwrap_or_else(|| PathBuf::from("/"));
    // The kernel may need a moment for each process.
    let found = tokio::task::spawn_blocking(move || host::collect(&path)).await;
    let found = found.map_err(|error| HttpError::internal(error.to_string()))?;
    Ok(Reply::json(&found, api.layout(&call.params)))
}
