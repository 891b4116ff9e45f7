//! One process per data directory, by an advisory lock on a file in it.
//!
//! Not a pid file: the number in it only helps the reader of an error. The kernel drops the lock
//! with the process, however that ends, so a left-over file never keeps a server from starting.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// The file that carries the lock.
const NAME: &str = "lock";

/// How much of the file is read back for an error: the decimal digits of a process id.
const PID_BYTES_MAX: u64 = 20;

/// Held as long as the value lives.
#[derive(Debug)]
pub struct DirLock {
    /// Dropping it closes the file, which ends the lock.
    _file: File,
}

/// Why the directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("data directory {path:?} is in use by {}", named(pid))]
    Held { path: PathBuf, pid: Option<u32> },
    #[error("cannot lock data directory {path:?}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl DirLock {
    /// Locks a directory, making it where it is missing. Does not wait.
    ///
    /// # Errors
    /// [`LockError::Held`] while any process, this one included, holds the lock.
    pub fn acquire(path: &Path) -> Result<DirLock, LockError> {
        let failed = |source: io::Error| LockError::Io { path: path.to_owned(), source };
        super::make_directory(path).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path.join(NAME)).map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(LockError::Held { path: path.to_owned(), pid: read_pid(&mut file) });
            }
            Err(error) => return Err(failed(error.into())),
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(DirLock { _file: file })
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    let written = file.rewind().and_then(|()| write!(file, "{}", std::process::id()));
    match written.and_then(|()| file.stream_position()).and_then(|end| file.set_len(end)) {
        // A server with a full disk must start: what it holds can still be read and deleted.
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
        result => result,
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn named(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
