//! The log: batches of entries in segments, one write and one sync each.
//!
//! Not recovery (recover.rs) nor the bytes of a frame (frame.rs). Invariants: a batch is written
//! only after the sync of the one before it; what `append` answered Ok to is durable; after
//! `Full` or `Refused` the log is as it was; after `Fatal` it takes nothing more, since nobody
//! knows what the disk holds.

use crate::ballast::{Ballast, Space};
use crate::batch::{Batch, HardState, LogEntry, SnapshotMeta};
use crate::chain::{self, Chain, SegmentPlan};
use crate::disk::{Disk, DiskError};
use crate::frame::{self, FLAG_CLOSING, FLAG_RESET, FRAME_HEADER_BYTES, FrameMeta, Position};
use crate::options::{AppendError, WalOptions};
use crate::recover::{self, OpenError, Recovered};
use crate::snapshot_file::{self, SnapshotError};

/// The log of one data directory.
#[derive(Debug)]
pub struct Wal<D: Disk> {
    disk: D,
    options: WalOptions,
    state: LogState,
    ballast: Ballast,
    /// Why the log takes nothing more, once that is so.
    fatal: Option<String>,
    /// The bytes of the frame being written; kept for its allocation.
    scratch: Vec<u8>,
}

/// What recovery finds out and the log then keeps up to date.
#[derive(Debug, Clone)]
pub(crate) struct LogState {
    pub chain: Chain,
    /// How many frames were written in the life of the log.
    pub frames: u64,
    /// The end of the last frame, which is durable.
    pub synced: Position,
    pub hard_state: HardState,
    /// Entries up to here may be gone from the files.
    pub floor_index: u64,
    /// Entries up to here are covered by a snapshot; they may still be in the files.
    pub compacted_index: u64,
    pub last_index: u64,
    /// Whether the last frame is a closing frame, or there is none at all.
    pub closed: bool,
    /// Whether the files alone would not lead to this state again, and a reset frame is due.
    pub reset_due: bool,
}

impl LogState {
    /// The state of a log in which nothing was ever written.
    pub(crate) fn new(chain: Chain) -> LogState {
        LogState {
            chain,
            frames: 0,
            synced: Position::default(),
            hard_state: HardState::default(),
            floor_index: 0,
            compacted_index: 0,
            last_index: 0,
            closed: true,
            reset_due: false,
        }
    }
}

/// What one frame is to say.
struct Draft<'a> {
    flags: u8,
    hard_state: HardState,
    floor_index: u64,
    entries: &'a [LogEntry],
}

impl<D: Disk> Wal<D> {
    /// Opens the log of a directory, making it in an empty one, and says what it holds.
    ///
    /// What lies behind the last whole batch is cut off if it can be the torn end of a batch that
    /// was never acknowledged; any other damage refuses to open.
    ///
    /// # Errors
    /// See [`OpenError`]; corruption names file and offset.
    pub fn open(mut disk: D, options: WalOptions) -> Result<(Wal<D>, Recovered), OpenError> {
        let (state, recovered) = recover::run(&mut disk, &options)?;
        let ballast = if state.frames == 0 {
            Ballast::new(options.ballast_bytes)
        } else {
            Ballast::reopen(&mut disk, options.ballast_bytes)?
        };
        let mut wal = Wal { disk, options, state, ballast, fatal: None, scratch: Vec::new() };
        wal.settle().map_err(|error| match error {
            AppendError::Full => OpenError::Disk(DiskError::Full),
            AppendError::Refused { reason } | AppendError::Fatal { reason } => {
                OpenError::Unwritable { reason }
            }
        })?;
        Ok((wal, recovered))
    }

