//! The front door: what the node's handle does with a request between the client and the loop,
//! and what leaves again. Every answer passes the rules here before a client learns it.

use super::turn;
use crate::server::client::{self, Ask, Consistency, Learnt};
use crate::server::invariants::lock::{Asked, RunningTime};
use crate::server::invariants::{Verdict, history, publish};
use crate::server::twin::Twin;
use crate::server::witness::Proposed;
use crate::server::world::{ServerEvent, World};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use tribune_replica::{
    Input, Proposal, ReadError, RequestId, Role, Signal, SignalOutcome, WriteError,
};
use tribune_state::kv::{KvBody, KvCommand};
use tribune_state::txn::{KvOp, TxnOp};
use tribune_state::{Answer, Body, Command, Key, Outcome, Query, SessionId, Source, Visible};

/// By this name answers are counted that no twin could check, since no disk had been given what
/// they stand on.
pub const UNWITNESSED: &str = "answers without a witness";

/// How long a reader takes between its first look and its parking, at most.
const PARKING_MAX: Duration = Duration::from_micros(300);

/// A blocking query waits up to this part of its time longer.
const JITTER_FRACTION: u32 = 16;

/// A request arrives.
pub fn arrive(world: &mut World, request: RequestId) -> Verdict {
    let Some(op) = world.clients.op(request) else { return Ok(()) };
    let leased = lease_holds(world);
    let caught_up = world.process.as_ref().is_some_and(|process| process.role.caught_up);
    match &op.ask {
        Ask::Read { consistency: Consistency::Default, .. } if leased => look(world, request),
        Ask::Read { consistency: Consistency::Stale, .. } if caught_up => look(world, request),
        _ => {
            hold_or_send(world, request);
            Ok(())
        }
    }
}

fn lease_holds(world: &World) -> bool {
    let clock = world.host.clock(world.now());
    world.process.as_ref().is_some_and(|p| p.role.is_leader && clock < p.role.lease_until)
}

fn hold_or_send(world: &mut World, request: RequestId) {
    let Some(process) = &mut world.process else { return };
    if process.role.is_leader {
        send(world, request);
    } else {
        process.held.push(request);
    }
}

/// The role changed: who waited for a leader waits no longer.
pub fn role(world: &mut World, role: Role) -> Verdict {
    let Some(process) = &mut world.process else { return Ok(()) };
    let begins = role.is_leader && !process.role.is_leader;
    process.role = role;
    if begins {
        // From here on it answers: the state must be the one that it was before the restart.
        world.rules.index.again(&process.view)?;
        if process.view.at().0 == world.witness.twin().at {
            history::same_state(&process.view, world.witness.twin())?;
        }
        for request in std::mem::take(&mut process.held) {
            arrive(world, request)?;
        }
    }
    Ok(())
}

fn send(world: &mut World, request: RequestId) {
    let wall_ms = world.host.wall_ms(world.now());
    let time = world.host.time();
    let Some(op) = world.clients.op(request) else { return };
    let input = match &op.ask {
        Ask::Write(command) => {
            let command = command.clone();
            let asked = Asked { time, held: holders(world.witness.twin(), &command) };
            world.witness.proposes(Proposed {
                request,
                command: command.clone(),
                asked,
                answered: false,
                taken: false,
            });
            Input::Propose(Proposal { request, command, wall_ms, source: Source::Http })
        }
        Ask::Read { .. } => Input::Read { request },
        Ask::Renew(id) => Input::Signal { request, signal: Signal::SessionRenew(*id) },
    };
    turn::arrives(world, input);
}

/// Who holds the keys that a write wants to lock.
fn holders(twin: &Twin, command: &Command) -> Vec<(Key, SessionId)> {
    let holder = |key: &Key| Some((key.clone(), twin.keys.rows.get(key)?.session?));
    match command {
        Command::Kv(KvCommand::Lock(set, _)) => holder(&set.key).into_iter().collect(),
        Command::Txn(txn) => {
            let locks = txn.ops.iter().filter_map(|op| match op {
                TxnOp::Kv(KvOp::Lock(set, _)) => holder(&set.key),
                _ => None,
            });
            locks.collect()
        }
        _ => Vec::new(),
    }
}

