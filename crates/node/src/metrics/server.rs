//! What a server counts: reads and writes at its handle, and the log's work on its threads.
//!
//! Source: consul-surface part I; Consul 1.22 documentation, "Agent telemetry reference".

use super::{Counter, Gauge, Registry, Sample};
use std::time::Duration;
use tribune_durable::Batch;
use tribune_replica::Role;
use tribune_state::Command;
use tribune_state::catalog::CatalogCommand;

/// What a server counts. A clone counts the same.
#[derive(Clone, Debug)]
pub(crate) struct ServerMetrics {
    pub requests: RequestMetrics,
    pub raft: RaftMetrics,
    pub wal: WalMetrics,
}

/// What comes through the handle.
#[derive(Clone, Debug)]
pub(crate) struct RequestMetrics {
    request: Counter,
    request_error: Counter,
    query: Counter,
    txn_read: Sample,
    kvs: Sample,
    session: Sample,
    txn: Sample,
    register: Sample,
    deregister: Sample,
    pub session_renew: Sample,
}

/// What consensus does.
#[derive(Clone, Debug)]
pub(crate) struct RaftMetrics {
    apply: Counter,
    commit_time: Sample,
    commit_logs: Gauge,
    dispatch_time: Sample,
    dispatch_logs: Gauge,
    fsm_apply: Sample,
    saturation: Sample,
    fsm_saturation: Sample,
    candidate: Counter,
    leader: Counter,
    follower: Counter,
    pub verify_leader: Counter,
    snapshot_persist: Sample,
    fsm_persist: Sample,
    pub restore_duration: Gauge,
}

/// What is written to the disk.
#[derive(Clone, Debug)]
pub(crate) struct WalMetrics {
    appends: Counter,
    entries: Counter,
    bytes: Counter,
}

impl ServerMetrics {
    pub fn new(registry: &Registry) -> ServerMetrics {
        let counter = |name| registry.counter(name, Vec::new());
        let sample = |name| registry.sample(name, Vec::new());
        let gauge = |name| registry.gauge(name, Vec::new());
        ServerMetrics {
            requests: RequestMetrics {
                request: counter("rpc.request"),
                request_error: counter("rpc.request_error"),
                query: counter("rpc.query"),
                txn_read: sample("txn.read"),
                kvs: sample("kvs.apply"),
                session: sample("session.apply"),
                txn: sample("txn.apply"),
                register: sample("catalog.register"),
                deregister: sample("catalog.deregister"),
                session_renew: sample("session.renew"),
            },
            raft: RaftMetrics {
                apply: counter("raft.apply"),
                commit_time: sample("raft.commitTime"),
                commit_logs: gauge("raft.commitNumLogs"),
                dispatch_time: sample("raft.leader.dispatchLog"),
                dispatch_logs: gauge("raft.leader.dispatchNumLogs"),
                fsm_apply: sample("raft.fsm.apply"),
                saturation: sample("raft.thread.main.saturation"),
                fsm_saturation: sample("raft.thread.fsm.saturation"),
                candidate: counter("raft.state.candidate"),
                leader: counter("raft.state.leader"),
                follower: counter("raft.state.follower"),
                verify_leader: counter("raft.verify_leader"),
                snapshot_persist: sample("raft.snapshot.persist"),
                fsm_persist: sample("fsm.persist"),
                restore_duration: gauge("raft.fsm.lastRestoreDuration"),
            },
            wal: WalMetrics {
                appends: counter("raft.wal.log_appends"),
                entries: counter("raft.wal.log_entries_written"),
                bytes: counter("raft.wal.log_entry_bytes_written"),
            },
        }
    }
}

impl RequestMetrics {
    /// Something is asked of this server: a read, a write or a signal.
    pub fn request_comes(&self) {
        self.request.incr();
    }

    /// It was not done, or was refused.
    pub fn request_fails(&self) {
        self.request_error.incr();
    }

    /// A read has come.
    pub fn read_comes(&self) {
        self.query.incr();
    }

    /// A transaction that only reads was answered after so long.
    pub fn transaction_read(&self, took: Duration) {
        self.txn_read.record_time(took);
    }

    /// Where the time of such a write is taken; nothing for the server's own upkeep.
    pub fn write(&self, command: &Command) -> Option<&Sample> {
        Some(match command {
            Command::Kv(_) => &self.kvs,
            Command::Session(_) => &self.session,
            Command::Txn(_) => &self.txn,
            Command::Catalog(CatalogCommand::Deregister(_)) => &self.deregister,
            Command::Catalog(_) => &self.register,
            Command::Connect(_) | Command::System(_) | Command::Coordinate(_) => return None,
        })
    }
}

impl RaftMetrics {
    /// A batch is on its way to the disk.
    pub fn dispatched(&self, entries: usize) {
        let entries = u64::try_from(entries).unwrap_or(u64::MAX);
        self.apply.add(entries);
        self.dispatch_logs.set_count(entries);
    }

    /// It is on the disk.
    pub fn appended(&self, took: Duration) {
        self.dispatch_time.record_time(took);
    }

    /// It is committed and applied; the step that did so took `step`.
    pub fn committed(&self, entries: usize, took: Duration, step: Duration) {
        self.commit_time.record_time(took);
        self.commit_logs.set_count(u64::try_from(entries).unwrap_or(u64::MAX));
        let each = step.checked_div(u32::try_from(entries).unwrap_or(u32::MAX));
        self.fsm_apply.record_time(each.unwrap_or(step));
    }

    /// Which part of the time the thread was at work, from 0 to 1, and which of it with steps that
    /// applied something: consensus and state share a thread.
    pub fn worked(&self, busy: Duration, applying: Duration, all: Duration) {
        if !all.is_zero() {
            self.saturation.record(busy.as_secs_f64() / all.as_secs_f64());
            self.fsm_saturation.record(applying.as_secs_f64() / all.as_secs_f64());
        }
    }

    /// A snapshot was written, or could not be, after so long.
    pub fn snapshot_ends(&self, took: Duration) {
        self.snapshot_persist.record_time(took);
        self.fsm_persist.record_time(took);
    }

    /// The role changed.
    pub fn role(&self, before: &Role, after: &Role) {
        if after.is_leader && (!before.is_leader || before.term != after.term) {
            self.candidate.incr();
            self.leader.incr();
        }
        let follows = |role: &Role| !role.is_leader && role.leader != 0;
        if follows(after) && (!follows(before) || before.leader != after.leader) {
            self.follower.incr();
        }
    }
}

impl WalMetrics {
    /// A batch is written to the disk.
    pub fn written(&self, batch: &Batch) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.appends.incr();
        self.entries.add(count(batch.entries.len()));
        self.bytes.add(batch.entries.iter().map(|entry| count(entry.data.len())).sum());
    }
}
