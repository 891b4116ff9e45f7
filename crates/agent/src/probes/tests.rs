//! Probes against small servers of their own on the loopback.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tribune_edge::{HttpProbe, TlsProbe};

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
    let request = ProbeRequest {
        check: "c".into(),
        generation: 1,
        spec: Arc::new(spec),
        timeout,
        output_bytes_max: 64,
    };
    let found = SocketProber::new().probe(request).await;
    (found.status.as_str().to_owned(), found.output)
}

async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn an_answers_status_decides_and_its_output_reads_as_consuls() {
    for (line, status) in
        [("200 OK", "passing"), ("429 Too Many Requests", "warning"), ("404 Not Found", "critical")]
    {
        let answer = format!("HTTP/1.1 {line}\r\nContent-Length: 2\r\n\r\n[]");
        let server = Canned::start(&answer).await;
        let (found, output) = server.probe(get("/x?keys")).await;
        let expected = format!("HTTP GET http://127.0.0.1:<port>/x?keys: {line} Output: []");
        assert_eq!((found.as_str(), server.without_port(&output)), (status, expected));
    }
}

#[tokio::test]
async fn a_probe_sends_what_its_check_says() {
    let server = Canned::start("HTTP/1.1 204 No Content\r\n\r\n").await;
    let probe = HttpProbe {
        method: "POST".into(),
        headers: [
            ("X-A".to_owned(), vec!["1".to_owned(), "2".to_owned()]),
            ("Host".to_owned(), vec!["example.com".to_owned()]),
        ]
        .into(),
        body: "ping".into(),
        ..get("/health")
    };
    assert_eq!(server.probe(probe).await.0, "passing");
    let asked = server.asked().remove(0).to_lowercase();
    for part in [
        "post /health http/1.1\r\n",
        "user-agent: consul health check\r\n",
        "accept: text/plain, text/*, */*\r\n",
        "host: example.com\r\n",
        "x-a: 1\r\nx-a: 2\r\n",
        "connection: close\r\n",
        "\r\n\r\nping",
    ] {
        assert!(asked.contains(part), "{part:?} not in {asked:?}");
    }
}

#[tokio::test]
async fn redirections_are_followed_unless_the_check_says_no() {
    let last = Canned::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let answer =
        format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/b\r\n\r\n", last.port);
    let first = Canned::start(&answer).await;
    assert_eq!(first.probe(get("/a")).await.0, "passing");
    assert!(last.asked()[0].starts_with("GET /b "));
    let stays = HttpProbe { follow_redirects: false, ..get("/a") };
    let (status, output) = first.probe(stays).await;
    assert_eq!(status, "critical");
    assert!(output.contains(": 302 Found Output: "), "{output}");
}

#[tokio::test]
async fn a_circle_of_redirections_ends() {
    let server = Canned::start("HTTP/1.1 307 Go\r\nLocation: /again\r\n\r\n").await;
    let (status, output) = server.probe(get("/")).await;
    let expected = "Get \"http://127.0.0.1:<port>/\": stopped after 10 redirects";
    assert_eq!((status.as_str(), server.without_port(&output).as_str()), ("critical", expected));
    assert_eq!(server.asked().len(), 11);
}

#[tokio::test]
async fn of_a_long_body_only_the_beginning_is_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        // Ends only when the probe hangs up.
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let (status, output) =
        run(ProbeSpec::Http(get(&format!("http://127.0.0.1:{port}/"))), LIMIT).await;
    assert_eq!(status, "passing");
    assert!(output.ends_with(&format!("Output: {}", "x".repeat(64))), "{output}");
    tokio::time::timeout(LIMIT, tasks.join_next()).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn targets_that_do_not_answer_fail_in_gos_words() {
    let port = closed_port().await;
    let refused = format!("dial tcp 127.0.0.1:{port}: connect: connection refused");
    let url = format!("http://127.0.0.1:{port}/x");
    let tcp = ProbeSpec::Tcp(TcpProbe { address: format!("127.0.0.1:{port}"), tls: None });
    let cases = [
        (ProbeSpec::Http(get(&url)), format!("Get \"{url}\": {refused}")),
        (tcp, refused),
        (
            ProbeSpec::Http(get("not a url")),
            "Get \"not%20a%20url\": unsupported protocol scheme \"\"".to_owned(),
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(run(spec, LIMIT).await, ("critical".to_owned(), expected));
    }
    let garbage = Canned::start("SSH-2.0-OpenSSH\r\n\r\n").await;
    let (status, output) = garbage.probe(get("/")).await;
    assert_eq!(status, "critical");
    assert!(output.ends_with("malformed HTTP response"), "{output}");
}

#[tokio::test]
async fn a_probe_ends_at_its_limit() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let limit = Duration::from_millis(100);
    let (status, output) = run(ProbeSpec::Http(get(&url)), limit).await;
    assert_eq!(status, "critical");
    assert!(output.contains("context deadline exceeded"), "{output}");
}

#[tokio::test]
async fn tls_checks_its_peer_unless_told_not_to() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let tls = |skip_verify| TlsProbe { server_name: "localhost".into(), skip_verify };
    for (skip_verify, expected) in [(true, "passing"), (false, "critical")] {
        let tcp = TcpProbe { address: address.clone(), tls: Some(tls(skip_verify)) };
        let (status, output) = run(ProbeSpec::Tcp(tcp), LIMIT).await;
        assert_eq!(status, expected, "{output}");
        let url = format!("https://{address}/");
        let http = HttpProbe { tls: tls(skip_verify), ..get(&url) };
        let (status, output) = run(ProbeSpec::Http(http), LIMIT).await;
        assert_eq!(status, expected, "{output}");
    }
}
