//! What strikes the agent, its machine and its cluster, and when it is over.

use super::agent::{self, End};
use super::cluster::Manner;
use super::invariants::Verdict;
use super::setup::Fault;
use super::world::{AgentEvent, Event, World};
use std::time::Duration;

/// A fault that lasts for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// The cluster takes writes badly.
    Manner,
    /// Reads of the catalog are slow.
    Reads,
    /// Calls of the disk fail.
    Errors,
    /// The disk is full.
    Full,
    /// The disk is slow.
    Slow,
}

/// Everything that lasts.
const LASTING: [Lasting; 5] =
    [Lasting::Manner, Lasting::Reads, Lasting::Errors, Lasting::Full, Lasting::Slow];

/// How long each lasts.
const LASTS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// How long a save takes on average while the disk is slow.
const SLOW_SAVE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How many of a million calls fail while errors last.
const ERRORS_PER_MILLION: u32 = 150_000;

/// How much room is left, at most, when the disk is about to be full, in bytes.
const ROOM_LEFT_MAX: u64 = 4 << 10;

/// Within so many calls of the disk the process ends in the middle of one.
const CALLS_MAX: u64 = 20;

/// How far the wall clock jumps, in milliseconds, and the monotonic one.
const WALL_JUMP_MAX_MS: u64 = 2 * 24 * 3600 * 1000;
const CLOCK_GAP_MAX: Duration = Duration::from_secs(120);

/// In so many of a thousand cases a fault waits for a save to be under way.
const WAITS_PER_MILLE: u32 = 300;

/// Plans the next strike.
pub fn next(world: &mut World) {
    let delay = world.dice.nemesis.around(world.setup.fault_every);
    world.queue.after(delay, Event::Strike);
}

/// Something is to strike; often in the middle of a save.
pub fn strike(world: &mut World) -> Verdict {
    next(world);
    if !world.host.faults_go_on {
        return Ok(());
    }
    let Some(fault) = world.dice.nemesis.pick(&world.setup.faults).copied() else { return Ok(()) };
    if world.dice.nemesis.chance(WAITS_PER_MILLE) {
        world.host.waiting.push(fault);
        return Ok(());
    }
    strike_now(world, fault)
}

/// A save is under way for so long: what waited for that strikes at some moment of it.
pub fn begins(world: &mut World, length: Duration) {
    if !world.host.faults_go_on {
        return;
    }
    if let Some(fault) = world.host.waiting.pop() {
        let delay = world.dice.nemesis.between(Duration::ZERO, length);
        world.queue.after(delay, Event::StrikeNow(fault));
    }
}

/// Strikes.
pub fn strike_now(world: &mut World, fault: Fault) -> Verdict {
    if !world.host.faults_go_on {
        return Ok(());
    }
    match fault {
        Fault::WritesLost => manner(world, Manner::Loses),
        Fault::WritesRefused => manner(world, Manner::Refuses),
        Fault::AnswersLost => manner(world, Manner::Silent),
        Fault::WritesLate => manner(world, Manner::Late),
        Fault::WritesSlow => manner(world, Manner::Slow),
        Fault::ReadsSlow => {
            world.cluster.reads_slow = true;
            lasts(world, Lasting::Reads);
        }
        Fault::Kill => return end(world, End::Kill, "killed"),
        Fault::PowerLoss => return end(world, End::PowerLoss, "power lost"),
        Fault::CleanStop => return end(world, End::Clean, "stopped"),
        Fault::KillAtCall => arm(world, false),
        Fault::PowerLossAtCall => arm(world, true),
        Fault::ReadErrors | Fault::WriteErrors | Fault::SyncFailures => errors(world, fault),
        Fault::FullDisk => {
            let room = world.dice.nemesis.below(ROOM_LEFT_MAX);
            {
                let mut machine = world.disk.machine();
                machine.faults.capacity_bytes = Some(machine.used_bytes() + room);
            }
            lasts(world, Lasting::Full);
        }
        Fault::SlowDisk => {
            let mean = world.dice.nemesis.around(SLOW_SAVE.1 / 4).clamp(SLOW_SAVE.0, SLOW_SAVE.1);
            world.host.slow_disk = Some(mean);
            lasts(world, Lasting::Slow);
        }
        Fault::Pause | Fault::Suspend | Fault::SuspendTold => stand_still(world, fault),
        Fault::WallJump => {
            let jump = i64::try_from(world.dice.nemesis.below(WALL_JUMP_MAX_MS)).unwrap_or(0);
            let back = world.dice.nemesis.chance(500);
            world.host.wall_jump(if back { -jump } else { jump });
            world.struck("wall clock jumped");
        }
        Fault::ClockGap => {
            let gap = world.dice.nemesis.around(CLOCK_GAP_MAX / 6).min(CLOCK_GAP_MAX);
            let now = world.now();
            world.host.clock_gap(now, gap);
            world.struck("monotonic clock jumped");
            agent::look_at_clock(world);
        }
    }
    Ok(())
}

