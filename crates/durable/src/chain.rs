//! The files of the log in order: which is written to, which is next, which may go.
//!
//! Not what stands in them. Invariants: numbers rise without gaps, only the last one is written
//! to, and it is never missing; a segment behind the last one is prefilled and holds no frame.

use std::collections::VecDeque;

use crate::cursor::to_usize;
use crate::disk::{Disk, DiskError};
use crate::frame::{BODY_BYTES_MAX, FRAME_HEADER_BYTES};
use crate::options::{SEGMENT_BYTES_MAX, WalOptions};
use crate::segment::{self, FRAMES_OFFSET, Segment, TEMPORARY_BESIDE, TEMPORARY_INLINE};

/// Segment files are whole pages.
const PAGE_BYTES: u64 = 4096;

/// The segments of one log.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// All before the active one, oldest first.
    older: VecDeque<Segment>,
    active: Segment,
    prepared: Option<Segment>,
}

/// A segment to be prefilled beside the log, on any handle of the directory.
#[derive(Debug, Clone)]
pub struct SegmentPlan {
    segment: Segment,
}

impl SegmentPlan {
    /// Writes the zeroes and the header, and makes them durable. May take long.
    ///
    /// # Errors
    /// Of the disk; the plan is then to be dropped.
    pub fn run(&self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        segment::prefill(disk, &self.segment, TEMPORARY_BESIDE)
    }
}

impl Chain {
    /// The chain of segments found; the last one becomes the active one.
    pub(crate) fn new(older: VecDeque<Segment>, active: Segment) -> Chain {
        Chain { older, active, prepared: None }
    }

    /// Makes the first segment of a new directory.
    pub(crate) fn create(disk: &mut dyn Disk, options: &WalOptions) -> Result<Chain, DiskError> {
        let capacity_bytes = whole_pages(options.segment_bytes_first.max(segment_bytes(0)));
        let first = Segment::new(1, segment::salt_of(options.salt, 1), capacity_bytes);
        segment::prefill(disk, &first, TEMPORARY_INLINE)?;
        segment::adopt(disk, &first, TEMPORARY_INLINE)?;
        Ok(Chain::new(VecDeque::new(), first))
    }

    pub(crate) fn active(&self) -> &Segment {
        &self.active
    }

    pub(crate) fn count(&self) -> usize {
        self.older.len() + 1
    }

    pub(crate) fn is_prepared(&self) -> bool {
        self.prepared.is_some()
    }

    /// Takes note of a frame that now ends the active segment.
    pub(crate) fn note(&mut self, end_offset: u64, last_index: u64) {
        self.active.note(end_offset, last_index);
    }

    /// A batch begins at `from_index`: entries from there on count no more.
    pub(crate) fn supersede(&mut self, from_index: u64) {
        self.older.iter_mut().for_each(|segment| segment.supersede(from_index));
        self.active.supersede(from_index);
    }

    /// The bytes of frames that hold entries after `index`.
    pub(crate) fn bytes_after(&self, index: u64) -> u64 {
        self.older.iter().chain([&self.active]).map(|segment| segment.bytes_after(index)).sum()
    }

    /// The length of all files.
    pub(crate) fn file_bytes(&self) -> u64 {
        let files = self.older.iter().chain([&self.active]).chain(&self.prepared);
        files.map(|segment| segment.capacity_bytes).sum()
    }

