//! What checks of a page can look at that a machine may not have: a gRPC server with the health
//! protocol, which answers HTTP/2 pings too, and a server that speaks TLS.
//! Invariant: they end with the value that holds them.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ::h2::server;
use bytes::Bytes;
use hyper::Response;
use hyper::header::{HeaderMap, HeaderValue};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// Where the pages say they are.
const GRPC_PORT: u16 = 50051;
const TLS_PORT: u16 = 8443;

pub struct Targets {
    _runtime: Runtime,
}

impl Targets {
    /// Starts all of them on an address.
    pub fn start(address: Ipv4Addr) -> Targets {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let listen = |port| runtime.block_on(TcpListener::bind((address, port)));
        let (grpc, tls) = (listen(GRPC_PORT).expect("a port"), listen(TLS_PORT).expect("a port"));
        runtime.spawn(accept(grpc, |stream| async move { speak_grpc(stream).await }));
        let acceptor = acceptor();
        runtime.spawn(accept(tls, move |stream| {
            let acceptor = acceptor.clone();
            // The handshake is all that a check asks for.
            async move { drop(acceptor.accept(stream).await) }
        }));
        Targets { _runtime: runtime }
    }
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    serve: impl Fn(TcpStream) -> F,
) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream));
    }
}

/// Says of every service that it serves, but of those whose name ends in `sick`.
async fn speak_grpc(stream: TcpStream) {
    let Ok(mut connection) = server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let answer = async {
            let mut question = request.into_body();
            let mut is_sick = false;
            while let Some(Ok(data)) = question.data().await {
                is_sick |= data.ends_with(b"sick");
            }
            let mut head = Response::new(());
            let kind = HeaderValue::from_static("application/grpc");
            head.headers_mut().insert("content-type", kind);
            let Ok(mut body) = respond.send_response(head, false) else { return };
            let status = if is_sick { 2 } else { 1 };
            let _ = body.send_data(Bytes::from(vec![0, 0, 0, 0, 2, 8, status]), false);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let _ = body.send_trailers(trailers);
        };
        // The connection moves only while it is polled: for the answer, and to its end.
        tokio::select! {
            () = answer => {}
            _ = std::future::poll_fn(|context| connection.poll_closed(context)) => {}
        }
    }
}

/// With a certificate that nobody trusts.
fn acceptor() -> TlsAcceptor {
    let names = vec!["web.example".to_owned()];
    let own = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .expect("a configuration");
    TlsAcceptor::from(Arc::new(config))
}
