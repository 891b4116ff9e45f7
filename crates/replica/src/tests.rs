//! The replica alone, with a log in a vector for its disk and a clock that jumps.

use crate::*;
use std::time::Duration;
use tribune_durable::{HardState, LogEntry};
use tribune_state::catalog::{CatalogCommand, NodeRow, Register};
use tribune_state::kv::{KvCommand, KvQuery, KvSet};
use tribune_state::level::{LEVEL_MAX, Level};
use tribune_state::session::{Behavior, SessionCommand, SessionCreate, SessionQuery};
use tribune_state::system::SystemCommand;
use tribune_state::{
    Body, Command, Index, Key, Outcome, Query, SessionId, Source, Stamp, Store, Visible,
};

const TICK: Duration = Duration::from_millis(100);

/// One server whose disk is a vector: an append is durable when the test says so.
struct Rig {
    replica: Replica,
    now: Duration,
    log: Vec<LogEntry>,
    hard_state: HardState,
    replies: Vec<(RequestId, Result<Outcome, WriteError>)>,
    signalled: Vec<Result<SignalOutcome, ReadError>>,
    unsynced: bool,
    next: u64,
}

fn config() -> ReplicaConfig {
    ReplicaConfig {
        id: 7,
        voters: vec![7],
        tick: TICK,
        snapshot_entries: 1000,
        snapshot_bytes: 1 << 30,
        own: None,
        first: None,
        wall_ms: 1,
        seed: 1,
        bug: None,
    }
}

fn start(log: Vec<LogEntry>, hard_state: HardState) -> Rig {
    let store = Store::default();
    let replica =
        Replica::new(config(), Duration::ZERO, store, 0, hard_state, log.clone()).expect("starts");
    let now = Duration::ZERO;
    let mut rig = Rig {
        replica,
        now,
        log,
        hard_state,
        replies: Vec::new(),
        signalled: Vec::new(),
        unsynced: false,
        next: 0,
    };
    rig.run(Vec::new(), true);
    rig
}

impl Rig {
    /// Steps until nothing is left; appends are acknowledged only if `sync`.
    fn run(&mut self, mut inputs: Vec<Input>, sync: bool) {
        loop {
            let effects = self.replica.step(self.now, std::mem::take(&mut inputs));
            for effect in effects {
                match effect {
                    Effect::Append(batch) => {
                        assert!(!self.unsynced, "only one append at a time");
                        if let Some(first) = batch.entries.first() {
                            self.log.retain(|entry| entry.index < first.index);
                        }
                        self.log.extend(batch.entries);
                        self.hard_state = batch.hard_state.unwrap_or(self.hard_state);
                        if sync {
                            inputs.push(Input::Appended { space_low: false });
                        } else {
                            self.unsynced = true;
                        }
                    }
                    Effect::Reply { request, result } => self.replies.push((request, result)),
                    Effect::Signalled { result, .. } => self.signalled.push(result),
                    Effect::Stop(fatal) => panic!("stopped: {fatal}"),
                    _ => {}
                }
            }
            if inputs.is_empty() {
                return;
            }
        }
    }

    fn send(&mut self, command: Command, sync: bool) -> RequestId {
        self.next += 1;
        let request = RequestId(self.next);
        let proposal = Proposal { request, command, wall_ms: 1, source: Source::Http };
        self.run(vec![Input::Propose(proposal)], sync);
        request
    }

    fn write(&mut self, command: Command) -> Outcome {
        let request = self.send(command, true);
        let (replied, result) = self.replies.pop().expect("an answer");
        assert_eq!(replied, request);
        result.expect("written")
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += TICK;
            self.run(vec![Input::Tick { wall_ms: 1 }], true);
        }
    }

    fn value(&self, key: &str) -> Option<String> {
        let query = Query::Kv(KvQuery::Get(Key::from(key)));
        match self.replica.view().answer(&query, &Visible::All).body {
            Body::Kv(tribune_state::kv::KvBody::Rows(rows)) => {
                rows.first().map(|row| String::from_utf8_lossy(row.value()).into_owned())
            }
            _ => None,
        }
    }

    fn sessions(&self) -> usize {
        let query = Query::Session(SessionQuery::List);
        match self.replica.view().answer(&query, &Visible::All).body {
            Body::Session(rows) => rows.len(),
            _ => 0,
        }
    }
}

