//! What the outer ring counts: counters, gauges and samples, under Consul's names.
//!
//! Whoever counts holds a handle and does a few atomic additions; nothing is locked and nothing is
//! looked up by name. Numbers are gathered in intervals of ten seconds, in two slots that take
//! turns: one is being written, the other holds the interval that ended last.
//! Invariant: a slot is added to the totals when its next turn comes, ten seconds after the last
//! write to it, so that no write falls between two intervals.

mod family;
mod registry;
mod sample;
mod series;
pub(crate) mod server;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use family::CounterFamily;
pub use registry::{Computed, Registry, Snapshot};
pub use sample::Sample;
pub use series::{Aggregate, Counter, Gauge, Labels, Reading, count_as_f64};
pub(crate) use server::ServerMetrics;

/// How long numbers are gathered before they are shown.
///
/// Source: Consul 1.22 documentation, "Agent telemetry": an interval is ten seconds.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// The quantiles that a sample shows.
pub const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];
