//! The clients: what they ask, what they learn, and what they believe. A client has one request
//! under way; it never learns more than a real one would.

mod choose;
mod memory;

use crate::server::setup::Setup;
use crate::server::world::{Event, ServerEvent, World};
use memory::Memory;
use std::collections::BTreeMap;
use std::time::Duration;
use tribune_replica::RequestId;
use tribune_state::kv::{KvCommand, KvQuery};
use tribune_state::session::SessionCommand;
use tribune_state::txn::{KvOp, TxnOp};
use tribune_state::{Answer, Command, Index, Outcome, Query, SessionId};

/// What a client asks.
#[derive(Clone, Debug)]
pub enum Ask {
    Write(Command),
    Read { query: Query, consistency: Consistency, wait: Option<Watch> },
    Renew(SessionId),
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// Whatever this server has.
    Stale,
    Default,
    Consistent,
}

/// How a blocking query waits.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// The index that the client saw.
    pub index: Index,
    /// For how long.
    pub most: Duration,
}

/// A request under way.
#[derive(Clone, Debug)]
pub struct Op {
    pub who: usize,
    pub ask: Ask,
    /// When the client sent it.
    pub sent: Duration,
    /// The index that a blocking query sent, once it waits no more.
    pub asked_index: Option<Index>,
    /// The log position that some client knew of when it began.
    pub floor_at: u64,
    /// The version of its key that some client knew of.
    pub floor_version: Index,
    /// The position of the view at its first look.
    pub seen_at: u64,
    given_up: bool,
}

/// What comes back.
#[derive(Clone, Debug)]
pub enum Learnt {
    Wrote(Outcome),
    Read(Answer),
    /// Whether there is still such a session.
    Renewed(bool),
    /// For sure not done.
    Refused,
    /// Perhaps done.
    Unknown,
}

/// All clients and their requests.
#[derive(Debug)]
pub struct Clients {
    list: Vec<Memory>,
    ops: BTreeMap<RequestId, Op>,
    next: u64,
    retired: bool,
}

/// By these names operations without success are counted.
const REFUSED: &str = "refused";
const UNKNOWN: &str = "unknown outcomes";

/// For how long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a request is on its way, at most.
const WAY_MAX: Duration = Duration::from_micros(400);

/// Until a client tries again whose server is not there.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

impl Clients {
    pub fn new(setup: &Setup) -> Clients {
        let talkers = (0..setup.clients).map(|_| Memory::talker());
        let watchers = (0..setup.watchers).map(Memory::watcher);
        let list = talkers.chain(watchers).collect();
        Clients { list, ops: BTreeMap::new(), next: 0, retired: false }
    }

    pub fn op(&self, request: RequestId) -> Option<&Op> {
        self.ops.get(&request)
    }

    pub fn op_mut(&mut self, request: RequestId) -> Option<&mut Op> {
        self.ops.get_mut(&request)
    }
}

/// Every client begins.
pub fn begin(world: &mut World) {
    for who in 0..world.clients.list.len() {
        let delay = world.dice.clients.between(Duration::ZERO, AGAIN.1);
        world.queue.after(delay, Event::Client(who));
    }
}

/// No client asks anything any more, nor renews its sessions.
pub fn retire(world: &mut World) {
    world.clients.retired = true;
}

/// A client's next step: it asks something, unless it still waits.
pub fn step(world: &mut World, who: usize) {
    if world.clients.retired {
        return;
    }
    let now = world.now();
    let Some(memory) = world.clients.list.get_mut(who) else { return };
    if memory.waits() {
        return;
    }
    let number = world.clients.next + 1;
    let ask = choose::ask(memory, number, now, &mut world.dice.clients);
    if world.process.is_none() {
        world.tally.count(REFUSED, 1);
        let delay = world.dice.clients.between(AGAIN.0, AGAIN.1);
        world.queue.after(delay, Event::Client(who));
        return;
    }
    memory.sends(&ask);
    world.clients.next = number;
    let request = RequestId(number);
    before_sending(world, &ask);
    let floor_version = match &ask {
        Ask::Read { query: Query::Kv(KvQuery::Get(key)), .. } => world.rules.history.newest(key),
        _ => Index(0),
    };
    let watches = matches!(&ask, Ask::Read { wait: Some(_), .. });
    let op = Op {
        who,
        ask,
        sent: now,
        asked_index: None,
        floor_at: world.rules.acknowledged.promised(),
        floor_version,
        seen_at: 0,
        given_up: false,
    };
    world.note("ask", number, format_args!("{who}: {:?}", op.ask));
    world.clients.ops.insert(request, op);
    let way = world.dice.latency.between(Duration::ZERO, WAY_MAX);
    world.server_after(way, ServerEvent::Arrive(request));
    if !watches {
        world.queue.after(PATIENCE, Event::GiveUp(request));
    }
}

