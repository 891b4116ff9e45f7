//! Starting a server: recover the log, load the state, start the threads.

use super::disk_thread::{self, LogHome};
use super::handle::{About, Server, Shared};
use super::identity::{Identity, IdentityError};
use super::jobs::{Jobs, queue};
use super::meter::Meter;
use super::replica_thread::{Job, Log, Loop, Waiting};
use crate::blocking::Parked;
use crate::clock::Clock;
use crate::cluster::{Cluster, Member};
use crate::entropy::random_u64;
use crate::metrics::{Computed, Registry, ServerMetrics};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tokio::sync::oneshot;
use tribune_durable::{Disk, MemDisk, OpenError, Recovered, Wal, WalOptions};
use tribune_replica::boot::{self, BootError};
use tribune_replica::{Published, Replica, ReplicaConfig};
use tribune_state::catalog::Register;
use tribune_state::connect::CaRoot;

/// What a server is made of.
pub struct ServerConfig {
    /// Who it is.
    pub identity: Identity,
    /// Its datacenter.
    pub datacenter: String,
    /// The address other servers reach it at.
    pub rpc_address: String,
    /// How it stands in the gossip pool.
    pub member: Member,
    /// What it registers of itself.
    pub own: Register,
    /// The cluster's name and the certificate authority's first root, if it has none yet.
    pub first: Option<(uuid::Uuid, CaRoot)>,
    /// Entries after which a snapshot is written.
    pub snapshot_entries: u64,
    /// How long a request waits for a leader.
    pub hold: Duration,
    /// Where it counts.
    pub metrics: Registry,
}

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The log or a snapshot cannot be opened.
    #[error("the data directory cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// What was recovered did not become a replica.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The identity cannot be read or written.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A thread cannot be started.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// How a server ended: resolves when its thread has ended.
pub struct Stopped {
    jobs: Jobs,
    ended: oneshot::Receiver<Result<(), String>>,
}

impl Stopped {
    /// Resolves when the server has ended by itself, which is always a failure.
    pub async fn failed(&mut self) -> String {
        match (&mut self.ended).await {
            Ok(Err(why)) => why,
            Ok(Ok(())) | Err(_) => "the server's thread ended".to_owned(),
        }
    }

    /// Tells the server to end, and waits until everything is written.
    ///
    /// # Errors
    /// Why it ended, if not because it was told to.
    pub async fn stop(self) -> Result<(), String> {
        let _ = self.jobs.tell(Job::Stop);
        self.ended.await.unwrap_or_else(|_| Err("the server's thread ended".to_owned()))
    }
}

/// How long one tick of consensus is.
const TICK: Duration = Duration::from_millis(100);

/// Bytes of entries after which a snapshot is written.
const SNAPSHOT_BYTES: u64 = 256 << 20;

/// The log's disk: memory, or a directory.
pub enum DiskKind<D> {
    /// Nothing survives; nothing waits.
    Memory,
    /// What is written survives.
    Directory(D),
}

/// Starts a server on a disk. In memory it runs the same code on a disk of its own.
///
/// # Errors
/// If the disk cannot be opened or holds what is not understood.
pub fn start<D: Disk + Clone + 'static>(
    config: ServerConfig,
    disk: DiskKind<D>,
) -> Result<(Server, Stopped), ServerError> {
    match disk {
        DiskKind::Memory => {
            let disk = MemDisk::new();
            let options = WalOptions { salt: random_u64(), ballast_bytes: 0, ..Default::default() };
            let (wal, recovered) = Wal::open(disk.clone(), options)?;
            launch(config, disk, recovered, |_, _| {
                Ok((Log::Here(Box::new(LogHome::new(wal))), None))
            })
        }
        DiskKind::Directory(disk) => {
            let options = planted(WalOptions { salt: random_u64(), ..Default::default() });
            let (wal, recovered) = Wal::open(disk.clone(), options)?;
            launch(config, disk, recovered, |jobs, clock| {
                let (sender, receiver) = channel();
                let home = LogHome::new(wal);
                let thread = std::thread::Builder::new()
                    .name("disk".to_owned())
                    .spawn(move || disk_thread::run(home, &receiver, &jobs, clock))?;
                Ok((Log::There(sender), Some(thread)))
            })
        }
    }
}

