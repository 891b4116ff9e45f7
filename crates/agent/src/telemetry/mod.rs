//! What the agent counted, as it is shown: names with their prefix, filters, and the forms that
//! readers know. Counting is the registry's business; what is worked out when somebody looks is in
//! gauges.rs.
//!
//! Source: Consul 1.22 documentation, "Agent telemetry" and "Telemetry parameters";
//! transcripts/agent/node.txt, transcripts/agent/metrics.txt.

mod filter;
mod gauges;
mod prometheus;
mod summary;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tribune_api::agent::metrics::MetricsSummary;
use tribune_node::metrics::{INTERVAL, Labels, Registry, Snapshot};

use crate::config::runtime::TelemetryConfig;
use filter::Filter;

pub use gauges::{Watched, register as register_gauges};

/// The numbers of this agent. Shared by all who show them.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    names: Names,
    /// Zero: nothing is offered to Prometheus.
    prometheus_retention: Duration,
    filter: RwLock<Filter>,
}

/// How a series is called where it is shown.
#[derive(Clone, Debug)]
struct Names {
    prefix: String,
    /// Put before the names of gauges, unless that is turned off.
    hostname: Option<String>,
}

impl Names {
    /// With points, as in JSON.
    fn dotted(&self, name: &str) -> String {
        joined([self.prefix.as_str(), name])
    }

    fn dotted_gauge(&self, name: &str) -> String {
        let host = self.hostname.as_deref().unwrap_or_default();
        joined([self.prefix.as_str(), host, name])
    }
}

/// The parts that are not empty, with points between.
fn joined<const N: usize>(parts: [&str; N]) -> String {
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(".")
}

impl Telemetry {
    /// Shows what a registry holds. `hostname` is that of the machine.
    pub fn new(registry: Registry, config: &TelemetryConfig, hostname: &str) -> Telemetry {
        let hostname = (!config.disable_hostname).then(|| hostname.to_owned());
        Telemetry {
            registry,
            names: Names { prefix: config.metrics_prefix.clone(), hostname },
            prometheus_retention: config.prometheus_retention,
            filter: RwLock::new(Filter::new(config)),
        }
    }

    /// Where to count.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Takes over the filters of another configuration; the rest needs a restart.
    pub fn reload(&self, config: &TelemetryConfig) {
        let mut filter = self.filter.write().unwrap_or_else(PoisonError::into_inner);
        *filter = Filter::new(config);
    }

    /// The interval that ended last, as JSON shows it.
    pub fn summary(&self) -> MetricsSummary {
        summary::summary(&self.snapshot(), &self.names, unix_s())
    }

    /// The text for Prometheus; nothing if it is turned off.
    pub fn prometheus(&self) -> Option<String> {
        if self.prometheus_retention.is_zero() {
            return None;
        }
        Some(prometheus::text(&self.snapshot(), &self.names.prefix))
    }

    /// The interval that ended last, a line for each series: what SIGUSR1 asks for.
    pub fn dump(&self) -> String {
        summary::dump(&self.snapshot(), &self.names, unix_s())
    }

    /// Changes whenever an interval has ended.
    pub fn intervals(&self) -> watch::Receiver<usize> {
        self.registry.intervals()
    }

    /// Ends an interval every ten seconds, when the clock's seconds are a multiple of ten.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut next = INTERVAL.saturating_sub(into_interval());
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(next) => self.registry.rotate(),
            }
            next = INTERVAL.saturating_sub(into_interval());
        }
    }

    fn snapshot(&self) -> Snapshot {
        let filter = self.filter.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut snapshot = self.registry.snapshot();
        let allows = |name: &str, _: &Labels| filter.allows(&self.names.dotted(name));
        snapshot.gauges.retain(|gauge| allows(gauge.name, &gauge.labels));
        snapshot.counters.retain(|reading| allows(reading.name, &reading.labels));
        snapshot.samples.retain(|reading| allows(reading.name, &reading.labels));
        snapshot
    }
}

/// How much of an interval the wall clock has gone through. At least a part of a second is left,
/// so that a timer that comes early does not end one twice.
fn into_interval() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let length = INTERVAL.as_nanos();
    let into = u64::try_from(since.as_nanos() % length).unwrap_or(0);
    Duration::from_nanos(into).min(INTERVAL.saturating_sub(Duration::from_millis(100)))
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
pub(crate) mod tests;
