//! One file of the log: its name, its header, how it is made, and what the log knows of it.
//!
//! A segment gets its final name only after its header is durable, so a segment whose header
//! does not read is damaged, never just young. Frames begin a page after the header, so no torn
//! write of a frame can touch the header.

use crate::cursor::{Cursor, Put};
use crate::disk::{Disk, DiskError};
use crate::frame::Place;

/// Where the first frame of a segment stands: one page, the largest sector in use.
pub(crate) const FRAMES_OFFSET: u64 = 4096;

/// Files being made carry this prefix; those found at start are left-overs of a crash.
pub(crate) const TEMPORARY_PREFIX: &str = "tmp-";

/// The file being made by the log itself, and the one being made beside it. They differ, so that
/// a prefill on another thread and one that could not wait for it never meet.
pub(crate) const TEMPORARY_INLINE: &str = "tmp-wal-inline";
pub(crate) const TEMPORARY_BESIDE: &str = "tmp-wal-beside";

/// Bytes between two marks of a segment: fine enough to account, coarse enough to be few.
const MARK_BYTES: u64 = 64 << 10;

const MAGIC: [u8; 8] = *b"TribWal\0";
const SEGMENT_VERSION: u8 = 1;
const HEADER_BYTES: usize = 44;
const NAME_PREFIX: &str = "wal-";

/// What the log knows of one of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub number: u64,
    pub salt: u64,
    /// The length of the file; frames stay inside.
    pub capacity_bytes: u64,
    /// The end of the last valid frame.
    pub end_offset: u64,
    /// The highest index of any entry in it that no later batch superseded; 0 if there is none.
    pub index_max: u64,
    /// (highest index so far, offset of a frame's end), every [`MARK_BYTES`] or so.
    marks: Vec<(u64, u64)>,
}

/// What stands at the start of a segment file.
pub(crate) enum SegmentHeader {
    Valid { salt: u64, capacity_bytes: u64 },
    NewerVersion(u8),
    Invalid,
}

impl Segment {
    pub(crate) fn new(number: u64, salt: u64, capacity_bytes: u64) -> Segment {
        Segment {
            number,
            salt,
            capacity_bytes,
            end_offset: FRAMES_OFFSET,
            index_max: 0,
            marks: Vec::new(),
        }
    }

    pub(crate) fn name(&self) -> String {
        name(self.number)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.end_offset == FRAMES_OFFSET
    }

    pub(crate) fn place(&self, offset: u64) -> Place {
        Place { salt: self.salt, offset }
    }

    /// Takes note of a frame that ends at `end_offset`; `last_index` is its last entry, or 0.
    pub(crate) fn note(&mut self, end_offset: u64, last_index: u64) {
        self.end_offset = end_offset;
        self.index_max = self.index_max.max(last_index);
        let marked = self.marks.last().map_or(FRAMES_OFFSET, |(_, offset)| *offset);
        if end_offset - marked >= MARK_BYTES {
            self.marks.push((self.index_max, end_offset));
        }
    }

    /// A later batch begins at `from_index`: what stands here from there on counts no more.
    pub(crate) fn supersede(&mut self, from_index: u64) {
        let index_max = from_index.saturating_sub(1);
        self.index_max = self.index_max.min(index_max);
        for (index, _) in &mut self.marks {
            *index = (*index).min(index_max);
        }
    }

    /// The bytes of frames that hold entries after `index`, to the precision of the marks.
    pub(crate) fn bytes_after(&self, index: u64) -> u64 {
        if self.index_max <= index {
            return 0;
        }
        let covered = self.marks.partition_point(|(marked, _)| *marked <= index);
        let start = covered.checked_sub(1).and_then(|at| self.marks.get(at));
        self.end_offset - start.map_or(FRAMES_OFFSET, |(_, offset)| *offset)
    }
}

/// The file name of segment `number`; names sort as numbers do.
pub(crate) fn name(number: u64) -> String {
    format!("{NAME_PREFIX}{number:016x}")
}

/// The number in a segment's file name; None for other files.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(NAME_PREFIX)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (self::name(number) == name).then_some(number)
}

/// The salt of one segment, from the salt of the log. A plain mix: it must differ from segment
/// to segment and be unknown to clients, not be secret from who reads the disk.
pub(crate) fn salt_of(log_salt: u64, number: u64) -> u64 {
    let mut mixed = log_salt ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Makes the file under a temporary name: zeroes, header, durable.
pub(crate) fn prefill(
    disk: &mut dyn Disk,
    segment: &Segment,
    temporary: &str,
) -> Result<(), DiskError> {
    remove_if_there(disk, temporary)?;
    disk.create(temporary, segment.capacity_bytes)?;
    let written =
        disk.write(temporary, 0, &encode_header(segment)).and_then(|()| disk.sync(temporary));
    if written == Err(DiskError::Full) {
        remove_if_there(disk, temporary)?;
    }
    written
}

/// Gives a prefilled file its final name, replacing an unused segment of that number.
pub(crate) fn adopt(
    disk: &mut dyn Disk,
    segment: &Segment,
    temporary: &str,
) -> Result<(), DiskError> {
    disk.rename(temporary, &segment.name())?;
    disk.sync_dir()
}

pub(crate) fn remove_if_there(disk: &mut dyn Disk, name: &str) -> Result<(), DiskError> {
    match disk.remove(name) {
        Err(DiskError::NotFound { .. }) => Ok(()),
        result => result,
    }
}

fn encode_header(segment: &Segment) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(&MAGIC);
    out.put_u8(SEGMENT_VERSION);
    out.extend_from_slice(&[0; 7]);
    out.put_u64(segment.number);
    out.put_u64(segment.salt);
    out.put_u64(segment.capacity_bytes);
    let crc = crc32c::crc32c(&out);
    out.put_u32(crc);
    out
}

/// Reads the header at the start of the file of segment `number`.
pub(crate) fn decode_header(bytes: &[u8], number: u64) -> SegmentHeader {
    match checked_header(bytes) {
        Some((SEGMENT_VERSION, found)) if found.number == number => {
            SegmentHeader::Valid { salt: found.salt, capacity_bytes: found.capacity_bytes }
        }
        Some((version, _)) if version > SEGMENT_VERSION => SegmentHeader::NewerVersion(version),
        _ => SegmentHeader::Invalid,
    }
}

fn checked_header(bytes: &[u8]) -> Option<(u8, Segment)> {
    let header = bytes.get(..HEADER_BYTES)?;
    let (covered, crc) = header.split_at_checked(HEADER_BYTES - 4)?;
    if Cursor::new(crc).u32()? != crc32c::crc32c(covered) {
        return None;
    }
    let mut cursor = Cursor::new(covered);
    if cursor.array()? != MAGIC {
        return None;
    }
    let version = cursor.u8()?;
    cursor.take(7)?;
    Some((version, Segment::new(cursor.u64()?, cursor.u64()?, cursor.u64()?)))
}
