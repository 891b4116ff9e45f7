//! Texts that clients match, each with the transcript that fixes it. Texts with a value in them
//! are functions. Statuses are not here; agent/http/error.rs decides those.
//! Invariant: a text here differs from its transcript only by a row in docs/compat.md.

// transcripts/status/paths.txt, kv/errors.txt
pub const NOT_V1: &str =
    "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'";
pub const NO_SUCH_ENDPOINT: &str = "Invalid URL path: not a recognized HTTP API endpoint";
pub const ACL_DISABLED: &str = "ACL support disabled";
pub const UTILIZATION_ENTERPRISE: &str = "operator utilization requires Consul Enterprise";
pub const ROBOTS: &str = "# http://www.robotstxt.org\nUser-agent: *\nDisallow: /";

// transcripts/status/http.txt
pub const ENDPOINT_BLOCKED: &str = "Endpoint is blocked by agent configuration";
pub const ACCESS_RESTRICTED: &str = "Access is restricted";
pub const UI_DISABLED: &str = "Consul Agent: UI disabled. To enable, set \
                               ui_config.enabled=true in the agent configuration and restart.";

// transcripts/kv/errors.txt
pub const MISSING_KEY: &str = "Missing key name";
pub const INVALID_INDEX: &str = "Invalid index";
pub const INVALID_WAIT: &str = "Invalid wait time";
pub const STALE_AND_CONSISTENT: &str =
    "Cannot specify ?stale with ?consistent, conflicting semantics.";
pub const NO_PATH_TO_DATACENTER: &str = "No path to datacenter";
pub const NAMESPACES_ENTERPRISE: &str =
    "Invalid query parameter: \"ns\" - Namespaces are a Consul Enterprise feature";
pub const PARTITIONS_ENTERPRISE: &str =
    "Invalid query parameter: \"partition\" - Partitions are a Consul Enterprise feature";
pub const CACHED_AND_CONSISTENT: &str =
    "Cannot specify ?cached with ?consistent, conflicting semantics.";

// consul-surface B.9
pub const NO_LEADER: &str = "No cluster leader";

// transcripts/session/basic.txt
pub const MISSING_SESSION: &str = "Missing session";
pub const MISSING_NODE_REGISTRATION: &str = "Missing node registration";

// transcripts/txn/basic.txt
pub const TXN_MUST_PROVIDE_KEY: &str = "Must provide key";

// transcripts/catalog/basic.txt
pub const MISSING_SERVICE_NAME: &str = "Missing service name";
pub const MISSING_NODE_NAME: &str = "Missing node name";
pub const MUST_PROVIDE_ADDRESS: &str = "Must provide address if SkipNodeUpdate is not set";
pub const MUST_PROVIDE_NODE: &str = "Must provide node";
pub const MUST_PROVIDE_SERVICE_NAME: &str =
    "Must provide service name (Service.Service) when service ID is provided";
pub const BAD_NODE_ID_LENGTH: &str = "Bad node ID: uuid string is wrong length";

// transcripts/health/basic.txt
pub const MISSING_CHECK_STATE: &str = "Missing check state";
pub const INVALID_PASSING: &str = "Invalid value for ?passing";

// transcripts/event/basic.txt, event/more.txt
pub const MISSING_EVENT_NAME: &str = "Missing name";
pub const TAG_WITHOUT_SERVICE: &str = "Cannot provide tag filter without service filter";

// transcripts/agent/service.txt, agent/check.txt
pub const MISSING_CHECK_NAME: &str = "Missing check name";
pub const BAD_CHECK_STATUS: &str = "Bad check status";
pub const MISSING_ENABLE: &str = "Missing value for enable";
pub const INVALID_SERVICE_ADDRESS: &str = "Invalid service address";
pub const SCRIPTS_DISABLED: &str = "Scripts are disabled on this agent from remote calls; \
                                    to enable, configure 'enable_script_checks' to true";
