//! Accepts connections, bounds them, and hands requests to the [`Service`]. HTTP/1.1 only.
//! It does not know what a request means.
//! Invariants: every task it starts is ended by its shutdown token within `DRAIN_TIME_MAX`; a
//! connection that rests costs a task and a socket, no buffer.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::clients::{Clients, NoPlace};
use super::connection::{HEADS_BYTES_MAX, Progress, Watched};
use super::listen::{Accepted, Listener, Socket};
use super::patience::{HEAD_TIME_MAX, Overdue, Patience};
use super::position::Framing;
use super::reply::ReplyBody;
use super::room::Room;

/// How long requests in work may go on once the server is told to stop.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(3);

/// How long a connection may rest between two requests, or before the first. Clients that keep
/// connections give them up sooner, or see this end as they see that of any server.
pub const IDLE_TIME_MAX: Duration = Duration::from_secs(600);

/// Connections of all clients together, where nobody says how many this process may open.
pub const CONNECTIONS_MAX: usize = 16_384;

/// How long what a refused client still sends is read and thrown away.
pub const REFUSAL_TIME_MAX: Duration = Duration::from_millis(100);

/// How long to wait after the system refuses a connection, mostly for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The smallest limit of header bytes hyper can work with.
const HEADER_BYTES_FLOOR: usize = 8192;

/// Limits an operator can set. Clones share the room for all connections.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Connections of one client address at a time; 0 is no limit.
    pub connections_per_client_max: usize,
    /// A request line and its headers together.
    pub header_bytes_max: usize,
    /// One permit for each connection of any client.
    pub connections: Arc<Semaphore>,
}

impl Default for ServerLimits {
    fn default() -> Self {
        // Consul's default (consul-surface B.8), and Go's for a request's head.
        ServerLimits {
            connections_per_client_max: 200,
            header_bytes_max: 1 << 20,
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }
    }
}

/// A connection to close without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
pub struct HangUp;

/// What answers requests.
pub trait Service: Send + Sync + 'static {
    /// Connections of one client at a time, where that may change while the server runs; 0 is no
    /// limit.
    fn connections_per_client_max(&self) -> Option<usize> {
        None
    }

    fn serve(
        self: Arc<Self>,
        client: IpAddr,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<ReplyBody>, HangUp>> + Send;
}

/// What a connection runs over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// Resolves once bytes came, without a buffer for them; false if there will be none.
    fn bytes_came(&self) -> impl Future<Output = bool> + Send;
}

pub struct Server<S> {
    clients: Arc<Clients>,
    connections: Connections<S>,
}

/// What every connection of a server works with.
struct Connections<S> {
    service: Arc<S>,
    limits: ServerLimits,
    heads: Arc<Room>,
    shutdown: CancellationToken,
}

impl<S: Service> Server<S> {
    pub fn new(service: Arc<S>, limits: ServerLimits, shutdown: CancellationToken) -> Self {
        let heads = Arc::new(Room::new(HEADS_BYTES_MAX));
        let connections = Connections { service, limits, heads, shutdown };
        Server { clients: Arc::default(), connections }
    }

    /// Serves `listener` until the shutdown token is cancelled.
    pub async fn run(self, listener: impl Into<Listener>) {
        let listener = listener.into();
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                () = self.connections.shutdown.cancelled() => break,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, client)) => {
                        tasks.spawn(self.connection(stream, client));
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        let drained = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_TIME_MAX, drained).await.is_err() {
            tasks.shutdown().await;
        }
    }

    fn connection(
        &self,
        accepted: Accepted,
        client: IpAddr,
    ) -> impl Future<Output = ()> + Send + 'static {
        let limits = &self.connections.limits;
        let own = self.connections.service.connections_per_client_max();
        let most = own.unwrap_or(limits.connections_per_client_max);
        let slot = self.clients.take(client, most, &limits.connections);
        let connections = self.connections.clone();
        // Boxed are what comes before a connection rests and what comes instead: one that rests
        // should not hold their room.
        async move {
            let answer = match slot {
                Ok(_slot) => {
                    if let Some(socket) = Box::pin(connections.open(accepted)).await {
                        connections.keep(socket, client).await;
                    }
                    return;
                }
                Err(NoPlace::Client) => TOO_MANY_CONNECTIONS,
                Err(NoPlace::All) => TOO_MANY_IN_ALL,
            };
            Box::pin(refuse_early(accepted, answer)).await;
        }
    }
}

// Derived, it would ask the service itself to be cloned.
impl<S> Clone for Connections<S> {
    fn clone(&self) -> Self {
        Connections {
            service: self.service.clone(),
            limits: self.limits.clone(),
            heads: self.heads.clone(),
            shutdown: self.shutdown.clone(),
        }
    }
}

impl<S: Service> Connections<S> {
    /// The connection as a stream of requests; nothing if the client does not get so far.
    async fn open(&self, accepted: Accepted) -> Option<Socket> {
        tokio::select! {
            opened = accepted.open(IDLE_TIME_MAX) => opened,
            () = self.shutdown.cancelled() => None,
        }
    }

