//! The agent's own services and checks: starts their part of the node, and registers what the
//! configuration's files define.

use crate::about;
use crate::config::RuntimeConfig;
use crate::probes::SocketProber;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tribune_api::agent::{CheckRegistration, ServiceDefinition};
use tribune_api::decode::{Unknown, decode};
use tribune_edge::Settings;
use tribune_node::Cluster;
use tribune_node::entropy::random_u64;
use tribune_node::local::{Local, LocalError};
use tribune_node::server::Identity;

/// The file of registrations within the data directory.
const FILE: &str = "registrations";

/// Why a definition of a file was not registered.
#[derive(Debug, thiserror::Error)]
#[error("{what} {name:?} of the configuration is refused: {why}")]
pub struct DefinitionError {
    what: &'static str,
    name: String,
    why: String,
}

/// Starts the agent's part of the node.
///
/// # Errors
/// If what was registered before cannot be read.
pub fn start(
    config: &RuntimeConfig,
    identity: &Identity,
    cluster: Arc<dyn Cluster>,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<Local, LocalError> {
    let checks = &config.checks;
    let ports = config.network.sidecar_ports;
    let node = about::own_registration(config, identity).node;
    let settings = Settings {
        server: config.role.server,
        scripts_by_api: checks.enable_scripts,
        check_output_bytes_max: checks.output_bytes_max,
        check_update_interval: checks.update_interval,
        discard_check_output: checks.discard_output,
        sync_interval: checks.sync_interval,
        sidecar_ports: ports.min..=ports.max,
        ..Settings::for_node(node, seed())
    };
    let file = config.role.data_dir.as_ref().filter(|_| !config.role.dev).map(|dir| dir.join(FILE));
    let prober = Arc::new(SocketProber::new());
    Local::start(settings, file, cluster, prober, shutdown.clone(), tasks)
}

/// Registers what the files define; what was registered otherwise stays.
///
/// # Errors
/// At the first definition that is refused.
pub async fn register(config: &RuntimeConfig, local: &Local) -> Result<(), DefinitionError> {
    for json in config.checks.services.iter() {
        let refused = |why: String| refused("service", json, why);
        let text = json.to_string();
        let definition: ServiceDefinition =
            decode(text.as_bytes(), Unknown::Refuse).map_err(|error| refused(error.to_string()))?;
        let done = local.declare_service(definition).await;
        done.map_err(|error| refused(error.to_string()))?;
    }
    for json in config.checks.checks.iter() {
        let refused = |why: String| refused("check", json, why);
        let text = json.to_string();
        let check: CheckRegistration =
            decode(text.as_bytes(), Unknown::Refuse).map_err(|error| refused(error.to_string()))?;
        let done = local.declare_check(check).await;
        done.map_err(|error| refused(error.to_string()))?;
    }
    Ok(())
}

fn refused(what: &'static str, json: &serde_json::Value, why: String) -> DefinitionError {
    let name = json.get("Name").and_then(serde_json::Value::as_str).unwrap_or_default();
    DefinitionError { what, name: name.to_owned(), why }
}

fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for part in seed.chunks_exact_mut(size_of::<u64>()) {
        part.copy_from_slice(&random_u64().to_le_bytes());
    }
    seed
}
