//! Series in Prometheus' text form: points become underscores, a sample is a summary, and the
//! numbers of the process are added under the names that every exporter gives them.
//!
//! Source: the Prometheus documentation, "Exposition formats", text format 0.0.4;
//! transcripts/agent/metrics.txt for the type.

use std::fmt::Write as _;

use tribune_node::metrics::{Labels, QUANTILES, Reading, Snapshot};

use crate::host::process::Process;

pub(super) fn text(snapshot: &Snapshot, prefix: &str) -> String {
    let mut page = Page { text: String::new(), last: String::new() };
    for gauge in &snapshot.gauges {
        let name = name(prefix, gauge.name);
        page.head(&name, "gauge");
        page.row(&name, &gauge.labels, None, gauge.value);
    }
    for reading in &snapshot.counters {
        let name = name(prefix, reading.name);
        page.head(&name, "counter");
        page.row(&name, &reading.labels, None, reading.total_sum);
    }
    for reading in &snapshot.samples {
        page.summary(&name(prefix, reading.name), reading);
    }
    if let Some(process) = Process::read() {
        page.process(&process);
    }
    page.text
}

struct Page {
    text: String,
    /// The series whose head stands above.
    last: String,
}

impl Page {
    /// What a series is, once for all of its rows: they follow each other.
    fn head(&mut self, name: &str, kind: &str) {
        if self.last != name {
            let _ = writeln!(self.text, "# HELP {name} {name}\n# TYPE {name} {kind}");
            name.clone_into(&mut self.last);
        }
    }

    fn row(&mut self, name: &str, labels: &Labels, quantile: Option<f64>, value: f64) {
        self.text.push_str(name);
        let mut opened = false;
        let mut label = |text: &mut String, name: &str, value: &str| {
            text.push(if opened { ',' } else { '{' });
            opened = true;
            let _ = write!(text, "{}=\"", cleaned(name));
            for symbol in value.chars() {
                match symbol {
                    '\\' => text.push_str("\\\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str("\\n"),
                    other => text.push(other),
                }
            }
            text.push('"');
        };
        for (name, value) in labels {
            label(&mut self.text, name, value);
        }
        if let Some(quantile) = quantile {
            label(&mut self.text, "quantile", &quantile.to_string());
        }
        if opened {
            self.text.push('}');
        }
        let _ = if value.is_nan() {
            writeln!(self.text, " NaN")
        } else {
            writeln!(self.text, " {value}")
        };
    }

    fn summary(&mut self, name: &str, reading: &Reading) {
        self.head(name, "summary");
        for (at, quantile) in QUANTILES.iter().enumerate() {
            // Without a number lately there is no quantile, which Prometheus writes so.
            let value = reading.quantiles.and_then(|values| values.get(at).copied());
            self.row(name, &reading.labels, Some(*quantile), value.unwrap_or(f64::NAN));
        }
        let count = tribune_node::metrics::count_as_f64(reading.total_count);
        self.row(&format!("{name}_sum"), &reading.labels, None, reading.total_sum);
        self.row(&format!("{name}_count"), &reading.labels, None, count);
    }

    fn process(&mut self, process: &Process) {
        let rows = [
            ("process_cpu_seconds_total", "counter", process.cpu_s),
            ("process_max_fds", "gauge", process.fds_max),
            ("process_open_fds", "gauge", process.fds),
            ("process_resident_memory_bytes", "gauge", process.resident_bytes),
            ("process_start_time_seconds", "gauge", process.start_unix_s),
            ("process_virtual_memory_bytes", "gauge", process.virtual_bytes),
        ];
        for (name, kind, value) in rows {
            self.head(name, kind);
            self.row(name, &Labels::new(), None, value);
        }
    }
}

/// `consul` and `raft.commitTime` as `consul_raft_commitTime`.
fn name(prefix: &str, name: &str) -> String {
    cleaned(&super::joined([prefix, name]))
}

/// What Prometheus does not take in a name becomes an underscore.
fn cleaned(name: &str) -> String {
    let good = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '_' || symbol == ':';
    name.chars().map(|symbol| if good(symbol) { symbol } else { '_' }).collect()
}
