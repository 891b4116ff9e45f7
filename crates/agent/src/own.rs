//! The agent's own services and checks: starts their part of the node, and registers what the
//! configuration's files define.

use crate::about;
use crate::config::RuntimeConfig;
use crate::descriptors;
use crate::probes::{SocketProber, TlsError, TlsFiles};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tribune_api::decode::{Unknown, decode};
use tribune_edge::{Declared, EdgeError, ProxyPorts, Renewed, Settings};
use tribune_node::Cluster;
use tribune_node::entropy::random_u64;
use tribune_node::local::{Local, LocalError};
use tribune_node::server::Identity;

/// The file of registrations within the data directory.
const FILE: &str = "registrations";

/// Why the agent's part of the node did not start.
#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    /// What was registered before cannot be read.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The certificates that checks are to show, or to trust, are of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why a definition of a file was not registered: which one, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DefinitionError(String);

/// Starts the agent's part of the node.
///
/// # Errors
/// If what was registered before, or a certificate for checks, cannot be read.
pub fn start(
    config: &RuntimeConfig,
    identity: &Identity,
    cluster: Arc<dyn Cluster>,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<Local, OwnError> {
    let checks = &config.checks;
    let (sidecars, exposed) = (config.network.sidecar_ports, config.network.expose_ports);
    let node = about::own_registration(config, identity).node;
    let settings = Settings {
        server: config.role.server,
        scripts_by_api: checks.enable_scripts,
        scripts_by_file: checks.enable_local_scripts,
        probes_max: descriptors::probes_max(),
        flap: checks.flap,
        check_output_bytes_max: checks.output_bytes_max,
        check_update_interval: checks.update_interval,
        discard_check_output: checks.discard_output,
        sync_interval: checks.sync_interval,
        proxy_ports: ProxyPorts {
            sidecar: sidecars.min..=sidecars.max,
            expose: exposed.min..=exposed.max,
        },
        ..Settings::for_node(node, seed())
    };
    let file = config.role.data_dir.as_ref().filter(|_| !config.role.dev).map(|dir| dir.join(FILE));
    let prober = Arc::new(prober(config)?);
    Ok(Local::start(settings, file, cluster, prober, shutdown.clone(), tasks)?)
}

/// What runs the probes; it shows the agent's certificate where the configuration says so.
fn prober(config: &RuntimeConfig) -> Result<SocketProber, TlsError> {
    if !config.tls.agent_tls_for_checks {
        return Ok(SocketProber::new());
    }
    let own = &config.tls.internal_rpc;
    SocketProber::with_files(&TlsFiles {
        ca_file: own.ca_file.clone(),
        ca_path: own.ca_path.clone(),
        cert_file: own.cert_file.clone(),
        key_file: own.key_file.clone(),
        server_name: config.tls.server_name.clone(),
    })
}

/// Registers what the files define, all of it or nothing; what they defined before and do not any
/// more is dropped, and what was registered otherwise stays. For the start and for reloads.
///
/// # Errors
/// At the first definition that is refused.
pub async fn register(config: &RuntimeConfig, local: &Local) -> Result<(), DefinitionError> {
    let services = config.checks.services.iter().map(|json| read("service", json));
    let checks = config.checks.checks.iter().map(|json| read("check", json));
    let declared = Declared {
        services: services.collect::<Result<_, _>>()?,
        checks: checks.collect::<Result<_, _>>()?,
    };
    let done = local.declare(declared).await;
    done.map_err(|error| DefinitionError(error.to_string()))
}

/// Takes over what else of a reload concerns the agent's own services and checks.
///
/// # Errors
/// If the agent is stopping.
pub async fn renew(
    config: &RuntimeConfig,
    identity: &Identity,
    local: &Local,
) -> Result<(), EdgeError> {
    local
        .renew(Renewed {
            node_meta: about::own_registration(config, identity).node.meta,
            discard_check_output: config.checks.discard_output,
        })
        .await
}

fn read<T: DeserializeOwned + Default>(what: &str, json: &Json) -> Result<T, DefinitionError> {
    decode(json.to_string().as_bytes(), Unknown::Refuse).map_err(|error| {
        let name = json.get("Name").and_then(Json::as_str).unwrap_or_default();
        DefinitionError(format!("{what} {name:?} of the configuration is refused: {error}"))
    })
}

fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for part in seed.chunks_exact_mut(size_of::<u64>()) {
        part.copy_from_slice(&random_u64().to_le_bytes());
    }
    seed
}
