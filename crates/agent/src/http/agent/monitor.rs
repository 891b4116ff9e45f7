//! `/v1/agent/monitor`: the log as it is written. A reader that is too slow misses lines and is
//! told how many; whoever logs never waits for it.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::sync::mpsc;
use tribune_api::messages;

use crate::config::runtime::LogLevel;
use crate::http::error::HttpError;
use crate::http::wire::reply::{Reply, TYPE_TEXT};
use crate::http::{Api, Call};

/// Lines between the log's own queue and the connection's task.
const STREAM_LINES_MAX: usize = 16;

/// Source: transcripts/agent/node.txt.
pub async fn stream(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let log = api.operation.log.as_ref().ok_or(HttpError::NotYet("log streams"))?;
    let name = match call.params.get("loglevel") {
        "" => "INFO",
        name => name,
    };
    let unknown = || HttpError::BadRequest(messages::unknown_log_level(name));
    let level = LogLevel::parse(name).ok_or_else(unknown)?;
    let json = call.params.has("logjson");
    let slot = api.operation.take_stream()?;
    let Some(mut listening) = log.listen(level, json) else {
        return Err(HttpError::Busy(messages::TOO_MANY_STREAMS));
    };
    let ending = api.operation.ending.clone();
    let (parts, receiver) = mpsc::channel::<Bytes>(STREAM_LINES_MAX);
    api.operation.streams.spawn(async move {
        let _slot = slot;
        loop {
            // In this order: what was logged before the end is still told.
            let line = tokio::select! {
                biased;
                () = parts.closed() => return,
                line = listening.lines.recv() => line,
                () = ending.cancelled() => return,
            };
            let Some(line) = line else { return };
            if parts.send(line).await.is_err() {
                return;
            }
        }
    });
    let mut reply = Reply::streaming(TYPE_TEXT, receiver);
    reply.status = StatusCode::OK;
    Ok(reply)
}
