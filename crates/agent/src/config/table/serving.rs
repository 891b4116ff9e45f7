//! Rows: what clients meet: HTTP, DNS, limits, the UI, services and checks.

use super::{Kind, Row, group};

pub const ROWS: &[Row] = group! {
    "dns_config.allow_stale" Bool "true" reload : "any server may answer DNS";
    "dns_config.max_stale" Duration "87600h" reload : "older answers are asked of the leader";
    "dns_config.node_ttl" Duration "0s" used reload : "TTL of answers about nodes";
    "dns_config.service_ttl" Map "" used reload
        : "TTL of answers about services by name; * for all";
    "dns_config.only_passing" Bool "false" used reload : "leave out services with warnings";
    "dns_config.udp_answer_limit" Int "3" used reload : "answers to a question by UDP";
    "dns_config.a_record_limit" Int "0" used reload
        : "address records of an answer, 0 for no limit";
    "dns_config.enable_truncate" Bool "false" used reload : "mark answers that were cut";
    "dns_config.disable_compression" Bool "false" used reload : "write names in full";
    "dns_config.enable_additional_node_meta_txt" Bool "true" used reload
        : "TXT records of the node's meta beside its address";
    "dns_config.recursor_strategy" Text "sequential" reload
        : "order of recursors: sequential or random";
    "dns_config.recursor_timeout" Duration "2s" reload : "time a recursor may take";
    "dns_config.soa.refresh" Int "3600" used reload : "refresh of the SOA record, in seconds";
    "dns_config.soa.retry" Int "600" used reload : "retry of the SOA record, in seconds";
    "dns_config.soa.expire" Int "86400" used reload : "expiry of the SOA record, in seconds";
    "dns_config.soa.min_ttl" Int "0" used reload : "TTL of negative answers, in seconds";
    "dns_config.use_cache" Bool "false" reload : "answer from the agent's cache";
    "dns_config.cache_max_age" Duration "0s" reload : "older entries of the cache are asked again";
    "dns_config.prefer_namespace" Bool "false" : "not in this edition";
    "recursors" List "" flag("recursor") reload : "DNS servers for other domains";

    "http_config.block_endpoints" List "" used : "paths that are refused, by prefix";
    "http_config.allow_write_http_from" List "" flag("allow-write-http-from") used
        : "networks that may write; all if empty";
    "http_config.response_headers" Map "" used reload : "headers of every answer";
    "http_config.use_cache" Bool "true" used
        : "answer from the agent's cache where a request allows it";
    "http_config.max_header_bytes" Int "0" used : "bytes of a request's headers; 1 MiB if 0";
    "disable_http_unprintable_char_filter" Bool "false" used
        : "accept paths with unprintable characters";
    "enable_debug" Bool "false" dev("true") reload : "serve profiles";

    "check_update_interval" Duration "5m" used
        : "how late a check's new output may be sent to the servers";
    "check_output_max_size" Int "4096" flag("check_output_max_size") used
        : "bytes of a check's output that are kept";
    "discard_check_output" Bool "false" used reload : "keep no output of checks";
    "enable_script_checks" Bool "false" flag("enable-script-checks") used
        : "checks may run programs";
    "enable_local_script_checks" Bool "false" flag("enable-local-script-checks") used
        : "checks of files may run programs";
    "flap.enabled" Bool "false" used : "hold checks that keep changing at their worse state";
    "flap.penalty" Int "1000" used : "points for each change of a check's state";
    "flap.half_life" Duration "60s" used : "the time in which points become half as many";
    "flap.ceiling" Int "8000" used : "no check has more points";
    "flap.suppress_threshold" Int "2500" used : "a check with more points is held";
    "flap.reuse_threshold" Int "1000" used : "a held check with no more points is let go";
    "service" Services "" used reload : "one service to register";
    "services" Services "" used reload : "services to register";
    "check" Checks "" used reload : "one check to register";
    "checks" Checks "" used reload : "checks to register";
    "watches" Objects "" used reload : "what to watch, and what to run or call when it changes";

    "limits.http_max_conns_per_client" Int "200" used reload : "HTTP connections of one address";
    "limits.https_handshake_timeout" Duration "5s" used : "time an HTTPS client has to say hello";
    "limits.rpc_handshake_timeout" Duration "5s"
        : "time a connection within the cluster has to say hello";
    "limits.rpc_client_timeout" Duration "60s" reload
        : "time a request within the cluster may take";
    "limits.rpc_max_conns_per_client" Int "100" reload
        : "connections of one address within the cluster";
    "limits.rpc_rate" Float "-1" reload
        : "requests per second from a client to servers, -1 for no limit";
    "limits.rpc_max_burst" Int "1000" reload : "requests at once from a client to servers";
    "limits.kv_max_value_size" Int "524288" used : "bytes of a value in KV";
    "limits.txn_max_req_len" Int "524288" used : "bytes of a transaction";
    "limits.request_limits.mode" Text "disabled" reload
        : "limit of requests on a server: disabled, permissive or enforcing";
    "limits.request_limits.read_rate" Float "-1" reload
        : "reads per second on a server, -1 for no limit";
    "limits.request_limits.write_rate" Float "-1" reload
        : "writes per second on a server, -1 for no limit";
    "cache.entry_fetch_rate" Float "" reload : "fetches per second of one entry of the cache";
    "cache.entry_fetch_max_burst" Int "2" reload : "fetches at once of one entry of the cache";

    "default_query_time" Duration "300s" flag("default-query-time") used
        : "wait of a blocking query that names none";
    "max_query_time" Duration "600s" flag("max-query-time") used
        : "longest wait of a blocking query";
    "discovery_max_stale" Duration "0s" used : "discovery reads may be this stale";
    "use_streaming_backend" Bool "true" : "clients follow a stream of changes";
    "rpc.enable_streaming" Bool "true" : "servers offer a stream of changes";
    "session_ttl_min" Duration "10s" used : "shortest TTL of a session";
    "disable_kv_key_validation" Bool "false" used : "accept any key in KV";

    "ui_config.enabled" Bool "false" dev("true") flag("ui") used : "serve the UI";
    "ui_config.dir" Text "" flag("ui-dir") : "folder of another UI";
    "ui_config.content_path" Text "/ui/" flag("ui-content-path") used : "path of the UI";
    "ui_config.metrics_provider" Text "" reload : "where the UI finds metrics";
    "ui_config.metrics_provider_files" List "" reload : "scripts of the UI's metrics provider";
    "ui_config.metrics_provider_options_json" Text "" reload
        : "options of the UI's metrics provider";
    "ui_config.metrics_proxy.base_url" Text "" reload
        : "where the agent fetches metrics for the UI";
    "ui_config.metrics_proxy.add_headers" Objects "" reload
        : "headers of those fetches, each with name and value";
    "ui_config.metrics_proxy.path_allowlist" List "" reload : "paths that may be fetched";
    "ui_config.dashboard_url_templates" Map "" reload : "links to dashboards by kind of page";
    "ui_config.hcp_enabled" Bool "false" : "not in this edition";
};
