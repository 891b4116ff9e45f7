//! The log as it was given to the disk, and the twin that runs it: what answers are held against.
//!
//! It reads the batches on their way to the disk, decodes their entries and finds out which write
//! each stands for. After a restart it is cut back to what the disk kept.

use crate::server::invariants::lock::{Asked, RunningTime};
use crate::server::invariants::{Verdict, Violation, atomic};
use crate::server::twin::{Change, Expected, Twin};
use std::collections::{BTreeMap, VecDeque};
use tribune_durable::LogEntry;
use tribune_replica::RequestId;
use tribune_state::codec::decode_entry;
use tribune_state::session::SessionCommand;
use tribune_state::txn::TxnOp;
use tribune_state::{Command, Source};

/// The tag of a log entry that holds a command.
const KIND_COMMAND: u8 = 1;

/// A write that was proposed and has neither been answered without an entry nor been placed.
#[derive(Clone, Debug)]
pub struct Proposed {
    pub request: RequestId,
    pub command: Command,
    /// How it was asked for.
    pub asked: Asked,
    /// It was answered in a way that needs no entry; should one come all the same, it is its.
    pub answered: bool,
    /// The replica has been given it.
    pub taken: bool,
}

/// The log, and what it means.
#[derive(Debug, Default)]
pub struct Witness {
    given: BTreeMap<u64, Given>,
    twin: Twin,
    proposed: VecDeque<Proposed>,
    /// Where the entries of the running process's writes stand, and what they must come to.
    placed: BTreeMap<RequestId, (u64, Option<Expected>)>,
}

#[derive(Debug)]
struct Given {
    entry: LogEntry,
    by: Option<(RequestId, Asked)>,
}

/// An entry that the twin ran.
#[derive(Debug)]
pub struct Ran {
    /// How its write was asked for; none for the server's own.
    pub asked: Option<Asked>,
    pub changes: Vec<Change>,
}

impl Witness {
    /// The twin, after the last entry that was published.
    pub fn twin(&self) -> &Twin {
        &self.twin
    }

    /// A write goes to the replica.
    pub fn proposes(&mut self, proposed: Proposed) {
        self.proposed.push_back(proposed);
    }

    /// The replica takes what was proposed, now.
    pub fn takes(&mut self, time: RunningTime) {
        for proposed in self.proposed.iter_mut().rev().take_while(|proposed| !proposed.taken) {
            proposed.taken = true;
            proposed.asked.time = time;
        }
    }

    /// The disk is given entries; returns the writes that they stand for, with their places.
    ///
    /// # Errors
    /// If an entry stands for no write.
    pub fn given(&mut self, entries: &[LogEntry]) -> Result<Vec<(RequestId, u64)>, Violation> {
        let mut placed = Vec::new();
        for entry in entries {
            self.given.split_off(&entry.index);
            let by = self.writer(entry)?;
            if let Some((request, _)) = &by {
                let request = *request;
                placed.push((request, entry.index));
                self.placed.insert(request, (entry.index, None));
            }
            self.given.insert(entry.index, Given { entry: entry.clone(), by });
        }
        Ok(placed)
    }

    fn writer(&mut self, entry: &LogEntry) -> Result<Option<(RequestId, Asked)>, Violation> {
        if entry.kind != KIND_COMMAND || entry.data.is_empty() {
            return Ok(None);
        }
        let wrong = |what: String| Violation { rule: "every entry is a write", what };
        let (stamp, command) = decode_entry(&entry.data)
            .map_err(|error| wrong(format!("entry {}: {error}", entry.index)))?;
        if stamp.source == Source::Server {
            return Ok(None);
        }
        while let Some(proposed) = self.proposed.pop_front() {
            if stands_for(&proposed.command, &command) {
                return Ok(Some((proposed.request, proposed.asked)));
            }
            if !proposed.answered {
                let what = format!("entry {} is {command:?}, not {proposed:?}", entry.index);
                return Err(wrong(what));
            }
        }
        Err(wrong(format!("entry {} is {command:?}, which nobody asked for", entry.index)))
    }

    /// A write was answered in a way that needs no entry.
    pub fn answered_without(&mut self, request: RequestId) {
        let mut waiting = self.proposed.iter_mut();
        if let Some(proposed) = waiting.find(|proposed| proposed.request == request) {
            proposed.answered = true;
        }
    }

    /// Where the entry of a write stands, and what it must have come to if the twin has run it.
    pub fn placed(&mut self, request: RequestId) -> Option<(u64, Option<Expected>)> {
        self.placed.remove(&request)
    }

    /// Runs everything up to a position that was published.
    pub fn advance(&mut self, to: u64) -> Vec<Ran> {
        let mut ran = Vec::new();
        let from = self.twin.at + 1;
        if from > to {
            return ran;
        }
        for (at, given) in self.given.range(from..=to) {
            self.twin.at = *at;
            if given.entry.kind != KIND_COMMAND || given.entry.data.is_empty() {
                continue;
            }
            let Ok((_, command)) = decode_entry(&given.entry.data) else { continue };
            let mut changes = Vec::new();
            let expected = self.twin.apply(*at, &command, &mut changes);
            if let Some((request, _)) = &given.by
                && let Some(place) = self.placed.get_mut(request)
            {
                place.1 = Some(expected);
            }
            ran.push(Ran { asked: given.by.as_ref().map(|(_, asked)| asked.clone()), changes });
        }
        ran
    }

    /// A restart found these entries after a snapshot; everything behind them is gone.
    ///
    /// # Errors
    /// If one of them is not what was given.
    pub fn recovered(&mut self, last: u64, entries: &[LogEntry]) -> Verdict {
        for entry in entries {
            atomic::found(entry, self.given.get(&entry.index).map(|given| &given.entry))?;
        }
        self.given.split_off(&(last + 1));
        self.proposed.clear();
        self.placed.clear();
        Ok(())
    }
}

/// True if an entry's command is the one that was proposed, with what the server fills in.
fn stands_for(proposed: &Command, entry: &Command) -> bool {
    match (proposed, entry) {
        (
            Command::Session(SessionCommand::Create(proposed)),
            Command::Session(SessionCommand::Create(entry)),
        ) => proposed.name == entry.name && proposed.ttl_ms == entry.ttl_ms,
        // A lock in lock-delay becomes a refusal; the rest is as it was sent.
        (Command::Txn(proposed), Command::Txn(entry)) => {
            let same = |(sent, found): (&TxnOp, &TxnOp)| {
                sent == found || matches!(found, TxnOp::Refused(_))
            };
            proposed.ops.len() == entry.ops.len() && proposed.ops.iter().zip(&entry.ops).all(same)
        }
        (proposed, entry) => proposed == entry,
    }
}