/// What a client gives up by asking: from then on it does not believe to have it.
fn before_sending(world: &mut World, ask: &Ask) {
    let mut unlock = |key: &tribune_state::Key, session: &str| {
        if let Ok(id) = uuid::Uuid::try_parse(session) {
            world.rules.lock.gives_back(key, SessionId(id));
        }
    };
    match ask {
        Ask::Write(Command::Kv(KvCommand::Unlock(set, session))) => unlock(&set.key, session),
        Ask::Write(Command::Session(SessionCommand::Destroy(id))) => world.rules.lock.ends(*id),
        Ask::Write(Command::Txn(txn)) => {
            for op in &txn.ops {
                if let TxnOp::Kv(KvOp::Unlock(set, session)) = op {
                    unlock(&set.key, session);
                }
            }
        }
        _ => {}
    }
}

/// A client has waited long enough. The request is still under way.
pub fn give_up(world: &mut World, request: RequestId) {
    let Some(op) = world.clients.ops.get_mut(&request) else { return };
    op.given_up = true;
    let who = op.who;
    world.tally.count(UNKNOWN, 1);
    if let Some(memory) = world.clients.list.get_mut(who) {
        memory.done();
    }
    think(world, who);
}

/// The server is gone, and with it every connection.
pub fn server_gone(world: &mut World) {
    for (_, op) in std::mem::take(&mut world.clients.ops) {
        if op.given_up {
            continue;
        }
        world.tally.count(UNKNOWN, 1);
        if let Some(memory) = world.clients.list.get_mut(op.who) {
            memory.done();
        }
        let delay = world.dice.clients.between(Duration::ZERO, AGAIN.1);
        world.queue.after(delay, Event::Client(op.who));
    }
}

/// An answer reaches its client.
pub fn learn(world: &mut World, request: RequestId, learnt: Learnt) {
    let Some(op) = world.clients.ops.remove(&request) else { return };
    world.note("learn", request.0, format_args!("{learnt:?}"));
    match &learnt {
        Learnt::Refused => world.tally.count(REFUSED, 1),
        Learnt::Unknown => world.tally.count(UNKNOWN, 1),
        _ => count(world, &op),
    }
    let now = world.queue.now();
    let Some(memory) = world.clients.list.get_mut(op.who) else { return };
    if let Some((id, sent, ttl)) = memory.learn(&op, &learnt, now, &mut world.dice.clients) {
        world.rules.lock.sure(id, sent, ttl);
    }
    if !op.given_up {
        if let Some(memory) = world.clients.list.get_mut(op.who) {
            memory.done();
        }
        think(world, op.who);
    }
}

/// A client thinks, and then goes on.
fn think(world: &mut World, who: usize) {
    let Some(memory) = world.clients.list.get(who) else { return };
    let mean = memory.think(world.setup.think);
    let delay = world.dice.clients.around(mean);
    world.queue.after(delay, Event::Client(who));
}

fn count(world: &mut World, op: &Op) {
    let (what, contended) = match &op.ask {
        Ask::Read { wait: Some(_), .. } => ("read: blocking query", false),
        Ask::Read { query: Query::Kv(KvQuery::Get(_)), .. } => ("read: get", false),
        Ask::Read { .. } => ("read: list", false),
        Ask::Renew(_) => ("session renew", false),
        Ask::Write(Command::Session(SessionCommand::Create(_))) => ("session create", false),
        Ask::Write(Command::Session(_)) => ("session destroy", false),
        Ask::Write(Command::Txn(_)) => ("transaction", true),
        Ask::Write(Command::Kv(command)) => match command {
            KvCommand::Set(_) => ("set", false),
            KvCommand::Cas(..) => ("cas", true),
            KvCommand::Lock(..) => ("lock", true),
            KvCommand::Unlock(..) => ("unlock", true),
            KvCommand::Delete(_) => ("delete", false),
            KvCommand::DeleteCas(..) => ("delete-cas", true),
            KvCommand::DeleteTree(_) => ("delete-tree", false),
        },
        Ask::Write(_) => ("other write", false),
    };
    world.tally.done(what);
    world.tally.count("of them compare or lock", u64::from(contended));
}
