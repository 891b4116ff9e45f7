//! Who the node is, what it is in its cluster, whom it joins. Settings to a part of the result.
//! Invariant: what breaks a rule is pushed to the reader's errors, never returned.

use std::time::Duration;

use tribune_api::metadata;

use super::super::environment::Environment;
use super::super::error::ConfigError;
use super::super::rules;
use super::super::runtime::{
    GossipConfig, GossipTimes, JoinConfig, JoinTargets, NodeConfig, RoleConfig,
};
use super::reader::Reader;

pub fn node(reader: &mut Reader, environment: &dyn Environment) -> NodeConfig {
    let settings = reader.settings;
    let name = settings.optional_text("node_name").unwrap_or_else(|| {
        environment.hostname().unwrap_or_else(|error| {
            reader.errors.rule(format!("node_name cannot be empty: {error}"));
            String::new()
        })
    });
    let id = settings.optional_text("node_id").map(|id| id.to_lowercase());
    if let Some(id) = &id
        && (id.len() != UUID_CHARS || uuid::Uuid::parse_str(id).is_err())
    {
        reader.errors.rule(format!("node_id {id:?} is not a UUID"));
    }
    let meta = settings.map("node_meta");
    if let Some(complaint) = metadata::complaint(&meta) {
        reader.errors.rule(format!("node_meta invalid: {complaint}"));
    }
    let datacenter = datacenter_name(reader, "datacenter");
    let primary = match settings.optional_text("primary_datacenter") {
        Some(_) => datacenter_name(reader, "primary_datacenter"),
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

fn datacenter_name(reader: &mut Reader, key: &'static str) -> String {
    let name = reader.settings.text(key).to_lowercase();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if name.is_empty() {
        reader.errors.rule(format!("{key} cannot be empty"));
    } else if !name.chars().all(is_plain) {
        reader.errors.rule(format!(
            "{key} can only contain lowercase alphanumeric, - or _ characters. received: \
             {name:?}"
        ));
    }
    name
}

pub fn role(reader: &mut Reader, environment: &dyn Environment) -> RoleConfig {
    let settings = reader.settings;
    let dev = settings.is_dev();
    let server = settings.bool("server");
    let bootstrap = settings.bool("bootstrap");
    bootstrap_rules(reader, server, bootstrap, dev);
    let data_dir = reader.path("data_dir");
    match &data_dir {
        None if !dev && !settings.is_spoilt("data_dir") => {
            reader.errors.rule(NO_DATA_DIR);
        }
        Some(dir) if environment.is_dir(dir).is_ok_and(|is_dir| !is_dir) => {
            reader.errors.rule(format!("data_dir {:?} is not a directory", dir.display()));
        }
        _ => {}
    }
    if settings.int("raft_protocol") != 3 {
        let version = settings.int("raft_protocol");
        reader.errors.rule(format!("raft_protocol cannot be {version}. Must be 3"));
    }
    RoleConfig {
        dev,
        server,
        bootstrap,
        bootstrap_expect: reader.count("bootstrap_expect"),
        data_dir,
        pid_file: reader.path("pid_file"),
        leave_on_terminate: settings.optional_bool("leave_on_terminate").unwrap_or(!server),
        skip_leave_on_interrupt: settings
            .optional_bool("skip_leave_on_interrupt")
            .unwrap_or(server),
        rejoin_after_leave: settings.bool("rejoin_after_leave"),
        enable_debug: settings.bool("enable_debug"),
        auto_reload: settings.bool("auto_reload_config"),
        disable_remote_exec: settings.bool("disable_remote_exec"),
        disable_coordinates: settings.bool("disable_coordinates"),
        server_rejoin_age_max: reader.span("server_rejoin_age_max"),
        leave_drain_time: reader.span("performance.leave_drain_time"),
        rpc_hold_timeout: reader.span("performance.rpc_hold_timeout"),
    }
}

fn bootstrap_rules(reader: &mut Reader, server: bool, bootstrap: bool, dev: bool) {
    let expect = reader.settings.int("bootstrap_expect");
    let server_known = !reader.settings.is_spoilt("server");
    if expect > 0 && dev {
        reader.errors.rule("'bootstrap_expect > 0' not allowed in dev mode");
    } else if expect > 0 && !server && server_known {
        reader.errors.rule("'bootstrap_expect > 0' requires 'server = true'");
    }
    if expect > 0 && bootstrap {
        reader.errors.rule("'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive");
    }
    if bootstrap && !server && server_known {
        reader.errors.rule("'bootstrap = true' requires 'server = true'");
    }
    if bootstrap && !dev {
        reader.warnings.push("bootstrap = true: do not enable unless necessary".to_owned());
    }
    match expect {
        1 => reader
            .warnings
            .push("BootstrapExpect is set to 1; this is the same as Bootstrap mode.".to_owned()),
        2 => reader.warnings.push(
            "bootstrap_expect = 2: A cluster with 2 servers will provide no failure \
             tolerance. See https://developer.hashicorp.com/docs/internals/consensus.html\
             #deployment-table"
                .to_owned(),
        ),
        even if even > 2 && even % 2 == 0 => reader.warnings.push(
            "bootstrap_expect is even number: A cluster with an even number of servers does \
             not achieve optimum fault tolerance."
                .to_owned(),
        ),
        _ => {}
    }
    if expect > 1 {
        reader.warnings.push(format!("bootstrap_expect > 0: expecting {expect} servers"));
    }
}

/// What needs several servers comes with clustering. A file that does not say what it is for is one
/// of a client to the agent, which is `here`, and passes `validate`: another file may say it, or a
/// flag of the agent. Whatever else is wrong comes first, but that there is no directory.
pub fn servers_alone(reader: &mut Reader, here: bool) {
    let settings = reader.settings;
    let is_client = !settings.bool("server") && (here || settings.is_set("server"));
    if here && is_client && reader.errors.errors == [ConfigError::Rule(NO_DATA_DIR.to_owned())] {
        reader.errors.errors.clear();
    }
    if !reader.errors.is_empty() {
        return;
    }
    if is_client {
        reader.errors.rule(
            "this release runs servers only: start with -dev, or with -server -bootstrap-expect=1 \
             and a -data-dir",
        );
    }
    let expect = settings.int("bootstrap_expect");
    if here && expect > 1 {
        reader.errors.rule(format!(
            "bootstrap_expect = {expect}: this release runs single servers, and each of these \
             would elect itself; start one, with -bootstrap-expect=1"
        ));
    }
}

/// Keys of the Enterprise edition: the one that would change what the cluster is, is refused.
pub fn editions(reader: &mut Reader) {
    let settings = reader.settings;
    if settings.optional_text("segment").is_some() || !settings.objects("segments").is_empty() {
        reader.errors.rule("Network segments are not supported in this version of Consul");
    }
    for key in ["audit.enabled", "license_path", "partition", "read_replica"] {
        if settings.is_set(key) {
            reader.warnings.push(format!("{key:?} has no effect in this edition"));
        }
    }
}

pub fn join(reader: &mut Reader) -> JoinConfig {
    let unset = Duration::ZERO;
    let advertised = reader.span("advertise_reconnect_timeout");
    JoinConfig {
        lan: JoinTargets {
            addresses: reader.settings.list("retry_join"),
            interval: reader.span("retry_interval"),
            attempts_max: reader.count("retry_max"),
            reconnect_timeout: reader.span("reconnect_timeout"),
        },
        wan: JoinTargets {
            addresses: reader.settings.list("retry_join_wan"),
            interval: reader.span("retry_interval_wan"),
            attempts_max: reader.count("retry_max_wan"),
            reconnect_timeout: reader.span("reconnect_timeout_wan"),
        },
        advertise_reconnect_timeout: Some(advertised).filter(|span| *span != unset),
    }
}

pub fn gossip(reader: &mut Reader) -> GossipConfig {
    let settings = reader.settings;
    let encrypt = settings.secret("encrypt");
    if let Some(complaint) = encrypt.as_ref().and_then(|key| rules::encrypt_complaint(key.reveal()))
    {
        reader.errors.rule(format!("encrypt has invalid key: {complaint}"));
    }
    GossipConfig {
        lan: GossipTimes {
            gossip_interval: reader.span("gossip_lan.gossip_interval"),
            gossip_nodes: reader.count("gossip_lan.gossip_nodes"),
            probe_interval: reader.span("gossip_lan.probe_interval"),
            probe_timeout: reader.span("gossip_lan.probe_timeout"),
            suspicion_mult: reader.count("gossip_lan.suspicion_mult"),
            retransmit_mult: reader.count("gossip_lan.retransmit_mult"),
        },
        wan: GossipTimes {
            gossip_interval: reader.span("gossip_wan.gossip_interval"),
            gossip_nodes: reader.count("gossip_wan.gossip_nodes"),
            probe_interval: reader.span("gossip_wan.probe_interval"),
            probe_timeout: reader.span("gossip_wan.probe_timeout"),
            suspicion_mult: reader.count("gossip_wan.suspicion_mult"),
            retransmit_mult: reader.count("gossip_wan.retransmit_mult"),
        },
        encrypt,
        verify_incoming: settings.bool("encrypt_verify_incoming"),
        verify_outgoing: settings.bool("encrypt_verify_outgoing"),
        disable_keyring_file: settings.bool("disable_keyring_file"),
        lan_allowed_cidrs: reader.cidrs("serf_lan_allowed_cidrs"),
        wan_allowed_cidrs: reader.cidrs("serf_wan_allowed_cidrs"),
    }
}

const NO_DATA_DIR: &str = "data_dir cannot be empty";

/// A UUID in its usual form, with hyphens.
const UUID_CHARS: usize = 36;
