//! The only file that names the `raft` crate: our own types outside, the engine inside.
//!
//! Holds the log's tail in memory for the engine. Never decodes its protobuf from a network.
//! Elections are seeded: the engine's own randomness is overwritten after every step.

use crate::apply::KIND_COMMAND;
use crate::effect::Fatal;
use bytes::Bytes;
use protobuf::Message as _;
use raft::eraftpb::{ConfState, Entry, EntryType, HardState as RaftHardState, Snapshot};
use raft::storage::Storage;
use raft::{GetEntriesContext, RaftState, RawNode, StateRole, StorageError};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::RngCore;
use std::collections::VecDeque;
use tribune_durable::{Batch, HardState, LogEntry};

/// How many ticks without a leader before an election, at least; twice this at most.
pub(crate) const ELECTION_TICKS: usize = 10;
/// How many ticks between heartbeats.
const HEARTBEAT_TICKS: usize = 2;
/// The largest message of entries to a follower.
const MESSAGE_BYTES_MAX: u64 = 1 << 20;
/// How many such messages may be under way to one follower.
const MESSAGES_INFLIGHT_MAX: usize = 256;

/// The kind byte of an entry in which the engine changes its voters.
const KIND_CONFIG: u8 = 2;
/// The kind byte of an empty entry, the first of a leader.
const KIND_EMPTY: u8 = 0;

/// What consensus starts from.
pub(crate) struct ConsensusStart {
    pub id: u64,
    pub voters: Vec<u64>,
    pub hard_state: HardState,
    pub snapshot_index: u64,
    pub snapshot_term: u64,
    pub entries: Vec<LogEntry>,
    pub entropy: ChaCha12Rng,
}

/// What consensus wants done.
#[derive(Default)]
pub(crate) struct Polled {
    /// To be made durable, if the disk is free.
    pub append: Option<Batch>,
    /// To be applied.
    pub committed: Vec<LogEntry>,
    /// Reads that a quorum confirmed: number and commit position.
    pub reads: Vec<(u64, u64)>,
}

/// The consensus engine of one server.
pub(crate) struct Consensus {
    node: RawNode<Tail>,
    entropy: ChaCha12Rng,
    /// What the engine gave out and the disk has not been given yet, with the last number of it.
    pending: Batch,
    pending_number: u64,
    /// The number under which the disk is busy.
    in_flight: Option<u64>,
    unsynced: Unsynced,
    /// Planted in tests of the simulator: what is not yet durable counts as durable.
    pub hasty: bool,
}

