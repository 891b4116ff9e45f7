//! The body around an agent's brain: one task, a timer, the catalog, the probes and one file.
//!
//! [`Local`] is the handle that front doors hold. It decides nothing: [`tribune_edge::Edge`] does.
//! Invariant: readers see a change before the request that made it is answered.

mod body;
mod file;
mod follow;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tribune_edge::wire::{
    AgentService, CheckRegistration, CheckUpdate, HealthCheck, ServiceDefinition,
};
use tribune_edge::{
    Ask, Change, CheckFacts, Declared, Edge, EdgeError, ProbeRequest, ProbeTotals, Renewed,
    RestoreError, Settings, TtlUpdate,
};
use tribune_state::catalog::CheckStatus;

use crate::cluster::Cluster;

/// Runs probes. Implemented where the sockets are.
pub trait Prober: Send + Sync + 'static {
    /// Tries once what the request says. It ends by itself within the request's time.
    fn probe(&self, request: ProbeRequest) -> BoxFuture<'static, Probed>;
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Passing, warning or critical.
    pub status: CheckStatus,
    /// What it says about it.
    pub output: String,
}

/// Why an agent's part of the node did not start.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Its registrations could not be read or opened.
    #[error("registrations {path:?}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Its registrations are damaged.
    #[error("registrations {path:?}: {error}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and how.
        error: RestoreError,
    },
}

/// A handle on the agent's own services and checks. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Local {
    requests: mpsc::Sender<Request>,
    shown: Arc<RwLock<Shown>>,
    changed: watch::Receiver<u64>,
}

/// One request on its way to the brain.
#[derive(Debug)]
enum Request {
    /// To change something.
    Change(Ask, oneshot::Sender<Result<(), EdgeError>>),
    /// What is known of all checks, or of those of one service and of the node.
    Facts(Option<String>, oneshot::Sender<Vec<CheckFacts>>),
    /// What is known of all probes.
    Totals(oneshot::Sender<ProbeTotals>),
}

/// What readers see.
#[derive(Debug, Default)]
struct Shown {
    services: BTreeMap<String, Arc<AgentService>>,
    checks: BTreeMap<String, Arc<HealthCheck>>,
}

impl Local {
    /// Starts the agent's part of a node: reads what was registered and runs until `shutdown`.
    /// With no `file` nothing is kept. Its task ends, and everything is on disk, after `shutdown`.
    ///
    /// # Errors
    /// If the file cannot be read, or is damaged elsewhere than in its last line.
    pub fn start(
        mut settings: Settings,
        file: Option<PathBuf>,
        cluster: Arc<dyn Cluster>,
        prober: Arc<dyn Prober>,
        shutdown: CancellationToken,
        tasks: &mut JoinSet<()>,
    ) -> Result<Local, LocalError> {
        settings.persist = file.is_some();
        settings.wall_ms_at_zero = body::wall_ms();
        let kept = match &file {
            Some(path) => {
                file::read(path).map_err(|error| LocalError::File { path: path.clone(), error })?
            }
            None => Vec::new(),
        };
        let edge = Edge::new(settings, &kept).map_err(|error| LocalError::Damaged {
            path: file.clone().unwrap_or_default(),
            error,
        })?;
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        let shown = Arc::new(RwLock::new(Shown::default()));
        let (changes, changed) = watch::channel(0);
        let outside = body::Outside { cluster, prober, file, shown: shown.clone(), changes };
        tasks.spawn(body::run(edge, outside, inbox, shutdown));
        Ok(Local { requests, shown, changed })
    }

    /// Registers a service with its checks. When it returns, the catalog has it, or an attempt
    /// to tell the catalog has failed and will be repeated.
    ///
    /// # Errors
    /// As Consul refuses.
    pub async fn register_service(
        &self,
        definition: ServiceDefinition,
        replace_existing_checks: bool,
    ) -> Result<(), EdgeError> {
        let definition = Box::new(definition);
        self.ask(Ask::RegisterService { definition, replace_existing_checks }).await
    }

    /// Registers what the configuration's files declare: all of it or, at the first definition
    /// that is refused, nothing. What they declared before and do not any more is dropped; what
    /// came by requests stays. So this serves the start and every reload. It is not kept on disk.
    ///
    /// # Errors
    /// With the name of the definition and the reason.
    pub async fn declare(&self, declared: Declared) -> Result<(), EdgeError> {
        self.ask(Ask::Declare(declared)).await
    }

    /// Takes over settings that changed while the agent runs.
    ///
    /// # Errors
    /// If the agent is stopping.
    pub async fn renew(&self, renewed: Renewed) -> Result<(), EdgeError> {
        self.ask(Ask::Renew(renewed)).await
    }

    /// Deregisters a service, its checks and its sidecar.
    ///
    /// # Errors
    /// If it is not registered here.
    pub async fn deregister_service(&self, id: &str) -> Result<(), EdgeError> {
        self.ask(Ask::DeregisterService(id.into())).await
    }