fn set(key: &str, value: &str) -> KvSet {
    KvSet { key: Key::from(key), value: value.as_bytes().to_vec().into(), flags: 0 }
}

fn put(key: &str, value: &str) -> Command {
    Command::Kv(KvCommand::Set(set(key, value)))
}

fn node(name: &str) -> Command {
    Command::Catalog(CatalogCommand::Register(Box::new(Register {
        node: NodeRow {
            id: String::new(),
            node: name.into(),
            address: "127.0.0.1".into(),
            datacenter: "dc1".into(),
            tagged_addresses: None,
            meta: None,
            locality: None,
            create_index: Index(0),
            modify_index: Index(0),
        },
        skip_node_update: false,
        service: None,
        checks: Vec::new(),
    })))
}

fn session(ttl_ms: u64) -> Command {
    Command::Session(SessionCommand::Create(SessionCreate {
        id: SessionId(uuid::Uuid::nil()),
        name: String::new(),
        node: "node1".into(),
        lock_delay_ns: 15_000_000_000,
        behavior: Behavior::Release,
        ttl: format!("{ttl_ms}ms"),
        ttl_ms,
        node_checks: Vec::new(),
        service_checks: None,
    }))
}

#[test]
fn a_write_is_answered_only_after_its_batch_is_durable() {
    let mut rig = start(Vec::new(), HardState::default());
    rig.send(put("a", "1"), false);
    assert!(rig.replies.is_empty(), "not durable yet");
    assert_eq!(rig.value("a"), None, "and not to be seen");
    rig.unsynced = false;
    rig.run(vec![Input::Appended { space_low: false }], true);
    assert_eq!(rig.replies.pop().map(|reply| reply.1), Some(Ok(Outcome::Flag(true))));
    assert_eq!(rig.value("a").as_deref(), Some("1"));
}

#[test]
fn a_restart_finds_every_write_and_no_index_goes_back() {
    let mut rig = start(Vec::new(), HardState::default());
    for n in 0..20 {
        rig.write(put("a", &n.to_string()));
    }
    let at = rig.replica.view().at();
    let chain = rig.replica.view().chain();
    let fresh = Replica::new(
        config(),
        Duration::ZERO,
        Store::default(),
        0,
        rig.hard_state,
        rig.log.clone(),
    );
    let mut fresh = fresh.expect("starts");
    let caught_up = |effects: Vec<Effect>| {
        let told = |effect: &Effect| matches!(effect, Effect::Role(role) if role.caught_up);
        effects.iter().any(told)
    };
    assert!(!caught_up(fresh.step(Duration::ZERO, Vec::new())), "it has shown more before");
    let durable = [Input::Appended { space_low: false }];
    assert!(caught_up(fresh.step(Duration::ZERO, durable)));
    assert!(fresh.view().at() > at);
    let again = start(rig.log.clone(), rig.hard_state);
    assert_eq!(again.value("a").as_deref(), Some("19"));
    assert!(again.replica.view().at() > at);
    assert_eq!(again.log.first().map(|entry| entry.index), Some(1));
    let _ = chain;
}

#[test]
fn a_session_ends_when_it_is_not_renewed_and_leaves_a_lock_delay() {
    let mut rig = start(Vec::new(), HardState::default());
    rig.write(node("node1"));
    let Outcome::SessionCreated(id) = rig.write(session(10_000)) else { panic!("a session") };
    let lock = Command::Kv(KvCommand::Lock(set("lock", "x"), id.to_string()));
    assert_eq!(rig.write(lock), Outcome::Flag(true));
    rig.pass(Duration::from_secs(15));
    let request = RequestId(1000);
    rig.run(vec![Input::Signal { request, signal: Signal::SessionRenew(id) }], true);
    rig.pass(Duration::from_secs(15));
    assert_eq!(rig.sessions(), 1, "it was renewed");
    rig.pass(Duration::from_secs(6));
    assert_eq!(rig.sessions(), 0, "twice its time has passed");
    let Outcome::SessionCreated(next) = rig.write(session(10_000)) else { panic!("a session") };
    let lock = Command::Kv(KvCommand::Lock(set("lock", "y"), next.to_string()));
    assert_eq!(rig.write(lock.clone()), Outcome::Flag(false), "lock delay");
    rig.pass(Duration::from_secs(16));
    assert_eq!(rig.write(lock), Outcome::Flag(true));
}

