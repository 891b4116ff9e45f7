//! Snapshot files: a head, chunks with a checksum each, and an end that vouches for the whole.
//!
//! Usable beside the log: the functions take any handle of the directory, so a snapshot is
//! written on another thread while the log goes on. What the chunks mean is the caller's matter.
//! Invariant: a file under its final name was complete and durable when it got that name.

use crate::batch::SnapshotMeta;
use crate::cursor::{Cursor, Put, to_usize};
use crate::disk::{Disk, DiskError};
use crate::segment::remove_if_there;

/// The longest chunk: what a reader must hold in memory at once.
pub const CHUNK_BYTES_MAX: usize = 16 << 20;

/// The longest `SnapshotMeta::extra`: a few hundred voters and then some.
pub const EXTRA_BYTES_MAX: usize = 1 << 20;

/// How many snapshots are kept: the newest, and one to fall back to if that is damaged.
pub const SNAPSHOTS_KEPT: usize = 2;

const MAGIC: [u8; 8] = *b"TribSnap";
const SNAPSHOT_VERSION: u8 = 1;
const NAME_PREFIX: &str = "snap-";
const TEMPORARY_NAME: &str = "tmp-snap";
/// Magic, version and padding, index, term, length of `extra`.
const HEAD_FIXED_BYTES: usize = 36;
const KIND_CHUNK: u8 = 1;
const KIND_END: u8 = 2;
/// Kind, length, checksum.
const CHUNK_HEAD_BYTES: usize = 9;
/// Kind, number of chunks, their bytes, checksum of all, checksum of this.
const END_BYTES: usize = 25;
/// Chunks are gathered up to this before each write, to keep the calls few.
const WRITE_BYTES: usize = 256 << 10;

/// Why a snapshot could not be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("snapshot {file:?} is damaged at offset {offset}: {reason}")]
    Corrupt { file: String, offset: u64, reason: &'static str },
    #[error("snapshot {file:?} has format {found}, this binary reads up to {SNAPSHOT_VERSION}")]
    NewerVersion { file: String, found: u8 },
    #[error("a snapshot's {what} of {bytes} bytes exceeds the limit of {bytes_max}")]
    TooLong { what: &'static str, bytes: usize, bytes_max: usize },
}

impl SnapshotError {
    /// Whether the process must end; see [`DiskError::is_fatal`].
    pub fn is_fatal(&self) -> bool {
        matches!(self, SnapshotError::Disk(error) if error.is_fatal())
    }
}

/// A snapshot file, known by its name only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    pub index: u64,
    pub term: u64,
    pub file: String,
}

