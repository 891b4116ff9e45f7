//! The HTTP API: one table of routes, one file per noun, and the rules all routes share.
//! It decides nothing about replicated data: a handler makes a command or a query and prints what
//! comes back. Bytes, connections and paths are wire/'s business.
//! Invariant: every request to a /v1 route passes `dispatch`, which applies the shared rules.

mod agent;
mod catalog;
mod config;
mod connect;
mod convert;
mod coordinate;
mod error;
mod event;
mod health;
mod internal;
mod kv;
mod later;
pub mod measure;
mod meta;
pub mod operation;
mod options;
pub mod routes;
mod session;
mod status;
#[cfg(test)]
pub(crate) mod tests;
mod txn;
mod why;
pub mod wire;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, EXPECT, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use tokio_util::task::TaskTracker;
use tribune_api::json::{Layout, to_json};
use tribune_api::messages;
use tribune_node::cluster::{Consistency, Read};
use tribune_node::shared::SharedAnswer;
use tribune_node::{Cluster, Local};
use tribune_state::{Answer, Body, Query};

use self::catalog::cached::CachedReads;
use self::catalog::fragments::Fragments;
use self::error::ANSWERS_BUSY;
pub use self::error::HttpError;
use self::meta::Meta;
use self::operation::Operation;
use self::options::Options;
use self::routes::{ROUTES, Route, UI_PATTERN};
use self::wire::HangUp;
use self::wire::body::{BODIES_BYTES_MAX, IncomingBody, RequestBody};
use self::wire::mux::{Matched, Mux};
use self::wire::params::{Params, decode_percent};
use self::wire::reply::{
    ANSWERS_BYTES_MAX, Packed, ReplyBody, TYPE_HTML, TYPE_JSON_UTF8, accepts_gzip,
};

pub use self::wire::reply::Reply;
use self::wire::room::Room;

pub use self::config::{AgentInfo, HttpConfig, Network};
pub use self::event::EventRing;
pub use self::meta::INDEX;
pub use self::wire::listen::{Listener, Tls};
pub use self::wire::{Server, ServerLimits};

/// What every handler works with. A clone with another configuration shares all the rest.
#[derive(Clone)]
pub struct Api {
    pub config: HttpConfig,
    pub info: AgentInfo,
    pub cluster: Arc<dyn Cluster>,
    pub events: Arc<EventRing>,
    /// The agent's own services and checks; absent on a server without them.
    pub local: Option<Local>,
    /// The running agent beside its state: log, numbers, reload.
    pub operation: Operation,
    mux: Arc<Mux>,
    lingering: TaskTracker,
    /// What long request bodies share, and what long answers do.
    bodies: Arc<Room>,
    answers: Arc<Room>,
    cached: Arc<CachedReads>,
    fragments: Arc<Fragments>,
    overview: Arc<internal::Overview>,
}

/// One request to a route.
#[derive(Debug)]
pub struct Call {
    pub method: Method,
    /// The decoded path beyond the route's pattern: a key, an id, a name.
    pub rest: Vec<u8>,
    /// The query string as it was sent.
    pub query: String,
    pub params: Params,
    pub headers: HeaderMap,
    pub body: RequestBody,
    pub client: IpAddr,
}

pub type Answering = Pin<Box<dyn Future<Output = Result<Reply, HttpError>> + Send>>;
pub type Handler = fn(Arc<Api>, Call) -> Answering;

