//! The thread that runs the replica: drains what arrived, reads the clock, steps, carries out.

use super::disk_thread::{DiskJob, LogHome};
use super::handle::Shared;
use super::jobs::{JobQueue, Jobs};
use super::meter::Meter;
use crate::blocking::Parked;
use crate::clock::Clock;
use crate::cluster::ClusterError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;
use tokio::sync::oneshot;
use tribune_durable::{Batch, Disk, MemDisk};
use tribune_replica::{
    Effect, Input, Proposal, Published, ReadError, Replica, RequestId, Signal, SignalOutcome,
    SnapshotOrder, WriteError, boot,
};
use tribune_state::{Command, Outcome, Source};

/// What arrives at the replica's thread.
pub(crate) enum Job {
    /// A write, and where its answer goes.
    Write(Command, Source, oneshot::Sender<Result<Outcome, ClusterError>>),
    /// A read that must be confirmed, and where the position goes.
    Read(oneshot::Sender<Result<u64, ClusterError>>),
    /// A signal, and where its answer goes.
    Signal(Signal, oneshot::Sender<Result<SignalOutcome, ClusterError>>),
    /// The disk has done its batch.
    Appended { space_low: bool },
    /// The disk has room again.
    Space { low: bool },
    /// The disk's batch waits for room.
    AppendWaits,
    /// A snapshot is durable, or failed.
    SnapshotSaved { index: Option<u64> },
    /// Going on could lose data.
    Fatal(String),
    /// End.
    Stop,
}

/// How many jobs one step takes at most, so that a step stays short.
const JOBS_PER_STEP_MAX: usize = 4_096;

/// Where the log is: on a thread of its own, or here if it is memory.
pub(crate) enum Log {
    /// Memory never waits.
    Here(Box<LogHome<MemDisk>>),
    /// The disk's thread.
    There(Sender<DiskJob>),
}

/// The replica's thread.
pub(crate) struct Loop<D: Disk + Clone + 'static> {
    pub replica: Replica,
    pub log: Log,
    pub disk: D,
    pub clock: Clock,
    pub tick: Duration,
    pub shared: Arc<Shared>,
    pub jobs: JobQueue,
    pub sender: Jobs,
    pub parked: Parked,
    pub notifier: Sender<Published>,
    pub waiting: Waiting,
    pub meter: Meter,
}

/// The requests under way.
#[derive(Default)]
pub(crate) struct Waiting {
    next: u64,
    writes: BTreeMap<RequestId, oneshot::Sender<Result<Outcome, ClusterError>>>,
    reads: BTreeMap<RequestId, oneshot::Sender<Result<u64, ClusterError>>>,
    signals: BTreeMap<RequestId, oneshot::Sender<Result<SignalOutcome, ClusterError>>>,
}

impl Waiting {
    fn id(&mut self) -> RequestId {
        self.next += 1;
        RequestId(self.next)
    }
}

