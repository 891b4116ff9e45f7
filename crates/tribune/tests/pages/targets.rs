//! What checks of a page can look at that a machine may not have: a gRPC server with the health
//! protocol, which answers HTTP/2 pings too, a server that speaks TLS, and Docker's engine.
//! Invariant: they end with the value that holds them.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use ::h2::server;
use bytes::Bytes;
use hyper::Response;
use hyper::header::{HeaderMap, HeaderValue};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// Where the pages say they are.
const GRPC_PORT: u16 = 50051;
const TLS_PORT: u16 = 8443;

/// Where `DOCKER_HOST` says the engine is, in the page's folder.
pub const ENGINE_SOCKET: &str = "docker.sock";
/// The one container that there is. Its programs are those of this machine.
const CONTAINER: &str = "f972c95ebf0e";

pub struct Targets {
    _runtime: Runtime,
}

impl Targets {
    /// Starts all of them: on an address, and in a folder for what is reached by a socket there.
    pub fn start(address: Ipv4Addr, folder: &Path) -> Targets {
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
        let entered = runtime.enter();
        let engine = UnixListener::bind(folder.join(ENGINE_SOCKET)).expect("a socket");
        drop(entered);
        runtime.spawn(run_engine(engine));
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

/// Speaks as much of the engine's API as running a program needs: it is made known, run, and asked
/// how it ended. Each program has its number.
///
/// Source: Docker Engine API 1.41, "Exec".
async fn run_engine(listener: UnixListener) {
    let (mut wishes, mut codes) = (Vec::new(), Vec::new());
    while let Ok((stream, _)) = listener.accept().await {
        let mut stream = BufReader::new(stream);
        let Some((line, body)) = request(&mut stream).await else { continue };
        let path: Vec<&str> = line.split(['/', ' ']).filter(|part| !part.is_empty()).collect();
        let number = path.get(2).and_then(|id| id.parse::<usize>().ok());
        let known = number.filter(|number| *number < wishes.len());
        let answer = match (path.as_slice(), known) {
            (["POST", "containers", CONTAINER, "exec", ..], _) => {
                wishes.push(program(&body));
                codes.push(None);
                json("201 Created", &format!(r#"{{"Id":"{}"}}"#, wishes.len() - 1))
            }
            (["POST", "containers", other, "exec", ..], _) => {
                json("404 Not Found", &format!(r#"{{"message":"No such container: {other}"}}"#))
            }
            (["POST", "exec", _, "start", ..], Some(number)) => {
                let output = run(&wishes[number]);
                codes[number] = output.status.code();
                said(&output)
            }
            (["GET", "exec", _, "json", ..], Some(number)) => {
                let code = codes[number].map_or("null".to_owned(), |code: i32| code.to_string());
                json("200 OK", &format!(r#"{{"Running":false,"ExitCode":{code}}}"#))
            }
            _ => json("404 Not Found", r#"{"message":"page not found"}"#),
        };
        // Whoever asked may have gone.
        let _ = stream.get_mut().write_all(&answer).await;
        let _ = stream.get_mut().shutdown().await;
    }
}

/// The request's line and its body.
async fn request(stream: &mut BufReader<UnixStream>) -> Option<(String, Vec<u8>)> {
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).await.ok()?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        match line.trim().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", bytes)) => length = bytes.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((first, body))
}

/// The program of a wish, with its arguments.
fn program(wish: &[u8]) -> Vec<String> {
    let wish: serde_json::Value = serde_json::from_slice(wish).expect("a wish is JSON");
    let words = wish["Cmd"].as_array().into_iter().flatten();
    words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

fn run(words: &[String]) -> Output {
    let (program, arguments) = words.split_first().expect("a program");
    std::process::Command::new(program).args(arguments).output().expect("a program of this machine")
}

/// Each stream has a number, and its length, before what was said on it.
fn said(output: &Output) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    for (stream, text) in [(1, &output.stdout), (2, &output.stderr)] {
        let length = u32::try_from(text.len()).expect("a short text");
        answer.extend([stream, 0, 0, 0]);
        answer.extend(length.to_be_bytes());
        answer.extend(text);
    }
    answer
}

fn json(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}
