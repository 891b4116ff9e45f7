//! Publishing a state, and the thread that wakes waiters: what queues up for it is told at once,
//! from the newest view.

use super::door;
use crate::server::invariants::Verdict;
use crate::server::twin::Change;
use crate::server::world::{ServerEvent, World};
use std::time::Duration;
use tribune_replica::Published;

/// How long the notifier takes to notice, at most.
const NOTICE_MAX: Duration = Duration::from_micros(200);

/// Readers see the state first; who waits for its events is woken a little later.
pub fn publish(world: &mut World, published: Published) -> Verdict {
    let view = published.view.clone();
    let at = view.at().0;
    world.note("publish", at, format_args!("chain {:016x}", view.chain()));
    world.rules.chain.seen(at, view.chain())?;
    follow(world, at)?;
    let Some(process) = &mut world.process else { return Ok(()) };
    process.view = view;
    if published.events.is_empty() {
        return Ok(());
    }
    match &mut process.untold {
        Some(untold) => {
            untold.view = published.view;
            untold.events.extend(published.events);
        }
        None => {
            process.untold = Some(published);
            let delay = world.dice.latency.between(Duration::ZERO, NOTICE_MAX);
            world.server_after(delay, ServerEvent::Notify);
        }
    }
    Ok(())
}

/// The twin follows what was published, and the rules follow the twin.
fn follow(world: &mut World, at: u64) -> Verdict {
    let time = world.host.time();
    // Lock-delay lives in the leader's memory: what ended before it led has none.
    let leads = world.process.as_ref().is_some_and(|process| process.role.is_leader);
    for ran in world.witness.advance(at) {
        for change in ran.changes {
            world.rules.wakeup.changed(&change);
            match change {
                Change::Key(_) => {}
                Change::Begun { id, ttl_ms } => {
                    world.rules.session.begun(id, ttl_ms, time.running);
                }
                Change::Ended { id, released, lock_delay_ms } => {
                    world.rules.session.ended(id, ran.asked.is_some(), time.running)?;
                    if leads {
                        world.rules.lock.released(id, &released, lock_delay_ms, time);
                    }
                }
                Change::Locked { key, .. } => {
                    if let Some(asked) = &ran.asked {
                        world.rules.lock.taken(&key, asked)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// The notifier's turn.
pub fn notify(world: &mut World) -> Verdict {
    let Some(process) = &mut world.process else { return Ok(()) };
    let Some(published) = process.untold.take() else { return Ok(()) };
    let mut woken = Vec::new();
    process.waiters.wake(
        &published.view,
        &published.events,
        |answer| answer,
        |request, answer| woken.push((request, answer)),
    );
    world.tally.count("waiters woken", woken.len() as u64);
    for (request, answer) in woken {
        door::woken(world, request, answer)?;
    }
    world.rules.wakeup.told(&published.view)
}
