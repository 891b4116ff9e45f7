//! Carries out a plan: asks with a blocking query, and gives each value that differs from the one
//! before. Who tells of the change, and what an error means, is the caller's business.
//! Invariant: an index that goes backwards starts anew, and an agent that answers at once without
//! a change is asked at most ten times a second.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use tribune_api::json::{Layout, to_json};

use super::value::value;
use super::{Kind, Plan};
use crate::call::{Call, Read, bytes};
use crate::client::Client;
use crate::config::Token;
use crate::error::Error;

/// An answer on its way.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Fetched, Error>> + Send + 'a>>;

/// Where a plan's answers come from: an agent over HTTP, or the agent this runs in.
pub trait Source: Send + Sync {
    /// Asks for `target`, a path with its query, as whom the token says. `wait` is how long the
    /// agent may hold the answer back.
    fn fetch<'a>(
        &'a self,
        target: &'a str,
        token: Option<&'a Token>,
        wait: Duration,
    ) -> Fetching<'a>;
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// `X-Consul-Index`; 0 if there is none.
    pub index: u64,
    /// The body.
    pub body: Bytes,
}

impl Source for Client {
    fn fetch<'a>(
        &'a self,
        target: &'a str,
        token: Option<&'a Token>,
        wait: Duration,
    ) -> Fetching<'a> {
        Box::pin(async move {
            let mut call = Call::new("GET", "", "");
            call.path = target.to_owned();
            call.wait = Some(wait);
            call.token = token.cloned();
            let read = Read::new(self, call, bytes);
            let reply = read.client.send(&read.call?).await?;
            Ok(Fetched { status: reply.status, index: reply.meta.index, body: reply.body })
        })
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What `CONSUL_INDEX` says to a program, and `X-Consul-Index` to a server: an index, or the
    /// content hash of a service.
    pub index: String,
    /// The value now.
    pub value: Value,
}

impl Change {
    /// The value as JSON on one line.
    pub fn json(&self) -> Bytes {
        Bytes::from(to_json(&self.value, Layout::Compact))
    }

    /// The value as JSON for people.
    pub fn pretty_json(&self) -> Bytes {
        Bytes::from(to_json(&self.value, Layout::Pretty))
    }
}

/// A plan that is being carried out.
#[derive(Debug)]
pub struct Runner {
    plan: Plan,
    /// What to ask with; zero asks for the present value.
    index: u64,
    /// The same for kinds that have a hash instead.
    hash: String,
    seen: Option<Value>,
    failures: u32,
    not_before: Option<Instant>,
}

impl Runner {
    /// Begins with the present value.
    pub fn new(plan: Plan) -> Runner {
        Runner { plan, index: 0, hash: String::new(), seen: None, failures: 0, not_before: None }
    }

    /// What is carried out.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The present value at the first call, then each change. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Those of the source and of its answers. The next call waits for [`pause`] and asks again.
    pub async fn next(&mut self, source: &dyn Source) -> Result<Change, Error> {
        loop {
            if let Some(instant) = self.not_before {
                sleep_until(instant).await;
                self.not_before = None;
            }
            match self.ask(source).await {
                Ok(Some(change)) => {
                    self.failures = 0;
                    return Ok(change);
                }
                Ok(None) => {
                    self.failures = 0;
                    self.not_before = Some(Instant::now() + PAUSE_UNCHANGED);
                }
                Err(error) => {
                    self.failures = self.failures.saturating_add(1);
                    self.not_before = Some(Instant::now() + pause(self.failures));
                    return Err(error);
                }
            }
        }
    }

