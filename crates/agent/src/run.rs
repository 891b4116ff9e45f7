//! Runs an agent: from its arguments to its end. It wires parts together and decides nothing.

use crate::about::{self, CONSUL_VERSION, TRIBUNE_VERSION};
use crate::config::runtime::{ListenAddress, LogLevel};
use crate::config::{self, Loaded, Machine, RuntimeConfig};
use crate::descriptors;
use crate::dns;
use crate::http::{AgentInfo, Api, HttpConfig, Server as HttpServer, ServerLimits};
use crate::notify::notify;
use crate::own;
use hyper::header::{HeaderName, HeaderValue};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tribune_node::disk::{DirLock, FileDisk};
use tribune_node::entropy::random_uuid;
use tribune_node::server::{self, DiskKind, Identity, Server, ServerConfig, Stopped};
use tribune_node::{Cluster, ca};

/// Why an agent could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its flags are wrong.
    #[error("{0}")]
    Flags(#[from] config::FlagError),
    /// Its configuration is wrong.
    #[error("{0}")]
    Config(#[from] config::ConfigErrors),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {what}: {error}")]
    Listen {
        /// Which address.
        address: String,
        /// For what.
        what: &'static str,
        /// Why not.
        error: std::io::Error,
    },
    /// A unix socket cannot be listened on yet.
    #[error("unix://{0} cannot be listened on in this release: give an IP address")]
    Unix(String),
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
    Own(#[from] own::OwnError),
    /// A definition of the configuration is refused.
    #[error(transparent)]
    Definition(#[from] own::DefinitionError),
    /// Something of the operating system failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The server stopped itself, so that nothing is lost.
    #[error("the server stopped: {0}")]
    Stopped(String),
    /// A client agent needs servers to join, which comes with clustering.
    #[error("this release runs servers only: start with -dev, or with -server -bootstrap-expect=1")]
    ServersOnly,
}

/// Runs `agent` with the arguments after that word, until it is told to end.
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
    runtime.block_on(serve(loaded))
}

async fn serve(loaded: Loaded) -> Result<(), AgentError> {
    let Loaded { config, warnings, unused, .. } = loaded;
    if !config.role.server {
        return Err(AgentError::ServersOnly);
    }
    let Data { identity, disk, lock: _lock } = open_data(&config)?;
    banner(&config, &identity);
    start_log(&config);
    descriptors::raise();
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    if !unused.is_empty() {
        tracing::info!(keys = unused.join(", "), "accepted, not used yet");
    }
    let mut signals = Signals::listen()?;
    let (server, mut stopped) = start_server(&config, identity.clone(), disk)?;
    // No door opens before the log is replayed: an earlier answer would forget what is on the disk.
    if let Err(error) = server.writable().await {
        tracing::warn!(%error, "no leader yet");
    }
    let shutdown = CancellationToken::new();
    let mut doors = JoinSet::new();
    let leave = CancellationToken::new();
    let info = agent_info(&config, &identity, leave.clone());
    let cluster: Arc<dyn Cluster> = Arc::new(server.clone());
    let local = own::start(&config, &identity, cluster.clone(), &shutdown, &mut doors)?;
    let api = Arc::new(Api::new(http_config(&config), info, cluster).with_local(local.clone()));
    open_http(&config, &api, &shutdown, &mut doors).await?;
    let views: dns::Views = Arc::new(move || server.view());
    dns::open(&config, &views, &shutdown, &mut doors).await.map_err(|(address, error)| {
        AgentError::Listen { address: address.to_string(), what: "DNS", error }
    })?;
    own::register(&config, &local).await?;
    notify("READY=1");
    let ended = tokio::select! {
        why = stopped.failed() => Err(AgentError::Stopped(why)),
        () = signals.ended() => Ok(()),
        () = leave.cancelled() => Ok(()),
    };
    notify("STOPPING=1");
    tracing::info!("ending");
    shutdown.cancel();
    while doors.join_next().await.is_some() {}
    ended?;
    stopped.stop().await.map_err(AgentError::Stopped)
}

/// The signals an agent answers to.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Resolves when the process is told to end. A hang-up asks for a reload, which comes later.
    async fn ended(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hang_up.recv() => {
                    tracing::warn!("no reload yet: this release reads its configuration once");
                }
            }
        }
    }
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
    let disk = FileDisk::open(&dir.join(LOG_DIR)).map_err(|error| failed(&error))?;
    let lock = DirLock::acquire(dir).map_err(|error| failed(&error))?;
    let identity = Identity::load(dir, wanted).map_err(|error| failed(&error))?;
    Ok(Data { identity, disk: DiskKind::Directory(disk), lock: Some(lock) })
}

