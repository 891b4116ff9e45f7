//! What a directory holds at start: the newest whole snapshot and the log after it.
//!
//! The one question it must answer right: is a bad frame the torn end of a batch that was never
//! acknowledged, or damage to one that was? A batch is written only after the sync of the one
//! before it, so any later header proves the bad frame had been durable: then it refuses to open.
//! Otherwise it cuts. It never guesses, and it changes nothing before it knows.

use std::collections::VecDeque;

use crate::batch::{HardState, LogEntry, SnapshotMeta};
use crate::chain::{self, Chain};
use crate::cursor::to_usize;
use crate::disk::{Disk, DiskError};
use crate::frame::{
    self, FLAG_CLOSING, FLAG_RESET, FRAME_ALIGN_BYTES, FrameHeader, FrameMeta, HeaderRead, Position,
};
use crate::options::WalOptions;
use crate::segment::{self, FRAMES_OFFSET, Segment, SegmentHeader, TEMPORARY_PREFIX};
use crate::snapshot_file::{self, SnapshotError, SnapshotReader};
use crate::wal::LogState;

/// What `Wal::open` found.
#[derive(Debug)]
pub struct Recovered {
    pub hard_state: HardState,
    /// The newest whole snapshot. Every byte of it has been checked; the reader stands at its
    /// first chunk and reads through any handle of the directory.
    pub snapshot: Option<(SnapshotMeta, SnapshotReader)>,
    /// The entries after the snapshot, without gaps.
    pub entries: Vec<LogEntry>,
    pub report: RecoveryReport,
}

/// What recovery saw and did, for the one who starts the server to log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecoveryReport {
    pub segments: usize,
    pub frames: u64,
    pub torn_tail: Option<TornTail>,
    /// Newer snapshots that could not be used, each with the reason.
    pub damaged_snapshots: Vec<String>,
    /// Left-overs that were removed.
    pub removed_files: Vec<String>,
}

/// The unacknowledged end that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    pub file: String,
    pub offset: u64,
    pub bytes: u64,
}

/// Why a directory cannot be opened. Nothing was changed in it, save for temporary files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("log file {file:?} is damaged at offset {offset}: {reason}")]
    Corrupt { file: String, offset: u64, reason: &'static str },
    #[error("log file {file:?} has format {found}, newer than this binary reads")]
    NewerVersion { file: String, found: u8 },
    #[error(
        "the log starts after entry {log_start_index}, but the newest usable snapshot ends at \
         {snapshot_index}{}",
        tried(damaged)
    )]
    SnapshotMissing { log_start_index: u64, snapshot_index: u64, damaged: Vec<String> },
    #[error(
        "the log ends at entry {last_index}, but entry {commit_index} was committed{}",
        tried(damaged)
    )]
    EntriesMissing { last_index: u64, commit_index: u64, damaged: Vec<String> },
    #[error("there are snapshots, such as {snapshot:?}, but no log file")]
    LogMissing { snapshot: String },
    #[error("the log could be read but not continued: {reason}")]
    Unwritable { reason: String },
}

/// Recovers a directory; makes the log in an empty one.
pub(crate) fn run(
    disk: &mut dyn Disk,
    options: &WalOptions,
) -> Result<(LogState, Recovered), OpenError> {
    let mut report = RecoveryReport::default();
    let mut numbers = Vec::new();
    for name in disk.list()? {
        if name.starts_with(TEMPORARY_PREFIX) {
            disk.remove(&name)?;
            report.removed_files.push(name);
        } else if let Some(number) = segment::number_of(&name) {
            numbers.push(number);
        }
    }
    if numbers.is_empty() {
        return make_new(disk, options, report);
    }
    let snapshot = newest_snapshot(disk, &mut report)?;
    let stale = split_stale(&mut numbers);
    let mut scan = scan(disk, options, &numbers)?;
    let (state, entries) = scan.join(snapshot.as_ref().map(|found| &found.0), &report)?;
    report.segments = state.chain.count();
    report.frames = scan.frames;

    // From the end, each made durable before the next: a crash must not leave a gap that would
    // make the log look stale.
    for number in stale.into_iter().chain(scan.unused.iter().rev().copied()) {
        let name = segment::name(number);
        disk.remove(&name)?;
        disk.sync_dir()?;
        report.removed_files.push(name);
    }
    disk.sync_dir()?;
    repair(disk, &state, &scan, &mut report)?;
    let hard_state = state.hard_state;
    Ok((state, Recovered { hard_state, snapshot, entries, report }))
}

