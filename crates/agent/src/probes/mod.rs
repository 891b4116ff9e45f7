//! Runs one probe: connects, asks, and says what came back in the words Consul uses.
//! It keeps no state of a check and decides nothing about it.
//! Source: consul-surface C; transcripts/agent/runs.txt.

mod dial;
mod http;
mod tls;
mod url;

use std::time::Duration;

use futures_util::future::BoxFuture;
use tribune_edge::{ProbeRequest, ProbeSpec, TcpProbe};
use tribune_node::local::{Probed, Prober};
use tribune_state::catalog::CheckStatus;

/// Runs probes on this machine's sockets.
#[derive(Clone, Debug, Default)]
pub struct SocketProber {
    trust: tls::Trust,
}

impl SocketProber {
    /// A prober that trusts what the system trusts.
    pub fn new() -> SocketProber {
        SocketProber::default()
    }
}

impl Prober for SocketProber {
    fn probe(&self, request: ProbeRequest) -> BoxFuture<'static, Probed> {
        let trust = self.trust.clone();
        Box::pin(async move {
            match request.spec.as_ref() {
                ProbeSpec::Http(probe) => {
                    http::probe(probe, &trust, request.timeout, request.output_bytes_max).await
                }
                ProbeSpec::Tcp(probe) => tcp(probe, &trust, request.timeout).await,
            }
        })
    }
}

async fn tcp(probe: &TcpProbe, trust: &tls::Trust, limit: Duration) -> Probed {
    let address = probe.address.as_str();
    let attempt = async {
        let stream = dial::dial(address).await?;
        if let Some(settings) = &probe.tls {
            tls::wrap(stream, dial::host(address), settings, trust).await?;
        }
        Ok(())
    };
    let overdue = || Err(format!("dial tcp {address}: i/o timeout"));
    match tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| overdue()) {
        Ok(()) => passing(format!("TCP connect {address}: Success")),
        Err(output) => critical(output),
    }
}

fn passing(output: String) -> Probed {
    Probed { status: CheckStatus::Passing, output }
}

fn critical(output: String) -> Probed {
    Probed { status: CheckStatus::Critical, output }
}

#[cfg(test)]
mod tests;
