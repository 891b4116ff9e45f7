//! The cluster as the agent meets it: one log of writes in order, the real state behind it, and
//! answers that come late, wrong or never.

use super::agent::NODE;
use super::invariants::Verdict;
use super::invariants::foreign::Foreign;
use super::model::Item;
use super::strangers;
use super::world::{AgentEvent, Event, World};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tribune_edge::{CatalogSnapshot, Taken, Ticket};
use tribune_state::catalog::{CatalogCommand, CheckRow, NodeRow, ServiceRow};
use tribune_state::ids::{LogIndex, NodeName};
use tribune_state::{Command, Entry, Outcome, Stamp, Store, View};

/// How the cluster takes the agent's writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    #[default]
    Well,
    /// Some never arrive.
    Loses,
    /// Some are refused.
    Refuses,
    /// Some are done, and the answer is lost.
    Silent,
    /// Some are given up, and done later.
    Late,
    /// They take long.
    Slow,
}

/// The cluster.
#[derive(Debug, Default)]
pub struct Cluster {
    store: Store,
    log: VecDeque<Write>,
    /// When the last write in the log will be done.
    done_at: Duration,
    pub manner: Manner,
    /// Reads take long.
    pub reads_slow: bool,
    /// The agent's writes so far.
    pub writes: u64,
    /// When strangers last wrote to something of the agent's node, as the model counts.
    disturbed: BTreeMap<Item, u64>,
    /// Tags that a service ever had in the catalog.
    tags: BTreeMap<String, BTreeSet<Vec<String>>>,
    /// The rows of others, as they wrote them last.
    pub foreign: Foreign,
}

/// A write in the log that is not done yet.
#[derive(Debug)]
struct Write {
    at: Duration,
    command: CatalogCommand,
    by: By,
}

/// Whose write it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Stranger,
    /// The agent's, its `number`th; `reports` if the answer tells what came of it.
    Agent {
        number: u64,
        ticket: Ticket,
        epoch: u64,
        reports: bool,
    },
}

/// How long a write takes as a rule, and in a slow cluster.
const USUAL: Duration = Duration::from_millis(4);
const SLOW: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Until the agent gives a write up that never arrived, or whose answer is lost.
const GIVEN_UP: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// How much later a write is done that was given up.
const LATE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(12));

/// While it takes writes badly, it does so with so many of a thousand.
const BADLY_PER_MILLE: u32 = 700;

/// How long a slow read takes.
const SLOW_READ: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(8));

impl Cluster {
    pub fn view(&self) -> View {
        self.store.view()
    }

    /// The agent's node.
    pub fn node(&self) -> Option<Arc<NodeRow>> {
        self.view().catalog().node(&NODE.into()).cloned()
    }

    pub fn service(&self, id: &str) -> Option<Arc<ServiceRow>> {
        self.view().catalog().service(&NODE.into(), &id.into()).cloned()
    }

    pub fn check(&self, id: &str) -> Option<Arc<CheckRow>> {
        self.view().catalog().check(&NODE.into(), &id.into()).cloned()
    }

    /// What the catalog holds of the agent's node.
    pub fn services(&self) -> Vec<Arc<ServiceRow>> {
        snapshot(&self.view()).services
    }

    pub fn checks(&self) -> Vec<Arc<CheckRow>> {
        snapshot(&self.view()).checks
    }

    /// True if a stranger wrote to it since then.
    pub fn disturbed_since(&self, item: &Item, seq: u64) -> bool {
        self.disturbed.get(item).is_some_and(|at| *at >= seq)
    }

    /// True if a service ever had these tags in the catalog.
    pub fn had_tags(&self, id: &str, tags: &[String]) -> bool {
        self.tags.get(id).is_some_and(|all| all.contains(tags))
    }

    /// Writes that are not done yet.
    pub fn waiting(&self) -> usize {
        self.log.len()
    }

    fn apply(&mut self, command: CatalogCommand) -> Outcome {
        let at = LogIndex(self.store.at().0 + 1);
        let command = Command::Catalog(command);
        self.store.apply(&Entry { at, stamp: Stamp::default(), command }).outcome
    }

    fn services_now(&self) -> BTreeSet<String> {
        self.services().iter().map(|row| row.id.to_string()).collect()
    }
}

/// What the agent is shown of a state.
pub fn snapshot(view: &View) -> CatalogSnapshot {
    let name = NodeName::from(NODE);
    CatalogSnapshot {
        node: view.catalog().node(&name).cloned(),
        services: view.catalog().services_on(&name).cloned().collect(),
        checks: view.catalog().checks_on(&name).cloned().collect(),
    }
}

fn enters(world: &mut World, latency: Duration, command: CatalogCommand, by: By) -> Duration {
    let at = (world.queue.now() + latency).max(world.cluster.done_at);
    world.cluster.done_at = at;
    world.cluster.log.push_back(Write { at, command, by });
    world.queue.at(at, Event::Apply);
    at
}

/// A stranger writes.
pub fn meddle(world: &mut World, command: CatalogCommand) {
    let latency = world.dice.latency.around(USUAL);
    enters(world, latency, command, By::Stranger);
}

