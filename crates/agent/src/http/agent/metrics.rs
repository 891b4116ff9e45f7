//! `/v1/agent/metrics`: what was counted, as JSON or for Prometheus, once or as a stream.
//! It counts nothing.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::mpsc;
use tribune_api::json::to_json;
use tribune_api::messages;

use crate::http::error::HttpError;
use crate::http::wire::reply::{Reply, TYPE_JSON_UTF8};
use crate::http::{Api, Call};
use crate::telemetry::Telemetry;

/// The type of Prometheus' text form.
///
/// Source: transcripts/agent/metrics.txt.
const TYPE_PROMETHEUS: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const REASON: HeaderName = HeaderName::from_static("x-consul-reason");

/// Summaries that may wait for a slow reader; there is one every ten seconds.
const STREAM_PARTS_MAX: usize = 4;

fn telemetry(api: &Api) -> Result<&Arc<Telemetry>, HttpError> {
    api.operation.telemetry.as_ref().ok_or(HttpError::NotYet("metrics"))
}

pub async fn read(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let telemetry = telemetry(&api)?;
    if !wants_prometheus(&call) {
        return Ok(Reply::json(&telemetry.summary(), api.layout(&call.params)));
    }
    match telemetry.prometheus() {
        Some(text) => Ok(Reply::bytes(StatusCode::OK, TYPE_PROMETHEUS, Bytes::from(text))),
        None => {
            let reply = Reply::bytes(StatusCode::OK, TYPE_JSON_UTF8, Bytes::new());
            Ok(reply.with_text(REASON, messages::PROMETHEUS_OFF))
        }
    }
}

/// One summary for each interval that ends, until the client goes away.
pub async fn stream(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let telemetry = telemetry(&api)?.clone();
    let layout = api.layout(&call.params);
    let slot = api.operation.take_stream()?;
    let (parts, receiver) = mpsc::channel(STREAM_PARTS_MAX);
    let mut intervals = telemetry.intervals();
    let ending = api.operation.ending.clone();
    api.operation.streams.spawn(async move {
        let _slot = slot;
        loop {
            tokio::select! {
                () = parts.closed() => return,
                () = ending.cancelled() => return,
                ended = intervals.changed() => if ended.is_err() { return },
            }
            let mut part = to_json(&telemetry.summary(), layout);
            part.push(b'\n');
            // A reader that is four intervals behind misses one: the next is as good.
            let _ = parts.try_send(Bytes::from(part));
        }
    });
    Ok(Reply::streaming(TYPE_JSON_UTF8, receiver))
}

/// By its parameter, or by what the client says that it reads.
///
/// Source: transcripts/agent/metrics.txt.
fn wants_prometheus(call: &Call) -> bool {
    call.params.get("format") == "prometheus" || accepts_prometheus(&call.headers)
}

fn accepts_prometheus(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        match parts.next().unwrap_or_default() {
            "application/openmetrics-text" => true,
            "text/plain" => parts.any(|part| part == "version=0.4.0" || part == "version=0.0.4"),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_is_known_by_what_it_accepts() {
        for (accept, expected) in [
            ("application/openmetrics-text", true),
            ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", true),
            ("text/plain;version=0.4.0,*/*;q=0.1", true),
            ("text/plain; version=0.0.4", true),
            ("text/plain", false),
            ("application/json", false),
            ("*/*", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(accepts_prometheus(&headers), expected, "{accept}");
        }
    }
}