fn make_new(
    disk: &mut dyn Disk,
    options: &WalOptions,
    report: RecoveryReport,
) -> Result<(LogState, Recovered), OpenError> {
    if let Some(newest) = snapshot_file::list(disk)?.into_iter().next() {
        return Err(OpenError::LogMissing { snapshot: newest.file });
    }
    let state = LogState::new(Chain::create(disk, options)?);
    let hard_state = HardState::default();
    Ok((state, Recovered { hard_state, snapshot: None, entries: Vec::new(), report }))
}

/// The newest snapshot of which every byte is right.
fn newest_snapshot(
    disk: &dyn Disk,
    report: &mut RecoveryReport,
) -> Result<Option<(SnapshotMeta, SnapshotReader)>, OpenError> {
    for found in snapshot_file::list(disk)? {
        let opened = snapshot_file::verify(disk, &found.file)
            .and_then(|_| snapshot_file::open(disk, &found.file));
        match opened {
            Ok(opened) => return Ok(Some(opened)),
            Err(error @ SnapshotError::Corrupt { .. }) => {
                report.damaged_snapshots.push(error.to_string());
            }
            // A sector that cannot be read is damage too, and the older file may be well.
            Err(SnapshotError::Disk(error @ DiskError::Io { .. })) => {
                report.damaged_snapshots.push(error.to_string());
            }
            Err(SnapshotError::NewerVersion { file, found }) => {
                return Err(OpenError::NewerVersion { file, found });
            }
            Err(SnapshotError::Disk(error)) => return Err(error.into()),
            Err(error @ SnapshotError::TooLong { .. }) => {
                report.damaged_snapshots.push(error.to_string());
            }
        }
    }
    Ok(None)
}

/// Splits off the segments before the last gap in the numbers: compaction had removed what lay
/// between, and a crash kept it from finishing. Whether the rest suffices is seen when it is
/// joined with the snapshot.
fn split_stale(numbers: &mut Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    let gap = numbers.windows(2).rposition(|pair| matches!(pair, [a, b] if a + 1 != *b));
    let kept = gap.map_or(0, |at| at + 1);
    let rest = numbers.split_off(kept);
    std::mem::replace(numbers, rest)
}

/// The log as read, segment by segment.
#[derive(Default)]
struct Scan {
    segments: VecDeque<Segment>,
    /// Segments behind the end of the log, in which nothing was ever acknowledged.
    unused: Vec<u64>,
    /// The last frame, and where it stands.
    last: Option<(FrameMeta, Position)>,
    /// The end of the last frame.
    end: Position,
    frames: u64,
    entries: Vec<LogEntry>,
    /// The index before the first entry, once it is known.
    base_index: Option<u64>,
    /// Bytes other than zero behind the last frame reach to here, in the last segment.
    garbage_end: u64,
}

