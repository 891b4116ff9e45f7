//! Where connections come from: a TCP port, the same under TLS, or a unix socket. What is spoken
//! on them is server.rs's business; which certificate is shown is the owner's, who may change it.
//! Invariant: a client that says nothing costs no buffer and no TLS state.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::server::Stream;

/// What is listened on.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, Tls),
    Unix(UnixListener),
}

/// How a listener speaks TLS. A new configuration counts for connections that come after it.
#[derive(Clone, Debug)]
pub struct Tls {
    pub config: watch::Receiver<Arc<ServerConfig>>,
    /// How long a client has from its first byte to the end of the handshake.
    pub handshake_time_max: Duration,
}

impl Listener {
    /// The next connection, and whose it is. Whoever comes by a unix socket is of this machine.
    ///
    /// # Errors
    /// When the system refuses, mostly for want of descriptors.
    pub async fn accept(&self) -> io::Result<(Accepted, IpAddr)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, client) = listener.accept().await?;
                Ok((Accepted::Tcp(stream), client.ip()))
            }
            Listener::Tls(listener, tls) => {
                let (stream, client) = listener.accept().await?;
                Ok((Accepted::Tls(stream, tls.clone()), client.ip()))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Accepted::Unix(stream), Ipv4Addr::LOCALHOST.into()))
            }
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener::Tcp(listener)
    }
}

/// A connection on which nothing was read yet.
#[derive(Debug)]
pub enum Accepted {
    Tcp(TcpStream),
    Tls(TcpStream, Tls),
    Unix(UnixStream),
}

impl Accepted {
    /// The stream of requests; nothing if a client that should speak TLS does not. `idle_time_max`
    /// is how long it may be silent before its first byte.
    pub async fn open(self, idle_time_max: Duration) -> Option<Socket> {
        match self {
            Accepted::Tls(stream, tls) => {
                let came = timeout(idle_time_max, tcp_bytes_came(&stream)).await;
                (came == Ok(true)).then_some(())?;
                handshake(stream, &tls).await
            }
            plain => plain.plain(),
        }
    }

    /// The stream, if it needs no handshake.
    pub fn plain(self) -> Option<Socket> {
        match self {
            Accepted::Tcp(stream) => {
                let _ = stream.set_nodelay(true);
                Some(Socket::Tcp(stream))
            }
            Accepted::Unix(stream) => Some(Socket::Unix(stream)),
            Accepted::Tls(..) => None,
        }
    }
}

async fn handshake(stream: TcpStream, tls: &Tls) -> Option<Socket> {
    let _ = stream.set_nodelay(true);
    let acceptor = TlsAcceptor::from(tls.config.borrow().clone());
    match timeout(tls.handshake_time_max, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(Socket::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            debug!(%error, "TLS handshake failed");
            None
        }
        Err(_) => {
            debug!("TLS handshake took too long");
            None
        }
    }
}

/// A connection's bytes.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Stream for Socket {
    async fn bytes_came(&self) -> bool {
        match self {
            Socket::Tcp(stream) => tcp_bytes_came(stream).await,
            Socket::Tls(stream) => {
                let (socket, tls) = stream.get_ref();
                // What came together with the end of the handshake is decrypted already, and the
                // socket will not tell of it again.
                if !tls.wants_read() {
                    return true;
                }
                tcp_bytes_came(socket).await
            }
            Socket::Unix(stream) => {
                let peek = || SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]);
                let came = stream.async_io(Interest::READABLE, peek).await;
                came.is_ok_and(|bytes| bytes > 0)
            }
        }
    }
}

/// Looks rather than trusts: a socket that is new counts as readable until something was tried.
async fn tcp_bytes_came(stream: &TcpStream) -> bool {
    stream.peek(&mut [0]).await.is_ok_and(|bytes| bytes > 0)
}

/// The same call on whichever stream it is.
macro_rules! on_each {
    ($stream:expr, $method:ident($($argument:expr),*)) => {
        match $stream.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Socket::Tls(stream) => Pin::new(stream).$method($($argument),*),
            Socket::Unix(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_each!(self, poll_read(context, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_each!(self, poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_each!(self, poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_each!(self, poll_shutdown(context))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Socket::Tcp(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
            Socket::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_each!(self, poll_write_vectored(context, slices))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::SocketAddr;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
    use rustls::{ClientConfig, ClientConnection, RootCertStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Ends its handshake and sends a request in the same write.
    fn hasty_client(to: SocketAddr, root: CertificateDer<'static>) {
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = std::net::TcpStream::connect(to).unwrap();
        tls.write_tls(&mut socket).unwrap();
        while tls.is_handshaking() {
            tls.read_tls(&mut socket).unwrap();
            tls.process_new_packets().unwrap();
        }
        tls.writer().write_all(b"GET /").unwrap();
        let mut flight = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut flight).unwrap();
        }
        socket.write_all(&flight).unwrap();
        // The connection stays open until the other side ends it, so that only bytes can tell.
        while socket.read(&mut [0; 1024]).is_ok_and(|bytes| bytes > 0) {}
    }

    /// Says nothing, then a byte, then that it ends.
    async fn tells_when_bytes_come(mut client: impl AsyncWrite + Unpin, socket: Socket) {
        let moment = Duration::from_millis(20);
        assert!(timeout(moment, socket.bytes_came()).await.is_err(), "nothing came");
        client.write_all(b"G").await.unwrap();
        assert!(socket.bytes_came().await);
        assert!(socket.bytes_came().await, "the byte is still there");
        let mut socket = socket;
        socket.read_exact(&mut [0]).await.unwrap();
        client.shutdown().await.unwrap();
        assert!(!socket.bytes_came().await, "none will come");
    }

    #[tokio::test]
    async fn a_new_connection_has_bytes_once_they_came() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(to), listener.accept());
        let socket = Accepted::Tcp(accepted.unwrap().0).plain().unwrap();
        tells_when_bytes_come(client.unwrap(), socket).await;
        let (client, accepted) = UnixStream::pair().unwrap();
        tells_when_bytes_come(client, Accepted::Unix(accepted).plain().unwrap()).await;
    }

    #[tokio::test]
    async fn a_request_that_comes_with_the_end_of_the_handshake_is_seen() {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let config = config.with_single_cert(vec![cert.der().clone()], key.into()).unwrap();
        let (_keep, config) = watch::channel(Arc::new(config));
        let tls = Tls { config, handshake_time_max: Duration::from_secs(60) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let root = cert.der().clone();
        let client = tokio::task::spawn_blocking(move || hasty_client(to, root));
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = Accepted::Tls(stream, tls).open(Duration::from_secs(60)).await.unwrap();
        let came = timeout(Duration::from_secs(60), socket.bytes_came()).await;
        assert_eq!(came, Ok(true));
        let mut request = [0; 5];
        socket.read_exact(&mut request).await.unwrap();
        assert_eq!(&request, b"GET /");
        drop(socket);
        client.await.unwrap();
    }
}
