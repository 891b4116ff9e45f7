//! The bytes of one batch in a segment: a header, then the entries. Not the segment around it
//! (segment.rs), nor what a damaged frame means (recover.rs).
//!
//! Both checksums start from the segment's salt and the frame's offset, so neither a value that
//! a client stored nor a frame copied from elsewhere can look like a batch of this place. Each
//! header carries the whole hard state, so any one segment suffices to know it.
//! Layout: docs/adr/0003-log-format.md.

use bytes::Bytes;

use crate::batch::{HardState, LogEntry};
use crate::cursor::{Cursor, Put, to_usize};

/// The length of a frame's header. Frames begin at multiples of [`FRAME_ALIGN_BYTES`].
pub(crate) const FRAME_HEADER_BYTES: usize = 80;

/// Frames begin at multiples of this, so a search for one looks at an eighth of all places.
pub(crate) const FRAME_ALIGN_BYTES: usize = 8;

/// The longest body. Replication and disk latency want batches far below it; it bounds what
/// recovery must hold in memory.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 20;

/// The version this binary writes, and the newest it reads.
pub(crate) const FRAME_VERSION: u8 = 1;

/// This frame holds no entries and only vouches for the one before it.
pub(crate) const FLAG_CLOSING: u8 = 1;

/// The log starts anew after `floor_index`: everything before this frame is superseded.
pub(crate) const FLAG_RESET: u8 = 2;

/// Four bytes that are not zero, so that prefilled space never looks like a frame.
const MARKER: [u8; 4] = *b"TFrm";

/// Term, kind and length of an entry, before its data.
const ENTRY_HEADER_BYTES: usize = 13;

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    pub segment: u64,
    pub offset: u64,
}

/// What the checksums of a frame start from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub salt: u64,
    pub offset: u64,
}

/// What a frame's header says besides lengths and checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FrameMeta {
    pub flags: u8,
    /// Counts frames over the life of the log, without gaps.
    pub number: u64,
    /// The end of the last frame known to be durable when this one was written.
    pub synced: Position,
    pub hard_state: HardState,
    /// Entries up to here may be gone from the files; a snapshot covers them.
    pub floor_index: u64,
}

/// A header whose checksum holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub meta: FrameMeta,
    pub body_bytes: usize,
    entry_count: u32,
    body_crc: u32,
}

impl FrameHeader {
    pub(crate) fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.body_bytes
    }
}

/// What stands where a header may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderRead {
    Valid(FrameHeader),
    /// The checksum holds, but a newer binary wrote it.
    NewerVersion(u8),
    Invalid,
}

/// The length of the body that `entries` make, or None above [`BODY_BYTES_MAX`].
pub(crate) fn body_bytes(entries: &[LogEntry]) -> Option<usize> {
    if entries.is_empty() {
        return Some(0);
    }
    let bytes = entries.iter().try_fold(8usize, |sum, entry| {
        sum.checked_add(ENTRY_HEADER_BYTES)?.checked_add(entry.data.len())
    })?;
    let padded = bytes.checked_next_multiple_of(FRAME_ALIGN_BYTES)?;
    (padded <= BODY_BYTES_MAX).then_some(padded)
}

/// Appends the frame to `out`; None if the entries are too long for one frame.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    place: Place,
    meta: &FrameMeta,
    entries: &[LogEntry],
) -> Option<()> {
    let body_bytes = body_bytes(entries)?;
    let start = out.len();
    let body_start = start + FRAME_HEADER_BYTES;
    out.reserve(FRAME_HEADER_BYTES + body_bytes);
    out.resize(body_start, 0);
    if let Some(first) = entries.first() {
        out.put_u64(first.index);
    }
    for entry in entries {
        out.put_u64(entry.term);
        out.put_u8(entry.kind);
        out.put_u32(u32::try_from(entry.data.len()).ok()?);
        out.extend_from_slice(&entry.data);
    }
    out.resize(body_start + body_bytes, 0);
    let body_crc = salted_crc(place, out.get(body_start..)?);

    let mut header = Vec::with_capacity(FRAME_HEADER_BYTES);
    header.extend_from_slice(&MARKER);
    header.put_u8(FRAME_VERSION);
    header.put_u8(meta.flags);
    header.extend_from_slice(&[0; 2]);
    header.put_u32(u32::try_from(body_bytes).ok()?);
    header.put_u32(u32::try_from(entries.len()).ok()?);
    header.put_u64(meta.number);
    header.put_u64(meta.synced.segment);
    header.put_u64(meta.synced.offset);
    header.put_u64(meta.hard_state.term);
    header.put_u64(meta.hard_state.vote);
    header.put_u64(meta.hard_state.commit);
    header.put_u64(meta.floor_index);
    header.put_u32(body_crc);
    let header_crc = salted_crc(place, &header);
    header.put_u32(header_crc);
    out.get_mut(start..body_start)?.copy_from_slice(&header);
    Some(())
}

