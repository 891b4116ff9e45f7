//! `/v1/agent/metrics` on the wire. Nothing is counted here.
//! Invariant: fields stand in the order Consul prints them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was counted in the interval that ended last.
///
/// Source: transcripts/agent/node.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct MetricsSummary {
    /// The start of the interval, as Go prints a time: `2026-11-23 09:00:10 +0000 UTC`.
    pub timestamp: String,
    pub gauges: Vec<GaugeValue>,
    /// Nothing of the agent is a point.
    pub points: Vec<PointValue>,
    pub counters: Vec<SampledValue>,
    pub samples: Vec<SampledValue>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct GaugeValue {
    pub name: String,
    pub value: f64,
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PointValue {
    pub name: String,
    pub points: Vec<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SampledValue {
    pub name: String,
    pub count: u64,
    /// The sum by the second.
    pub rate: f64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    pub stddev: f64,
    pub labels: BTreeMap<String, String>,
}