impl Consensus {
    pub fn new(start: ConsensusStart) -> Result<Consensus, Fatal> {
        let voters = start.voters.clone();
        let tail = Tail::new(&start);
        let config = raft::Config {
            id: start.id,
            election_tick: ELECTION_TICKS,
            heartbeat_tick: HEARTBEAT_TICKS,
            applied: start.snapshot_index,
            max_size_per_msg: MESSAGE_BYTES_MAX,
            max_inflight_msgs: MESSAGES_INFLIGHT_MAX,
            check_quorum: true,
            pre_vote: true,
            ..raft::Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = RawNode::new(&config, tail, &logger).map_err(failed)?;
        let mut consensus = Consensus {
            node,
            entropy: start.entropy,
            pending: Batch::default(),
            pending_number: 0,
            in_flight: None,
            unsynced: Unsynced::default(),
            hasty: false,
        };
        consensus.reseed();
        // Nobody else can lead: waiting for an election timeout would only delay the first write.
        if voters == [start.id] {
            consensus.node.campaign().map_err(failed)?;
            consensus.reseed();
        }
        Ok(consensus)
    }

    pub fn is_leader(&self) -> bool {
        self.node.raft.state == StateRole::Leader
    }

    pub fn leader(&self) -> u64 {
        self.node.raft.leader_id
    }

    pub fn term(&self) -> u64 {
        self.node.raft.term
    }

    pub fn committed(&self) -> u64 {
        self.node.raft.raft_log.committed
    }

    pub fn last_index(&self) -> u64 {
        self.node.raft.raft_log.last_index()
    }

    pub fn voters(&self) -> Vec<u64> {
        self.node.store().voters.clone()
    }

    /// The term of an entry, if the tail still knows it.
    pub fn term_of(&self, index: u64) -> Option<u64> {
        self.node.raft.raft_log.term(index).ok()
    }

    pub fn tick(&mut self) {
        self.node.tick();
        self.reseed();
    }

    /// Puts an entry into the log; gives its position and term. Only for a leader.
    pub fn propose(&mut self, data: Vec<u8>) -> Option<(u64, u64)> {
        if !self.is_leader() {
            return None;
        }
        let bytes = data.len();
        self.node.propose(Vec::new(), data).ok()?;
        self.unsynced.proposed_bytes += bytes;
        Some((self.last_index(), self.term()))
    }

    /// Asks a quorum to confirm that this server leads; `number` comes back with the answer.
    pub fn confirm_read(&mut self, number: u64) {
        self.node.read_index(number.to_be_bytes().to_vec());
    }

    /// The batch that the disk was given is durable.
    pub fn persisted(&mut self) {
        if let Some(number) = self.in_flight.take() {
            self.unsynced.in_flight_bytes = 0;
            self.node.on_persist_ready(number);
            self.reseed();
        }
    }

    /// The bytes of entries that are in the log and not yet durable: none can be taken back.
    pub fn unsynced_bytes(&self) -> usize {
        let Unsynced { proposed_bytes, pending_bytes, in_flight_bytes } = self.unsynced;
        proposed_bytes + pending_bytes + in_flight_bytes
    }

    /// Everything below this position may leave memory; the log on disk still has it.
    pub fn trim(&mut self, applied: u64) {
        self.node.mut_store().trim(applied);
    }

    /// Collects what is to be done now.
    pub fn poll(&mut self, applied: u64) -> Polled {
        let mut polled = Polled::default();
        self.node.advance_apply_to(applied);
        while self.node.has_ready() {
            let mut ready = self.node.ready();
            for entry in ready.take_committed_entries() {
                polled.committed.push(log_entry(&entry));
            }
            for state in ready.take_read_states() {
                let number = state.request_ctx.as_slice().try_into().map(u64::from_be_bytes);
                if let Ok(number) = number {
                    polled.reads.push((number, state.index));
                }
            }
            let entries = ready.take_entries();
            for entry in &entries {
                self.unsynced.pending_bytes += entry.data.len();
                self.pending.entries.push(log_entry(entry));
            }
            self.node.mut_store().append(entries);
            if let Some(hard_state) = ready.hs() {
                let hard_state = hard_state.clone();
                self.note_hard_state(&hard_state, ready.must_sync());
            }
            self.pending_number = ready.number();
            self.node.advance_append_async(ready);
            if self.hasty {
                self.node.on_persist_ready(self.pending_number);
            }
        }
        self.unsynced.proposed_bytes = 0;
        if self.in_flight.is_none() && self.must_write() {
            self.unsynced.in_flight_bytes = std::mem::take(&mut self.unsynced.pending_bytes);
            let mut batch = std::mem::take(&mut self.pending);
            batch.hard_state = Some(self.node.store().durable_hard_state());
            self.in_flight = Some(self.pending_number);
            polled.append = Some(batch);
        } else if self.in_flight.is_none() && self.pending_number > 0 {
            self.node.on_persist_ready(self.pending_number);
        }
        polled
    }

    /// Only a new term or vote must be durable; a commit position alone rides with the next batch.
    fn note_hard_state(&mut self, hard_state: &RaftHardState, must_sync: bool) {
        let tail = self.node.mut_store();
        tail.hard_state = hard_state.clone();
        if must_sync {
            self.pending.hard_state = Some(tail.durable_hard_state());
        }
    }

    fn must_write(&self) -> bool {
        !self.pending.entries.is_empty() || self.pending.hard_state.is_some()
    }

    fn reseed(&mut self) {
        let span = u64::try_from(ELECTION_TICKS).unwrap_or(1);
        let extra = usize::try_from(self.entropy.next_u64() % span).unwrap_or(0);
        self.node.raft.set_randomized_election_timeout(ELECTION_TICKS + extra);
    }
}

/// Where entries are that the disk does not hold for certain.
#[derive(Default)]
struct Unsynced {
    /// In the engine.
    proposed_bytes: usize,
    /// In the next batch.
    pending_bytes: usize,
    /// In the batch that the disk is busy with.
    in_flight_bytes: usize,
}

/// The tail of the log, and what the engine must find again after a restart.
struct Tail {
    hard_state: RaftHardState,
    voters: Vec<u64>,
    /// The position and term before the first entry in memory.
    before_index: u64,
    before_term: u64,
    entries: VecDeque<Entry>,
}

impl Tail {
    fn new(start: &ConsensusStart) -> Tail {
        let mut hard_state = RaftHardState::default();
        hard_state.set_term(start.hard_state.term);
        hard_state.set_vote(start.hard_state.vote);
        let last = start.entries.last().map_or(start.snapshot_index, |entry| entry.index);
        let commit = start.hard_state.commit.max(start.snapshot_index).min(last);
        hard_state.set_commit(commit);
        Tail {
            hard_state,
            voters: start.voters.clone(),
            before_index: start.snapshot_index,
            before_term: start.snapshot_term,
            entries: start.entries.iter().map(raft_entry).collect(),
        }
    }

