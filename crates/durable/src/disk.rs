//! The seam to storage: one flat directory of named files, in a few synchronous calls.
//!
//! Not a file system: no folders, no permissions, no partial reads by surprise. Two real
//! implementations (`FileDisk` of the node, [`crate::MemDisk`]) and the simulator's keep one
//! contract: bytes count as durable only after `sync`, names only after `sync_dir`.

/// A flat directory of named files. Handles of one directory may be cloned where the
/// implementation offers it, so that snapshots are written beside the log.
pub trait Disk: Send {
    /// The names of all files, in ascending order.
    fn list(&self) -> Result<Vec<String>, DiskError>;

    /// The length of a file in bytes.
    fn len(&self, name: &str) -> Result<u64, DiskError>;

    /// Reads up to `len` bytes; fewer only at the end of the file.
    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>, DiskError>;

    /// Creates a file of `len_reserved` zero bytes, physically written where the disk is real, so
    /// that later writes inside them need no new space and no change of metadata. Fails if the
    /// name exists; after a failure no file of that name is left.
    fn create(&mut self, name: &str, len_reserved: u64) -> Result<(), DiskError>;

    /// Writes all of `bytes` at `offset`, growing the file where needed. A failure may leave any
    /// part of it written.
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// Makes the file's bytes and length durable. After `SyncFailed` nothing is known of the bytes
    /// written since the last success, and a second try proves nothing.
    fn sync(&mut self, name: &str) -> Result<(), DiskError>;

    /// Makes created, renamed and removed names durable.
    fn sync_dir(&mut self) -> Result<(), DiskError>;

    /// Renames a file, replacing atomically any file called `to`.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;

    fn remove(&mut self, name: &str) -> Result<(), DiskError>;

    /// Sets the length of a file; bytes gained are zeroes.
    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError>;
}

/// Why a call to the disk failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    #[error("no space left on the disk")]
    Full,
    #[error("there is no file {name:?}")]
    NotFound { name: String },
    #[error("file {name:?} exists already")]
    Exists { name: String },
    #[error("{call} of {name:?} failed: {text}")]
    Io { call: &'static str, name: String, text: String },
    #[error("sync of {name:?} failed, what was written before it is in doubt: {text}")]
    SyncFailed { name: String, text: String },
}

impl DiskError {
    /// Whether what was written before is in doubt, so that the process must end, whatever it
    /// wrote: a second sync of it would succeed and prove nothing.
    pub fn is_fatal(&self) -> bool {
        matches!(self, DiskError::SyncFailed { .. })
    }

    /// Passes over an error after which the call may be tried again.
    ///
    /// # Errors
    /// Why the process must end, if this one is fatal.
    pub fn survived(&self) -> Result<(), String> {
        if self.is_fatal() { Err(self.to_string()) } else { Ok(()) }
    }
}

impl<D: Disk + ?Sized> Disk for Box<D> {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        (**self).list()
    }
    fn len(&self, name: &str) -> Result<u64, DiskError> {
        (**self).len(name)
    }
    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        (**self).read(name, offset, len)
    }
    fn create(&mut self, name: &str, len_reserved: u64) -> Result<(), DiskError> {
        (**self).create(name, len_reserved)
    }
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        (**self).write(name, offset, bytes)
    }
    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        (**self).sync(name)
    }
    fn sync_dir(&mut self) -> Result<(), DiskError> {
        (**self).sync_dir()
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        (**self).rename(from, to)
    }
    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        (**self).remove(name)
    }
    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        (**self).truncate(name, len)
    }
}
