//! The configuration as the agent works with it: typed, merged, with every default in place.
//! It is built once at start and once per reload, and never changed in between.
//! Invariant: what stands here passed every rule; nobody need check it again.

mod values;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;
use tribune_edge::FlapSettings;

pub use self::values::{Cidr, Hidden, ListenAddress, LogLevel, PortRange, Secret, UnixSockets};

#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeConfig {
    pub node: NodeConfig,
    pub role: RoleConfig,
    pub network: NetworkConfig,
    pub join: JoinConfig,
    pub gossip: GossipConfig,
    pub http: HttpConfig,
    pub dns: DnsConfig,
    pub limits: LimitsConfig,
    pub checks: ChecksConfig,
    pub raft: RaftConfig,
    pub autopilot: AutopilotConfig,
    pub acl: AclConfig,
    pub tls: TlsConfig,
    pub connect: ConnectConfig,
    pub ui: UiConfig,
    pub log: LogConfig,
    pub telemetry: TelemetryConfig,
}

/// Who the node is.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeConfig {
    pub name: String,
    /// None: the node makes one at its first start and keeps it.
    pub id: Option<String>,
    pub meta: BTreeMap<String, String>,
    /// In lower case.
    pub datacenter: String,
    pub primary_datacenter: String,
    pub tagged_addresses: BTreeMap<String, String>,
    pub region: Option<String>,
    pub zone: Option<String>,
    pub disable_host_id: bool,
}

/// What the agent is in its cluster, and how it starts and ends.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleConfig {
    /// Everything in memory; a server that elects itself, whatever `bootstrap` says.
    pub dev: bool,
    pub server: bool,
    pub bootstrap: bool,
    pub bootstrap_expect: u32,
    /// None only under `-dev`.
    pub data_dir: Option<PathBuf>,
    pub pid_file: Option<PathBuf>,
    pub leave_on_terminate: bool,
    pub skip_leave_on_interrupt: bool,
    pub rejoin_after_leave: bool,
    pub enable_debug: bool,
    pub auto_reload: bool,
    pub disable_remote_exec: bool,
    pub disable_coordinates: bool,
    pub server_rejoin_age_max: Duration,
    /// How long a leaving server still answers.
    pub leave_drain_time: Duration,
    /// How long a request waits for a leader.
    pub rpc_hold_timeout: Duration,
}

/// Where the agent listens, and where others reach it. A port that is off has no address.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkConfig {
    pub bind: IpAddr,
    pub client: Vec<IpAddr>,
    pub advertise: IpAddr,
    pub advertise_wan: IpAddr,
    pub translate_wan_addrs: bool,
    pub dns: Vec<SocketAddr>,
    pub http: Vec<ListenAddress>,
    pub https: Vec<ListenAddress>,
    pub grpc: Vec<ListenAddress>,
    pub grpc_tls: Vec<ListenAddress>,
    pub server: SocketAddr,
    pub serf_lan: SocketAddr,
    pub serf_wan: Option<SocketAddr>,
    pub sidecar_ports: PortRange,
    pub expose_ports: PortRange,
    pub unix_sockets: UnixSockets,
}

