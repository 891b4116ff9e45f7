//! A small pool of HTTP/1.1 connections to one agent. It knows nothing of Consul's routes.
//! Invariant: a request that reached a connection is repeated only when it cannot change anything,
//! so no write is ever sent twice by this file.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::Endpoint;
use crate::error::io_text;
use crate::tls::Tls;

/// Connections kept open while nobody uses them. More callers at once open more; these are closed
/// after use, so that a burst does not hold sockets for ever.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// An agent is near; one that does not accept in this time will not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read: above any list an agent gives, below what ends the process.
const ANSWER_BYTES_MAX: usize = 1 << 30;

pub(crate) struct Pool {
    endpoint: Endpoint,
    /// How TLS is spoken, if it is.
    tls: Option<Tls>,
    idle: Mutex<Vec<Connection>>,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub(crate) struct RawReply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer whose body is still on its way.
pub(crate) struct Opened {
    pub(crate) status: u16,
    body: Incoming,
    /// Closed with this value: the rest of the body is of no use to anybody else.
    _connection: Connection,
}

impl Opened {
    /// The next part of the body; none at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, String> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(|error| hyper_text(&error))?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// The task that moves the bytes. It ends with the connection, which closes the socket, so an
    /// abandoned blocking query costs the agent nothing.
    _driver: JoinSet<()>,
}

impl Pool {
    pub(crate) fn new(endpoint: Endpoint, tls: Option<Tls>) -> Self {
        Pool { endpoint, tls, idle: Mutex::new(Vec::new()) }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// One request and its whole answer. The text of an error is the cause alone.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<RawReply, String> {
        let repeatable = request.method() == Method::GET;
        let copy = repeatable.then(|| request.clone());
        let mut request = request;
        while let Some(mut connection) = self.take_idle() {
            if connection.sender.ready().await.is_err() {
                continue;
            }
            match connection.sender.try_send_request(request).await {
                Ok(response) => return self.finish(connection, response).await,
                Err(mut failed) => match (failed.take_message(), &copy) {
                    // The agent had closed the idle connection: nothing was sent.
                    (Some(unsent), _) => request = unsent,
                    (None, Some(copy)) => request = copy.clone(),
                    (None, None) => return Err(hyper_text(failed.error())),
                },
            }
        }
        let mut connection = self.connect().await?;
        let response =
            connection.sender.send_request(request).await.map_err(|error| hyper_text(&error))?;
        self.finish(connection, response).await
    }

    /// One request on a connection of its own, and the beginning of its answer.
    pub(crate) async fn open(&self, request: Request<Full<Bytes>>) -> Result<Opened, String> {
        let mut connection = self.connect().await?;
        let response =
            connection.sender.send_request(request).await.map_err(|error| hyper_text(&error))?;
        let (head, body) = response.into_parts();
        Ok(Opened { status: head.status.as_u16(), body, _connection: connection })
    }

    async fn finish(
        &self,
        connection: Connection,
        response: Response<Incoming>,
    ) -> Result<RawReply, String> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        let mut idle = self.lock_idle();
        if idle.len() < IDLE_CONNECTIONS_MAX && !connection.sender.is_closed() {
            idle.push(connection);
        }
        Ok(RawReply { status: head.status.as_u16(), headers: head.headers, body })
    }

    fn take_idle(&self) -> Option<Connection> {
        self.lock_idle().pop()
    }

    fn lock_idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // A panic while the list was held leaves it whole: push and pop do not fail half-way.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Connection, String> {
        match &self.endpoint {
            Endpoint::Tcp { host, port, .. } => {
                let dialled = dial(TcpStream::connect((host.as_str(), *port))).await;
                let stream = dialled
                    .map_err(|cause| format!("dial tcp {}: {cause}", self.endpoint.authority()))?;
                // Small requests must not wait for the acknowledgement of the one before.
                stream.set_nodelay(true).map_err(|error| io_text(&error))?;
                let Some(tls) = &self.tls else { return handshake(stream).await };
                let wrapped = timeout(CONNECT_TIMEOUT, tls.wrap(stream, host)).await;
                handshake(wrapped.map_err(|_| "TLS handshake timeout".to_string())??).await
            }
            Endpoint::Unix(path) => {
                let dialled = dial(UnixStream::connect(path)).await;
                let stream =
                    dialled.map_err(|cause| format!("dial unix {}: {cause}", path.display()))?;
                handshake(stream).await
            }
        }
    }
}

async fn dial<S>(connecting: impl Future<Output = io::Result<S>>) -> Result<S, String> {
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.raw_os_error().is_some() => {
            Err(format!("connect: {}", io_text(&error)))
        }
        Ok(Err(error)) => Err(io_text(&error)),
        Err(_) => Err("i/o timeout".to_string()),
    }
}

async fn handshake<S>(stream: S) -> Result<Connection, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, driver) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| hyper_text(&error))?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // The error reaches the caller through the sender; nobody else waits for it.
        let _ = driver.await;
    });
    Ok(Connection { sender, _driver: tasks })
}

fn hyper_text(error: &hyper::Error) -> String {
    use std::error::Error as _;
    if error.is_incomplete_message() {
        return "EOF".to_string();
    }
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
