//! Rows: how the agent runs: server or client, disk, Raft, logs, telemetry.

use super::{Kind, Row, group};

pub const ROWS: &[Row] = group! {
    "server" Bool "false" dev("true") flag("server") used : "be a server";
    "bootstrap" Bool "false" flag("bootstrap") used : "be the first server and elect itself";
    "bootstrap_expect" Int "0" flag("bootstrap-expect") used
        : "servers to wait for before the first election";
    "data_dir" Text "" flag("data-dir") used : "folder of everything that is kept";
    "pid_file" Text "" flag("pid-file") used : "file that holds the process id";
    "protocol" Int "2" flag("protocol") : "version of the protocol that is spoken";
    "raft_protocol" Int "3" flag("raft-protocol") : "version of Raft that is spoken; only 3";
    "leave_on_terminate" Bool "" used : "leave the cluster on SIGTERM; true on clients";
    "skip_leave_on_interrupt" Bool "" used : "do not leave the cluster on SIGINT; true on servers";
    "disable_host_node_id" Bool "true" flag("disable-host-node-id")
        : "make the node's id at random, not from the host";
    "auto_reload_config" Bool "false" flag("auto-reload-config") : "reload when a file changes";
    "experiments" List "" : "parts that are not finished";

    "performance.raft_multiplier" Int "5" dev("1") : "scale of Raft's time-outs, 1 to 10";
    "performance.leave_drain_time" Duration "5s" : "time requests have when a server leaves";
    "performance.rpc_hold_timeout" Duration "7s" used : "how long a request waits for a leader";
    "performance.grpc_keepalive_interval" Duration "30s" : "time between signs of life on gRPC";
    "performance.grpc_keepalive_timeout" Duration "20s" : "time for an answer to a sign of life";
    "performance.enable_xds_load_balancing" Bool "true" : "servers share proxies among them";
    "raft_snapshot_threshold" Int "16384" used : "entries after which a snapshot is made";
    "raft_snapshot_interval" Duration "30s"
        : "how often it is looked whether a snapshot is due";
    "raft_trailing_logs" Int "10240" : "entries kept after a snapshot";
    "raft_prevote_disabled" Bool "false" : "elections without a round of asking first";
    "raft_logstore.backend" Text "default" : "kind of log: default, boltdb or wal; one kind here";
    "raft_logstore.disable_log_cache" Bool "false" : "keep no recent entries in memory";
    "raft_logstore.verification.enabled" Bool "false" : "check the log against other servers";
    "raft_logstore.verification.interval" Duration "0s" : "how often the log is checked";
    "raft_logstore.boltdb.no_freelist_sync" Bool "false" : "has no effect";
    "raft_logstore.wal.segment_size_mb" Int "64" : "size of a file of the log, in MiB";
    "autopilot.cleanup_dead_servers" Bool "true" : "remove servers that failed when new ones come";
    "autopilot.last_contact_threshold" Duration "200ms"
        : "a server that was not heard of longer is unhealthy";
    "autopilot.max_trailing_logs" Int "250" : "a server that is further behind is unhealthy";
    "autopilot.min_quorum" Int "0" : "servers that are never cleaned up";
    "autopilot.server_stabilization_time" Duration "10s"
        : "how long a new server must be healthy before it votes";
    "autopilot.redundancy_zone_tag" Text "" : "not in this edition";
    "autopilot.disable_upgrade_migration" Bool "false" : "not in this edition";
    "autopilot.upgrade_version_tag" Text "" : "not in this edition";

    "log_level" Text "INFO" dev("DEBUG") flag("log-level") used reload
        : "TRACE, DEBUG, INFO, WARN, ERR or ERROR";
    "log_json" Bool "false" flag("log-json") used : "write logs as JSON";
    "log_file" Text "" flag("log-file") used : "file or folder of logs";
    "log_rotate_duration" Duration "24h" flag("log-rotate-duration") used
        : "a new log file after this time";
    "log_rotate_bytes" Int "0" flag("log-rotate-bytes") used
        : "a new log file after this many bytes, 0 for no limit";
    "log_rotate_max_files" Int "0" flag("log-rotate-max-files") used
        : "log files that are kept, 0 for all, -1 for none";
    "enable_syslog" Bool "false" flag("syslog") used : "write logs to syslog";
    "syslog_facility" Text "LOCAL0" used : "facility of syslog";

    "telemetry.metrics_prefix" Text "consul" used : "first part of every metric's name";
    "telemetry.disable_hostname" Bool "false" used : "do not put the host's name before gauges";
    "telemetry.filter_default" Bool "true" used reload : "keep metrics that no filter names";
    "telemetry.prefix_filter" List "" used reload
        : "+ or - and the start of metrics to keep or drop";
    "telemetry.prometheus_retention_time" Duration "0s" used
        : "how long metrics are offered to Prometheus, 0 for not";
    "telemetry.statsd_address" Text "" : "statsd to send metrics to";
    "telemetry.statsite_address" Text "" : "statsite to send metrics to";
    "telemetry.dogstatsd_addr" Text "" : "DogStatsD to send metrics to";
    "telemetry.dogstatsd_tags" List "" : "tags of metrics sent to DogStatsD";
    "telemetry.enable_host_metrics" Bool "false" used : "also report the host's metrics";
    "telemetry.disable_per_tenancy_usage_metrics" Bool "false" : "report usage in all only";
    "telemetry.retry_failed_connection" Bool "true" : "try again when a collector does not answer";
    "telemetry.disable_compat_1.9" Bool "true" : "has no effect";
    "telemetry.circonus_api_app" Text "" : "Circonus: name of the application";
    "telemetry.circonus_api_token" Secret "" : "Circonus: token";
    "telemetry.circonus_api_url" Text "" : "Circonus: address of the API";
    "telemetry.circonus_broker_id" Text "" : "Circonus: id of the broker";
    "telemetry.circonus_broker_select_tag" Text "" : "Circonus: tag that selects the broker";
    "telemetry.circonus_check_display_name" Text "" : "Circonus: name of the check";
    "telemetry.circonus_check_force_metric_activation" Text "" : "Circonus: activate metrics again";
    "telemetry.circonus_check_id" Text "" : "Circonus: id of the check";
    "telemetry.circonus_check_instance_id" Text "" : "Circonus: id of this instance";
    "telemetry.circonus_check_search_tag" Text "" : "Circonus: tag that finds the check";
    "telemetry.circonus_check_tags" Text "" : "Circonus: tags of the check";
    "telemetry.circonus_submission_interval" Text "" : "Circonus: time between submissions";
    "telemetry.circonus_submission_url" Text "" : "Circonus: where metrics are sent";

    "disable_remote_exec" Bool "true" : "refuse to run commands for others";
    "disable_update_check" Bool "false" used : "do not ask for new versions; this agent never asks";
    "disable_anonymous_signature" Bool "false" dev("true") : "has no effect";
    "disable_coordinates" Bool "false" used : "do not measure distances to other nodes";
    "cloud.resource_id" Text "" : "not in this edition";
    "cloud.client_id" Text "" : "not in this edition";
    "cloud.client_secret" Secret "" : "not in this edition";
    "cloud.hostname" Text "" : "not in this edition";
    "cloud.auth_url" Text "" : "not in this edition";
    "cloud.scada_address" Text "" : "not in this edition";
    "cloud.management_token" Secret "" : "not in this edition";
};