#[test]
fn a_session_whose_end_is_on_its_way_to_the_disk_cannot_be_renewed() {
    let mut rig = start(Vec::new(), HardState::default());
    rig.write(node("node1"));
    let Outcome::SessionCreated(id) = rig.write(session(10_000)) else { panic!("a session") };
    rig.pass(Duration::from_millis(19_900));
    let request = RequestId(1000);
    while !rig.unsynced {
        rig.now += TICK;
        rig.run(vec![Input::Tick { wall_ms: 1 }], false);
    }
    assert_eq!(rig.sessions(), 1, "its end is not durable yet");
    rig.run(vec![Input::Signal { request, signal: Signal::SessionRenew(id) }], false);
    assert_eq!(rig.signalled, [Ok(SignalOutcome::NotFound)]);
    rig.unsynced = false;
    rig.run(vec![Input::Appended { space_low: false }], true);
    assert_eq!(rig.sessions(), 0);
}

#[test]
fn no_lock_slips_in_between_the_end_of_a_session_and_its_lock_delay() {
    let mut rig = start(Vec::new(), HardState::default());
    rig.write(node("node1"));
    let Outcome::SessionCreated(one) = rig.write(session(10_000)) else { panic!("a session") };
    let Outcome::SessionCreated(two) = rig.write(session(10_000)) else { panic!("a session") };
    let lock = |id: SessionId| Command::Kv(KvCommand::Lock(set("lock", "x"), id.to_string()));
    assert_eq!(rig.write(lock(one)), Outcome::Flag(true));
    rig.send(Command::Session(SessionCommand::Destroy(one)), false);
    rig.send(lock(two), false);
    rig.unsynced = false;
    rig.run(vec![Input::Appended { space_low: false }], true);
    let replies: Vec<_> = rig.replies.drain(..).map(|(_, result)| result).collect();
    assert_eq!(replies, [Ok(Outcome::Flag(false)), Ok(Outcome::Flag(true))], "lock, then destroy");
    assert_eq!(rig.write(lock(two)), Outcome::Flag(false), "lock-delay");
}

#[test]
fn a_pause_of_the_machine_ends_no_session_early() {
    let mut rig = start(Vec::new(), HardState::default());
    rig.write(node("node1"));
    rig.write(session(10_000));
    rig.now += Duration::from_secs(3600);
    rig.run(vec![Input::Tick { wall_ms: 1 }], true);
    rig.pass(Duration::from_secs(10));
    assert_eq!(rig.sessions(), 1);
}

#[test]
fn a_full_disk_refuses_writes_and_lets_deletes_through() {
    let mut rig = start(Vec::new(), HardState::default());
    rig.write(put("a", "1"));
    rig.run(vec![Input::Space { low: true }], true);
    rig.send(put("a", "2"), true);
    assert_eq!(rig.replies.pop().map(|reply| reply.1), Some(Err(WriteError::DiskFull)));
    assert_eq!(rig.write(Command::Kv(KvCommand::Delete(Key::from("a")))), Outcome::Flag(true));
}

#[test]
fn an_entry_past_the_limit_is_refused_with_its_size() {
    let mut rig = start(Vec::new(), HardState::default());
    rig.send(put("a", &"x".repeat(ENTRY_BYTES_MAX)), true);
    let reply = rig.replies.pop().map(|reply| reply.1);
    assert!(matches!(reply, Some(Err(WriteError::TooLarge { limit: ENTRY_BYTES_MAX, .. }))));
}

#[test]
fn the_log_may_go_up_to_the_snapshot_before_the_newest() {
    let mut rig = start(Vec::new(), HardState::default());
    let mut ordered = Vec::new();
    let mut compacted = Vec::new();
    for n in 0..2200 {
        let proposal = Proposal {
            request: RequestId(n),
            command: put("a", &n.to_string()),
            wall_ms: 1,
            source: Source::Http,
        };
        let mut inputs = vec![Input::Propose(proposal)];
        while !inputs.is_empty() {
            for effect in rig.replica.step(rig.now, std::mem::take(&mut inputs)) {
                match effect {
                    Effect::Append(_) => inputs.push(Input::Appended { space_low: false }),
                    Effect::Snapshot(order) => {
                        ordered.push(order.index);
                        inputs.push(Input::SnapshotSaved { index: Some(order.index) });
                    }
                    Effect::Compact { through } => compacted.push(through),
                    _ => {}
                }
            }
        }
    }
    assert_eq!(ordered.len(), 2);
    assert_eq!(compacted, ordered[..1]);
}

