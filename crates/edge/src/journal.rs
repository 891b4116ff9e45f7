//! What outlives a restart: registrations and the states of checks, as lines of JSON in one file
//! that is appended to and rewritten when it has grown. It touches no file.
//! Invariant: any prefix of the file that ends at a line's end is a state that once was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tribune_state::catalog::CheckStatus;
use tribune_state::ids::{CheckId, ServiceId};

use crate::alarms::Alarm;
use crate::check::KeptCheck;
use crate::effect::{Effect, Save};
use crate::input::Ticket;
use crate::service::KeptService;
use crate::state::State;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Line {
    /// The first one: the format.
    Registrations(u32),
    /// So many bytes stand before this line, and all of them were on disk when it was written.
    Saved(usize),
    Service(Box<KeptService>),
    ServiceGone(ServiceId),
    Check(CheckId, Box<KeptCheck>),
    CheckGone(CheckId),
    State(KeptState),
}

/// The state of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptState {
    pub check: CheckId,
    pub status: CheckStatus,
    pub output: String,
    /// Until when a TTL check keeps it, in milliseconds of the Unix epoch.
    pub until_wall_ms: Option<u64>,
}

/// What is not on disk yet.
#[derive(Debug)]
pub(crate) struct Journal {
    is_kept: bool,
    lines: Vec<u8>,
    states: BTreeSet<CheckId>,
    /// States that were read from the disk, until their checks are registered.
    pub remembered: BTreeMap<CheckId, KeptState>,
    /// Counts what was put; what has been saved lags behind.
    pub put: u64,
    pub saved: u64,
    under_way: Option<(Ticket, u64)>,
    tickets: u64,
    file_bytes: usize,
    whole_bytes: usize,
    must_replace: bool,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub services: BTreeMap<ServiceId, KeptService>,
    pub checks: BTreeMap<CheckId, KeptCheck>,
    pub states: BTreeMap<CheckId, KeptState>,
}

/// Why a file of registrations cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A line is damaged.
    #[error("line {line} is damaged: {why}")]
    Line {
        /// Its number from one.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A newer program wrote it.
    #[error("format {0} is not known to this version")]
    Format(u32),
}

/// Since format 2, [`Line::Saved`] tells what a power cut can have torn from what it cannot.
const FORMAT: u32 = 2;
const FORMAT_WITHOUT_SAVED: u32 = 1;
/// States wait this long to be saved together; registrations do not wait.
const STATES_WAIT: Duration = Duration::from_secs(1);
/// After a failure, until the next attempt.
const RETRY: Duration = Duration::from_secs(5);
/// A file is rewritten when it is larger than four times what it was when rewritten, and this.
const GROWTH_BYTES: usize = 1024 * 1024;

impl Journal {
    pub fn new(is_kept: bool) -> Journal {
        Journal {
            is_kept,
            lines: Vec::new(),
            states: BTreeSet::new(),
            remembered: BTreeMap::new(),
            put: 0,
            saved: 0,
            under_way: None,
            tickets: 0,
            file_bytes: 0,
            whole_bytes: 0,
            must_replace: true,
        }
    }

    /// Keeps a registration or its end.
    pub fn put(&mut self, line: &Line) {
        if self.is_kept {
            write_line(line, &mut self.lines);
            self.put += 1;
        }
    }

    /// Keeps the state that the check has when it is next saved.
    pub fn put_state(&mut self, check: &CheckId) {
        if self.is_kept {
            self.states.insert(check.clone());
        }
    }

    /// Starts from a file as it was read.
    pub fn begin(&mut self, file: &[u8]) {
        self.file_bytes = file.len();
        self.whole_bytes = file.len();
        // The first save writes all of it anew, in today's format.
        self.must_replace = true;
        self.lines.clear();
        self.states.clear();
        self.saved = self.put;
    }
}

/// Reads a file. What a power cut tore counts not: a last line without its end, and lines of the
/// last save of which a part is missing. Damage in front of that is an error.
pub(crate) fn read(bytes: &[u8]) -> Result<Kept, RestoreError> {
    let mut kept = Kept::default();
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let body = bytes.get(..whole).unwrap_or_default();
    let mut format = FORMAT;
    let mut at = 0;
    for (number, text) in body.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let begins_at = at;
        at += text.len();
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        if text.is_empty() {
            continue;
        }
        let line: Line = match serde_json::from_slice(text) {
            Ok(line) => line,
            Err(_) if format != FORMAT_WITHOUT_SAVED && !is_saved_after(body, at) => {
                break;
            }
            Err(error) => {
                return Err(RestoreError::Line { line: number + 1, why: error.to_string() });
            }
        };
        if number == 0 && !matches!(line, Line::Registrations(_)) {
            return Err(RestoreError::Line { line: 1, why: "not the format's".to_owned() });
        }
        match line {
            Line::Registrations(found @ (FORMAT | FORMAT_WITHOUT_SAVED)) => format = found,
            Line::Registrations(other) => return Err(RestoreError::Format(other)),
            Line::Saved(before) if before != begins_at => {
                let why = format!("{begins_at} bytes stand before it, not {before}");
                return Err(RestoreError::Line { line: number + 1, why });
            }
            other => take(&mut kept, other),
        }
    }
    Ok(kept)
}