#[derive(Clone, Debug, PartialEq)]
pub struct JoinConfig {
    pub lan: JoinTargets,
    pub wan: JoinTargets,
    /// None: the 72 hours of the default.
    pub advertise_reconnect_timeout: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct JoinTargets {
    pub addresses: Vec<String>,
    pub interval: Duration,
    /// 0: no end.
    pub attempts_max: u32,
    pub reconnect_timeout: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GossipConfig {
    pub lan: GossipTimes,
    pub wan: GossipTimes,
    pub encrypt: Option<Secret>,
    pub verify_incoming: bool,
    pub verify_outgoing: bool,
    pub disable_keyring_file: bool,
    pub lan_allowed_cidrs: Vec<Cidr>,
    pub wan_allowed_cidrs: Vec<Cidr>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GossipTimes {
    pub gossip_interval: Duration,
    pub gossip_nodes: u32,
    pub probe_interval: Duration,
    pub probe_timeout: Duration,
    pub suspicion_mult: u32,
    pub retransmit_mult: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    pub block_endpoints: Vec<String>,
    /// Empty: everyone may write.
    pub allow_write_from: Vec<Cidr>,
    pub response_headers: BTreeMap<String, String>,
    pub use_cache: bool,
    pub header_bytes_max: usize,
    pub disable_unprintable_char_filter: bool,
    pub disable_kv_key_validation: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DnsConfig {
    /// With a dot at its end, in lower case.
    pub domain: String,
    /// As `domain`; None where there is none.
    pub alt_domain: Option<String>,
    pub allow_stale: bool,
    pub stale_max: Duration,
    pub node_ttl: Duration,
    /// By service name; `*` for all, `web*` for a beginning.
    pub service_ttl: BTreeMap<String, Duration>,
    pub only_passing: bool,
    pub udp_answers_max: u32,
    /// 0: no limit.
    pub a_records_max: u32,
    pub enable_truncate: bool,
    pub disable_compression: bool,
    pub node_meta_txt: bool,
    pub soa: SoaConfig,
    pub use_cache: bool,
    pub cache_age_max: Duration,
    pub recursors: Vec<String>,
    pub recursor_strategy: String,
    pub recursor_timeout: Duration,
}

/// All in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoaConfig {
    pub refresh_s: u32,
    pub retry_s: u32,
    pub expire_s: u32,
    pub min_ttl_s: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LimitsConfig {
    /// HTTP connections of one address; None: no limit.
    pub http_conns_per_client_max: Option<u32>,
    pub kv_value_bytes_max: usize,
    pub txn_bytes_max: usize,
    pub query_time_default: Duration,
    pub query_time_max: Duration,
    pub discovery_stale_max: Duration,
    pub session_ttl_min: Duration,
    pub https_handshake_timeout: Duration,
    pub rpc_handshake_timeout: Duration,
    pub rpc_client_timeout: Duration,
    pub rpc_conns_per_client_max: u32,
    /// Requests per second; None: no limit.
    pub rpc_rate: Option<f64>,
    pub rpc_burst_max: u32,
    pub requests: RequestLimits,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RequestLimits {
    /// `disabled`, `permissive` or `enforcing`.
    pub mode: String,
    /// Requests per second; None: no limit.
    pub read_rate: Option<f64>,
    pub write_rate: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ChecksConfig {
    pub update_interval: Duration,
    pub output_bytes_max: usize,
    pub discard_output: bool,
    /// Programs may be run for checks that come by the API or from files.
    pub enable_scripts: bool,
    /// Programs may be run for checks that come from files.
    pub enable_local_scripts: bool,
    pub deregister_after_min: Duration,
    pub reap_interval: Duration,
    pub sync_interval: Duration,
    /// How checks that keep changing are held; none: they are not.
    pub flap: Option<FlapSettings>,
    /// As the API takes them at `/v1/agent/service/register`.
    pub services: Hidden<Vec<Json>>,
    /// As the API takes them at `/v1/agent/check/register`.
    pub checks: Hidden<Vec<Json>>,
    pub watches: Hidden<Vec<Json>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RaftConfig {
    /// Scales the three time-outs, which stand here unscaled.
    pub multiplier: u32,
    pub election_timeout: Duration,
    pub heartbeat_timeout: Duration,
    pub leader_lease_timeout: Duration,
    pub snapshot_threshold: u64,
    pub snapshot_interval: Duration,
    pub trailing_logs: u64,
    pub prevote_disabled: bool,
    pub logstore_backend: String,
    pub wal_segment_mib: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AutopilotConfig {
    pub cleanup_dead_servers: bool,
    pub last_contact_threshold: Duration,
    pub max_trailing_logs: u64,
    pub min_quorum: u32,
    pub server_stabilization_time: Duration,
    pub server_health_interval: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AclConfig {
    pub enabled: bool,
    /// `allow` or `deny`.
    pub default_policy: String,
    /// `allow`, `deny`, `extend-cache` or `async-cache`.
    pub down_policy: String,
    pub token_ttl: Duration,
    pub policy_ttl: Duration,
    pub role_ttl: Duration,
    pub enable_key_list_policy: bool,
    pub enable_token_replication: bool,
    pub enable_token_persistence: bool,
    pub tokens: AclTokens,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct AclTokens {
    pub initial_management: Option<Secret>,
    pub agent: Option<Secret>,
    pub agent_recovery: Option<Secret>,
    pub default: Option<Secret>,
    pub replication: Option<Secret>,
    pub config_file_service_registration: Option<Secret>,
    pub dns: Option<Secret>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TlsConfig {
    pub internal_rpc: TlsListener,
    pub https: TlsListener,
    pub grpc: TlsListener,
    pub verify_server_hostname: bool,
    pub grpc_use_auto_cert: bool,
    pub server_name: Option<String>,
    pub agent_tls_for_checks: bool,
    pub auto_encrypt: bool,
    pub auto_encrypt_allow: bool,
}

/// What was not said for a listener is what `tls.defaults` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsListener {
    pub ca_file: Option<PathBuf>,
    pub ca_path: Option<PathBuf>,
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// `TLSv1_2` and the like.
    pub version_min: String,
    pub cipher_suites: Vec<String>,
    pub verify_incoming: bool,
    pub verify_outgoing: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ConnectConfig {
    pub enabled: bool,
    pub ca_provider: String,
    pub ca_config: Hidden<Json>,
    pub mesh_gateway_wan_federation: bool,
    pub peering: bool,
    /// `allow`, `deny` or empty: then the default policy of ACLs holds.
    pub default_intention_policy: String,
    pub central_service_config: bool,
    pub bootstrap_entries: Vec<Json>,
    pub xds_updates_per_second: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct UiConfig {
    pub enabled: bool,
    pub dir: Option<PathBuf>,
    /// Begins and ends with a slash.
    pub content_path: String,
    pub metrics_provider: Option<String>,
    pub metrics_proxy_base_url: Option<String>,
    pub dashboard_url_templates: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    pub level: LogLevel,
    pub json: bool,
    pub file: Option<PathBuf>,
    pub rotate_duration: Duration,
    /// 0: no limit.
    pub rotate_bytes: u64,
    /// 0: all are kept, -1: none.
    pub rotate_files_max: i32,
    pub syslog: bool,
    pub syslog_facility: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryConfig {
    pub metrics_prefix: String,
    pub disable_hostname: bool,
    pub filter_default: bool,
    pub prefix_filter: Vec<String>,
    /// Zero: nothing is offered to Prometheus.
    pub prometheus_retention: Duration,
    pub statsd_address: Option<String>,
    pub statsite_address: Option<String>,
    pub dogstatsd_address: Option<String>,
    pub dogstatsd_tags: Vec<String>,
    pub enable_host_metrics: bool,
}
