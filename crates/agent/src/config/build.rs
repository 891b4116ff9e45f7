//! Merged settings to the `RuntimeConfig`, with every rule that makes one valid. All rules are
//! tried, so that one run names everything that is wrong.
//! Invariant: no errors pushed means every invariant of `RuntimeConfig` holds.

use std::path::PathBuf;
use std::time::Duration;

use super::environment::Environment;
use super::error::ConfigErrors;
use super::network::{self, Machine};
use super::rules;
use super::runtime::{
    AclConfig, AclTokens, AutopilotConfig, ChecksConfig, Cidr, ConnectConfig, DnsConfig,
    GossipConfig, GossipTimes, HttpConfig, JoinConfig, JoinTargets, LimitsConfig, LogConfig,
    LogLevel, NodeConfig, RaftConfig, RequestLimits, RoleConfig, RuntimeConfig, Secret, SoaConfig,
    TelemetryConfig, TlsConfig, TlsListener, UiConfig,
};
use super::settings::Settings;

/// What was noticed but does not keep the agent from starting goes to `warnings`.
pub fn build(
    settings: &Settings,
    environment: &dyn Environment,
    machine: Machine,
    errors: &mut ConfigErrors,
    warnings: &mut Vec<String>,
) -> RuntimeConfig {
    let mut builder = Builder { settings, errors, warnings };
    let node = builder.node(environment);
    let role = builder.role(environment);
    let dns = builder.dns(&node.datacenter);
    builder.editions();
    RuntimeConfig {
        node,
        role,
        join: builder.join(),
        gossip: builder.gossip(),
        http: builder.http(),
        dns,
        limits: builder.limits(),
        checks: builder.checks(),
        raft: builder.raft(),
        autopilot: builder.autopilot(),
        acl: builder.acl(),
        tls: builder.tls(),
        connect: builder.connect(),
        ui: builder.ui(),
        log: builder.log(),
        telemetry: builder.telemetry(),
        network: network::build(settings, machine, errors),
    }
}

struct Builder<'a> {
    settings: &'a Settings,
    errors: &'a mut ConfigErrors,
    warnings: &'a mut Vec<String>,
}

