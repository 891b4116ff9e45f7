//! The replica itself: consensus and apply behind one `step`.

use crate::admit::{Admit, Admitted, Leader};
use crate::apply::{AppliedBatch, Apply};
use crate::chores::reconcile;
use crate::chores::tombstones::{GRAVES_PER_ENTRY_MAX, Tombstones};
use crate::compaction::{Compaction, CompactionRules};
use crate::consensus::{Consensus, ConsensusStart, ELECTION_TICKS};
use crate::effect::{Effect, Fatal, Published, ReadError, Role, SnapshotOrder, WriteError};
use crate::input::{Input, Proposal, RequestId};
use crate::lease::Lease;
use crate::proposals::{ENTRY_BYTES_MAX, Proposals, UNSYNCED_BYTES_MAX};
use crate::reads::Reads;
use crate::signal::Volatile;
use crate::space::Space;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use std::time::Duration;
use tribune_durable::{HardState, LogEntry};
use tribune_state::catalog::Register;
use tribune_state::connect::{CaRoot, ConnectCommand};
use tribune_state::session::SessionCommand;
use tribune_state::system::SystemCommand;
use tribune_state::{Command, Source, Store, View};

/// What a replica is made of.
pub struct ReplicaConfig {
    /// This server's Raft id; never 0, never used by another incarnation.
    pub id: u64,
    /// The voters of a group that has no snapshot yet.
    pub voters: Vec<u64>,
    /// How long one tick is.
    pub tick: Duration,
    /// Entries after which a snapshot is written.
    pub snapshot_entries: u64,
    /// Bytes of entries after which a snapshot is written.
    pub snapshot_bytes: u64,
    /// What this server registers of itself while it leads; none in tests that need none.
    pub own: Option<Register>,
    /// The cluster's name and the certificate authority's first root, if it has none yet.
    pub first: Option<(uuid::Uuid, CaRoot)>,
    /// The wall time at the start, in milliseconds since 1970.
    pub wall_ms: u64,
    /// The seed of every random choice.
    pub seed: u64,
    /// A fault planted by tests; none in a real server.
    pub bug: Option<Bug>,
}

/// Faults that the simulator plants to prove that it would find them. They sit on the production
/// path and do nothing unless asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Writes are acknowledged before they are durable.
    HastyAcknowledge,
    /// Sessions end after half their time.
    EarlyExpiry,
    /// A snapshot's rows come back with the index of their creation.
    #[cfg(feature = "planted-bugs")]
    ForgetIndexes,
}

/// Why a replica could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The consensus engine refused what was recovered.
    #[error(transparent)]
    Consensus(#[from] Fatal),
}

/// One server's replica.
pub struct Replica {
    config: ReplicaConfig,
    consensus: Consensus,
    apply: Apply,
    admit: Admit,
    proposals: Proposals,
    reads: Reads,
    volatile: Volatile,
    compaction: Compaction,
    tombstones: Tombstones,
    lease: Lease,
    clock: Clock,
    role: Role,
    space: Space,
    stopped: bool,
}

/// The leader's own time, which stands still while the machine does.
#[derive(Debug, Default)]
struct Clock {
    last: Duration,
    own: Duration,
    since_tick: Duration,
}

impl Replica {
    /// Starts from what was recovered: the state of the last snapshot, and the log after it.
    ///
    /// # Errors
    /// If the consensus engine refuses it.
    pub fn new(
        config: ReplicaConfig,
        now: Duration,
        store: Store,
        snapshot_term: u64,
        hard_state: HardState,
        entries: Vec<LogEntry>,
    ) -> Result<Replica, StartError> {
        let mut entropy = ChaCha12Rng::seed_from_u64(config.seed);
        let wall_ms = config.wall_ms.max(store.stamp_ms());
        let mut consensus = Consensus::new(ConsensusStart {
            id: config.id,
            voters: config.voters.clone(),
            hard_state,
            snapshot_index: store.at().0,
            snapshot_term,
            entries,
            entropy: ChaCha12Rng::from_rng(&mut entropy),
        })?;
        consensus.hasty = config.bug == Some(Bug::HastyAcknowledge);
        Ok(Replica {
            compaction: Compaction::new(store.at().0),
            apply: Apply::new(store),
            admit: Admit::new(entropy, wall_ms),
            consensus,
            proposals: Proposals::default(),
            reads: Reads::default(),
            volatile: Volatile::default(),
            tombstones: Tombstones::default(),
            lease: Lease::default(),
            clock: Clock { last: now, ..Clock::default() },
            role: Role::default(),
            space: Space::Ample,
            stopped: false,
            config,
        })
    }

