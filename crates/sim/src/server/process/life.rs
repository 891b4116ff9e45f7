//! How processes end, and how the next one starts: by the same recovery as the node's.

use super::{DiskThread, Process, disk_thread, turn};
use crate::plant;
use crate::server::client;
use crate::server::invariants::{Verdict, Violation};
use crate::server::world::{Event, World};
use std::collections::BTreeMap;
use std::time::Duration;
use tribune_durable::{Disk as _, OpenError, Recovered, Wal, WalOptions};
use tribune_replica::boot::{self, BootError};
use tribune_replica::waiters::Waiters;
use tribune_replica::{Replica, ReplicaConfig, Role};
use tribune_state::Index;
use tribune_state::catalog::{NodeRow, Register};

/// By this name starts are counted.
const STARTS: &str = "starts";

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At once; the page cache stays.
    Kill,
    /// With the machine's power.
    PowerLoss,
    /// As it should.
    Clean,
}

/// This server's Raft id.
const RAFT_ID: u64 = 7;

/// The node that the server registers, and that sessions live on.
pub const NODE: &str = "node1";

/// Bytes of entries after which a snapshot is written.
const SNAPSHOT_BYTES: u64 = 4 << 20;

/// Until a process is started again after it ended, and after the machine did.
const RESTART: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(3));
const REBOOT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(40));

/// How long recovery takes.
const RECOVERY: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(400));

/// In so many of a thousand starts the process ends within its recovery.
const ENDS_IN_RECOVERY_PER_MILLE: u32 = 150;

/// Within so many calls of the disk.
const CALLS_OF_RECOVERY: u64 = 40;

/// The process ends, if one runs, and is started again after a while.
pub fn crash(world: &mut World, end: End, why: &str) {
    let now = world.now();
    world.note("end", world.host.epoch, format_args!("{end:?}: {why}"));
    let busy = world.process.as_ref().is_some_and(|process| process.disk.busy());
    if let Some(mut process) = world.process.take() {
        if end == End::Clean && !busy {
            process.disk.close();
        } else if busy && end != End::Clean {
            let calls = disk_thread::calls_before_crash(world);
            world.disk.machine().faults.die_after_calls.get_or_insert(calls);
            process.disk.cut_short();
        }
        // The snapshot's thread, if there is one, finds the world's end of its gate gone.
        drop(process);
    }
    {
        let mut machine = world.disk.machine();
        if end == End::PowerLoss {
            machine.power_loss();
        }
        machine.revive();
        machine.snapshotting = false;
    }
    world.host.end(now);
    world.host.dies_with_power = false;
    world.rules.lock.restarted();
    world.rules.wakeup.restarted();
    client::server_gone(world);
    let (low, high) = if end == End::PowerLoss { REBOOT } else { RESTART };
    let delay = world.dice.latency.between(low, high);
    world.queue.after(delay, Event::Start);
}

/// The machine starts the server.
pub fn start(world: &mut World) -> Verdict {
    if world.process.is_some() {
        return Ok(());
    }
    let now = world.now();
    world.host.start(now);
    let may_end = world.host.faults_go_on && world.tally.counted(STARTS) > 0;
    if may_end && world.dice.nemesis.chance(ENDS_IN_RECOVERY_PER_MILLE) {
        let calls = u32::try_from(world.dice.nemesis.below(CALLS_OF_RECOVERY)).unwrap_or(0);
        world.disk.machine().faults.die_after_calls = Some(calls);
        world.host.dies_with_power = world.dice.nemesis.chance(500);
    }
    let struck = faults_met(world);
    match try_start(world) {
        Ok((process, latency)) => {
            world.disk.machine().faults.die_after_calls = None;
            world.process = Some(Box::new(process));
            world.tally.count(STARTS, 1);
            turn::schedule(world, latency);
            Ok(())
        }
        Err(Failure::Rule(violation)) => Err(violation),
        Err(Failure::Start(why)) => {
            let dead = world.disk.machine().faults.dead;
            if dead {
                world.struck("end within recovery");
            } else if struck == faults_met(world) {
                return Err(Violation { rule: "a server recovers", what: why });
            } else {
                world.struck("start failed over the disk");
            }
            let power = dead && world.host.dies_with_power;
            crash(world, if power { End::PowerLoss } else { End::Kill }, &why);
            Ok(())
        }
    }
}

