//! What the agent asks for, done as the node's body does it: each thing with its latency.

use super::agent::Probing;
use super::invariants::{Verdict, Violation, journal, result};
use super::model::{self, Moment};
use super::nemesis;
use super::world::{AgentEvent, Event, World};
use super::{client, cluster, targets};
use std::time::Duration;
use tribune_edge::{Effect, Input, ProbeRequest, Save, Ticket};

/// How long a save takes as a rule.
const SAVE: Duration = Duration::from_millis(2);

/// A save that takes this long counts as one of a slow disk.
const SAVE_SLOW: Duration = Duration::from_millis(300);

/// Does what the agent asks for. Returns what is answered at once.
///
/// # Errors
/// The rule that does not hold.
pub fn perform(
    world: &mut World,
    effects: Vec<Effect>,
    now: Moment,
) -> Result<Option<Input>, Violation> {
    let mut next = None;
    for effect in effects {
        match effect {
            Effect::Probe(request) => probe(world, *request, now)?,
            Effect::Propose(ticket, command) => {
                if let Some(agent) = &mut world.agent {
                    agent.proposing = Some(ticket);
                }
                cluster::propose(world, ticket, *command);
            }
            Effect::ReadCatalog => {
                let snapshot = cluster::read(world);
                next = snapshot.map(|snapshot| Input::Catalog(Box::new(snapshot)));
            }
            Effect::Persist(ticket, save) => persist(world, ticket, save)?,
            Effect::Reply(request, result) => client::answered(world, request, result)?,
            Effect::Note(note) => world.note("note", 0, format_args!("{note:?}")),
            // Checks of other nodes are followed elsewhere: no client of this world asks for one.
            Effect::Publish(_) | Effect::Follow(..) => {}
        }
    }
    Ok(next)
}

fn probe(world: &mut World, request: ProbeRequest, now: Moment) -> Verdict {
    world.targets.probes += 1;
    let number = world.targets.probes;
    let check = request.check.as_str();
    let incarnation = model::probing(&mut world.model, check, number);
    result::begins(incarnation.is_some(), check)?;
    let (result, takes) = targets::try_once(world, &request, number);
    world.note("probe", number, format_args!("{check} finds {:?} in {takes:?}", result.status));
    let probing = Probing { result, incarnation: incarnation.unwrap_or(0), began: now.mark };
    if let Some(agent) = &mut world.agent {
        agent.probes.insert(number, probing);
    }
    let epoch = world.host.epoch;
    world.queue.after(takes, Event::Agent(epoch, AgentEvent::Probed(number)));
    Ok(())
}

fn persist(world: &mut World, ticket: Ticket, save: Save) -> Verdict {
    let seq = world.model.seq;
    let Some(agent) = &mut world.agent else { return Ok(()) };
    journal::begins(agent.saving.is_none())?;
    agent.saving = Some((ticket, save, seq));
    let mut latency = world.dice.latency.around(SAVE);
    if let Some(slow) = world.host.slow_disk {
        latency = world.dice.latency.around(slow);
    }
    if latency >= SAVE_SLOW {
        world.struck("slow disk");
    }
    world.disk.machine().snapshotting = true;
    nemesis::begins(world, latency);
    let epoch = world.host.epoch;
    world.queue.after(latency, Event::Agent(epoch, AgentEvent::Saved));
    Ok(())
}
