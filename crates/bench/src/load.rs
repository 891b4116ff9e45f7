//! A closed loop: some connections, each asking again as soon as it is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::wire::Connection;

/// One request to send.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub body: Vec<u8>,
}

/// What a load came to.
#[derive(Debug, Default)]
pub struct Load {
    /// Answers per second.
    pub rate: f64,
    /// How long each took, ascending.
    latencies: Vec<Duration>,
    /// Bytes of the last body.
    pub body_bytes: usize,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Load {
    /// A quantile of the latencies in microseconds.
    pub fn quantile_us(&self, part: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index below the number of latencies"
        )]
        let at = (self.latencies.len().saturating_sub(1) as f64 * part) as usize;
        self.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    }
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After this long.
    Elapsed(Duration),
    /// After so many requests in all.
    Sent(usize),
}

/// Loads a server over `connections`; `request` makes the n-th request.
pub async fn run(
    to: SocketAddr,
    connections: usize,
    until: Until,
    request: impl Fn(usize) -> Request + Send + Sync + 'static,
) -> Result<Load> {
    let (request, next) = (Arc::new(request), Arc::new(AtomicUsize::new(0)));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(to).await?);
    }
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for connection in open {
        clients.spawn(one_client(connection, started, until, next.clone(), request.clone()));
    }
    let mut load = Load::default();
    while let Some(done) = clients.join_next().await {
        let (latencies, body_bytes) = done??;
        load.latencies.extend(latencies);
        load.body_bytes = load.body_bytes.max(body_bytes);
    }
    load.took = started.elapsed();
    load.latencies.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "far fewer answers than 2^52")]
    let answers = load.latencies.len() as f64;
    load.rate = answers / load.took.as_secs_f64();
    Ok(load)
}

async fn one_client(
    mut connection: Connection,
    started: Instant,
    until: Until,
    next: Arc<AtomicUsize>,
    request: Arc<impl Fn(usize) -> Request>,
) -> Result<(Vec<Duration>, usize)> {
    let (mut latencies, mut body_bytes) = (Vec::new(), 0);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let is_over = match until {
            Until::Elapsed(span) => started.elapsed() >= span,
            Until::Sent(most) => number >= most,
        };
        if is_over {
            return Ok((latencies, body_bytes));
        }
        let Request { method, path, body } = request(number);
        let asked = Instant::now();
        let answer = connection.ask(method, &path, &body).await?.good()?;
        latencies.push(asked.elapsed());
        body_bytes = answer.body.len();
    }
}