/// True if a line from there on says that everything before it was on disk.
fn is_saved_after(body: &[u8], from: usize) -> bool {
    let rest = body.get(from..).unwrap_or_default();
    let mut at = from;
    rest.split_inclusive(|byte| *byte == b'\n').any(|text| {
        let begins_at = at;
        at += text.len();
        matches!(serde_json::from_slice(text), Ok(Line::Saved(before)) if before == begins_at)
    })
}

fn take(kept: &mut Kept, line: Line) {
    match line {
        Line::Registrations(_) | Line::Saved(_) => {}
        Line::Service(own) => {
            kept.services.insert(own.definition.id.as_str().into(), *own);
        }
        Line::ServiceGone(id) => {
            kept.services.remove(&id);
        }
        Line::Check(id, own) => {
            kept.checks.insert(id, *own);
        }
        Line::CheckGone(id) => {
            kept.checks.remove(&id);
            kept.states.remove(&id);
        }
        Line::State(own) => {
            kept.states.insert(own.check.clone(), own);
        }
    }
}

/// Saves what waits. States alone wait for company.
pub(crate) fn flush(state: &mut State) {
    let journal = &mut state.journal;
    if journal.under_way.is_some() || (journal.lines.is_empty() && journal.states.is_empty()) {
        return;
    }
    if journal.lines.is_empty() {
        if state.alarms.time(&Alarm::Persist).is_none() {
            state.alarms.set(Alarm::Persist, state.now + STATES_WAIT);
        }
        return;
    }
    save(state);
}

/// Saves now what waits.
pub(crate) fn save(state: &mut State) {
    if state.journal.under_way.is_some() {
        return;
    }
    state.alarms.clear(&Alarm::Persist);
    let states = std::mem::take(&mut state.journal.states);
    let mut bytes = Vec::new();
    write_line(&Line::Saved(state.journal.file_bytes), &mut bytes);
    bytes.append(&mut state.journal.lines);
    for line in states.iter().filter_map(|id| state_line(state, id)) {
        write_line(&line, &mut bytes);
    }
    let journal = &state.journal;
    let limit = journal.whole_bytes * 4 + GROWTH_BYTES;
    let save = if journal.must_replace || journal.file_bytes + bytes.len() > limit {
        Save::Replace(whole(state))
    } else {
        Save::Append(bytes)
    };
    let journal = &mut state.journal;
    match &save {
        Save::Append(bytes) => journal.file_bytes += bytes.len(),
        Save::Replace(bytes) => {
            journal.file_bytes = bytes.len();
            journal.whole_bytes = bytes.len();
        }
    }
    journal.must_replace = false;
    journal.tickets += 1;
    let ticket = Ticket(journal.tickets);
    journal.under_way = Some((ticket, journal.put));
    state.effects.push(Effect::Persist(ticket, save));
}

/// A save has been reported.
pub(crate) fn on_persisted(state: &mut State, ticket: Ticket, is_saved: bool) {
    let journal = &mut state.journal;
    let Some((_, put)) = journal.under_way.take_if(|(own, _)| *own == ticket) else { return };
    if is_saved {
        journal.saved = put;
        return;
    }
    // What is in the file is not known any more.
    journal.must_replace = true;
    state.alarms.set(Alarm::Persist, state.now + RETRY);
}

/// The whole file, if something of it is not on disk for certain.
pub(crate) fn unsaved(state: &State) -> Option<Save> {
    let journal = &state.journal;
    let is_saved = journal.lines.is_empty()
        && journal.states.is_empty()
        && journal.under_way.is_none()
        && journal.saved == journal.put;
    (journal.is_kept && !is_saved).then(|| Save::Replace(whole(state)))
}

fn whole(state: &State) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_line(&Line::Registrations(FORMAT), &mut bytes);
    for service in state.services.values() {
        if !service.is_declared {
            write_line(&Line::Service(Box::new(service.kept.clone())), &mut bytes);
        }
    }
    for (id, check) in &state.checks {
        if !check.is_declared {
            write_line(&Line::Check(id.clone(), Box::new(check.kept.clone())), &mut bytes);
        }
        if let Some(line) = state_line(state, id) {
            write_line(&line, &mut bytes);
        }
    }
    write_line(&Line::Saved(bytes.len()), &mut bytes);
    bytes
}

fn state_line(state: &State, id: &CheckId) -> Option<Line> {
    let check = state.checks.get(id)?;
    let until = state.alarms.time(&Alarm::Ttl(id.clone())).map(|at| {
        let since_start = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        state.settings.wall_ms_at_zero.saturating_add(since_start)
    });
    Some(Line::State(KeptState {
        check: id.clone(),
        status: check.status.clone(),
        output: check.output.clone(),
        until_wall_ms: until,
    }))
}

fn write_line(line: &Line, out: &mut Vec<u8>) {
    let text = serde_json::to_vec(line).unwrap_or_default();
    assert!(!text.is_empty(), "a line encodes: its types have no failing serialiser");
    out.extend_from_slice(&text);
    out.push(b'\n');
}