impl Api {
    pub fn new(config: HttpConfig, info: AgentInfo, cluster: Arc<dyn Cluster>) -> Self {
        let path = |route: &'static Route| match route.pattern {
            UI_PATTERN => config.ui_path.as_str(),
            pattern => pattern,
        };
        let mux = Arc::new(Mux::new(ROUTES.iter().map(path)));
        Api {
            config,
            info,
            cluster,
            events: Arc::default(),
            local: None,
            operation: Operation::default(),
            mux,
            lingering: TaskTracker::new(),
            bodies: Arc::new(Room::new(BODIES_BYTES_MAX)),
            answers: Arc::new(Room::new(ANSWERS_BYTES_MAX)),
            cached: Arc::default(),
            fragments: Arc::default(),
            overview: Arc::default(),
        }
    }

    /// The same with services and checks of its own.
    #[must_use]
    pub fn with_local(mut self, local: Local) -> Self {
        self.local = Some(local);
        self
    }

    /// The same with what the running agent has beside its state.
    #[must_use]
    pub fn with_operation(mut self, operation: Operation) -> Self {
        self.operation = operation;
        self
    }

    /// Asks the cluster as the options say.
    ///
    /// # Errors
    /// Those of the cluster.
    pub async fn ask(
        &self,
        query: Query,
        options: &Options,
    ) -> Result<Arc<SharedAnswer>, HttpError> {
        let Some(most) = options.stale_max else {
            return Ok(self.cluster.ask(query, options.read()).await?);
        };
        let answer = self.cluster.ask(query.clone(), options.read()).await?;
        let age_ms = u128::from(self.cluster.status().last_contact_ms);
        if age_ms <= most.as_millis() {
            return Ok(answer);
        }
        let read = Read { consistency: Consistency::Default, ..options.read() };
        Ok(self.cluster.ask(query, read).await?)
    }

    /// The headers of an answer.
    pub fn meta(&self, answer: &SharedAnswer, options: &Options) -> Meta {
        Meta::new(answer.answer().index.0, self.cluster.contact(), options.consistency)
    }

    /// An answer as JSON, encoded once for all who wait for it. `view` numbers the ways in which
    /// answers to one query are shown.
    pub fn encode<T: Serialize>(
        &self,
        shared: &Arc<SharedAnswer>,
        view: usize,
        layout: Layout,
        render: impl FnOnce(&Body) -> T,
    ) -> Reply {
        let bytes = |body: &Body| Bytes::from(to_json(&render(body), layout));
        self.encode_with(shared, view, layout, bytes)
    }

    /// The same of a value that is made into bytes elsewhere.
    pub fn encode_with(
        &self,
        shared: &Arc<SharedAnswer>,
        view: usize,
        layout: Layout,
        render: impl FnOnce(&Body) -> Bytes,
    ) -> Reply {
        let form = (view * 2 + usize::from(layout == Layout::Pretty)) * 2;
        let plain = shared.encoded(form, |answer: &Answer| render(&answer.body));
        let packed = Packed { answer: shared.clone(), form: form + 1 };
        Reply { packed: Some(packed), ..Reply::encoded(plain) }
    }

    /// How the answer to `call` is laid out.
    pub fn layout(&self, params: &Params) -> Layout {
        if self.config.dev_mode || params.has("pretty") { Layout::Pretty } else { Layout::Compact }
    }

    /// Answers a request, whoever sent it and however it came.
    pub async fn answer(self: Arc<Self>, path: &str, call: Call) -> Reply {
        let gzip = accepts_gzip(&call.headers);
        let mut reply = self.clone().dispatch(path, call).await;
        for (name, value) in &self.config.response_headers {
            reply.headers.insert(name.clone(), value.clone());
        }
        if gzip { reply.gzipped() } else { reply }
    }

    async fn dispatch(self: Arc<Self>, path: &str, mut call: Call) -> Reply {
        let Some(decoded) = decode_percent(path.as_bytes()) else {
            return Reply::text(StatusCode::BAD_REQUEST, "400 Bad Request");
        };
        if !self.config.disable_unprintable_filter && !is_printable(&decoded) {
            return Reply::status(StatusCode::BAD_REQUEST);
        }
        match self.mux.find(path) {
            Matched::Found { route, rest } => {
                call.rest = rest;
                match ROUTES.get(route) {
                    Some(row) => self.measured(route, row, &decoded, call).await,
                    None => unknown_path(&decoded),
                }
            }
            Matched::Redirect(to) => redirect(StatusCode::TEMPORARY_REDIRECT, &to, &call),
            Matched::Malformed => Reply::text(StatusCode::BAD_REQUEST, "400 Bad Request"),
            Matched::Unknown if path == "/" => self.front(&call),
            Matched::Unknown => unknown_path(&decoded),
        }
    }

    /// Counts the request; what is answered does not depend on it.
    async fn measured(
        self: Arc<Self>,
        number: usize,
        route: &Route,
        path: &[u8],
        mut call: Call,
    ) -> Reply {
        self.discovers(route, &mut call);
        let Some(measure) = self.operation.measure.clone() else {
            return self.on_route(route, path, call).await;
        };
        let began = Instant::now();
        let method = call.method.clone();
        let service = measure.names_service(number).then(|| call.rest_text());
        let from = call.client;
        let reply = self.on_route(route, path, call).await;
        let took = began.elapsed();
        // Without its parameters and what follows the pattern: both may hold secrets.
        let (url, status) = (route.pattern, reply.status.as_u16());
        tracing::debug!(%method, url, %from, status, latency = ?took, "Request finished");
        measure.answered(number, &method, &reply, took);
        if let Some(service) = service {
            measure.service_asked(number, &service, &reply);
        }
        reply
    }

    /// With `discovery_max_stale`, reads of catalog and health that choose no consistency are
    /// answered as if they had chosen that one.
    ///
    /// Source: consul-surface B.2.
    fn discovers(&self, route: &Route, call: &mut Call) {
        let stale_max = self.config.discovery_stale_max;
        let discovery = ["/v1/catalog", "/v1/health"];
        let is_discovery = discovery.iter().any(|prefix| route.pattern.starts_with(prefix));
        let chose = ["stale", "consistent", "leader", "max_stale"];
        if !stale_max.is_zero() && is_discovery && !chose.iter().any(|name| call.params.has(name)) {
            call.params.push("max_stale", format!("{}ms", stale_max.as_millis().max(1)));
        }
    }

    async fn on_route(self: Arc<Self>, route: &Route, path: &[u8], call: Call) -> Reply {
        if route.pattern.starts_with("/v1/") {
            let policy = HeaderValue::from_static(DEFAULT_POLICY_OFF);
            return self.on_api_route(route, path, call).await.with(DEFAULT_POLICY, policy);
        }
        if route.pattern == UI_PATTERN && !self.config.ui_enabled {
            return match path {
                b"/" => self.front(&call),
                _ => unknown_path(path),
            };
        }
        self.on_api_route(route, path, call).await
    }

    async fn on_api_route(self: Arc<Self>, route: &Route, path: &[u8], call: Call) -> Reply {
        let blocked =
            self.config.block_endpoints.iter().any(|own| path.starts_with(own.as_bytes()));
        if blocked {
            return HttpError::Forbidden(messages::ENDPOINT_BLOCKED.into()).into();
        }
        let writes = !matches!(call.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if writes && !self.config.may_write(call.client) {
            return HttpError::Forbidden(messages::ACCESS_RESTRICTED.into()).into();
        }
        if call.method == Method::OPTIONS {
            let reply = Reply::bytes(StatusCode::OK, TYPE_JSON_UTF8, Bytes::new());
            return reply.with_text(ALLOW, &route.allow());
        }
        let Some(handler) = route.handler(&call.method) else {
            let text = messages::method_not_allowed(call.method.as_str());
            let reply = Reply::text(StatusCode::METHOD_NOT_ALLOWED, text);
            return reply.with_text(ALLOW, &route.allow());
        };
        handler(self, call).await.unwrap_or_else(Reply::from)
    }

    /// `/` leads to the pages for people.
    fn front(&self, call: &Call) -> Reply {
        if self.config.ui_enabled {
            return redirect(StatusCode::MOVED_PERMANENTLY, &self.config.ui_path, call);
        }
        Reply::text(StatusCode::OK, messages::UI_DISABLED)
    }
}