fn scan(disk: &dyn Disk, options: &WalOptions, numbers: &[u64]) -> Result<Scan, OpenError> {
    let mut scan = Scan::default();
    for number in numbers {
        let file = segment::name(*number);
        let bytes = read_whole(disk, &file, chain::segment_file_bytes_max(options))?;
        let (salt, capacity_bytes) = match segment::decode_header(&bytes, *number) {
            SegmentHeader::Valid { salt, capacity_bytes } => (salt, capacity_bytes),
            SegmentHeader::NewerVersion(found) => {
                return Err(OpenError::NewerVersion { file, found });
            }
            SegmentHeader::Invalid => {
                return Err(corrupt(&file, 0, "this is no head of a log file"));
            }
        };
        // Its length was durable before its name was: a shorter file has lost its end since.
        if bytes.len() as u64 != capacity_bytes {
            return Err(corrupt(
                &file,
                bytes.len() as u64,
                "it has not the length it was made with",
            ));
        }
        let segment = Segment::new(*number, salt, capacity_bytes);
        scan.segment(segment, &file, &bytes)?;
    }
    Ok(scan)
}

impl Scan {
    /// Takes in one file. The first of the run is kept even when empty, since a log has one.
    fn segment(&mut self, mut found: Segment, file: &str, bytes: &[u8]) -> Result<(), OpenError> {
        let before = self.frames;
        let follows_end = self.unused.is_empty();
        let mut offset = FRAMES_OFFSET;
        while let Some((header, entries)) = read_frame(&found, file, bytes, offset)? {
            if !follows_end {
                break;
            }
            self.expect(&header.meta, found.number, file, offset)?;
            let last_index = entries.last().map_or(0, |entry| entry.index);
            if let Some(first) = entries.first() {
                supersede(&mut self.segments, first.index);
                found.supersede(first.index);
            }
            if header.meta.flags & FLAG_RESET != 0 {
                supersede(&mut self.segments, 1);
                found.supersede(1);
            }
            self.apply(&header.meta, entries, file, offset)?;
            self.last = Some((header.meta, Position { segment: found.number, offset }));
            offset += header.frame_bytes() as u64;
            found.note(offset, last_index);
            self.end = Position { segment: found.number, offset };
            self.frames += 1;
        }
        if let Some(synced) = synced_past(&found, bytes, offset, self.end) {
            return Err(self.proven(synced, file, offset));
        }
        if self.segments.is_empty() && self.frames == 0 && found.number != 1 {
            // Compaction leaves a batch in the oldest segment, since it holds the hard state.
            return Err(corrupt(file, offset, "the first batch of the log is missing"));
        }
        if self.frames > before || self.segments.is_empty() {
            self.garbage_end = non_zero_end(bytes, offset);
            self.segments.push_back(found);
        } else {
            self.unused.push(found.number);
        }
        Ok(())
    }

    /// The place of a batch that cannot be read though a later one was written after its sync.
    fn proven(&self, synced: Position, file: &str, offset: u64) -> OpenError {
        let reason = "a later batch proves that this one was durable";
        if self.last.is_none() || synced.segment == self.end.segment {
            let at = if self.last.is_none() { offset } else { self.end.offset };
            let file = if self.last.is_none() { file } else { &segment::name(self.end.segment) };
            return corrupt(file, at, reason);
        }
        corrupt(&segment::name(synced.segment), FRAMES_OFFSET, reason)
    }

    /// A valid frame must be the very next one. Otherwise whole batches are missing before it.
    fn expect(
        &self,
        meta: &FrameMeta,
        number: u64,
        file: &str,
        offset: u64,
    ) -> Result<(), OpenError> {
        let Some((last, _)) = &self.last else {
            // The first of what is left: it follows a compacted part, or nothing at all.
            let first = number == 1 && offset == FRAMES_OFFSET;
            let begins = !first || (meta.number == 1 && meta.synced == Position::default());
            return if begins { Ok(()) } else { Err(corrupt(file, offset, OUT_OF_PLACE)) };
        };
        if meta.number == last.number + 1 && meta.synced == self.end {
            return Ok(());
        }
        let (file, offset) = if meta.synced.segment == self.end.segment && meta.synced > self.end {
            (segment::name(self.end.segment), self.end.offset)
        } else {
            (file.to_owned(), offset)
        };
        Err(corrupt(&file, offset, OUT_OF_PLACE))
    }