/// A read's answer from the newest view, or its parking if it waits for more.
fn look(world: &mut World, request: RequestId) -> Verdict {
    let (Some(process), Some(op)) = (&world.process, world.clients.op_mut(request)) else {
        return Ok(());
    };
    let Ask::Read { query, wait, .. } = &op.ask else { return Ok(()) };
    let answer = process.view.answer(query, &Visible::All);
    match wait {
        Some(wait)
            if wait.index.0 > 0 && answer.index <= wait.index && !query.topics().is_empty() =>
        {
            op.seen_at = answer.at.0;
            let delay = world.dice.latency.between(Duration::ZERO, PARKING_MAX);
            world.server_after(delay, ServerEvent::Park(request));
            Ok(())
        }
        _ => answered(world, request, answer),
    }
}

/// Register first, then look again: no change between the two looks is missed.
pub fn park(world: &mut World, request: RequestId) -> Verdict {
    let (Some(process), Some(op)) = (&mut world.process, world.clients.op(request)) else {
        return Ok(());
    };
    let Ask::Read { query, wait: Some(wait), .. } = op.ask.clone() else { return Ok(()) };
    let seen = op.seen_at;
    let ticket = process.waiters.register(query.clone(), Visible::All, wait.index, request);
    if process.view.at().0 > seen {
        let answer = process.view.answer(&query, &Visible::All);
        if answer.index > wait.index {
            process.waiters.leave(ticket);
            return answered(world, request, answer);
        }
    }
    process.parked.insert(request, (ticket, wait));
    world.rules.wakeup.parked(request.0, query, wait.index);
    let jitter = world.dice.latency.between(Duration::ZERO, wait.most / JITTER_FRACTION);
    world.server_after(wait.most + jitter, ServerEvent::Deadline(request));
    Ok(())
}

/// A parked query got its answer.
pub fn woken(world: &mut World, request: RequestId, answer: Answer) -> Verdict {
    if let Some(process) = &mut world.process {
        process.parked.remove(&request);
    }
    world.rules.wakeup.left(request.0);
    answered(world, request, answer)
}

/// A parked query's time is up: it gets its true answer.
pub fn deadline(world: &mut World, request: RequestId) -> Verdict {
    let Some(process) = &mut world.process else { return Ok(()) };
    let Some((ticket, _)) = process.parked.remove(&request) else { return Ok(()) };
    process.waiters.leave(ticket);
    world.rules.wakeup.left(request.0);
    if let Some(op) = world.clients.op_mut(request)
        && let Ask::Read { wait, .. } = &mut op.ask
    {
        op.asked_index = wait.take().map(|wait| wait.index);
    }
    arrive(world, request)
}

/// A confirmed read may be answered.
pub fn read_ready(
    world: &mut World,
    request: RequestId,
    result: Result<u64, ReadError>,
) -> Verdict {
    match result {
        Ok(at) => {
            let published = world.process.as_ref().map_or(0, |process| process.view.at().0);
            publish::answered(at, published)?;
            look(world, request)
        }
        Err(_) => {
            client::learn(world, request, Learnt::Refused);
            Ok(())
        }
    }
}

/// A read's answer leaves.
fn answered(world: &mut World, request: RequestId, answer: Answer) -> Verdict {
    let Some(op) = world.clients.op(request) else { return Ok(()) };
    let Ask::Read { query, wait, consistency } = &op.ask else { return Ok(()) };
    let stale = *consistency == Consistency::Stale;
    let asked = wait.map(|wait| wait.index).or(op.asked_index);
    if !stale {
        history::fresh(answer.at.0, op.floor_at)?;
    }
    // A view may be older than the twin only by entries that changed nothing.
    let twin_at = world.witness.twin().at;
    if stale && answer.at.0 < twin_at {
        // It may show the past; that it goes back is for the index to say.
    } else if answer.at.0 <= twin_at {
        history::agrees(query, &answer.body, world.witness.twin())?;
    } else {
        world.tally.count(UNWITNESSED, 1);
    }
    world.rules.index.answered(query, asked, &answer, fingerprint(&answer.body))?;
    if let Body::Kv(KvBody::Rows(rows)) = &answer.body {
        let single = matches!(query, Query::Kv(tribune_state::kv::KvQuery::Get(_)));
        let floor = if single && !stale { op.floor_version } else { tribune_state::Index(0) };
        for row in rows {
            world.rules.history.read(row, floor)?;
        }
    }
    world.rules.acknowledged.answered(answer.at.0);
    client::learn(world, request, Learnt::Read(answer));
    Ok(())
}

