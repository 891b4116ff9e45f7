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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metas() -> impl Strategy<Value = FrameMeta> {
        let numbers = prop::array::uniform7(any::<u64>());
        (any::<u8>(), numbers).prop_map(|(flags, [number, segment, offset, a, b, c, floor])| {
            FrameMeta {
                flags,
                number,
                synced: Position { segment, offset },
                hard_state: HardState { term: a, vote: b, commit: c },
                floor_index: floor,
            }
        })
    }

    fn entries() -> impl Strategy<Value = Vec<LogEntry>> {
        let data = prop::collection::vec(any::<u8>(), 0..40);
        let entry = (any::<u64>(), any::<u8>(), data);
        (0..u64::MAX - 9, prop::collection::vec(entry, 0..8)).prop_map(|(first, entries)| {
            let numbered = (first..).zip(entries);
            let built = numbered.map(|(index, (term, kind, data))| LogEntry {
                index,
                term,
                kind,
                data: data.into(),
            });
            built.collect()
        })
    }

    fn decode(bytes: &[u8], place: Place) -> Option<(FrameHeader, Vec<LogEntry>)> {
        let HeaderRead::Valid(header) = decode_header(bytes, place) else {
            return None;
        };
        decode_body(&header, bytes, place).map(|entries| (header, entries))
    }

    proptest! {
        #[test]
        fn a_frame_is_read_as_it_was_written(
            meta in metas(), entries in entries(), salt: u64, offset: u64, after: [u8; 5],
        ) {
            let place = Place { salt, offset };
            let mut bytes = Vec::new();
            encode(&mut bytes, place, &meta, &entries).unwrap();
            prop_assert_eq!(bytes.len() % FRAME_ALIGN_BYTES, 0);
            prop_assert_eq!(bytes.len(), FRAME_HEADER_BYTES + body_bytes(&entries).unwrap());
            let frame_bytes = bytes.len();
            bytes.extend_from_slice(&after);
            let (header, found) = decode(&bytes, place).unwrap();
            prop_assert_eq!(header.frame_bytes(), frame_bytes);
            prop_assert_eq!((header.meta, found), (meta, entries));
        }

        #[test]
        fn a_frame_with_one_changed_bit_is_refused(
            meta in metas(), entries in entries(), bit: prop::sample::Index,
        ) {
            let place = Place { salt: 5, offset: 4096 };
            let mut bytes = Vec::new();
            encode(&mut bytes, place, &meta, &entries).unwrap();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(&bytes, place), None);
        }

        #[test]
        fn a_frame_counts_only_in_its_own_place(
            meta in metas(), entries in entries(), salt: u64, offset: u64,
        ) {
            let mut bytes = Vec::new();
            encode(&mut bytes, Place { salt, offset }, &meta, &entries).unwrap();
            let moved = Place { salt, offset: offset.wrapping_add(8) };
            prop_assert_eq!(decode_header(&bytes, moved), HeaderRead::Invalid);
            let salted = Place { salt: salt.wrapping_add(1), offset };
            prop_assert_eq!(decode_header(&bytes, salted), HeaderRead::Invalid);
        }

        /// The checksum is made right, so that what lies behind it is reached.
        #[test]
        fn any_header_and_body_are_read_or_refused(
            mut header in prop::collection::vec(any::<u8>(), FRAME_HEADER_BYTES - 8),
            body in prop::collection::vec(any::<u8>(), 0..200),
            right_length: bool,
        ) {
            let place = Place { salt: 1, offset: 8 };
            header[..4].copy_from_slice(&MARKER);
            header[4] = FRAME_VERSION;
            if right_length {
                header[8..12].copy_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
            }
            header.put_u32(salted_crc(place, &body));
            let crc = salted_crc(place, &header);
            header.put_u32(crc);
            header.extend_from_slice(&body);
            if let Some((read, entries)) = decode(&header, place) {
                prop_assert!(read.body_bytes <= body.len());
                prop_assert!(entries.len() <= body.len());
            }
        }
    }

    #[test]
    fn entries_too_long_for_one_frame_are_told_before_they_are_encoded() {
        let data = Bytes::from(vec![0; BODY_BYTES_MAX / 2]);
        let entry = |index| LogEntry { index, term: 1, kind: 0, data: data.clone() };
        assert!(body_bytes(&[entry(1)]).is_some());
        assert_eq!(body_bytes(&[entry(1), entry(2)]), None);
    }

    #[test]
    fn a_newer_version_is_told_apart_from_damage() {
        let place = Place { salt: 1, offset: 8 };
        let mut bytes = Vec::new();
        encode(&mut bytes, place, &FrameMeta::default(), &[]).unwrap();
        bytes[4] = FRAME_VERSION + 1;
        let crc = salted_crc(place, &bytes[..FRAME_HEADER_BYTES - 4]);
        bytes[FRAME_HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(decode_header(&bytes, place), HeaderRead::NewerVersion(FRAME_VERSION + 1));
    }
}