    fn apply(
        &mut self,
        meta: &FrameMeta,
        entries: Vec<LogEntry>,
        file: &str,
        offset: u64,
    ) -> Result<(), OpenError> {
        if meta.flags & FLAG_RESET != 0 {
            self.entries.clear();
            self.base_index = Some(meta.floor_index);
        }
        let Some(first) = entries.first().map(|entry| entry.index) else {
            return Ok(());
        };
        let Some(before) = first.checked_sub(1) else {
            return Err(corrupt(file, offset, "it holds an entry of index 0"));
        };
        let base_index = *self.base_index.get_or_insert(before);
        if before < base_index {
            // The entries it overwrites first stood in a segment that compaction has dropped.
            self.base_index = Some(before);
            self.entries.clear();
        }
        let kept = to_usize(before.saturating_sub(base_index));
        if kept > self.entries.len() {
            return Err(corrupt(file, offset, "its entries do not follow those before"));
        }
        self.entries.truncate(kept);
        self.entries.extend(entries);
        Ok(())
    }

    /// Puts snapshot and log together: what is left of the log, and the state to go on from.
    fn join(
        &mut self,
        snapshot: Option<&SnapshotMeta>,
        report: &RecoveryReport,
    ) -> Result<(LogState, Vec<LogEntry>), OpenError> {
        let meta = self.last.map(|(meta, _)| meta).unwrap_or_default();
        let (snapshot_index, snapshot_term) = snapshot.map_or((0, 0), |s| (s.index, s.term));
        let log_start_index = self.base_index.unwrap_or(0).max(meta.floor_index);
        if snapshot_index < log_start_index {
            let damaged = report.damaged_snapshots.clone();
            return Err(OpenError::SnapshotMissing { log_start_index, snapshot_index, damaged });
        }
        let base_index = self.base_index.unwrap_or(snapshot_index);
        let log_last_index = base_index.saturating_add(self.entries.len() as u64);
        let covered = to_usize(snapshot_index - base_index);
        let at_snapshot = covered.checked_sub(1).and_then(|at| self.entries.get(at));
        // A snapshot from the leader that the log does not lead to, saved just before a crash: the
        // log is of another history from there on, or too short.
        let foreign = snapshot_index > log_last_index
            || at_snapshot.is_some_and(|entry| entry.term != snapshot_term);
        let mut entries = std::mem::take(&mut self.entries);
        let entries = if foreign { Vec::new() } else { entries.split_off(covered) };
        let last_index = snapshot_index.saturating_add(entries.len() as u64);
        let hard_state = raised(meta.hard_state, snapshot_index, snapshot_term);
        if hard_state.commit > last_index {
            return Err(OpenError::EntriesMissing {
                last_index,
                commit_index: hard_state.commit,
                damaged: report.damaged_snapshots.clone(),
            });
        }
        let mut segments = std::mem::take(&mut self.segments);
        let Some(active) = segments.pop_back() else {
            return Err(corrupt("", 0, "there is no log file"));
        };
        let state = LogState {
            chain: Chain::new(segments, active),
            frames: meta.number,
            synced: self.end,
            hard_state,
            floor_index: if foreign { snapshot_index } else { meta.floor_index },
            compacted_index: snapshot_index,
            last_index,
            closed: self.last.is_none() || meta.flags & FLAG_CLOSING != 0,
            reset_due: foreign,
        };
        Ok((state, entries))
    }
}

fn supersede(segments: &mut VecDeque<Segment>, from_index: u64) {
    for segment in segments {
        segment.supersede(from_index);
    }
}

const OUT_OF_PLACE: &str = "the batch that belongs here is missing";

/// A snapshot vouches for its index and term even if the batch that says so was lost with the
/// crash. Who has not yet recorded a term has not voted in it.
fn raised(hard_state: HardState, index: u64, term: u64) -> HardState {
    let commit = hard_state.commit.max(index);
    if hard_state.term < term {
        HardState { term, vote: 0, commit }
    } else {
        HardState { commit, ..hard_state }
    }
}

