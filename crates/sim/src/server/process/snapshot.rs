//! The thread that writes a snapshot beside the loop: a real thread, which makes one call of the
//! disk at a time when virtual time has come to it.

use super::{disk_thread, turn};
use crate::disk::{Asked, Gated, Keeper};
use crate::server::invariants::{Verdict, Violation};
use crate::server::nemesis::{self, Within};
use crate::server::world::{ServerEvent, World};
use std::time::Duration;
use tribune_durable::SnapshotError;
use tribune_replica::{Input, SnapshotOrder, boot};

/// How many calls a snapshot takes, as a rule.
const CALLS_USUAL: u32 = 8;

/// How fast a snapshot is written, beside the time that each call takes.
const BYTES_PER_MILLISECOND: usize = 100_000;

/// A snapshot that is being written.
#[derive(Debug)]
pub struct Snapshotting {
    keeper: Keeper<Result<u64, SnapshotError>>,
    index: u64,
}

/// The replica orders a snapshot.
pub fn start(world: &mut World, order: SnapshotOrder) {
    let index = order.index;
    world.note("snapshot", index, format_args!("begins"));
    match Gated::start(world.disk.clone(), move |disk| boot::write_snapshot(disk, &order)) {
        Ok(keeper) => {
            if let Some(process) = &mut world.process {
                process.snapshot = Some(Snapshotting { keeper, index });
                world.disk.machine().snapshotting = true;
            }
            let length = world.setup.snapshot_call * CALLS_USUAL;
            nemesis::begins(world, Within::Snapshot, length);
            world.server_after(Duration::ZERO, ServerEvent::Snapshot);
        }
        Err(_) => turn::arrives(world, Input::SnapshotSaved { index: None }),
    }
}

/// The thread's next question. Its first comes without a grant.
pub fn step(world: &mut World) -> Verdict {
    let Some(snapshot) = world.process.as_ref().and_then(|process| process.snapshot.as_ref())
    else {
        return Ok(());
    };
    let index = snapshot.index;
    let asked = snapshot.keeper.next();
    let handle = world.disk.clone();
    if turn::died(world, &handle) {
        return Ok(());
    }
    match asked {
        Some(Asked::Call { bytes }) => {
            let millis = u32::try_from(bytes / BYTES_PER_MILLISECOND).unwrap_or(u32::MAX);
            let usual = world.host.slow_disk.unwrap_or(world.setup.snapshot_call);
            let latency = world.dice.latency.around(usual) + Duration::from_millis(1) * millis;
            world.server_after(latency, ServerEvent::Grant);
            Ok(())
        }
        Some(Asked::Done(result)) => {
            end(world, index, result.is_ok());
            if let Err(error) = result
                && error.is_fatal()
            {
                disk_thread::exit(world, &error.to_string());
            }
            Ok(())
        }
        None => {
            Err(Violation { rule: "a snapshot ends", what: format!("that of {index} panicked") })
        }
    }
}

/// The call's time has come.
pub fn grant(world: &mut World) -> Verdict {
    if let Some(snapshot) = world.process.as_ref().and_then(|process| process.snapshot.as_ref()) {
        snapshot.keeper.grant();
    }
    step(world)
}

fn end(world: &mut World, index: u64, saved: bool) {
    world.note("snapshot", index, format_args!("ends, saved: {saved}"));
    world.disk.machine().snapshotting = false;
    world.tally.count("snapshots written", u64::from(saved));
    if let Some(process) = &mut world.process {
        process.snapshot = None;
    }
    turn::arrives(world, Input::SnapshotSaved { index: saved.then_some(index) });
}