impl Builder<'_> {
    fn node(&mut self, environment: &dyn Environment) -> NodeConfig {
        let settings = self.settings;
        let name = settings.optional_text("node_name").unwrap_or_else(|| {
            environment.hostname().unwrap_or_else(|error| {
                self.errors.rule(format!("node_name cannot be empty: {error}"));
                String::new()
            })
        });
        let id = settings.optional_text("node_id").map(|id| id.to_lowercase());
        if let Some(id) = &id
            && (id.len() != UUID_CHARS || uuid::Uuid::parse_str(id).is_err())
        {
            self.errors.rule(format!("node_id {id:?} is not a UUID"));
        }
        let meta = settings.map("node_meta");
        if let Err(complaint) = rules::check_meta(&meta) {
            self.errors.rule(format!("node_meta invalid: {complaint}"));
        }
        let datacenter = self.datacenter("datacenter");
        let primary = match settings.optional_text("primary_datacenter") {
            Some(_) => self.datacenter("primary_datacenter"),
            None => datacenter.clone(),
        };
        NodeConfig {
            name,
            id,
            meta,
            datacenter,
            primary_datacenter: primary,
            tagged_addresses: settings.map("tagged_addresses"),
            region: settings.optional_text("locality.region"),
            zone: settings.optional_text("locality.zone"),
            disable_host_id: settings.bool("disable_host_node_id"),
        }
    }

    fn datacenter(&mut self, key: &'static str) -> String {
        let name = self.settings.text(key).to_lowercase();
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if name.is_empty() {
            self.errors.rule(format!("{key} cannot be empty"));
        } else if !name.chars().all(is_plain) {
            self.errors.rule(format!(
                "{key} can only contain lowercase alphanumeric, - or _ characters. received: \
                 {name:?}"
            ));
        }
        name
    }

    fn role(&mut self, environment: &dyn Environment) -> RoleConfig {
        let settings = self.settings;
        let dev = settings.is_dev();
        let server = settings.bool("server");
        let bootstrap = settings.bool("bootstrap");
        self.bootstrap_rules(server, bootstrap, dev);
        let data_dir = self.path("data_dir");
        match &data_dir {
            None if !dev && !settings.is_spoilt("data_dir") => {
                self.errors.rule("data_dir cannot be empty");
            }
            Some(dir) if environment.is_dir(dir).is_ok_and(|is_dir| !is_dir) => {
                self.errors.rule(format!("data_dir {:?} is not a directory", dir.display()));
            }
            _ => {}
        }
        if settings.int("raft_protocol") != 3 {
            let version = settings.int("raft_protocol");
            self.errors.rule(format!("raft_protocol cannot be {version}. Must be 3"));
        }
        RoleConfig {
            dev,
            server,
            bootstrap,
            bootstrap_expect: self.count("bootstrap_expect"),
            data_dir,
            pid_file: self.path("pid_file"),
            leave_on_terminate: settings.optional_bool("leave_on_terminate").unwrap_or(!server),
            skip_leave_on_interrupt: settings
                .optional_bool("skip_leave_on_interrupt")
                .unwrap_or(server),
            rejoin_after_leave: settings.bool("rejoin_after_leave"),
            enable_debug: settings.bool("enable_debug"),
            auto_reload: settings.bool("auto_reload_config"),
            disable_remote_exec: settings.bool("disable_remote_exec"),
            disable_coordinates: settings.bool("disable_coordinates"),
            server_rejoin_age_max: self.span("server_rejoin_age_max"),
            leave_drain_time: self.span("performance.leave_drain_time"),
            rpc_hold_timeout: self.span("performance.rpc_hold_timeout"),
        }
    }

    fn bootstrap_rules(&mut self, server: bool, bootstrap: bool, dev: bool) {
        let expect = self.settings.int("bootstrap_expect");
        let server_known = !self.settings.is_spoilt("server");
        if expect > 0 && dev {
            self.errors.rule("'bootstrap_expect > 0' not allowed in dev mode");
        } else if expect > 0 && !server && server_known {
            self.errors.rule("'bootstrap_expect > 0' requires 'server = true'");
        }
        if expect > 0 && bootstrap {
            self.errors
                .rule("'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive");
        }
        if bootstrap && !server && server_known {
            self.errors.rule("'bootstrap = true' requires 'server = true'");
        }
        if bootstrap && !dev {
            self.warnings.push("bootstrap = true: do not enable unless necessary".to_owned());
        }
        match expect {
            1 => self.warnings.push(
                "BootstrapExpect is set to 1; this is the same as Bootstrap mode.".to_owned(),
            ),
            2 => self.warnings.push(
                "bootstrap_expect = 2: A cluster with 2 servers will provide no failure \
                 tolerance. See https://developer.hashicorp.com/docs/internals/consensus.html\
                 #deployment-table"
                    .to_owned(),
            ),
            even if even > 2 && even % 2 == 0 => self.warnings.push(
                "bootstrap_expect is even number: A cluster with an even number of servers does \
                 not achieve optimum fault tolerance."
                    .to_owned(),
            ),
            _ => {}
        }
        if expect > 1 {
            self.warnings.push(format!("bootstrap_expect > 0: expecting {expect} servers"));
        }
    }

    /// Keys of the Enterprise edition: the one that would change what the cluster is, is refused.
    fn editions(&mut self) {
        let settings = self.settings;
        if settings.optional_text("segment").is_some() || !settings.objects("segments").is_empty() {
            self.errors.rule("Network segments are not supported in this version of Consul");
        }
        for key in ["audit.enabled", "license_path", "partition", "read_replica"] {
            if settings.is_set(key) {
                self.warnings.push(format!("{key:?} has no effect in this edition"));
            }
        }
    }

    fn join(&mut self) -> JoinConfig {
        let unset = Duration::ZERO;
        let advertised = self.span("advertise_reconnect_timeout");
        JoinConfig {
            lan: JoinTargets {
                addresses: self.settings.list("retry_join"),
                interval: self.span("retry_interval"),
                attempts_max: self.count("retry_max"),
                reconnect_timeout: self.span("reconnect_timeout"),
            },
            wan: JoinTargets {
                addresses: self.settings.list("retry_join_wan"),
                interval: self.span("retry_interval_wan"),
                attempts_max: self.count("retry_max_wan"),
                reconnect_timeout: self.span("reconnect_timeout_wan"),
            },
            advertise_reconnect_timeout: Some(advertised).filter(|span| *span != unset),
        }
    }

    fn gossip(&mut self) -> GossipConfig {
        let settings = self.settings;
        let encrypt = settings.optional_text("encrypt");
        if let Some(complaint) = encrypt.as_deref().and_then(rules::encrypt_complaint) {
            self.errors.rule(format!("encrypt has invalid key: {complaint}"));
        }
        GossipConfig {
            lan: GossipTimes {
                gossip_interval: self.span("gossip_lan.gossip_interval"),
                gossip_nodes: self.count("gossip_lan.gossip_nodes"),
                probe_interval: self.span("gossip_lan.probe_interval"),
                probe_timeout: self.span("gossip_lan.probe_timeout"),
                suspicion_mult: self.count("gossip_lan.suspicion_mult"),
                retransmit_mult: self.count("gossip_lan.retransmit_mult"),
            },
            wan: GossipTimes {
                gossip_interval: self.span("gossip_wan.gossip_interval"),
                gossip_nodes: self.count("gossip_wan.gossip_nodes"),
                probe_interval: self.span("gossip_wan.probe_interval"),
                probe_timeout: self.span("gossip_wan.probe_timeout"),
                suspicion_mult: self.count("gossip_wan.suspicion_mult"),
                retransmit_mult: self.count("gossip_wan.retransmit_mult"),
            },
            encrypt: encrypt.map(Secret::new),
            verify_incoming: settings.bool("encrypt_verify_incoming"),
            verify_outgoing: settings.bool("encrypt_verify_outgoing"),
            disable_keyring_file: settings.bool("disable_keyring_file"),
            lan_allowed_cidrs: self.cidrs("serf_lan_allowed_cidrs"),
            wan_allowed_cidrs: self.cidrs("serf_wan_allowed_cidrs"),
        }
    }

    fn http(&mut self) -> HttpConfig {
        let settings = self.settings;
        let header_bytes = self.bytes("http_config.max_header_bytes");
        HttpConfig {
            block_endpoints: settings.list("http_config.block_endpoints"),
            allow_write_from: self.cidrs("http_config.allow_write_http_from"),
            response_headers: settings.map("http_config.response_headers"),
            use_cache: settings.bool("http_config.use_cache"),
            header_bytes_max: if header_bytes == 0 { HEADER_BYTES_DEFAULT } else { header_bytes },
            disable_unprintable_char_filter: settings.bool("disable_http_unprintable_char_filter"),
            disable_kv_key_validation: settings.bool("disable_kv_key_validation"),
        }
    }

    fn dns(&mut self, datacenter: &str) -> DnsConfig {
        let settings = self.settings;
        let mut service_ttl = std::collections::BTreeMap::new();
        for (name, text) in settings.map("dns_config.service_ttl") {
            match tribune_api::duration::parse(&text) {
                Ok(nanos) => {
                    service_ttl.insert(name, tribune_api::duration::GoDuration(nanos).to_std());
                }
                Err(error) => self.errors.value(format!(
                    "dns_config.service_ttl[{name:?}]: invalid duration: {text:?}: {error}"
                )),
            }
        }
        DnsConfig {
            domain: dotted(&settings.text("domain")),
            alt_domain: self.alt_domain(datacenter),
            allow_stale: settings.bool("dns_config.allow_stale"),
            stale_max: self.span("dns_config.max_stale"),
            node_ttl: self.span("dns_config.node_ttl"),
            service_ttl,
            only_passing: settings.bool("dns_config.only_passing"),
            udp_answers_max: self.count("dns_config.udp_answer_limit"),
            a_records_max: self.count("dns_config.a_record_limit"),
            enable_truncate: settings.bool("dns_config.enable_truncate"),
            disable_compression: settings.bool("dns_config.disable_compression"),
            node_meta_txt: settings.bool("dns_config.enable_additional_node_meta_txt"),
            soa: SoaConfig {
                refresh_s: self.count("dns_config.soa.refresh"),
                retry_s: self.count("dns_config.soa.retry"),
                expire_s: self.count("dns_config.soa.expire"),
                min_ttl_s: self.count("dns_config.soa.min_ttl"),
            },
            use_cache: settings.bool("dns_config.use_cache"),
            cache_age_max: self.span("dns_config.cache_max_age"),
            recursors: settings.list("recursors"),
            recursor_strategy: self
                .choice("dns_config.recursor_strategy", &["sequential", "random"]),
            recursor_timeout: self.span("dns_config.recursor_timeout"),
        }
    }

    /// A second domain must not begin as the names below a domain do.
    fn alt_domain(&mut self, datacenter: &str) -> Option<String> {
        let domain = self.settings.optional_text("alt_domain").map(|text| dotted(&text))?;
        let labels = ["service", "connect", "node", "query", "addr", datacenter];
        if labels.contains(&domain.split('.').next().unwrap_or("")) {
            let labels = labels.join(",");
            self.errors.rule(format!("alt_domain cannot start with {{{labels}}}"));
        }
        Some(domain)
    }

    fn limits(&mut self) -> LimitsConfig {
        LimitsConfig {
            http_conns_per_client_max: match self.count("limits.http_max_conns_per_client") {
                0 => None,
                conns => Some(conns),
            },
            kv_value_bytes_max: self.bytes("limits.kv_max_value_size"),
            txn_bytes_max: self.bytes("limits.txn_max_req_len"),
            query_time_default: self.span("default_query_time"),
            query_time_max: self.span("max_query_time"),
            discovery_stale_max: self.span("discovery_max_stale"),
            session_ttl_min: self.span("session_ttl_min"),
            https_handshake_timeout: self.span("limits.https_handshake_timeout"),
            rpc_handshake_timeout: self.span("limits.rpc_handshake_timeout"),
            rpc_client_timeout: self.span("limits.rpc_client_timeout"),
            rpc_conns_per_client_max: self.count("limits.rpc_max_conns_per_client"),
            rpc_rate: self.rate("limits.rpc_rate"),
            rpc_burst_max: self.count("limits.rpc_max_burst"),
            requests: RequestLimits {
                mode: self
                    .choice("limits.request_limits.mode", &["disabled", "permissive", "enforcing"]),
                read_rate: self.rate("limits.request_limits.read_rate"),
                write_rate: self.rate("limits.request_limits.write_rate"),
            },
        }
    }

    fn checks(&mut self) -> ChecksConfig {
        let settings = self.settings;
        let mut services = settings.objects("service");
        services.extend(settings.objects("services"));
        let mut checks = settings.objects("check");
        checks.extend(settings.objects("checks"));
        let watches = settings.objects("watches");
        rules::check_definitions(&services, &checks, self.errors);
        rules::check_watches(&watches, self.errors);
        if settings.int("check_output_max_size") < 1 {
            self.errors.rule(
                "check_output_max_size must be positive, to discard check output use the \
                 discard_check_output flag",
            );
        }
        ChecksConfig {
            update_interval: self.span("check_update_interval"),
            output_bytes_max: usize::try_from(settings.int("check_output_max_size")).unwrap_or(0),
            discard_output: settings.bool("discard_check_output"),
            enable_scripts: settings.bool("enable_script_checks"),
            enable_local_scripts: settings.bool("enable_script_checks")
                || settings.bool("enable_local_script_checks"),
            deregister_after_min: self.span("check_deregister_interval_min"),
            reap_interval: self.span("check_reap_interval"),
            sync_interval: self.span("ae_interval"),
            services,
            checks,
            watches,
        }
    }

    fn raft(&mut self) -> RaftConfig {
        let multiplier = self.settings.int("performance.raft_multiplier");
        if !(1..=RAFT_MULTIPLIER_MAX).contains(&multiplier) {
            self.errors.rule(format!(
                "performance.raft_multiplier cannot be {multiplier}. Must be between 1 and \
                 {RAFT_MULTIPLIER_MAX}"
            ));
        }
        RaftConfig {
            multiplier: u32::try_from(multiplier).unwrap_or(1),
            election_timeout: self.span("consul.raft.election_timeout"),
            heartbeat_timeout: self.span("consul.raft.heartbeat_timeout"),
            leader_lease_timeout: self.span("consul.raft.leader_lease_timeout"),
            snapshot_threshold: self.count("raft_snapshot_threshold").into(),
            snapshot_interval: self.span("raft_snapshot_interval"),
            trailing_logs: self.count("raft_trailing_logs").into(),
            prevote_disabled: self.settings.bool("raft_prevote_disabled"),
            logstore_backend: self.choice("raft_logstore.backend", &["default", "boltdb", "wal"]),
            wal_segment_mib: self.count("raft_logstore.wal.segment_size_mb"),
        }
    }

    fn autopilot(&mut self) -> AutopilotConfig {
        AutopilotConfig {
            cleanup_dead_servers: self.settings.bool("autopilot.cleanup_dead_servers"),
            last_contact_threshold: self.span("autopilot.last_contact_threshold"),
            max_trailing_logs: self.count("autopilot.max_trailing_logs").into(),
            min_quorum: self.count("autopilot.min_quorum"),
            server_stabilization_time: self.span("autopilot.server_stabilization_time"),
            server_health_interval: self.span("consul.server.health_interval"),
        }
    }

    fn acl(&mut self) -> AclConfig {
        let settings = self.settings;
        let token = |key| settings.optional_text(key).map(Secret::new);
        AclConfig {
            enabled: settings.bool("acl.enabled"),
            default_policy: self.choice("acl.default_policy", &["allow", "deny"]),
            down_policy: self
                .choice("acl.down_policy", &["allow", "deny", "extend-cache", "async-cache"]),
            token_ttl: self.span("acl.token_ttl"),
            policy_ttl: self.span("acl.policy_ttl"),
            role_ttl: self.span("acl.role_ttl"),
            enable_key_list_policy: settings.bool("acl.enable_key_list_policy"),
            enable_token_replication: settings.bool("acl.enable_token_replication"),
            enable_token_persistence: settings.bool("acl.enable_token_persistence"),
            tokens: AclTokens {
                initial_management: token("acl.tokens.initial_management"),
                agent: token("acl.tokens.agent"),
                agent_recovery: token("acl.tokens.agent_recovery"),
                default: token("acl.tokens.default"),
                replication: token("acl.tokens.replication"),
                config_file_service_registration: token(
                    "acl.tokens.config_file_service_registration",
                ),
                dns: token("acl.tokens.dns"),
            },
        }
    }

    fn tls(&mut self) -> TlsConfig {
        let settings = self.settings;
        TlsConfig {
            internal_rpc: self.tls_listener(TLS_INTERNAL_RPC),
            https: self.tls_listener(TLS_HTTPS),
            grpc: self.tls_listener(TLS_GRPC),
            verify_server_hostname: settings.bool("tls.internal_rpc.verify_server_hostname"),
            grpc_use_auto_cert: settings.bool("tls.grpc.use_auto_cert"),
            server_name: settings.optional_text("server_name"),
            agent_tls_for_checks: settings.bool("enable_agent_tls_for_checks"),
            auto_encrypt: settings.bool("auto_encrypt.tls"),
            auto_encrypt_allow: settings.bool("auto_encrypt.allow_tls"),
        }
    }

    fn tls_listener(&mut self, keys: TlsKeys) -> TlsListener {
        let settings = self.settings;
        let defaults = TLS_DEFAULTS;
        let text =
            |own, default| settings.optional_text(own).or_else(|| settings.optional_text(default));
        let path = |own, default| text(own, default).map(PathBuf::from);
        let truth = |own: Option<&'static str>, default: Option<&'static str>| {
            own.and_then(|key| settings.optional_bool(key))
                .or_else(|| default.and_then(|key| settings.optional_bool(key)))
                .unwrap_or(false)
        };
        let suites = text(keys.cipher_suites, defaults.cipher_suites).unwrap_or_default();
        let version_min = text(keys.min_version, defaults.min_version).unwrap_or_default();
        if !TLS_VERSIONS.contains(&version_min.as_str()) {
            self.errors.rule(format!(
                "{}: value {version_min:?} not supported, please specify one of {TLS_VERSIONS:?}",
                keys.min_version
            ));
        }
        TlsListener {
            ca_file: path(keys.ca_file, defaults.ca_file),
            ca_path: path(keys.ca_path, defaults.ca_path),
            cert_file: path(keys.cert_file, defaults.cert_file),
            key_file: path(keys.key_file, defaults.key_file),
            version_min,
            cipher_suites: suites
                .split(',')
                .map(|suite| suite.trim().to_owned())
                .filter(|suite| !suite.is_empty())
                .collect(),
            verify_incoming: truth(Some(keys.verify_incoming), Some(defaults.verify_incoming)),
            verify_outgoing: truth(keys.verify_outgoing, defaults.verify_outgoing),
        }
    }

    fn connect(&mut self) -> ConnectConfig {
        let settings = self.settings;
        let bootstrap_entries = settings.objects("config_entries.bootstrap");
        rules::check_config_entries(&bootstrap_entries, self.errors);
        ConnectConfig {
            enabled: settings.bool("connect.enabled"),
            ca_provider: self.choice("connect.ca_provider", &["consul", "vault", "aws-pca"]),
            ca_config: settings.object("connect.ca_config"),
            mesh_gateway_wan_federation: settings
                .bool("connect.enable_mesh_gateway_wan_federation"),
            peering: settings.bool("peering.enabled"),
            default_intention_policy: self
                .choice("default_intention_policy", &["", "allow", "deny"]),
            central_service_config: settings.bool("enable_central_service_config"),
            bootstrap_entries,
            xds_updates_per_second: settings.float("xds.update_max_per_second").unwrap_or(0.0),
        }
    }

    fn ui(&mut self) -> UiConfig {
        let settings = self.settings;
        let bare = settings.text("ui_config.content_path");
        let bare = bare.trim_matches('/');
        let content_path = if bare.is_empty() { "/".to_owned() } else { format!("/{bare}/") };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
        if !content_path.chars().all(is_plain) {
            self.errors.rule(format!(
                "ui-content-path can only contain alphanumeric, -, _, or /. received: \
                 {content_path:?}"
            ));
        }
        UiConfig {
            enabled: settings.bool("ui_config.enabled"),
            dir: self.path("ui_config.dir"),
            content_path,
            metrics_provider: settings.optional_text("ui_config.metrics_provider"),
            metrics_proxy_base_url: settings.optional_text("ui_config.metrics_proxy.base_url"),
            dashboard_url_templates: settings.map("ui_config.dashboard_url_templates"),
        }
    }

    fn log(&mut self) -> LogConfig {
        let settings = self.settings;
        let name = settings.text("log_level");
        let level = LogLevel::parse(&name);
        if level.is_none() {
            self.errors.rule(format!(
                "Invalid log level: {name}. Valid log levels are: [TRACE DEBUG INFO WARN ERR \
                 ERROR]"
            ));
        }
        LogConfig {
            level: level.unwrap_or(LogLevel::Info),
            json: settings.bool("log_json"),
            file: self.path("log_file"),
            rotate_duration: self.span("log_rotate_duration"),
            rotate_bytes: self.count("log_rotate_bytes").into(),
            rotate_files_max: i32::try_from(settings.int("log_rotate_max_files")).unwrap_or(0),
            syslog: settings.bool("enable_syslog"),
            syslog_facility: settings.text("syslog_facility"),
        }
    }

    fn telemetry(&mut self) -> TelemetryConfig {
        let settings = self.settings;
        TelemetryConfig {
            metrics_prefix: settings.text("telemetry.metrics_prefix"),
            disable_hostname: settings.bool("telemetry.disable_hostname"),
            filter_default: settings.bool("telemetry.filter_default"),
            prefix_filter: settings.list("telemetry.prefix_filter"),
            prometheus_retention: self.span("telemetry.prometheus_retention_time"),
            statsd_address: settings.optional_text("telemetry.statsd_address"),
            statsite_address: settings.optional_text("telemetry.statsite_address"),
            dogstatsd_address: settings.optional_text("telemetry.dogstatsd_addr"),
            dogstatsd_tags: settings.list("telemetry.dogstatsd_tags"),
            enable_host_metrics: settings.bool("telemetry.enable_host_metrics"),
        }
    }

    fn path(&self, key: &'static str) -> Option<PathBuf> {
        self.settings.optional_text(key).map(PathBuf::from)
    }

    fn span(&mut self, key: &'static str) -> Duration {
        self.settings.duration(key, self.errors).to_std()
    }

    fn not_negative(&mut self, key: &'static str) -> i64 {
        let number = self.settings.int(key);
        if number < 0 {
            self.errors
                .rule(format!("{key} cannot be {number}. Must be greater than or equal to zero"));
        }
        number.max(0)
    }

    fn count(&mut self, key: &'static str) -> u32 {
        let number = self.not_negative(key);
        u32::try_from(number).unwrap_or_else(|_| {
            self.errors.rule(format!("{key} cannot be {number}. Must be at most {}", u32::MAX));
            0
        })
    }

    fn bytes(&mut self, key: &'static str) -> usize {
        usize::try_from(self.not_negative(key)).unwrap_or(usize::MAX)
    }

    /// A negative rate is how files say that there is no limit.
    fn rate(&self, key: &'static str) -> Option<f64> {
        self.settings.float(key).filter(|rate| *rate >= 0.0)
    }

    fn choice(&mut self, key: &'static str, choices: &[&str]) -> String {
        let text = self.settings.text(key);
        if !choices.contains(&text.as_str()) {
            let choices: Vec<&str> = choices.iter().copied().filter(|c| !c.is_empty()).collect();
            self.errors
                .rule(format!("{key} cannot be {text:?}. Must be one of: {}", choices.join(", ")));
        }
        text
    }

    fn cidrs(&mut self, key: &'static str) -> Vec<Cidr> {
        let mut cidrs = Vec::new();
        for text in self.settings.list(key) {
            match Cidr::parse(&text) {
                Some(cidr) => cidrs.push(cidr),
                None => self.errors.value(format!("{key}: invalid CIDR address: {text}")),
            }
        }
        cidrs
    }
}