/// Makes durable what was read and wipes what was cut. The last frame may have come from the page
/// cache after a failed sync: only written again and synced is it known to be on the disk.
fn repair(
    disk: &mut dyn Disk,
    state: &LogState,
    scan: &Scan,
    report: &mut RecoveryReport,
) -> Result<(), OpenError> {
    let active = state.chain.active();
    let file = active.name();
    let end = active.end_offset;
    let start = match scan.last {
        Some((_, position)) if position.segment == active.number => position.offset,
        _ => end,
    };
    let garbage_end = scan.garbage_end.max(end);
    let frame_bytes = to_usize(end - start);
    let mut bytes = disk.read(&file, start, frame_bytes)?;
    bytes.resize(to_usize(garbage_end - start), 0);
    if !bytes.is_empty() {
        disk.write(&file, start, &bytes)?;
        disk.sync(&file)?;
    }
    if garbage_end > end {
        report.torn_tail = Some(TornTail { file, offset: end, bytes: garbage_end - end });
    }
    Ok(())
}

/// The frame at `offset`; None if there is none or it is damaged.
fn read_frame(
    segment: &Segment,
    file: &str,
    bytes: &[u8],
    offset: u64,
) -> Result<Option<(FrameHeader, Vec<LogEntry>)>, OpenError> {
    let Some(rest) = bytes.get(to_usize(offset)..) else {
        return Ok(None);
    };
    let place = segment.place(offset);
    match frame::decode_header(rest, place) {
        HeaderRead::Valid(header) => {
            Ok(frame::decode_body(&header, rest, place).map(|entries| (header, entries)))
        }
        HeaderRead::NewerVersion(found) => {
            Err(OpenError::NewerVersion { file: file.to_owned(), found })
        }
        HeaderRead::Invalid => Ok(None),
    }
}

/// Looks at and behind the end of what could be read for a header that names as durable more than
/// that. Its own body does not matter: that it was written at all proves what it says.
fn synced_past(segment: &Segment, bytes: &[u8], from: u64, end: Position) -> Option<Position> {
    let stop = to_usize(non_zero_end(bytes, from));
    (to_usize(from)..stop).step_by(FRAME_ALIGN_BYTES).find_map(|at| {
        match frame::decode_header(bytes.get(at..)?, segment.place(at as u64)) {
            HeaderRead::Valid(header) if header.meta.synced > end => Some(header.meta.synced),
            _ => None,
        }
    })
}

/// The end of the bytes that are not zero, at or after `offset`.
fn non_zero_end(bytes: &[u8], offset: u64) -> u64 {
    let rest = bytes.get(to_usize(offset)..).unwrap_or_default();
    // Whole blocks first: comparing with a constant block is many times faster than byte by byte.
    const BLOCK: [u8; 4096] = [0; 4096];
    let mut blocks = rest.chunks(BLOCK.len());
    let Some(block) = blocks.rposition(|block| Some(block) != BLOCK.get(..block.len())) else {
        return offset;
    };
    let start = block * BLOCK.len();
    let tail = rest.get(start..).unwrap_or_default();
    let tail = tail.get(..BLOCK.len().min(tail.len())).unwrap_or_default();
    let last = tail.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    offset + (start + last) as u64
}

fn read_whole(disk: &dyn Disk, file: &str, bytes_max: usize) -> Result<Vec<u8>, OpenError> {
    let len = to_usize(disk.len(file)?);
    if len > bytes_max {
        return Err(corrupt(file, bytes_max as u64, "it is longer than any log file may be"));
    }
    Ok(disk.read(file, 0, len)?)
}

fn corrupt(file: &str, offset: u64, reason: &'static str) -> OpenError {
    OpenError::Corrupt { file: file.to_owned(), offset, reason }
}

fn tried(damaged: &[String]) -> String {
    if damaged.is_empty() { String::new() } else { format!(" (tried: {})", damaged.join("; ")) }
}

#[cfg(test)]
mod tests;
