//! How the agent runs: Raft, autopilot, logs, telemetry. Settings to a part of the result.
//! Invariant: what breaks a rule is pushed to the reader's errors, never returned.

use super::super::runtime::{AutopilotConfig, LogConfig, LogLevel, RaftConfig, TelemetryConfig};
use super::reader::Reader;

pub fn raft(reader: &mut Reader) -> RaftConfig {
    let multiplier = reader.settings.int("performance.raft_multiplier");
    if !(1..=RAFT_MULTIPLIER_MAX).contains(&multiplier) {
        reader.errors.rule(format!(
            "performance.raft_multiplier cannot be {multiplier}. Must be between 1 and \
             {RAFT_MULTIPLIER_MAX}"
        ));
    }
    RaftConfig {
        multiplier: u32::try_from(multiplier).unwrap_or(1),
        election_timeout: reader.span("consul.raft.election_timeout"),
        heartbeat_timeout: reader.span("consul.raft.heartbeat_timeout"),
        leader_lease_timeout: reader.span("consul.raft.leader_lease_timeout"),
        snapshot_threshold: reader.count("raft_snapshot_threshold").into(),
        snapshot_interval: reader.span("raft_snapshot_interval"),
        trailing_logs: reader.count("raft_trailing_logs").into(),
        prevote_disabled: reader.settings.bool("raft_prevote_disabled"),
        logstore_backend: reader.choice("raft_logstore.backend", &["default", "boltdb", "wal"]),
        wal_segment_mib: reader.count("raft_logstore.wal.segment_size_mb"),
    }
}

pub fn autopilot(reader: &mut Reader) -> AutopilotConfig {
    AutopilotConfig {
        cleanup_dead_servers: reader.settings.bool("autopilot.cleanup_dead_servers"),
        last_contact_threshold: reader.span("autopilot.last_contact_threshold"),
        max_trailing_logs: reader.count("autopilot.max_trailing_logs").into(),
        min_quorum: reader.count("autopilot.min_quorum"),
        server_stabilization_time: reader.span("autopilot.server_stabilization_time"),
        server_health_interval: reader.span("consul.server.health_interval"),
    }
}

pub fn log(reader: &mut Reader) -> LogConfig {
    let settings = reader.settings;
    let name = settings.text("log_level");
    let level = LogLevel::parse(&name);
    if level.is_none() {
        reader.errors.rule(format!(
            "Invalid log level: {name}. Valid log levels are: [TRACE DEBUG INFO WARN ERR \
             ERROR]"
        ));
    }
    LogConfig {
        level: level.unwrap_or(LogLevel::Info),
        json: settings.bool("log_json"),
        file: reader.path("log_file"),
        rotate_duration: reader.span("log_rotate_duration"),
        rotate_bytes: reader.count("log_rotate_bytes").into(),
        rotate_files_max: i32::try_from(settings.int("log_rotate_max_files")).unwrap_or(0),
        syslog: settings.bool("enable_syslog"),
        syslog_facility: settings.text("syslog_facility"),
    }
}

pub fn telemetry(reader: &mut Reader) -> TelemetryConfig {
    let settings = reader.settings;
    TelemetryConfig {
        metrics_prefix: settings.text("telemetry.metrics_prefix"),
        disable_hostname: settings.bool("telemetry.disable_hostname"),
        filter_default: settings.bool("telemetry.filter_default"),
        prefix_filter: settings.list("telemetry.prefix_filter"),
        prometheus_retention: reader.span("telemetry.prometheus_retention_time"),
        statsd_address: settings.optional_text("telemetry.statsd_address"),
        statsite_address: settings.optional_text("telemetry.statsite_address"),
        dogstatsd_address: settings.optional_text("telemetry.dogstatsd_addr"),
        dogstatsd_tags: settings.list("telemetry.dogstatsd_tags"),
        enable_host_metrics: settings.bool("telemetry.enable_host_metrics"),
    }
}

/// The multiplier of Raft's time-outs; above, elections take minutes.
const RAFT_MULTIPLIER_MAX: i64 = 10;
