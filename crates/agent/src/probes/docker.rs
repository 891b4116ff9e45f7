//! One Docker check: a program within a container, started through the engine's HTTP interface.
//! Its exit code decides, as a script's does.
//! Source: consul-surface C; the Docker Engine API documentation, Exec and the stream format of
//! ContainerAttach.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tribune_api::duration::GoDuration;
use tribune_edge::DockerProbe;
use tribune_node::local::Probed;

use super::critical;
use super::dial::{dial, system_text};
use super::drive::drive;
use super::output::Tail;
use super::resolve::Resolver;
use super::script::of_exit_code;

/// Where the engine listens, as its own client is told.
const ENGINE_VARIABLE: &str = "DOCKER_HOST";
const ENGINE_DEFAULT: &str = "unix:///var/run/docker.sock";
/// The engine's answers are a few hundred bytes; what the program says is not counted.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Kind, three zeroes and a length before each part of what the program says.
const PART_HEAD_BYTES: usize = 8;

/// Where the engine is.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    place: String,
}

impl Engine {
    /// As the environment says.
    pub fn from_environment() -> Engine {
        let named = std::env::var(ENGINE_VARIABLE).ok().filter(|place| !place.is_empty());
        Engine::at(&named.unwrap_or(ENGINE_DEFAULT.to_owned()))
    }

    /// At this place: `unix:///path` or `tcp://host:port`.
    pub fn at(place: &str) -> Engine {
        Engine { place: place.to_owned() }
    }

    /// Runs the program; never longer than `limit`.
    pub async fn probe(
        &self,
        probe: &DockerProbe,
        resolver: &Resolver,
        limit: Duration,
        output_bytes_max: usize,
    ) -> Probed {
        let run = self.run(probe, resolver, output_bytes_max);
        match tokio::time::timeout(limit, run).await {
            Ok(Ok(probed)) => probed,
            Ok(Err(why)) => critical(format!("docker: {why}")),
            Err(_) => {
                critical(format!("Timed out ({}) running check", GoDuration::from_std(limit)))
            }
        }
    }

    async fn run(
        &self,
        probe: &DockerProbe,
        resolver: &Resolver,
        bytes_max: usize,
    ) -> Result<Probed, String> {
        let container = utf8_percent_encode(&probe.container, NON_ALPHANUMERIC);
        let wish = json!({ "AttachStdout": true, "AttachStderr": true, "Cmd": probe.args });
        let path = format!("/containers/{container}/exec");
        let created = self.call(resolver, Method::POST, &path, Some(wish)).await?;
        let id = created.get("Id").and_then(Json::as_str).ok_or("the engine gave no exec id")?;
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
        let begin = json!({ "Detach": false, "Tty": false });
        let path = format!("/exec/{id}/start");
        let mut parts = Parts::new(bytes_max);
        let request = request(Method::POST, &path, Some(begin))?;
        self.exchange(resolver, request, |bytes| parts.push(bytes)).await?;
        let path = format!("/exec/{id}/json");
        let ended = self.call(resolver, Method::GET, &path, None).await?;
        let code = ended.get("ExitCode").and_then(Json::as_i64);
        let code = code.and_then(|code| i32::try_from(code).ok());
        Ok(Probed { status: of_exit_code(code), output: parts.tail.text() })
    }

    /// Asks the engine, whose answer is JSON.
    async fn call(
        &self,
        resolver: &Resolver,
        method: Method,
        path: &str,
        body: Option<Json>,
    ) -> Result<Json, String> {
        let mut answer = Vec::new();
        let request = request(method, path, body)?;
        self.exchange(resolver, request, |bytes| {
            let room = ANSWER_BYTES_MAX.saturating_sub(answer.len());
            answer.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        })
        .await?;
        serde_json::from_slice(&answer).map_err(|error| format!("the engine's answer: {error}"))
    }

    async fn exchange(
        &self,
        resolver: &Resolver,
        request: Request<Full<Bytes>>,
        take: impl FnMut(&[u8]),
    ) -> Result<(), String> {
        let cannot = |why: String| format!("cannot reach the engine at {}: {why}", self.place);
        if let Some(path) = self.place.strip_prefix("unix://") {
            let stream = UnixStream::connect(path).await;
            return over(stream.map_err(|error| cannot(system_text(&error)))?, request, take).await;
        }
        let Some(address) = self.place.strip_prefix("tcp://") else {
            return Err(cannot(format!("{ENGINE_VARIABLE} must begin with unix:// or tcp://")));
        };
        let stream = dial(address.trim_end_matches('/'), resolver).await;
        over(stream.map_err(cannot)?, request, take).await
    }
}

fn request(method: Method, path: &str, body: Option<Json>) -> Result<Request<Full<Bytes>>, String> {
    let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, HeaderValue::from_static("docker"))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(Full::new(body))
        .map_err(|error| error.to_string())
}

async fn over<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    take: impl FnMut(&[u8]),
) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| format!("the engine hung up: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    drive(connection, async move {
        let response = sender.send_request(request).await.map_err(failed)?;
        read(response, take).await
    })
    .await
}

async fn read(response: Response<Incoming>, mut take: impl FnMut(&[u8])) -> Result<(), String> {
    let status = response.status();
    let mut body = response.into_body();
    let mut complaint = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the engine hung up: {error}"))?;
        let Ok(data) = frame.into_data() else { continue };
        if status.is_success() {
            take(&data);
        } else if complaint.len() < ANSWER_BYTES_MAX {
            complaint.extend_from_slice(&data);
        }
    }
    if status.is_success() {
        return Ok(());
    }
    let said: Option<Json> = serde_json::from_slice(&complaint).ok();
    let message = said.as_ref().and_then(|said| said.get("message")).and_then(Json::as_str);
    Err(message.map_or(format!("the engine answered {status}"), str::to_owned))
}

/// What the program says, out of the parts that the engine wraps it in.
struct Parts {
    tail: Tail,
    head: Vec<u8>,
    left: usize,
}

impl Parts {
    fn new(bytes_max: usize) -> Parts {
        Parts { tail: Tail::new(bytes_max), head: Vec::new(), left: 0 }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let missing = PART_HEAD_BYTES - self.head.len();
                let (start, rest) = bytes.split_at(missing.min(bytes.len()));
                self.head.extend_from_slice(start);
                bytes = rest;
                if let [_, _, _, _, length @ ..] = self.head.as_slice()
                    && self.head.len() == PART_HEAD_BYTES
                {
                    self.left = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                    self.head.clear();
                }
                continue;
            }
            let (part, rest) = bytes.split_at(self.left.min(bytes.len()));
            self.tail.push(part);
            self.left -= part.len();
            bytes = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_come_together_however_they_are_cut(
            parts in prop::collection::vec(
                (1u8..3, prop::collection::vec(any::<u8>(), 0..30)), 0..8,
            ),
            step in 1usize..20,
        ) {
            let mut stream = Vec::new();
            let mut said = Vec::new();
            for (kind, part) in parts {
                stream.extend([kind, 0, 0, 0]);
                stream.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
                stream.extend(&part);
                said.extend(part);
            }
            let mut found = Parts::new(10_000);
            stream.chunks(step).for_each(|chunk| found.push(chunk));
            prop_assert_eq!(found.tail.text(), String::from_utf8_lossy(&said));
        }

        #[test]
        fn any_bytes_are_taken(chunks in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let mut parts = Parts::new(100);
            chunks.iter().for_each(|chunk| parts.push(chunk));
            prop_assert!(parts.tail.text().chars().count() < 200);
        }
    }
}
