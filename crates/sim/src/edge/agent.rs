//! The agent's process: how it starts, steps and ends. What the node's body does with a task, a
//! timer and a thread that saves, it does with events.

use super::effects;
use super::file;
use super::invariants::{Verdict, Violation, restart};
use super::judge;
use super::model::Moment;
use super::world::{AgentEvent, Event, World};
use super::{client, wish};
use crate::plant;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tribune_edge::wire::{AgentService, HealthCheck};
use tribune_edge::{Edge, Input, ProbeResult, Save, Settings, Ticket};
use tribune_state::View;
use tribune_state::catalog::NodeRow;
use tribune_state::ids::Index;

/// The agent's node.
pub const NODE: &str = "node1";

/// A running process.
#[derive(Debug)]
pub struct Agent {
    pub edge: Edge,
    pub wall_ms_at_zero: u64,
    /// What readers see.
    pub services: BTreeMap<String, Arc<AgentService>>,
    pub checks: BTreeMap<String, Arc<HealthCheck>>,
    /// The probes under way, by number.
    pub probes: BTreeMap<u64, Probing>,
    /// The save under way, and what of the model it holds.
    pub saving: Option<(Ticket, Save, u64)>,
    /// The write under way.
    pub proposing: Option<Ticket>,
    /// The read of the catalog under way: what it will show.
    pub reading: Option<View>,
    /// What each check said last, and since when.
    pub said: BTreeMap<String, VecDeque<(Duration, String)>>,
    /// When the timer rings next.
    timer_at: Option<Duration>,
    timer: u64,
}

impl Agent {
    /// Takes note of what a check says.
    pub fn says(&mut self, check: &str, output: &str, now: Duration) {
        let said = self.said.entry(check.to_owned()).or_default();
        if said.back().is_none_or(|(_, last)| last != output) {
            said.push_back((now, output.to_owned()));
        }
        if said.len() > SAID_MAX {
            said.pop_front();
        }
    }

    /// True if a check has said so since then.
    pub fn said_since(&self, check: &str, output: &str, since: Duration) -> bool {
        let Some(said) = self.said.get(check) else { return false };
        let ends = said.iter().skip(1).map(|(next, _)| *next).chain([Duration::MAX]);
        said.iter().zip(ends).any(|((_, own), end)| own == output && end >= since)
    }
}

/// How much of what a check said is remembered.
const SAID_MAX: usize = 256;

/// A probe under way.
#[derive(Debug)]
pub struct Probing {
    pub result: ProbeResult,
    pub incarnation: u64,
    pub began: super::machine::Mark,
}

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

/// Until a process is started again after it ended, and after the machine did.
const RESTART: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(3));
const REBOOT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(25));

/// In so many calls of the disk a save that is cut off comes to its end.
const CALLS_OF_SAVE: u64 = 7;

/// The process ends, if one runs, and is started again after a while.
pub fn crash(world: &mut World, end: End, why: &str) -> Verdict {
    world.note("end", world.host.epoch, format_args!("{end:?}: {why}"));
    if let Some(agent) = world.agent.take() {
        if end == End::Clean {
            stop(world, *agent);
        } else if let Some((_, save, _)) = agent.saving {
            let calls = u32::try_from(world.dice.nemesis.below(CALLS_OF_SAVE)).unwrap_or(0);
            world.disk.machine().faults.die_after_calls.get_or_insert(calls);
            // How far it comes is the point.
            let _ = file::save(&mut world.disk, &save);
            world.struck("ended within a save");
        }
    }
    {
        let mut machine = world.disk.machine();
        if end == End::PowerLoss {
            machine.power_loss();
        }
        machine.revive();
        machine.snapshotting = false;
    }
    world.host.end();
    world.host.dies_with_power = false;
    super::cluster::agent_gone(world)?;
    client::agent_gone(world);
    let (low, high) = if end == End::PowerLoss { REBOOT } else { RESTART };
    let delay = world.dice.latency.between(low, high);
    world.queue.after(delay, Event::Start);
    Ok(())
}

/// As the node's body does: what is being saved is awaited, and what is not saved yet follows.
fn stop(world: &mut World, mut agent: Agent) {
    let mark = world.host.step(world.queue.now());
    if let Some((ticket, save, seq)) = agent.saving.take() {
        let saved = file::save(&mut world.disk, &save).map_err(|error| error.to_string());
        if saved.is_ok() {
            world.model.is_saved(seq);
        }
        agent.edge.step(mark.clock, Input::Persisted(ticket, saved));
    }
    let Some(save) = agent.edge.unsaved() else { return };
    match file::save(&mut world.disk, &save) {
        Ok(()) => world.model.is_saved(world.model.seq),
        Err(_) => world.struck("stopped without its last save"),
    }
}