    async fn ask(&mut self, source: &dyn Source) -> Result<Option<Change>, Error> {
        let target = self.target();
        let fetched = source.fetch(&target, self.plan.token.as_ref(), WAIT).await?;
        let kind = &self.plan.kind;
        let value = value(kind, fetched.status, &fetched.body, self.index)?;
        let index = match kind {
            Kind::AgentService(_) => {
                let hash = value.get("ContentHash").and_then(Value::as_str).unwrap_or_default();
                self.hash = hash.to_owned();
                self.hash.clone()
            }
            _ => {
                self.index = next_index(self.index, fetched.index, kind);
                fetched.index.to_string()
            }
        };
        // An empty list of events is one that has no new ones.
        let no_event = matches!(kind, Kind::Event { .. })
            && self.seen.is_some()
            && value.as_array().is_some_and(Vec::is_empty);
        if no_event || self.seen.as_ref() == Some(&value) {
            return Ok(None);
        }
        self.seen = Some(value.clone());
        Ok(Some(Change { index, value }))
    }

    /// The path and query to ask with now.
    fn target(&self) -> String {
        let plan = &self.plan;
        let mut call = question(&plan.kind);
        if let Some(datacenter) = &plan.datacenter {
            call = call.with("dc", datacenter);
        }
        if plan.stale {
            call = call.with_bare("stale");
        }
        let wait = format!("{}s", WAIT.as_secs());
        match plan.kind {
            Kind::AgentService(_) if self.hash.is_empty() => {}
            Kind::AgentService(_) => call = call.with("hash", &self.hash).with("wait", wait),
            _ if self.index == 0 => {}
            _ => call = call.with("index", self.index).with("wait", wait),
        }
        call.path_and_query()
    }
}

/// The question of a kind, without what says how to answer it.
fn question(kind: &Kind) -> Call {
    let filtered = |call: Call, filter: &String| match filter.is_empty() {
        true => call,
        false => call.with("filter", filter),
    };
    match kind {
        Kind::Key(key) => Call::new("GET", "/v1/kv/", key),
        Kind::KeyPrefix(prefix) => Call::new("GET", "/v1/kv/", prefix).with_bare("recurse"),
        Kind::Services { filter } => filtered(Call::new("GET", "/v1/catalog/services", ""), filter),
        Kind::Nodes { filter } => filtered(Call::new("GET", "/v1/catalog/nodes", ""), filter),
        Kind::Service { name, tags, passing_only, filter } => {
            let mut call = Call::new("GET", "/v1/health/service/", name);
            for tag in tags {
                call = call.with("tag", tag);
            }
            if *passing_only {
                call = call.with("passing", 1);
            }
            filtered(call, filter)
        }
        Kind::Checks { service, state, filter } => {
            let call = match state.is_empty() {
                true => Call::new("GET", "/v1/health/checks/", service),
                false => Call::new("GET", "/v1/health/state/", state),
            };
            filtered(call, filter)
        }
        Kind::Event { name } => {
            let call = Call::new("GET", "/v1/event/list", "");
            if name.is_empty() { call } else { call.with("name", name) }
        }
        Kind::AgentService(id) => Call::new("GET", "/v1/agent/service/", id),
        Kind::ConnectRoots => Call::new("GET", "/v1/agent/connect/ca/roots", ""),
        Kind::ConnectLeaf(name) => Call::new("GET", "/v1/agent/connect/ca/leaf/", name),
    }
}

/// Where the values of a kind are found.
pub(super) fn path(kind: &Kind) -> String {
    question(kind).path
}

/// The index of events is made from ids and has no order; every other one only rises.
fn next_index(asked: u64, answered: u64, kind: &Kind) -> u64 {
    let is_event = matches!(kind, Kind::Event { .. });
    if answered < asked && !is_event { 0 } else { answered.max(1) }
}

/// How long to wait after so many failures in a row, the first being 1.
///
/// Source: Consul 1.22, consul-surface D.8.
pub fn pause(failures: u32) -> Duration {
    let failures = failures.max(1);
    RETRY.saturating_mul(failures.saturating_mul(failures)).min(RETRY_MAX)
}

/// How long one question may be held back by the agent: its own default.
const WAIT: Duration = Duration::from_secs(300);
/// Bounds how often an agent is asked that answers at once without a change.
const PAUSE_UNCHANGED: Duration = Duration::from_millis(100);
const RETRY: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(180);