    fn durable_hard_state(&self) -> HardState {
        HardState {
            term: self.hard_state.get_term(),
            vote: self.hard_state.get_vote(),
            commit: self.hard_state.get_commit(),
        }
    }

    fn append(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first().map(Entry::get_index) else { return };
        while self.entries.back().is_some_and(|entry| entry.get_index() >= first) {
            self.entries.pop_back();
        }
        self.entries.extend(entries);
    }

    fn trim(&mut self, through: u64) {
        while let Some(entry) = self.entries.front()
            && entry.get_index() <= through
        {
            self.before_index = entry.get_index();
            self.before_term = entry.get_term();
            self.entries.pop_front();
        }
        if self.entries.is_empty() {
            self.entries.shrink_to(TAIL_CAPACITY_KEPT);
        }
    }

    fn position(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.before_index + 1)?).ok()
    }
}

/// How much room an emptied tail keeps, in entries.
const TAIL_CAPACITY_KEPT: usize = 1024;

impl Storage for Tail {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let conf_state = ConfState::from((self.voters.clone(), Vec::new()));
        Ok(RaftState::new(self.hard_state.clone(), conf_state))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        let (Some(from), Some(to)) = (self.position(low), self.position(high)) else {
            return Err(raft::Error::Store(StorageError::Compacted));
        };
        let limit = max_size.into().unwrap_or(u64::MAX);
        let mut bytes = 0_u64;
        let mut found = Vec::new();
        for entry in self.entries.range(from..to.min(self.entries.len())) {
            bytes += u64::from(entry.compute_size());
            if !found.is_empty() && bytes > limit {
                break;
            }
            found.push(entry.clone());
        }
        Ok(found)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.before_index {
            return Ok(self.before_term);
        }
        let position = self.position(index).ok_or(raft::Error::Store(StorageError::Compacted))?;
        match self.entries.get(position) {
            Some(entry) => Ok(entry.get_term()),
            None => Err(raft::Error::Store(StorageError::Unavailable)),
        }
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.before_index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.entries.back().map_or(self.before_index, Entry::get_index))
    }

    fn snapshot(&self, _request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        Err(raft::Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
}

fn log_entry(entry: &Entry) -> LogEntry {
    let kind = match entry.get_entry_type() {
        EntryType::EntryNormal if entry.data.is_empty() => KIND_EMPTY,
        EntryType::EntryNormal => KIND_COMMAND,
        EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => KIND_CONFIG,
    };
    LogEntry { index: entry.index, term: entry.term, kind, data: entry.data.clone() }
}

fn raft_entry(entry: &LogEntry) -> Entry {
    let entry_type = if entry.kind == KIND_CONFIG {
        EntryType::EntryConfChangeV2
    } else {
        EntryType::EntryNormal
    };
    Entry {
        entry_type,
        index: entry.index,
        term: entry.term,
        data: Bytes::clone(&entry.data),
        ..Entry::default()
    }
}

fn failed(error: raft::Error) -> Fatal {
    Fatal::Consensus(error.to_string())
}
