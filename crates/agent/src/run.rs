//! Runs an agent: from its arguments to its end. It wires parts together and decides nothing.

use crate::about::{self, CONSUL_VERSION, TRIBUNE_VERSION};
use crate::config::{self, AgentArgs, Environment as _, Loaded, Machine, RuntimeConfig};
use crate::coordinate;
use crate::descriptors;
use crate::dns;
use crate::doors::{DoorError, Doors, Front};
use crate::http::Api;
use crate::http::measure::HttpMetrics;
use crate::http::operation::{Operation, ReloadHandle, ReloadRequest};
use crate::http_settings::{agent_info, http_config};
use crate::log::{Log, LogError};
use crate::notify::notify;
use crate::own::{self, OwnProber};
use crate::probes::{SocketProber, TlsError};
use crate::reload::Reloader;
use crate::signals::{Asked, PidFile, Signals};
use crate::telemetry::{self, Telemetry};
use crate::watches::{self, Watches};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tribune_node::disk::{DirLock, FileDisk};
use tribune_node::entropy::random_uuid;
use tribune_node::local::LocalError;
use tribune_node::metrics::Registry;
use tribune_node::server::{self, DiskKind, Identity, Server, ServerConfig, Stopped};
use tribune_node::{Cluster, Local, ca};

/// Why an agent could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its flags are wrong.
    #[error("{0}")]
    Flags(#[from] config::FlagError),
    /// Its configuration is wrong.
    #[error("{0}")]
    Config(#[from] config::ConfigErrors),
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The data directory is in use, or cannot be opened.
    #[error("{0}")]
    DataDir(String),
    /// The server cannot start.
    #[error(transparent)]
    Server(#[from] server::ServerError),
    /// The certificate authority cannot be made.
    #[error(transparent)]
    Ca(#[from] ca::CaError),
    /// The agent's own services and checks cannot start.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The certificates of its checks are of no use.
    #[error(transparent)]
    ProbeTls(#[from] TlsError),
    /// A definition of the configuration is refused.
    #[error(transparent)]
    Definition(#[from] own::DefinitionError),
    /// A watch of the configuration is none.
    #[error(transparent)]
    Watch(#[from] tribune_client::plan::PlanError),
    /// Something of the operating system failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The server stopped itself, so that nothing is lost.
    #[error("the server stopped: {0}")]
    Stopped(String),
    /// It was told to end while it was ending.
    #[error("told to end again: ending at once")]
    Forced,
}

/// Runs `agent` with the arguments after that word, until it is told to end.
#[expect(clippy::print_stderr, reason = "why it did not start, or ended, is for its user")]
pub fn run(args: &[String]) -> ExitCode {
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("==> {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &[String]) -> Result<(), AgentError> {
    let args = config::parse_agent_args(args)?;
    let loaded = config::load(&args, &Machine)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let data = open_data(&loaded.config)?;
    banner(&loaded.config, &data.identity);
    let log = Log::install(&loaded.config.log)?;
    let ended = runtime.block_on(serve(args, loaded, data, log.clone()));
    log.flush();
    ended
}

async fn serve(args: AgentArgs, loaded: Loaded, data: Data, log: Log) -> Result<(), AgentError> {
    let Data { identity, disk, lock: _lock } = data;
    let config = loaded.config.clone();
    descriptors::raise();
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    if !loaded.unused.is_empty() {
        tracing::info!(keys = loaded.unused.join(", "), "accepted, not used yet");
    }
    let _pid = config.role.pid_file.as_deref().map(PidFile::write).transpose()?;
    let mut signals = Signals::listen()?;
    let telemetry = Arc::new(new_telemetry(&config));
    let registry = telemetry.registry().clone();
    let (server, mut stopped) = start_server(&config, identity.clone(), disk, registry)?;
    // No door opens before the log is replayed: an earlier answer would forget what is on the disk.
    if let Err(error) = server.writable().await {
        tracing::warn!(%error, "no leader yet");
    }
    let (reload, mut reloads) = ReloadHandle::new();
    let leave = CancellationToken::new();
    let mut agent = Agent { shutdown: CancellationToken::new(), tasks: JoinSet::new() };
    let parts = Parts { args, loaded, identity, log, telemetry, leave: leave.clone(), reload };
    let mut reloader = agent.open(parts, &server).await?;
    notify("READY=1");
    let ended = tokio::select! {
        why = stopped.failed() => Err(AgentError::Stopped(why)),
        () = work(&mut signals, &mut reloads, &mut reloader) => Ok(()),
        () = leave.cancelled() => Ok(()),
    };
    notify("STOPPING=1");
    tracing::info!("ending");
    tokio::select! {
        done = agent.end(reloader, &server, stopped, ended) => done,
        () = signals.told_again() => Err(AgentError::Forced),
    }
}

/// Does what signals and requests ask for, until one asks for the end.
async fn work(
    signals: &mut Signals,
    reloads: &mut mpsc::Receiver<ReloadRequest>,
    reloader: &mut Reloader,
) {
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Reload => {
                    // What went wrong is in the log; nobody else waits for it.
                    let _ = reloader.reload().await;
                }
                Asked::Dump => dump(reloader),
                Asked::Interrupt if reloader.loaded.config.role.skip_leave_on_interrupt => return,
                Asked::Terminate if !reloader.loaded.config.role.leave_on_terminate => return,
                Asked::Interrupt | Asked::Terminate => {
                    // A pool of one has nobody to say goodbye to.
                    tracing::info!("leaving gracefully");
                    return;
                }
            },
            Some(request) = reloads.recv() => {
                let _ = request.send(reloader.reload().await);
            }
        }
    }
}

/// What an agent is made of before its doors open.
struct Parts {
    args: AgentArgs,
    loaded: Loaded,
    identity: Identity,
    log: Log,
    telemetry: Arc<Telemetry>,
    leave: CancellationToken,
    reload: ReloadHandle,
}

/// The tasks of a running agent.
struct Agent {
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Agent {
    /// Opens the doors, registers what the files declare, and begins to watch.
    async fn open(&mut self, parts: Parts, server: &Server) -> Result<Reloader, AgentError> {
        let config = &parts.loaded.config;
        let (shutdown, tasks) = (&self.shutdown, &mut self.tasks);
        let cluster: Arc<dyn Cluster> = Arc::new(server.clone());
        if !config.role.disable_coordinates {
            let node = config.node.name.as_str().into();
            tasks.spawn(coordinate::report(cluster.clone(), node, shutdown.clone()));
        }
        let prober = Arc::new(OwnProber::new(config)?);
        let checks = prober.clone();
        let local = own::start(config, &parts.identity, cluster.clone(), checks, shutdown, tasks)?;
        let front = Arc::new(Front::new(api(&parts, &cluster, &local, shutdown)));
        let doors = Doors::open(config, &front, shutdown, tasks).await?;
        watch_numbers(&parts, cluster, &doors);
        tasks.spawn(parts.telemetry.clone().run(shutdown.clone()));
        let views: dns::Views = {
            let server = server.clone();
            Arc::new(move || dns::Newest {
                view: server.view(),
                is_stale: !server.contact().known_leader,
            })
        };
        let registry = parts.telemetry.registry();
        let dns = dns::open(config, &views, registry, shutdown, tasks).await.map_err(
            |(address, error)| DoorError::Listen {
                address: address.to_string(),
                what: "DNS",
                error,
            },
        )?;
        own::register(config, &local).await?;
        let mut watches = Watches::new(front.clone(), Arc::new(SocketProber::new()));
        watches.replace(watches::of(config)?).await;
        let Parts { args, loaded, identity, log, telemetry, leave, .. } = parts;
        Ok(Reloader {
            args,
            loaded,
            identity,
            leave,
            log,
            telemetry,
            front,
            doors,
            dns,
            local,
            prober,
            watches,
        })
    }

    /// Ends everything in order: watches, doors, the log. Who waits at a door is answered.
    async fn end(
        mut self,
        reloader: Reloader,
        server: &Server,
        stopped: Stopped,
        ended: Result<(), AgentError>,
    ) -> Result<(), AgentError> {
        let Reloader { mut watches, doors, .. } = reloader;
        watches.replace(Vec::new()).await;
        self.shutdown.cancel();
        server.end_waits();
        while self.tasks.join_next().await.is_some() {}
        drop(doors);
        ended?;
        stopped.stop().await.map_err(AgentError::Stopped)
    }
}

fn api(
    parts: &Parts,
    cluster: &Arc<dyn Cluster>,
    local: &Local,
    shutdown: &CancellationToken,
) -> Api {
    let config = &parts.loaded.config;
    let registry = parts.telemetry.registry();
    let mut operation = Operation::default();
    operation.log = Some(parts.log.clone());
    operation.telemetry = Some(parts.telemetry.clone());
    operation.reload = Some(parts.reload.clone());
    operation.measure = Some(Arc::new(HttpMetrics::new(registry, &config.node.name)));
    operation.ending = shutdown.clone();
    operation.data_path = config.role.data_dir.clone();
    let info = agent_info(config, &parts.identity, parts.leave.clone());
    Api::new(http_config(config), info, cluster.clone())
        .with_local(local.clone())
        .with_operation(operation)
}

fn new_telemetry(config: &RuntimeConfig) -> Telemetry {
    let hostname = Machine.hostname().unwrap_or_default();
    Telemetry::new(Registry::new(), &config.telemetry, &hostname)
}

fn watch_numbers(parts: &Parts, cluster: Arc<dyn Cluster>, doors: &Doors) {
    let config = &parts.loaded.config;
    let watched = telemetry::Watched {
        cluster,
        datacenter: config.node.datacenter.clone(),
        host: config.telemetry.enable_host_metrics,
        data_path: config.role.data_dir.clone().unwrap_or_else(|| "/".into()),
        certificate_ends: doors.certificate_ends(),
    };
    telemetry::register_gauges(parts.telemetry.registry(), watched);
}

/// The data directory, locked, with who it is.
struct Data {
    identity: Identity,
    disk: DiskKind<FileDisk>,
    /// Held until the agent has ended.
    lock: Option<DirLock>,
}

/// The folder of the log within the data directory.
const LOG_DIR: &str = "log";

fn open_data(config: &RuntimeConfig) -> Result<Data, AgentError> {
    let wanted = config.node.id.as_ref().and_then(|id| uuid::Uuid::try_parse(id).ok());
    let Some(dir) = config.role.data_dir.as_ref().filter(|_| !config.role.dev) else {
        let identity = Identity::fresh(wanted);
        return Ok(Data { identity, disk: DiskKind::Memory, lock: None });
    };
    let failed = |error: &dyn std::fmt::Display| AgentError::DataDir(error.to_string());
    let disk = FileDisk::open(&dir.join(LOG_DIR)).map_err(|error| match dir.is_dir() {
        true => failed(&error),
        false => failed(&format_args!("the data directory {dir:?} cannot be made: {error}")),
    })?;
    let lock = DirLock::acquire(dir).map_err(|error| failed(&error))?;
    let identity = Identity::load(dir, wanted).map_err(|error| failed(&error))?;
    Ok(Data { identity, disk: DiskKind::Directory(disk), lock: Some(lock) })
}

fn start_server(
    config: &RuntimeConfig,
    identity: Identity,
    disk: DiskKind<FileDisk>,
    metrics: Registry,
) -> Result<(Server, Stopped), AgentError> {
    let cluster_id = random_uuid();
    let server_config = ServerConfig {
        own: about::own_registration(config, &identity),
        member: about::member(config, &identity),
        identity,
        datacenter: config.node.datacenter.clone(),
        rpc_address: SocketAddr::new(config.network.advertise, config.network.server.port())
            .to_string(),
        first: Some((cluster_id, ca::first_root(cluster_id)?)),
        snapshot_entries: config.raft.snapshot_threshold,
        hold: config.role.rpc_hold_timeout,
        metrics,
    };
    Ok(server::start(server_config, disk)?)
}

#[expect(clippy::print_stderr, reason = "as Consul does on USR1")]
fn dump(reloader: &Reloader) {
    eprint!("{}", reloader.telemetry.dump());
}

#[expect(clippy::print_stdout, reason = "an agent says what it is before its log begins")]
fn banner(config: &RuntimeConfig, identity: &Identity) {
    let addresses = |all: &[config::runtime::ListenAddress]| {
        let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
        texts.join(", ")
    };
    let dns: Vec<String> = config.network.dns.iter().map(ToString::to_string).collect();
    println!("==> Starting Tribune agent...");
    println!("            Version: '{TRIBUNE_VERSION}' (compatible with Consul {CONSUL_VERSION})");
    println!("            Node ID: '{}'", identity.node_id);
    println!("          Node name: '{}'", config.node.name);
    println!("         Datacenter: '{}'", config.node.datacenter);
    println!("             Server: {} (dev: {})", config.role.server, config.role.dev);
    println!("               HTTP: {}", addresses(&config.network.http));
    if !config.network.https.is_empty() {
        println!("              HTTPS: {}", addresses(&config.network.https));
    }
    println!("                DNS: {}", dns.join(", "));
    println!("\n==> Log data will now stream in as it occurs:\n");
}
