//! The clients of the agent: programs that register themselves, speak for their checks, and go.
//! A client has one request under way; it never learns more than a real one would.

mod choose;

use super::invariants::{Verdict, hold, journal, told};
use super::model::{Expected, Item};
use super::setup::Setup;
use super::wish::{CheckWish, Kind, ServiceWish, Wish};
use super::world::{AgentEvent, Event, World};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tribune_edge::{EdgeError, RequestId};

/// A request under way.
#[derive(Clone, Debug)]
pub struct Op {
    /// Who asks; none if the agent's own files do.
    who: Option<usize>,
    pub wish: Wish,
    /// What the naive agent made of it; none until it has arrived.
    pub arrived: Option<Arrived>,
    /// A write to the catalog has failed since it arrived.
    tried: bool,
    /// A save has failed since it arrived.
    save_failed: bool,
    given_up: bool,
}

/// What a wish came to when it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// When, as the model counts.
    pub seq: u64,
    pub expected: Expected,
    /// It changed what is kept on disk.
    pub wrote: bool,
    /// What it changed.
    pub items: BTreeSet<Item>,
}

/// All clients and their requests.
#[derive(Debug)]
pub struct Clients {
    waits: Vec<bool>,
    ops: BTreeMap<RequestId, Op>,
    next: u64,
    versions: u64,
    /// What was registered last under each id: it may be registered again as it was.
    services: BTreeMap<String, ServiceWish>,
    checks: BTreeMap<String, CheckWish>,
    /// What the files of the configuration declare.
    declared: Vec<ServiceWish>,
}

/// For how long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a request is on its way, at most.
const WAY_MAX: Duration = Duration::from_micros(400);

/// Until a client tries again whose agent is not there, or while all is to be quiet.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A save that failed is answered so, though what was asked for is done.
const NOT_KEPT: &str = "not kept on disk";

impl Clients {
    pub fn new(setup: &Setup, dice: &mut crate::dice::Dice) -> Clients {
        Clients {
            waits: vec![false; setup.clients],
            ops: BTreeMap::new(),
            next: 0,
            versions: 0,
            services: BTreeMap::new(),
            checks: BTreeMap::new(),
            declared: choose::declared(dice),
        }
    }

    pub fn op_mut(&mut self, request: RequestId) -> Option<&mut Op> {
        self.ops.get_mut(&request)
    }

    /// A write to the catalog has failed.
    pub fn write_failed(&mut self) {
        self.ops.values_mut().for_each(|op| op.tried = true);
    }

    /// A save has failed.
    pub fn save_failed(&mut self) {
        self.ops.values_mut().for_each(|op| op.save_failed = true);
    }
}

/// Every client begins.
pub fn begin(world: &mut World) {
    for who in 0..world.setup.clients {
        let delay = world.dice.clients.between(Duration::ZERO, AGAIN.1);
        world.queue.after(delay, Event::Client(who));
    }
}

/// A client's next step: it asks something, unless it still waits.
pub fn step(world: &mut World, who: usize) {
    if world.clients.waits.get(who).copied().unwrap_or(true) {
        return;
    }
    if world.agent.is_none() || !world.host.faults_go_on {
        let delay = world.dice.clients.between(AGAIN.0, AGAIN.1);
        world.queue.after(delay, Event::Client(who));
        return;
    }
    let wish = choose::wish(&mut world.clients, &world.model, &mut world.dice.clients);
    if let Some(waits) = world.clients.waits.get_mut(who) {
        *waits = true;
    }
    let request = send(world, Some(who), wish);
    world.queue.after(PATIENCE, Event::GiveUp(request));
}

/// At each start, the files of the configuration say what they declare.
pub fn declare(world: &mut World) {
    let declared = world.clients.declared.clone();
    send(world, None, Wish::Declare(declared));
}

