//! Probes of each kind against small servers of their own on the loopback, and small programs.

mod h2;
mod http;
mod program;
mod stream;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tribune_edge::{GrpcProbe, HttpProbe, TlsProbe};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// A server that gives the same bytes to everyone, and keeps what it was asked.
struct Canned {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Canned {
    async fn start(answer: &str) -> Canned {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = answer.replace("<port>", &port.to_string());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = head(&mut stream).await;
                seen.lock().unwrap().push(request);
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Canned { port, asked, _tasks: tasks }
    }

    async fn probe(&self, probe: HttpProbe) -> (String, String) {
        let url = format!("http://127.0.0.1:{}{}", self.port, probe.url);
        run(ProbeSpec::Http(HttpProbe { url, ..probe }), LIMIT).await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn without_port(&self, text: &str) -> String {
        text.replace(&self.port.to_string(), "<port>")
    }
}

/// What a client sends until it waits: a head and the body of a few bytes that follows at once.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 1024];
    loop {
        let count = stream.read(&mut part).await.unwrap_or(0);
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let length = text.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if count == 0 || body.is_some_and(|body| body >= length.unwrap_or(0)) {
            return text;
        }
    }
}

fn get(path: &str) -> HttpProbe {
    HttpProbe {
        url: path.into(),
        method: "GET".into(),
        follow_redirects: true,
        ..HttpProbe::default()
    }
}

async fn run(spec: ProbeSpec, timeout: Duration) -> (String, String) {
    run_with(&SocketProber::new(), spec, timeout).await
}

async fn run_with(prober: &SocketProber, spec: ProbeSpec, timeout: Duration) -> (String, String) {
    let request = ProbeRequest {
        check: "c".into(),
        generation: 1,
        spec: Arc::new(spec),
        timeout,
        output_bytes_max: 64,
    };
    let found = prober.probe(request).await;
    (found.status.as_str().to_owned(), found.output)
}

async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// Speaks TLS with a certificate of its own for `localhost`; whose root comes along.
fn acceptor(alpn: &[u8]) -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    if !alpn.is_empty() {
        config.alpn_protocols = vec![alpn.to_vec()];
    }
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

fn tls(skip_verify: bool) -> TlsProbe {
    TlsProbe { server_name: "localhost".into(), skip_verify }
}

/// A folder of this test alone.
fn folder(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("probes-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir(&path).unwrap();
    path
}