/// The snapshots of a directory, newest first.
///
/// # Errors
/// Of the disk.
pub fn list(disk: &dyn Disk) -> Result<Vec<SnapshotName>, DiskError> {
    let mut found: Vec<SnapshotName> =
        disk.list()?.into_iter().filter_map(|file| parse_name(&file)).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Writes a snapshot: temporary file, sync, rename, sync of the directory; then removes all but
/// the newest [`SNAPSHOTS_KEPT`]. Returns the length of the file.
///
/// # Errors
/// On any error the directory is as before, save for a temporary file that the next call or
/// start removes. After `DiskError::SyncFailed` the process should stop.
pub fn write(
    disk: &mut dyn Disk,
    meta: &SnapshotMeta,
    chunks: impl IntoIterator<Item = Vec<u8>>,
) -> Result<u64, SnapshotError> {
    remove_if_there(disk, TEMPORARY_NAME)?;
    disk.create(TEMPORARY_NAME, 0)?;
    let bytes = match write_temporary(disk, meta, chunks) {
        Ok(bytes) => bytes,
        Err(error) => {
            // Best effort: the error that matters is the one that brought us here.
            let _ = disk.remove(TEMPORARY_NAME);
            return Err(error);
        }
    };
    disk.rename(TEMPORARY_NAME, &file_name(meta.index, meta.term))?;
    disk.sync_dir()?;
    for old in list(disk)?.into_iter().skip(SNAPSHOTS_KEPT) {
        remove_if_there(disk, &old.file)?;
    }
    Ok(bytes)
}

/// Opens a snapshot for reading; only its head is checked yet.
///
/// # Errors
/// If the head is damaged or of a newer format, or the disk fails.
pub fn open(disk: &dyn Disk, file: &str) -> Result<(SnapshotMeta, SnapshotReader), SnapshotError> {
    let mut reader = SnapshotReader::new(disk, file)?;
    let meta = reader.read_head(disk)?;
    Ok((meta, reader))
}

/// Reads a whole snapshot without keeping it, and returns its head.
///
/// # Errors
/// If any byte of it is damaged, missing or too many.
pub fn verify(disk: &dyn Disk, file: &str) -> Result<SnapshotMeta, SnapshotError> {
    let (meta, mut reader) = open(disk, file)?;
    while reader.next_chunk(disk)?.is_some() {}
    Ok(meta)
}

/// Reads the chunks of one snapshot, in order. It holds a place, not the disk.
#[derive(Debug, Clone)]
pub struct SnapshotReader {
    file: String,
    file_bytes: u64,
    offset: u64,
    seed: u32,
    chunks: u64,
    payload_bytes: u64,
    total_crc: u32,
    ended: bool,
}

impl SnapshotReader {
    fn new(disk: &dyn Disk, file: &str) -> Result<SnapshotReader, SnapshotError> {
        Ok(SnapshotReader {
            file: file.to_owned(),
            file_bytes: disk.len(file)?,
            offset: 0,
            seed: 0,
            chunks: 0,
            payload_bytes: 0,
            total_crc: 0,
            ended: false,
        })
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The length of the file.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// The next chunk, as it was written; None after the last, when the whole has been checked.
    ///
    /// # Errors
    /// If the chunk or the end is damaged; the reader is then of no more use.
    pub fn next_chunk(&mut self, disk: &dyn Disk) -> Result<Option<Vec<u8>>, SnapshotError> {
        if self.ended {
            return Ok(None);
        }
        let head = self.take(disk, CHUNK_HEAD_BYTES, "it ends within a chunk")?;
        let mut cursor = Cursor::new(&head);
        match (cursor.u8(), cursor.u32(), cursor.u32()) {
            (Some(KIND_CHUNK), Some(len), Some(crc)) => {
                let len = to_usize(u64::from(len));
                if len > CHUNK_BYTES_MAX {
                    return Err(self.corrupt("a chunk is longer than any may be"));
                }
                let payload = self.take(disk, len, "it ends within a chunk")?;
                if chunk_crc(self.seed, self.chunks, &payload) != crc {
                    return Err(self.corrupt("the checksum of a chunk does not match"));
                }
                self.count(&payload);
                Ok(Some(payload))
            }
            (Some(KIND_END), ..) => {
                self.offset -= CHUNK_HEAD_BYTES as u64;
                self.read_end(disk)?;
                Ok(None)
            }
            _ => Err(self.corrupt("neither a chunk nor the end")),
        }
    }

    /// All chunks that are left.
    ///
    /// # Errors
    /// As [`SnapshotReader::next_chunk`].
    pub fn read_all(&mut self, disk: &dyn Disk) -> Result<Vec<Vec<u8>>, SnapshotError> {
        let mut chunks = Vec::new();
        while let Some(chunk) = self.next_chunk(disk)? {
            chunks.push(chunk);
        }
        Ok(chunks)
    }

    fn read_head(&mut self, disk: &dyn Disk) -> Result<SnapshotMeta, SnapshotError> {
        let cut = "it ends within its head";
        let fixed = self.take(disk, HEAD_FIXED_BYTES, cut)?;
        let damaged = || SnapshotError::Corrupt {
            file: self.file.clone(),
            offset: 0,
            reason: "this is no head of a snapshot",
        };
        let mut cursor = Cursor::new(&fixed);
        if cursor.array() != Some(MAGIC) {
            return Err(damaged());
        }
        let version = cursor.u8().ok_or_else(damaged)?;
        if version > SNAPSHOT_VERSION {
            return Err(SnapshotError::NewerVersion { file: self.file.clone(), found: version });
        }
        cursor.take(7).ok_or_else(damaged)?;
        let index = cursor.u64().ok_or_else(damaged)?;
        let term = cursor.u64().ok_or_else(damaged)?;
        let extra_bytes = to_usize(u64::from(cursor.u32().ok_or_else(damaged)?));
        if extra_bytes > EXTRA_BYTES_MAX {
            return Err(damaged());
        }
        let extra = self.take(disk, extra_bytes, cut)?;
        let crc = self.take(disk, 4, cut)?;
        let expected = crc32c::crc32c_append(crc32c::crc32c(&fixed), &extra);
        let meta = SnapshotMeta { index, term, extra };
        let named = file_name(meta.index, meta.term) == self.file;
        if version != SNAPSHOT_VERSION || Cursor::new(&crc).u32() != Some(expected) || !named {
            return Err(SnapshotError::Corrupt {
                file: self.file.clone(),
                offset: 0,
                reason: "the checksum of the head does not match",
            });
        }
        self.seed = seed(&meta);
        Ok(meta)
    }

    fn read_end(&mut self, disk: &dyn Disk) -> Result<(), SnapshotError> {
        let found = self.take(disk, END_BYTES, "it ends within its end mark")?;
        let expected = encode_end(self.seed, self.chunks, self.payload_bytes, self.total_crc);
        if found != expected {
            return Err(self.corrupt("the end does not match what came before"));
        }
        if self.offset != self.file_bytes {
            return Err(self.corrupt("it goes on after its end"));
        }
        self.ended = true;
        Ok(())
    }

    fn count(&mut self, payload: &[u8]) {
        self.chunks += 1;
        self.payload_bytes += payload.len() as u64;
        self.total_crc = crc32c::crc32c_append(self.total_crc, payload);
    }

    /// Exactly `len` bytes. The length is held against the file before anything is allocated.
    fn take(
        &mut self,
        disk: &dyn Disk,
        len: usize,
        cut: &'static str,
    ) -> Result<Vec<u8>, SnapshotError> {
        if len as u64 > self.file_bytes.saturating_sub(self.offset) {
            return Err(self.corrupt(cut));
        }
        let bytes = disk.read(&self.file, self.offset, len)?;
        if bytes.len() != len {
            return Err(self.corrupt(cut));
        }
        self.offset += len as u64;
        Ok(bytes)
    }

    fn corrupt(&self, reason: &'static str) -> SnapshotError {
        SnapshotError::Corrupt { file: self.file.clone(), offset: self.offset, reason }
    }
}

/// Gathers small pieces into few writes.
struct Writer<'a> {
    disk: &'a mut dyn Disk,
    offset: u64,
    buffer: Vec<u8>,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        self.disk.write(TEMPORARY_NAME, self.offset, &self.buffer)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

fn write_temporary(
    disk: &mut dyn Disk,
    meta: &SnapshotMeta,
    chunks: impl IntoIterator<Item = Vec<u8>>,
) -> Result<u64, SnapshotError> {
    let mut writer = Writer { disk, offset: 0, buffer: Vec::with_capacity(WRITE_BYTES) };
    writer.put(&encode_head(meta)?)?;
    let seed = seed(meta);
    let (mut count, mut payload_bytes, mut total_crc) = (0u64, 0u64, 0u32);
    for chunk in chunks {
        let len = length("chunk", chunk.len(), CHUNK_BYTES_MAX)?;
        let mut head = Vec::with_capacity(CHUNK_HEAD_BYTES);
        head.put_u8(KIND_CHUNK);
        head.put_u32(len);
        head.put_u32(chunk_crc(seed, count, &chunk));
        writer.put(&head)?;
        writer.put(&chunk)?;
        count += 1;
        payload_bytes += chunk.len() as u64;
        total_crc = crc32c::crc32c_append(total_crc, &chunk);
    }
    writer.put(&encode_end(seed, count, payload_bytes, total_crc))?;
    writer.flush()?;
    let bytes = writer.offset;
    disk.sync(TEMPORARY_NAME)?;
    Ok(bytes)
}

fn encode_head(meta: &SnapshotMeta) -> Result<Vec<u8>, SnapshotError> {
    let extra_bytes = length("extra", meta.extra.len(), EXTRA_BYTES_MAX)?;
    let mut out = Vec::with_capacity(HEAD_FIXED_BYTES + meta.extra.len() + 4);
    out.extend_from_slice(&MAGIC);
    out.put_u8(SNAPSHOT_VERSION);
    out.extend_from_slice(&[0; 7]);
    out.put_u64(meta.index);
    out.put_u64(meta.term);
    out.put_u32(extra_bytes);
    out.extend_from_slice(&meta.extra);
    let crc = crc32c::crc32c(&out);
    out.put_u32(crc);
    Ok(out)
}

fn encode_end(seed: u32, chunks: u64, payload_bytes: u64, total_crc: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(END_BYTES);
    out.put_u8(KIND_END);
    out.put_u64(chunks);
    out.put_u64(payload_bytes);
    out.put_u32(total_crc);
    let crc = crc32c::crc32c_append(seed, &out);
    out.put_u32(crc);
    out
}

/// What the checksums of one snapshot start from, so that no part of another passes for its own.
fn seed(meta: &SnapshotMeta) -> u32 {
    let seed = crc32c::crc32c(&meta.index.to_le_bytes());
    crc32c::crc32c_append(seed, &meta.term.to_le_bytes())
}

fn chunk_crc(seed: u32, number: u64, payload: &[u8]) -> u32 {
    let seed = crc32c::crc32c_append(seed, &number.to_le_bytes());
    crc32c::crc32c_append(seed, payload)
}

fn length(what: &'static str, bytes: usize, bytes_max: usize) -> Result<u32, SnapshotError> {
    match u32::try_from(bytes) {
        Ok(len) if bytes <= bytes_max => Ok(len),
        _ => Err(SnapshotError::TooLong { what, bytes, bytes_max }),
    }
}

fn file_name(index: u64, term: u64) -> String {
    format!("{NAME_PREFIX}{index:020}-{term:020}")
}

fn parse_name(file: &str) -> Option<SnapshotName> {
    let (index, term) = file.strip_prefix(NAME_PREFIX)?.split_once('-')?;
    let (index, term) = (index.parse().ok()?, term.parse().ok()?);
    (file_name(index, term) == file).then(|| SnapshotName { index, term, file: file.to_owned() })
}

#[cfg(test)]
mod tests;