fn send(world: &mut World, who: Option<usize>, wish: Wish) -> RequestId {
    world.clients.next += 1;
    let request = RequestId(world.clients.next);
    world.note("ask", request.0, format_args!("{who:?}: {wish:?}"));
    let op = Op { who, wish, arrived: None, tried: false, save_failed: false, given_up: false };
    world.clients.ops.insert(request, op);
    let way = world.dice.latency.between(Duration::ZERO, WAY_MAX);
    let epoch = world.host.epoch;
    world.queue.after(way, Event::Agent(epoch, AgentEvent::Ask(request)));
    request
}

/// What a request asks the agent for.
pub fn ask_of(world: &World, request: RequestId) -> Option<tribune_edge::Ask> {
    world.clients.ops.get(&request).map(|op| op.wish.ask())
}

/// A client has waited long enough. The request is still under way.
pub fn give_up(world: &mut World, request: RequestId) {
    let Some(op) = world.clients.ops.get_mut(&request) else { return };
    op.given_up = true;
    let who = op.who;
    world.tally.count("unknown outcomes", 1);
    think(world, who);
}

/// The agent is gone, and with it every connection.
pub fn agent_gone(world: &mut World) {
    for (_, op) in std::mem::take(&mut world.clients.ops) {
        if !op.given_up && op.who.is_some() {
            world.tally.count("unknown outcomes", 1);
            think(world, op.who);
        }
    }
}

/// A client thinks, and then goes on.
fn think(world: &mut World, who: Option<usize>) {
    let Some(who) = who else { return };
    if let Some(waits) = world.clients.waits.get_mut(who) {
        *waits = false;
    }
    let delay = world.dice.clients.around(world.setup.think);
    world.queue.after(delay, Event::Client(who));
}

/// An answer leaves.
pub fn answered(world: &mut World, request: RequestId, result: Result<(), EdgeError>) -> Verdict {
    let Some(op) = world.clients.ops.remove(&request) else {
        return hold("every request is answered once", false, || format!("{request:?}"));
    };
    world.note("answer", request.0, format_args!("{result:?}"));
    let Some(arrived) = &op.arrived else { return Ok(()) };
    match &result {
        Ok(()) => {
            hold("answers are right", arrived.expected == Expected::Done, || {
                format!("{:?} was done", op.wish)
            })?;
            if arrived.wrote {
                journal::answered(arrived.seq, world.model.saved)?;
            }
            if !op.tried {
                told::answered(&op.wish, arrived, &world.model, &world.cluster)?;
            }
            if let Wish::Deregister(id) = &op.wish
                && !world.model.services.contains_key(id)
            {
                let writes = world.cluster.writes;
                world.rules.zombie.answered(id, !op.tried, writes);
            }
            count(world, &op.wish);
        }
        Err(error) if op.save_failed && error.to_string().contains(NOT_KEPT) => {
            world.tally.count("answered as not kept on disk", 1);
        }
        Err(error) => {
            hold("answers are right", arrived.expected == Expected::Refused, || {
                format!("{:?} was refused: {error}", op.wish)
            })?;
            world.tally.count("refused", 1);
        }
    }
    if !op.given_up {
        think(world, op.who);
    }
    Ok(())
}

fn count(world: &mut World, wish: &Wish) {
    match wish {
        Wish::Register { .. } => world.tally.done("registration: service"),
        Wish::RegisterCheck(_) => world.tally.done("registration: check"),
        Wish::Declare(_) => world.tally.done("registration: by files"),
        Wish::Deregister(_) => world.tally.done("removal: service"),
        Wish::DeregisterCheck(_) => world.tally.done("removal: check"),
        Wish::Ttl { .. } => world.tally.done("result: the owner's word"),
        Wish::Maintain { enable, .. } => {
            let what = if *enable { "maintenance begun" } else { "maintenance ended" };
            world.tally.count(what, 1);
        }
        Wish::SyncNow => world.tally.count("comparisons asked for", 1),
    }
}

/// Which checks of the naive agent can be spoken for.
fn spoken_for(model: &super::model::Model) -> Vec<String> {
    let is_ttl = |kind: &Kind| matches!(kind, Kind::Ttl(_));
    let ids = model.checks.iter().filter(|(_, own)| is_ttl(&own.wish.kind));
    ids.map(|(id, _)| id.clone()).collect()
}
