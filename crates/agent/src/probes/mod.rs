//! Runs one probe: connects, asks, and says what came back in the words Consul uses.
//! It keeps no state of a check and decides nothing about it. All probes share one resolver and
//! one set of TLS settings; between two runs of a check nothing of it is left here.
//! Source: consul-surface C; transcripts/agent/runs.txt.

mod dial;
mod docker;
mod drive;
mod h2;
mod health;
mod http;
mod output;
mod resolve;
mod script;
mod tls;
mod udp;
mod url;

use std::time::Duration;

use futures_util::future::BoxFuture;
use tribune_edge::{ProbeRequest, ProbeSpec, TcpProbe};
use tribune_node::local::{Probed, Prober};
use tribune_state::catalog::CheckStatus;

pub use tls::{TlsError, TlsFiles};

/// Runs probes on this machine's sockets.
#[derive(Clone, Debug)]
pub struct SocketProber {
    shared: Shared,
}

/// What all probes share.
#[derive(Clone, Debug)]
struct Shared {
    resolver: resolve::Resolver,
    trust: tls::Trust,
    engine: docker::Engine,
}

impl SocketProber {
    /// A prober that trusts what the system trusts.
    pub fn new() -> SocketProber {
        SocketProber::with_trust(tls::Trust::default())
    }

    /// A prober that trusts these and shows its own certificate.
    ///
    /// # Errors
    /// If a file cannot be read or holds nothing of use.
    pub fn with_files(files: &TlsFiles) -> Result<SocketProber, TlsError> {
        Ok(SocketProber::with_trust(tls::Trust::load(files)?))
    }

    fn with_trust(trust: tls::Trust) -> SocketProber {
        let resolver = resolve::Resolver::default();
        SocketProber {
            shared: Shared { resolver, trust, engine: docker::Engine::from_environment() },
        }
    }
}

impl Default for SocketProber {
    fn default() -> SocketProber {
        SocketProber::new()
    }
}

impl Prober for SocketProber {
    fn probe(&self, request: ProbeRequest) -> BoxFuture<'static, Probed> {
        let shared = self.shared.clone();
        Box::pin(async move { run(&request, &shared).await })
    }
}

/// Each kind's future is boxed, so that none is as large as the largest of all.
async fn run(request: &ProbeRequest, shared: &Shared) -> Probed {
    let (limit, bytes_max) = (request.timeout, request.output_bytes_max);
    let resolver = &shared.resolver;
    match request.spec.as_ref() {
        ProbeSpec::Http(probe) => Box::pin(http::probe(probe, shared, limit, bytes_max)).await,
        ProbeSpec::Tcp(probe) => Box::pin(tcp(probe, shared, limit)).await,
        ProbeSpec::Udp(address) => Box::pin(udp::probe(address, resolver, limit)).await,
        ProbeSpec::Grpc(probe) => Box::pin(h2::grpc(probe, shared, limit)).await,
        ProbeSpec::H2ping(probe) => Box::pin(h2::ping(probe, shared, limit)).await,
        ProbeSpec::Script(args) => Box::pin(script::probe(args, limit, bytes_max)).await,
        ProbeSpec::Docker(probe) => {
            Box::pin(shared.engine.probe(probe, resolver, limit, bytes_max)).await
        }
    }
}

async fn tcp(probe: &TcpProbe, shared: &Shared, limit: Duration) -> Probed {
    let address = probe.address.as_str();
    let attempt = async {
        let stream = dial::dial(address, &shared.resolver).await?;
        if let Some(settings) = &probe.tls {
            shared.trust.wrap(stream, dial::host(address), settings).await?;
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