/// A write's answer leaves.
pub fn replied(
    world: &mut World,
    request: RequestId,
    result: Result<Outcome, WriteError>,
) -> Verdict {
    match result {
        Ok(outcome) => {
            match world.witness.placed(request) {
                Some((at, expected)) => {
                    let published = world.process.as_ref().map_or(0, |p| p.view.at().0);
                    publish::answered(at, published)?;
                    match expected {
                        Some(expected) => history::wrote(at, &expected, &outcome)?,
                        None => world.tally.count(UNWITNESSED, 1),
                    }
                    world.rules.acknowledged.answered(at);
                }
                None => without_entry(world, request, &outcome)?,
            }
            told(world, request, &outcome)?;
            client::learn(world, request, Learnt::Wrote(outcome));
        }
        Err(WriteError::LeadershipLost) => client::learn(world, request, Learnt::Unknown),
        Err(_) => {
            world.witness.answered_without(request);
            client::learn(world, request, Learnt::Refused);
        }
    }
    Ok(())
}

/// A write was answered though no disk was given its entry: a lock in lock-delay is refused so.
fn without_entry(world: &mut World, request: RequestId, outcome: &Outcome) -> Verdict {
    let op = world.clients.op(request);
    if let Some(Ask::Write(Command::Kv(KvCommand::Lock(set, session)))) = op.map(|op| &op.ask)
        && *outcome == Outcome::Flag(false)
    {
        let RunningTime { running, .. } = world.host.time();
        // A lock that everybody can see is held may be refused without asking the log.
        let held = world
            .witness
            .twin()
            .keys
            .rows
            .get(&set.key)
            .is_some_and(|row| row.session.is_some_and(|id| id.to_string() != *session));
        if held || world.rules.lock.may_refuse(&set.key, running) {
            world.witness.answered_without(request);
            world.tally.count("locks refused for a delay", 1);
            return Ok(());
        }
    }
    world.rules.acknowledged.answered_unplaced(request);
    world.tally.count(UNWITNESSED, 1);
    Ok(())
}

/// What a client now knows of locks and versions.
fn told(world: &mut World, request: RequestId, outcome: &Outcome) -> Verdict {
    let now = world.now();
    let Some(op) = world.clients.op(request) else { return Ok(()) };
    let Ask::Write(command) = &op.ask else { return Ok(()) };
    match (command, outcome) {
        (Command::Kv(KvCommand::Cas(set, index)), Outcome::Flag(true)) => {
            world.rules.history.replaced(&set.key, *index)
        }
        (Command::Kv(KvCommand::Lock(set, session)), Outcome::Flag(true)) => {
            match uuid::Uuid::try_parse(session) {
                Ok(id) => world.rules.lock.granted(&set.key, SessionId(id), now),
                Err(_) => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// A signal's answer leaves.
pub fn signalled(
    world: &mut World,
    request: RequestId,
    result: Result<SignalOutcome, ReadError>,
) -> Verdict {
    let Some(op) = world.clients.op(request) else { return Ok(()) };
    let Ask::Renew(id) = op.ask else { return Ok(()) };
    let learnt = match result {
        Ok(SignalOutcome::Done) => {
            let running = world.host.time().running;
            world.rules.session.renewed(id, running);
            Learnt::Renewed(true)
        }
        Ok(SignalOutcome::NotFound) => Learnt::Renewed(false),
        Err(_) => Learnt::Refused,
    };
    client::learn(world, request, learnt);
    Ok(())
}

/// One number for the rows of an answer.
fn fingerprint(body: &Body) -> u64 {
    let mut hasher = DefaultHasher::new();
    match body {
        Body::Kv(KvBody::Rows(rows)) => {
            for row in rows {
                row.key().hash(&mut hasher);
                row.value().hash(&mut hasher);
                (row.flags, row.lock().lock_index, row.session()).hash(&mut hasher);
                (row.create_index, row.modify_index).hash(&mut hasher);
            }
        }
        Body::Kv(KvBody::Keys(keys)) => keys.hash(&mut hasher),
        Body::Session(rows) => rows.iter().for_each(|row| row.id.hash(&mut hasher)),
        _ => {}
    }
    hasher.finish()
}
