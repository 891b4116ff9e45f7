//! Connections as clients see them: over real sockets where they are counted, over pipes in memory
//! with a clock that jumps where they are timed.

use bytes::Bytes;
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::patience::{REST_TIME_MAX, WRITE_STALL_MAX};
use super::super::reply::{Reply, TYPE_TEXT};
use super::*;

struct Echo;

impl Service for Echo {
    async fn serve(
        self: Arc<Self>,
        _client: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, HangUp> {
        let path = request.uri().path();
        if path == "/hang-up" {
            return Err(HangUp);
        }
        if let Some(bytes) = path.strip_prefix("/bytes/") {
            return Ok(Response::new(Bytes::from(vec![b'x'; bytes.parse().unwrap()]).into()));
        }
        if path == "/stream" {
            return Ok(stream_of(&["one ", "two ", "three"]));
        }
        if path == "/park" {
            std::future::pending::<()>().await;
        }
        let whole = request.uri().path_and_query().map_or(path, |own| own.as_str());
        Ok(Response::new(Bytes::from(whole.to_owned()).into()))
    }
}

/// A body whose parts come far apart.
fn stream_of(parts: &'static [&'static str]) -> Response<ReplyBody> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for part in parts {
            tokio::time::advance(REST_TIME_MAX * 3).await;
            sender.send(Bytes::from_static(part.as_bytes())).await.unwrap();
        }
    });
    Reply::streaming(TYPE_TEXT, receiver).into_response()
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
        let text = answer(&mut stream, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(path), "{text}");
    }
    shutdown.cancel();
}

#[tokio::test]
async fn a_target_that_is_not_escaped_is_understood() {
    let (address, shutdown) = started(ServerLimits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    for (target, seen) in
        [("/a?f=b>\"1\"", "/a?f=b%3E%221%22"), ("/a?f=b", "/a?f=b"), ("/<", "/%3C")]
    {
        let text = answer(&mut stream, &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(seen), "{text}");
    }
    // Escaped, it is longer than what is read at once.
    let long = format!("/?{}", ">".repeat(20_000));
    stream.write_all(format!("GET {long} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.ends_with(&"%3E".repeat(20_000)) {
        let mut part = vec![0; 4096];
        let bytes = stream.read(&mut part).await.unwrap();
        assert!(bytes > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&part[..bytes]));
    }
    shutdown.cancel();
}

#[tokio::test]
async fn a_service_can_hang_up_without_an_answer() {
    let (address, shutdown) = started(ServerLimits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(answer(&mut stream, "GET /hang-up HTTP/1.1\r\nHost: x\r\n\r\n").await, "");
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

#[tokio::test]
async fn a_unix_socket_is_served_as_a_port_is() {
    let path = std::env::temp_dir().join(format!("tribune-wire-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let shutdown = CancellationToken::new();
    let server = Server::new(Arc::new(Echo), ServerLimits::default(), shutdown.clone());
    tokio::spawn(server.run(Listener::Unix(listener)));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let ask = "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let _ = std::fs::remove_file(&path);
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("/a"), "{text}");
    shutdown.cancel();
}

impl Stream for DuplexStream {
    async fn bytes_came(&self) -> bool {
        true
    }
}

/// A connection in memory, which holds so many bytes each way.
fn piped(bytes: usize) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (near, far) = tokio::io::duplex(bytes);
    let server = Server::new(Arc::new(Echo), ServerLimits::default(), CancellationToken::new());
    let connections = server.connections;
    let client = IpAddr::from([127, 0, 0, 1]);
    (near, tokio::spawn(async move { connections.keep(far, client).await }))
}

async fn rest_of(stream: &mut DuplexStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_part_of_a_head_is_timed_whatever_came_before_it() {
    for before in ["", GET, "PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok"] {
        let (mut stream, _ended) = piped(4096);
        stream.write_all(format!("{before}GET /next HTTP").as_bytes()).await.unwrap();
        let start = Instant::now();
        let text = rest_of(&mut stream).await;
        assert_eq!(start.elapsed(), HEAD_TIME_MAX, "{before}");
        assert_eq!(text.matches("HTTP/1.1 200").count(), usize::from(!before.is_empty()));
        assert!(text.contains("HTTP/1.1 408 Request Timeout"), "{text}");
        assert!(text.ends_with("within 10 seconds of its first byte\n"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_rests_goes_on_without_its_buffers() {
    let (mut stream, ended) = piped(4096);
    for _ in 0..3 {
        stream.write_all(GET.as_bytes()).await.unwrap();
        let mut buffer = vec![0; 4096];
        let bytes = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..bytes].starts_with(b"HTTP/1.1 200"));
        tokio::time::advance(REST_TIME_MAX * 3).await;
    }
    drop(stream);
    ended.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_long_pauses_is_an_answer_under_way() {
    let (mut stream, _ended) = piped(4096);
    let ask = "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let text = rest_of(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    for part in ["one ", "two ", "three"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_answer_is_ended() {
    let (mut stream, ended) = piped(1024);
    stream.write_all(b"GET /bytes/1000000 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let start = Instant::now();
    ended.await.unwrap();
    assert_eq!(start.elapsed(), WRITE_STALL_MAX);
    assert_eq!(rest_of(&mut stream).await.len(), 1024);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_gets_its_answer() {
    let (mut stream, _ended) = piped(1 << 16);
    stream.write_all(b"GET /bytes/1000000 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let (mut bytes, mut buffer) = (0, vec![0; 1 << 16]);
    while bytes < 1_000_000 {
        tokio::time::advance(WRITE_STALL_MAX / 2).await;
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "ended after {bytes} bytes");
        bytes += read;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_pipelined_behind_a_parked_request_is_not_read() {
    let (mut stream, _ended) = piped(1024);
    stream.write_all(b"GET /park HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let flood = async {
        let mut sent = 0;
        while let Ok(()) = stream.write_all(GET.as_bytes()).await {
            sent += GET.len();
            assert!(sent < 256 << 10, "the server reads on and on");
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), flood).await.is_err());
}

/// What a connection that rests may hold beside its socket, in bytes.
const RESTING_BYTES_MAX: usize = 1024;

#[tokio::test]
async fn a_connection_that_rests_holds_no_room_for_what_it_does_not_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = Server::new(Arc::new(Echo), ServerLimits::default(), shutdown);
    let (_client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (stream, client) = accepted.unwrap();
    let connection = server.connection(Accepted::Tcp(stream), client.ip());
    let bytes = size_of_val(&connection);
    assert!(bytes <= RESTING_BYTES_MAX, "{bytes} bytes");
}