/// The control build of the crash tests skips the sync when told to; every other build cannot.
#[cfg(feature = "planted-bugs")]
fn planted(mut options: WalOptions) -> WalOptions {
    if std::env::var_os("TRIBUNE_PLANT").is_some_and(|bug| bug == "skip-sync") {
        options.fault = tribune_durable::Fault::SkipSync;
    }
    options
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(options: WalOptions) -> WalOptions {
    options
}

type DiskThread = Option<std::thread::JoinHandle<()>>;

fn launch<D: Disk + Clone + 'static>(
    config: ServerConfig,
    disk: D,
    recovered: Recovered,
    log: impl FnOnce(Jobs, Clock) -> std::io::Result<(Log, DiskThread)>,
) -> Result<(Server, Stopped), ServerError> {
    let clock = Clock::start();
    let metrics = ServerMetrics::new(&config.metrics);
    let replica = replica(&config, &disk, recovered, &clock)?;
    metrics.raft.restore_duration.set(clock.now().as_secs_f64() * 1e3);
    let (sender, jobs) = queue();
    let (log, disk_thread) = log(sender.clone(), clock)?;
    let shared = Arc::new(Shared::new(replica.view().clone()));
    let parked = Parked::default();
    let (notifier, published) = channel();
    let notified = parked.clone();
    std::thread::Builder::new()
        .name("notifier".to_owned())
        .spawn(move || notify(&notified, &published))?;
    let body = Loop {
        replica,
        log,
        disk,
        clock,
        tick: TICK,
        shared: shared.clone(),
        jobs,
        sender: sender.clone(),
        parked: parked.clone(),
        notifier,
        waiting: Waiting::default(),
        meter: Meter::new(metrics.clone(), clock.now()),
    };
    let (end, ended) = oneshot::channel();
    std::thread::Builder::new().name("replica".to_owned()).spawn(move || {
        let mut result = body.run();
        if let Some(thread) = disk_thread
            && thread.join().is_err()
            && result.is_ok()
        {
            result = Err("the disk's thread ended badly".to_owned());
        }
        let _ = end.send(result);
    })?;
    let about = Arc::new(About {
        datacenter: config.datacenter,
        rpc_address: config.rpc_address,
        member: config.member,
        hold: config.hold,
    });
    let metrics = metrics.requests;
    let server = Server { shared, jobs: sender.clone(), parked, clock, about, metrics };
    show(&server, &config.metrics);
    Ok((server, Stopped { jobs: sender, ended }))
}

/// What is worked out when somebody looks.
fn show(server: &Server, registry: &Registry) {
    let server = server.clone();
    registry.compute(move |gauges| {
        let status = server.status();
        let leads = if status.is_leader { 1.0 } else { 0.0 };
        let mut put = |name, value| gauges.push(Computed { name, labels: Vec::new(), value });
        put("rpc.queries_blocking", count(server.parked()));
        put("server.isLeader", leads);
        put("raft.applied_index", count(status.applied));
        put("raft.last_index", count(status.last));
    });
}

/// A number as it is shown; beyond 2^53 it is rounded.
fn count<T: TryInto<u64>>(number: T) -> f64 {
    crate::metrics::count_as_f64(number.try_into().unwrap_or(u64::MAX))
}

fn replica<D: Disk>(
    config: &ServerConfig,
    disk: &D,
    recovered: Recovered,
    clock: &Clock,
) -> Result<Replica, ServerError> {
    let report = &recovered.report;
    tracing::info!(
        segments = report.segments,
        entries = recovered.entries.len(),
        torn_bytes = report.torn_tail.as_ref().map_or(0, |tail| tail.bytes),
        "recovered the log"
    );
    let id = config.identity.raft_id();
    let replica_config = ReplicaConfig {
        id,
        voters: vec![id],
        tick: TICK,
        snapshot_entries: config.snapshot_entries,
        snapshot_bytes: SNAPSHOT_BYTES,
        own: Some(config.own.clone()),
        first: config.first.clone(),
        wall_ms: clock.wall_ms(),
        seed: random_u64(),
        bug: None,
    };
    Ok(boot::boot(disk, recovered, replica_config, clock.now())?)
}

/// Wakes waiting queries; what queued up meanwhile is handled at once, from the newest view.
fn notify(parked: &Parked, published: &Receiver<Published>) {
    while let Ok(mut newest) = published.recv() {
        while let Ok(next) = published.try_recv() {
            newest.view = next.view;
            newest.events.extend(next.events);
        }
        parked.wake(&newest.view, &newest.events);
    }
}
