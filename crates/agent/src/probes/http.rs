//! One HTTP check: a request on a connection of its own, redirections followed, and as much of
//! the body as is kept. It does not reuse connections: a check must see what a client would.
//! Source: consul-surface C; transcripts/agent/runs.txt.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tribune_edge::HttpProbe;
use tribune_node::local::Probed;
use tribune_state::catalog::CheckStatus;

use super::dial::dial;
use super::drive::drive;
use super::url::{self, Url};
use super::{Shared, critical};

/// Of every check that has one.
pub(super) const USER_AGENT: &str = "Consul Health Check";
const ACCEPT: &str = "text/plain, text/*, */*";
/// As Go's client.
const REDIRECTS_MAX: usize = 10;
/// A head larger than this is no answer to a health check.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Runs the probe; never longer than `limit`.
pub(super) async fn probe(
    probe: &HttpProbe,
    shared: &Shared,
    limit: Duration,
    output_bytes_max: usize,
) -> Probed {
    let fails = |why: &str| critical(failure(probe, why));
    match tokio::time::timeout(limit, run(probe, shared, output_bytes_max)).await {
        Ok(Ok(probed)) => probed,
        Ok(Err(why)) => fails(&why),
        Err(_) => {
            fails("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
        }
    }
}

/// An error as Go's client prints it: the method like a name, and the URL.
fn failure(probe: &HttpProbe, why: &str) -> String {
    let mut letters = probe.method.chars();
    let method: String = letters
        .next()
        .map(|first| first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect())
        .unwrap_or_default();
    format!("{method} \"{}\": {why}", url::printed(&probe.url))
}

async fn run(probe: &HttpProbe, shared: &Shared, bytes_max: usize) -> Result<Probed, String> {
    let mut to = url::parse(&probe.url)?;
    let mut method = Method::from_bytes(probe.method.as_bytes())
        .map_err(|_| format!("net/http: invalid method {:?}", probe.method))?;
    let mut body = Bytes::from(probe.body.clone());
    let first = to.host.clone();
    let mut carries = Carries::All;
    for _ in 0..=REDIRECTS_MAX {
        let request = request(probe, &to, &method, body.clone(), carries)?;
        let answer = exchange(probe, &to, shared, request, bytes_max).await?;
        match &answer.location {
            Some(location) => to = url::join(&to, location)?,
            None => return Ok(judge(probe, &answer)),
        }
        // Once they are withheld they stay so: the way back may be another one's word.
        if carries != Carries::NoSecrets {
            let is_inside = url::is_within(&to.host, &first);
            carries = if is_inside { Carries::NoHost } else { Carries::NoSecrets };
        }
        let keeps_method = matches!(answer.code.as_u16(), 307 | 308);
        if !keeps_method && method != Method::HEAD {
            method = Method::GET;
            body = Bytes::new();
        }
    }
    Err(format!("stopped after {REDIRECTS_MAX} redirects"))
}

/// Which headers of its check a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    All,
    /// After a redirection: the host that was asked for is another one's.
    NoHost,
    /// After one to a host that is not the check's own: what lets in there is not for others.
    NoSecrets,
}

/// What is said to the check's own host and those below it only.
///
/// Source: the documentation of `Client` in Go's package net/http, which lists three; the other
/// two are the proxies' forms of them.
const SECRETS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::WWW_AUTHENTICATE,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
];
/// Once meant to go with `Cookie`.
const COOKIE_2: &str = "cookie2";

impl Carries {
    fn takes(self, name: &HeaderName) -> bool {
        let is_secret = || SECRETS.contains(name) || name == COOKIE_2;
        match self {
            Carries::All => true,
            Carries::NoHost => name != header::HOST,
            Carries::NoSecrets => name != header::HOST && !is_secret(),
        }
    }
}

/// What came back.
struct Answer {
    code: StatusCode,
    reason: String,
    /// Where to go next, if redirections are followed and this is one.
    location: Option<String>,
    /// The beginning of the body.
    body: Vec<u8>,
}

async fn exchange(
    probe: &HttpProbe,
    to: &Url,
    shared: &Shared,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
) -> Result<Answer, String> {
    let stream = dial(&to.address(), &shared.resolver).await?;
    if to.is_tls {
        let stream = shared.trust.wrap(stream, &to.host, &probe.tls).await?;
        return over(stream, probe, request, bytes_max).await;
    }
    over(stream, probe, request, bytes_max).await
}

async fn over<S>(
    stream: S,
    probe: &HttpProbe,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX);
    let handshake = builder.handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    drive(connection, async move {
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        Ok(read(probe, response, bytes_max).await)
    })
    .await
}

fn broken(error: &hyper::Error) -> String {
    if error.is_parse() {
        "net/http: malformed HTTP response".to_owned()
    } else if error.is_incomplete_message() {
        "EOF".to_owned()
    } else {
        error.to_string()
    }
}

fn request(
    probe: &HttpProbe,
    to: &Url,
    method: &Method,
    body: Bytes,
    carries: Carries,
) -> Result<Request<Full<Bytes>>, String> {
    let mut request = Request::new(Full::new(body.clone()));
    *request.method_mut() = method.clone();
    *request.uri_mut() = to.path.parse().map_err(|_| "invalid path in URL".to_owned())?;
    let headers = request.headers_mut();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
    let host = HeaderValue::from_str(&to.authority).map_err(|_| "invalid host in URL")?;
    headers.insert(header::HOST, host);
    if let Some(user) = &to.user {
        let basic = format!("Basic {}", STANDARD.encode(user));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&basic).map_err(text)?);
    }
    for (name, values) in &probe.headers {
        let invalid = || format!("net/http: invalid header field name {name:?}");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        if !carries.takes(&name) {
            continue;
        }
        headers.remove(&name);
        for value in values {
            let value = HeaderValue::from_str(value).map_err(text)?;
            headers.append(name.clone(), value);
        }
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The head, and of the body the beginning; what follows is not read, however long it is.
async fn read(probe: &HttpProbe, response: Response<Incoming>, bytes_max: usize) -> Answer {
    let code = response.status();
    let leads_on = matches!(code.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(header::LOCATION);
    let location = location.filter(|_| leads_on && probe.follow_redirects);
    let location = location.map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
    let reason = match response.extensions().get::<hyper::ext::ReasonPhrase>() {
        Some(own) => String::from_utf8_lossy(own.as_bytes()).into_owned(),
        None => code.canonical_reason().unwrap_or_default().to_owned(),
    };
    let mut answer = Answer { code, reason, location, body: Vec::new() };
    if answer.location.is_some() {
        return answer;
    }
    let mut body = response.into_body();
    while answer.body.len() < bytes_max {
        let Some(Ok(frame)) = body.frame().await else { break };
        let Ok(data) = frame.into_data() else { continue };
        let room = bytes_max - answer.body.len();
        answer.body.extend_from_slice(data.get(..room).unwrap_or(&data));
    }
    answer
}

fn judge(probe: &HttpProbe, answer: &Answer) -> Probed {
    let (code, reason) = (answer.code, &answer.reason);
    let status = if code.is_success() {
        CheckStatus::Passing
    } else if code == StatusCode::TOO_MANY_REQUESTS {
        CheckStatus::Warning
    } else {
        CheckStatus::Critical
    };
    let (method, url, code) = (&probe.method, &probe.url, code.as_u16());
    let body = String::from_utf8_lossy(&answer.body);
    Probed { status, output: format!("HTTP {method} {url}: {code} {reason} Output: {body}") }
}