    /// Makes a batch durable: exactly one write and one sync, save when a segment is full and the
    /// next was not prepared. When the disk is full it gives up the ballast by itself if the batch
    /// then fits; look at [`Wal::space`] after each batch.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append(&mut self, batch: &Batch) -> Result<(), AppendError> {
        if batch.is_empty() {
            return self.usable();
        }
        let hard_state = batch.hard_state.unwrap_or(self.state.hard_state);
        self.check(&batch.entries, hard_state)?;
        let floor_index = self.state.floor_index;
        self.put(&Draft { flags: 0, hard_state, floor_index, entries: &batch.entries })
    }

    /// Writes a small frame that vouches for the last batch, so that damage to that batch is not
    /// taken for a torn end. Call it after idling and at stop; does nothing if it is there.
    ///
    /// # Errors
    /// As [`Wal::append`].
    pub fn close_frame(&mut self) -> Result<(), AppendError> {
        self.usable()?;
        if self.state.closed {
            return Ok(());
        }
        self.put(&self.closing(FLAG_CLOSING))
    }

    /// Forgets all entries and goes on after `through_index`, which a durable snapshot covers:
    /// what a follower does once it has saved a snapshot that its log does not lead to. One frame,
    /// so the new hard state and the new start hold together or not at all.
    ///
    /// # Errors
    /// As [`Wal::append`]; `Fatal` too if old segments could not be removed.
    pub fn reset(
        &mut self,
        through_index: u64,
        hard_state: Option<HardState>,
    ) -> Result<(), AppendError> {
        let mut hard_state = hard_state.unwrap_or(self.state.hard_state);
        hard_state.commit = hard_state.commit.max(through_index);
        if hard_state.commit > through_index {
            return refused(format!(
                "commit {} lies past the reset to {through_index}",
                hard_state.commit
            ));
        }
        let flags = FLAG_RESET;
        self.put(&Draft { flags, hard_state, floor_index: through_index, entries: &[] })?;
        self.drop_superseded()
    }

    /// Drops the segments whose entries a durable snapshot covers up to `through_index`. Pass the
    /// index of the older snapshot kept, not of the newest, and a damaged newest one can be
    /// replaced by the older one and the log. Returns how many segments went.
    ///
    /// # Errors
    /// Of the disk; what was not removed goes at the next call.
    pub fn compact(&mut self, through_index: u64) -> Result<usize, DiskError> {
        let through_index = through_index.min(self.state.last_index);
        self.state.compacted_index = self.state.compacted_index.max(through_index);
        // The segment of the last frame stays, even while the one after it is still empty: it
        // alone holds the newest hard state.
        let LogState { chain, synced, floor_index, .. } = &mut self.state;
        *floor_index = (*floor_index).max(chain.floor_of(through_index, synced.segment));
        chain.drop_through(&mut self.disk, through_index, synced.segment)
    }

    /// Writes a snapshot on the log's own thread; see [`snapshot_file::write`] for one beside it.
    ///
    /// # Errors
    /// As [`snapshot_file::write`].
    pub fn save_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        chunks: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<u64, SnapshotError> {
        snapshot_file::write(&mut self.disk, meta, chunks)
    }

    /// The bytes of log that a snapshot of everything would make superfluous: what compaction goes
    /// by, beside the number of entries.
    pub fn bytes(&self) -> u64 {
        self.state.chain.bytes_after(self.state.compacted_index)
    }

    /// The length of all files of the log, prefilled space included.
    pub fn file_bytes(&self) -> u64 {
        self.state.chain.file_bytes()
    }

    /// The index of the first entry that no compaction covers; one past the last if there is none.
    pub fn first_index(&self) -> u64 {
        self.state.compacted_index + 1
    }

    /// The index of the last entry, or of the snapshot that stands for it; 0 in a new log.
    pub fn last_index(&self) -> u64 {
        self.state.last_index
    }

    pub fn hard_state(&self) -> HardState {
        self.state.hard_state
    }

    pub fn disk(&self) -> &D {
        &self.disk
    }

    pub fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    /// Whether the ballast is still there. While `Low`, admit only what frees space.
    pub fn space(&self) -> Space {
        self.ballast.space()
    }

    /// Makes the ballast if it is missing and there is room. Call it when idle; true if it is held.
    ///
    /// # Errors
    /// Of the disk, except that it is full.
    pub fn restore_ballast(&mut self) -> Result<bool, DiskError> {
        self.ballast.restore(&mut self.disk)
    }

    /// Whether a batch fits into the current segment.
    pub fn has_room(&self, batch: &Batch) -> bool {
        frame::body_bytes(&batch.entries).is_some_and(|body_bytes| {
            self.state.chain.has_room((FRAME_HEADER_BYTES + body_bytes) as u64)
        })
    }

    /// Prefills the next segment if the current one is half full and none is ready, on this
    /// thread. True if one is ready afterwards; a full disk is `Ok(false)`.
    ///
    /// # Errors
    /// Of the disk, except that it is full.
    pub fn prepare_next_segment(&mut self) -> Result<bool, DiskError> {
        let Some(plan) = self.plan_next_segment() else {
            return Ok(self.state.chain.is_prepared());
        };
        match plan.run(&mut self.disk) {
            Ok(()) => self.adopt_segment(plan),
            Err(DiskError::Full) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The same in three steps, for a thread that must not wait: plan here, run the plan anywhere
    /// on another handle, adopt the result here. One plan at a time.
    pub fn plan_next_segment(&self) -> Option<SegmentPlan> {
        let may = self.fatal.is_none() && self.ballast.space() == Space::Ample;
        if may { self.state.chain.plan(&self.options) } else { None }
    }

    /// Takes over a prefilled segment; false if the log went on without it in the meantime.
    ///
    /// # Errors
    /// Of the disk.
    pub fn adopt_segment(&mut self, plan: SegmentPlan) -> Result<bool, DiskError> {
        self.state.chain.adopt(&mut self.disk, plan)
    }

    /// After recovery: makes the files say by themselves what was concluded from them.
    fn settle(&mut self) -> Result<(), AppendError> {
        if self.state.reset_due {
            self.put(&self.closing(FLAG_CLOSING | FLAG_RESET))?;
            self.state.reset_due = false;
            self.drop_superseded()?;
        }
        self.close_frame()
    }

    /// After a reset: what stands before it says nothing any more.
    fn drop_superseded(&mut self) -> Result<(), AppendError> {
        let LogState { chain, synced, .. } = &mut self.state;
        let dropped = chain.drop_through(&mut self.disk, u64::MAX, synced.segment);
        dropped.map(|_| ()).map_err(|error| self.stop(&error))
    }

    fn closing(&self, flags: u8) -> Draft<'static> {
        let LogState { hard_state, floor_index, .. } = self.state;
        Draft { flags, hard_state, floor_index, entries: &[] }
    }

    fn usable(&self) -> Result<(), AppendError> {
        match &self.fatal {
            Some(reason) => Err(AppendError::Fatal { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Holds a batch against the rules of the log, before a byte of it is written.
    fn check(&self, entries: &[LogEntry], hard_state: HardState) -> Result<(), AppendError> {
        let state = &self.state;
        let mut last_index = state.last_index;
        if let Some(first) = entries.first() {
            if first.index > last_index + 1 {
                return refused(format!("entry {} leaves a gap after {last_index}", first.index));
            }
            let settled = state.compacted_index.max(state.hard_state.commit);
            if first.index <= settled {
                return refused(format!(
                    "entry {} overwrites what is committed up to {settled}",
                    first.index
                ));
            }
            last_index = first.index - 1;
        }
        for entry in entries {
            if entry.index != last_index + 1 {
                return refused(format!("entry {} follows {last_index}", entry.index));
            }
            last_index = entry.index;
        }
        if hard_state.commit > last_index {
            return refused(format!(
                "commit {} lies past the last entry {last_index}",
                hard_state.commit
            ));
        }
        Ok(())
    }

    /// Writes a frame, and once more with the ballast's space if the disk is full.
    fn put(&mut self, draft: &Draft<'_>) -> Result<(), AppendError> {
        self.usable()?;
        let Some(body_bytes) = frame::body_bytes(draft.entries) else {
            return refused(format!("{} entries are too long for one batch", draft.entries.len()));
        };
        let frame_bytes = (FRAME_HEADER_BYTES + body_bytes) as u64;
        match self.put_once(draft, frame_bytes) {
            Err(AppendError::Full)
                if chain::segment_bytes(frame_bytes) <= self.options.ballast_bytes =>
            {
                match self.ballast.release(&mut self.disk) {
                    Ok(true) => self.put_once(draft, frame_bytes),
                    Ok(false) => Err(AppendError::Full),
                    Err(error) => Err(self.stop(&error)),
                }
            }
            result => result,
        }
    }

    fn put_once(&mut self, draft: &Draft<'_>, frame_bytes: u64) -> Result<(), AppendError> {
        // A batch leaves room for its closing frame.
        let closing = draft.flags & FLAG_CLOSING != 0;
        let needed_bytes = frame_bytes + if closing { 0 } else { FRAME_HEADER_BYTES as u64 };
        // Before the log grows for the first time: one that is never idle would have no ballast.
        if self.ballast.is_due() && !self.state.chain.has_room(needed_bytes) {
            self.ballast.restore(&mut self.disk).map_err(|error| self.stop(&error))?;
        }
        match self.state.chain.make_room(&mut self.disk, &self.options, needed_bytes) {
            Ok(()) => {}
            Err(DiskError::Full) => return Err(AppendError::Full),
            Err(error) => return Err(self.stop(&error)),
        }
        let active = self.state.chain.active();
        let (name, offset) = (active.name(), active.end_offset);
        let meta = FrameMeta {
            flags: draft.flags,
            number: self.state.frames + 1,
            synced: self.state.synced,
            hard_state: draft.hard_state,
            floor_index: draft.floor_index,
        };
        self.scratch.clear();
        if frame::encode(&mut self.scratch, active.place(offset), &meta, draft.entries).is_none() {
            return refused("the entries are too long for one batch".to_owned());
        }
        match self.disk.write(&name, offset, &self.scratch) {
            Ok(()) => {}
            Err(DiskError::Full) => return self.undo(&name, offset),
            Err(error) => return Err(self.stop(&error)),
        }
        self.sync(&name)?;
        self.note(draft, offset + frame_bytes);
        Ok(())
    }

    /// Takes note of a frame that is durable.
    fn note(&mut self, draft: &Draft<'_>, end_offset: u64) {
        let state = &mut self.state;
        let last = draft.entries.last().map(|entry| entry.index);
        let reset = draft.flags & FLAG_RESET != 0;
        let first = draft.entries.first().map(|entry| entry.index);
        let superseded = if reset { Some(1) } else { first.filter(|at| *at <= state.last_index) };
        if let Some(from_index) = superseded {
            state.chain.supersede(from_index);
        }
        state.chain.note(end_offset, last.unwrap_or(0));
        state.synced = Position { segment: state.chain.active().number, offset: end_offset };
        state.frames += 1;
        state.hard_state = draft.hard_state;
        state.closed = draft.flags & FLAG_CLOSING != 0;
        if reset {
            state.floor_index = draft.floor_index;
            state.compacted_index = draft.floor_index;
            state.last_index = draft.floor_index;
        }
        state.last_index = last.unwrap_or(state.last_index);
        if self.scratch.capacity() > SCRATCH_BYTES_KEPT {
            self.scratch = Vec::new();
        }
    }

    /// A write that found the disk full may still have left a whole frame: without its header it
    /// can never count.
    fn undo(&mut self, name: &str, offset: u64) -> Result<(), AppendError> {
        let zeroes = [0; FRAME_HEADER_BYTES];
        let mut undone = self.disk.write(name, offset, &zeroes);
        if undone == Err(DiskError::Full) && self.ballast.release(&mut self.disk) == Ok(true) {
            undone = self.disk.write(name, offset, &zeroes);
        }
        undone.map_err(|error| self.stop(&error))?;
        self.sync(name)?;
        Err(AppendError::Full)
    }

    fn sync(&mut self, name: &str) -> Result<(), AppendError> {
        #[cfg(feature = "planted-bugs")]
        if self.options.fault == crate::options::Fault::SkipSync {
            return Ok(());
        }
        self.disk.sync(name).map_err(|error| self.stop(&error))
    }

    /// No batch after this one: see [`AppendError::Fatal`].
    fn stop(&mut self, error: &DiskError) -> AppendError {
        let reason = self.fatal.get_or_insert_with(|| error.to_string());
        AppendError::Fatal { reason: reason.clone() }
    }
}

/// The scratch buffer is let go above this, so that one large batch does not hold memory forever.
const SCRATCH_BYTES_KEPT: usize = 1 << 20;

fn refused<T>(reason: String) -> Result<T, AppendError> {
    Err(AppendError::Refused { reason })
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;
