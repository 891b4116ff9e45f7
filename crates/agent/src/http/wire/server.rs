//! Accepts connections, bounds them, and hands requests to the [`Service`]. HTTP/1.1 only.
//! It does not know what a request means.
//! Invariant: every task it starts is ended by its shutdown token within `DRAIN_TIME_MAX`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::connection::{Phase, Watched};

/// How long requests in work may go on once the server is told to stop.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// How long after its first byte a request's head must be whole.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// How long to wait after the system refuses a connection, mostly for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The smallest limit of header bytes hyper can work with.
const HEADER_BYTES_FLOOR: usize = 8192;

/// What a client is told that has too many connections; the connection is then closed.
const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\n\
    Content-Type: text/plain\r\nConnection: close\r\n\r\n\
    too many connections from this address: reuse them, or raise http_max_conns_per_client\n";

/// Limits an operator can set.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Connections of one client address at a time; 0 is no limit.
    pub connections_per_client_max: usize,
    /// A request line and its headers together.
    pub header_bytes_max: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        // Consul's default (consul-surface B.8), and Go's for a request's head.
        ServerLimits { connections_per_client_max: 200, header_bytes_max: 1 << 20 }
    }
}

/// What answers requests.
pub trait Service: Send + Sync + 'static {
    fn serve(
        self: Arc<Self>,
        client: IpAddr,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

pub struct Server<S> {
    service: Arc<S>,
    limits: ServerLimits,
    shutdown: CancellationToken,
    clients: Arc<Clients>,
}

impl<S: Service> Server<S> {
    pub fn new(service: Arc<S>, limits: ServerLimits, shutdown: CancellationToken) -> Self {
        Server { service, limits, shutdown, clients: Arc::default() }
    }

    /// Serves `listener` until the shutdown token is cancelled.
    pub async fn run(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, client)) => {
                        connections.spawn(self.connection(stream, client.ip()));
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_TIME_MAX, drained).await.is_err() {
            connections.shutdown().await;
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        client: IpAddr,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let slot = self.clients.take(client, self.limits.connections_per_client_max);
        let service = self.service.clone();
        let shutdown = self.shutdown.clone();
        let header_bytes_max = self.limits.header_bytes_max.max(HEADER_BYTES_FLOOR);
        Box::pin(async move {
            let Some(slot) = slot else { return refuse(stream).await };
            // hyper allocates its buffer at once; an idle connection should not have one.
            let first_bytes = tokio::select! {
                ready = stream.readable() => ready.is_ok(),
                () = shutdown.cancelled() => false,
            };
            if first_bytes {
                serve_connection(service, stream, client, header_bytes_max, shutdown).await;
            }
            drop(slot);
        })
    }
}

async fn serve_connection<S: Service>(
    service: Arc<S>,
    stream: TcpStream,
    client: IpAddr,
    header_bytes_max: usize,
    shutdown: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let phase = Arc::new(Phase::default());
    let io = TokioIo::new(Watched::new(stream, phase.clone()));
    let in_request = phase.clone();
    let handler = service_fn(move |request| {
        let (service, phase) = (service.clone(), in_request.clone());
        async move {
            phase.request_begins();
            let response = service.serve(client, request).await;
            phase.request_ends();
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_header_size(header_bytes_max);
    builder.max_buf_size(header_bytes_max.saturating_add(HEADER_BYTES_FLOOR));
    let mut connection = std::pin::pin!(builder.serve_connection(io, handler));
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!(%client, %error, "connection ended");
                }
                return;
            }
            () = phase.head_overdue(HEAD_TIME_MAX) => return,
            () = shutdown.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn refuse(mut stream: TcpStream) {
    let sent = async {
        let _ = stream.write_all(TOO_MANY_CONNECTIONS).await;
        let _ = stream.shutdown().await;
    };
    let _ = tokio::time::timeout(DRAIN_TIME_MAX, sent).await;
}

/// How many connections each client has.
#[derive(Debug, Default)]
struct Clients(Mutex<HashMap<IpAddr, usize>>);

/// One connection's place; given back when dropped.
struct Slot {
    clients: Arc<Clients>,
    client: IpAddr,
}

impl Clients {
    fn take(self: &Arc<Self>, client: IpAddr, connections_max: usize) -> Option<Slot> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(client).or_default();
        if connections_max != 0 && *count >= connections_max {
            return None;
        }
        *count += 1;
        Some(Slot { clients: self.clone(), client })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.clients.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    struct Echo;

    impl Service for Echo {
        async fn serve(
            self: Arc<Self>,
            _client: IpAddr,
            request: Request<Incoming>,
        ) -> Response<Full<Bytes>> {
            Response::new(Full::new(Bytes::from(request.uri().path().to_owned())))
        }
    }

    async fn started(limits: ServerLimits) -> (std::net::SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(Server::new(Arc::new(Echo), limits, shutdown.clone()).run(listener));
        (address, shutdown)
    }

    async fn answer(stream: &mut TcpStream, request: &str) -> String {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut buffer = vec![0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer));
        let bytes = read.await.unwrap().unwrap();
        String::from_utf8_lossy(&buffer[..bytes]).into_owned()
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_further_requests() {
        let (address, shutdown) = started(ServerLimits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        for path in ["/a", "/b"] {
            let text =
                answer(&mut stream, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
            assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(path), "{text}");
        }
        shutdown.cancel();
    }

    #[tokio::test]
    async fn one_connection_too_many_is_told_429_until_another_closes() {
        let limits = ServerLimits { connections_per_client_max: 1, ..ServerLimits::default() };
        let (address, shutdown) = started(limits).await;
        let request = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut first = TcpStream::connect(address).await.unwrap();
        assert!(answer(&mut first, request).await.starts_with("HTTP/1.1 200"));
        let mut second = TcpStream::connect(address).await.unwrap();
        assert!(answer(&mut second, "").await.starts_with("HTTP/1.1 429"));
        drop(first);
        let freed = async {
            loop {
                let mut next = TcpStream::connect(address).await.unwrap();
                if answer(&mut next, request).await.starts_with("HTTP/1.1 200") {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(5), freed).await.unwrap();
        shutdown.cancel();
    }

    #[tokio::test]
    async fn a_head_past_the_limit_is_refused() {
        let limits = ServerLimits { header_bytes_max: 8192, ..ServerLimits::default() };
        let (address, shutdown) = started(limits).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let long = "x".repeat(9000);
        let request = format!("GET /a HTTP/1.1\r\nHost: x\r\nLong: {long}\r\n\r\n");
        assert!(answer(&mut stream, &request).await.starts_with("HTTP/1.1 431"));
        shutdown.cancel();
    }

    #[tokio::test]
    async fn shutting_down_ends_idle_connections() {
        let (address, shutdown) = started(ServerLimits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        answer(&mut stream, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await;
        shutdown.cancel();
        assert_eq!(answer(&mut stream, "").await, "");
    }
}