/// A domain as names end in it: in lower case, with a dot at its end.
fn dotted(domain: &str) -> String {
    format!("{}.", domain.trim_matches('.').to_lowercase())
}

/// The keys of one listener's TLS; gRPC has no outgoing side.
#[derive(Clone, Copy)]
struct TlsKeys {
    ca_file: &'static str,
    ca_path: &'static str,
    cert_file: &'static str,
    key_file: &'static str,
    min_version: &'static str,
    cipher_suites: &'static str,
    verify_incoming: &'static str,
    verify_outgoing: Option<&'static str>,
}

macro_rules! tls_keys {
    ($block:literal, $outgoing:expr) => {
        TlsKeys {
            ca_file: concat!("tls.", $block, ".ca_file"),
            ca_path: concat!("tls.", $block, ".ca_path"),
            cert_file: concat!("tls.", $block, ".cert_file"),
            key_file: concat!("tls.", $block, ".key_file"),
            min_version: concat!("tls.", $block, ".tls_min_version"),
            cipher_suites: concat!("tls.", $block, ".tls_cipher_suites"),
            verify_incoming: concat!("tls.", $block, ".verify_incoming"),
            verify_outgoing: $outgoing,
        }
    };
}

const TLS_DEFAULTS: TlsKeys = tls_keys!("defaults", Some("tls.defaults.verify_outgoing"));
const TLS_INTERNAL_RPC: TlsKeys =
    tls_keys!("internal_rpc", Some("tls.internal_rpc.verify_outgoing"));
const TLS_HTTPS: TlsKeys = tls_keys!("https", Some("tls.https.verify_outgoing"));
const TLS_GRPC: TlsKeys = tls_keys!("grpc", None);

/// Also the spellings of earlier versions.
const TLS_VERSIONS: &[&str] =
    &["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3", "tls10", "tls11", "tls12", "tls13"];

/// A UUID in its usual form, with hyphens.
const UUID_CHARS: usize = 36;

/// The multiplier of Raft's time-outs; above, elections take minutes.
const RAFT_MULTIPLIER_MAX: i64 = 10;

/// Bytes of a request's headers where none are configured: what Go's server takes.
const HEADER_BYTES_DEFAULT: usize = 1 << 20;
