//! The handle: settings, connection pool, and one accessor per noun. Cheap to clone.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, LOCATION, USER_AGENT};
use tokio::time::timeout;

use crate::call::{Call, Meta, Read, Reply, Write, bytes};
use crate::config::{Config, Token};
use crate::connection::{Opened, Pool, RawReply};
use crate::error::Error;
use crate::lock::Lock;
use crate::tls::Tls;
use crate::{agent, catalog, coordinate, event, health, kv, session, status, txn};

/// Above what a healthy agent needs for any answer it does not hold back, including the seven
/// seconds for which it waits for a leader.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Cleaned paths take one redirect; more would be a loop.
const REDIRECTS_MAX: usize = 3;

/// An agent, reached over HTTP or a unix socket.
///
/// ```no_run
/// # async fn run() -> Result<(), tribune_client::Error> {
/// let client = tribune_client::Client::from_env()?;
/// client.kv().put("web/port", "8080").await?;
/// let pair = client.kv().get("web/port").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Pool,
    config: Config,
}

impl Client {
    /// Connects on the first request.
    ///
    /// # Errors
    /// The address is not usable, or a file for TLS.
    pub fn new(config: Config) -> Result<Self, Error> {
        let endpoint = config.endpoint()?;
        let tls = endpoint.is_tls().then(|| Tls::load(&config.tls_files, !config.tls_skip_verify));
        let tls = tls.transpose().map_err(|error| Error::Invalid(error.to_string()))?;
        let pool = Pool::new(endpoint, tls);
        Ok(Client { shared: Arc::new(Shared { pool, config }) })
    }

    /// As the `CONSUL_*` variables say; without them the agent of this machine.
    ///
    /// # Errors
    /// As [`Config::from_env`] and [`Client::new`].
    pub fn from_env() -> Result<Self, Error> {
        Client::new(Config::from_env()?)
    }