/// Reads the header at the start of `bytes`, which stands at `place`.
pub(crate) fn decode_header(bytes: &[u8], place: Place) -> HeaderRead {
    if !bytes.starts_with(&MARKER) {
        return HeaderRead::Invalid;
    }
    let Some(header) = bytes.get(..FRAME_HEADER_BYTES) else {
        return HeaderRead::Invalid;
    };
    match checked_header(header, place) {
        Some((FRAME_VERSION, header)) => HeaderRead::Valid(header),
        Some((version, _)) if version > FRAME_VERSION => HeaderRead::NewerVersion(version),
        _ => HeaderRead::Invalid,
    }
}

fn checked_header(header: &[u8], place: Place) -> Option<(u8, FrameHeader)> {
    let (covered, crc) = header.split_at_checked(FRAME_HEADER_BYTES - 4)?;
    if Cursor::new(crc).u32()? != salted_crc(place, covered) {
        return None;
    }
    let mut cursor = Cursor::new(covered);
    cursor.take(MARKER.len())?;
    let version = cursor.u8()?;
    let flags = cursor.u8()?;
    cursor.take(2)?;
    let body_bytes = to_usize(u64::from(cursor.u32()?));
    let entry_count = cursor.u32()?;
    let number = cursor.u64()?;
    let synced = Position { segment: cursor.u64()?, offset: cursor.u64()? };
    let hard_state = HardState { term: cursor.u64()?, vote: cursor.u64()?, commit: cursor.u64()? };
    let floor_index = cursor.u64()?;
    let body_crc = cursor.u32()?;
    let meta = FrameMeta { flags, number, synced, hard_state, floor_index };
    Some((version, FrameHeader { meta, body_bytes, entry_count, body_crc }))
}

/// Reads the entries that follow a valid header; None if they are damaged or cut short.
/// `bytes` starts at the header and may go on past the frame.
pub(crate) fn decode_body(
    header: &FrameHeader,
    bytes: &[u8],
    place: Place,
) -> Option<Vec<LogEntry>> {
    let body = bytes.get(FRAME_HEADER_BYTES..)?.get(..header.body_bytes)?;
    if salted_crc(place, body) != header.body_crc {
        return None;
    }
    if header.entry_count == 0 {
        return body.is_empty().then(Vec::new);
    }
    let mut cursor = Cursor::new(body);
    let mut index = cursor.u64()?;
    // The count is bounded by the bytes there are, whatever the header says.
    let count = to_usize(u64::from(header.entry_count));
    let mut entries = Vec::with_capacity(count.min(body.len() / ENTRY_HEADER_BYTES));
    for _ in 0..count {
        let term = cursor.u64()?;
        let kind = cursor.u8()?;
        let len = to_usize(u64::from(cursor.u32()?));
        let data = Bytes::copy_from_slice(cursor.take(len)?);
        entries.push(LogEntry { index, term, kind, data });
        index = index.checked_add(1)?;
    }
    let padding = cursor.rest();
    (padding.len() < FRAME_ALIGN_BYTES && padding.iter().all(|byte| *byte == 0)).then_some(entries)
}

fn salted_crc(place: Place, bytes: &[u8]) -> u32 {
    let seed = crc32c::crc32c(&place.salt.to_le_bytes());
    let seed = crc32c::crc32c_append(seed, &place.offset.to_le_bytes());
    crc32c::crc32c_append(seed, bytes)
}
