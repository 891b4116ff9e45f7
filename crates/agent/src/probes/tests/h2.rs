//! Checks over HTTP/2: pings and gRPC.

use ::h2::server;
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Response};

use super::*;

/// A gRPC server that knows some services; it keeps what it was asked.
struct Grpc {
    address: String,
    asked: Arc<Asked>,
    _tasks: JoinSet<()>,
}

/// Heads, and the questions that came with them.
type Asked = Mutex<Vec<(String, Vec<u8>)>>;

impl Grpc {
    async fn start(secure: bool) -> Grpc {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let acceptor = secure.then(|| acceptor(b"h2").0);
        let asked = Arc::new(Asked::default());
        let seen = asked.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match &acceptor {
                    None => serve(stream, &seen).await,
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => serve(stream, &seen).await,
                        Err(_) => continue,
                    },
                }
            }
        });
        Grpc { address, asked, _tasks: tasks }
    }

    async fn ask(&self, service: &str, tls: Option<TlsProbe>) -> (String, String) {
        let (address, service) = (self.address.clone(), service.to_owned());
        run(ProbeSpec::Grpc(GrpcProbe { address, service, tls }), LIMIT).await
    }
}

async fn serve<S>(stream: S, asked: &Asked)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let Ok(mut connection) = server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let work = async {
            let (head, question) = take(request).await;
            let name = String::from_utf8_lossy(question.get(7..).unwrap_or_default()).into_owned();
            asked.lock().unwrap().push((head, question));
            let mut head = Response::new(());
            let headers = head.headers_mut();
            headers.insert("content-type", HeaderValue::from_static("application/grpc"));
            if name == "nosuch" {
                headers.insert("grpc-status", HeaderValue::from_static("5"));
                headers.insert("grpc-message", HeaderValue::from_static("unknown%20service"));
                let _ = respond.send_response(head, true);
                return;
            }
            let status = if name == "sick" { 2 } else { 1 };
            let mut body = respond.send_response(head, false).unwrap();
            let _ = body.send_data(Bytes::from(vec![0, 0, 0, 0, 2, 8, status]), false);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let _ = body.send_trailers(trailers);
        };
        // The connection moves only while it is polled: for the answer, and to its end.
        tokio::select! {
            () = work => {}
            _ = std::future::poll_fn(|context| connection.poll_closed(context)) => {}
        }
    }
}

async fn take(request: Request<::h2::RecvStream>) -> (String, Vec<u8>) {
    let head = format!("{} {} {:?}", request.method(), request.uri().path(), request.headers());
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        bytes.extend_from_slice(&data);
    }
    (head, bytes)
}

#[tokio::test]
async fn a_grpc_server_is_asked_about_a_service_in_the_health_protocol() {
    let server = Grpc::start(false).await;
    let address = server.address.clone();
    for (service, status, output) in [
        ("", "passing", format!("gRPC check {address}: success")),
        ("svc", "passing", format!("gRPC check {address}/svc: success")),
        ("sick", "critical", format!("gRPC check {address}/sick: service is NOT_SERVING")),
        ("nosuch", "critical", "rpc error: code = NotFound desc = unknown service".to_owned()),
    ] {
        assert_eq!(server.ask(service, None).await, (status.to_owned(), output));
    }
    let (head, question) = server.asked.lock().unwrap()[1].clone();
    assert_eq!(question, [0, 0, 0, 0, 5, 0x0a, 3, b's', b'v', b'c']);
    assert!(head.starts_with("POST /grpc.health.v1.Health/Check"), "{head}");
    assert!(head.contains("application/grpc") && head.contains("trailers"), "{head}");
}

#[tokio::test]
async fn grpc_over_tls_checks_its_peer_unless_told_not_to() {
    let server = Grpc::start(true).await;
    assert_eq!(server.ask("", Some(tls(true))).await.0, "passing");
    let (status, output) = server.ask("", Some(tls(false))).await;
    assert_eq!(status, "critical");
    assert!(output.starts_with("rpc error: code = Unavailable desc = "), "{output}");
}

#[tokio::test]
async fn pings_are_answered_with_tls_and_without() {
    for is_tls in [false, true] {
        let server = Grpc::start(is_tls).await;
        let settings = is_tls.then(|| tls(true));
        let probe = TcpProbe { address: server.address.clone(), tls: settings };
        let found = run(ProbeSpec::H2ping(probe), LIMIT).await;
        let expected = format!("HTTP/2 ping {}: Success", server.address);
        assert_eq!(found, ("passing".to_owned(), expected));
    }
}

#[tokio::test]
async fn who_does_not_speak_http2_fails_with_a_reason_and_in_time() {
    let closed = format!("127.0.0.1:{}", closed_port().await);
    let refused = format!("dial tcp {closed}: connect: connection refused");
    let ping = |address: &str| ProbeSpec::H2ping(TcpProbe { address: address.into(), tls: None });
    let ask = |address: &str| {
        let (address, service) = (address.to_owned(), String::new());
        ProbeSpec::Grpc(GrpcProbe { address, service, tls: None })
    };
    let dialing = format!("transport: Error while dialing: {refused}");
    for (spec, output) in [
        (ping(&closed), format!("Failed to dial to {closed}: {refused}")),
        (
            ask(&closed),
            format!("rpc error: code = Unavailable desc = connection error: desc = \"{dialing}\""),
        ),
    ] {
        assert_eq!(run(spec, LIMIT).await, ("critical".to_owned(), output));
    }
    let old = Canned::start("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let address = format!("127.0.0.1:{}", old.port);
    for spec in [ping(&address), ask(&address)] {
        let (status, output) = run(spec, LIMIT).await;
        assert_eq!(status, "critical", "{output}");
    }
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let limit = Duration::from_millis(100);
    let (status, output) = run(ping(&address), limit).await;
    let expected = format!("HTTP/2 ping {address}: no answer within 100ms");
    assert_eq!((status.as_str(), output), ("critical", expected));
    let (_, output) = run(ask(&address), limit).await;
    assert_eq!(output, "rpc error: code = DeadlineExceeded desc = context deadline exceeded");
}
