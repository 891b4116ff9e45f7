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
/// Source: transcripts/peering/basic.txt.
pub const PARTITIONS_OTHER_EDITION: &str = "Partitions are a Consul Enterprise feature";
pub const NAMESPACES_OTHER_EDITION: &str = "Namespaces are a Consul Enterprise feature";
pub const CACHED_AND_CONSISTENT: &str =
    "Cannot specify ?cached with ?consistent, conflicting semantics.";

// transcripts/agent/node.txt
pub const PROMETHEUS_OFF: &str =
    "Prometheus is not enabled since its retention time is not positive";
pub const SEGMENTS_UNSUPPORTED: &str =
    "Network segments are not supported in this version of Consul";
pub const SEGMENT_WITH_WAN: &str = "Cannot provide a segment with wan=true";

pub fn unknown_log_level(name: &str) -> String {
    format!("Unknown log level: {name}")
}

pub fn no_such_member(name: &str) -> String {
    format!("agent: No node found with name '{name}'")
}

/// A list of one error, as Consul prints lists of errors.
pub fn one_error(error: &str) -> String {
    format!("1 error occurred:\n\t* {error}\n")
}

pub fn join_unresolved(name: &str, host: &str) -> String {
    format!("Failed to resolve {name}: lookup {host}: no such host")
}

pub fn join_failed(address: &str, why: &str) -> String {
    format!("Failed to join {address}: {why}")
}

/// Ours: Consul has no limit of streams.
pub const TOO_MANY_STREAMS: &str = "too many streams of logs and metrics: close one of them";

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

// transcripts/health/more.txt
pub const SAMENESS_GROUPS_ENTERPRISE: &str = "sameness groups are not supported in consul CE";

// transcripts/status/paths.txt; our own words but for the first.
pub const INCOMPATIBLE_COORDINATE: &str = "incompatible coordinate";
pub const INVALID_COORDINATE: &str = "coordinate holds a number that is not finite";
pub const MISSING_COORDINATE: &str = "Missing Coord: an update says where its node stands";
pub const COORDINATES_DISABLED: &str = "Coordinate support disabled";

// transcripts/internal/ui.txt
pub const METRICS_PROXY_DISABLED: &str = "Metrics proxy is not enabled";
pub const MISSING_GATEWAY_NAME: &str = "Missing gateway name";
pub const MISSING_SERVICE_KIND: &str = "Missing service kind";
pub const MUST_PROVIDE_PEER: &str = "must provide PeerName";

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
/// Of a definition in a file, which another key allows as well.
pub const SCRIPTS_OF_FILES_DISABLED: &str = "Scripts are disabled on this agent; to enable, \
    configure 'enable_local_script_checks' or 'enable_script_checks' to true";
pub const CHECK_NEEDS_TTL: &str = "TTL must be > 0 for TTL checks";
pub const CHECK_NEEDS_INTERVAL: &str =
    "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks";
pub const CHECK_INTERVAL_AND_TTL: &str = "Interval and TTL cannot both be specified";
pub const CHECK_OUTPUT_SIZE: &str = "MaxOutputMaxSize must be positive";
pub const CHECK_WARNING_ABOVE_CRITICAL: &str =
    "FailuresBeforeWarning can't be higher than FailuresBeforeCritical";
pub const OS_SERVICE_UNSUPPORTED: &str = "not implemented";
// Not recorded: the words of the others.
pub const DOCKER_NEEDS_ARGS: &str = "Args must name the command of a Docker check";

// transcripts/agent/registration.txt
pub const WEIGHTS_PASSING: &str = "Invalid Weights: Passing must be greater than 0";
pub const WEIGHTS_WARNING: &str = "Invalid Weights: Warning must be greater or equal than 0";
pub const WEIGHTS_RANGE: &str = "Invalid Weights: DNS Weight must be between 0 and 65535";
pub const PROXY_NEEDS_DESTINATION: &str =
    "Proxy.DestinationServiceName must be non-empty for Connect proxy services";
pub const PROXY_WILDCARD: &str =
    "Proxy.DestinationServiceName must not be a wildcard for Connect proxy services";
pub const PROXY_NEEDS_PORT: &str = "Port or SocketPath must be set for a connect-proxy";
pub const UPSTREAM_NEEDS_NAME: &str = "upstream destination name cannot be empty";
pub const UPSTREAM_NEEDS_PORT: &str =
    "upstream local bind port or local socket path must be defined and nonzero";
pub const PORT_AND_PORTS: &str = "Cannot set both Port and Ports";
pub const PORTS_NEED_DEFAULT: &str = "One of the Ports must be marked as Default";
pub const PORTS_ONE_DEFAULT: &str = "Only one of the Ports can be marked as Default";
pub const PORTS_NEED_NAME: &str = "Ports.Name cannot be empty";
pub const PORTS_NEED_PORT: &str = "Ports.Port must be greater than zero";
pub const SIDECAR_NESTED: &str = "A SidecarService cannot have a nested SidecarService";
pub const SIDECAR_ID: &str =
    "A SidecarService cannot specify an ID as this is managed by the agent";

// consul-surface D.2; the range of ports is full
pub const SIDECAR_PORTS_USED: &str = "no free port for the sidecar: all of its range are in use";

// transcripts/agent/runs.txt
pub const TTL_EXPIRED: &str = "TTL expired";
pub const SIDECAR_CHECK_LISTENING: &str = "Connect Sidecar Listening";
pub const ALIAS_NO_CHECKS: &str = "No checks found.";
pub const ALIAS_PASSING: &str = "All checks passing.";