fn raise(level: u32) -> Command {
    Command::System(SystemCommand::Level(Level(level)))
}

#[test]
fn the_level_rises_no_further_than_this_program_knows() {
    let mut rig = start(Vec::new(), HardState::default());
    let last = rig.log.len();
    let Outcome::Refused(why) = rig.write(raise(LEVEL_MAX.0 + 1)) else { panic!("refused") };
    assert_eq!(
        why.to_string(),
        "the level cannot rise: level 2 is above 1, the highest that this program knows"
    );
    assert_eq!(rig.log.len(), last, "nothing is written");
    assert_eq!(rig.replica.view().system().level, LEVEL_MAX);
}

#[test]
fn a_log_that_a_later_program_has_written_stops_this_one() {
    let mut rig = start(Vec::new(), HardState::default());
    rig.write(put("a", "1"));
    let data = tribune_state::codec::encode_entry(&Stamp::default(), &raise(LEVEL_MAX.0 + 1));
    rig.log.last_mut().expect("an entry").data = data;
    let (hard_state, log) = (rig.hard_state, rig.log);
    let replica = Replica::new(config(), Duration::ZERO, Store::default(), 0, hard_state, log);
    let mut replica = replica.expect("starts");
    let mut effects = replica.step(Duration::ZERO, Vec::new());
    effects.extend(replica.step(Duration::ZERO, [Input::Appended { space_low: false }]));
    let why = effects.iter().find_map(|effect| match effect {
        Effect::Stop(fatal) => Some(fatal.to_string()),
        _ => None,
    });
    assert_eq!(
        why.as_deref(),
        Some(
            "committed entry 2 raises the level: level 2 is above 1, the highest that this \
             program knows: run the later version that wrote it"
        )
    );
}

/// Values that large, one after the other, while the disk does nothing.
fn flood(rig: &mut Rig, count: usize) {
    for n in 0..count {
        rig.send(put(&format!("flood/{n}"), &"x".repeat(700 << 10)), false);
    }
}

fn refused(rig: &mut Rig) -> Vec<WriteError> {
    rig.replies.drain(..).filter_map(|(_, result)| result.err()).collect()
}

#[test]
fn what_is_in_the_log_and_not_durable_fits_the_ballast_and_all_of_it_is_written_in_the_end() {
    assert!(UNSYNCED_BYTES_MAX as u64 <= tribune_durable::ballast::BALLAST_BYTES / 2);
    let mut rig = start(Vec::new(), HardState::default());
    flood(&mut rig, 10);
    assert!(rig.replica.unsynced_bytes() <= UNSYNCED_BYTES_MAX);
    assert!(rig.replies.is_empty());
    rig.unsynced = false;
    rig.run(vec![Input::Appended { space_low: false }], true);
    assert_eq!(rig.replies.len(), 10);
    assert!(refused(&mut rig).is_empty());
    assert_eq!(rig.replica.unsynced_bytes(), 0);
}

#[test]
fn a_disk_that_runs_low_refuses_what_waits_and_lets_deletes_go_first() {
    let mut rig = start(Vec::new(), HardState::default());
    rig.write(put("old", "1"));
    flood(&mut rig, 10);
    let delete = rig.send(Command::Kv(KvCommand::Delete(Key::from("old"))), false);
    rig.unsynced = false;
    rig.run(vec![Input::Appended { space_low: true }], true);
    let deleted = rig.replies.iter().any(|(request, result)| *request == delete && result.is_ok());
    assert!(deleted);
    let errors = refused(&mut rig);
    assert!(errors.len() >= 7 && errors.iter().all(|error| *error == WriteError::DiskFull));
    assert_eq!(rig.value("old"), None);
}

#[test]
fn while_the_log_itself_waits_for_room_every_write_is_refused_at_once() {
    let mut rig = start(Vec::new(), HardState::default());
    flood(&mut rig, 3);
    rig.run(vec![Input::AppendWaits], false);
    let delete = Command::Kv(KvCommand::Delete(Key::from("flood/0")));
    rig.send(delete.clone(), false);
    let errors = refused(&mut rig);
    assert!(errors.contains(&WriteError::DiskSpent), "{errors:?}");
    rig.unsynced = false;
    rig.run(vec![Input::Appended { space_low: true }], true);
    assert!(refused(&mut rig).is_empty(), "what was in the log is written");
    rig.send(delete, true);
    assert!(refused(&mut rig).is_empty());
}
