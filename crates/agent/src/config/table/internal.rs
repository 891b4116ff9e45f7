//! Rows: keys that files may hold though nobody should set them: test helpers do, and keys of
//! the Enterprise edition, which this edition names and leaves alone.

use super::{Kind, Row, group};

pub const ROWS: &[Row] = group! {
    "version" Text "" : "ignored: the version is built in";
    "version_prerelease" Text "" : "ignored: the version is built in";
    "version_metadata" Text "" : "ignored: the version is built in";
    "revision" Text "" : "ignored: the revision is built in";
    "build_date" Text "" : "ignored: the date is built in";
    "dev_mode" Bool "false" : "ignored: the flag -dev decides";
    "ae_interval" Duration "1m" used : "time between full comparisons with the servers";
    "check_deregister_interval_min" Duration "1m" : "shortest deregister_critical_service_after";
    "check_reap_interval" Duration "30s" : "how often critical services are looked for";
    "sync_coordinate_rate_target" Float "64" : "coordinates sent to the servers per second";
    "sync_coordinate_interval_min" Duration "15s" : "shortest time between coordinates of a node";
    "consul.coordinate.update_batch_size" Int "128" : "coordinates written at once";
    "consul.coordinate.update_max_batches" Int "5" : "batches of coordinates written at a time";
    "consul.coordinate.update_period" Duration "5s" dev("100ms")
        : "time between writes of coordinates";
    "consul.raft.election_timeout" Duration "1s" dev("52ms")
        : "Raft: time without a leader before an election";
    "consul.raft.heartbeat_timeout" Duration "1s" dev("35ms")
        : "Raft: time without a heartbeat before an election";
    "consul.raft.leader_lease_timeout" Duration "500ms" dev("20ms")
        : "Raft: time without followers before a leader steps down";
    "consul.server.health_interval" Duration "2s" dev("10ms")
        : "time between looks at the servers' health";

    "audit.enabled" Bool "false" : "not in this edition";
    "audit.rpc_enabled" Bool "false" : "not in this edition";
    "audit.sink" Object "" : "not in this edition";
    "license_path" Text "" : "not in this edition";
    "partition" Text "" : "not in this edition";
    "read_replica" Bool "false" flag("read-replica") : "not in this edition";
    "reporting.license.enabled" Bool "false" : "not in this edition";
    "reporting.snapshot_retention_time" Duration "0s" : "not in this edition";
    "segment" Text "" flag("segment") : "not in this edition";
    "segments" Objects "" : "not in this edition";
};
