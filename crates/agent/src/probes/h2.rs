//! Checks over HTTP/2: a ping, and the question of gRPC's health protocol. Each on a connection
//! of its own: a check must see what a client would.
//! Source: consul-surface C; transcripts/agent/runs.txt; the gRPC health checking protocol and
//! gRPC over HTTP/2, both of the gRPC project's documentation.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use h2::{Ping, RecvStream};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tribune_api::duration::GoDuration;
use tribune_edge::{GrpcProbe, TcpProbe, TlsProbe};
use tribune_node::local::Probed;

use super::dial::{dial, host};
use super::drive::drive;
use super::health::{self, Serving};
use super::{Shared, critical, http, passing};

/// An answer to a health check is a few bytes; more than this is none.
const ANSWER_BYTES_MAX: usize = 4096;
const GRPC_PATH: &str = "/grpc.health.v1.Health/Check";

/// Pings once; never longer than `limit`.
pub(super) async fn ping(probe: &TcpProbe, shared: &Shared, limit: Duration) -> Probed {
    let address = probe.address.as_str();
    let attempt = async {
        let connected = connect(address, probe.tls.as_ref(), shared).await;
        match connected.map_err(|why| format!("Failed to dial to {address}: {why}"))? {
            Stream::Plain(stream) => ping_over(stream).await,
            Stream::Tls(stream) => ping_over(stream).await,
        }
    };
    match tokio::time::timeout(limit, attempt).await {
        Ok(Ok(())) => passing(format!("HTTP/2 ping {address}: Success")),
        Ok(Err(why)) => critical(why),
        Err(_) => {
            let limit = GoDuration::from_std(limit);
            critical(format!("HTTP/2 ping {address}: no answer within {limit}"))
        }
    }
}

async fn ping_over<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Result<(), String> {
    let failed = |error: h2::Error| format!("HTTP/2 ping failed: {error}");
    // The connection ends when nobody can send on it any more: the sender lives on here.
    let (_sender, mut connection) = client::handshake(stream).await.map_err(failed)?;
    let mut pings = connection.ping_pong().ok_or("HTTP/2 ping failed: no pings here")?;
    drive(connection, pings.ping(Ping::opaque())).await.map_err(failed)?;
    Ok(())
}

/// Asks for the health of a service; never longer than `limit`.
pub(super) async fn grpc(probe: &GrpcProbe, shared: &Shared, limit: Duration) -> Probed {
    let name = match probe.service.as_str() {
        "" => probe.address.clone(),
        service => format!("{}/{service}", probe.address),
    };
    let found = match tokio::time::timeout(limit, ask(probe, shared)).await {
        Ok(found) => found,
        Err(_) => Err(health::error(4, "context deadline exceeded")),
    };
    match found {
        Ok(Serving::Yes) => passing(format!("gRPC check {name}: success")),
        Ok(other) => critical(format!("gRPC check {name}: service is {}", other.name())),
        Err(why) => critical(why),
    }
}

async fn ask(probe: &GrpcProbe, shared: &Shared) -> Result<Serving, String> {
    let unavailable = |why: String| {
        let why = format!("transport: Error while dialing: {why}");
        health::error(14, &format!("connection error: desc = {why:?}"))
    };
    let connected = connect(&probe.address, probe.tls.as_ref(), shared).await;
    match connected.map_err(unavailable)? {
        Stream::Plain(stream) => ask_over(stream, probe).await,
        Stream::Tls(stream) => ask_over(stream, probe).await,
    }
}

async fn ask_over<S>(stream: S, probe: &GrpcProbe) -> Result<Serving, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (sender, connection) = client::handshake(stream).await.map_err(|error| broken(&error))?;
    drive(connection, exchange(sender, probe)).await
}

async fn exchange(sender: SendRequest<Bytes>, probe: &GrpcProbe) -> Result<Serving, String> {
    let mut sender = sender.ready().await.map_err(|error| broken(&error))?;
    let (response, mut body) =
        sender.send_request(request(probe)?, false).map_err(|error| broken(&error))?;
    let question = Bytes::from(health::question(&probe.service));
    body.send_data(question, true).map_err(|error| broken(&error))?;
    let response = response.await.map_err(|error| broken(&error))?;
    judge(response).await
}

fn request(probe: &GrpcProbe) -> Result<Request<()>, String> {
    let scheme = if probe.tls.is_some() { "https" } else { "http" };
    let uri = format!("{scheme}://{}{GRPC_PATH}", probe.address);
    let invalid = |error: hyper::http::Error| health::error(13, &error.to_string());
    Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(uri)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))
        .header(TE, HeaderValue::from_static("trailers"))
        .header(USER_AGENT, HeaderValue::from_static(http::USER_AGENT))
        .body(())
        .map_err(invalid)
}

async fn judge(response: Response<RecvStream>) -> Result<Serving, String> {
    if response.status() != StatusCode::OK {
        let text =
            format!("unexpected HTTP status code received from server: {}", response.status());
        return Err(health::error(14, &text));
    }
    // A server that has nothing to say puts its status into the head.
    refused(response.headers())?;
    let mut stream = response.into_body();
    let mut answer = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data.map_err(|error| broken(&error))?;
        // It is our own window; that it cannot be given back is the next read's error.
        let _ = stream.flow_control().release_capacity(data.len());
        answer.extend_from_slice(&data);
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(health::error(8, "received message larger than max"));
        }
    }
    let trailers = stream.trailers().await.map_err(|error| broken(&error))?;
    refused(&trailers.unwrap_or_default())?;
    health::answer(&answer)
}

/// The error that a status other than zero stands for.
fn refused(headers: &HeaderMap) -> Result<(), String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status").map(str::parse::<u32>) {
        None | Some(Ok(0)) => Ok(()),
        Some(code) => {
            let message = text("grpc-message").unwrap_or_default();
            let message = percent_encoding::percent_decode_str(message).decode_utf8_lossy();
            Err(health::error(code.unwrap_or(2), &message))
        }
    }
}

fn broken(error: &h2::Error) -> String {
    health::error(14, &format!("connection error: {error}"))
}

/// A connection, with TLS or without.
enum Stream {
    Plain(tokio::net::TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>),
}

async fn connect(address: &str, tls: Option<&TlsProbe>, shared: &Shared) -> Result<Stream, String> {
    let stream = dial(address, &shared.resolver).await?;
    match tls {
        None => Ok(Stream::Plain(stream)),
        Some(settings) => {
            let stream = shared.trust.wrap_h2(stream, host(address), settings).await?;
            Ok(Stream::Tls(Box::new(stream)))
        }
    }
}
