//! Series as JSON and as lines for people, with the numbers of one interval.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tribune_api::agent::metrics::{GaugeValue, MetricsSummary, SampledValue};
use tribune_api::time::GoTime;
use tribune_node::metrics::{INTERVAL, Labels, Reading, Snapshot};

use super::Names;

pub(super) fn summary(snapshot: &Snapshot, names: &Names, unix_s: u64) -> MetricsSummary {
    MetricsSummary {
        timestamp: go_time(interval_start(unix_s)),
        gauges: snapshot
            .gauges
            .iter()
            .map(|gauge| GaugeValue {
                name: names.dotted_gauge(gauge.name),
                value: gauge.value,
                labels: by_name(&gauge.labels),
            })
            .collect(),
        points: Vec::new(),
        counters: snapshot.counters.iter().map(|reading| sampled(reading, names)).collect(),
        samples: snapshot
            .samples
            .iter()
            .filter(|reading| reading.interval.count > 0)
            .map(|reading| sampled(reading, names))
            .collect(),
    }
}

fn sampled(reading: &Reading, names: &Names) -> SampledValue {
    let interval = &reading.interval;
    SampledValue {
        name: names.dotted(reading.name),
        count: interval.count,
        rate: interval.sum / INTERVAL.as_secs_f64(),
        sum: interval.sum,
        min: interval.min,
        max: interval.max,
        mean: interval.mean(),
        stddev: interval.stddev(),
        labels: by_name(&reading.labels),
    }
}

fn by_name(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// One line for each series: its kind, its name with the values of its labels, its numbers.
///
/// Source: Consul 1.22 documentation, "Agent telemetry", the sample of a dump.
pub(super) fn dump(snapshot: &Snapshot, names: &Names, unix_s: u64) -> String {
    let time = go_time(interval_start(unix_s));
    let mut text = String::new();
    let labelled = |name: String, labels: &Labels| {
        labels.iter().fold(name, |name, (_, value)| format!("{name}.{value}"))
    };
    for gauge in &snapshot.gauges {
        let name = labelled(names.dotted_gauge(gauge.name), &gauge.labels);
        let _ = writeln!(text, "[{time}][G] '{name}': {:.3}", gauge.value);
    }
    let counters = snapshot.counters.iter().map(|reading| ('C', reading));
    for (kind, reading) in counters.chain(snapshot.samples.iter().map(|reading| ('S', reading))) {
        let interval = &reading.interval;
        if interval.count == 0 {
            continue;
        }
        let name = labelled(names.dotted(reading.name), &reading.labels);
        let _ = writeln!(
            text,
            "[{time}][{kind}] '{name}': Count: {} Min: {:.3} Mean: {:.3} Max: {:.3} Stddev: {:.3} \
             Sum: {:.3}",
            interval.count,
            interval.min,
            interval.mean(),
            interval.max,
            interval.stddev(),
            interval.sum,
        );
    }
    text
}

/// The start of the interval that ended last.
fn interval_start(unix_s: u64) -> u64 {
    let length = INTERVAL.as_secs();
    (unix_s / length * length).saturating_sub(length)
}

/// `2026-11-23 09:00:10 +0000 UTC`.
fn go_time(unix_s: u64) -> String {
    let time = GoTime::from_unix_secs(i64::try_from(unix_s).unwrap_or(i64::MAX)).to_string();
    let plain = time.trim_end_matches('Z').replace('T', " ");
    format!("{plain} +0000 UTC")
}
