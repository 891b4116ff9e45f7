//! Rows: names that keys had in earlier versions. A value under an old name counts where the
//! new name has none, and is named in a warning.

use super::{Kind, Row, group};

pub const ROWS: &[Row] = group! {
    "acl_agent_master_token" Secret "" now("acl.tokens.agent_recovery") : "old name";
    "acl_agent_token" Secret "" now("acl.tokens.agent") : "old name";
    "acl_datacenter" Text "" now("primary_datacenter") : "old name";
    "acl_default_policy" Text "" now("acl.default_policy") : "old name";
    "acl_down_policy" Text "" now("acl.down_policy") : "old name";
    "acl_enable_key_list_policy" Bool "" now("acl.enable_key_list_policy") : "old name";
    "acl_master_token" Secret "" now("acl.tokens.initial_management") : "old name";
    "acl_replication_token" Secret "" now("acl.tokens.replication") : "old name";
    "acl_token" Secret "" now("acl.tokens.default") : "old name";
    "acl_ttl" Duration "" now("acl.token_ttl") : "old name";
    "acl.tokens.agent_master" Secret "" now("acl.tokens.agent_recovery") : "old name";
    "acl.tokens.master" Secret "" now("acl.tokens.initial_management") : "old name";
    "ca_file" Text "" now("tls.defaults.ca_file") reload : "old name";
    "ca_path" Text "" now("tls.defaults.ca_path") reload : "old name";
    "cert_file" Text "" now("tls.defaults.cert_file") reload : "old name";
    "enable_acl_replication" Bool "" now("acl.enable_token_replication") : "old name";
    "key_file" Text "" now("tls.defaults.key_file") reload : "old name";
    "non_voting_server" Bool "" flag("non-voting-server") now("read_replica")
        : "old name of -read-replica";
    "raft_boltdb.nofreelistsync" Bool "" now("raft_logstore.boltdb.no_freelist_sync") : "old name";
    "start_join" List "" flag("join") now("retry_join") : "old name of -retry-join";
    "start_join_wan" List "" flag("join-wan") now("retry_join_wan")
        : "old name of -retry-join-wan";
    "tls_cipher_suites" Text "" now("tls.defaults.tls_cipher_suites") reload : "old name";
    "tls_min_version" Text "" now("tls.defaults.tls_min_version") reload : "old name";
    "tls_prefer_server_cipher_suites" Bool "" : "has no effect";
    "ui" Bool "" now("ui_config.enabled") used : "old name";
    "ui_content_path" Text "" now("ui_config.content_path") used : "old name";
    "ui_dir" Text "" now("ui_config.dir") : "old name";
    "verify_incoming" Bool "" now("tls.defaults.verify_incoming") reload : "old name";
    "verify_incoming_https" Bool "" now("tls.https.verify_incoming") reload : "old name";
    "verify_incoming_rpc" Bool "" now("tls.internal_rpc.verify_incoming") reload : "old name";
    "verify_outgoing" Bool "" now("tls.defaults.verify_outgoing") reload : "old name";
    "verify_server_hostname" Bool "" now("tls.internal_rpc.verify_server_hostname") reload
        : "old name";
};
