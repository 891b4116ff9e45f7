//! The replica's loop: takes what arrived, reads the clock, steps, carries out. The same order as
//! the node's.

use super::{disk_thread, door, notifier, snapshot};
use crate::disk::SimDisk;
use crate::server::invariants::Verdict;
use crate::server::process::life::{self, End};
use crate::server::world::{ServerEvent, World};
use std::time::Duration;
use tribune_replica::{Effect, Input};

/// How long one tick of consensus is.
pub const TICK: Duration = Duration::from_millis(100);

/// How many inputs one step takes at most.
const INPUTS_PER_STEP_MAX: usize = 4_096;

/// How long the loop takes to notice that something has arrived, at most.
const WAKE_MAX: Duration = Duration::from_micros(60);

/// Something has arrived for the replica: its loop runs soon.
pub fn arrives(world: &mut World, input: Input) {
    if let Some(process) = &mut world.process {
        process.inbox.push(input);
    }
    let delay = world.dice.latency.between(Duration::ZERO, WAKE_MAX);
    schedule(world, delay);
}

/// The loop runs after a while, unless it does so earlier anyway.
pub fn schedule(world: &mut World, delay: Duration) {
    let at = world.now() + delay;
    let Some(process) = &mut world.process else { return };
    if process.turn_at.is_none_or(|turn| turn > at) {
        process.turn_at = Some(at);
        world.server_after(delay, ServerEvent::Turn);
    }
}

/// One round of the loop.
pub fn turn(world: &mut World) -> Verdict {
    let now = world.now();
    let clock = world.host.clock(now);
    let wall_ms = world.host.wall_ms(now);
    let time = world.host.time();
    let Some(process) = &mut world.process else { return Ok(()) };
    if process.turn_at.is_some_and(|at| at > now) {
        // An earlier round has replaced this one.
        return Ok(());
    }
    process.turn_at = None;
    let rest = process.inbox.split_off(process.inbox.len().min(INPUTS_PER_STEP_MAX));
    let mut inputs = std::mem::replace(&mut process.inbox, rest);
    if clock >= process.ticked + TICK {
        process.ticked = clock;
        inputs.push(Input::Tick { wall_ms });
    }
    let more = !process.inbox.is_empty();
    let wait = if more { Duration::ZERO } else { (process.ticked + TICK).saturating_sub(clock) };
    world.witness.takes(time);
    let effects = process.replica.step(clock, inputs);
    schedule(world, wait);
    for effect in effects {
        carry_out(world, effect)?;
        if world.process.is_none() {
            break;
        }
    }
    Ok(())
}

fn carry_out(world: &mut World, effect: Effect) -> Verdict {
    match effect {
        Effect::Append(batch) => {
            world.tally.count("entries in the log", batch.entries.len() as u64);
            for (request, at) in world.witness.given(&batch.entries)? {
                world.rules.acknowledged.placed(request, at);
            }
            disk_thread::append(world, batch);
        }
        Effect::Publish(published) => notifier::publish(world, published)?,
        Effect::Reply { request, result } => door::replied(world, request, result)?,
        Effect::ReadReady { request, result } => door::read_ready(world, request, result)?,
        Effect::Signalled { request, result } => door::signalled(world, request, result)?,
        Effect::Snapshot(order) => snapshot::start(world, order),
        Effect::Compact { through } => disk_thread::compact(world, through),
        Effect::Role(role) => door::role(world, role)?,
        Effect::Stop(fatal) => {
            world.note("fatal", 0, format_args!("{fatal}"));
            return Err(crate::server::invariants::Violation {
                rule: "no replica stops by itself",
                what: fatal.to_string(),
            });
        }
    }
    Ok(())
}

/// True if the disk was armed to take the process with it and has done so; then it is gone.
pub fn died(world: &mut World, disk: &SimDisk) -> bool {
    let dead = disk.machine().faults.dead;
    if dead {
        let end = if world.host.dies_with_power { End::PowerLoss } else { End::Kill };
        life::crash(world, end, "at a call");
    }
    dead
}