    pub fn kv(&self) -> kv::Kv<'_> {
        kv::Kv(self)
    }

    pub fn session(&self) -> session::Sessions<'_> {
        session::Sessions(self)
    }

    pub fn agent(&self) -> agent::Agent<'_> {
        agent::Agent(self)
    }

    pub fn catalog(&self) -> catalog::Catalog<'_> {
        catalog::Catalog(self)
    }

    pub fn health(&self) -> health::Health<'_> {
        health::Health(self)
    }

    pub fn coordinate(&self) -> coordinate::Coordinates<'_> {
        coordinate::Coordinates(self)
    }

    pub fn status(&self) -> status::Status<'_> {
        status::Status(self)
    }

    pub fn event(&self) -> event::Events<'_> {
        event::Events(self)
    }

    /// All operations take effect, or none does.
    pub fn txn(&self, ops: &[tribune_api::txn::TxnOp]) -> Write<txn::TxnOutcome> {
        txn::txn(self, ops)
    }

    /// A lock on a key by Consul's convention; see [`Lock`].
    pub fn lock(&self, key: impl Into<String>) -> Lock {
        Lock::new(self.clone(), key.into())
    }

    /// Any route that has no method here: `client.get("/v1/operator/usage")`.
    pub fn get(&self, path: &str) -> Read<bytes::Bytes> {
        Read::new(self, Call::new("GET", path, ""), bytes)
    }

    /// Any route that has no method here.
    pub fn put(&self, path: &str, body: impl Into<bytes::Bytes>) -> Write<bytes::Bytes> {
        Write::new(self, Call::new("PUT", path, "").with_body(body), bytes)
    }

    /// Any route that has no method here.
    pub fn delete(&self, path: &str) -> Write<bytes::Bytes> {
        Write::new(self, Call::new("DELETE", path, ""), bytes)
    }

    pub(crate) async fn send(&self, call: &Call) -> Result<Reply, Error> {
        let prefix = self.shared.pool.endpoint().prefix();
        let mut target = format!("{prefix}{}", self.target(call));
        for _ in 0..REDIRECTS_MAX {
            let raw = self.send_once(call, &target).await?;
            match redirect(&raw) {
                Some(next) => target = next,
                None => {
                    let meta = meta(&raw.headers);
                    let path = call.path.clone();
                    return Ok(Reply { status: raw.status, path, body: raw.body, meta });
                }
            }
        }
        Err(Error::Invalid(format!("too many redirects of {}", call.path)))
    }

    /// Sends a call whose answer never ends by itself.
    pub(crate) async fn open(&self, call: &Call) -> Result<Opened, Error> {
        let prefix = self.shared.pool.endpoint().prefix();
        let target = format!("{prefix}{}", self.target(call));
        let request = self.request(call, &target)?;
        let opened = timeout(ANSWER_TIMEOUT, self.shared.pool.open(request)).await;
        let opened = opened.unwrap_or_else(|_| Err("no answer in time".to_string()));
        opened.map_err(|cause| self.not_sent(call.method, &target, cause))
    }

    fn not_sent(&self, method: &str, target: &str, cause: String) -> Error {
        let method = match method {
            "GET" => "Get",
            "DELETE" => "Delete",
            _ => "Put",
        };
        let endpoint = self.shared.pool.endpoint();
        let scheme = if endpoint.is_tls() { "https" } else { "http" };
        let url = format!("{scheme}://{}{target}", endpoint.authority());
        Error::Transport { method, url, cause }
    }

    /// The call's own options, then those of the client that it does not set.
    fn target(&self, call: &Call) -> String {
        let config = &self.shared.config;
        let mut call = call.clone();
        let shared = [
            ("dc", &config.datacenter),
            ("ns", &config.namespace),
            ("partition", &config.partition),
        ];
        for (name, value) in shared {
            if let Some(value) = value
                && !call.query.iter().any(|(known, _)| *known == name)
            {
                call.query.push((name, Some(value.clone())));
            }
        }
        call.path_and_query()
    }

    async fn send_once(&self, call: &Call, target: &str) -> Result<RawReply, Error> {
        let request = self.request(call, target)?;
        // The agent adds up to a sixteenth to the wait; the rest is for a slow network.
        let wait = call.wait.unwrap_or_default();
        let limit = ANSWER_TIMEOUT + wait + wait / 16;
        let sent = timeout(limit, self.shared.pool.send(request)).await;
        let sent = sent.unwrap_or_else(|_| Err("no answer in time".to_string()));
        sent.map_err(|cause| self.not_sent(call.method, target, cause))
    }

    fn request(&self, call: &Call, target: &str) -> Result<Request<Full<bytes::Bytes>>, Error> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(target)
            .header(HOST, self.shared.pool.endpoint().authority())
            .header(USER_AGENT, concat!("tribune-client/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = call.token.as_ref().or(self.shared.config.token.as_ref()) {
            request = request.header("X-Consul-Token", token.secret());
        }
        if let Some(auth) = self.shared.config.basic_auth.as_ref().map(Token::secret) {
            request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(auth)));
        }
        // The cause is not shown: it could quote the token.
        request
            .body(Full::new(call.body.clone()))
            .map_err(|_| Error::Invalid(format!("{:?} makes no valid request", call.path)))
    }
}

/// Where a redirect leads, if it stays with the same agent.
fn redirect(raw: &RawReply) -> Option<String> {
    if !matches!(raw.status, 301 | 302 | 307 | 308) {
        return None;
    }
    let location = raw.headers.get(LOCATION)?.to_str().ok()?;
    location.starts_with('/').then(|| location.to_string())
}

fn meta(headers: &HeaderMap) -> Meta {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name: &str| text(name).and_then(|value| value.parse().ok()).unwrap_or(0);
    Meta {
        index: number("X-Consul-Index"),
        known_leader: text("X-Consul-KnownLeader") == Some("true"),
        last_contact_ms: number("X-Consul-LastContact"),
        filtered_by_acl: text("X-Consul-Results-Filtered-By-ACLs") == Some("true"),
    }
}
