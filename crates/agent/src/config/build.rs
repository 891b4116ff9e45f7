//! Merged settings to the `RuntimeConfig`, with every rule that makes one valid. All rules are
//! tried, so that one run names everything that is wrong.
//! Invariant: no errors pushed means every invariant of `RuntimeConfig` holds.

mod node;
mod operation;
mod reader;
mod security;
mod serving;

use self::reader::Reader;
use super::environment::Environment;
use super::error::ConfigErrors;
use super::network::{self, Machine};
use super::runtime::RuntimeConfig;
use super::settings::Settings;

/// What was noticed but does not keep the agent from starting goes to `warnings`.
pub fn build(
    settings: &Settings,
    environment: &dyn Environment,
    machine: Machine,
    errors: &mut ConfigErrors,
    warnings: &mut Vec<String>,
) -> RuntimeConfig {
    let mut reader = Reader { settings, errors, warnings };
    let reader = &mut reader;
    node::editions(reader);
    let node = node::node(reader, environment);
    let dns = serving::dns(reader, &node.datacenter);
    let config = RuntimeConfig {
        node,
        role: node::role(reader, environment),
        join: node::join(reader),
        gossip: node::gossip(reader),
        http: serving::http(reader),
        dns,
        limits: serving::limits(reader),
        checks: serving::checks(reader),
        raft: operation::raft(reader),
        autopilot: operation::autopilot(reader),
        acl: security::acl(reader),
        tls: security::tls(reader),
        connect: security::connect(reader),
        ui: serving::ui(reader),
        log: operation::log(reader),
        telemetry: operation::telemetry(reader),
        network: network::build(settings, machine, reader.errors),
    };
    node::servers_alone(reader, matches!(machine, Machine::This(_)));
    config
}