// transcripts/connect/ca.txt, connect/off.txt
pub const PEM_NOT_BOOLEAN: &str = "The 'pem' query parameter must be a boolean value";
pub const CONNECT_DISABLED: &str = "Connect must be enabled in order to use this endpoint";

// transcripts/agent/maintenance.txt
pub const NODE_MAINTENANCE_REASON: &str = "Maintenance mode is enabled for this node, \
                                           but no reason was provided. This is a default message.";

// transcripts/agent/maintenance.txt
pub const SERVICE_MAINTENANCE_REASON: &str = "Maintenance mode is enabled for this service, \
                                              but no reason was provided. This is a default \
                                              message.";
pub const MISSING_SERVICE_ID: &str = "Missing service ID";
pub const NODE_MAINTENANCE_CHECK: &str = "_node_maintenance";
pub const SERVICE_MAINTENANCE_CHECK: &str = "_service_maintenance:";
pub const NODE_MAINTENANCE_NAME: &str = "Node Maintenance Mode";
pub const SERVICE_MAINTENANCE_NAME: &str = "Service Maintenance Mode";

/// Source: transcripts/agent/check.txt.
pub fn invalid_check_status(status: &str) -> String {
    format!("Invalid check status: '{status}'")
}

/// Source: transcripts/agent/service.txt.
pub fn invalid_check(why: &str) -> String {
    format!("Invalid check: {why}")
}

/// Several mistakes at once, as Go's list of errors prints them.
///
/// Source: transcripts/agent/registration.txt.
pub fn validation_failed(mistakes: &[String]) -> String {
    let count = mistakes.len();
    let noun = if count == 1 { "error" } else { "errors" };
    let mut text = format!("Validation failed: {count} {noun} occurred:\n");
    for mistake in mistakes {
        text.push_str(&format!("\t* {mistake}\n"));
    }
    text
}

/// Source: transcripts/agent/registration.txt.
pub fn invalid_service_meta(complaint: &str) -> String {
    format!("Invalid Service Meta: {complaint}")
}

/// Source: transcripts/agent/registration.txt.
pub fn gateway_needs_port(kind: &str) -> String {
    format!("Port must be non-zero for a {kind}")
}

/// Source: transcripts/agent/registration.txt.
pub fn port_name_not_unique(name: &str) -> String {
    format!("Ports.Name \"{name}\" has to be unique")
}

/// Source: transcripts/agent/registration.txt.
pub fn upstream_twice(kind: &str, name: &str, peer: &str, datacenter: &str) -> String {
    format!(
        "upstreams cannot contain duplicates of [type=\"{kind}\", name=\"{name}\", \
         partition=\"\", namespace=\"\", peer=\"{peer}\", datacenter=\"{datacenter}\"]"
    )
}

/// Source: transcripts/agent/registration.txt.
pub fn upstream_bind_twice(place: &str) -> String {
    format!(
        "upstreams cannot contain duplicates by local bind address and port or unix path; \
         \"{place}\" is specified twice"
    )
}

/// Source: transcripts/agent/check.txt: the name of a service's check that has none.
pub fn service_check_name(service: &str) -> String {
    format!("Service '{service}' check")
}

/// Source: transcripts/agent/registration.txt.
pub fn sidecar_check_alias(id: &str) -> String {
    format!("Connect Sidecar Aliasing {id}")
}

/// Source: transcripts/agent/types.txt.
pub fn ttl_output_cut(kept: &str, kept_bytes: usize, bytes: usize) -> String {
    format!("{kept} ... (captured {kept_bytes} of {bytes} bytes)")
}

/// Source: transcripts/agent/runs.txt; the last output is in the words of consul-surface C.
pub fn ttl_expired(last_output: &str) -> String {
    if last_output.is_empty() {
        return TTL_EXPIRED.to_owned();
    }
    format!("{TTL_EXPIRED} (last output before timeout follows): {last_output}")
}

/// Source: transcripts/agent/runs.txt, agent/alias.txt.
pub fn alias_service_unknown(id: &str, node: &str) -> String {
    format!("Service {id} could not be found on node {node}")
}

/// Source: transcripts/agent/alias.txt.
pub fn alias_failing(name: &str, output: &str) -> String {
    format!("Aliased check \"{name}\" failing: {output}")
}

/// Not recorded: the catalog could not be read for a check that follows another node.
pub fn alias_not_read(node: &str, why: &str) -> String {
    format!("Node {node} could not be read from the catalog: {why}")
}

/// Source: transcripts/agent/service.txt.
pub fn unknown_service_id(id: &str) -> String {
    format!(
        "Unknown service ID \"{id}\". Ensure that the service ID is passed, not the service name."
    )
}

/// Source: transcripts/agent/service.txt.
pub fn unknown_local_service(id: &str) -> String {
    format!("unknown service ID: {id}")
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

/// Source: transcripts/catalog/basic.txt, health/more.txt.
pub fn filter_refused(error: &impl std::fmt::Display) -> String {
    format!("Failed to create boolean expression evaluator: {error}")
}

/// Our own words: what a cache is told in seconds must be a number.
pub fn invalid_cache_control(directive: &str, value: &str) -> String {
    format!("Invalid Cache-Control {directive}: {value:?} is not a number of seconds")
}

/// Source: transcripts/internal/ui.txt.
pub fn unsupported_service_kind(kind: &str) -> String {
    format!("Unsupported service kind {kind:?}")
}