pub const CHECK_NEEDS_TTL: &str = "TTL must be > 0 for TTL checks";
pub const CHECK_NEEDS_INTERVAL: &str =
    "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks";
pub const CHECK_INTERVAL_AND_TTL: &str = "Interval and TTL cannot both be specified";
pub const CHECK_OUTPUT_SIZE: &str = "MaxOutputMaxSize must be positive";
pub const CHECK_WARNING_ABOVE_CRITICAL: &str =
    "FailuresBeforeWarning can't be higher than FailuresBeforeCritical";
pub const OS_SERVICE_UNSUPPORTED: &str = "not implemented";

// transcripts/connect/ca.txt, connect/off.txt
pub const PEM_NOT_BOOLEAN: &str = "The 'pem' query parameter must be a boolean value";
pub const CONNECT_DISABLED: &str = "Connect must be enabled in order to use this endpoint";

// transcripts/agent/maintenance.txt
pub const NODE_MAINTENANCE_REASON: &str = "Maintenance mode is enabled for this node, \
                                           but no reason was provided. This is a default message.";

/// Source: transcripts/agent/service.txt.
pub fn unknown_service_id(id: &str) -> String {
    format!(
        "Unknown service ID \"{id}\". Ensure that the service ID is passed, not the service name."
    )
}

/// Source: transcripts/agent/check.txt.
pub fn unknown_check_id(id: &str) -> String {
    format!("Unknown check ID \"{id}\". Ensure that the check ID is passed, not the check name.")
}

/// Source: transcripts/agent/types.txt.
pub fn check_has_no_ttl(id: &str) -> String {
    format!("CheckID \"{id}\" does not have associated TTL")
}

/// Source: transcripts/agent/check.txt.
pub fn check_service_unknown(id: &str) -> String {
    format!("ServiceID \"{id}\" does not exist")
}

/// Source: transcripts/session/basic.txt.
pub fn session_not_found(id: &str) -> String {
    format!("Session id '{id}' not found")
}

/// Source: transcripts/kv/limits.txt.
pub fn kv_value_too_large(bytes: usize, bytes_max: usize) -> String {
    format!(
        "Request body({bytes} bytes) too large, max size: {bytes_max} bytes. See \
         https://developer.hashicorp.com/docs/agent/config/config-files#kv_max_value_size."
    )
}

/// Source: transcripts/kv/limits.txt.
pub fn txn_value_too_large(key: &str, bytes: usize, bytes_max: usize) -> String {
    format!("Value for key \"{key}\" is too large ({bytes} > {bytes_max} bytes)")
}

/// Worded as the one for values is, since no transcript shows it.
pub fn txn_too_large(bytes: usize, bytes_max: usize) -> String {
    format!(
        "Request body({bytes} bytes) too large, max size: {bytes_max} bytes. See \
         https://developer.hashicorp.com/docs/agent/config/config-files#txn_max_req_len."
    )
}

/// Source: transcripts/catalog/basic.txt.
pub fn unknown_service_for_check(service_id: &str, check_id: &str) -> String {
    format!("Unknown service ID '{service_id}' for check ID '{check_id}'")
}

/// Source: transcripts/txn/more.txt.
pub fn txn_too_many_ops(ops: usize, ops_max: usize) -> String {
    format!("Transaction contains too many operations ({ops} > {ops_max})")
}

/// Source: transcripts/event/more.txt.
pub fn event_too_large(bytes: usize, bytes_max: usize) -> String {
    format!(
        "Event payload too large, received {bytes} bytes, max size: {bytes_max} bytes. \
         User events should be kept small for efficient gossip propagation."
    )
}

/// Source: transcripts/kv/errors.txt.
pub fn method_not_allowed(method: &str) -> String {
    format!("method {method} not allowed")
}

/// Source: transcripts/kv/errors.txt, the words of Go's integer parser.
pub fn not_a_u64(text: &str) -> String {
    format!("strconv.ParseUint: parsing \"{text}\": invalid syntax")
}