    /// The newest state.
    pub fn view(&self) -> &View {
        self.apply.view()
    }

    /// The bytes of entries in the log that are not yet durable.
    pub fn unsynced_bytes(&self) -> usize {
        self.consensus.unsynced_bytes()
    }

    /// Takes everything that arrived since the last step and gives back what is to be done, in
    /// order. `now` is the time since the node started, read after the inputs were taken.
    pub fn step(&mut self, now: Duration, inputs: impl IntoIterator<Item = Input>) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.stopped {
            return effects;
        }
        self.pass(now);
        for input in inputs {
            self.take(input, &mut effects);
        }
        if let Err(fatal) = self.settle(now, &mut effects) {
            self.stopped = true;
            effects.push(Effect::Stop(fatal));
        }
        effects
    }

    /// Moves the leader's own time; a jump counts as one tick, and voids the lease.
    fn pass(&mut self, now: Duration) {
        let gap = now.saturating_sub(self.clock.last);
        let election = self.config.tick * u32::try_from(ELECTION_TICKS).unwrap_or(1);
        if gap > election / 2 {
            self.lease.void();
        }
        self.clock.last = self.clock.last.max(now);
        self.clock.own += gap.min(election / 2);
    }

    fn take(&mut self, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Tick { wall_ms } => self.tick(wall_ms),
            Input::Propose(proposal) => self.propose(proposal, effects),
            Input::Read { request } if self.consensus.is_leader() => {
                let number = self.reads.ask(request);
                self.consensus.confirm_read(number);
            }
            Input::Read { request } => {
                effects.push(Effect::ReadReady { request, result: Err(ReadError::NotLeader) });
            }
            Input::Signal { request, signal } => {
                let result = if self.role.is_leader {
                    Ok(self.volatile.signal(self.clock.own, self.apply.view(), &signal))
                } else {
                    Err(ReadError::NotLeader)
                };
                effects.push(Effect::Signalled { request, result });
            }
            Input::Appended { space_low } => {
                let low = space_low || self.space != Space::Ample;
                self.space_is(if low { Space::Low } else { Space::Ample }, effects);
                self.consensus.persisted();
            }
            Input::Space { low } => {
                self.space_is(if low { Space::Low } else { Space::Ample }, effects);
            }
            Input::AppendWaits => self.space_is(Space::None, effects),
            Input::SnapshotSaved { index } => {
                if let Some(through) = self.compaction.saved(self.clock.own, index) {
                    effects.push(Effect::Compact { through });
                }
            }
        }
    }

    fn tick(&mut self, wall_ms: u64) {
        if self.clock.own < self.clock.since_tick + self.config.tick / 2 {
            return;
        }
        self.clock.since_tick = self.clock.own;
        self.admit.pass(wall_ms);
        self.consensus.tick();
        // What a chore proposes now it proposes again later.
        if !self.role.is_leader || self.space == Space::None {
            return;
        }
        let now = self.clock.own;
        self.volatile.expire_lock_delays(now);
        for id in self.volatile.sessions.expired(now, CHORE_COMMANDS_MAX) {
            self.chore(Command::Session(SessionCommand::Destroy(id)));
        }
        if self.space == Space::Ample {
            for command in self.volatile.coordinates.tick(now) {
                self.chore(Command::Coordinate(command));
            }
        }
        let index = self.apply.view().system().index_base + self.apply.at();
        let oldest = self.apply.view().kv().oldest_grave().map(|(index, _)| index);
        if let Some(through) = self.tombstones.tick(now, tribune_state::Index(index), oldest) {
            let most = GRAVES_PER_ENTRY_MAX;
            self.chore(Command::System(SystemCommand::ReapOldest { through, most }));
        }
    }

    /// What a new leader writes first: the cluster's name, its root, and its own registration.
    fn begin_leading(&mut self) {
        self.volatile.begin(self.clock.own, self.apply.view());
        self.volatile.sessions.early = self.config.bug == Some(Bug::EarlyExpiry);
        self.tombstones = Tombstones::default();
        let view = self.apply.view().clone();
        if view.connect().roots().is_empty()
            && let Some((id, root)) = self.config.first.clone()
        {
            self.chore(Command::System(SystemCommand::ClusterId(id)));
            self.chore(Command::Connect(ConnectCommand::InitialRoot(Box::new(root))));
        }
        if let Some(own) = &self.config.own {
            for command in reconcile::own_registration(&view, own) {
                self.chore(command);
            }
        }
    }

    fn chore(&mut self, command: Command) {
        let wall_ms = self.admit.newest_wall_ms();
        let proposal = Proposal { request: RequestId(0), command, wall_ms, source: Source::Server };
        let Replica { clock, volatile, apply, .. } = self;
        let leader = Leader { now: clock.own, volatile, view: apply.view() };
        if let Admitted::Entry(stamp, command) = self.admit.admit(&leader, proposal) {
            let data = tribune_state::codec::encode_entry(&stamp, &command);
            let bytes = data.len();
            if let Some((index, term)) = self.consensus.propose(data.into()) {
                self.proposals.insert(index, term, None, bytes);
            }
        }
    }

    fn propose(&mut self, proposal: Proposal, effects: &mut Vec<Effect>) {
        let request = proposal.request;
        if let Err(error) = self.try_propose(proposal, effects) {
            effects.push(Effect::Reply { request, result: Err(error) });
        }
    }

    fn try_propose(
        &mut self,
        proposal: Proposal,
        effects: &mut Vec<Effect>,
    ) -> Result<(), WriteError> {
        if !self.consensus.is_leader() {
            return Err(WriteError::NotLeader);
        }
        self.space.admits(&proposal.command)?;
        if self.proposals.queue_is_empty() && self.log_takes(ENTRY_BYTES_MAX) {
            return self.put_into_log(proposal, effects);
        }
        let bytes = tribune_state::codec::command_bytes(&proposal.command);
        if !self.proposals.has_room(bytes) {
            return Err(WriteError::Overloaded);
        }
        self.proposals.queue(proposal, bytes);
        Ok(())
    }

    /// True if the log may take an entry of this size while the disk is busy.
    fn log_takes(&self, bytes: usize) -> bool {
        let unsynced_bytes = self.consensus.unsynced_bytes();
        unsynced_bytes == 0 || unsynced_bytes + bytes <= UNSYNCED_BYTES_MAX
    }

    /// Lets into the log what waits before it, as far as it takes that.
    fn propose_queued(&mut self, effects: &mut Vec<Effect>) {
        while let Some(bytes) = self.proposals.next_bytes()
            && self.log_takes(bytes)
            && let Some(proposal) = self.proposals.next()
        {
            let request = proposal.request;
            if let Err(error) = self.put_into_log(proposal, effects) {
                effects.push(Effect::Reply { request, result: Err(error) });
            }
        }
    }

    /// Takes note of the disk's space; what waits before the log and does not fit is refused.
    fn space_is(&mut self, space: Space, effects: &mut Vec<Effect>) {
        self.space = space;
        self.refuse_queued(effects, |command| space.admits(command));
    }

    fn refuse_queued(
        &mut self,
        effects: &mut Vec<Effect>,
        may: impl FnMut(&Command) -> Result<(), WriteError>,
    ) {
        for (request, error) in self.proposals.refuse_queued(may) {
            effects.push(Effect::Reply { request, result: Err(error) });
        }
    }

    fn put_into_log(
        &mut self,
        proposal: Proposal,
        effects: &mut Vec<Effect>,
    ) -> Result<(), WriteError> {
        let request = proposal.request;
        let Replica { clock, volatile, apply, .. } = self;
        let leader = Leader { now: clock.own, volatile, view: apply.view() };
        match self.admit.admit(&leader, proposal) {
            Admitted::Now(outcome) => {
                effects.push(Effect::Reply { request, result: Ok(outcome) });
            }
            Admitted::Entry(stamp, command) => {
                let data = tribune_state::codec::encode_entry(&stamp, &command);
                let bytes = data.len();
                if bytes > ENTRY_BYTES_MAX {
                    return Err(WriteError::TooLarge { have: bytes, limit: ENTRY_BYTES_MAX });
                }
                if !self.proposals.has_room(bytes) {
                    return Err(WriteError::Overloaded);
                }
                let (index, term) =
                    self.consensus.propose(data.into()).ok_or(WriteError::NotLeader)?;
                self.proposals.insert(index, term, Some(request), bytes);
                if let Command::Session(SessionCommand::Destroy(id)) = *command
                    && self.apply.view().sessions().get(id).is_some()
                {
                    self.volatile.sessions.note_ending(id);
                }
            }
        }
        Ok(())
    }

    /// Runs consensus and apply until neither has more to do.
    fn settle(&mut self, now: Duration, effects: &mut Vec<Effect>) -> Result<(), Fatal> {
        self.propose_queued(effects);
        loop {
            let polled = self.consensus.poll(self.apply.at());
            if let Some(batch) = polled.append {
                effects.push(Effect::Append(batch));
            }
            for (number, committed) in polled.reads {
                self.reads.confirm(number, committed);
            }
            let idle = polled.committed.is_empty();
            if !idle {
                self.run(&polled.committed, effects)?;
            }
            self.reads.ready(self.apply.at(), effects);
            let changed = self.follow_role(effects);
            if idle && !changed {
                break;
            }
        }
        self.order_snapshot(effects);
        self.tell_role(now, effects);
        Ok(())
    }

    fn run(&mut self, committed: &[LogEntry], effects: &mut Vec<Effect>) -> Result<(), Fatal> {
        let AppliedBatch { outcomes, events } = self.apply.run(committed)?;
        for entry in committed {
            self.compaction.applied(entry.data.len());
        }
        if self.role.is_leader {
            self.volatile.follow(self.clock.own, self.apply.view(), &events);
        }
        effects.push(Effect::Publish(Published { view: self.apply.view().clone(), events }));
        for entry in outcomes {
            self.admit.seen(&entry.stamp);
            if let Some((request, result)) = self.proposals.take(entry.index, entry.term) {
                effects.push(Effect::Reply { request, result: result.map(|()| entry.outcome) });
            }
        }
        self.consensus.trim(self.apply.at());
        Ok(())
    }

    /// Takes up or lays down the leader's duties; a leader begins once an entry of its own term
    /// is applied. True if that changed.
    fn follow_role(&mut self, effects: &mut Vec<Effect>) -> bool {
        let leads = self.consensus.is_leader();
        if self.role.is_leader && (!leads || self.consensus.term() != self.role.term) {
            self.role.is_leader = false;
            self.lease.void();
            for request in self.proposals.drain() {
                effects.push(Effect::Reply { request, result: Err(WriteError::LeadershipLost) });
            }
            self.refuse_queued(effects, |_| Err(WriteError::NotLeader));
            self.reads.refuse(effects);
            return true;
        }
        if leads && !self.role.is_leader && self.applied_own_term() {
            self.role.is_leader = true;
            self.role.term = self.consensus.term();
            self.begin_leading();
            return true;
        }
        false
    }

    /// True if the last entry applied is of the current term, so that every one committed before is
    /// applied too.
    fn applied_own_term(&self) -> bool {
        self.consensus.term_of(self.apply.at()) == Some(self.consensus.term())
    }

    fn tell_role(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.role.is_leader && self.consensus.voters() == [self.config.id] {
            let election = self.config.tick * u32::try_from(ELECTION_TICKS).unwrap_or(1);
            self.lease.extend(now, election / 2);
        }
        let role = Role {
            leader: self.consensus.leader(),
            is_leader: self.role.is_leader,
            caught_up: self.role.caught_up || self.applied_own_term(),
            term: self.consensus.term(),
            lease_until: self.lease.until(),
            committed: self.consensus.committed(),
            last: self.consensus.last_index(),
        };
        if role != self.role {
            self.role = role;
            effects.push(Effect::Role(role));
        }
    }

    fn order_snapshot(&mut self, effects: &mut Vec<Effect>) {
        let rules = CompactionRules {
            entries: self.config.snapshot_entries,
            bytes: self.config.snapshot_bytes,
        };
        let index = self.apply.at();
        if self.space != Space::Ample || !self.compaction.due(self.clock.own, index, rules) {
            return;
        }
        let term = self.consensus.term_of(index).unwrap_or_default();
        effects.push(Effect::Snapshot(SnapshotOrder {
            view: self.apply.view().clone(),
            index,
            term,
            voters: self.consensus.voters(),
        }));
    }
}

/// How many commands one chore proposes in one tick.
const CHORE_COMMANDS_MAX: usize = 128;
