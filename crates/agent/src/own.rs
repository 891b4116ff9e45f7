//! The agent's own services and checks: starts their part of the node, and registers what the
//! configuration's files define.

use crate::about;
use crate::config::RuntimeConfig;
use crate::descriptors;
use crate::probes::{SocketProber, TlsError, TlsFiles};
use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tribune_api::decode::{Unknown, decode};
use tribune_edge::{Declared, EdgeError, ProbeRequest, ProxyPorts, Renewed, Settings};
use tribune_node::Cluster;
use tribune_node::entropy::random_u64;
use tribune_node::local::{Local, LocalError, Probed, Prober};
use tribune_node::server::Identity;

/// The file of registrations within the data directory.
const FILE: &str = "registrations";

/// Why a definition of a file was not registered: which one, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DefinitionError(String);

/// Starts the agent's part of the node.
///
/// # Errors
/// If what was registered before cannot be read.
pub fn start(
    config: &RuntimeConfig,
    identity: &Identity,
    cluster: Arc<dyn Cluster>,
    prober: Arc<OwnProber>,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<Local, LocalError> {
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
    Local::start(settings, file, cluster, prober, shutdown.clone(), tasks)
}

/// What runs the probes of the agent's checks. A reload replaces it for those that follow.
pub struct OwnProber(ArcSwap<SocketProber>);

impl OwnProber {
    /// As the configuration says.
    ///
    /// # Errors
    /// If the certificates that checks are to show, or to trust, are of no use.
    pub fn new(config: &RuntimeConfig) -> Result<OwnProber, TlsError> {
        Ok(OwnProber(ArcSwap::from_pointee(prober(config)?)))
    }

    /// Reads the certificates' files anew, where checks use any.
    ///
    /// # Errors
    /// If they do not do; the old ones are still used.
    pub fn prepare(config: &RuntimeConfig) -> Result<Option<SocketProber>, TlsError> {
        config.tls.agent_tls_for_checks.then(|| prober(config)).transpose()
    }

    /// Probes that begin from now on are run by this.
    pub fn replace(&self, prepared: Option<SocketProber>) {
        if let Some(prober) = prepared {
            self.0.store(Arc::new(prober));
        }
    }
}

impl Prober for OwnProber {
    fn probe(&self, request: ProbeRequest) -> BoxFuture<'static, Probed> {
        self.0.load().probe(request)
    }
}

/// It shows the agent's certificate where the configuration says so.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AgentArgs, environment::testing::Sandbox, load};

    fn config(hcl: &str) -> RuntimeConfig {
        let args = AgentArgs { dev: true, hcl: vec![hcl.to_owned()], ..AgentArgs::default() };
        load(&args, &Sandbox::new(&[])).unwrap().config
    }

    #[test]
    fn certificates_of_checks_are_read_anew_or_the_old_ones_stay() {
        let prober = OwnProber::new(&config("")).unwrap();
        let first = prober.0.load_full();
        let plain = OwnProber::prepare(&config("tls { defaults { ca_file = \"no.pem\" } }"));
        prober.replace(plain.unwrap());
        assert!(Arc::ptr_eq(&first, &prober.0.load_full()), "checks use no files");

        let missing =
            "enable_agent_tls_for_checks = true tls { defaults { ca_file = \"no.pem\" } }";
        let error = OwnProber::prepare(&config(missing)).unwrap_err().to_string();
        assert!(error.contains("no.pem"), "{error}");
        assert!(OwnProber::new(&config(missing)).is_err());

        let shown = OwnProber::prepare(&config("enable_agent_tls_for_checks = true")).unwrap();
        prober.replace(shown);
        assert!(!Arc::ptr_eq(&first, &prober.0.load_full()), "it was replaced");
    }
}
