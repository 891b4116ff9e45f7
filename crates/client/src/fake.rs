//! An agent for tests: HTTP on a loopback port, answered by a closure. It knows nothing of Consul
//! but what a test tells it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use crate::{Client, Config};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `PUT /v1/kv/a?cas=1`.
    pub(crate) line: String,
    pub(crate) body: Bytes,
    pub(crate) token: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// An answer with an index.
pub(crate) fn told(status: u16, index: u64, body: impl Into<Bytes>) -> Told {
    let headers = vec![("X-Consul-Index", index.to_string())];
    Told { status, headers, body: body.into() }
}

type Answering = Pin<Box<dyn Future<Output = Told> + Send>>;
type Handler = Arc<dyn Fn(Asked) -> Answering + Send + Sync>;

pub(crate) struct Fake {
    pub(crate) address: String,
    pub(crate) seen: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

impl Fake {
    pub(crate) async fn new<F, A>(handler: F) -> Fake
    where
        F: Fn(Asked) -> A + Send + Sync + 'static,
        A: Future<Output = Told> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (handler, seen) = recording(handler);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, handler.clone()));
            }
        });
        Fake { address, seen, _tasks: tasks }
    }

    pub(crate) async fn on_socket<F, A>(path: &std::path::Path, handler: F) -> Fake
    where
        F: Fn(Asked) -> A + Send + Sync + 'static,
        A: Future<Output = Told> + Send + 'static,
    {
        let listener = UnixListener::bind(path).unwrap();
        let (handler, seen) = recording(handler);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, handler).await;
        });
        Fake { address: format!("unix://{}", path.display()), seen, _tasks: tasks }
    }

    /// Gives these answers in turn, then waits for ever, as a blocking query does.
    pub(crate) async fn script(answers: Vec<Told>) -> Fake {
        let left = Arc::new(Mutex::new(answers.into_iter()));
        Fake::new(move |_| {
            let next = left.lock().unwrap().next();
            async move {
                match next {
                    Some(told) => told,
                    None => std::future::pending().await,
                }
            }
        })
        .await
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(Config::new(&self.address)).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|asked| asked.line.clone()).collect()
    }
}

fn recording<F, A>(handler: F) -> (Handler, Arc<Mutex<Vec<Asked>>>)
where
    F: Fn(Asked) -> A + Send + Sync + 'static,
    A: Future<Output = Told> + Send + 'static,
{
    let seen: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let recorder = seen.clone();
    let handler: Handler = Arc::new(move |asked: Asked| {
        recorder.lock().unwrap().push(asked.clone());
        Box::pin(handler(asked))
    });
    (handler, seen)
}

async fn serve<S>(stream: S, handler: Handler)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let handler = handler.clone();
        async move {
            let (head, body) = request.into_parts();
            let target = head.uri.path_and_query().unwrap().as_str().to_string();
            let token = head.headers.get("X-Consul-Token").map(|value| value.to_str().unwrap());
            let asked = Asked {
                line: format!("{} {target}", head.method),
                token: token.unwrap_or_default().to_string(),
                body: body.collect().await.unwrap().to_bytes(),
            };
            let told = handler(asked).await;
            let mut response = Response::builder().status(told.status);
            for (name, value) in told.headers {
                response = response.header(name, value);
            }
            Ok::<_, Infallible>(response.body(Full::new(told.body)).unwrap())
        }
    });
    // A client that goes away in the middle is part of the tests.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