fn start_server(
    config: &RuntimeConfig,
    identity: Identity,
    disk: DiskKind<FileDisk>,
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
        metrics: tribune_node::metrics::Registry::new(),
    };
    Ok(server::start(server_config, disk)?)
}

async fn open_http(
    config: &RuntimeConfig,
    api: &Arc<Api>,
    shutdown: &CancellationToken,
    doors: &mut JoinSet<()>,
) -> Result<(), AgentError> {
    for address in &config.network.http {
        match address {
            ListenAddress::Tcp(address) => {
                let listener = TcpListener::bind(address).await.map_err(|error| {
                    AgentError::Listen { address: address.to_string(), what: "HTTP", error }
                })?;
                let limits = api.config.limits.clone();
                doors.spawn(HttpServer::new(api.clone(), limits, shutdown.clone()).run(listener));
            }
            ListenAddress::Unix(path) => {
                return Err(AgentError::Unix(path.display().to_string()));
            }
        }
    }
    Ok(())
}

fn http_config(config: &RuntimeConfig) -> HttpConfig {
    let headers = config.http.response_headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    let networks = config.http.allow_write_from.iter();
    HttpConfig {
        node_name: config.node.name.clone(),
        datacenter: config.node.datacenter.clone(),
        dev_mode: config.role.dev,
        limits: ServerLimits {
            connections_per_client_max: config
                .limits
                .http_conns_per_client_max
                .map_or(0, |most| usize::try_from(most).unwrap_or(usize::MAX)),
            header_bytes_max: match config.http.header_bytes_max {
                0 => ServerLimits::default().header_bytes_max,
                bytes => bytes,
            },
            connections: Arc::new(Semaphore::new(descriptors::connections_max())),
        },
        response_headers: headers.collect(),
        block_endpoints: config.http.block_endpoints.clone(),
        allow_write_http_from: networks
            .filter_map(|cidr| format!("{}/{}", cidr.address, cidr.bits).parse().ok())
            .collect(),
        disable_unprintable_filter: config.http.disable_unprintable_char_filter,
        disable_kv_key_validation: config.http.disable_kv_key_validation,
        kv_value_bytes_max: config.limits.kv_value_bytes_max,
        txn_body_bytes_max: config.limits.txn_bytes_max,
        session_ttl_min: config.limits.session_ttl_min,
        wait_default: config.limits.query_time_default,
        wait_max: config.limits.query_time_max,
        ui_enabled: config.ui.enabled,
        use_cache: config.http.use_cache,
        connect_enabled: config.connect.enabled,
        ..HttpConfig::default()
    }
}

fn agent_info(config: &RuntimeConfig, identity: &Identity, leave: CancellationToken) -> AgentInfo {
    let port = |addresses| about::first_port(addresses).map_or(-1, i32::from);
    AgentInfo {
        node_id: identity.node_id.to_string(),
        version: CONSUL_VERSION.to_owned(),
        revision: "tribune".to_owned(),
        build_date: BUILD_DATE.to_owned(),
        bind_address: config.network.bind.to_string(),
        primary_datacenter: config.node.primary_datacenter.clone(),
        server: config.role.server,
        meta: config.node.meta.clone(),
        grpc_port: port(&config.network.grpc),
        grpc_tls_port: port(&config.network.grpc_tls),
        leave,
        debug_config: about::debug_config(config),
    }
}

/// Builds are the same whenever they are made; this is the release's day.
const BUILD_DATE: &str = "2026-11-23T00:00:00Z";

fn banner(config: &RuntimeConfig, identity: &Identity) {
    let addresses: Vec<String> = config.network.http.iter().map(ToString::to_string).collect();
    let dns: Vec<String> = config.network.dns.iter().map(ToString::to_string).collect();
    println!("==> Starting Tribune agent...");
    println!("            Version: '{TRIBUNE_VERSION}' (compatible with Consul {CONSUL_VERSION})");
    println!("            Node ID: '{}'", identity.node_id);
    println!("          Node name: '{}'", config.node.name);
    println!("         Datacenter: '{}'", config.node.datacenter);
    println!("             Server: {} (dev: {})", config.role.server, config.role.dev);
    println!("               HTTP: {}", addresses.join(", "));
    println!("                DNS: {}", dns.join(", "));
    println!("\n==> Log data will now stream in as it occurs:\n");
}

fn start_log(config: &RuntimeConfig) {
    let level = match config.log.level {
        LogLevel::Trace => tracing::Level::TRACE,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Error => tracing::Level::ERROR,
    };
    let builder = tracing_subscriber::fmt().with_max_level(level).with_ansi(false);
    // A second agent in one process keeps the first one's log.
    let _ = if config.log.json { builder.json().try_init() } else { builder.try_init() };
}