enum Failure {
    Rule(Violation),
    Start(String),
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        Failure::Start(error.to_string())
    }
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Failure {
        Failure::Start(error.to_string())
    }
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Failure {
        Failure::Rule(violation)
    }
}

/// How often the disk failed a call: a start that fails without any is a refusal.
fn faults_met(world: &World) -> u64 {
    let tally = world.disk.machine().tally;
    tally.read_errors + tally.write_errors + tally.sync_failures + tally.full
}

fn try_start(world: &mut World) -> Result<(Process, Duration), Failure> {
    let now = world.now();
    let mut options = WalOptions {
        salt: world.dice.process.any(),
        segment_bytes_first: world.setup.segment_bytes_first,
        segment_bytes_max: world.setup.segment_bytes_max,
        ballast_bytes: world.setup.ballast_bytes,
        ..WalOptions::default()
    };
    plant::in_log(world.setup.plant, &mut options);
    let (wal, recovered) = Wal::open(world.disk.clone(), options)?;
    let last = wal.last_index();
    note_recovery(world, &recovered, last);
    let seen = world.witness.twin().at;
    world.rules.acknowledged.recovered(last, seen)?;
    world.witness.recovered(last, &recovered.entries)?;
    let clock = world.host.clock(now);
    let config = config(world);
    let replica = boot::boot(&world.disk, recovered, config, clock)?;
    let view = replica.view().clone();
    world.rules.index.again(&view)?;
    if view.at().0 > 0 {
        world.rules.chain.seen(view.at().0, view.chain())?;
    }
    let (low, high) = RECOVERY;
    let latency = world.dice.latency.between(low, high);
    Ok((process(world, replica, wal, clock), latency))
}

fn note_recovery(world: &mut World, recovered: &Recovered, last: u64) {
    let snapshot = recovered.snapshot.as_ref().map_or(0, |(meta, _)| meta.index);
    world.note("start", last, format_args!("from a snapshot of {snapshot}"));
    if recovered.report.torn_tail.is_some() {
        world.struck("recovery: torn end cut off");
    }
    if !recovered.report.damaged_snapshots.is_empty() {
        world.struck("recovery: fell back to the older snapshot");
    }
}

fn process(
    world: &World,
    replica: Replica,
    wal: Wal<crate::disk::SimDisk>,
    clock: Duration,
) -> Process {
    let mut waiters = Waiters::default();
    waiters.lose_every = plant::in_waiters(world.setup.plant);
    Process {
        view: replica.view().clone(),
        replica,
        disk: DiskThread::new(wal),
        snapshot: None,
        role: Role::default(),
        inbox: Vec::new(),
        held: Vec::new(),
        ticked: clock,
        turn_at: None,
        untold: None,
        waiters,
        parked: BTreeMap::new(),
    }
}

fn config(world: &mut World) -> ReplicaConfig {
    let node = NodeRow {
        id: String::new(),
        node: NODE.into(),
        address: "127.0.0.1".into(),
        datacenter: "dc1".into(),
        tagged_addresses: None,
        meta: None,
        locality: None,
        create_index: Index(0),
        modify_index: Index(0),
    };
    ReplicaConfig {
        id: RAFT_ID,
        voters: vec![RAFT_ID],
        tick: turn::TICK,
        snapshot_entries: world.setup.snapshot_entries,
        snapshot_bytes: SNAPSHOT_BYTES,
        own: Some(Register { node, skip_node_update: false, service: None, checks: Vec::new() }),
        first: None,
        wall_ms: 0,
        seed: world.dice.process.any(),
        bug: plant::in_replica(world.setup.plant),
    }
}

/// The names of the files, for who looks for the cause of a failure.
pub fn files(world: &World) -> Vec<(String, u64)> {
    let names = world.disk.list().unwrap_or_default();
    names.into_iter().map(|name| (name.clone(), world.disk.len(&name).unwrap_or(0))).collect()
}
