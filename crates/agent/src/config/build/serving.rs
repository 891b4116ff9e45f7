//! What clients meet: HTTP, DNS, limits, checks, the UI. Settings to a part of the result.
//! Invariant: what breaks a rule is pushed to the reader's errors, never returned.

use std::collections::BTreeMap;

use tribune_api::duration::{self, GoDuration};

use tribune_edge::FlapSettings;

use super::super::rules;
use super::super::runtime::{
    ChecksConfig, DnsConfig, Hidden, HttpConfig, LimitsConfig, RequestLimits, SoaConfig, UiConfig,
};
use super::reader::Reader;

pub fn http(reader: &mut Reader) -> HttpConfig {
    let settings = reader.settings;
    let header_bytes = reader.bytes("http_config.max_header_bytes");
    HttpConfig {
        block_endpoints: settings.list("http_config.block_endpoints"),
        allow_write_from: reader.cidrs("http_config.allow_write_http_from"),
        response_headers: settings.map("http_config.response_headers"),
        use_cache: settings.bool("http_config.use_cache"),
        header_bytes_max: if header_bytes == 0 { HEADER_BYTES_DEFAULT } else { header_bytes },
        disable_unprintable_char_filter: settings.bool("disable_http_unprintable_char_filter"),
        disable_kv_key_validation: settings.bool("disable_kv_key_validation"),
    }
}

pub fn dns(reader: &mut Reader, datacenter: &str) -> DnsConfig {
    let settings = reader.settings;
    let mut service_ttl = BTreeMap::new();
    for (name, text) in settings.map("dns_config.service_ttl") {
        match duration::parse(&text) {
            Ok(nanos) => {
                service_ttl.insert(name, GoDuration(nanos).to_std());
            }
            Err(error) => reader.errors.value(format!(
                "dns_config.service_ttl[{name:?}]: invalid duration: {text:?}: {error}"
            )),
        }
    }
    DnsConfig {
        domain: dotted(&settings.text("domain")),
        alt_domain: alt_domain(reader, datacenter),
        allow_stale: settings.bool("dns_config.allow_stale"),
        stale_max: reader.span("dns_config.max_stale"),
        node_ttl: reader.span("dns_config.node_ttl"),
        service_ttl,
        only_passing: settings.bool("dns_config.only_passing"),
        udp_answers_max: reader.count("dns_config.udp_answer_limit"),
        a_records_max: reader.count("dns_config.a_record_limit"),
        enable_truncate: settings.bool("dns_config.enable_truncate"),
        disable_compression: settings.bool("dns_config.disable_compression"),
        node_meta_txt: settings.bool("dns_config.enable_additional_node_meta_txt"),
        soa: SoaConfig {
            refresh_s: reader.count("dns_config.soa.refresh"),
            retry_s: reader.count("dns_config.soa.retry"),
            expire_s: reader.count("dns_config.soa.expire"),
            min_ttl_s: reader.count("dns_config.soa.min_ttl"),
        },
        use_cache: settings.bool("dns_config.use_cache"),
        cache_age_max: reader.span("dns_config.cache_max_age"),
        recursors: settings.list("recursors"),
        recursor_strategy: reader.choice("dns_config.recursor_strategy", &["sequential", "random"]),
        recursor_timeout: reader.span("dns_config.recursor_timeout"),
    }
}

/// A second domain must not begin as the names below a domain do.
fn alt_domain(reader: &mut Reader, datacenter: &str) -> Option<String> {
    let domain = reader.settings.optional_text("alt_domain").map(|text| dotted(&text))?;
    let labels = ["service", "connect", "node", "query", "addr", datacenter];
    if labels.contains(&domain.split('.').next().unwrap_or("")) {
        let labels = labels.join(",");
        reader.errors.rule(format!("alt_domain cannot start with {{{labels}}}"));
    }
    Some(domain)
}