/// The agent writes.
pub fn propose(world: &mut World, ticket: Ticket, command: Command) {
    let Command::Catalog(command) = command else { return };
    world.cluster.writes += 1;
    let (number, epoch) = (world.cluster.writes, world.host.epoch);
    let manner = match world.cluster.manner {
        Manner::Slow => Manner::Slow,
        manner if world.dice.latency.chance(BADLY_PER_MILLE) => manner,
        _ => Manner::Well,
    };
    let dice = &mut world.dice.latency;
    let usual = dice.around(USUAL);
    let give_up = dice.between(GIVEN_UP.0, GIVEN_UP.1);
    let by = |reports| By::Agent { number, ticket, epoch, reports };
    let report = |world: &mut World, delay| {
        let event = AgentEvent::Reported(ticket, Taken::No);
        world.queue.after(delay, Event::Agent(epoch, event));
    };
    match manner {
        Manner::Well => drop(enters(world, usual, command, by(true))),
        Manner::Slow => {
            let latency = world.dice.latency.between(SLOW.0, SLOW.1);
            enters(world, latency, command, by(true));
            world.struck("write slow");
        }
        Manner::Loses => {
            world.struck("write lost");
            report(world, give_up);
        }
        Manner::Refuses => {
            world.struck("write refused");
            report(world, usual);
        }
        Manner::Silent => {
            world.struck("write done, answer lost");
            let at = enters(world, usual, command, by(false));
            let after = at.saturating_sub(world.queue.now());
            report(world, after + give_up);
        }
        Manner::Late => {
            world.struck("write given up, done later");
            let late = world.dice.latency.between(LATE.0, LATE.1);
            enters(world, give_up + late, command, by(false));
            report(world, give_up);
        }
    }
}

/// The next write of the log is done.
pub fn apply(world: &mut World) -> Verdict {
    let now = world.queue.now();
    if world.cluster.log.front().is_none_or(|write| write.at > now) {
        return Ok(());
    }
    let Some(write) = world.cluster.log.pop_front() else { return Ok(()) };
    done(world, write)
}

fn done(world: &mut World, write: Write) -> Verdict {
    let server = world.setup.server;
    remember_tags(&mut world.cluster.tags, &write.command);
    match write.by {
        By::Stranger => {
            for item in strangers::items_of(&write.command, &world.cluster) {
                world.cluster.disturbed.insert(item, world.model.seq);
            }
            world.note("meddle", 0, format_args!("{:?}", write.command));
            world.cluster.apply(write.command);
            world.cluster.foreign = Foreign::of(&world.cluster.view(), server);
            Ok(())
        }
        By::Agent { number, ticket, epoch, reports } => {
            let before = world.cluster.services_now();
            world.note("apply", number, format_args!("{:?}", write.command));
            let outcome = world.cluster.apply(write.command);
            let view = world.cluster.view();
            world.cluster.foreign.untouched(&view, server)?;
            let after = world.cluster.services_now();
            let came: Vec<String> = after.difference(&before).cloned().collect();
            world.rules.zombie.written(number, &came)?;
            let taken = match outcome {
                Outcome::Refused(_) => Taken::No,
                _ => Taken::Yes,
            };
            if reports {
                let delay = world.dice.latency.around(USUAL / 8);
                let event = AgentEvent::Reported(ticket, taken);
                world.queue.after(delay, Event::Agent(epoch, event));
            }
            world.tally.count("writes of the agent", 1);
            Ok(())
        }
    }
}

fn remember_tags(tags: &mut BTreeMap<String, BTreeSet<Vec<String>>>, command: &CatalogCommand) {
    match command {
        CatalogCommand::Register(register) if register.node.node.as_str() == NODE => {
            if let Some(service) = &register.service {
                let all = tags.entry(service.id.to_string()).or_default();
                all.insert(service.tags.as_deref().unwrap_or_default().to_vec());
            }
        }
        CatalogCommand::Batch(all) => all.iter().for_each(|one| remember_tags(tags, one)),
        _ => {}
    }
}

/// The agent's process is gone: what it had sent may still arrive, or not.
pub fn agent_gone(world: &mut World) -> Verdict {
    let log = std::mem::take(&mut world.cluster.log);
    for write in log {
        let is_agents = matches!(write.by, By::Agent { .. });
        if !is_agents {
            world.cluster.log.push_back(write);
        } else if world.dice.latency.chance(500) {
            world.struck("write under way at the end, done");
            done(world, write)?;
        } else {
            world.struck("write under way at the end, lost");
        }
    }
    Ok(())
}

/// The agent reads what the catalog holds. Returns what it is shown at once, if it is.
pub fn read(world: &mut World) -> Option<CatalogSnapshot> {
    let view = world.cluster.view();
    if !world.cluster.reads_slow {
        return Some(snapshot(&view));
    }
    let delay = world.dice.latency.between(SLOW_READ.0, SLOW_READ.1);
    world.struck("read slow, and shows the past");
    let epoch = world.host.epoch;
    if let Some(agent) = &mut world.agent {
        agent.reading = Some(view);
    }
    world.queue.after(delay, Event::Agent(epoch, AgentEvent::CatalogRead));
    None
}
