//! Access control, TLS and the mesh. Settings to a part of the result.
//! Invariant: what breaks a rule is pushed to the reader's errors, never returned.

use std::path::PathBuf;

use super::super::rules;
use super::super::runtime::{AclConfig, AclTokens, ConnectConfig, Hidden, TlsConfig, TlsListener};
use super::reader::Reader;

pub fn acl(reader: &mut Reader) -> AclConfig {
    let settings = reader.settings;
    let default_policy = reader.choice("acl.default_policy", &["allow", "deny"]);
    if settings.bool("acl.enabled") && default_policy == "deny" {
        // Whoever asks for a closed door must not be answered with an open one.
        reader.errors.rule(NO_ACCESS_LISTS);
    } else if settings.bool("acl.enabled") {
        reader.warnings.push(
            "acl.enabled: this release has no access lists, everybody may do everything; with \
             acl.default_policy = \"deny\" the agent does not start"
                .to_owned(),
        );
    }
    let token = |key| settings.secret(key);
    AclConfig {
        enabled: settings.bool("acl.enabled"),
        default_policy,
        down_policy: reader
            .choice("acl.down_policy", &["allow", "deny", "extend-cache", "async-cache"]),
        token_ttl: reader.span("acl.token_ttl"),
        policy_ttl: reader.span("acl.policy_ttl"),
        role_ttl: reader.span("acl.role_ttl"),
        enable_key_list_policy: settings.bool("acl.enable_key_list_policy"),
        enable_token_replication: settings.bool("acl.enable_token_replication"),
        enable_token_persistence: settings.bool("acl.enable_token_persistence"),
        tokens: AclTokens {
            initial_management: token("acl.tokens.initial_management"),
            agent: token("acl.tokens.agent"),
            agent_recovery: token("acl.tokens.agent_recovery"),
            default: token("acl.tokens.default"),
            replication: token("acl.tokens.replication"),
            config_file_service_registration: token("acl.tokens.config_file_service_registration"),
            dns: token("acl.tokens.dns"),
        },
    }
}

pub fn tls(reader: &mut Reader) -> TlsConfig {
    let settings = reader.settings;
    TlsConfig {
        internal_rpc: tls_listener(reader, TLS_INTERNAL_RPC),
        https: tls_listener(reader, TLS_HTTPS),
        grpc: tls_listener(reader, TLS_GRPC),
        verify_server_hostname: settings.bool("tls.internal_rpc.verify_server_hostname"),
        grpc_use_auto_cert: settings.bool("tls.grpc.use_auto_cert"),
        server_name: settings.optional_text("server_name"),
        agent_tls_for_checks: settings.bool("enable_agent_tls_for_checks"),
        auto_encrypt: settings.bool("auto_encrypt.tls"),
        auto_encrypt_allow: settings.bool("auto_encrypt.allow_tls"),
    }
}

fn tls_listener(reader: &mut Reader, keys: TlsKeys) -> TlsListener {
    let settings = reader.settings;
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
        reader.errors.rule(format!(
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

pub fn connect(reader: &mut Reader) -> ConnectConfig {
    let settings = reader.settings;
    let bootstrap_entries = settings.objects("config_entries.bootstrap");
    rules::check_config_entries(&bootstrap_entries, reader.errors);
    ConnectConfig {
        enabled: settings.bool("connect.enabled"),
        ca_provider: reader.choice("connect.ca_provider", &["consul", "vault", "aws-pca"]),
        ca_config: Hidden(settings.object("connect.ca_config")),
        mesh_gateway_wan_federation: settings.bool("connect.enable_mesh_gateway_wan_federation"),
        peering: settings.bool("peering.enabled"),
        default_intention_policy: reader.choice("default_intention_policy", &["", "allow", "deny"]),
        central_service_config: settings.bool("enable_central_service_config"),
        bootstrap_entries,
        xds_updates_per_second: settings.float("xds.update_max_per_second").unwrap_or(0.0),
    }
}

const NO_ACCESS_LISTS: &str = "acl.enabled with acl.default_policy = \"deny\": this release has no \
    access lists and would let everybody do everything. Remove the acl block, or set acl.enabled = \
    false, and keep others away by addresses (client_addr, addresses), HTTPS with verify_incoming, \
    or http_config.allow_write_http_from";

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