/// The machine starts the agent.
pub fn start(world: &mut World) -> Verdict {
    if world.agent.is_some() {
        return Ok(());
    }
    let now = world.now();
    let parted = world.host.clocks_parted;
    let Ok(bytes) = file::read(&mut world.disk) else {
        world.struck("start failed over the disk");
        return crash(world, End::Kill, "its file cannot be read");
    };
    world.host.start(now);
    let wall_ms_at_zero = world.host.wall_ms(now);
    let settings = settings(world, wall_ms_at_zero);
    let edge = Edge::new(settings, &bytes).map_err(|error| Violation {
        rule: "an agent comes back by itself",
        what: format!("of {} bytes: {error}", bytes.len()),
    })?;
    world.note("start", world.host.epoch, format_args!("from {} bytes", bytes.len()));
    world.tally.count("starts", 1);
    world.agent = Some(Box::new(Agent {
        edge,
        wall_ms_at_zero,
        services: BTreeMap::new(),
        checks: BTreeMap::new(),
        probes: BTreeMap::new(),
        saving: None,
        proposing: None,
        reading: None,
        said: BTreeMap::new(),
        timer_at: None,
        timer: 0,
    }));
    world.starting = Some(parted);
    step(world, Input::Tick)?;
    client::declare(world);
    Ok(())
}

fn settings(world: &mut World, wall_ms_at_zero: u64) -> Settings {
    let mut seed = [0; 32];
    for part in seed.chunks_exact_mut(size_of::<u64>()) {
        part.copy_from_slice(&world.dice.process.any().to_le_bytes());
    }
    let setup = &world.setup;
    Settings {
        server: setup.server,
        check_update_interval: setup.output_interval,
        sync_interval: setup.sync_interval,
        persist: true,
        wall_ms_at_zero,
        bug: plant::in_edge(setup.plant),
        ..Settings::for_node(node(), seed)
    }
}

/// The node's own row.
pub fn node() -> NodeRow {
    NodeRow {
        id: "11111111-2222-3333-4444-555555555555".into(),
        node: NODE.into(),
        address: wish::HOST.into(),
        datacenter: "dc1".into(),
        tagged_addresses: None,
        meta: None,
        locality: None,
        create_index: Index(0),
        modify_index: Index(0),
    }
}

/// A probe has ended.
pub fn probed(world: &mut World, number: u64) -> Verdict {
    let ended = world.agent.as_mut().and_then(|agent| agent.probes.remove(&number));
    let Some(probing) = ended else { return Ok(()) };
    let input = Input::Probed(Box::new(probing.result.clone()));
    step_with(world, input, Some(&probing))
}

/// The agent takes something in, and does what it says.
pub fn step(world: &mut World, input: Input) -> Verdict {
    step_with(world, input, None)
}

fn step_with(world: &mut World, input: Input, mut probing: Option<&Probing>) -> Verdict {
    let mut next = Some(input);
    while let Some(input) = next.take() {
        let now = world.queue.now();
        if let Input::Slept(span) = &input {
            world.host.told(*span);
        }
        let mark = world.host.step(now);
        let Some(agent) = &world.agent else { return Ok(()) };
        let moment = Moment { mark, wall_ms_at_zero: agent.wall_ms_at_zero };
        let taken = judge::takes(world, &input, probing.take(), moment);
        let Some(agent) = &mut world.agent else { return Ok(()) };
        let effects = agent.edge.step(mark.clock, input);
        let effects = judge::shows(world, effects, &taken, moment)?;
        judge::after(world, &taken, moment)?;
        next = effects::perform(world, effects, moment)?;
    }
    set_timer(world);
    Ok(())
}

/// The rule of restarts, once what came back is shown.
pub fn came_back(world: &mut World, moment: Moment) -> Verdict {
    let Some(parted) = world.starting.take() else { return Ok(()) };
    let Some(agent) = &world.agent else { return Ok(()) };
    let shown = super::model::Shown { services: &agent.services, checks: &agent.checks };
    restart::came_back(&mut world.model, &shown, moment, parted)?;
    world.rules.zombie.restarted(&shown)
}

fn set_timer(world: &mut World) {
    let Some(agent) = &mut world.agent else { return };
    let due = agent.edge.next_deadline().map(|clock| world.host.time_of(clock));
    if due == agent.timer_at && due.is_some_and(|due| due > world.queue.now()) {
        return;
    }
    agent.timer_at = due;
    agent.timer += 1;
    let (epoch, timer) = (world.host.epoch, agent.timer);
    if let Some(due) = due {
        world.queue.at(due, Event::Agent(epoch, AgentEvent::Timer(timer)));
    }
}

/// The timer rings.
pub fn ring(world: &mut World, timer: u64) -> Verdict {
    match &mut world.agent {
        Some(agent) if agent.timer == timer => {
            agent.timer_at = None;
            step(world, Input::Tick)
        }
        _ => Ok(()),
    }
}

/// The clock has jumped: the timer looks again.
pub fn look_at_clock(world: &mut World) {
    if let Some(agent) = &mut world.agent {
        agent.timer_at = None;
    }
    set_timer(world);
}

/// The save under way is done.
pub fn saved(world: &mut World) -> Verdict {
    let Some((ticket, save, seq)) = world.agent.as_mut().and_then(|agent| agent.saving.take())
    else {
        return Ok(());
    };
    let result = file::save(&mut world.disk, &save);
    let dead = {
        let mut machine = world.disk.machine();
        machine.snapshotting = false;
        machine.faults.dead
    };
    if dead {
        world.struck("ended within a save");
        let end = if world.host.dies_with_power { End::PowerLoss } else { End::Kill };
        return crash(world, end, "at a call");
    }
    match &result {
        Ok(()) => {
            world.model.is_saved(seq);
            world.rules.zombie.saved(seq, world.cluster.writes);
        }
        Err(_) => {
            world.clients.save_failed();
            world.struck("save failed");
        }
    }
    step(world, Input::Persisted(ticket, result.map_err(|error| error.to_string())))
}