impl wire::Service for Api {
    async fn serve(
        self: Arc<Self>,
        client: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, HangUp> {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or_default();
        let body = RequestBody::Incoming(IncomingBody {
            body,
            expects_continue: head.headers.contains_key(EXPECT),
            lingering: self.lingering.clone(),
            room: self.bodies.clone(),
        });
        let call = Call {
            method: head.method,
            rest: Vec::new(),
            query: query.to_owned(),
            params: Params::parse(query),
            headers: head.headers,
            body,
            client,
        };
        let reply = self.clone().answer(head.uri.path(), call).await;
        if reply.hangs_up {
            let reason = String::from_utf8_lossy(&reply.body);
            tracing::warn!(%client, %reason, "closed a connection without an answer");
            return Err(HangUp);
        }
        let reply = reply.within(&self.answers);
        Ok(reply.unwrap_or_else(|| HttpError::Busy(ANSWERS_BUSY).into()).into_response())
    }
}

impl Call {
    /// What lies beyond the pattern as text; bytes that are not UTF-8 become U+FFFD.
    pub fn rest_text(&self) -> String {
        String::from_utf8_lossy(&self.rest).into_owned()
    }

    /// The same, or the error `missing` when there is nothing.
    ///
    /// # Errors
    /// 400 with that text.
    pub fn rest_or(&self, missing: &str) -> Result<String, HttpError> {
        if self.rest.is_empty() {
            return Err(HttpError::BadRequest(missing.to_owned()));
        }
        Ok(self.rest_text())
    }
}

/// The type of pages for people.
pub fn html_type() -> HeaderValue {
    TYPE_HTML
}

const DEFAULT_POLICY: HeaderName = HeaderName::from_static("x-consul-default-acl-policy");
/// While access lists are off, everything is allowed.
const DEFAULT_POLICY_OFF: &str = "allow";

/// Source: transcripts/status/paths.txt, agent/runs.txt.
fn unknown_path(path: &[u8]) -> Reply {
    let within_v1 = path.windows(4).any(|window| window == b"/v1/");
    let text = if within_v1 { messages::NO_SUCH_ENDPOINT } else { messages::NOT_V1 };
    // An HTTP check shows this body as it is, with its line's end.
    Reply::text(StatusCode::NOT_FOUND, format!("{text}\n"))
}

/// A redirect as Go words it: the text only to a GET, the parameters kept.
///
/// Source: transcripts/kv/errors.txt, transcripts/status/paths.txt.
fn redirect(status: StatusCode, to: &str, call: &Call) -> Reply {
    let query = &call.query;
    let location = if query.is_empty() { to.to_owned() } else { format!("{to}?{query}") };
    let mut reply = Reply::status(status).with_text(LOCATION, &location);
    if call.method == Method::GET {
        let reason = status.canonical_reason().unwrap_or_default();
        let href = crate::ui::escape(&location);
        reply.headers.insert(CONTENT_TYPE, TYPE_HTML);
        reply.body = Bytes::from(format!("<a href=\"{href}\">{reason}</a>.\n"));
    }
    reply
}

/// Control characters are refused, since they end up in logs and terminals. Bytes that are not
/// UTF-8 pass: real keys hold them.
fn is_printable(path: &[u8]) -> bool {
    path.iter().all(u8::is_ascii_graphic)
        || !String::from_utf8_lossy(path).chars().any(is_unprintable)
}

fn is_unprintable(symbol: char) -> bool {
    let invisible = matches!(
        symbol,
        '\u{a0}' | '\u{ad}' | '\u{1680}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
            | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}'
    );
    symbol.is_control() || invisible
}
