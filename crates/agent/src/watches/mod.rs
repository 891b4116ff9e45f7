//! The watches of the configuration: each asks this agent's own API, as any client would, and runs
//! its program or calls its URL when the answer changes.
//! Invariants: a watch tells of one change at a time, so a slow handler misses values in between
//! and never the last; all that a watch started ends with it.
//!
//! Source: Consul 1.22 documentation, "Watches"; consul-surface D.8.

mod tell;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};
use tokio::task::JoinSet;
use tribune_client::plan::{Fetched, Fetching, PlanError, Runner, Source, Watching};
use tribune_client::{Error, Token};
use tribune_node::local::Prober;

use crate::config::RuntimeConfig;
use crate::doors::Front;
use crate::http::wire::body::RequestBody;
use crate::http::wire::params::Params;
use crate::http::{Call, INDEX};

/// The watches that run. They end with it.
pub struct Watches {
    source: Arc<OwnApi>,
    prober: Arc<dyn Prober>,
    running: JoinSet<()>,
}

impl Watches {
    /// None yet. They will ask what stands behind the doors, and call by `prober`.
    pub fn new(front: Arc<Front>, prober: Arc<dyn Prober>) -> Watches {
        Watches { source: Arc::new(OwnApi(front)), prober, running: JoinSet::new() }
    }

    /// Ends those that run, and runs these. Each begins with the present value.
    pub async fn replace(&mut self, watchings: Vec<Watching>) {
        self.running.shutdown().await;
        for watching in watchings {
            let (source, prober) = (self.source.clone(), self.prober.clone());
            self.running.spawn(run(watching, source, prober));
        }
    }
}

/// The watches that a configuration describes.
///
/// # Errors
/// What is wrong with the first that is none. The rules of the configuration find it before.
pub fn of(config: &RuntimeConfig) -> Result<Vec<Watching>, PlanError> {
    config.checks.watches.iter().map(Watching::parse).collect()
}

async fn run(watching: Watching, source: Arc<OwnApi>, prober: Arc<dyn Prober>) {
    let Watching { plan, handler } = watching;
    let mut runner = Runner::new(plan);
    loop {
        match runner.next(source.as_ref()).await {
            Ok(change) => tell::tell(&handler, &change, prober.as_ref()).await,
            // The next question waits for its time.
            Err(error) => tracing::warn!(watch = ?runner.plan().kind, %error, "watch failed"),
        }
    }
}

/// This agent's API, asked within the process.
struct OwnApi(Arc<Front>);

impl Source for OwnApi {
    fn fetch<'a>(
        &'a self,
        target: &'a str,
        token: Option<&'a Token>,
        _wait: Duration,
    ) -> Fetching<'a> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        Box::pin(async move {
            if let Some(token) = token {
                let secret = HeaderValue::from_str(token.secret())
                    .map_err(|_| Error::Invalid("the token is no header".to_owned()))?;
                headers.insert("x-consul-token", secret);
            }
            let call = Call {
                method: Method::GET,
                rest: Vec::new(),
                query: query.to_owned(),
                params: Params::parse(query),
                headers,
                body: RequestBody::Whole(Bytes::new()),
                client: Ipv4Addr::LOCALHOST.into(),
            };
            let reply = self.0.api().answer(path, call).await;
            let index = reply.headers.get(INDEX).and_then(|value| value.to_str().ok());
            let index = index.and_then(|index| index.parse().ok()).unwrap_or(0);
            Ok(Fetched { status: reply.status.as_u16(), index, body: reply.body })
        })
    }
}