fn manner(world: &mut World, manner: Manner) {
    world.cluster.manner = manner;
    lasts(world, Lasting::Manner);
}

fn end(world: &mut World, end: End, name: &'static str) -> Verdict {
    if world.agent.is_none() && end != End::PowerLoss {
        return Ok(());
    }
    world.struck(name);
    agent::crash(world, end, name)
}

/// The process ends within some calls of the disk, in the middle of whatever makes them.
fn arm(world: &mut World, power: bool) {
    if world.agent.is_none() {
        return;
    }
    let calls = u32::try_from(world.dice.nemesis.below(CALLS_MAX)).unwrap_or(0);
    world.host.dies_with_power = power;
    world.disk.machine().faults.die_after_calls = Some(calls);
    world.struck(if power { "power lost at a call" } else { "killed at a call" });
}

fn stand_still(world: &mut World, fault: Fault) {
    let now = world.now();
    if world.agent.is_none() || world.host.paused_until(now).is_some() {
        return;
    }
    let length = world.dice.nemesis.around((PAUSE.0 + PAUSE.1) / 4).clamp(PAUSE.0, PAUSE.1);
    let until = now + length;
    match fault {
        Fault::Suspend => {
            world.host.suspend(now, until);
            agent::look_at_clock(world);
            world.struck("machine slept, and its clock");
        }
        Fault::SuspendTold => {
            let span = world.host.pause(now, until);
            let epoch = world.host.epoch;
            world.queue.at(until, Event::Agent(epoch, AgentEvent::Woken(span)));
            world.struck("machine slept, and said so");
        }
        _ => {
            world.host.pause(now, until);
            world.struck("process paused");
        }
    }
}

fn errors(world: &mut World, fault: Fault) {
    {
        let mut machine = world.disk.machine();
        match fault {
            Fault::ReadErrors => machine.faults.read_errors_per_million = ERRORS_PER_MILLION * 2,
            Fault::WriteErrors => machine.faults.write_errors_per_million = ERRORS_PER_MILLION,
            _ => machine.faults.sync_failures_per_million = ERRORS_PER_MILLION,
        }
    }
    lasts(world, Lasting::Errors);
}

fn lasts(world: &mut World, fault: Lasting) {
    let length = world.dice.nemesis.between(LASTS.0, LASTS.1);
    world.queue.after(length, Event::Heal(fault));
}

/// A lasting fault is over.
pub fn heal(world: &mut World, fault: Lasting) {
    let mut machine = world.disk.machine();
    match fault {
        Lasting::Manner => world.cluster.manner = Manner::Well,
        Lasting::Reads => world.cluster.reads_slow = false,
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
    for fault in LASTING {
        heal(world, fault);
    }
    world.host.waiting.clear();
    world.disk.machine().faults.die_after_calls = None;
}

/// Faults may strike again.
pub fn war(world: &mut World) {
    world.host.faults_go_on = true;
}
