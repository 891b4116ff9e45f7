//! What strikes the server and its machine, and when it is over.

use crate::server::process::life::{self, End};
use crate::server::setup::Fault;
use crate::server::world::{Event, World};
use std::time::Duration;

/// A fault that lasts for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// Calls of the disk fail.
    Errors,
    /// The disk is full.
    Full,
    /// The disk is slow.
    Slow,
}

/// How long each lasts.
const ERRORS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));
const FULL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(40));
const SLOW: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(20));
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(45));

/// How long a sync takes on average while the disk is slow.
const SLOW_SYNC: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// How many of a million calls fail while errors last.
const ERRORS_PER_MILLION: u32 = 40_000;

/// How much room is left, at most, when the disk is about to be full, in bytes.
const ROOM_LEFT_MAX: u64 = 256 << 10;

/// Within so many calls of the disk the process ends in the middle of one.
const CALLS_MAX: u64 = 60;

/// How far the wall clock jumps, in milliseconds, and the monotonic one.
const WALL_JUMP_MAX_MS: u64 = 2 * 24 * 3600 * 1000;
const CLOCK_GAP_MAX: Duration = Duration::from_secs(600);

/// In so many of a thousand cases a fault waits for a snapshot to be under way, and in so many
/// for a batch.
const WAITS_FOR_SNAPSHOT_PER_MILLE: u64 = 250;
const WAITS_FOR_BATCH_PER_MILLE: u64 = 350;

/// What a fault waits for, so that it comes in the middle of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    Anything,
    Snapshot,
    Batch,
}

/// Plans the next strike.
pub fn next(world: &mut World) {
    world.host.faults_go_on = true;
    let delay = world.dice.nemesis.around(world.setup.fault_every);
    if world.now() + delay < world.setup.duration {
        world.queue.after(delay, Event::Strike);
    }
}

/// Something is to strike; often in the middle of something.
pub fn strike(world: &mut World) {
    let Some(fault) = world.dice.nemesis.pick(&world.setup.faults).copied() else { return };
    let roll = world.dice.nemesis.below(1000);
    let within = if roll < WAITS_FOR_SNAPSHOT_PER_MILLE {
        Within::Snapshot
    } else if roll < WAITS_FOR_SNAPSHOT_PER_MILLE + WAITS_FOR_BATCH_PER_MILLE {
        Within::Batch
    } else {
        Within::Anything
    };
    strike_within(world, fault, within);
}

/// Strikes as soon as the process is in the middle of that.
fn strike_within(world: &mut World, fault: Fault, within: Within) {
    match within {
        Within::Anything => strike_now(world, fault),
        Within::Snapshot | Within::Batch => world.host.waiting.push((fault, within)),
    }
}

/// The process is about to be in the middle of something for so long: who waited for that
/// strikes at some moment of it.
pub fn begins(world: &mut World, what: Within, length: Duration) {
    if !world.host.faults_go_on {
        return;
    }
    let waiting = world.host.waiting.iter().position(|(_, within)| *within == what);
    if let Some(at) = waiting {
        let (fault, _) = world.host.waiting.swap_remove(at);
        let delay = world.dice.nemesis.between(Duration::ZERO, length);
        world.queue.after(delay, Event::StrikeNow(fault));
    }
}

/// Strikes.
pub fn strike_now(world: &mut World, fault: Fault) {
    match fault {
        Fault::Kill => end(world, End::Kill, "killed"),
        Fault::PowerLoss => end(world, End::PowerLoss, "power lost"),
        Fault::CleanStop => end(world, End::Clean, "stopped"),
        Fault::KillAtCall => arm(world, false),
        Fault::PowerLossAtCall => arm(world, true),
        Fault::Pause => pause(world),
        Fault::ReadErrors | Fault::WriteErrors | Fault::SyncFailures => errors(world, fault),
        Fault::FullDisk => full(world),
        Fault::SlowDisk => slow(world),
        Fault::WallJump => {
            let jump = i64::try_from(world.dice.nemesis.below(WALL_JUMP_MAX_MS)).unwrap_or(0);
            let back = world.dice.nemesis.chance(500);
            world.host.wall_jump(if back { -jump } else { jump });
            world.struck("wall clock jumped");
        }
        Fault::ClockGap => {
            let gap = world.dice.nemesis.around(CLOCK_GAP_MAX / 4).min(CLOCK_GAP_MAX);
            world.host.clock_gap(gap);
            world.struck("monotonic clock jumped");
        }
    }
}

fn end(world: &mut World, end: End, name: &'static str) {
    if world.process.is_some() || end == End::PowerLoss {
        world.struck(name);
        life::crash(world, end, name);
    }
}

/// The process ends within some calls of the disk, in the middle of whatever makes them.
fn arm(world: &mut World, power: bool) {
    if world.process.is_none() {
        return;
    }
    let calls = u32::try_from(world.dice.nemesis.below(CALLS_MAX)).unwrap_or(0);
    world.host.dies_with_power = power;
    world.disk.machine().faults.die_after_calls = Some(calls);
    world.struck(if power { "power lost at a call" } else { "killed at a call" });
}

fn pause(world: &mut World) {
    let now = world.now();
    if world.process.is_none() || world.host.paused_until(now).is_some() {
        return;
    }
    let length = world.dice.nemesis.around((PAUSE.0 + PAUSE.1) / 6).clamp(PAUSE.0, PAUSE.1);
    world.host.pause(now, now + length);
    world.struck("process paused");
}

fn errors(world: &mut World, fault: Fault) {
    {
        let mut machine = world.disk.machine();
        match fault {
            Fault::ReadErrors => machine.faults.read_errors_per_million = ERRORS_PER_MILLION * 4,
            Fault::WriteErrors => machine.faults.write_errors_per_million = ERRORS_PER_MILLION,
            _ => machine.faults.sync_failures_per_million = ERRORS_PER_MILLION,
        }
    }
    let length = world.dice.nemesis.between(ERRORS.0, ERRORS.1);
    lasts(world, length, Lasting::Errors);
}

fn full(world: &mut World) {
    let room = world.dice.nemesis.below(ROOM_LEFT_MAX);
    {
        let mut machine = world.disk.machine();
        machine.faults.capacity_bytes = Some(machine.used_bytes() + room);
    }
    let length = world.dice.nemesis.between(FULL.0, FULL.1);
    lasts(world, length, Lasting::Full);
}

fn slow(world: &mut World) {
    let mean = world.dice.nemesis.around(SLOW_SYNC.1 / 4).clamp(SLOW_SYNC.0, SLOW_SYNC.1);
    world.host.slow_disk = Some(mean);
    let length = world.dice.nemesis.between(SLOW.0, SLOW.1);
    lasts(world, length, Lasting::Slow);
}

fn lasts(world: &mut World, length: Duration, fault: Lasting) {
    world.queue.after(length, Event::Heal(fault));
}

/// A lasting fault is over.
pub fn heal(world: &mut World, fault: Lasting) {
    let mut machine = world.disk.machine();
    match fault {
        Lasting::Errors => {
            machine.faults.read_errors_per_million = 0;
            machine.faults.write_errors_per_million = 0;
            machine.faults.sync_failures_per_million = 0;
        }
        Lasting::Full => machine.faults.capacity_bytes = None,
        Lasting::Slow => world.host.slow_disk = None,
    }
}

/// Nothing strikes any more, and what lasts is over.
pub fn peace(world: &mut World) {
    world.host.faults_go_on = false;
    for fault in [Lasting::Errors, Lasting::Full, Lasting::Slow] {
        heal(world, fault);
    }
    world.disk.machine().faults.die_after_calls = None;
}