impl<D: Disk + Clone + 'static> Loop<D> {
    /// Runs until told to stop; an error says why the process must end.
    pub fn run(mut self) -> Result<(), String> {
        let result = self.turn_until_stopped();
        if let Log::There(disk) = &self.log {
            let _ = disk.send(DiskJob::Stop);
        }
        result
    }

    fn turn_until_stopped(&mut self) -> Result<(), String> {
        let mut ticked = self.clock.now();
        self.turn(Vec::new())?;
        loop {
            let now = self.clock.now();
            let wait = (ticked + self.tick).saturating_sub(now);
            let mut inputs = Vec::new();
            let received = self.jobs.recv_timeout(wait);
            self.meter.waited(now, self.clock.now());
            match received {
                Ok(job) => {
                    if self.take(job, &mut inputs)? {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            while inputs.len() < JOBS_PER_STEP_MAX {
                match self.jobs.try_recv() {
                    Ok(job) => {
                        if self.take(job, &mut inputs)? {
                            return Ok(());
                        }
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            let now = self.clock.now();
            if now >= ticked + self.tick {
                ticked = now;
                inputs.push(Input::Tick { wall_ms: self.clock.wall_ms() });
            }
            self.turn(inputs)?;
        }
    }

    /// Turns a job into an input; true if it says to stop.
    fn take(&mut self, job: Job, inputs: &mut Vec<Input>) -> Result<bool, String> {
        match job {
            Job::Write(command, source, answer) => {
                let request = self.waiting.id();
                self.waiting.writes.insert(request, answer);
                let wall_ms = self.clock.wall_ms();
                inputs.push(Input::Propose(Proposal { request, command, wall_ms, source }));
            }
            Job::Read(answer) => {
                let request = self.waiting.id();
                self.waiting.reads.insert(request, answer);
                self.meter.confirms();
                inputs.push(Input::Read { request });
            }
            Job::Signal(signal, answer) => {
                let request = self.waiting.id();
                self.waiting.signals.insert(request, answer);
                inputs.push(Input::Signal { request, signal });
            }
            Job::Appended { space_low } => {
                self.meter.appended(self.clock.now());
                inputs.push(Input::Appended { space_low });
            }
            Job::Space { low } => inputs.push(Input::Space { low }),
            Job::AppendWaits => inputs.push(Input::AppendWaits),
            Job::SnapshotSaved { index } => inputs.push(Input::SnapshotSaved { index }),
            Job::Fatal(why) => return Err(why),
            Job::Stop => return Ok(true),
        }
        Ok(false)
    }

    fn turn(&mut self, inputs: Vec<Input>) -> Result<(), String> {
        let mut inputs = inputs;
        loop {
            let now = self.clock.now();
            let effects = self.replica.step(now, std::mem::take(&mut inputs));
            self.meter.stepped(self.clock.now().saturating_sub(now));
            for effect in effects {
                self.carry_out(effect, &mut inputs)?;
            }
            if inputs.is_empty() {
                return Ok(());
            }
        }
    }

    fn carry_out(&mut self, effect: Effect, again: &mut Vec<Input>) -> Result<(), String> {
        match effect {
            Effect::Append(batch) => self.append(batch, again)?,
            Effect::Publish(published) => {
                self.publish(published);
                self.meter.published(self.clock.now());
            }
            Effect::Reply { request, result } => {
                if let Some(answer) = self.waiting.writes.remove(&request) {
                    let _ = answer.send(result.map_err(write_error));
                }
            }
            Effect::ReadReady { request, result } => {
                if let Some(answer) = self.waiting.reads.remove(&request) {
                    let _ = answer.send(result.map_err(read_error));
                }
            }
            Effect::Signalled { request, result } => {
                if let Some(answer) = self.waiting.signals.remove(&request) {
                    let _ = answer.send(result.map_err(read_error));
                }
            }
            Effect::Snapshot(order) => self.snapshot(order),
            Effect::Compact { through } => match &mut self.log {
                Log::Here(log) => log.compact(through)?,
                Log::There(disk) => {
                    let _ = disk.send(DiskJob::Compact(through));
                }
            },
            Effect::Role(role) => {
                let before = self.shared.set_role(role);
                self.meter.role(&before, &role);
            }
            Effect::Stop(fatal) => return Err(fatal.to_string()),
        }
        Ok(())
    }

    fn append(&mut self, batch: Batch, again: &mut Vec<Input>) -> Result<(), String> {
        let on_disk = matches!(self.log, Log::There(_));
        self.meter.dispatched(&batch, on_disk, self.clock.now());
        match &mut self.log {
            Log::Here(log) => {
                if let Job::Appended { space_low } = log.append(&batch, |_| false)? {
                    self.meter.appended(self.clock.now());
                    again.push(Input::Appended { space_low });
                }
            }
            Log::There(disk) => {
                disk.send(DiskJob::Append(batch)).map_err(|_| "the disk's thread is gone")?;
            }
        }
        Ok(())
    }

    /// Readers see the state first; whoever waits for its events is woken on another thread.
    fn publish(&self, published: Published) {
        self.shared.view.store(Arc::new(published.view.clone()));
        // Who parks from here on looks at the view just stored before waiting.
        if !published.events.is_empty() && self.parked.len() > 0 {
            let _ = self.notifier.send(published);
        }
    }

    fn snapshot(&self, order: SnapshotOrder) {
        let mut disk = self.disk.clone();
        let answer = self.sender.clone();
        let (clock, metrics) = (self.clock, self.meter.snapshots());
        let spawned = std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || {
            let index = order.index;
            let began = clock.now();
            let saved = match boot::write_snapshot(&mut disk, &order) {
                Ok(bytes) => {
                    tracing::info!(index, bytes, "wrote a snapshot");
                    Job::SnapshotSaved { index: Some(index) }
                }
                Err(error) if error.is_fatal() => Job::Fatal(error.to_string()),
                Err(error) => {
                    tracing::warn!(%error, index, "could not write a snapshot");
                    Job::SnapshotSaved { index: None }
                }
            };
            metrics.snapshot_ends(clock.now().saturating_sub(began));
            let _ = answer.tell(saved);
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "could not start a snapshot");
            let _ = self.sender.tell(Job::SnapshotSaved { index: None });
        }
    }
}

fn write_error(error: WriteError) -> ClusterError {
    match error {
        WriteError::NotLeader | WriteError::LeadershipLost => ClusterError::NoLeader,
        WriteError::TooLarge { have, limit } => ClusterError::TooLarge { have, limit },
        WriteError::DiskFull => ClusterError::DiskFull,
        WriteError::DiskSpent => ClusterError::DiskSpent,
        WriteError::Overloaded => ClusterError::Overloaded,
    }
}

fn read_error(error: ReadError) -> ClusterError {
    match error {
        ReadError::NotLeader => ClusterError::NoLeader,
    }
}
