//! The sockets of the DNS door. What a packet means is not decided here.
//!
//! A packet or connection that goes wrong costs only itself. Packets that wait together are
//! answered from one view.

use super::{Asked, DnsSettings, Shuffler, Source, Transport, respond};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use tribune_node::metrics::{Counter, Registry, Sample};
use tribune_state::View;

/// Requests are short; what is longer is cut, and then no request.
const REQUEST_BYTES_MAX: usize = 4_096;
/// How many waiting packets are answered before other tasks get their turn.
const BATCH_MAX: usize = 64;
/// Connections at once; beyond that a new one is closed, since the old ones end soon.
const CONNECTIONS_MAX: usize = 512;
/// How long a connection may stay silent, or take to accept an answer.
const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(8);
/// A pause after a socket's error, so that a lasting one does not keep a core busy.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// Where views come from: the newest one at each call.
pub type Views = Arc<dyn Fn() -> Newest + Send + Sync>;

/// The newest view there is here.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The state.
    pub view: View,
    /// True if there is no leader, so that it may be old; it is answered from all the same.
    pub is_stale: bool,
}

/// The bound sockets of one address.
#[derive(Debug)]
pub struct Listeners {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Listeners {
    /// The address; with its port, if any was asked for.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Binds an address for UDP and TCP. Port 0 takes one that is free for both.
///
/// # Errors
/// If the address is in use or not ours.
pub async fn bind(address: SocketAddr) -> std::io::Result<Listeners> {
    let tcp = TcpListener::bind(address).await?;
    let udp = UdpSocket::bind(tcp.local_addr()?).await?;
    Ok(Listeners { udp, tcp })
}

/// How long questions take.
///
/// Source: Consul 1.22 documentation, "Agent telemetry reference".
#[derive(Clone, Debug)]
pub struct Measure {
    names: Sample,
    pointers: Sample,
    stale: Counter,
}

impl Measure {
    /// The samples of a node.
    pub fn new(registry: &Registry, node: &str) -> Measure {
        let labels = || vec![("node", node.to_owned())];
        Measure {
            names: registry.sample("dns.domain_query", labels()),
            pointers: registry.sample("dns.ptr_query", labels()),
            stale: registry.counter("dns.stale_queries", Vec::new()),
        }
    }

    fn answered(&self, asked: Asked, is_stale: bool, took: Duration) {
        if is_stale && asked != Asked::Nothing {
            self.stale.incr();
        }
        match asked {
            Asked::Nothing => {}
            Asked::Name => self.names.record_time(took),
            Asked::Pointer => self.pointers.record_time(took),
        }
    }
}

/// Answers until the shutdown, as the newest settings say; the seed decides the order of
/// instances.
pub async fn serve(
    listeners: Listeners,
    views: Views,
    settings: watch::Receiver<Arc<DnsSettings>>,
    measure: Measure,
    seed: u64,
    shutdown: CancellationToken,
) {
    let Listeners { udp, tcp } = listeners;
    let door = Door { views, settings, measure };
    let work = async { tokio::join!(serve_udp(&udp, &door, seed), serve_tcp(&tcp, &door, seed)) };
    tokio::select! {
        () = shutdown.cancelled() => {}
        _ = work => {}
    }
}

#[derive(Clone)]
struct Door {
    views: Views,
    settings: watch::Receiver<Arc<DnsSettings>>,
    measure: Measure,
}

impl Door {
    fn settings(&self) -> Arc<DnsSettings> {
        self.settings.borrow().clone()
    }

    fn answer(
        &self,
        request: &[u8],
        transport: Transport,
        (newest, settings): (&Newest, &DnsSettings),
        shuffler: &mut Shuffler,
    ) -> Option<Vec<u8>> {
        let began = Instant::now();
        let source = Source { view: &newest.view, settings, unix_s: unix_s() };
        let (asked, answer) = respond(request, transport, &source, shuffler);
        self.measure.answered(asked, newest.is_stale, began.elapsed());
        answer
    }
}

fn unix_s() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

async fn serve_udp(socket: &UdpSocket, door: &Door, seed: u64) {
    let mut shuffler = Shuffler::new(seed);
    let mut buffer = vec![0_u8; REQUEST_BYTES_MAX];
    loop {
        if let Err(error) = socket.readable().await {
            warn!(%error, "dns socket failed");
            tokio::time::sleep(ERROR_PAUSE).await;
            continue;
        }
        let (newest, settings) = ((door.views)(), door.settings());
        for _ in 0..BATCH_MAX {
            let (length, from) = match socket.try_recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    warn!(%error, "dns packet not received");
                    tokio::time::sleep(ERROR_PAUSE).await;
                    break;
                }
            };
            let request = buffer.get(..length).unwrap_or_default();
            let state = (&newest, settings.as_ref());
            if let Some(bytes) = door.answer(request, Transport::Udp, state, &mut shuffler) {
                // An answer that cannot be sent is lost, as any packet may be.
                let _ = socket.send_to(&bytes, from).await;
            }
        }
        tokio::task::yield_now().await;
    }
}

async fn serve_tcp(listener: &TcpListener, door: &Door, seed: u64) {
    let mut connections = JoinSet::new();
    let mut seeds = Shuffler::new(!seed);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                    let shuffler = Shuffler::new(seeds.next());
                    connections.spawn(serve_connection(stream, door.clone(), shuffler));
                }
                Ok(_) => {}
                Err(error) => {
                    warn!(%error, "dns connection not accepted");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers one request after the other until the requester leaves, is silent or breaks the rules.
async fn serve_connection(mut stream: TcpStream, door: Door, mut shuffler: Shuffler) {
    let mut buffer = Vec::new();
    loop {
        let read = read_request(&mut stream, &mut buffer);
        if !matches!(timeout(CONNECTION_IDLE_MAX, read).await, Ok(Ok(()))) {
            return;
        }
        let (newest, settings) = ((door.views)(), door.settings());
        let state = (&newest, settings.as_ref());
        let Some(bytes) = door.answer(&buffer, Transport::Tcp, state, &mut shuffler) else {
            return;
        };
        drop(newest);
        let Ok(length) = u16::try_from(bytes.len()) else { return };
        let mut message = Vec::with_capacity(bytes.len() + 2);
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&bytes);
        let write = stream.write_all(&message);
        if !matches!(timeout(CONNECTION_IDLE_MAX, write).await, Ok(Ok(()))) {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    let length = usize::from(stream.read_u16().await?);
    if length > REQUEST_BYTES_MAX {
        return Err(ErrorKind::InvalidData.into());
    }
    buffer.resize(length, 0);
    stream.read_exact(buffer).await?;
    Ok(())
}
