//! The floor: a hyper server that answers one body whatever is asked. A request with `index=`
//! waits until the next PUT, as a watcher of one key would.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;

struct Bare {
    body: Bytes,
    index: AtomicU64,
    changed: Notify,
}

/// Serves until it is ended from outside. It gets as many threads as a measured server would.
pub fn serve(address: SocketAddr, bytes: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let body = Bytes::from(vec![b'v'; bytes]);
    let bare = Arc::new(Bare { body, index: AtomicU64::new(1), changed: Notify::new() });
    runtime.block_on(async move {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let bare = bare.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(bare.clone(), request));
                let http = hyper::server::conn::http1::Builder::new();
                // The client ends its connections when it has measured.
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

async fn answer(
    bare: Arc<Bare>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    // Whatever was sent is dropped.
    let _ = body.collect().await;
    if head.method == Method::PUT {
        bare.index.fetch_add(1, Ordering::Relaxed);
        bare.changed.notify_waiters();
    } else if head.uri.query().is_some_and(|query| query.contains("index=")) {
        bare.changed.notified().await;
    }
    let mut response = Response::new(Full::new(bare.body.clone()));
    let index = bare.index.load(Ordering::Relaxed);
    response.headers_mut().insert("x-consul-index", index.into());
    Ok(response)
}