pub fn limits(reader: &mut Reader) -> LimitsConfig {
    LimitsConfig {
        http_conns_per_client_max: match reader.count("limits.http_max_conns_per_client") {
            0 => None,
            conns => Some(conns),
        },
        kv_value_bytes_max: reader.bytes("limits.kv_max_value_size"),
        txn_bytes_max: reader.bytes("limits.txn_max_req_len"),
        query_time_default: reader.span("default_query_time"),
        query_time_max: reader.span("max_query_time"),
        discovery_stale_max: reader.span("discovery_max_stale"),
        session_ttl_min: reader.span("session_ttl_min"),
        https_handshake_timeout: reader.span("limits.https_handshake_timeout"),
        rpc_handshake_timeout: reader.span("limits.rpc_handshake_timeout"),
        rpc_client_timeout: reader.span("limits.rpc_client_timeout"),
        rpc_conns_per_client_max: reader.count("limits.rpc_max_conns_per_client"),
        rpc_rate: reader.rate("limits.rpc_rate"),
        rpc_burst_max: reader.count("limits.rpc_max_burst"),
        requests: RequestLimits {
            mode: reader
                .choice("limits.request_limits.mode", &["disabled", "permissive", "enforcing"]),
            read_rate: reader.rate("limits.request_limits.read_rate"),
            write_rate: reader.rate("limits.request_limits.write_rate"),
        },
    }
}

pub fn checks(reader: &mut Reader) -> ChecksConfig {
    let settings = reader.settings;
    let mut services = settings.objects("service");
    services.extend(settings.objects("services"));
    let mut checks = settings.objects("check");
    checks.extend(settings.objects("checks"));
    let watches = settings.objects("watches");
    rules::check_definitions(&services, &checks, reader.errors);
    rules::check_watches(&watches, reader.errors);
    if settings.int("check_output_max_size") < 1 {
        reader.errors.rule(
            "check_output_max_size must be positive, to discard check output use the \
             discard_check_output flag",
        );
    }
    ChecksConfig {
        update_interval: reader.span("check_update_interval"),
        output_bytes_max: usize::try_from(settings.int("check_output_max_size")).unwrap_or(0),
        discard_output: settings.bool("discard_check_output"),
        enable_scripts: settings.bool("enable_script_checks"),
        enable_local_scripts: settings.bool("enable_script_checks")
            || settings.bool("enable_local_script_checks"),
        deregister_after_min: reader.span("check_deregister_interval_min"),
        reap_interval: reader.span("check_reap_interval"),
        sync_interval: reader.span("ae_interval"),
        flap: flap(reader),
        services: Hidden(services),
        checks: Hidden(checks),
        watches: Hidden(watches),
    }
}

/// Damping of checks that keep changing.
fn flap(reader: &mut Reader) -> Option<FlapSettings> {
    let flap = FlapSettings {
        penalty: reader.count("flap.penalty"),
        half_life: reader.span("flap.half_life"),
        ceiling: reader.count("flap.ceiling"),
        suppress: reader.count("flap.suppress_threshold"),
        reuse: reader.count("flap.reuse_threshold"),
    };
    if flap.penalty == 0 || flap.half_life.is_zero() {
        reader.errors.rule("flap.penalty and flap.half_life must be positive");
    }
    if flap.reuse >= flap.suppress || flap.suppress >= flap.ceiling {
        reader.errors.rule(
            "flap.reuse_threshold must be below flap.suppress_threshold, and that below \
             flap.ceiling",
        );
    }
    reader.settings.bool("flap.enabled").then_some(flap)
}

pub fn ui(reader: &mut Reader) -> UiConfig {
    let settings = reader.settings;
    let bare = settings.text("ui_config.content_path");
    let bare = bare.trim_matches('/');
    let content_path = if bare.is_empty() { "/".to_owned() } else { format!("/{bare}/") };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    if !content_path.chars().all(is_plain) {
        reader.errors.rule(format!(
            "ui-content-path can only contain alphanumeric, -, _, or /. received: \
             {content_path:?}"
        ));
    }
    UiConfig {
        enabled: settings.bool("ui_config.enabled"),
        dir: reader.path("ui_config.dir"),
        content_path,
        metrics_provider: settings.optional_text("ui_config.metrics_provider"),
        metrics_proxy_base_url: settings.optional_text("ui_config.metrics_proxy.base_url"),
        dashboard_url_templates: settings.map("ui_config.dashboard_url_templates"),
    }
}

/// A domain as names end in it: in lower case, with a dot at its end.
fn dotted(domain: &str) -> String {
    format!("{}.", domain.trim_matches('.').to_lowercase())
}

/// Bytes of a request's headers where none are configured: what Go's server takes.
const HEADER_BYTES_DEFAULT: usize = 1 << 20;