    /// Whether the active segment takes so many bytes more.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.active.end_offset.saturating_add(bytes) <= self.active.capacity_bytes
    }

    /// Sees to it that the active segment takes `bytes` more, if need be by going on in the
    /// prepared one or one made now. On a full disk smaller ones are tried.
    pub(crate) fn make_room(
        &mut self,
        disk: &mut dyn Disk,
        options: &WalOptions,
        bytes: u64,
    ) -> Result<(), DiskError> {
        if self.has_room(bytes) {
            return Ok(());
        }
        let needed_bytes = whole_pages(FRAMES_OFFSET.saturating_add(bytes));
        // An empty segment that is too small is replaced under its own number, since a segment
        // without frames would look like the end of the log.
        let replaces = self.active.is_empty();
        let ready = self.prepared.take_if(|p| !replaces && p.capacity_bytes >= needed_bytes);
        let next = match ready {
            Some(prepared) => prepared,
            None => self.make_next(disk, options, needed_bytes)?,
        };
        let before = std::mem::replace(&mut self.active, next);
        if !replaces {
            self.older.push_back(before);
            self.prepared = None;
        }
        Ok(())
    }

    fn make_next(
        &self,
        disk: &mut dyn Disk,
        options: &WalOptions,
        needed_bytes: u64,
    ) -> Result<Segment, DiskError> {
        let number = self.active.number + u64::from(!self.active.is_empty());
        let smallest = needed_bytes.max(options.segment_bytes_first);
        let mut size = self.next_size(options).max(needed_bytes);
        let made = loop {
            let made = Segment::new(number, segment::salt_of(options.salt, number), size);
            match segment::prefill(disk, &made, TEMPORARY_INLINE) {
                Ok(()) => break made,
                Err(DiskError::Full) if size > needed_bytes => {
                    let half = whole_pages(size / 2).max(smallest);
                    size = if half < size { half } else { needed_bytes };
                }
                Err(error) => return Err(error),
            }
        };
        segment::adopt(disk, &made, TEMPORARY_INLINE)?;
        Ok(made)
    }

    /// A plan for the segment after the active one, once that is half full.
    pub(crate) fn plan(&self, options: &WalOptions) -> Option<SegmentPlan> {
        let wanted = self.prepared.is_none()
            && !self.active.is_empty()
            && self.active.end_offset >= self.active.capacity_bytes / 2;
        let number = self.active.number + 1;
        let salt = segment::salt_of(options.salt, number);
        let segment = Segment::new(number, salt, self.next_size(options));
        wanted.then_some(SegmentPlan { segment })
    }

    /// Takes over what a plan made; false, and gone, if the log went on without it.
    pub(crate) fn adopt(
        &mut self,
        disk: &mut dyn Disk,
        plan: SegmentPlan,
    ) -> Result<bool, DiskError> {
        let follows = !self.active.is_empty() && plan.segment.number == self.active.number + 1;
        if self.prepared.is_some() || !follows {
            segment::remove_if_there(disk, TEMPORARY_BESIDE)?;
            return Ok(false);
        }
        segment::adopt(disk, &plan.segment, TEMPORARY_BESIDE)?;
        self.prepared = Some(plan.segment);
        Ok(true)
    }

    /// The index up to which entries are gone after [`Chain::drop_through`]; 0 if none are.
    pub(crate) fn floor_of(&self, through_index: u64, before_number: u64) -> u64 {
        let going = self.droppable(through_index, before_number);
        going.map(|segment| segment.index_max).max().unwrap_or(0)
    }

    /// Removes the oldest segments that hold nothing after `through_index` and lie before the
    /// segment `before_number`. Returns how many.
    pub(crate) fn drop_through(
        &mut self,
        disk: &mut dyn Disk,
        through_index: u64,
        before_number: u64,
    ) -> Result<usize, DiskError> {
        let count = self.droppable(through_index, before_number).count();
        for _ in 0..count {
            if let Some(oldest) = self.older.front() {
                segment::remove_if_there(disk, &oldest.name())?;
                self.older.pop_front();
            }
        }
        if count > 0 {
            disk.sync_dir()?;
        }
        Ok(count)
    }

    fn droppable(&self, through_index: u64, before: u64) -> impl Iterator<Item = &Segment> {
        let goes = move |old: &&Segment| old.number < before && old.index_max <= through_index;
        self.older.iter().take_while(goes)
    }

    fn next_size(&self, options: &WalOptions) -> u64 {
        let doubled = self.active.capacity_bytes.saturating_mul(2).min(options.segment_bytes_max);
        whole_pages(doubled.max(options.segment_bytes_first))
    }
}

/// The smallest segment that takes a frame and its closing frame.
pub(crate) fn segment_bytes(frame_bytes: u64) -> u64 {
    whole_pages(FRAMES_OFFSET + frame_bytes + FRAME_HEADER_BYTES as u64)
}

/// The longest file that can be a segment: one batch of the greatest length, or the longest
/// segment by the options.
pub(crate) fn segment_file_bytes_max(options: &WalOptions) -> usize {
    let longest_batch = segment_bytes((FRAME_HEADER_BYTES + BODY_BYTES_MAX) as u64);
    to_usize(longest_batch.max(options.segment_bytes_max).max(SEGMENT_BYTES_MAX))
}

fn whole_pages(bytes: u64) -> u64 {
    bytes.saturating_add(PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES
}