    /// Serves a connection for as long as it is used.
    async fn keep(&self, mut stream: impl Stream, client: IpAddr) {
        loop {
            // hyper allocates its buffer at once; a connection that rests should not have one.
            let came = tokio::select! {
                came = tokio::time::timeout(IDLE_TIME_MAX, stream.bytes_came()) => came,
                () = self.shutdown.cancelled() => return,
            };
            if came != Ok(true) {
                return;
            }
            // Boxed: a connection that rests should not hold the room of one that is served.
            match Box::pin(self.serve(stream, client)).await {
                Some(rested) => stream = rested,
                None => return,
            }
        }
    }

    /// Serves requests until the client rests; then the stream comes back.
    async fn serve<T: Stream>(&self, stream: T, client: IpAddr) -> Option<T> {
        let progress = Arc::new(Progress::new(self.heads.clone()));
        let io = TokioIo::new(Watched::new(stream, progress.clone()));
        let (service, in_request) = (self.service.clone(), progress.clone());
        let handler = service_fn(move |request: Request<Incoming>| {
            let (service, progress) = (service.clone(), in_request.clone());
            async move {
                let answering = progress.request_begins(framing(&request));
                let response = service.serve(client, request).await?;
                Ok::<_, HangUp>(response.map(|body| body.keeping(answering)))
            }
        });
        let header_bytes_max = self.limits.header_bytes_max.max(HEADER_BYTES_FLOOR);
        let mut builder = http1::Builder::new();
        builder.header_read_timeout(None).max_header_size(header_bytes_max);
        builder.max_buf_size(header_bytes_max.saturating_add(HEADER_BYTES_FLOOR));
        let mut connection = builder.serve_connection(io, handler);
        let mut patience = Patience::new(progress);
        let mut stopping = false;
        let overdue = loop {
            tokio::select! {
                biased;
                ended = &mut connection => {
                    if let Err(error) = ended {
                        debug!(%client, %error, "connection ended");
                    }
                    return None;
                }
                overdue = poll_fn(|context| patience.poll_overdue(context)) => break overdue,
                () = self.shutdown.cancelled(), if !stopping => {
                    stopping = true;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        let parts = connection.into_parts();
        let stream = parts.io.into_inner().into_inner();
        match overdue {
            // Bytes that hyper holds although nothing has begun are empty lines.
            Overdue::Rests if parts.read_buf.is_empty() && !stopping => return Some(stream),
            Overdue::Rests => {}
            Overdue::Head => refuse(stream, &head_too_slow()).await,
            Overdue::Room => refuse(stream, TOO_MANY_LONG_HEADS).await,
            Overdue::Reader => debug!(%client, "a client does not read its answer"),
        }
        None
    }
}

/// How the body of a request ends. hyper has checked the headers that say so.
fn framing(request: &Request<Incoming>) -> Framing {
    request.body().size_hint().exact().map_or(Framing::Chunked, Framing::Length)
}

/// Tells a client why its connection ends, where no answer is under way.
async fn refuse(mut stream: impl Stream, answer: &str) {
    let sent = async {
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    };
    let _ = tokio::time::timeout(DRAIN_TIME_MAX, sent).await;
    // A socket that is closed with bytes unread is reset, and the client may not see why.
    let mut unread = [0; 1024];
    let read = async { while stream.read(&mut unread).await.is_ok_and(|bytes| bytes > 0) {} };
    let _ = tokio::time::timeout(REFUSAL_TIME_MAX, read).await;
}

/// The same before anything was read; who would speak TLS could not read why, and is told nothing.
async fn refuse_early(accepted: Accepted, answer: &str) {
    if let Some(socket) = accepted.plain() {
        refuse(socket, answer).await;
    }
}

/// What a client is told that has too many connections.
const TOO_MANY_CONNECTIONS: &str = "HTTP/1.1 429 Too Many Requests\r\n\
    Content-Type: text/plain\r\nConnection: close\r\n\r\n\
    too many connections from this address: reuse them, or raise http_max_conns_per_client\n";

/// The same if all clients together have.
const TOO_MANY_IN_ALL: &str = "HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: text/plain\r\nConnection: close\r\nRetry-After: 1\r\n\r\n\
    too many connections in all: the agent may open no more files (ulimit -n)\n";

/// What a client is told whose head is long while too many others are.
const TOO_MANY_LONG_HEADS: &str = "HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: text/plain\r\nConnection: close\r\nRetry-After: 1\r\n\r\n\
    too many long request heads at a time: send shorter headers, or try again later\n";

fn head_too_slow() -> String {
    format!(
        "HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
         a request's head must be whole within {} seconds of its first byte\n",
        HEAD_TIME_MAX.as_secs()
    )
}

#[cfg(test)]
mod tests;