    /// Registers a check of a service or of the node.
    ///
    /// # Errors
    /// As Consul refuses.
    pub async fn register_check(&self, asked: CheckRegistration) -> Result<(), EdgeError> {
        self.ask(Ask::RegisterCheck(Box::new(asked))).await
    }

    /// Deregisters a check.
    ///
    /// # Errors
    /// If it is not registered here.
    pub async fn deregister_check(&self, id: &str) -> Result<(), EdgeError> {
        self.ask(Ask::DeregisterCheck(id.into())).await
    }

    /// Says how a TTL check is: what pass, warn and fail do, with their note as output.
    ///
    /// # Errors
    /// If there is no such check, or it is of another kind.
    pub async fn update_ttl(
        &self,
        id: &str,
        status: CheckStatus,
        output: String,
    ) -> Result<(), EdgeError> {
        self.ask(Ask::UpdateTtl(TtlUpdate { check: id.into(), status, output })).await
    }

    /// As [`Local::update_ttl`], with the status as text.
    ///
    /// # Errors
    /// As there, and if the status is none of the three.
    pub async fn update_check(&self, id: &str, update: CheckUpdate) -> Result<(), EdgeError> {
        self.update_ttl(id, update.status.as_str().into(), update.output).await
    }

    /// Puts a service into maintenance or takes it out.
    ///
    /// # Errors
    /// If it is not registered here.
    pub async fn maintain_service(
        &self,
        id: &str,
        enable: bool,
        reason: String,
    ) -> Result<(), EdgeError> {
        self.ask(Ask::Maintain { service: Some(id.into()), enable, reason }).await
    }

    /// Puts the node into maintenance or takes it out.
    ///
    /// # Errors
    /// If the agent is stopping.
    pub async fn maintain_node(&self, enable: bool, reason: String) -> Result<(), EdgeError> {
        self.ask(Ask::Maintain { service: None, enable, reason }).await
    }

    /// Compares with the catalog now: for when a leader has just appeared.
    ///
    /// # Errors
    /// If the agent is stopping.
    pub async fn sync_now(&self) -> Result<(), EdgeError> {
        self.ask(Ask::SyncNow).await
    }

    /// The services by id, without content hash.
    pub fn services(&self) -> BTreeMap<String, Arc<AgentService>> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).services.clone()
    }

    /// The checks by id.
    pub fn checks(&self) -> BTreeMap<String, Arc<HealthCheck>> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).checks.clone()
    }

    /// One service, with its content hash.
    pub fn service(&self, id: &str) -> Option<AgentService> {
        let found = {
            let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
            shown.services.get(id).cloned()
        };
        found.map(|service| AgentService {
            content_hash: tribune_edge::content_hash(&service),
            ..service.as_ref().clone()
        })
    }

    /// The checks of one service and those of the node, by id.
    pub fn checks_concerning(&self, service_id: &str) -> Vec<Arc<HealthCheck>> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let concerns = |check: &&Arc<HealthCheck>| {
            check.service_id == service_id || check.service_id.is_empty()
        };
        shown.checks.values().filter(concerns).cloned().collect()
    }

    /// What is known of each check beside what readers see: its runs with their lateness, its
    /// changes, and why it is held. Of all checks, or of those of one service and of the node.
    ///
    /// # Errors
    /// If the agent is stopping.
    pub async fn check_facts(&self, service: Option<&str>) -> Result<Vec<CheckFacts>, EdgeError> {
        let (answer, wait) = oneshot::channel();
        let request = Request::Facts(service.map(str::to_owned), answer);
        self.requests.send(request).await.map_err(|_| EdgeError::Stopping)?;
        wait.await.map_err(|_| EdgeError::Stopping)
    }

    /// How many probes run and wait, and how late they have begun since the start.
    ///
    /// # Errors
    /// If the agent is stopping.
    pub async fn probe_totals(&self) -> Result<ProbeTotals, EdgeError> {
        let (answer, wait) = oneshot::channel();
        let sent = self.requests.send(Request::Totals(answer)).await;
        sent.map_err(|_| EdgeError::Stopping)?;
        wait.await.map_err(|_| EdgeError::Stopping)
    }

    /// Counts changes of services and checks; wait on it, then look again.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    async fn ask(&self, ask: Ask) -> Result<(), EdgeError> {
        let (answer, wait) = oneshot::channel();
        let sent = self.requests.send(Request::Change(ask, answer)).await;
        sent.map_err(|_| EdgeError::Stopping)?;
        wait.await.unwrap_or(Err(EdgeError::Stopping))
    }
}

impl Shown {
    fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Service(id, Some(row)) => {
                    self.services.insert(id.to_string(), row);
                }
                Change::Service(id, None) => {
                    self.services.remove(id.as_str());
                }
                Change::Check(id, Some(row)) => {
                    self.checks.insert(id.to_string(), row);
                }
                Change::Check(id, None) => {
                    self.checks.remove(id.as_str());
                }
            }
        }
    }
}

/// Requests that may wait for the brain: more than connections that one client may have.
const REQUESTS_MAX: usize = 1024;
