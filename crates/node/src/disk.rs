//! The disk of a real server: a directory, as the flat set of files that `durable` asks for.
//!
//! It only translates calls; what is written when, and what a failure means, is decided in
//! `durable`. Invariants: files are the owner's alone, a full disk is told apart from a broken
//! one, and a failed sync is never tried again.

mod lock;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use tribune_durable::{Disk, DiskError};

pub use lock::{DirLock, LockError};

/// How much zero is written at a time. The system keeps what one write brought as one piece of its
/// page cache, and to change a byte of a piece later costs as much as the piece is large: a page.
const PREFILL_BYTES: usize = 4 << 10;

/// A clonable handle of one directory. Clones share the open files, so a snapshot can be written
/// on another thread than the log.
#[derive(Debug, Clone)]
pub struct FileDisk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    directory: File,
    /// Files stay open until they are removed; there are a dozen at most.
    open: Mutex<BTreeMap<String, Arc<File>>>,
}

impl FileDisk {
    /// Opens the directory, making it and its parents, for the owner alone, where they are missing.
    ///
    /// # Errors
    /// If it cannot be made, opened or made durable.
    pub fn open(root: &Path) -> Result<FileDisk, DiskError> {
        let failed = |error: io::Error| translate("open", &root.to_string_lossy(), &error);
        make_directory(root).map_err(failed)?;
        let directory = File::open(root).map_err(failed)?;
        let open = Mutex::new(BTreeMap::new());
        Ok(FileDisk { shared: Arc::new(Shared { root: root.to_owned(), directory, open }) })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.shared.root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.shared.root.join(name)
    }

    /// No call panics while it holds the map, so a poisoned lock still guards a whole map.
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Arc<File>>> {
        self.shared.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, name: &str) -> Result<Arc<File>, DiskError> {
        let mut files = self.files();
        if let Some(file) = files.get(name) {
            return Ok(Arc::clone(file));
        }
        flat(name)?;
        let opened = OpenOptions::new().read(true).write(true).open(self.path(name));
        let file = Arc::new(opened.map_err(|error| translate("open", name, &error))?);
        files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn prefill(file: &File, bytes: u64) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        // Asked for at once, space comes in one piece, or not at all before anything is written.
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        // Reserved space still changes metadata when it is first written to; zeroes do that now.
        let zeroes = vec![0; PREFILL_BYTES];
        let mut offset = 0;
        while offset < bytes {
            let left = usize::try_from(bytes - offset).unwrap_or(usize::MAX);
            let step = zeroes.get(..left).unwrap_or(&zeroes);
            file.write_all_at(step, offset)?;
            offset += step.len() as u64;
        }
        Ok(())
    }
}

impl Disk for FileDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        let failed = |error: io::Error| translate("list", ".", &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.shared.root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Directories and names that are not text are none of ours.
            if entry.file_type().map_err(failed)?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        let metadata = self.file(name)?.metadata();
        Ok(metadata.map_err(|error| translate("stat", name, &error))?.len())
    }

    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        let file = self.file(name)?;
        let left = self.len(name)?.saturating_sub(offset);
        let mut bytes = vec![0; usize::try_from(left).map_or(len, |left| left.min(len))];
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(step) => done += step,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(translate("read", name, &error)),
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }

    fn create(&mut self, name: &str, len_reserved: u64) -> Result<(), DiskError> {
        flat(name)?;
        let mut files = self.files();
        let path = self.path(name);
        let created =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = created.map_err(|error| translate("create", name, &error))?;
        // Known to the others from here on: a prefill takes long, and must not hold the map.
        let file = Arc::new(file);
        files.insert(name.to_owned(), Arc::clone(&file));
        drop(files);
        FileDisk::prefill(&file, len_reserved).map_err(|error| {
            self.files().remove(name);
            // Best effort: the error that matters is the one that brought us here.
            let _ = fs::remove_file(&path);
            translate("create", name, &error)
        })
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let written = self.file(name)?.write_all_at(bytes, offset);
        written.map_err(|error| translate("write", name, &error))
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        let synced = self.file(name)?.sync_data();
        synced.map_err(|error| sync_failed(name, &error))
    }

    fn sync_dir(&mut self) -> Result<(), DiskError> {
        self.shared.directory.sync_all().map_err(|error| sync_failed(".", &error))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        flat(from)?;
        flat(to)?;
        let mut files = self.files();
        let renamed = fs::rename(self.path(from), self.path(to));
        renamed.map_err(|error| translate("rename", from, &error))?;
        match files.remove(from) {
            Some(file) => files.insert(to.to_owned(), file),
            None => files.remove(to),
        };
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        flat(name)?;
        let mut files = self.files();
        let removed = fs::remove_file(self.path(name));
        removed.map_err(|error| translate("remove", name, &error))?;
        files.remove(name);
        Ok(())
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        let truncated = self.file(name)?.set_len(len);
        truncated.map_err(|error| translate("truncate", name, &error))
    }
}

/// Makes a directory and the missing ones above it, each durable in its parent.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| !above.exists()).collect();
    for part in missing.into_iter().rev().filter(|part| !part.as_os_str().is_empty()) {
        DirBuilder::new().mode(0o700).create(part)?;
        let parent = part.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// The names of a flat directory hold no path.
fn flat(name: &str) -> Result<(), DiskError> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        let text = "this is no plain file name".to_owned();
        return Err(DiskError::Io { call: "open", name: name.to_owned(), text });
    }
    Ok(())
}

fn translate(call: &'static str, name: &str, error: &io::Error) -> DiskError {
    let name = name.to_owned();
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => DiskError::Full,
        Some(Errno::NOENT) => DiskError::NotFound { name },
        Some(Errno::EXIST) => DiskError::Exists { name },
        _ => DiskError::Io { call, name, text: error.to_string() },
    }
}

/// Whatever the reason, a full disk included: the kernel may have dropped what it could not write.
fn sync_failed(name: &str, error: &io::Error) -> DiskError {
    DiskError::SyncFailed { name: name.to_owned(), text: error.to_string() }
}

#[cfg(test)]
mod tests;
